"""Settings between a Config, files and the rooms: how they are stored, how a Config is made of
them, and the keywords that they become for code that takes no Config.

Importing this loads neither Keras nor TensorFlow.
"""

import contextlib
import functools
import json
from collections.abc import Mapping

import numpy as np

from mrcnn.anchors import level_shapes
from mrcnn.nn.backbones import spell
from mrcnn.rules import COMPUTED, RULES, are_numbers

# -- Stored settings ---------------------------------------------------------------------------


def stored(config) -> dict:
    """Return the settings of every Config as JSON has them, a function as "module:function".

    What JSON cannot hold is left out, and functions that no module has under their name.
    """
    found = {}
    for name in sorted({*RULES, *COMPUTED}):
        value = getattr(config, name)
        text = spell(value) if callable(value) else None
        with contextlib.suppress(TypeError, ValueError):
            if text or not callable(value):
                found[name] = json.loads(json.dumps(text or value, default=_plain))
    return found


def _plain(value):
    """Return a NumPy value as JSON has it; raises TypeError for what is none."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError


def with_settings(config_class: type, settings: Mapping[str, object]):
    """Return an instance of a Config class with other settings, such as a file's.

    Names that the class does not have, and what a Config computes, are passed over, so that files
    of later versions can be read. Raises ValueError naming every setting that cannot work.
    """
    attributes = {}
    for name, value in settings.items():
        if name in COMPUTED or not name.isupper() or not hasattr(config_class, name):
            continue
        as_array = isinstance(getattr(config_class, name), np.ndarray)
        if as_array and are_numbers(value):
            value = np.asarray(value, np.float64)
        # A function is none of the class's methods.
        attributes[name] = staticmethod(value) if callable(value) else value
    config = type(config_class.__name__, (config_class,), attributes)()
    config.check()
    return config


# -- Keywords ----------------------------------------------------------------------------------


def resizing(config) -> dict:
    """Return the keywords of `data.resizing.resize_image`."""
    return {
        "min_dim": config.IMAGE_MIN_DIM,
        "max_dim": config.IMAGE_MAX_DIM,
        "min_scale": config.IMAGE_MIN_SCALE,
        "mode": config.IMAGE_RESIZE_MODE,
    }


def anchors(config) -> dict:
    """Return the keywords of `anchors.anchors_of`.

    With a BACKBONE of one's own COMPUTE_BACKBONE_SHAPE tells the shapes of the levels; where it
    is missing they follow from BACKBONE_STRIDES, as with all others.
    """
    compute = config.COMPUTE_BACKBONE_SHAPE if callable(config.BACKBONE) else None
    return {
        "scales": config.RPN_ANCHOR_SCALES,
        "ratios": config.RPN_ANCHOR_RATIOS,
        "strides": config.BACKBONE_STRIDES,
        "anchor_stride": config.RPN_ANCHOR_STRIDE,
        "shapes": functools.partial(level_shapes, strides=config.BACKBONE_STRIDES, compute=compute),
    }


def rpn_targets(config) -> dict:
    """Return the keywords of `targets.rpn.rpn_targets`."""
    return {
        "anchors_per_image": config.RPN_TRAIN_ANCHORS_PER_IMAGE,
        "bbox_std_dev": config.RPN_BBOX_STD_DEV,
    }


def roi_targets(config) -> dict:
    """Return the keywords of `targets.rois.detection_targets`."""
    return {
        "num_classes": config.NUM_CLASSES,
        "count": config.TRAIN_ROIS_PER_IMAGE,
        "positive_ratio": config.ROI_POSITIVE_RATIO,
        "bbox_std_dev": config.BBOX_STD_DEV,
        "mask_shape": config.MASK_SHAPE,
    }


def batches(config) -> dict:
    """Return the keywords of `data.batches.DataGenerator`."""
    return {
        "batch_size": config.BATCH_SIZE,
        "channels": config.IMAGE_CHANNEL_COUNT,
        "mean_pixel": config.MEAN_PIXEL,
        "mini_mask_shape": config.MINI_MASK_SHAPE if config.USE_MINI_MASK else None,
        "max_instances": config.MAX_GT_INSTANCES,
        "random_rois": 0 if config.USE_RPN_ROIS else config.POST_NMS_ROIS_TRAINING,
        "resizing": resizing(config),
        "anchors": anchors(config),
        "rpn_targets": rpn_targets(config),
    }


def checking(config) -> dict:
    """Return the keywords of `check.check.check_dataset`."""
    return {
        "max_instances": config.MAX_GT_INSTANCES,
        "anchor_scales": config.RPN_ANCHOR_SCALES,
        "resizing": resizing(config),
    }
