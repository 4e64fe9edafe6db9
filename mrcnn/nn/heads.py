"""The class, box and mask heads (He et al. 2017, figure 4).

Legend: see blocks.py.
"""

import keras
from keras import layers, ops

from mrcnn.nn.blocks import EachRoI, conv_norm
from mrcnn.nn.roi_align import PyramidROIAlign


class _Split(layers.Layer):
    """`[B, N, K * 4]` to `[B, N, K, 4]`; the batch may have any size."""

    def __init__(self, num_classes, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def call(self, inputs):
        return ops.reshape(inputs, (-1, inputs.shape[1], self.num_classes, 4))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], self.num_classes, 4)


def fpn_classifier_graph(
    rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True, fc_layers_size=1024
):
    """Classify RoIs and refine their boxes.

    Arguments:
        rois: `[B, N, 4]`, fractions; N static.
        feature_maps: P2..P5.
        image_meta: `[B, 12 + K]`.
        pool_size: side of the features cut out a RoI.
        train_bn: as `Config.TRAIN_BN`.
        fc_layers_size: width of the two fully connected layers.

    Returns `(class_logits [B, N, K], class_probs [B, N, K], deltas [B, N, K, 4])`, all float32.
    """
    x = PyramidROIAlign([pool_size, pool_size], name="roi_align_classifier")(
        [rois, image_meta, *feature_maps]
    )
    # Fully connected layers, written as convolutions so that the published weights fit.
    for index, kernel_size in ((1, pool_size), (2, 1)):
        name = f"mrcnn_class_conv{index}"
        norm = conv_norm(
            fc_layers_size,
            kernel_size,
            name,
            f"mrcnn_class_bn{index}",
            train_bn=train_bn,
            activation="relu",
        )
        x = EachRoI(norm, name=name)(x)
    shared = layers.Reshape((rois.shape[1], fc_layers_size), name="pool_squeeze")(x)
    logits = layers.Dense(num_classes, name="mrcnn_class_logits", dtype="float32")(shared)
    probs = layers.Softmax(name="mrcnn_class", dtype="float32")(logits)
    deltas = layers.Dense(num_classes * 4, name="mrcnn_bbox_fc", dtype="float32")(shared)
    return logits, probs, _Split(num_classes, name="mrcnn_bbox", dtype="float32")(deltas)


class RowsWithMask(layers.Layer):
    """Leaves out the detections that no image of the batch needs a mask of: its last rows.

    `[B, N, 6]` to `[B, n, 6]`, n from 1 up. A detection with a class needs a mask if it scores at
    least `min_score`, which may be set until the network first runs. Where shapes must not depend
    on values, on other backends than TensorFlow, all rows stay.
    """

    min_score = 0.0

    def call(self, detections):
        if keras.backend.backend() != "tensorflow":
            return detections
        wanted = (detections[..., 4] > 0) & (detections[..., 5] >= self.min_score)
        count = ops.max(ops.sum(ops.where(wanted, 1, 0), axis=1))
        return detections[:, : ops.maximum(count, 1)]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], None, input_shape[2])


class PadRows(layers.Layer):
    """`[B, n, ...]` to `[B, count, ...]` with zeros below."""

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def call(self, inputs):
        below = [[0, 0], [0, self.count - ops.shape(inputs)[1]]]
        padded = ops.pad(inputs, below + [[0, 0]] * (len(inputs.shape) - 2))
        return ops.reshape(padded, (-1, self.count, *inputs.shape[2:]))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.count, *input_shape[2:])


def build_fpn_mask_graph(
    rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True, conv_layers_size=256
):
    """Predict a mask a class for each RoI; `fpn_classifier_graph` tells the arguments.

    `conv_layers_size` is the width of the convolutions. Returns `[B, N, 2 * pool_size,
    2 * pool_size, K]`, float32 in 0..1.
    """
    x = PyramidROIAlign([pool_size, pool_size], name="roi_align_mask")(
        [rois, image_meta, *feature_maps]
    )
    for index in (1, 2, 3, 4):
        name = f"mrcnn_mask_conv{index}"
        norm = conv_norm(
            conv_layers_size,
            3,
            name,
            f"mrcnn_mask_bn{index}",
            padding="same",
            train_bn=train_bn,
            activation="relu",
        )
        x = EachRoI(norm, name=name)(x)
    double = layers.Conv2DTranspose(
        conv_layers_size, 2, strides=2, activation="relu", name="mrcnn_mask_deconv"
    )
    x = EachRoI(double)(x)
    masks = layers.Conv2D(num_classes, 1, activation="sigmoid", name="mrcnn_mask", dtype="float32")
    return EachRoI(masks)(x)
