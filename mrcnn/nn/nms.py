"""Non-maximum suppression for whole batches, with static shapes.

Legend: see blocks.py. Keras has no such operation, so the TensorFlow kernel stands beside a
portable loop that gives the same rows on every backend.
"""

import keras
from keras import ops

from mrcnn import boxes as box_math

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
    """`suppress` in `keras.ops` alone: `count` rounds of picking the best box that is left."""
    class_ids = ops.cast(class_ids, "int32")

    def pick(_, state):
        left, picked_boxes, picked_scores, picked_ids, filled = state
        best = ops.argmax(left, axis=1)[:, None]
        score = ops.take_along_axis(left, best, axis=1)
        box = ops.take_along_axis(boxes, best[..., None], axis=1)
        class_id = ops.take_along_axis(class_ids, best, axis=1)
        found = score >= 0
        row = ops.cast(ops.arange(count)[None, :] == filled, "float32") * ops.cast(found, "float32")
        picked_boxes = picked_boxes + row[..., None] * box
        picked_scores = picked_scores + row * score
        picked_ids = picked_ids + ops.cast(row, "int32") * class_id
        overlap = box_math.overlaps(box, boxes, ops)[:, 0]
        itself = ops.arange(ops.shape(boxes)[1])[None, :] == ops.cast(best, "int32")
        beaten = (overlap > iou_threshold) & (class_ids == class_id)
        left = ops.where(found & (beaten | itself), NEVER, left)
        return left, picked_boxes, picked_scores, picked_ids, filled + ops.cast(found, "int32")

    batch = ops.shape(boxes)[0]
    start = (
        scores,
        ops.zeros((batch, count, 4), "float32"),
        ops.zeros((batch, count), "float32"),
        ops.zeros((batch, count), "int32"),
        ops.zeros((batch, 1), "int32"),
    )
    _, picked_boxes, picked_scores, picked_ids, _ = ops.fori_loop(0, count, pick, start)
    return picked_boxes, picked_scores, picked_ids
