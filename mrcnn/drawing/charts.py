"""What the charts of `mrcnn.visualize` show, drawn onto matplotlib axes that they are given.

Boxes are `(y1, x1, y2, x2)` in pixels with the end outside. matplotlib is loaded when the first
axes are made.
"""

import numpy as np

from mrcnn.drawing.colors import instance_colors, random_colors
from mrcnn.drawing.instances import apply_mask, as_rgb, check_lengths, default_captions
from mrcnn.masks import unmold_mask
from mrcnn.outlines import mask_to_polygons

FILE_BACKENDS = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}
# How far around the picture the axes reach, as a share of it: boxes may leave the picture.
MARGIN = 0.1
# How many figures stay open where nobody sees and closes them; matplotlib warns of more than 20.
LABEL, KEPT = "mrcnn.visualize", 15
PLATE = {"facecolor": "black", "alpha": 0.6, "pad": 1.5, "edgecolor": "none"}


def draws_to_files() -> bool:
    """Return whether matplotlib has no display to show figures on."""
    import matplotlib.pyplot as plt

    return plt.get_backend().lower() in FILE_BACKENDS


def new_axes(figsize, rows=1, columns=1) -> list:
    """Return the axes `[rows * columns]` of a new figure, whose size is in inches."""
    import matplotlib.pyplot as plt

    options = {}
    if draws_to_files():
        # Figures that nobody closes stay in memory.
        for old in [label for label in plt.get_figlabels() if label.startswith(LABEL)][:-KEPT]:
            plt.close(old)
        options["num"] = f"{LABEL} {max(plt.get_fignums(), default=0) + 1}"
    figure, axes = plt.subplots(rows, columns, figsize=figsize, squeeze=False, **options)
    figure.set_layout_engine("constrained")
    return list(axes.flat)


def picture(axes, image, title="", **options) -> None:
    """Show an image without ticks; `options` are those of matplotlib's `imshow`."""
    axes.imshow(image, **options)
    axes.set_title(title)
    axes.set_axis_off()


def objects(axes, image, found, class_names, colors, captions, alpha, show_mask, show_bbox) -> None:
    """Draw objects as artists of the axes: rectangles, outlines of masks, texts.

    Arguments as of `instances.draw_detections`; the masks' inside is part of the picture.
    """
    from matplotlib.patches import Polygon, Rectangle

    check_lengths(len(found), colors=colors, captions=captions)
    canvas = as_rgb(image)
    colors = instance_colors(found.class_ids) if colors is None else colors
    if captions is None:
        captions = default_captions(found.class_ids, class_names, found.scores)
    for index, (y1, x1, y2, x2) in enumerate(found.rois.tolist()):
        if y1 >= y2 or x1 >= x2:
            continue
        look = {"edgecolor": colors[index], "facecolor": "none"}
        if show_bbox:
            style = {"linewidth": 2, "alpha": 0.7, "linestyle": "dashed"}
            axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, **look, **style))
        if captions[index]:
            axes.text(x1, y1, captions[index], size=11, va="top", color="white", bbox=PLATE)
        if show_mask and found.pieces is not None:
            piece, (top, left, bottom, right) = found.pieces[index], found.windows[index]
            apply_mask(canvas[top:bottom, left:right], piece, colors[index], alpha)
            for outline in mask_to_polygons(piece, (top, left)):
                # A pixel's centre is where matplotlib has whole numbers.
                axes.add_patch(Polygon(outline - 0.5, **look))
    picture(axes, canvas)


def box_pairs(axes, image, boxes, refined_boxes, masks, captions, visibilities, title) -> None:
    """Draw boxes, dashed, and what became of them, solid, with lines from the ones to the others.

    Arguments as of `visualize.draw_boxes`.
    """
    from matplotlib.patches import Rectangle

    count = len(refined_boxes if boxes is None else boxes)
    visibilities = [2] * count if visibilities is None else visibilities
    canvas = as_rgb(image)
    styles = zip(random_colors(count), visibilities, strict=True)
    for index, (color, level) in enumerate(styles):
        color, width = color if level else "gray", max(level, 1)
        corners = []
        for kind, dash in ((boxes, {"linestyle": "dashed", "alpha": 0.7}), (refined_boxes, {})):
            if kind is not None and np.any(kind[index]):
                y1, x1, y2, x2 = kind[index]
                look = {"edgecolor": color, "facecolor": "none", "linewidth": width, **dash}
                axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, **look))
                corners.append((x1, y1))
        if len(corners) == 2:
            axes.plot(*zip(*corners, strict=True), color=color, linewidth=width)
        if captions is not None and captions[index]:
            y1, x1 = (boxes if refined_boxes is None else refined_boxes)[index][:2]
            axes.text(x1, y1, captions[index], size=10, va="top", color="white", bbox=PLATE)
        if masks is not None and level:
            apply_mask(canvas, masks[..., index], color, alpha=0.4)
    picture(axes, canvas, title)
    height, width = canvas.shape[:2]
    axes.set_xlim(-width * MARGIN, width * (1 + MARGIN))
    axes.set_ylim(height * (1 + MARGIN), -height * MARGIN)


