"""What the heads should learn from each proposal, in the graph.

B images, P proposals, N the RoIs that the heads are trained on, G ground truth objects, H and W
rows and columns. Boxes are `(y1, x1, y2, x2)` in fractions of the molded image, float32.
"""

from keras import ops

from mrcnn import boxes as box_math
from mrcnn.targets.thresholds import CROWD_IOU, ROI_POSITIVE_IOU


def _choose(candidates, limit, random):
    """Return indices `[B, limit]` of a random choice among true entries of `[B, P]`, those first.

    `random` is uniform in 0..1, `[B, P]`. The second result `[B]` counts the true entries.
    """
    keys = ops.where(candidates, 1.0 + random, random)
    _, index = ops.top_k(keys, limit)
    return index, ops.sum(ops.where(candidates, 1, 0), axis=1)


def _rows(values, index):
    """Gather rows `[B, N, ...]` of `[B, P, ...]` by `index` `[B, N]`."""
    extra = len(values.shape) - 2
    return ops.take_along_axis(
        values, ops.reshape(index, (*ops.shape(index), *[1] * extra)), axis=1
    )


def detection_targets(
    proposals,
    gt_class_ids,
    gt_boxes,
    gt_masks,
    random,
    *,
    count,
    positive_ratio,
    std_dev,
    mask_shape,
    mini_masks,
    crop,
):
    """Match proposals with ground truth and sample `count` of them per image.

    1. Proposals with an IoU of 0.5 or more are positive; the rest that touch no crowd, negative.
    2. At most `positive_ratio` of `count` positives are drawn at random, and negatives in that
       ratio to them. An image without objects, which has no positives, gives as many negatives as
       go with the most positives: from it the heads learn what is no object.
    3. Positives learn the class, deltas and mask of the object that they overlap most.

    Arguments:
        proposals: `[B, P, 4]`, padded with zeros.
        gt_class_ids: int `[B, G]`: negative for a crowd, 0 for padding.
        gt_boxes: `[B, G, 4]`, fractions, padded with zeros.
        gt_masks: `[B, H, W, G]`; of the whole image, or of its box where `mini_masks`.
        random: `[2, B, P]`, uniform in 0..1.
        count: N.
        std_dev: `[4]`, divides the deltas.
        mask_shape: (height, width) of the target masks.
        crop: `nn.roi_align.crop_and_resize`.

    Returns `(rois [B, N, 4], class_ids int32 [B, N], deltas [B, N, 4], masks [B, N, *mask_shape])`:
    positives, then negatives, then zeros. No gradient passes.
    """
    gt_class_ids = ops.cast(gt_class_ids, "int32")
    real = ops.any(proposals != 0, axis=-1)
    there = ops.any(gt_boxes != 0, axis=-1)
    crowd = there & (gt_class_ids < 0)

    # 1.
    overlaps = box_math.overlaps(proposals, gt_boxes, ops)
    object_overlaps = ops.where((there & (gt_class_ids > 0))[:, None, :], overlaps, -1.0)
    best_overlap = ops.max(object_overlaps, axis=-1)
    on_crowd = ops.any((overlaps >= CROWD_IOU) & crowd[:, None, :], axis=-1)
    positive = real & (best_overlap >= ROI_POSITIVE_IOU)
    negative = real & (best_overlap < ROI_POSITIVE_IOU) & ~on_crowd

    # 2. The chosen of both kinds are put one behind the other and the first `count` valid kept.
    total = ops.shape(proposals)[1]
    positive_limit = min(int(count * positive_ratio), total)
    positive_index, positive_count = _choose(positive, positive_limit, random[0])
    positive_count = ops.minimum(positive_count, positive_limit)
    negative_index, negative_count = _choose(negative, min(count, total), random[1])
    wanted = ops.cast(ops.cast(positive_count, "float32") / positive_ratio, "int32")
    empty = ~ops.any(there & (gt_class_ids > 0), axis=1)
    wanted = ops.where(empty, count - positive_limit, wanted)
    negative_count = ops.minimum(
        ops.minimum(negative_count, wanted - positive_count), min(count, total)
    )

    slot = ops.arange(count, dtype="int32")[None, :]
    is_positive = slot < positive_count[:, None]
    is_used = slot < (positive_count + negative_count)[:, None]
    from_positive = ops.minimum(slot, max(positive_limit - 1, 0))
    from_negative = ops.clip(slot - positive_count[:, None], 0, min(count, total) - 1)
    from_positive = ops.broadcast_to(from_positive, ops.shape(from_negative))
    index = ops.where(
        is_positive, _rows(positive_index, from_positive), _rows(negative_index, from_negative)
    )
    rois = ops.where(is_used[..., None], _rows(proposals, index), 0.0)

    # 3.
    match = _rows(ops.argmax(object_overlaps, axis=-1), index)
    class_ids = ops.where(is_positive, _rows(gt_class_ids, match), 0)
    matched_boxes = _rows(gt_boxes, match)
    # Rows without an object have boxes that cannot be encoded; any real box keeps NaN out.
    unit = ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0])
    safe_rois = ops.where(is_positive[..., None], rois, unit)
    safe_boxes = ops.where(is_positive[..., None], matched_boxes, unit)
    deltas = box_math.encode(safe_rois, safe_boxes, ops) / std_dev
    masks = _crop_masks(safe_rois, safe_boxes, gt_masks, match, mask_shape, mini_masks, crop)
    masks = ops.where(is_positive[..., None, None], masks, 0.0)
    results = rois, class_ids, deltas, masks
    return tuple(ops.stop_gradient(x) for x in results)


def _crop_masks(rois, matched_boxes, gt_masks, match, mask_shape, mini_masks, crop):
    """Cut each RoI `[B, N, 4]` out of the mask of its object, rounded to 0 or 1."""
    if mini_masks:
        # A mini mask spans its object's box: express the RoI in that box's fractions.
        y1, x1, _, _ = box_math.split(matched_boxes)
        _, _, height, width = box_math.centers_and_sizes(matched_boxes, ops)
        origin = ops.stack([y1, x1, y1, x1], axis=-1)
        rois = (rois - origin) / ops.stack([height, width, height, width], axis=-1)
    batch, height, width, objects = ops.shape(gt_masks)
    count = ops.shape(match)[1]
    maps = ops.reshape(ops.transpose(gt_masks, (0, 3, 1, 2)), (-1, height, width, 1))
    image = ops.arange(batch, dtype="int32")[:, None] * objects
    map_indices = ops.reshape(ops.cast(match, "int32") + image, (-1,))
    maps, rois = ops.cast(maps, "float32"), ops.reshape(rois, (-1, 4))
    pieces = crop(maps, rois, map_indices, mask_shape)
    return ops.round(ops.reshape(pieces, (-1, count, *mask_shape)))
