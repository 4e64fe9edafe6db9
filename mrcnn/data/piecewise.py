"""A quick stand-in for imgaug's `PiecewiseAffine`, which takes a second or two at 1024 x 1024.

imgaug moves the points of a coarse grid at random and asks, pixel by pixel, in which of the grid's
triangles it lies. Here each cell is interpolated bilinearly in place of two triangles: the points
move as far, nothing is searched for, and all pixels are two small matrix products.
"""

import cv2
import numpy as np
from imgaug import augmenters

from mrcnn.masks import weighted_sum

BORDERS = {
    "constant": cv2.BORDER_CONSTANT,
    "edge": cv2.BORDER_REPLICATE,
    "symmetric": cv2.BORDER_REFLECT,
    "reflect": cv2.BORDER_REFLECT_101,
    "wrap": cv2.BORDER_WRAP,
}
INTERPOLATIONS = {0: cv2.INTER_NEAREST, 1: cv2.INTER_LINEAR, 3: cv2.INTER_CUBIC}


def quicken(pipeline: augmenters.Augmenter) -> augmenters.Augmenter:
    """Make every `PiecewiseAffine` of a pipeline quick, in place, and return the pipeline."""
    for augmenter in [pipeline, *pipeline.get_all_children(flat=True)]:
        if type(augmenter) is augmenters.PiecewiseAffine:
            augmenter.__class__ = QuickPiecewiseAffine
    return pipeline


class QuickPiecewiseAffine(augmenters.PiecewiseAffine):
    """imgaug's augmenter, its parameters and random numbers; images and maps are moved here."""

    def _augment_images_by_samples(self, images, samples):
        for index, image in enumerate(images):
            images[index] = _remap(
                image,
                self._sources(image.shape, samples, index),
                INTERPOLATIONS.get(int(samples.order[index]), cv2.INTER_LINEAR),
                BORDERS[samples.mode[index]],
                float(samples.cval[index]),
            )
        return images

    def _augment_maps_by_samples(self, augmentables, arr_attr_name, samples, cval, mode, order):
        for index, augmentable in enumerate(augmentables):
            values = getattr(augmentable, arr_attr_name)
            sources = self._sources(values.shape, samples, index)
            # OpenCV does not move int32; float32 holds its labels exactly.
            moved = _remap(
                values.astype(np.float32), sources, INTERPOLATIONS[order], BORDERS[mode], cval
            )
            setattr(augmentable, arr_attr_name, moved.astype(values.dtype))
        return augmentables

    def _sources(self, shape, samples, index):
        """Return where each pixel comes from: its row and its column, float32 `[H, W]` each."""
        points = int(samples.nb_rows[index]), int(samples.nb_cols[index])
        axes = list(zip(shape[:2], points, strict=True))
        weights = [_hat_weights(size, count) for size, count in axes]
        jitter = samples.jitter[index].reshape(*points, 2)
        grid = np.meshgrid(*(np.linspace(0, *axis) for axis in axes), indexing="ij")
        sources = []
        for axis, size in enumerate(shape[:2]):
            step = jitter[..., axis] * (1 if self.absolute_scale else size)
            moved = np.clip(grid[axis] + step, 0, size - 1)
            sources.append(weighted_sum(weights[0], moved.astype(np.float32), weights[1]))
        return sources


def _hat_weights(size, count):
    """Return the weights `[size, count]` of pixels between `count` points spread over 0..size."""
    position = np.arange(size) * ((count - 1) / size)
    return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(count))).astype(np.float32)


def _remap(values, sources, interpolation, border, fill):
    rows, columns = sources
    border = {"borderMode": border, "borderValue": fill}
    channels = [
        cv2.remap(np.ascontiguousarray(channel), columns, rows, interpolation, **border)
        for channel in np.moveaxis(values, -1, 0)
    ]
    return np.stack(channels, axis=-1)
