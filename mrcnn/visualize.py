"""Pictures, curves and tables of what a network sees: the names that scripts and notebooks call.

`draw_instances` and `draw_splash` return pictures and need no display. The other functions draw
into matplotlib axes, which they return (`axes.figure.savefig(path)` keeps the figure);
matplotlib is loaded by the first of them that runs. Where there is no display they draw without
showing and say so in a warning.

Images are RGB `[H, W, 3]` with values 0..255, boxes `(y1, x1, y2, x2)` in pixels with the end
outside, masks bool `[H, W, N]`, colours `(red, green, blue)` in 0..1.
"""

import html
import sys
import warnings
from collections.abc import Sequence

import numpy as np

from mrcnn.drawing.instances import (
    apply_mask,
    as_rgb,
    class_color,
    default_captions,
    draw_box,
    draw_instances,
    draw_splash,
    instance_colors,
    random_colors,
)

__all__ = [
    "apply_mask",
    "class_color",
    "display_differences",
    "display_images",
    "display_instances",
    "display_table",
    "display_top_masks",
    "display_weight_stats",
    "draw_box",
    "draw_boxes",
    "draw_instances",
    "draw_rois",
    "draw_splash",
    "instance_colors",
    "plot_overlaps",
    "plot_precision_recall",
    "random_colors",
]

FILE_BACKENDS = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}

# -- Figures -----------------------------------------------------------------------------------


def _new_axes(figsize, rows=1, columns=1):
    """Return the axes `[rows * columns]` of a new figure."""
    import matplotlib.pyplot as plt

    options = {}
    if plt.get_backend().lower() in FILE_BACKENDS:
        # A figure that nobody closes stays in memory: keep only the newest, which
        # `pyplot.savefig` still finds, however many are drawn.
        options["num"] = "mrcnn.visualize"
        plt.close(options["num"])
    figure, axes = plt.subplots(rows, columns, figsize=figsize, squeeze=False, **options)
    figure.set_layout_engine("constrained")
    return list(axes.flat)


def _show() -> None:
    import matplotlib.pyplot as plt

    if plt.get_backend().lower() in FILE_BACKENDS:
        warnings.warn(
            "no display, so nothing is shown: save the figure of the returned axes, "
            "or use draw_instances, which returns the picture",
            stacklevel=3,
        )
    else:
        plt.show()


def _show_picture(axes, picture, title="", **options) -> None:
    axes.imshow(picture, **options)
    axes.set_title(title)
    axes.set_axis_off()


