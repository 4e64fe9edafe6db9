"""Moved: mrcnn/anchors.py and mrcnn/targets/rpn.py."""

from mrcnn.anchors import generate_anchors, generate_pyramid_anchors, level_shapes  # noqa: F401
from mrcnn.targets.rpn import rpn_targets  # noqa: F401


def compute_backbone_shapes(config, image_shape):
    """Return the (height, width) of the pyramid's levels, int `[L, 2]`, for an image shape."""
    own = config.COMPUTE_BACKBONE_SHAPE if callable(config.BACKBONE) else None
    return level_shapes(image_shape, config.BACKBONE_STRIDES, own)
