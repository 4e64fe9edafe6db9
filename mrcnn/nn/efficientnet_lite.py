"""EfficientNet-Lite0 (Tan and Le 2019; Google's Lite variants of 2020) as a backbone.

Inverted residual blocks: a 1x1 convolution widens, a depthwise one looks around, another 1x1
narrows. The Lite variants clip at 6 and have no squeeze-and-excitation.

Legend: see blocks.py.
"""

from keras import layers

from mrcnn.nn.blocks import conv_norm
from mrcnn.nn.efficientnet_lite_file import STAGES, STEM, STEM_CHANNELS


def _unit(x, filters, kernel_size, name, train_bn, strides=1, activation="relu6"):
    """A convolution and its norm; a depthwise one where `filters` is None."""
    return conv_norm(
        filters,
        kernel_size,
        f"{name}_conv",
        f"{name}_bn",
        strides=strides,
        padding="same",
        use_bias=False,
        train_bn=train_bn,
        activation=activation,
    )(x)


def _block(x, block, train_bn):
    y = x
    if block.expansion > 1:
        y = _unit(y, x.shape[-1] * block.expansion, 1, f"{block.name}_expand", train_bn)
    y = _unit(y, None, block.kernel_size, f"{block.name}_depthwise", train_bn, block.strides)
    y = _unit(y, block.channels, 1, f"{block.name}_project", train_bn, activation=None)
    if y.shape[-1] == x.shape[-1] and block.strides == 1:
        return layers.add([y, x], name=f"{block.name}_out")
    return y


def efficientnet_lite0_graph(input_image, stage5=False, train_bn=True):
    """Build the backbone on `input_image` `[B, H, W, C]`.

    Returns `[C1, C2, C3, C4, C5]`; C5 is None without `stage5`.
    """
    x = _unit(input_image, STEM_CHANNELS, 3, STEM, train_bn, strides=2)
    outputs = []
    for stage, blocks in STAGES.items():
        if stage == 5 and not stage5:
            return [*outputs, None]
        for block in blocks:
            x = _block(x, block, train_bn)
        outputs.append(x)
    return outputs
