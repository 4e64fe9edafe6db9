"""Pictures, curves and tables of what a network sees: the names that scripts and notebooks call.

`draw_instances` and `draw_splash` return pictures and need no display. The other functions draw
into matplotlib axes, which they return (`axes.figure.savefig(path)` keeps the figure);
matplotlib is loaded by the first of them that runs. Where there is no display they draw without
showing and say so in a warning.

Images are RGB `[H, W, 3]` with values 0..255, boxes `(y1, x1, y2, x2)` in pixels with the end
outside, masks bool `[H, W, N]`, colours `(red, green, blue)` in 0..1.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from mrcnn import borrowed, tables
from mrcnn.drawing import charts
from mrcnn.drawing.charts import plot_overlaps, plot_precision_recall
from mrcnn.drawing.colors import class_color, instance_colors, random_colors
from mrcnn.drawing.instances import (
    ALPHA,
    apply_mask,
    checked,
    draw_box,
    draw_instances,
    draw_splash,
)
from mrcnn.evaluation.per_image import compute_matches

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
    *borrowed.installed(borrowed.VISUALIZE),
]

__getattr__ = borrowed.getter(__name__, borrowed.VISUALIZE)


def _show() -> None:
    import matplotlib.pyplot as plt

    if charts.draws_to_files():
        warnings.warn(
            "no display, so nothing is shown: save the figure of the returned axes, "
            "or use draw_instances, which returns the picture",
            stacklevel=3,
        )
    else:
        plt.show()


def display_images(images, titles=None, cols=4, cmap=None, norm=None, interpolation=None):
    """Show images (or masks `[H, W]`) side by side, `cols` in a row; return their axes.

    `cmap`, `norm` and `interpolation` are those of matplotlib's `imshow`.
    """
    images = list(images)
    titles = [""] * len(images) if titles is None else titles
    rows = max(1, -(-len(images) // cols))
    axes = charts.new_axes((14, 14 * rows / cols), rows, cols)
    for one, image, title in zip(axes, images, titles, strict=False):
        image = np.asarray(image)
        image = image.astype(np.uint8) if image.ndim == 3 else image
        charts.picture(one, image, title, cmap=cmap, norm=norm, interpolation=interpolation)
    for one in axes[len(images) :]:
        one.set_axis_off()
    _show()
    return axes


def display_instances(
    image, boxes, masks, class_ids, class_names, scores=None,
    title="", figsize=(16, 16), ax=None, show_mask=True, show_bbox=True,
    colors=None, captions=None, return_image=False, alpha=ALPHA,
):  # fmt: skip
    """Show the detected objects on their picture.

    Boxes, outlines and labels are artists of the axes, which can still be changed or taken out.
    Arguments as of `draw_instances`, whose `rois` are the `boxes`, and:
        title: above the picture.
        figsize: of a new figure, in inches.
        ax: axes to draw into; without, a new figure is made and shown.
        return_image: return the drawn picture, uint8 `[H, W, 3]`, and neither open nor show a
            figure.

    Returns the axes, or the picture with `return_image`. Says so when there are no objects, and
    shows the picture all the same. Raises ValueError where the lengths or sizes do not agree.
    """
    if not len(boxes):
        print("\n*** No instances to display ***\n")
    if return_image:
        return draw_instances(
            image, boxes, masks, class_ids, class_names, scores, colors=colors, captions=captions,
            alpha=alpha, show_mask=show_mask, show_bbox=show_bbox,
        )  # fmt: skip
    found = checked(image, boxes, masks, class_ids, scores)
    axes = charts.new_axes(figsize)[0] if ax is None else ax
    charts.objects(axes, image, found, class_names, colors, captions, alpha, show_mask, show_bbox)
    axes.set_title(title)
    if ax is None:
        _show()
    return axes


def display_differences(
    image, gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask,
    class_names, title="", ax=None, show_mask=True, show_box=True,
    iou_threshold=0.5, score_threshold=0.5,
):  # fmt: skip
    """Show ground truth (green) and predictions (red) on one picture; return its axes.

    Each prediction's caption is its score and the overlap (mask IoU) with the object it found,
    or the best overlap where it found none. Predictions below `score_threshold` are left out;
    `iou_threshold` is the overlap from which a prediction counts as a find. Rows of zeros
    (padding) are skipped.
    """
    gt_box, pred_box = np.reshape(gt_box, (-1, 4)), np.reshape(pred_box, (-1, 4))
    gt = np.flatnonzero(np.any(gt_box != 0, axis=1))
    scores = np.asarray(pred_score)[: len(pred_box)]
    pred = np.argsort(-scores, kind="stable")
    pred = pred[(scores[pred] >= score_threshold) & np.any(pred_box[pred] != 0, axis=1)]
    gt_box, gt_class_id = gt_box[gt], np.asarray(gt_class_id)[gt]
    pred_box, pred_class_id = pred_box[pred], np.asarray(pred_class_id)[pred]
    gt_mask, pred_mask = gt_mask[..., gt], pred_mask[..., pred]

    # Falling ranks instead of scores: equal scores keep the order of the captions.
    ranks = np.arange(len(pred), 0, -1)
    _, pred_match, overlaps = compute_matches(
        gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, ranks, pred_mask,
        iou_threshold=iou_threshold,
    )  # fmt: skip
    found = charts.match_captions(scores[pred], pred_match, overlaps)

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
        captions=[""] * len(gt) + found,
    )


def draw_boxes(
    image, boxes=None, refined_boxes=None, masks=None, captions=None, visibilities=None,
    title="", ax=None,
):  # fmt: skip
    """Show boxes before and after refinement, with a line from the one to the other.

    Arguments:
        boxes: `[N, 4]`, drawn dashed; they may reach out of the picture.
        refined_boxes: `[N, 4]`, drawn solid; one of the two must be given.
        captions: N texts at the top left corner of the refined box, or None.
        visibilities: N of 0 (grey), 1 (coloured), 2 (coloured and bold, the default).
        ax: axes to draw into; without, a new figure is made and shown.

    Returns the axes. Raises ValueError without boxes.
    """
    if boxes is None and refined_boxes is None:
        raise ValueError("draw_boxes needs boxes, refined_boxes or both")
    axes = charts.new_axes((12, 12))[0] if ax is None else ax
    charts.box_pairs(axes, image, boxes, refined_boxes, masks, captions, visibilities, title)
    if ax is None:
        _show()
    return axes


def draw_rois(image, rois, refined_rois, mask, class_ids, class_names, limit=10):
    """Show up to `limit` of the RoIs that the heads are trained on; return the axes.

    Arguments:
        rois, refined_rois: `[N, 4]`, before and after the target deltas.
        mask: `[N, h, w]` target masks, each covering its RoI.
        class_ids: int `[N]`; 0 is background: drawn grey and without mask.
        limit: half of them are objects where there are so many; always the same choice.

    Prints how many RoIs are objects.
    """
    objects, background, chosen = charts.roi_pairs(
        image, rois, refined_rois, mask, class_ids, class_names, limit
    )
    print(f"RoIs with an object: {objects} ({objects / max(1, objects + background):.0%})")
    print(f"RoIs of background:  {background}")
    return draw_boxes(image, **chosen)


def display_top_masks(image, mask, class_ids, class_names, limit=4):
    """Show the picture and the masks of the `limit` largest classes by area; return the axes."""
    shades = charts.class_shades(mask, class_ids, limit)
    height, width = np.shape(image)[:2]
    return display_images(
        [image, *shades.values()],
        [f"H x W = {height} x {width}", *(class_names[i] for i in shades)],
        cols=limit + 1,
        cmap="Blues_r",
    )


def display_table(table: Sequence[Sequence]) -> None:
    """Show rows of cells: as a table in a notebook, as aligned text elsewhere."""
    if tables.in_notebook():
        from IPython.display import HTML, display

        display(HTML(tables.as_html(table)))
    else:
        for line in tables.as_lines(table):
            print(line)


def display_weight_stats(model) -> None:
    """Show shape, least, greatest and spread of each weight of `model.get_trainable_layers()`.

    The last column marks what looks wrong; see `mrcnn.tables.weight_rows`.
    """
    head = ["weight", "shape", "min", "max", "std", ""]
    display_table([head, *tables.weight_rows(model.get_trainable_layers())])
