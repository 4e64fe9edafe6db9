"""Non-maximum suppression for whole batches, with static shapes.

Legend: see blocks.py. Keras has no such operation, so the TensorFlow kernel stands beside a
portable loop that gives the same rows on every backend.
"""

import keras
from keras import ops

from mrcnn import boxes as box_math

# Boxes that `suppress_portable` takes at a time.
BLOCK = 128
# No probability is this low; entries with this score are never picked.
NEVER = -1.0


def suppress(boxes, scores, class_ids, num_classes, iou_threshold, count):
    """Greedily keep the best boxes; among those of one class, none overlaps a better one.

    Arguments:
        boxes: `[B, N, 4]`.
        scores: `[B, N]`; entries below 0 are left out.
        class_ids: int `[B, N]` in 0..num_classes - 1: boxes of different classes never
            suppress each other.
        iou_threshold: a box that overlaps a kept one by more than this is dropped.
        count: rows of the result.

    Returns `(boxes [B, count, 4], scores [B, count], class_ids int32 [B, count])` by falling
    score; rows that were not filled are zero.
    """
    if keras.backend.backend() == "tensorflow":
        return _suppress_tensorflow(boxes, scores, class_ids, num_classes, iou_threshold, count)
    return suppress_portable(boxes, scores, class_ids, iou_threshold, count)


def _suppress_tensorflow(boxes, scores, class_ids, num_classes, iou_threshold, count):
    import tensorflow as tf

    # The kernel wants a score for every class: NEVER for all but the box's own.
    own = ops.one_hot(class_ids, num_classes, dtype="bool") if num_classes > 1 else None
    per_class = scores[..., None]
    if own is not None:
        per_class = ops.where(own, per_class, NEVER)
    kept = tf.image.combined_non_max_suppression(
        boxes[:, :, None, :],
        per_class,
        max_output_size_per_class=count,
        max_total_size=count,
        iou_threshold=iou_threshold,
        score_threshold=NEVER / 2,
        clip_boxes=False,
    )
    filled = tf.sequence_mask(kept.valid_detections, count)
    return (
        tf.where(filled[..., None], kept.nmsed_boxes, 0.0),
        tf.where(filled, kept.nmsed_scores, 0.0),
        tf.where(filled, tf.cast(kept.nmsed_classes, tf.int32), 0),
    )


def suppress_portable(boxes, scores, class_ids, iou_threshold, count):
    """`suppress` in `keras.ops` alone, in as few steps as accelerators like.

    The boxes come in blocks, the best first. Of a block those go that overlap a box kept before;
    of the others one stays unless a better one of the block that stays overlaps it, which is found
    by trying: each round settles at least the best that was not. It ends when `count` are kept.
    """
    total = ops.shape(boxes)[1]
    size = min(BLOCK, total) if isinstance(total, int) else BLOCK
    order = ops.argsort(-scores, axis=1)
    boxes = ops.take_along_axis(boxes, order[..., None], axis=1)
    scores = ops.take_along_axis(scores, order, axis=1)
    class_ids = ops.take_along_axis(ops.cast(class_ids, "int32"), order, axis=1)
    blocks = -(-total // size)
    below = blocks * size - total
    boxes = ops.pad(boxes, [[0, 0], [0, below], [0, 0]])
    scores = ops.pad(scores, [[0, 0], [0, below]], constant_values=NEVER)
    class_ids = ops.pad(class_ids, [[0, 0], [0, below]])
    batch = ops.shape(boxes)[0]
    slots = ops.arange(count, dtype="int32")[None, :]
    better = ops.arange(size)[:, None] > ops.arange(size)[None, :]

    def overlapping(one, ids, other, other_ids):
        return (box_math.overlaps(one, other, ops) > iou_threshold) & (
            ids[:, :, None] == other_ids[:, None, :]
        )

    def settled(candidates, beats):
        """Return which candidates stay `[B, size]`, where `beats` `[B, size, size]` the row's."""

        def once(stay, _):
            return candidates & ~ops.any(beats & stay[:, None, :], axis=2), stay

        start = once(candidates, None)
        return ops.while_loop(lambda stay, before: ops.any(stay != before), once, start)[0]

    def block(index, boxes_kept, scores_kept, ids_kept, filled):
        here, own, ids = (
            ops.slice(x, [0, index * size, 0][: len(x.shape)], [batch, size, 4][: len(x.shape)])
            for x in (boxes, scores, class_ids)
        )
        before = (slots < filled)[:, None, :]
        gone = ops.any(overlapping(here, ids, boxes_kept, ids_kept) & before, axis=2)
        beats = overlapping(here, ids, here, ids) & better
        stay = settled((own >= 0) & ~gone, beats)
        # Behind those kept before, the n-th that stays is where n stay up to it.
        ranks = ops.cumsum(ops.cast(stay, "int32"), axis=1)
        wanted = slots - filled
        place = ops.sum(ops.cast(ranks[:, None, :] <= wanted[:, :, None], "int32"), axis=2)
        new = (wanted >= 0) & (wanted < ranks[:, -1:])
        place = ops.minimum(place, size - 1)

        def added(kept, found):
            shape = (batch, count, *[1] * (len(found.shape) - 2))
            rows = ops.take_along_axis(found, ops.reshape(place, shape), axis=1)
            return ops.where(ops.reshape(new, shape), rows, kept)

        return (
            index + 1,
            added(boxes_kept, here),
            added(scores_kept, own),
            added(ids_kept, ids),
            ops.minimum(filled + ranks[:, -1:], count),
        )

    def unfinished(index, boxes_kept, scores_kept, ids_kept, filled):
        return (index < blocks) & ops.any(filled < count)

    start = (
        ops.convert_to_tensor(0, "int32"),
        ops.zeros((batch, count, 4), "float32"),
        ops.zeros((batch, count), "float32"),
        ops.zeros((batch, count), "int32"),
        ops.zeros((batch, 1), "int32"),
    )
    _, boxes, scores, class_ids, _ = ops.while_loop(unfinished, block, start)
    return boxes, scores, class_ids
