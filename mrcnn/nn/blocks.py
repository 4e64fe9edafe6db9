"""The building blocks of the backbone and the heads.

Legend, the same in every module of this folder:
    B images, N RoIs (or detections), A anchors, L levels of the pyramid, G ground truth objects,
    K classes with the background, C channels, H and W rows and columns.
    rois / boxes: (y1, x1, y2, x2), fractions of the molded image, float32.
    deltas: what turns one box into another (`boxes.encode`). `_px` is in pixels.
"""

import inspect
import math

import keras
from keras import layers, ops

from mrcnn.nn import kernels
from mrcnn.nn.convolutions import depthwise_conv

registered = keras.saving.register_keras_serializable(package="mrcnn")


class ConfiguredLayer(layers.Layer):
    """A layer that keeps the arguments of its `__init__` as attributes, which are its config."""

    def get_config(self):
        names = inspect.signature(type(self).__init__).parameters
        own = {name: getattr(self, name) for name in names if name in vars(self)}
        return super().get_config() | own


@registered
class BatchNorm(layers.BatchNormalization):
    """Batch normalisation as the older package names it.

    `training=False` uses the stored statistics, `True` those of the batch, `None` leaves it to
    the mode that the model is called in.
    """

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training, mask=mask)


@registered
class ConvNorm(layers.Layer):
    """A convolution and its BatchNorm, as one layer with two named children.

    With stored statistics BatchNorm is a factor and a shift per channel, so it is folded into the
    convolution's kernel inside the graph: the checkpoint keeps both layers and both still learn,
    and the separate pass over the feature map is gone (ResNet-101, 1024 x 1024, bfloat16: 0.74 s
    with the pass, 0.23 s without). The fold is computed in float32 whatever the compute dtype, and
    in each call, unless `folding` has it: it is that of the weights of the moment.

    Arguments:
        conv: the `Conv2D` or `DepthwiseConv2D`, built by this layer; no activation.
        norm: the `BatchNorm`.
        train_bn: None, False or True as `Config.TRAIN_BN`; with False the fold is always used.
        activation: "relu", "relu6" or None, after the norm.
    """

    def __init__(self, conv, norm, train_bn=False, activation=None, **kwargs):
        kwargs.setdefault("dtype", conv.dtype_policy)
        super().__init__(autocast=False, **kwargs)
        self.conv, self.norm = conv, norm
        self.train_bn = train_bn
        self.activation = keras.activations.get(activation)
        # The folded kernel and shift where they are known.
        self.folded = None

    def get_config(self):
        return super().get_config() | {
            "conv": keras.saving.serialize_keras_object(self.conv),
            "norm": keras.saving.serialize_keras_object(self.norm),
            "train_bn": self.train_bn,
            "activation": keras.activations.serialize(self.activation),
        }

    @classmethod
    def from_config(cls, config):
        children = {
            name: keras.saving.deserialize_keras_object(config[name]) for name in ("conv", "norm")
        }
        return cls(**config | children)

    @property
    def layers(self):
        return [self.conv, self.norm]

    def build(self, input_shape):
        if not self.conv.built:
            self.conv.build(input_shape)
            self.norm.build(self.conv.compute_output_shape(input_shape))

    def compute_output_shape(self, input_shape):
        return self.conv.compute_output_shape(input_shape)

    def call(self, inputs, training=None):
        learning = self.train_bn or (self.train_bn is None and training)
        if learning and self.norm.trainable:
            return self.activation(self.norm(self.conv(inputs), training=True))
        return self.activation(self._call_folded(ops.cast(inputs, self.compute_dtype)))

    def fold(self):
        """Return the kernel and the shift that do what convolution and norm do together."""
        norm = self.norm
        scale = norm.gamma * ops.rsqrt(norm.moving_variance + norm.epsilon)
        bias = self.conv.bias if self.conv.use_bias else 0.0
        shift = (bias - norm.moving_mean) * scale + norm.beta
        # A depthwise kernel is [h, w, C, 1].
        kernel = self.conv.kernel * (scale[:, None] if self._is_depthwise() else scale)
        return [ops.cast(x, self.compute_dtype) for x in (kernel, shift)]

    def _is_depthwise(self):
        return isinstance(self.conv, layers.DepthwiseConv2D)

    def _call_folded(self, inputs):
        kernel, shift = self.folded or self.fold()
        if self._is_depthwise():
            strides, padding = self.conv.strides, self.conv.padding
            return depthwise_conv(inputs, kernel, strides, padding) + shift
        if self._covers(inputs):
            # One position of the kernel: a matrix product does it in three quarters of the time.
            rows = ops.reshape(inputs, (-1, math.prod(self.conv.kernel_size) * inputs.shape[-1]))
            product = ops.matmul(rows, ops.reshape(kernel, (-1, self.conv.filters)))
            return ops.reshape(product + shift, (-1, 1, 1, self.conv.filters))
        return ops.conv(inputs, kernel, self.conv.strides, self.conv.padding) + shift

    def _covers(self, inputs):
        return self.conv.padding == "valid" and tuple(inputs.shape[1:3]) == self.conv.kernel_size


