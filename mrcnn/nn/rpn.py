"""The region proposal network (Ren et al. 2015) and what it proposes.

Legend: see blocks.py.
"""

import keras
import numpy as np
from keras import layers, ops

from mrcnn import boxes as box_math
from mrcnn.anchors import generate_pyramid_anchors
from mrcnn.nn import kernels
from mrcnn.nn.blocks import ConfiguredLayer, registered
from mrcnn.nn.nms import suppress


def rpn_graph(feature_map, anchors_per_location, anchor_stride, conv_layer_size=512):
    """Score and refine the anchors of one level.

    Arguments:
        feature_map: `[B, H, W, C]`.
        anchors_per_location: anchors on a cell.
        anchor_stride: 1 for anchors on every cell, 2 for every other one.
        conv_layer_size: channels of the shared convolution.

    Returns `[class_logits [B, A, 2], class_probs [B, A, 2], deltas [B, A, 4]]`, background
    before foreground; probabilities and deltas in float32.
    """
    shared = layers.Conv2D(
        conv_layer_size,
        3,
        strides=anchor_stride,
        padding="same",
        activation="relu",
        kernel_initializer=kernels.initializer(),
        name="rpn_conv_shared",
    )(feature_map)

    def per_anchor(numbers, name):
        raw = layers.Conv2D(
            numbers * anchors_per_location, 1, kernel_initializer=kernels.initializer(), name=name
        )
        return layers.Reshape((-1, numbers), dtype="float32")(raw(shared))

    logits = per_anchor(2, "rpn_class_raw")
    probs = layers.Softmax(name="rpn_class_probs", dtype="float32")(logits)
    return [logits, probs, per_anchor(4, "rpn_bbox_pred")]


def build_rpn_model(anchor_stride, anchors_per_location, depth, conv_layer_size=512):
    """Make the model that all levels share: `[B, H, W, depth]` to the list of `rpn_graph`."""
    feature_map = layers.Input((None, None, depth), name="input_rpn_feature_map")
    outputs = rpn_graph(feature_map, anchors_per_location, anchor_stride, conv_layer_size)
    return keras.Model(feature_map, outputs, name="rpn_model")


def propose(probs, deltas, anchors, std_dev, pre_nms_limit, iou_threshold, count):
    """Turn the anchors' scores and deltas into proposals.

    1. Keep the `pre_nms_limit` anchors that look most like an object.
    2. Move them by their deltas and clip them to the image.
    3. Drop those that overlap a better one by more than `iou_threshold`.

    Arguments:
        probs: foreground probability `[B, A]`.
        deltas: `[B, A, 4]`, divided by `std_dev` `[4]`.
        anchors: `[B, A, 4]`, fractions.

    Returns `[B, count, 4]` by falling probability, padded with zeros.
    """
    scores, _, _, boxes = candidates(probs, deltas, anchors, std_dev, pre_nms_limit)
    one_class = ops.zeros_like(scores, dtype="int32")
    return suppress(boxes, scores, one_class, 1, iou_threshold, count)[0]


def candidates(probs, deltas, anchors, std_dev, pre_nms_limit):
    """Do steps 1 and 2 of `propose`.

    Returns `(scores [B, n], anchors, refined, clipped)`, the three boxes `[B, n, 4]`: as they were,
    moved by their deltas, and clipped to the image.
    """
    total = ops.shape(probs)[1]
    limit = (
        min(total, pre_nms_limit) if isinstance(total, int) else (ops.minimum(total, pre_nms_limit))
    )
    scores, best = ops.top_k(probs, limit)
    deltas = ops.take_along_axis(deltas, best[..., None], axis=1)
    anchors = ops.take_along_axis(anchors, best[..., None], axis=1)

    refined = box_math.decode(anchors, deltas * std_dev, ops)
    clipped = box_math.clip(refined, ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0]), ops)
    return scores, anchors, refined, clipped


@registered
class Anchors(ConfiguredLayer):
    """The anchors of a batch, whose images have one size: `[image, P2, .. P6]` to `[B, A, 4]`.

    In fractions of the image. Arguments as of `anchors.generate_pyramid_anchors`.
    """

    def __init__(self, scales, ratios, feature_strides, anchor_stride, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.scales = np.asarray(scales).tolist()
        self.ratios = np.asarray(ratios).tolist()
        self.feature_strides = np.asarray(feature_strides).tolist()
        self.anchor_stride = anchor_stride

    def call(self, inputs):
        shapes = [ops.shape(x)[1:3] for x in inputs]
        anchors_px = generate_pyramid_anchors(
            self.scales, self.ratios, shapes[1:], self.feature_strides, self.anchor_stride, ops
        )
        anchors = box_math.normalize(anchors_px, shapes[0], ops)
        return ops.broadcast_to(anchors, (ops.shape(inputs[0])[0], *ops.shape(anchors)))

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], None, 4)


@registered
class Proposals(ConfiguredLayer):
    """`propose` as a layer: `[rpn_class [B, A, 2], rpn_bbox [B, A, 4], anchors [B, A, 4]]`."""

    def __init__(self, count, iou_threshold, pre_nms_limit, std_dev, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.count = count
        self.iou_threshold = iou_threshold
        self.pre_nms_limit = pre_nms_limit
        self.std_dev = [float(value) for value in std_dev]
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        probs, deltas, anchors = (ops.stop_gradient(x) for x in inputs)
        std_dev = ops.convert_to_tensor(self.std_dev, dtype="float32")
        return propose(
            probs[..., 1],
            deltas,
            anchors,
            std_dev,
            self.pre_nms_limit,
            self.iou_threshold,
            self.count,
        )

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], self.count, 4)
