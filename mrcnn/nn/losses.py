"""The losses, in float32: LOSSES has all of them.

Legend: see blocks.py; T rows of `target_rpn_bbox` an image. Each function returns a scalar: the
mean over all entries of the batch that count, 0 where none does. Its parameters are named as the
tensors that `network.py` has for losses, which is how it gets them.
"""

import inspect

from keras import layers, ops

from mrcnn.nn.blocks import registered
from mrcnn.nn.heads import of_own_class

# Probabilities are kept this far from 0 and 1 before their logarithm.
EPSILON = 1e-7


def smooth_l1_loss(y_true, y_pred):
    """Elementwise smooth L1 (Girshick 2015, equation 3) of two tensors of one shape."""
    distance = ops.abs(y_true - y_pred)
    return ops.where(distance < 1.0, 0.5 * distance**2, distance - 0.5)


def _mean_where(values, counts):
    """Mean of `values` where `counts`, of a shape that starts with the same axes, is true."""
    weights = ops.cast(counts, "float32")
    per_entry = 1
    while len(weights.shape) < len(values.shape):
        per_entry = per_entry * ops.shape(values)[len(weights.shape)]
        weights = weights[..., None]
    total = ops.sum(weights) * ops.cast(per_entry, "float32")
    return ops.sum(ops.where(weights > 0, values, 0.0)) / ops.maximum(total, 1.0)


def _cross_entropy(class_ids, logits):
    """Cross entropy `[...]` of `class_ids` `[...]` under `logits` `[..., K]`."""
    log_probs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    return -ops.take_along_axis(log_probs, class_ids[..., None], axis=-1)[..., 0]


def rpn_class_loss(rpn_match, rpn_class_logits):
    """Cross entropy of object against background over the anchors chosen for training.

    Arguments:
        rpn_match: int `[B, A, 1]`: 1 object, -1 background, 0 not chosen.
        rpn_class_logits: `[B, A, 2]`.
    """
    match = ops.cast(rpn_match[..., 0], "int32")
    is_object = ops.where(match == 1, 1, 0)
    return _mean_where(_cross_entropy(is_object, rpn_class_logits), match != 0)


def rpn_bbox_loss(target_rpn_bbox, rpn_match, rpn_bbox):
    """Smooth L1 of the deltas of the anchors that hold an object.

    Arguments:
        target_rpn_bbox: `[B, T, 4]`; row i belongs to the i-th such anchor of its image.
        rpn_match: int `[B, A, 1]`, as above.
        rpn_bbox: `[B, A, 4]`.
    """
    holds = ops.cast(rpn_match[..., 0], "int32") == 1
    row = ops.cumsum(ops.where(holds, 1, 0), axis=1) - 1
    row = ops.clip(row, 0, ops.shape(target_rpn_bbox)[1] - 1)
    target = ops.take_along_axis(ops.cast(target_rpn_bbox, "float32"), row[..., None], axis=1)
    return _mean_where(smooth_l1_loss(target, ops.cast(rpn_bbox, "float32")), holds)


def mrcnn_class_loss(target_class_ids, pred_class_logits, active_class_ids):
    """Cross entropy of the RoIs' classes.

    RoIs whose most likely class is not active (their image's dataset does not know it) do not
    count.

    Arguments:
        target_class_ids: int `[B, N]`, padded with 0.
        pred_class_logits: `[B, N, K]`.
        active_class_ids: `[B, K]`, 1 for a class that is active in the image.
    """
    predicted = ops.argmax(pred_class_logits, axis=-1)
    active = ops.take_along_axis(ops.cast(active_class_ids, "float32"), predicted, axis=1)
    target = ops.cast(target_class_ids, "int32")
    entropy = _cross_entropy(target, pred_class_logits)
    return _mean_where(entropy, active > 0)


def mrcnn_bbox_loss(target_bbox, target_class_ids, pred_bbox):
    """Smooth L1 of the deltas of the RoIs that hold an object.

    Arguments:
        target_bbox: `[B, N, 4]`.
        target_class_ids: int `[B, N]`, 0 where there is no object.
        pred_bbox: `[B, N, K, 4]`; only the deltas of the RoI's own class count.
    """
    class_ids = ops.cast(target_class_ids, "int32")
    own = of_own_class(ops.cast(pred_bbox, "float32"), class_ids, axis=2)
    return _mean_where(smooth_l1_loss(target_bbox, own), class_ids > 0)


def mrcnn_mask_loss(target_masks, target_class_ids, pred_masks):
    """Binary cross entropy of the masks of the RoIs that hold an object.

    Arguments:
        target_masks: `[B, N, H, W]`, 0 or 1.
        target_class_ids: int `[B, N]`, 0 where there is no object.
        pred_masks: `[B, M, H, W, K]`, probabilities, of the first M RoIs: no other holds an object.
            Only the RoI's own class counts.
    """
    rois = pred_masks.shape[1]
    class_ids = ops.cast(target_class_ids[:, :rois], "int32")
    own = of_own_class(ops.cast(pred_masks, "float32"), class_ids, axis=4)
    own = ops.clip(own, EPSILON, 1.0 - EPSILON)
    target = ops.cast(target_masks[:, :rois], "float32")
    entropy = -(target * ops.log(own) + (1.0 - target) * ops.log(1.0 - own))
    return _mean_where(entropy, class_ids > 0)


_ALL = (rpn_class_loss, rpn_bbox_loss, mrcnn_class_loss, mrcnn_bbox_loss, mrcnn_mask_loss)
LOSSES = {loss.__name__: loss for loss in _ALL}


def of_tensors(tensors: dict) -> dict:
    """Return all losses by name; `tensors` has what they are computed from, by parameter name."""
    return {
        name: Loss(name)([tensors[each] for each in inspect.signature(loss).parameters])
        for name, loss in LOSSES.items()
    }


@registered
class Loss(layers.Layer):
    """One of LOSSES as a layer, which is called with the list of its arguments and named as it."""

    def __init__(self, name, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(name=name, **kwargs)

    def call(self, inputs):
        return LOSSES[self.name](*inputs)

    def compute_output_shape(self, input_shape):
        return ()
