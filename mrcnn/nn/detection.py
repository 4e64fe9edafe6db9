"""From the heads' outputs to detections.

Legend: see blocks.py.
"""

import keras
from keras import ops

from mrcnn import boxes as box_math
from mrcnn import image_meta as meta_rows
from mrcnn.nn.blocks import ConfiguredLayer, registered
from mrcnn.nn.heads import of_own_class
from mrcnn.nn.nms import NEVER, suppress


def refine(rois, probs, deltas, window, *, std_dev, min_confidence, iou_threshold, count):
    """Choose the detections of a batch.

    1. Each RoI takes its most likely class and that class's deltas, and is clipped to the window.
    2. Background, unsure ones and padding are left out.
    3. Of one class, those that overlap a better one by more than `iou_threshold` are dropped.

    Arguments:
        rois: `[B, N, 4]`, fractions.
        probs: `[B, N, K]`.
        deltas: `[B, N, K, 4]`, divided by `std_dev` `[4]`.
        window: `[B, 4]`, the part of the image that is not padding, fractions.

    Returns `[B, count, 6]`: box, class id, score, by falling score, padded with zeros.
    """
    class_ids = ops.cast(ops.argmax(probs, axis=-1), "int32")
    scores = ops.max(probs, axis=-1)
    own = of_own_class(deltas, class_ids, axis=2)
    boxes = box_math.clip(box_math.decode(rois, own * std_dev, ops), window, ops)

    keep = (class_ids > 0) & ops.any(rois != 0, axis=-1)
    if min_confidence:
        keep = keep & (scores >= min_confidence)
    scores = ops.where(keep, scores, NEVER)

    kept = suppress(boxes, scores, class_ids, probs.shape[-1], iou_threshold, count)
    boxes, scores, class_ids = kept
    return ops.concatenate(
        [boxes, ops.cast(class_ids, "float32")[..., None], scores[..., None]], axis=-1
    )


@registered
class Detections(ConfiguredLayer):
    """`refine` as a layer: `[rois, class_probs, deltas, image_meta]` to `[B, count, 6]`."""

    def __init__(self, count, min_confidence, iou_threshold, std_dev, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.count = count
        self.min_confidence = min_confidence
        self.iou_threshold = iou_threshold
        self.std_dev = [float(value) for value in std_dev]
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        rois, probs, deltas, image_meta = inputs
        shape = meta_rows.molded_shape(image_meta)
        window = box_math.normalize(meta_rows.window(image_meta), shape, ops)
        return refine(
            rois,
            probs,
            deltas,
            window,
            std_dev=ops.convert_to_tensor(self.std_dev, dtype="float32"),
            min_confidence=self.min_confidence,
            iou_threshold=self.iou_threshold,
            count=self.count,
        )

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], self.count, 6)
