"""One training sample: an image of the network's size and the objects in it."""

from typing import NamedTuple

import numpy as np

from mrcnn import image_meta
from mrcnn.data import augment as augmenting
from mrcnn.data.dataset import Dataset, checked_masks, image_name
from mrcnn.data.resizing import fit_image, frame_masks, scaled_size
from mrcnn.masks import extract_bboxes, minimize_mask


class Sample(NamedTuple):
    """N objects in an image of `height` x `width`; boxes in its pixels."""

    image: np.ndarray  # uint8 [height, width, C]
    meta: np.ndarray  # float64 [12 + classes], see mrcnn.image_meta
    class_ids: np.ndarray  # int32 [N], negative for crowds
    boxes: np.ndarray  # int32 [N, 4]
    masks: np.ndarray  # bool [height, width, N], or mini masks [h, w, N]


class Resized(NamedTuple):
    """An annotated image at the size of the network, before anything is changed in it."""

    image: np.ndarray  # uint8 [height, width, C]
    meta: np.ndarray  # float64 [12 + classes]
    class_ids: np.ndarray  # int32 [N]
    masks: np.ndarray  # bool [height, width, N]; some may be empty


def load_annotated(
    dataset: Dataset, image_id: int, channels: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an image `[H, W, C]`, its bool masks `[H, W, N]` and int32 class ids `[N]`.

    Raises ValueError, which names the image, where what the data set returns does not fit.
    """
    image = _load_image(dataset, image_id, channels)
    return image, *_load_masks(dataset, image_id, image.shape[:2], image.shape[:2])


def load_resized(
    dataset: Dataset, image_id: int, *, channels: int, resizing: dict, rng: np.random.Generator
) -> Resized:
    """Return an annotated image as `fit_image`, with the keywords `resizing`, makes it.

    `rng` draws the place of a random cut. Raises ValueError as `load_annotated`.
    """
    image = _load_image(dataset, image_id, channels)
    original_shape = image.shape
    _, size = scaled_size(*original_shape[:2], **resizing)
    masks, class_ids = _load_masks(dataset, image_id, original_shape[:2], size)
    image, window, scale, padding, crop = fit_image(image, **resizing, draw=rng.integers)
    meta = image_meta.compose(
        image_id, original_shape, image.shape, window, scale, active_class_ids(dataset, image_id)
    )
    return Resized(image, meta, class_ids, frame_masks(masks, padding, crop))


def make_sample(
    resized: Resized, *, mini_mask_shape, flip: bool, augmentation, rng: np.random.Generator
) -> Sample:
    """Return the sample of an image; objects that are empty are left out.

    Arguments:
        mini_mask_shape: (h, w), or None for masks of the image's size.
        flip: swap left and right every other time.
        augmentation: a `Jitter`, an imgaug augmenter, or None.
        rng: decides all that is drawn.
    """
    image, meta, class_ids, masks = resized
    if flip and rng.random() < 0.5:
        image, masks = augmenting.flip(image, masks)
    if augmentation is not None:
        image, masks = augmenting.augment(image, masks, augmentation, rng)
    boxes = extract_bboxes(masks)
    there = boxes[:, 2] > boxes[:, 0]
    if not there.all():
        boxes, masks, class_ids = boxes[there], masks[..., there], class_ids[there]
    if mini_mask_shape is not None:
        masks = minimize_mask(boxes, masks, mini_mask_shape)
    return Sample(image, meta, class_ids, boxes, masks)


def enlarged(sample: Sample, height: int, width: int, whole_masks: bool) -> Sample:
    """Return a sample with zeros below and right of its image, so that it has this size.

    `whole_masks` tells that the masks are of the image's size, and grow with it.
    """
    shape = sample.image.shape
    below = ((0, height - shape[0]), (0, width - shape[1]), (0, 0))
    if not np.any(below):
        return sample
    meta = sample.meta.copy()
    meta[image_meta.FIELDS["image_shape"]] = height, width, shape[2]
    masks = np.pad(sample.masks, below) if whole_masks else sample.masks
    return sample._replace(image=np.pad(sample.image, below), meta=meta, masks=masks)


def active_class_ids(dataset: Dataset, image_id: int) -> np.ndarray:
    """Return int32 `[classes]`: 1 for the classes that the source of the image knows.

    Of the others nobody can say that they are not in it, so they are not trained on it.
    """
    source = dataset.image_info[image_id]["source"]
    if source not in dataset.source_class_ids:
        raise ValueError(f"{image_name(dataset, image_id)}: no class of the source {source!r}")
    active = np.zeros(dataset.num_classes, np.int32)
    active[dataset.source_class_ids[source]] = 1
    return active


def _load_image(dataset, image_id, channels):
    image = dataset.load_image(image_id)
    image = image[..., None] if image.ndim == 2 else image
    if image.shape[2] != channels:
        raise ValueError(
            f"{image_name(dataset, image_id)}: the image has {image.shape[2]} channels, "
            f"IMAGE_CHANNEL_COUNT is {channels}"
        )
    return image


def _load_masks(dataset, image_id, image_shape, mask_shape):
    loaded = dataset.load_mask_at(image_id, image_shape, mask_shape)
    return checked_masks(dataset, image_id, loaded, mask_shape)
