"""Curves as matplotlib figures, of a training and of an evaluation.

They are made without a display and without pyplot.
"""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrcnn.drawing.colors import class_color
from mrcnn.tables import shortened

DPI = 120
NAMED_CLASSES = 12  # of more classes only the best and the worst have a colour and a name
WRITTEN_CLASSES = 30  # a matrix of more classes has no room for numbers
GREY = "0.82"


def png(figure: Figure) -> bytes:
    """Return the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def losses(values: dict[str, Sequence[float]]) -> Figure:
    """Draw losses over the epochs: their sum on the left, its parts on the right.

    `values` has a list for "loss" and for each part, one number an epoch from the first on, and
    those of the validation under the same names with `val_` before, dashed here.
    """
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    whole, parts = figure.subplots(1, 2)
    names = [name for name in values if not name.startswith("val_")]
    for index, name in enumerate(sorted(names, key=lambda name: name != "loss")):
        axes = whole if name == "loss" else parts
        for known, style in ((name, "-"), (f"val_{name}", "--")):
            if known in values:
                epochs = np.arange(1, len(values[known]) + 1)
                axes.plot(epochs, values[known], style, color=f"C{index}", marker=".", label=known)
    for axes in (whole, parts):
        axes.set_xlabel("epoch")
        axes.set_ylim(bottom=0)
        axes.grid(color=GREY, linewidth=0.6)
        axes.legend(fontsize=8, ncols=1 if axes is whole else 2)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def precision_recall(
    recalls: np.ndarray, precision: np.ndarray, class_names: Sequence[str]
) -> Figure:
    """Draw precision over recall, one line a class that has objects, named with its AP50.

    Arguments:
        recalls, precision: `[R]`, `[K, R]` at IoU 0.5; NaN for a class without objects.
        class_names: K names; the background's, the first, is not drawn.
    """
    figure, axes = _curves("Precision over recall at IoU 0.5", "recall", "precision")
    average = precision.mean(axis=1)
    known = [k for k in range(1, len(class_names)) if not np.isnan(average[k])]
    _lines(axes, {k: (recalls, precision[k]) for k in known}, average, class_names, "AP50")
    return figure


def f1_over_threshold(
    curves: Sequence[tuple[np.ndarray, np.ndarray] | None],
    overall: tuple[np.ndarray, np.ndarray],
    best: tuple[float, float],
    class_names: Sequence[str],
) -> Figure:
    """Draw F1 over the score threshold, one line a class that has objects and one for all.

    Arguments:
        curves: of K classes, thresholds `[P]`, falling, and the F1 `[P]` at each; None for a class
            without objects. The background's, the first, is not drawn.
        overall: that of all classes together.
        best: the threshold, to be marked, and the F1 at it; NaN where there is none.
    """
    figure, axes = _curves("F1 over the score threshold at IoU 0.5", "score threshold", "F1")
    known = {k: curve for k, curve in enumerate(curves) if k and curve is not None}
    greatest = {k: f1.max(initial=0) for k, (_, f1) in known.items()}
    lines = {k: _steps(*curve) for k, curve in known.items()}
    _lines(axes, lines, greatest, class_names, "best F1")
    threshold, f1 = best
    if not np.isnan(threshold):
        if len(known) > 1:
            axes.plot(*_steps(*overall), color="black", linewidth=2)
        axes.axvline(threshold, color="black", linewidth=1, linestyle=":")
        told = "" if len(known) == 1 else "all classes: "
        told += f"best at {threshold:.3f}, F1 {f1:.2f}"
        offset, side = (5, "left") if threshold < 0.5 else (-5, "right")
        look = {"textcoords": "offset points", "ha": side, "va": "top", "fontsize": 9}
        axes.annotate(told, (threshold, 1.0), (offset, -6), **look)
    return figure


def confusion(matrix: np.ndarray, class_names: Sequence[str], threshold: float) -> Figure:
    """Draw a confusion matrix int `[K, K]`: counts, coloured by their share of the row.

    Objects are in rows, what they were detected as, by `threshold` or more, in columns.
    """
    names = ["background", *map(_name, class_names[1:])]
    size = np.clip(0.45 * len(names) + 3.0, 5.0, 15.0)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.add_subplot()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    picture = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(picture, label="share of the row", shrink=0.8, aspect=30)
    fontsize = 9 if len(names) <= WRITTEN_CLASSES else 6
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(labelsize=fontsize, length=0)
    axes.set_xlabel("detected as (background: missed)")
    axes.set_ylabel("object (background: none)")
    figure.suptitle(f"Confusions at the score threshold {threshold:.3f}, IoU 0.5")
    if len(names) <= WRITTEN_CLASSES:
        for true_id, class_id in np.argwhere(matrix):
            color = "white" if share[true_id, class_id] > 0.5 else "black"
            look = {"ha": "center", "va": "center", "fontsize": fontsize, "color": color}
            axes.text(class_id, true_id, matrix[true_id, class_id], **look)
    return figure


def _curves(title, x, y) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.5, 5.5), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel=x, ylabel=y, xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    return figure, axes


def _lines(axes, lines, values, class_names, legend_title):
    """Draw the `lines` {class id: (x, y)}; the legend names them by falling `values[class id]`."""
    ranked = sorted(lines, key=lambda k: -values[k])
    half = NAMED_CLASSES // 2
    named = ranked if len(ranked) <= NAMED_CLASSES else ranked[:half] + ranked[-half:]
    for k in lines:
        if k not in named:
            axes.plot(*lines[k], color=GREY, linewidth=1, zorder=1)
    handles = [axes.plot(*lines[k], color=class_color(k), linewidth=1.8)[0] for k in named]
    if handles:
        axes.legend(
            handles,
            [f"{values[k]:.2f}  {_name(class_names[k])}" for k in named],
            title=legend_title,
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            frameon=False,
            alignment="left",
        )
    else:
        axes.text(0.5, 0.5, "no objects", ha="center", va="center", color="0.4")


def _steps(thresholds, f1) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of F1 over the threshold, from 0 to 1: level between two scores."""
    edges = np.concatenate([[0.0], thresholds[::-1], [1.0]])
    levels = np.append(f1[::-1], 0.0)
    return np.repeat(edges, 2)[1:-1], np.repeat(levels, 2)


def _name(name):
    return shortened(name).replace("$", r"\$")  # else two of them would enclose a formula
