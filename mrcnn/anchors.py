"""Anchors: the boxes that the region proposal network starts from.

Boxes are `(y1, x1, y2, x2)` in pixels of the molded image; A is their number.
"""

from collections.abc import Callable

import numpy as np


def level_shapes(image_shape, strides, compute: Callable | None = None) -> np.ndarray:
    """Return the (height, width) in cells of the pyramid's levels, int `[L, 2]`.

    Arguments:
        image_shape: (height, width, ...) of the molded image.
        strides: pixels a cell, level by level.
        compute: a function of `image_shape` that tells it instead, for a backbone of one's own.
    """
    if compute is not None:
        return np.asarray(compute(image_shape))
    sides = np.asarray(image_shape[:2])
    return np.array([-(-sides // stride) for stride in strides])


def generate_anchors(scales, ratios, shape, feature_stride, anchor_stride, xp=np):
    """Return the anchors of one level, `[A, 4]` in pixels: float64, of `keras.ops` float32.

    Arguments:
        scales: side in pixels of the square anchor, one number or several.
        ratios: width over height; every anchor of one scale has the same area.
        shape: (height, width) of the level in cells.
        feature_stride: pixels a cell.
        anchor_stride: 1 for anchors on every cell, 2 on every other one.
        xp: `numpy` or `keras.ops`; with this the shape may be of tensors.

    Cell by cell in reading order, on each cell ratio by ratio, for each ratio the scales.
    """
    scale, root = np.atleast_1d(scales), np.sqrt(np.atleast_1d(ratios))[:, None]
    half_sizes = np.stack([scale / root, scale * root], axis=-1).reshape(-1, 2) / 2
    if xp is not np:
        half_sizes = half_sizes.astype(np.float32)
    y, x = (
        xp.arange(0, cells, anchor_stride, dtype=half_sizes.dtype.name) * feature_stride
        for cells in shape
    )
    centers = xp.reshape(xp.stack(xp.meshgrid(y, x, indexing="ij"), axis=-1), (-1, 1, 2))
    corners = [centers - half_sizes, centers + half_sizes]
    return xp.reshape(xp.concatenate(corners, axis=-1), (-1, 4))


def generate_pyramid_anchors(scales, ratios, feature_shapes, feature_strides, anchor_stride, xp=np):
    """Return the anchors of all levels, `[A, 4]` in pixels, finest level first.

    `scales`, `feature_shapes` and `feature_strides` have one entry a level (Lin et al. 2017,
    Feature Pyramid Networks, 4.1); the rest as in `generate_anchors`.
    """
    levels = zip(scales, feature_shapes, feature_strides, strict=True)
    return xp.concatenate(
        [
            generate_anchors(scale, ratios, shape, stride, anchor_stride, xp)
            for scale, shape, stride in levels
        ]
    )


def pyramid(
    image_shape, *, scales, ratios, strides, anchor_stride, compute: Callable | None = None
) -> np.ndarray:
    """Return the anchors of all levels for a molded image, float64 `[A, 4]` in pixels.

    `image_shape`, `strides` and `compute` as in `level_shapes`, the rest as in
    `generate_pyramid_anchors`.
    """
    shapes = level_shapes(image_shape, strides, compute)
    return generate_pyramid_anchors(scales, ratios, shapes, strides, anchor_stride)
