"""Cutting fixed-size pieces out of feature maps and masks: RoIAlign (He et al. 2017, section 3).

Legend: see blocks.py. One bilinear sample a bin, at the corners of the box and evenly between, as
the published weights were trained with; samples outside the map are 0. TensorFlow has a kernel
for this; the gather beside it gives the same numbers on every backend.
"""

import keras
from keras import ops

from mrcnn import image_meta as meta_rows
from mrcnn.nn.blocks import ConfiguredLayer, registered

# RoIs of this side, in pixels, belong to level 4 unless another one is given.
CANONICAL_SIDE = 224.0
CANONICAL_LEVEL = 4
LEVELS = (2, 3, 4, 5)
# A RoI of no size has no logarithm; anything this small goes to the finest level.
SMALLEST_SIDE = 1e-12
# A sample of a RoI less than this many cells outside of its map is at the border, where the RoI was
# clipped: rounding put it outside.
BORDER_CELLS = 1e-3
# A box that ends here has its last sample inside: from a box to a sample there are five roundings,
# of 2**-24 each, 3e-7 in all.
LAST_INSIDE = 1 - 5e-7


def log2_graph(x):
    """Return the base-2 logarithm of a tensor."""
    return ops.log2(x)


def assign_levels(rois, image_area, canonical_side=CANONICAL_SIDE):
    """Return the pyramid level 2..5, int32 `[B, N]`, of each RoI (FPN paper, equation 1).

    Arguments:
        rois: `[B, N, 4]`, fractions.
        image_area: a scalar, pixels of the molded image.
        canonical_side: of RoIs of level 4, in pixels.
    """
    height, width = rois[..., 2] - rois[..., 0], rois[..., 3] - rois[..., 1]
    side = ops.sqrt(ops.maximum(height * width, SMALLEST_SIDE**2))
    step = log2_graph(side * ops.sqrt(ops.cast(image_area, side.dtype)) / canonical_side)
    level = CANONICAL_LEVEL + ops.cast(ops.round(step), "int32")
    return ops.clip(level, LEVELS[0], LEVELS[-1])


