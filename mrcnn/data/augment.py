"""Augmentation that moves an image and the masks of its objects together.

A pipeline is a `Jitter` or an `imgaug` augmenter. imgaug itself knows which of its augmenters move
pixels and which only change values; given an image and its label map in one call, it draws the
random numbers once and applies the former to both and the latter to the image alone, whatever the
pipeline.
"""

import threading

import cv2
import numpy as np

from mrcnn.data.jitter import Jitter
from mrcnn.masks import extract_bboxes

# Each thread has a copy of the pipeline: an augmenter's random generator is not for several, and
# to copy one takes as long as to augment a small image.
_threads = threading.local()


def flip(image: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an image `[H, W, C]` and masks `[H, W, N]`, left and right swapped."""
    return image[:, ::-1], masks[:, ::-1]


def augment(
    image: np.ndarray, masks: np.ndarray, pipeline, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return an image and its masks as a pipeline changes them together.

    Arguments:
        image: uint8 `[H, W, C]`.
        masks: bool `[H, W, N]`; they may overlap.
        pipeline: a `Jitter`, or an imgaug augmenter. That is copied, so that threads may share it;
            what is changed in it after its first use has no effect.
        rng: decides all that the pipeline draws.

    Both keep their shape: where the pipeline changes the size of the image, it is resized back.
    Masks that were moved out of the image come back empty. Raises TypeError for another pipeline.
    """
    check_pipeline(pipeline)
    if isinstance(pipeline, Jitter):
        return pipeline(image, masks, rng)
    from imgaug.augmentables.segmaps import SegmentationMapsOnImage

    pipeline = _own_copy(pipeline)
    pipeline.seed_(int(rng.integers(2**31)))
    labels, layers = _paint_labels(masks)
    # imgaug cannot carry a map without layers.
    painted = labels if labels.shape[2] else np.zeros((*masks.shape[:2], 1), np.int32)
    moved, maps = pipeline(
        image=np.ascontiguousarray(image),
        segmentation_maps=SegmentationMapsOnImage(painted, shape=image.shape),
    )
    labels = maps.arr
    if moved.shape[:2] != image.shape[:2]:
        moved = cv2.resize(moved, image.shape[1::-1]).reshape(image.shape)
    if labels.shape[:2] != image.shape[:2]:
        labels = _resize_labels(labels, image.shape[:2])
    found = np.zeros((masks.shape[2], *masks.shape[:2]), bool)
    for index, layer in enumerate(layers):
        np.equal(labels[..., layer], index + 1, out=found[index])
    return moved, np.moveaxis(found, 0, -1)


def _own_copy(pipeline):
    from mrcnn.data.piecewise import quicken

    if getattr(_threads, "original", None) is not pipeline:
        _threads.original, _threads.copy = pipeline, quicken(pipeline.deepcopy())
    return _threads.copy


def check_pipeline(pipeline):
    """Raise TypeError unless `pipeline` is a `Jitter` or an imgaug augmenter."""
    if isinstance(pipeline, Jitter):
        return
    from imgaug.augmenters import Augmenter

    if not isinstance(pipeline, Augmenter):
        raise TypeError(
            "augmentation must be an imgaug augmenter, such as imgaug.augmenters.Fliplr(0.5), or a "
            f"mrcnn.data.jitter.Jitter, not {pipeline!r:.80}"
        )


def _paint_labels(masks):
    """Paint mask i with the number i + 1 into as few layers as their overlaps allow.

    Returns the labels, int32 `[H, W, layers]`, and the layer of each mask. One layer is moved in
    the time that one mask takes, however many there are.
    """
    layers, layer_of = [], []
    for index, (y1, x1, y2, x2) in enumerate(extract_bboxes(masks)):
        here = masks[y1:y2, x1:x2, index]
        free = (n for n, layer in enumerate(layers) if not layer[y1:y2, x1:x2][here].any())
        layer_of.append(next(free, len(layers)))
        if layer_of[-1] == len(layers):
            layers.append(np.zeros(masks.shape[:2], np.int32))
        layers[layer_of[-1]][y1:y2, x1:x2][here] = index + 1
    labels = np.stack(layers, axis=-1) if layers else np.zeros((*masks.shape[:2], 0), np.int32)
    return labels, layer_of


def _resize_labels(labels, shape):
    rows, columns = (
        ((np.arange(target) + 0.5) * source / target).astype(int)
        for target, source in zip(shape, labels.shape[:2], strict=True)
    )
    return labels[np.ix_(rows, columns)]