def conv_norm(
    filters,
    kernel_size,
    conv_name,
    norm_name,
    *,
    strides=1,
    padding="valid",
    use_bias=True,
    train_bn=False,
    activation=None,
):
    """Make a `ConvNorm` from its children's names; see there for the arguments.

    Without `filters` the convolution is depthwise: one filter for each channel.
    """
    options = {"use_bias": use_bias, "name": conv_name}
    if filters is None:
        initializer = {"depthwise_initializer": kernels.initializer()}
        conv = layers.DepthwiseConv2D(kernel_size, strides, padding, **options, **initializer)
    else:
        initializer = {"kernel_initializer": kernels.initializer()}
        conv = layers.Conv2D(filters, kernel_size, strides, padding, **options, **initializer)
    norm = BatchNorm(name=norm_name)
    return ConvNorm(conv, norm, train_bn, activation, name=f"{conv_name}_folded")


@registered
class EachRoI(layers.Layer):
    """Applies a layer to every RoI: `[B, N, ...] -> [B, N, ...]`.

    The RoIs are merged into the batch, which costs nothing. (`TimeDistributed`, whose place this
    takes, unrolls one copy of the layer per RoI in Keras 3: 30 s to trace 1000 RoIs.)
    """

    def __init__(self, layer, **kwargs):
        kwargs = {"name": layer.name, "dtype": layer.dtype_policy} | kwargs
        super().__init__(autocast=False, **kwargs)
        self.layer = layer

    def get_config(self):
        return super().get_config() | {"layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**config | {"layer": layer})

    @property
    def layers(self):
        return [self.layer]

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build((None, *input_shape[2:]))

    def compute_output_shape(self, input_shape):
        shape = self.layer.compute_output_shape((None, *input_shape[2:]))
        return (*input_shape[:2], *shape[1:])

    def call(self, inputs, training=None):
        merged = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        if isinstance(self.layer, ConvNorm):
            outputs = self.layer(merged, training=training)
        else:
            outputs = self.layer(merged)
        return ops.reshape(outputs, (-1, ops.shape(inputs)[1], *outputs.shape[1:]))


def conv_norms(model):
    """Yield each `ConvNorm` below `model`, in graph order."""
    for child in model.layers:
        if isinstance(child, ConvNorm):
            yield child
        elif hasattr(child, "layers"):
            yield from conv_norms(child)


def leaf_layers(model):
    """Yield `(layer, names)` for each layer without children below `model`, in graph order.

    `names` are those of the leaf and of the models that hold it, innermost first; layers of this
    module that hold others are passed through.
    """
    for child in model.layers:
        if not hasattr(child, "layers"):
            yield child, (child.name,)
            continue
        holder = (child.name,) if isinstance(child, keras.Model) else ()
        for leaf, names in leaf_layers(child):
            yield leaf, names + holder
