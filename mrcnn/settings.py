"""Settings between a Config, files and the rooms: how they are stored, how a Config is made of
them, and the keywords that they become for code that takes no Config."""

import contextlib
import json
from collections.abc import Callable, Mapping

import numpy as np

from mrcnn.nn.backbones import spell
from mrcnn.rules import COMPUTED, RULES, SIZE_MULTIPLE, are_numbers, is_whole

# Of a file's settings, those that detecting sets itself, and those that it has no use for.
NOT_TO_DETECT = {
    "GPU_COUNT",
    "IMAGES_PER_GPU",
    "PRECISION",
    "BACKBONE",
    "COMPUTE_BACKBONE_SHAPE",
    "STEPS_PER_EPOCH",
    "VALIDATION_STEPS",
    "TRAIN_ROIS_PER_IMAGE",
    "ROI_POSITIVE_RATIO",
}

# -- Stored settings ---------------------------------------------------------------------------


def stored(config) -> dict:
    """Return the settings of every Config as JSON has them, a function as "module:function".

    What JSON cannot hold is left out, and functions that no module has under their name.
    """
    found = {}
    for name in sorted({*RULES, *COMPUTED}):
        value = getattr(config, name)
        if callable(value):
            value = spell(value)
            if value is None:
                continue
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            # NumPy's values have `tolist`; other objects are left out.
            found[name] = json.loads(json.dumps(value, default=lambda array: array.tolist()))
    return found


def with_settings(
    config_class: type, settings: Mapping[str, object], image_size: int | None = None
):
    """Return an instance of a Config class with other settings, such as a file's.

    `image_size` is the larger side of the image as the network sees it, in pixels. Names that the
    class does not have, and what a Config computes, are passed over, so that files of later
    versions can be read. Raises ValueError naming every setting that cannot work.
    """
    attributes = {}
    for name, value in settings.items():
        if name in COMPUTED or not name.isupper() or not hasattr(config_class, name):
            continue
        if isinstance(getattr(config_class, name), np.ndarray) and are_numbers(value):
            value = np.asarray(value)
        # A function is none of the class's methods.
        attributes[name] = staticmethod(value) if callable(value) else value
    if image_size:
        attributes["IMAGE_MAX_DIM"] = image_size
        smaller = attributes.get("IMAGE_MIN_DIM", config_class.IMAGE_MIN_DIM) or image_size
        if is_whole(smaller):
            attributes["IMAGE_MIN_DIM"] = min(smaller, image_size)
    config = type(config_class.__name__, (config_class,), attributes)()
    config.check()
    return config


def to_detect(
    config_class: type, stored: Mapping[str, object], image_size: int | None = None, **given
):
    """Return the Config to detect with, one image at a time.

    Arguments:
        config_class: its settings count where nothing else is said.
        stored: the settings of a weights file; those that training alone uses do not count.
        image_size: the larger side of the image as the network sees it, in pixels.
        given: settings that count above all, unless they are None.

    Raises ValueError as `with_settings` does, and where images are not RGB.
    """
    kept = {name: value for name, value in stored.items() if name not in NOT_TO_DETECT}
    kept |= {"GPU_COUNT": 1, "IMAGES_PER_GPU": 1}
    kept |= {name: value for name, value in given.items() if value is not None}
    # Random cuts are for training.
    if image_size or kept.get("IMAGE_RESIZE_MODE", config_class.IMAGE_RESIZE_MODE) == "crop":
        kept["IMAGE_RESIZE_MODE"] = "square"
    config = with_settings(config_class, kept, image_size)
    if config.IMAGE_CHANNEL_COUNT != 3:
        raise ValueError(f"IMAGE_CHANNEL_COUNT is {config.IMAGE_CHANNEL_COUNT}, photos have 3")
    return config


