"""The class, box and mask heads (He et al. 2017, figure 4).

Legend: see blocks.py.
"""

import keras
from keras import layers, ops

from mrcnn.nn import kernels
from mrcnn.nn.blocks import ConfiguredLayer, EachRoI, conv_norm, registered
from mrcnn.nn.roi_align import CANONICAL_SIDE, PyramidROIAlign


def of_own_class(per_class, class_ids, axis):
    """Pick along `axis` of `per_class` `[B, N, ..]` the entry of each RoI's class, int `[B, N]`."""
    index = ops.reshape(class_ids, (*ops.shape(class_ids), *[1] * (len(per_class.shape) - 2)))
    return ops.squeeze(ops.take_along_axis(per_class, index, axis=axis), axis=axis)


@registered
class SplitByClass(ConfiguredLayer):
    """`[B, N, K * 4]` to `[B, N, K, 4]`; the batch may have any size."""

    def __init__(self, num_classes, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def call(self, inputs):
        return ops.reshape(inputs, (-1, inputs.shape[1], self.num_classes, 4))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], self.num_classes, 4)


@registered
class Conv2DTranspose(layers.Conv2DTranspose):
    """A transposed convolution whose kernel covers as much as its stride: `[N, H, W, C]` to
    `[N, 2 H, 2 W, filters]`.

    No two positions meet, so that it is one matrix product; as such it is computed where Keras runs
    on another engine than TensorFlow. (On a processor, XLA takes 1.7 s for its gradient of 66 RoIs
    else.)
    """

    def call(self, inputs):
        if keras.backend.backend() == "tensorflow":
            return super().call(inputs)
        _, height, width, channels = inputs.shape
        rows, columns = self.strides
        kernel = ops.transpose(self.kernel, (3, 0, 1, 2))
        product = ops.matmul(
            ops.reshape(inputs, (-1, channels)), ops.reshape(kernel, (channels, -1))
        )
        product = ops.reshape(product, (-1, height, width, rows, columns, self.filters))
        product = ops.transpose(product, (0, 1, 3, 2, 4, 5))
        outputs = ops.reshape(product, (-1, height * rows, width * columns, self.filters))
        return self.activation(outputs + self.bias)


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
        x = EachRoI(norm)(x)
    shared = layers.Reshape((rois.shape[1], fc_layers_size), name="pool_squeeze")(x)
    exact = {"kernel_initializer": kernels.initializer(), "dtype": "float32"}
    logits = layers.Dense(num_classes, name="mrcnn_class_logits", **exact)(shared)
    probs = layers.Softmax(name="mrcnn_class", dtype="float32")(logits)
    deltas = layers.Dense(num_classes * 4, name="mrcnn_bbox_fc", **exact)(shared)
    return logits, probs, SplitByClass(num_classes, name="mrcnn_bbox", dtype="float32")(deltas)


def build_fpn_mask_graph(
    rois,
    feature_maps,
    image_meta,
    pool_size,
    num_classes,
    train_bn=True,
    conv_layers_size=256,
    canonical_side=CANONICAL_SIDE,
):
    """Predict a mask a class for each RoI; `fpn_classifier_graph` tells the arguments.

    `conv_layers_size` is the width of the convolutions, `canonical_side` the side in pixels of the
    RoIs that are cut from P4. Returns `[B, N, 2 * pool_size, 2 * pool_size, K]`, float32 in 0..1.
    """
    align = PyramidROIAlign([pool_size, pool_size], canonical_side, name="roi_align_mask")
    x = align([rois, image_meta, *feature_maps])
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
        x = EachRoI(norm)(x)
    double = Conv2DTranspose(
        conv_layers_size,
        2,
        strides=2,
        activation="relu",
        kernel_initializer=kernels.initializer(),
        name="mrcnn_mask_deconv",
    )
    masks = layers.Conv2D(
        num_classes,
        1,
        activation="sigmoid",
        kernel_initializer=kernels.initializer(),
        name="mrcnn_mask",
        dtype="float32",
    )
    return EachRoI(masks)(EachRoI(double)(x))