def crop_and_resize(maps, boxes, map_indices, size):
    """Cut `boxes` out of `maps` and sample each at `size`.

    Arguments:
        maps: `[M, H, W, C]`.
        boxes: `[N, 4]`, fractions of a map.
        map_indices: int32 `[N]`, the map that each box is cut from.
        size: (height, width) of a piece.

    Returns float32 `[N, height, width, C]`.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.image.crop_and_resize(ops.cast(maps, "float32"), boxes, map_indices, size)
    return crop_and_resize_portable(maps, boxes, map_indices, size)


def crop_and_resize_portable(maps, boxes, map_indices, size):
    """`crop_and_resize` in `keras.ops` alone."""
    count, height, width, channels = ops.shape(maps)
    rows = ops.reshape(maps, (count * height * width, channels))
    ones = ops.ones_like(map_indices)
    return _sample(rows, map_indices * height * width, ones * height, ones * width, boxes, size)


def _sample(rows, starts, heights, widths, boxes, size, slack=0.0):
    """Bilinear samples `[N, *size, C]` from maps that lie as rows `[R, C]` one after another.

    `starts` is the first row of each box's map, `heights` and `widths` its size, int32 `[N]`. What
    is outside by `slack` cells at the most is at the border.
    """

    def positions(low, high, extent, samples):
        # [N, samples] coordinates, whether they lie inside, the cells around and the weights.
        extent = extent[:, None]
        last = ops.cast(extent - 1, "float32")
        if samples > 1:
            step = (high - low)[:, None] * last / (samples - 1)
            at = low[:, None] * last + ops.arange(samples, dtype="float32") * step
        else:
            at = 0.5 * (low + high)[:, None] * last
        inside = (at >= -slack) & (at <= last + slack)
        at = ops.clip(at, 0.0, last)
        below = ops.clip(ops.cast(ops.floor(at), "int32"), 0, extent - 1)
        above = ops.minimum(below + 1, extent - 1)
        return ops.cast(inside, "float32"), below, above, at - ops.floor(at)

    boxes = ops.cast(boxes, "float32")
    in_y, top, bottom, part_y = positions(boxes[:, 0], boxes[:, 2], heights, size[0])
    in_x, left, right, part_x = positions(boxes[:, 1], boxes[:, 3], widths, size[1])

    def corner(y, x, weight_y, weight_x):
        index = starts[:, None, None] + y[:, :, None] * widths[:, None, None] + x[:, None, :]
        values = ops.take(rows, ops.reshape(index, (-1,)), axis=0)
        values = ops.reshape(values, (-1, *size, rows.shape[-1]))
        weight = (in_y * weight_y)[:, :, None] * (in_x * weight_x)[:, None, :]
        return ops.cast(values, "float32") * weight[..., None]

    return (
        corner(top, left, 1 - part_y, 1 - part_x)
        + corner(top, right, 1 - part_y, part_x)
        + corner(bottom, left, part_y, 1 - part_x)
        + corner(bottom, right, part_y, part_x)
    )


def pyramid_roi_align(rois, feature_maps, levels, size):
    """Sample each RoI from its own level of the pyramid.

    Arguments:
        rois: `[B, N, 4]`, fractions.
        feature_maps: P2..P5, each `[B, H, W, C]`.
        levels: int32 `[B, N]` in 2..5.
        size: (height, width) of a piece.

    Returns float32 `[B, N, height, width, C]`.
    """
    if keras.backend.backend() == "tensorflow":
        pieces = _align_tensorflow(rois, feature_maps, levels, size)
    else:
        pieces = align_portable(rois, feature_maps, levels, size)
    return ops.reshape(pieces, (-1, ops.shape(rois)[1], *size, feature_maps[0].shape[-1]))


def _align_tensorflow(rois, feature_maps, levels, size):
    # The kernel takes one map size a call: the RoIs of each level go through it together, which
    # is a third of the time of the gather, and come back to their places.
    import tensorflow as tf

    count = tf.shape(rois)[1]
    rois, levels = tf.reshape(rois, (-1, 4)), tf.reshape(levels, (-1,))
    pieces, places = [], []
    for level, features in zip(LEVELS, feature_maps, strict=True):
        place = tf.cast(tf.where(levels == level)[:, 0], tf.int32)
        own = _ending_inside(tf.gather(rois, place), features, size)
        pieces.append(crop_and_resize(features, own, place // count, size))
        places.append(place)
    return tf.dynamic_stitch(places, pieces)


def _ending_inside(rois, features, size):
    """Return RoIs `[N, 4]` whose last samples the kernel takes inside `features` `[B, H, W, C]`.

    It computes positions in float32, on some devices without rounding a product before the sum,
    and gives 0 for what that puts outside. RoIs that lose nothing stay as they are.
    """
    import tensorflow as tf

    def exact(x):
        return tf.cast(x, tf.float64)

    low, high = tf.split(rois, 2, axis=1)
    last = tf.cast(tf.shape(features)[1:3] - 1, tf.float32)
    steps = tf.constant([max(side - 1, 1) for side in size], tf.float32)
    step = (high - low) * last / steps
    start, way = exact(low) * exact(last), exact(step) * exact(steps)
    start_rounded, way_rounded = exact(low * last), exact(step * steps)
    end = tf.maximum(start_rounded + tf.maximum(way, way_rounded), start + way_rounded)
    outside = (end > exact(last)) & (high <= 1)
    return tf.concat([low, tf.where(outside, tf.minimum(high, LAST_INSIDE), high)], axis=1)


def align_portable(rois, feature_maps, levels, size):
    """The RoIs of `pyramid_roi_align` in `keras.ops` alone, as `[B * N, height, width, C]`."""
    batch, count = ops.shape(rois)[:2]
    shapes = [ops.shape(features) for features in feature_maps]
    channels = shapes[0][-1]
    rows = ops.concatenate([ops.reshape(f, (-1, channels)) for f in feature_maps], axis=0)
    heights = ops.convert_to_tensor([shape[1] for shape in shapes], dtype="int32")
    widths = ops.convert_to_tensor([shape[2] for shape in shapes], dtype="int32")
    areas = heights * widths
    first = (ops.cumsum(areas) - areas) * batch
    level = ops.reshape(levels, (-1,)) - LEVELS[0]
    image = ops.repeat(ops.arange(batch, dtype="int32"), count)
    starts = ops.take(first, level) + image * ops.take(areas, level)
    sizes = ops.take(heights, level), ops.take(widths, level)
    return _sample(rows, starts, *sizes, ops.reshape(rois, (-1, 4)), size, BORDER_CELLS)


@registered
class PyramidROIAlign(ConfiguredLayer):
    """RoIAlign on the pyramid: each RoI is cut from its `assign_levels`.

    Call with `[rois, image_meta, P2, P3, P4, P5]`: RoIs `[B, N, 4]` in fractions, rows of
    `image_meta`, maps `[B, H, W, C]`. Returns `[B, N, *pool_shape, C]`. No gradient reaches the
    RoIs.
    """

    def __init__(self, pool_shape, canonical_side=CANONICAL_SIDE, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.pool_shape = tuple(pool_shape)
        self.canonical_side = canonical_side
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        rois, image_meta, *feature_maps = inputs
        height, width = meta_rows.molded_shape(image_meta)
        area = ops.cast(height, "float32") * ops.cast(width, "float32")
        levels = assign_levels(rois, area, self.canonical_side)
        pieces = pyramid_roi_align(
            ops.stop_gradient(rois), feature_maps, ops.stop_gradient(levels), self.pool_shape
        )
        return ops.cast(pieces, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:2], *self.pool_shape, input_shape[2][-1])