def display_images(images, titles=None, cols=4, cmap=None, norm=None, interpolation=None):
    """Show images (or masks `[H, W]`) side by side, `cols` in a row; return their axes.

    `cmap`, `norm` and `interpolation` are those of matplotlib's `imshow`.
    """
    images = list(images)
    titles = [""] * len(images) if titles is None else titles
    rows = max(1, -(-len(images) // cols))
    axes = _new_axes((14, 14 * rows / cols), rows, cols)
    for one, image, title in zip(axes, images, titles, strict=False):
        image = np.asarray(image)
        image = image.astype(np.uint8) if image.ndim == 3 else image
        _show_picture(one, image, title, cmap=cmap, norm=norm, interpolation=interpolation)
    for one in axes[len(images) :]:
        one.set_axis_off()
    _show()
    return axes


def display_instances(
    image,
    boxes,
    masks,
    class_ids,
    class_names,
    scores=None,
    title="",
    figsize=(16, 16),
    ax=None,
    show_mask=True,
    show_bbox=True,
    colors=None,
    captions=None,
    return_image=False,
    alpha=0.5,
):
    """Show the detected objects on their picture.

    Arguments:
        image, boxes, masks, class_ids, class_names, scores, colors, captions, alpha: as in
            `draw_instances`; `boxes` are its `rois`.
        title: above the picture.
        figsize: of a new figure, in inches.
        ax: axes to draw into; without, a new figure is made and shown.
        show_mask, show_bbox: whether masks and boxes are drawn.
        return_image: return the drawn picture, uint8 `[H, W, 3]`, and neither open nor show a
            figure.

    Returns the axes, or the picture with `return_image`. Says so when there are no objects, and
    shows the picture all the same. Raises ValueError where the lengths or sizes do not agree.
    """
    if not len(boxes):
        print("\n*** No instances to display ***\n")
    picture = draw_instances(
        image, boxes, masks, class_ids, class_names, scores, colors=colors, captions=captions,
        alpha=alpha, show_mask=show_mask, show_bbox=show_bbox,
    )  # fmt: skip
    if return_image:
        return picture
    axes = _new_axes(figsize)[0] if ax is None else ax
    _show_picture(axes, picture, title)
    if ax is None:
        _show()
    return axes


def display_differences(
    image,
    gt_box,
    gt_class_id,
    gt_mask,
    pred_box,
    pred_class_id,
    pred_score,
    pred_mask,
    class_names,
    title="",
    ax=None,
    show_mask=True,
    show_box=True,
    iou_threshold=0.5,
    score_threshold=0.5,
):
    """Show ground truth (green) and predictions (red) on one picture; return its axes.

    Each prediction's caption is its score and the overlap (mask IoU) with the object it found,
    or the best overlap where it found none. Predictions below `score_threshold` are left out;
    `iou_threshold` is the overlap from which a prediction counts as a find. Rows of zeros
    (padding) are skipped.
    """
    from mrcnn import utils

    gt_box, pred_box = np.reshape(gt_box, (-1, 4)), np.reshape(pred_box, (-1, 4))
    gt = np.flatnonzero(np.any(gt_box != 0, axis=1))
    best_first = np.argsort(-np.asarray(pred_score)[: len(pred_box)], kind="stable")
    pred = np.array(
        [i for i in best_first if pred_score[i] >= score_threshold and np.any(pred_box[i])], int
    )
    gt_box, gt_class_id = gt_box[gt], np.asarray(gt_class_id)[gt]
    pred_box, pred_class_id = pred_box[pred], np.asarray(pred_class_id)[pred]
    gt_mask, pred_mask = gt_mask[..., gt], pred_mask[..., pred]

    # Falling ranks instead of scores: equal scores keep the order of the captions.
    ranks = np.arange(len(pred), 0, -1)
    _, pred_match, overlaps = utils.compute_matches(
        gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, ranks, pred_mask,
        iou_threshold=iou_threshold,
    )  # fmt: skip
    captions = [""] * len(gt)
    for row, index in enumerate(pred):
        match = int(pred_match[row])
        found = overlaps[row, match] if match >= 0 else overlaps[row].max(initial=0)
        captions.append(f"{pred_score[index]:.2f} / {found:.2f}")

    return display_instances(
        image,
        np.concatenate([gt_box, pred_box]),
        np.concatenate([gt_mask, pred_mask], axis=-1),
        np.concatenate([gt_class_id, pred_class_id]),
        class_names,
        title=title or "ground truth green, predictions red\ncaptions: score / IoU",
        ax=ax,
        show_mask=show_mask,
        show_bbox=show_box,
        colors=[(0.1, 0.85, 0.2)] * len(gt) + [(1.0, 0.15, 0.2)] * len(pred),
        captions=captions,
    )


def draw_boxes(
    image,
    boxes=None,
    refined_boxes=None,
    masks=None,
    captions=None,
    visibilities=None,
    title="",
    ax=None,
):
    """Show boxes before and after refinement, with a line from the one to the other.

    Arguments:
        image: `[H, W, 3]`.
        boxes: `[N, 4]`, drawn dashed; they may reach out of the picture.
        refined_boxes: `[N, 4]`, drawn solid; one of the two must be given.
        masks: bool `[H, W, N]`, or None.
        captions: N texts at the top left corner of the refined box, or None.
        visibilities: N of 0 (grey), 1 (coloured), 2 (coloured and bold, the default).
        title: above the picture.
        ax: axes to draw into; without, a new figure is made and shown.

    Returns the axes. Raises ValueError without boxes.
    """
    from matplotlib.patches import Rectangle

    if boxes is None and refined_boxes is None:
        raise ValueError("draw_boxes needs boxes, refined_boxes or both")
    count = len(refined_boxes if boxes is None else boxes)
    visibilities = [2] * count if visibilities is None else visibilities
    axes = _new_axes((12, 12))[0] if ax is None else ax
    picture = as_rgb(image)
    styles = [(color, level) if level else ("gray", 0)
              for color, level in zip(random_colors(count), visibilities, strict=True)]  # fmt: skip

    for index, (color, level) in enumerate(styles):
        look = {"edgecolor": color, "facecolor": "none", "linewidth": max(level, 1)}
        if boxes is not None and np.any(boxes[index]):
            y1, x1, y2, x2 = boxes[index]
            dashed = Rectangle((x1, y1), x2 - x1, y2 - y1, linestyle="dashed", alpha=0.7, **look)
            axes.add_patch(dashed)
        if refined_boxes is not None and np.any(refined_boxes[index]):
            ry1, rx1, ry2, rx2 = refined_boxes[index]
            axes.add_patch(Rectangle((rx1, ry1), rx2 - rx1, ry2 - ry1, **look))
            if boxes is not None and np.any(boxes[index]):
                axes.plot([x1, rx1], [y1, ry1], color=color, linewidth=max(level, 1))
        if captions is not None and captions[index]:
            y1, x1 = (boxes if refined_boxes is None else refined_boxes)[index][:2]
            plate = {"facecolor": "black", "alpha": 0.6, "pad": 1.5, "edgecolor": "none"}
            axes.text(x1, y1, captions[index], size=10, va="top", color="white", bbox=plate)
        if masks is not None and level:
            apply_mask(picture, masks[..., index], color, alpha=0.4)

    _show_picture(axes, picture, title)
    height, width = picture.shape[:2]
    # A tenth more on each side, for boxes that reach out of the picture.
    axes.set_xlim(-width / 10, width * 1.1)
    axes.set_ylim(height * 1.1, -height / 10)
    if ax is None:
        _show()
    return axes


def draw_rois(image, rois, refined_rois, mask, class_ids, class_names, limit=10):
    """Show up to `limit` of the RoIs that the heads are trained on; return the axes.

    Arguments:
        rois, refined_rois: `[N, 4]` pixels, before and after the target deltas.
        mask: `[N, h, w]` target masks, each covering its RoI.
        class_ids: int `[N]`; 0 is background: drawn grey and without mask.
        limit: half of them are objects where there are so many; always the same choice.

    Prints how many RoIs are objects.
    """
    from mrcnn.masks import unmold_mask

    rois, class_ids = np.asarray(rois), np.asarray(class_ids)
    is_object, used = class_ids > 0, np.any(rois != 0, axis=1)
    positive, negative = np.flatnonzero(is_object & used), np.flatnonzero(~is_object & used)
    total = max(1, len(positive) + len(negative))
    print(f"RoIs with an object: {len(positive)} ({len(positive) / total:.0%})")
    print(f"RoIs of background:  {len(negative)}")

    random = np.random.default_rng(0)
    few = min(len(positive), max(limit // 2, limit - len(negative)))
    chosen = np.concatenate([
        random.permutation(positive)[:few], random.permutation(negative)[: limit - few]
    ])  # fmt: skip
    shape = np.shape(image)
    masks = [
        unmold_mask(mask[i], rois[i].astype(int), shape) if is_object[i] else np.zeros(shape[:2])
        for i in chosen
    ]
    return draw_boxes(
        image,
        boxes=rois[chosen],
        refined_boxes=np.where(is_object[chosen, None], np.asarray(refined_rois)[chosen], 0),
        masks=np.stack(masks, axis=-1) if masks else None,
        captions=[class_names[class_ids[i]] if is_object[i] else "" for i in chosen],
        visibilities=np.where(is_object[chosen], 1, 0),
        title=f"{len(chosen)} of {total} RoIs: dashed as proposed, solid as refined",
    )


def display_top_masks(image, mask, class_ids, class_names, limit=4):
    """Show the picture and, class by class, the masks of the `limit` largest classes by area.

    `mask` is bool `[H, W, N]`, `class_ids` int `[N]`. Returns the axes.
    """
    class_ids = np.asarray(class_ids)
    by_class = {i: np.asarray(mask)[..., class_ids == i] for i in np.unique(class_ids) if i > 0}
    largest = sorted(by_class, key=lambda i: -np.count_nonzero(by_class[i]))[:limit]
    # Each instance of a class has a shade of its own; background is 0.
    shades = [(by_class[i] * np.arange(1, by_class[i].shape[-1] + 1)).max(axis=-1) for i in largest]
    height, width = np.shape(image)[:2]
    return display_images(
        [image, *shades],
        [f"H x W = {height} x {width}", *(class_names[i] for i in largest)],
        cols=limit + 1,
        cmap="Blues_r",
    )


# -- Curves ------------------------------------------------------------------------------------


def plot_precision_recall(AP, precisions, recalls, ax=None):
    """Draw the precision-recall curve of `utils.compute_ap`; return the axes.

    As with matplotlib's own functions, `pyplot.show()` or `pyplot.savefig(path)` follow.
    """
    axes = _new_axes((6, 6))[0] if ax is None else ax
    axes.plot(recalls, precisions)
    axes.set_title(f"precision and recall, AP@50 = {AP:.3f}")
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.set_xlim(0, 1.05)
    axes.set_ylim(0, 1.05)
    return axes


def plot_overlaps(
    gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, threshold=0.5, ax=None
):
    """Draw the overlap of every prediction with every object as a grid; return the axes.

    Arguments:
        gt_class_ids: int `[M]`, zeros (padding) at the end are skipped.
        pred_class_ids: int `[N]`.
        pred_scores: `[N]`.
        overlaps: `[N, M]` IoU of predictions and objects.
        threshold: from this IoU on a cell says whether the classes agree.

    As with matplotlib's own functions, `pyplot.show()` or `pyplot.savefig(path)` follow.
    """
    gt_class_ids = np.asarray(gt_class_ids)
    gt_class_ids = gt_class_ids[gt_class_ids != 0]
    pred_class_ids = np.asarray(pred_class_ids)
    pred_class_ids = pred_class_ids[pred_class_ids != 0]
    grid = np.asarray(overlaps)[: len(pred_class_ids), : len(gt_class_ids)]
    axes = _new_axes((4 + grid.shape[1], 3 + grid.shape[0] * 0.6))[0] if ax is None else ax
    if grid.size:
        axes.imshow(grid, interpolation="nearest", cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(gt_class_ids)), [class_names[i] for i in gt_class_ids], rotation=90)
    axes.set_yticks(
        range(len(pred_class_ids)), default_captions(pred_class_ids, class_names, pred_scores)
    )
    for (row, column), overlap in np.ndenumerate(grid):
        same = gt_class_ids[column] == pred_class_ids[row]
        verdict = "" if overlap < threshold else "\nmatch" if same else "\nwrong class"
        color = "white" if overlap > 0.5 else "black"
        axes.text(column, row, f"{overlap:.2f}{verdict}", ha="center", va="center", color=color)
    axes.set_xlabel("ground truth")
    axes.set_ylabel("predictions")
    return axes


# -- Tables ------------------------------------------------------------------------------------


def _in_notebook() -> bool:
    """Tell whether this code runs in a notebook, without importing IPython to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def display_table(table: Sequence[Sequence]) -> None:
    """Show rows of cells: as a table in a notebook, as aligned text elsewhere."""
    rows = [[str(cell) for cell in row] for row in table]
    if _in_notebook():
        from IPython.display import HTML, display

        cells = [[f"<td>{html.escape(cell)}</td>" for cell in row] for row in rows]
        lines = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
        display(HTML(f"<table>{lines}</table>"))
        return
    columns = max(map(len, rows), default=0)
    widths = [max((len(row[c]) for row in rows if c < len(row)), default=0) for c in range(columns)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        print(line.rstrip())


def display_weight_stats(model) -> None:
    """Show shape, least, greatest and spread of each weight of `model.get_trainable_layers()`.

    The last column marks what looks wrong: values that are not finite, over 1000 in size
    ("overflow?"), or a kernel whose values are all the same ("dead?").
    """
    table = [["weight", "shape", "min", "max", "std", ""]]
    for layer in model.get_trainable_layers():
        for variable, values in zip(layer.weights, layer.get_weights(), strict=True):
            low, high = values.min(), values.max()
            note = ""
            if not np.isfinite(values).all():
                note = "not finite"
            elif max(-low, high) > 1000:
                note = "overflow?"
            elif values.ndim > 1 and low == high:
                note = "dead?"
            name = f"{layer.name}/{variable.name.split('/')[-1]}"
            numbers = (f"{number:+.4f}" for number in (low, high, values.std()))
            table.append([name, str(values.shape), *numbers, note])
    display_table(table)
