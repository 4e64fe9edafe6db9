"""ResNet-50 and ResNet-101 (He et al. 2015), with the layer names of the published weights.

Legend: see blocks.py. C1..C5 are the outputs of the five stages, at strides 4 (after
the pooling), 4, 8, 16, 32.
"""

import functools

from keras import layers

from mrcnn.nn.blocks import conv_norm

# Blocks of stage 4; the other stages are the same in both.
STAGE4_BLOCKS = {"resnet50": 6, "resnet101": 23}


def _bottleneck(x, kernel_size, filters, stage, block, strides, project, use_bias, train_bn):
    """1x1, 3x3, 1x1 convolutions beside a shortcut, which is projected where shapes change."""
    name = f"{stage}{block}_branch"

    def unit(filters, kernel_size, branch, strides=1, padding="valid", activation="relu"):
        return conv_norm(
            filters,
            kernel_size,
            f"res{name}{branch}",
            f"bn{name}{branch}",
            strides=strides,
            padding=padding,
            use_bias=use_bias,
            train_bn=train_bn,
            activation=activation,
        )

    narrow, middle, wide = filters
    y = unit(narrow, 1, "2a", strides)(x)
    y = unit(middle, kernel_size, "2b", padding="same")(y)
    y = unit(wide, 1, "2c", activation=None)(y)
    if project:
        x = unit(wide, 1, "1", strides, activation=None)(x)
    return layers.Activation("relu", name=f"res{stage}{block}_out")(layers.add([y, x]))


def identity_block(input_tensor, kernel_size, filters, stage, block, use_bias=True, train_bn=True):
    """Bottleneck whose shortcut is its input.

    Arguments:
        input_tensor: `[B, H, W, filters[2]]`.
        kernel_size: of the middle convolution.
        filters: channels of the three convolutions.
        stage, block: an int and a letter; they make the layer names.
        train_bn: as `Config.TRAIN_BN`.

    Returns `[B, H, W, filters[2]]`.
    """
    return _bottleneck(
        input_tensor, kernel_size, filters, stage, block, 1, False, use_bias, train_bn
    )


def conv_block(
    input_tensor, kernel_size, filters, stage, block, strides=(2, 2), use_bias=True, train_bn=True
):
    """Bottleneck whose shortcut is a 1x1 convolution; `identity_block` tells the arguments.

    `strides` are those of its first convolution and of the shortcut.
    """
    return _bottleneck(
        input_tensor, kernel_size, filters, stage, block, strides, True, use_bias, train_bn
    )


def resnet_graph(input_image, architecture, stage5=False, train_bn=True):
    """Build a ResNet on `input_image` `[B, H, W, C]`.

    Returns `[C1, C2, C3, C4, C5]`; C5 is None without `stage5`. Raises ValueError for an
    `architecture` other than "resnet50" and "resnet101".
    """
    if architecture not in STAGE4_BLOCKS:
        known = ", ".join(STAGE4_BLOCKS)
        raise ValueError(f"backbone {architecture!r} is not known: use one of {known}")
    x = layers.ZeroPadding2D((3, 3))(input_image)
    x = conv_norm(64, 7, "conv1", "bn_conv1", strides=2, train_bn=train_bn, activation="relu")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    outputs = [x]
    blocks = {2: 3, 3: 4, 4: STAGE4_BLOCKS[architecture], 5: 3 if stage5 else 0}
    for stage, count in blocks.items():
        width = 64 * 2 ** (stage - 2)
        filters = [width, width, 4 * width]
        for index in range(count):
            letter = chr(ord("a") + index)
            if index == 0:
                strides = (1, 1) if stage == 2 else (2, 2)
                x = conv_block(x, 3, filters, stage, letter, strides, train_bn=train_bn)
            else:
                x = identity_block(x, 3, filters, stage, letter, train_bn=train_bn)
        outputs.append(x if count else None)
    return outputs


resnet50_graph = functools.partial(resnet_graph, architecture="resnet50")
resnet101_graph = functools.partial(resnet_graph, architecture="resnet101")