def cropping(side: int) -> dict:
    """Return the settings of a training on cuts of `side` pixels of the network's image."""
    return {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": side, "IMAGE_MAX_DIM": side}


# -- Keywords ----------------------------------------------------------------------------------


def name(config) -> str:
    """Return the name that the folders of runs carry."""
    return str(config.NAME)


def learning_rate(config) -> float:
    """Return the learning rate that a training starts with."""
    return config.LEARNING_RATE


def own_backbone(config) -> Callable | None:
    """Return the BACKBONE where it is a function."""
    return config.BACKBONE if callable(config.BACKBONE) else None


def backbone(config) -> str | Callable:
    """Return the BACKBONE."""
    return config.BACKBONE


def min_confidence(config) -> float:
    """Return the least score of what is found."""
    return config.DETECTION_MIN_CONFIDENCE


def resizing(config) -> dict:
    """Return the keywords of `data.resizing.resize_image`."""
    return {
        "min_dim": config.IMAGE_MIN_DIM,
        "max_dim": config.IMAGE_MAX_DIM,
        "min_scale": config.IMAGE_MIN_SCALE,
        "mode": config.IMAGE_RESIZE_MODE,
    }


def max_instances(config) -> int:
    """Return the most objects of an image."""
    return config.DETECTION_MAX_INSTANCES


def exporting(config) -> dict:
    """Return what `runtimes.description.Description` keeps of a Config."""
    return {
        "molding": resizing(config) | {"mean_pixel": np.asarray(config.MEAN_PIXEL).tolist()},
        "max_instances": config.DETECTION_MAX_INSTANCES,
        "min_confidence": config.DETECTION_MIN_CONFIDENCE,
        "settings": stored(config),
    }


def tiling(config) -> dict:
    """Return the keywords of `tiles.views` that tell of the network."""
    # Without a size of its own, as with pad64, the network takes any multiple.
    side = int(config.IMAGE_SHAPE[0])
    return {
        "network_side": -(-side // SIZE_MULTIPLE) * SIZE_MULTIPLE,
        "object_sides": config.OBJECT_SIDES,
    }


def anchors(config) -> dict:
    """Return the keywords of `anchors.pyramid`.

    COMPUTE_BACKBONE_SHAPE counts with a BACKBONE of one's own alone. Where it is missing the
    shapes of the levels follow from BACKBONE_STRIDES.
    """
    return {
        "scales": config.RPN_ANCHOR_SCALES,
        "ratios": config.RPN_ANCHOR_RATIOS,
        "strides": config.BACKBONE_STRIDES,
        "anchor_stride": config.RPN_ANCHOR_STRIDE,
        "compute": config.COMPUTE_BACKBONE_SHAPE if callable(config.BACKBONE) else None,
    }


def batches(config) -> dict:
    """Return the keywords of `data.batches.DataGenerator`."""
    return {
        "batch_size": config.BATCH_SIZE,
        "channels": config.IMAGE_CHANNEL_COUNT,
        "mean_pixel": config.MEAN_PIXEL,
        "mini_mask_shape": config.MINI_MASK_SHAPE if config.USE_MINI_MASK else None,
        "max_instances": config.MAX_GT_INSTANCES,
        "max_positives": int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO),
        "random_rois": 0 if config.USE_RPN_ROIS else config.POST_NMS_ROIS_TRAINING,
        "resizing": resizing(config),
        "anchors": anchors(config),
        "rpn_targets": {
            "anchors_per_image": config.RPN_TRAIN_ANCHORS_PER_IMAGE,
            "bbox_std_dev": config.RPN_BBOX_STD_DEV,
        },
    }


def feeding(config) -> dict:
    """Return the keywords of `training.run.Run.feed`."""
    return batches(config) | {
        "num_classes": config.NUM_CLASSES,
        "steps": config.STEPS_PER_EPOCH,
        "validation_steps": config.VALIDATION_STEPS,
    }


def planning(config) -> dict:
    """Return the keywords of `training.plan.settled`."""
    return {
        "learning_rate": config.LEARNING_RATE,
        "weight_decay": config.WEIGHT_DECAY,
        "momentum": config.LEARNING_MOMENTUM,
        "loss_weights": config.LOSS_WEIGHTS,
    }


def minimising(config) -> dict:
    """Return the keywords of `training.run.compile_model`."""
    return {
        "clip_norm": config.GRADIENT_CLIP_NORM,
        "loss_weights": config.LOSS_WEIGHTS,
        "weight_decay": config.WEIGHT_DECAY,
        "accumulate": config.ACCUMULATE_BATCHES,
    }


def masks_cut_from(config) -> tuple[int, int]:
    """Return (rows, columns) of the masks that targets are cut from, as of `detector.unmold`."""
    return tuple(config.MINI_MASK_SHAPE) if config.USE_MINI_MASK else (0, 0)


def checking(config) -> dict:
    """Return the keywords of `check.check.check_dataset`."""
    return {
        "max_instances": config.MAX_GT_INSTANCES,
        "anchor_scales": config.RPN_ANCHOR_SCALES,
        "anchor_ratios": config.RPN_ANCHOR_RATIOS,
        "resizing": resizing(config),
    }