def match_captions(scores, matches, overlaps) -> list[str]:
    """Return "score / IoU" of each prediction, the IoU with its match or else the best there is."""
    captions = []
    for score, match, row in zip(scores, np.asarray(matches, int), overlaps, strict=True):
        overlap = row[match] if match >= 0 else row.max(initial=0)
        captions.append(f"{score:.2f} / {overlap:.2f}")
    return captions


def roi_pairs(image, rois, refined_rois, mask, class_ids, class_names, limit):
    """Choose RoIs to show, the same ones at every call; arguments as of `visualize.draw_rois`.

    Returns how many RoIs are objects and how many background, without the padding, and the
    arguments of `visualize.draw_boxes` for those chosen.
    """
    rois, class_ids = np.asarray(rois), np.asarray(class_ids)
    objects, background = (
        np.flatnonzero(kind & np.any(rois != 0, axis=1)) for kind in (class_ids > 0, class_ids <= 0)
    )
    random = np.random.default_rng(0)
    few = min(len(objects), max(limit // 2, limit - len(background)))
    chosen = random.permutation(objects)[:few], random.permutation(background)[: limit - few]
    chosen, total = np.concatenate(chosen), len(objects) + len(background)
    rois, class_ids, shape = rois[chosen], class_ids[chosen], np.shape(image)
    masks = np.zeros((*shape[:2], len(chosen)), bool)
    for index in np.flatnonzero(class_ids > 0):
        masks[..., index] = unmold_mask(mask[chosen[index]], rois[index].astype(int), shape)
    shown = {
        "boxes": rois,
        "refined_boxes": np.where(class_ids[:, None] > 0, np.asarray(refined_rois)[chosen], 0),
        "masks": masks,
        "captions": [class_names[i] if i > 0 else "" for i in class_ids],
        "visibilities": np.where(class_ids > 0, 1, 0),
        "title": f"{len(chosen)} of {total} RoIs: dashed as proposed, solid as refined",
    }
    return len(objects), len(background), shown


def class_shades(mask, class_ids, limit) -> dict:
    """Return a picture `[H, W]` for each of the `limit` largest classes by area, by class id.

    Each instance of `mask` `[H, W, N]` has a shade of its own in it, background is 0.
    """
    class_ids = np.asarray(class_ids)
    by_class = {i: np.asarray(mask)[..., class_ids == i] for i in np.unique(class_ids) if i > 0}
    largest = sorted(by_class.items(), key=lambda each: -np.count_nonzero(each[1]))[:limit]
    return {i: (own * np.arange(1, own.shape[-1] + 1)).max(axis=-1) for i, own in largest}


def plot_precision_recall(AP, precisions, recalls, ax=None):
    """Draw the precision-recall curve of `utils.compute_ap`; return the axes.

    As with matplotlib's own functions, `pyplot.show()` or `pyplot.savefig(path)` follow.
    """
    axes = new_axes((6, 6))[0] if ax is None else ax
    axes.plot(recalls, precisions)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.05), ylim=(0, 1.05))
    axes.set_title(f"precision and recall, AP@50 = {AP:.3f}")
    return axes


def plot_overlaps(
    gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, threshold=0.5, ax=None
):
    """Draw the overlap of every prediction with every object as a grid; return the axes.

    Arguments:
        gt_class_ids, pred_class_ids: int `[M]`, `[N]`; zeros (padding) at the end are skipped.
        overlaps: `[N, M]` IoU of predictions and objects.
        threshold: from this IoU on a cell says whether the classes agree.

    As with matplotlib's own functions, `pyplot.show()` or `pyplot.savefig(path)` follow.
    """
    gt_class_ids, pred_class_ids = (
        np.asarray(ids)[np.flatnonzero(ids)] for ids in (gt_class_ids, pred_class_ids)
    )
    grid = np.asarray(overlaps)[: len(pred_class_ids), : len(gt_class_ids)]
    axes = new_axes((4 + grid.shape[1], 3 + grid.shape[0] * 0.6))[0] if ax is None else ax
    if grid.size:
        axes.imshow(grid, interpolation="nearest", cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(gt_class_ids)), [class_names[i] for i in gt_class_ids], rotation=90)
    captions = default_captions(pred_class_ids, class_names, pred_scores)
    axes.set_yticks(range(len(captions)), captions)
    for (row, column), overlap in np.ndenumerate(grid):
        same = gt_class_ids[column] == pred_class_ids[row]
        verdict = "" if overlap < threshold else "\nmatch" if same else "\nwrong class"
        color = "white" if overlap > 0.5 else "black"
        axes.text(column, row, f"{overlap:.2f}{verdict}", ha="center", va="center", color=color)
    axes.set(xlabel="ground truth", ylabel="predictions")
    return axes
