"""RoIs made on the CPU, and what the heads shall say of them: for training the heads without the
region proposal network, and for looking at targets. The network makes its own in the graph.

Boxes are `(y1, x1, y2, x2)` in pixels of the molded image, int32. N is the number of RoIs, G that
of the objects, K that of the classes.
"""

import numpy as np

from mrcnn import boxes as box_math
from mrcnn.masks import expand_mask, minimize_mask
from mrcnn.targets.thresholds import ROI_POSITIVE_IOU

# The rest of the random RoIs lies anywhere in the image.
SHARE_NEAR_OBJECTS = 0.9


def random_rois(image_shape, count: int, gt_boxes, rng: np.random.Generator) -> np.ndarray:
    """Return random RoIs, int32 `[count, 4]`: around each object, within its size of it, as many,
    nine of ten in all; the others anywhere."""
    height, width = image_shape[:2]
    near = []
    for y1, x1, y2, x2 in np.asarray(gt_boxes):
        down, right = y2 - y1, x2 - x1
        rows = max(y1 - down, 0), min(y2 + down, height)
        columns = max(x1 - right, 0), min(x2 + right, width)
        each = int(count * SHARE_NEAR_OBJECTS) // len(gt_boxes)
        near.append(_boxes_within(rows, columns, each, rng))
    rest = count - sum(map(len, near))
    return np.concatenate([*near, _boxes_within((0, height), (0, width), rest, rng)])


def _boxes_within(rows, columns, count, rng):
    (y1, y2), (x1, x2) = (_spans(*limits, count, rng) for limits in (rows, columns))
    return np.stack([y1, x1, y2, x2], axis=1).astype(np.int32)


def _spans(low, high, count, rng):
    """Return `count` random starts and ends with low <= start < end <= high."""
    one, other = rng.integers(low, high + 1, count), rng.integers(low, high, count)
    other += other >= one
    return np.minimum(one, other), np.maximum(one, other)


def detection_targets(
    rois,
    gt_class_ids,
    gt_boxes,
    gt_masks,
    *,
    num_classes: int,
    count: int,
    positive_ratio: float,
    bbox_std_dev,
    mask_shape,
    mini_masks_in,
    rng: np.random.Generator,
):
    """Draw RoIs for the heads and return what the heads shall say of them.

    Arguments:
        rois: int `[M, 4]`; rows of zeros are padding.
        gt_class_ids: int `[G]`, positive; zeros are padding.
        gt_boxes: int `[G, 4]`.
        gt_masks: bool `[height, width, G]`, or mini masks `[h, w, G]`.
        num_classes: K.
        count: N.
        positive_ratio: the share of `count` that hold an object, at the most.
        bbox_std_dev: `[4]`, the deltas are divided by it.
        mask_shape: (height, width) of the target masks.
        mini_masks_in: the shape of the image that mini masks belong to, or None for whole masks.

    Returns:
        rois: int32 `[N, 4]`.
        class_ids: int32 `[N]`, 0 where a RoI holds no object.
        bboxes: float32 `[N, K, 4]`, the deltas to the object, in the row of its class.
        masks: float32 `[N, *mask_shape, K]`, 0 or 1, likewise.

    Raises ValueError without an object or a RoI.
    """
    real = np.asarray(gt_class_ids) > 0
    gt_class_ids, gt_boxes = np.asarray(gt_class_ids)[real], np.asarray(gt_boxes)[real]
    gt_masks = gt_masks[..., real]
    rois = np.asarray(rois)[np.any(rois, axis=1)]
    if not len(rois) or not len(gt_class_ids):
        raise ValueError(f"{len(rois)} RoIs and {len(gt_class_ids)} objects: one of each is needed")
    # 1. The object that each RoI overlaps most.
    overlaps = box_math.overlaps(rois.astype(np.float64), gt_boxes.astype(np.float64))
    nearest, holds = overlaps.argmax(axis=1), overlaps.max(axis=1) >= ROI_POSITIVE_IOU
    # 2. Draw: positives up to their share, the rest background, repeated where there is too little.
    positive = _at_most(np.flatnonzero(holds), int(count * positive_ratio), rng)
    background = _at_most(np.flatnonzero(~holds), count - len(positive), rng)
    kept = np.concatenate([positive, background])
    missing = count - len(kept)
    if missing:
        source = background if len(background) else (kept if len(kept) else np.arange(len(rois)))
        kept = np.concatenate([kept, rng.choice(source, missing)])
    rois, nearest, holds = rois[kept], nearest[kept], holds[kept]
    # 3. Classes, and deltas and masks in the rows of their class.
    class_ids = np.where(holds, gt_class_ids[nearest], 0).astype(np.int32)
    bboxes = np.zeros((count, num_classes, 4), np.float32)
    masks = np.zeros((count, *mask_shape, num_classes), np.float32)
    rows = np.flatnonzero(holds)
    deltas = box_math.encode(rois[rows].astype(np.float64), gt_boxes[nearest[rows]])
    bboxes[rows, class_ids[rows]] = deltas / np.asarray(bbox_std_dev)
    for row in rows:
        mask = gt_masks[..., nearest[row]][..., None]
        if mini_masks_in is not None:
            mask = expand_mask(gt_boxes[nearest[row]][None], mask, mini_masks_in)
        masks[row, ..., class_ids[row]] = minimize_mask(rois[row][None], mask, mask_shape)[..., 0]
    return rois.astype(np.int32), class_ids, bboxes, masks


def _at_most(indices, count, rng):
    return indices if len(indices) <= count else rng.choice(indices, count, replace=False)
