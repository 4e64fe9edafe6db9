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


def losses(
    values: dict[str, Sequence[float]],
    score: Sequence[float] = (),
    rate: Sequence[float] = (),
    score_title: str = "Score",
) -> Figure:
    """Draw a training over its epochs: the loss, its parts, and the score with the learning rate.

    Arguments:
        values: a list for "loss" and for each part, one number an epoch from the first on, NaN
            where there is none, and those of the validation under the same names with `val_`
            before, dashed here.
        score: 0..1, by which the best epoch is chosen; none, or NaN alone, where there is none.
        rate: the learning rate at the end of each epoch.
    """
    score, rate = (list(each) if np.isfinite(each).any() else [] for each in (score, rate))
    count = 3 if score or rate else 2
    figure = Figure(figsize=(5.2 * count, 4.8), layout="constrained")
    whole, parts, *others = figure.subplots(1, count)
    names = [name for name in values if not name.startswith("val_")]
    for index, name in enumerate(sorted(names, key=lambda name: name != "loss")):
        axes = whole if name == "loss" else parts
        _over_epochs(axes, values[name], f"C{index}", name)
        if f"val_{name}" in values:
            # Of the parts, those of the validation would double the legend.
            label = "_" if axes is parts else f"val_{name}"
            _over_epochs(axes, values[f"val_{name}"], f"C{index}", label, linestyle="--")
    whole.set_title("Loss")
    dashed = any(name.startswith("val_") for name in values)
    parts.set_title("Its parts" + (", dashed: of the validation" if dashed else ""))
    for axes in others:
        _score_and_rate(axes, score, rate, score_title)
    for axes in (whole, parts, *others):
        axes.set_xlabel("epoch")
        axes.set_ylim(bottom=0)
        axes.grid(color=GREY, linewidth=0.6)
        axes.xaxis.get_major_locator().set_params(integer=True)
    for axes in (whole, parts):
        _legend_below(axes, *axes.get_legend_handles_labels())
    return figure


def _over_epochs(axes, values, color, label, **look):
    look = {"color": color, "marker": ".", "label": label, **look}
    return axes.plot(np.arange(1, len(values) + 1), values, **look)[0]


def _score_and_rate(axes, score, rate, title):
    """Draw the score 0..1, its best marked, and on an axis at the right the learning rate."""
    lines, right = [], axes.twinx() if score and rate else axes
    if score:
        lines.append(_over_epochs(axes, score, "C0", title))
        best = int(np.nanargmax(score))
        place, look = (best + 1, score[best]), {"ha": "center", "va": "bottom", "fontsize": 9}
        axes.plot(*place, "o", color="C0", markersize=9, fillstyle="none")
        axes.annotate(f"{score[best]:.3f}", place, (0, 7), textcoords="offset points", **look)
        axes.set_ylim(0, 1.05)
    if rate:
        lines.append(_over_epochs(right, rate, "0.5", "learning rate", linestyle=":"))
        right.set_ylim(0, 1.1 * np.nanmax(rate) or 1)
        right.set_ylabel("learning rate" if score else "")
        right.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    both = " and learning rate" if score and rate else ""
    axes.set_title(f"{title}{both}" if score else "Learning rate")
    _legend_below(axes, lines, [line.get_label() for line in lines])


def _legend_below(axes, handles, labels):
    """Put a legend below its panel, where no curve is."""
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14)}
    axes.legend(handles, labels, fontsize=8, ncols=2, frameon=False, **place)


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
