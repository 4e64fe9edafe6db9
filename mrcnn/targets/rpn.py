"""What the region proposal network shall say of its anchors.

Boxes are `(y1, x1, y2, x2)` in pixels of the molded image. A is the number of anchors, G that of
the objects of the image.
"""

import numpy as np

from mrcnn import boxes as box_math
from mrcnn.targets.thresholds import ANCHOR_NEGATIVE_IOU, ANCHOR_POSITIVE_IOU, CROWD_IOU


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
    match[iou < ANCHOR_NEGATIVE_IOU] = -1
    if crowd.any():
        crowd_iou, _, _ = _best_overlaps(anchors, np.asarray(gt_boxes)[crowd])
        match[crowd_iou >= CROWD_IOU] = 0
    match[best] = 1
    match[iou >= ANCHOR_POSITIVE_IOU] = 1
    # 3. Draw: half objects, the rest background.
    _draw(match, 1, anchors_per_image // 2, rng)
    positive = np.flatnonzero(match == 1)
    _draw(match, -1, anchors_per_image - len(positive), rng)
    # 4. Deltas from each object anchor to the object that it overlaps most.
    deltas = np.zeros((anchors_per_image, 4))
    if positive.size:
        objects = np.asarray(gt_boxes, np.float64)[~crowd][nearest[positive]]
        encoded = box_math.encode(anchors[positive], objects)
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
        overlap = box_math.overlaps(anchors[touching], box[None])[:, 0]
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
