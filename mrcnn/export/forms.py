"""Choosing boxes with operations that every format has, of one image at a time.

Legend: see `nn/blocks.py`. OpenVINO's reader knows no CombinedNonMaxSuppression, LiteRT has no
loops over rows; both have the older suppression of one class.
"""

import math

import keras
from keras import ops

from mrcnn.nn.nms import NEVER

# An anchor this unlikely is no candidate, however few there are.
LEAST = 1e-18
# From LEAST to 1 so many halvings reach float32's last bit.
HALVINGS = 32


def best(scores, limit):
    """Return scores `[1, A]`, NEVER for all but about the `limit` highest.

    Their lowest one is found by halving (`top_k` of 260,000 anchors takes OpenVINO 7 s, this a few
    ms). Of scores that are equal there, all stay.
    """
    if scores.shape[1] is not None and scores.shape[1] <= limit:
        return scores
    low, high = ops.convert_to_tensor(LEAST), ops.convert_to_tensor(1.0)
    for _ in range(HALVINGS):
        middle = ops.sqrt(low * high)
        enough = ops.sum(ops.where(scores >= middle, 1.0, 0.0)) >= limit
        low, high = ops.where(enough, middle, low), ops.where(enough, high, middle)
    return ops.where(scores >= low, scores, NEVER)


def scaled(deltas, std_dev):
    """Multiply deltas `[..., 4]` by `std_dev`, four numbers.

    Number by number: in an int8 network OpenVINO 2026.4 takes the product with a vector for the
    scale of a tensor, and all four for the first.
    """
    return ops.stack([deltas[..., place] * factor for place, factor in enumerate(std_dev)], axis=-1)


def suppress(boxes, scores, class_ids, num_classes, iou_threshold, count):
    """As `nn.nms.suppress`, for a batch of one image, boxes within 0..1."""
    import tensorflow as tf

    apart = boxes[0]
    if num_classes > 1:
        # Boxes of different classes must not meet: each class has a place in a grid of its own. In
        # a row of them the last ones would lose more bits.
        side = math.ceil(math.sqrt(num_classes))
        row, column = (ops.cast(x[0], "float32") for x in (class_ids // side, class_ids % side))
        apart = apart + ops.stack([row, column, row, column], axis=-1)
    kept, filled = tf.raw_ops.NonMaxSuppressionV4(
        boxes=apart,
        scores=scores[0],
        max_output_size=count,
        iou_threshold=iou_threshold,
        score_threshold=NEVER / 2,
        pad_to_max_output_size=True,
    )
    there = ops.where(ops.arange(count) < filled, 1, 0)
    share = ops.cast(there, "float32")
    kept = ops.reshape(kept, (count,))
    return (
        ops.reshape(ops.take(boxes[0], kept, axis=0) * share[:, None], (1, count, 4)),
        ops.reshape(ops.take(scores[0], kept, axis=0) * share, (1, count)),
        ops.reshape(ops.take(class_ids[0], kept, axis=0) * there, (1, count)),
    )


def check_engine() -> None:
    """Raise ValueError where Keras does not run on TensorFlow, whose operations these are."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"export needs Keras on TensorFlow, here it runs on {keras.backend.backend()}: "
            "set KERAS_BACKEND=tensorflow"
        )
