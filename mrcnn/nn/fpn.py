"""The feature pyramid (Lin et al. 2017): strong features at every scale.

Legend: see blocks.py. P2..P6 have strides 4, 8, 16, 32, 64.
"""

from keras import layers

from mrcnn.nn import kernels

# The convolutions that a backbone's features go through first.
LATERALS = tuple(f"fpn_c{level}p{level}" for level in (5, 4, 3, 2))


def pyramid(c2, c3, c4, c5, channels):
    """Return `[P2, P3, P4, P5, P6]`, each `[B, H / stride, W / stride, channels]`."""

    def conv(kernel_size, name):
        return layers.Conv2D(
            channels,
            kernel_size,
            padding="same",
            kernel_initializer=kernels.initializer(),
            name=name,
        )

    def lateral(stage, level):
        return conv(1, f"fpn_c{level}p{level}")(stage)

    merged = {5: lateral(c5, 5)}
    for level, stage in ((4, c4), (3, c3), (2, c2)):
        above = layers.UpSampling2D(name=f"fpn_p{level + 1}upsampled")(merged[level + 1])
        merged[level] = layers.Add(name=f"fpn_p{level}add")([above, lateral(stage, level)])
    # A 3x3 convolution smooths what the upsampling left jagged.
    levels = {level: conv(3, f"fpn_p{level}")(merged[level]) for level in (5, 2, 3, 4)}
    p6 = layers.MaxPooling2D(pool_size=1, strides=2, name="fpn_p6")(levels[5])
    return [levels[2], levels[3], levels[4], levels[5], p6]
