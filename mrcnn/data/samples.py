"""One training sample: an image of the network's size and the objects in it."""

from typing import NamedTuple

import numpy as np

from mrcnn import image_meta
from mrcnn.data import augment as augmenting
from mrcnn.data.images import resize_image
from mrcnn.masks import extract_bboxes, minimize_mask, resize_mask


class Sample(NamedTuple):
    """N objects in an image of `height` x `width`; boxes in its pixels."""

    image: np.ndarray  # uint8 [height, width, C]
    meta: np.ndarray  # float64 [12 + classes], see mrcnn.image_meta
    class_ids: np.ndarray  # int32 [N], negative for crowds
    boxes: np.ndarray  # int32 [N, 4]
    masks: np.ndarray  # bool [height, width, N], or mini masks [h, w, N]


def load_image_gt(
    dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False
) -> Sample:
    """Return (image, image_meta, class_ids, boxes, masks) of an image; see `Sample`.

    Arguments:
        dataset: a prepared `Dataset`.
        config: says how images are resized and how large mini masks are.
        image_id: one of `dataset.image_ids`.
        augment: the older way to flip left and right every other time; better is `augmentation`.
        augmentation: an imgaug augmenter, applied to image and masks together.
        use_mini_mask: cut the masks to their boxes and shrink them to `MINI_MASK_SHAPE`.

    Objects that are empty, or that augmentation moved out of the image, are left out. Raises
    ValueError, which names the image, where image and masks do not fit each other.
    """
    annotated = load_annotated(dataset, image_id, config.IMAGE_CHANNEL_COUNT)
    return make_sample(
        dataset,
        image_id,
        *annotated,
        resizing=resizing_of(config),
        mini_mask_shape=config.MINI_MASK_SHAPE if use_mini_mask else None,
        flip=augment,
        augmentation=augmentation,
        rng=np.random.default_rng(),
    )


def resizing_of(config) -> dict:
    """Return the keywords of `resize_image` that a Config asks for."""
    return {
        "min_dim": config.IMAGE_MIN_DIM,
        "max_dim": config.IMAGE_MAX_DIM,
        "min_scale": config.IMAGE_MIN_SCALE,
        "mode": config.IMAGE_RESIZE_MODE,
    }


def load_annotated(dataset, image_id, channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an image `[H, W, C]`, its bool masks `[H, W, N]` and int32 class ids `[N]`.

    Raises ValueError, which names the image, where what the data set returns does not fit.
    """
    image = dataset.load_image(image_id)
    image = image[..., None] if image.ndim == 2 else image
    masks, class_ids = dataset.load_mask(image_id)
    masks, class_ids = np.asarray(masks), np.asarray(class_ids, np.int32).reshape(-1)
    name = image_name(dataset, image_id)
    if image.shape[2] != channels:
        raise ValueError(
            f"{name}: the image has {image.shape[2]} channels, IMAGE_CHANNEL_COUNT is {channels}"
        )
    if not len(class_ids):
        masks = np.zeros((*image.shape[:2], 0), bool)
    if masks.ndim != 3 or masks.shape[2] != len(class_ids):
        raise ValueError(
            f"{name}: load_mask returned masks {masks.shape} and {len(class_ids)} class ids, "
            "one mask [height, width] an id is needed"
        )
    if masks.shape[:2] != image.shape[:2]:
        turned = masks.shape[1::-1] == image.shape[:2]
        raise ValueError(
            f"{name}: the masks are {masks.shape[0]} x {masks.shape[1]}, the image is "
            f"{image.shape[0]} x {image.shape[1]} (height x width)"
            + (": they were drawn on the image before it was turned upright" if turned else "")
        )
    unknown = np.abs(class_ids[(class_ids == 0) | (np.abs(class_ids) >= dataset.num_classes)])
    if unknown.size:
        raise ValueError(
            f"{name}: load_mask returned the class id {unknown[0]}, the data set has the ids "
            f"1 to {dataset.num_classes - 1}"
        )
    return image, masks if masks.dtype == bool else masks != 0, class_ids


def make_sample(
    dataset,
    image_id,
    image: np.ndarray,
    masks: np.ndarray,
    class_ids: np.ndarray,
    *,
    resizing: dict,
    mini_mask_shape,
    flip: bool,
    augmentation,
    rng: np.random.Generator,
) -> Sample:
    """Return the sample of what `load_annotated` returned.

    Arguments:
        resizing: keywords of `resize_image`.
        mini_mask_shape: (h, w), or None for masks of the image's size.
        flip: swap left and right every other time.
        augmentation: an imgaug augmenter, or None.
        rng: decides all that is drawn.
    """
    original_shape = image.shape
    image, window, scale, padding, crop = _resize(image, resizing, rng)
    masks = resize_mask(masks, scale, padding, crop)
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
    meta = image_meta.compose(
        image_id, original_shape, image.shape, window, scale, active_class_ids(dataset, image_id)
    )
    return Sample(image, meta, class_ids, boxes, masks)


def active_class_ids(dataset, image_id) -> np.ndarray:
    """Return int32 `[classes]`: 1 for the classes that the source of the image knows.

    Of the others nobody can say that they are not in it, so they are not trained on it.
    """
    source = dataset.image_info[image_id]["source"]
    if source not in dataset.source_class_ids:
        raise ValueError(f"{image_name(dataset, image_id)}: no class of the source {source!r}")
    active = np.zeros(dataset.num_classes, np.int32)
    active[dataset.source_class_ids[source]] = 1
    return active


def image_name(dataset, image_id) -> str:
    """Return what messages call an image: its path, or its id in the source."""
    info = dataset.image_info[image_id]
    return str(info["path"] or info["id"])


def _resize(image, resizing, rng):
    """`resize_image`, with the place of a random cut from the sample's own generator."""
    if resizing["mode"] != "crop":
        return resize_image(image, **resizing)
    # pad64 enlarges by the same rule; the cut is then taken from the part that is not padding.
    padded, window, scale, padding, _ = resize_image(image, **{**resizing, "mode": "pad64"})
    side = resizing["min_dim"]
    y1, x1, y2, x2 = window
    top, left = (int(rng.integers(size - side + 1)) for size in (y2 - y1, x2 - x1))
    cut = padded[y1 + top : y1 + top + side, x1 + left : x1 + left + side]
    return cut, (0, 0, side, side), scale, padding, (top, left, side, side)
