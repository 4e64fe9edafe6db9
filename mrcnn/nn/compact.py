"""The compact backbone: a residual network (He et al. 2015) a tenth the size of ResNet-50.

Plain residual blocks of two 3x3 convolutions, which run near the peak speed of a CPU where
depthwise convolutions do not, and narrow stages at the large resolutions, where the time goes. C1
and C2 have one stride, 4: the stem halves the image twice and there is no pooling.

Legend: see blocks.py.
"""

from keras import layers

from mrcnn.nn.blocks import conv_norm

STEM_CHANNELS = (16, 32)
# Channels and blocks of the stages C2..C5, at strides 4, 8, 16, 32.
STAGES = {2: (32, 1), 3: (64, 2), 4: (128, 3), 5: (192, 2)}


def _unit(x, filters, kernel_size, name, train_bn, strides=1, activation="relu"):
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


def _block(x, filters, name, strides, train_bn):
    """Two convolutions beside a shortcut, which is projected where the shape changes."""
    y = _unit(x, filters, 3, f"{name}1", train_bn, strides)
    y = _unit(y, filters, 3, f"{name}2", train_bn, activation=None)
    if strides > 1 or x.shape[-1] != filters:
        x = _unit(x, filters, 1, f"{name}0", train_bn, strides, activation=None)
    return layers.Activation("relu", name=f"{name}_out")(layers.add([y, x]))


def compact_graph(input_image, stage5=False, train_bn=True):
    """Build the backbone on `input_image` `[B, H, W, C]`.

    Returns `[C1, C2, C3, C4, C5]`; C5 is None without `stage5`.
    """
    x = input_image
    for letter, filters in zip("ab", STEM_CHANNELS, strict=True):
        x = _unit(x, filters, 3, f"compact1{letter}", train_bn, strides=2)
    outputs = [x]
    for stage, (filters, count) in STAGES.items():
        if stage == 5 and not stage5:
            return [*outputs, None]
        for letter in "abcdef"[:count]:
            strides = 2 if stage > 2 and letter == "a" else 1
            x = _block(x, filters, f"compact{stage}{letter}", strides, train_bn)
        outputs.append(x)
    return outputs
