"""One training sample: an image of the network's size and the objects in it."""

from typing import NamedTuple

import numpy as np

from mrcnn import image_meta
from mrcnn.data import augment as augmenting
from mrcnn.data.dataset import Dataset, checked_masks, image_name, touches
from mrcnn.data.resizing import fit_image, frame_masks, scaled_size
from mrcnn.detections import Detections
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


def load_annotated(dataset: Dataset, image_id: int, channels: int) -> tuple[np.ndarray, Detections]:
    """Return an image `[H, W, C]` and its objects; those of crowds have negative class ids.

    Raises ValueError, which names the image, where what the data set returns does not fit.
    """
    image = _load_image(dataset, image_id, channels)
    return image, dataset.load_objects(image_id, image.shape[:2])


def load_resized(
    dataset: Dataset,
    image_id: int,
    *,
    channels: int,
    resizing: dict,
    rng: np.random.Generator,
    empty_cuts: bool = True,
) -> Resized:
    """Return an annotated image as `fit_image`, with the keywords `resizing`, makes it.

    A cut is made before it is resized. Half of them lie anywhere, the others around an object;
    without `empty_cuts` those anywhere that show no object too. `rng` draws the place. Raises
    ValueError as `load_annotated`.
    """
    image = _load_image(dataset, image_id, channels)
    if resizing.get("mode") == "crop":
        return _cut_out(dataset, image_id, image, resizing, rng, empty_cuts)
    original_shape = image.shape
    _, size = scaled_size(*original_shape[:2], **resizing)
    masks, class_ids = _load_masks(dataset, image_id, original_shape[:2], size)
    image, window, scale, padding, crop = fit_image(image, **resizing, draw=rng.integers)
    meta = image_meta.compose(
        image_id, original_shape, image.shape, window, scale, active_class_ids(dataset, image_id)
    )
    return Resized(image, meta, class_ids, frame_masks(masks, padding, crop))


def _cut_out(dataset, image_id, image, resizing, rng, empty_cuts):
    """Return what `load_resized` does, of a random square part of a loaded image.

    As large photos are cut into tiles: the part is cut out at the photo's own scale and fills the
    square that the network sees.
    """
    height, width = shape = image.shape[:2]
    side = resizing["min_dim"]
    scale, _ = scaled_size(height, width, **resizing)
    length = max(1, min(round(side / scale), height, width))
    objects = dataset.load_objects(image_id, shape)
    top, left = place_cut(shape, length, objects.rois[objects.class_ids > 0], rng, empty_cuts)
    part = top, left, top + length, left + length
    loaded = dataset.load_mask_in(image_id, shape, part, (side, side))
    masks, class_ids = checked_masks(dataset, image_id, loaded, (side, side))
    cut = image[top : top + length, left : left + length]
    cut, window, scale, _, _ = fit_image(cut, side, side)
    active = active_class_ids(dataset, image_id)
    meta = image_meta.compose(image_id, image.shape, cut.shape, window, scale, active)
    return Resized(cut, meta, class_ids, masks)


def place_cut(
    shape: tuple[int, int], side: int, boxes: np.ndarray, rng: np.random.Generator, empty: bool
) -> tuple[int, int]:
    """Return where a square of `side` pixels begins, (y, x): half of the time anywhere.

    Else it shows a random one of `boxes` `[N, 4]` whole, or as much of it as it has room for; also
    where one anywhere would show none of them, unless `empty`. `shape` is (height, width).
    """
    lengths = [int(length) - side for length in shape]
    places = [int(rng.integers(most + 1)) for most in lengths]
    around = rng.random() < 0.5
    if not len(boxes):
        return places[0], places[1]
    seen = touches(boxes, (*places, places[0] + side, places[1] + side)).any()
    if around or not (empty or seen):
        box = boxes[rng.integers(len(boxes))].astype(int).tolist()
        for axis, most in enumerate(lengths):
            first, last = sorted((box[axis], box[axis + 2] - side))
            first, last = (max(0, min(place, most)) for place in (first, last))
            places[axis] = int(rng.integers(first, last + 1))
    return places[0], places[1]


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
