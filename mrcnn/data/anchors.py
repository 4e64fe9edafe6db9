"""Anchors: the boxes that the region proposal network starts from, and what it shall learn of them.

Boxes are `(y1, x1, y2, x2)` in pixels of the molded image. A is the number of anchors, G that of
the objects of the image.
"""

import numpy as np

from mrcnn import boxes as box_ops

# Faster R-CNN (Ren et al. 2015, 3.1.2): an anchor with at least POSITIVE_IOU of an object is an
# object, one with less than NEGATIVE_IOU of every object is background, the rest teaches nothing.
POSITIVE_IOU = 0.7
NEGATIVE_IOU = 0.3
# An anchor on a crowd is never background; a touch by rounding is no overlap.
CROWD_IOU = 0.001


def compute_backbone_shapes(config, image_shape) -> np.ndarray:
    """Return the (height, width) of the pyramid's levels, int `[L, 2]`, for an image shape.

    Reads `BACKBONE_STRIDES`, or asks `COMPUTE_BACKBONE_SHAPE` where `BACKBONE` is a function.
    """
    if callable(config.BACKBONE):
        return np.asarray(config.COMPUTE_BACKBONE_SHAPE(image_shape))
    sides = np.asarray(image_shape[:2])
    return np.array([-(-sides // stride) for stride in config.BACKBONE_STRIDES])


def generate_anchors(scales, ratios, shape, feature_stride, anchor_stride) -> np.ndarray:
    """Return the anchors of one level, float64 `[A, 4]` in pixels.

    Arguments:
        scales: side in pixels of the square anchor, one number or several.
        ratios: width over height; every anchor of one scale has the same area.
        shape: (height, width) of the level in cells.
        feature_stride: pixels a cell.
        anchor_stride: 1 for anchors on every cell, 2 on every other one.

    Cell by cell in reading order, on each cell ratio by ratio, for each ratio the scales.
    """
    scale, root = np.atleast_1d(scales), np.sqrt(np.atleast_1d(ratios))[:, None]
    half_sizes = np.stack([scale / root, scale * root], axis=-1).reshape(-1, 2) / 2
    y, x = (np.arange(0, cells, anchor_stride) * feature_stride for cells in shape)
    centers = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    return np.concatenate([centers - half_sizes, centers + half_sizes], axis=-1).reshape(-1, 4)


def generate_pyramid_anchors(
    scales, ratios, feature_shapes, feature_strides, anchor_stride
) -> np.ndarray:
    """Return the anchors of all levels, float64 `[A, 4]` in pixels, finest level first.

    `scales`, `feature_shapes` and `feature_strides` have one entry a level (Lin et al. 2017,
    Feature Pyramid Networks, 4.1); the rest as in `generate_anchors`.
    """
    levels = zip(scales, feature_shapes, feature_strides, strict=True)
    return np.concatenate(
        [
            generate_anchors(scale, ratios, shape, stride, anchor_stride)
            for scale, shape, stride in levels
        ]
    )


def rpn_targets(
    anchors: np.ndarray,
    gt_class_ids: np.ndarray,
    gt_boxes: np.ndarray,
    *,
    anchors_per_image: int,
    bbox_std_dev,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Match anchors to objects and draw those that the RPN learns from.

    Arguments:
        anchors: `[A, 4]` in pixels.
        gt_class_ids: int `[G]`; a negative one is a crowd, which is neither object nor background.
        gt_boxes: `[G, 4]` in pixels.
        anchors_per_image: how many are drawn at the most, half of them objects.
        bbox_std_dev: `[4]`, the deltas are divided by it.
        rng: draws where there are more than needed.

    Returns:
        rpn_match: int32 `[A]`, 1 object, -1 background, 0 neither.
        rpn_bbox: float64 `[anchors_per_image, 4]`, the deltas from the 1-anchors, in their
            order, to their objects; zeros below.
    """
    gt_class_ids = np.asarray(gt_class_ids)
    crowd = gt_class_ids < 0
    # 1. The best object of every anchor, and the best anchors of every object.
    iou, nearest, best = _best_overlaps(anchors, np.asarray(gt_boxes)[~crowd])
    # 2. Background; object by overlap; and an anchor at least for each object.
    match = np.zeros(len(anchors), np.int32)
    match[iou < NEGATIVE_IOU] = -1
    if crowd.any():
        crowd_iou, _, _ = _best_overlaps(anchors, np.asarray(gt_boxes)[crowd])
        match[crowd_iou >= CROWD_IOU] = 0
    match[best] = 1
    match[iou >= POSITIVE_IOU] = 1
    # 3. Draw: half objects, the rest background.
    _draw(match, 1, anchors_per_image // 2, rng)
    positive = np.flatnonzero(match == 1)
    _draw(match, -1, anchors_per_image - len(positive), rng)
    # 4. Deltas from each object anchor to the object that it overlaps most.
    deltas = np.zeros((anchors_per_image, 4))
    if positive.size:
        objects = np.asarray(gt_boxes, np.float64)[~crowd][nearest[positive]]
        encoded = box_ops.encode(anchors[positive], objects)
        deltas[: len(positive)] = encoded / np.asarray(bbox_std_dev)
    return match, deltas


def _best_overlaps(anchors, boxes):
    """Return each anchor's best IoU and box, `[A]` each, and indices of the boxes' best anchors.

    Most anchors touch no object, so overlaps are computed for those that do: 1 ms an object in
    place of 10 at 262,000 anchors.
    """
    iou, nearest = np.zeros(len(anchors)), np.zeros(len(anchors), np.intp)
    best = [np.zeros(0, np.intp)]
    y1, x1, y2, x2 = np.ascontiguousarray(anchors.T)
    for index, box in enumerate(boxes.astype(np.float64)):
        touching = np.flatnonzero((y1 < box[2]) & (y2 > box[0]) & (x1 < box[3]) & (x2 > box[1]))
        if not touching.size:
            continue
        overlap = box_ops.overlaps(anchors[touching], box[None])[:, 0]
        best.append(touching[(overlap == overlap.max()) & (overlap > 0)])
        better = overlap > iou[touching]
        iou[touching[better]], nearest[touching[better]] = overlap[better], index
    return iou, nearest, np.concatenate(best)


def _draw(match, value, count, rng):
    """Set all but `count` randomly drawn entries of `match` that equal `value` to 0."""
    found = np.flatnonzero(match == value)
    if len(found) > count:
        match[found] = 0
        match[rng.choice(found, count, replace=False, shuffle=False)] = value
