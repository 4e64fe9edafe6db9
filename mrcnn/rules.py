"""What each setting of a Config must be: RULES has all of them, `faults` what does not hold."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np

from mrcnn import image_meta
from mrcnn.nn import backbones

PRECISIONS = ("float32", "bfloat16", "auto")
# Of the feature pyramid, P2 to P6.
LEVELS = 5
# The FPN halves the image six times, so sides that are not multiples of 64 do not line up again
# on the way back.
SIZE_MULTIPLE = 2**6
# The setting that fixes the side of the molded image.
SIDES = {"square": "IMAGE_MAX_DIM", "pad64": "IMAGE_MIN_DIM", "crop": "IMAGE_MIN_DIM"}
SHOWN_LETTERS = 60


class Kind(NamedTuple):
    """What a setting must be, in words and as a function that takes any object."""

    words: str
    holds: Callable[[object], bool]


def is_whole(value, least: int = 1) -> bool:
    """Tell whether a value is a whole number, `least` or more."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= least


def is_number(value, least: float = -math.inf, most: float = math.inf) -> bool:
    """Tell whether a value is a finite number from `least` to `most`."""
    try:
        real = isinstance(value, Real) and not isinstance(value, bool)
        return real and math.isfinite(value) and least <= value <= most
    except OverflowError:
        return False


def _several(value, holds, least: int, most: float = math.inf) -> bool:
    """Tell whether a list, tuple or array has `least` to `most` values that all hold."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    return (
        isinstance(value, list | tuple) and least <= len(value) <= most and all(map(holds, value))
    )


def _positive(value) -> bool:
    return is_number(value, 0) and value > 0


def _optional(kind: Kind, meaning: str = "") -> Kind:
    return Kind(f"{kind.words}, or None{meaning}", lambda value: value is None or kind.holds(value))


def _one_of(names) -> Kind:
    return Kind(
        f"one of {', '.join(names)}", lambda value: isinstance(value, str) and value in names
    )


def _list_of(count: int, each: Kind) -> Kind:
    words = f"{count} numbers, each {each.words}"
    return Kind(words, lambda value: _several(value, each.holds, count, count))


def _is_flag(value) -> bool:
    return isinstance(value, bool | np.bool_) or (is_whole(value, 0) and value <= 1)


def _is_loss_weights(value) -> bool:
    return isinstance(value, Mapping) and all(is_number(weight, 0) for weight in value.values())


def _is_object_sides(value) -> bool:
    def rising(sides):
        return _several(sides, _positive, 3, 3) and list(sides) == sorted(sides)

    return isinstance(value, Mapping) and all(rising(value.get(k)) for k in ("photo", "molded"))


def are_numbers(value) -> bool:
    """Tell whether a value is a list, tuple or array of finite numbers, one or more."""
    return _several(value, is_number, 1)


WHOLE = Kind("a whole number, 1 or more", is_whole)
SIDE = _optional(Kind("a whole number, 0 or more", lambda value: is_whole(value, 0)))
POSITIVE = Kind("a number over 0", _positive)
NOT_NEGATIVE = Kind("a number, 0 or more", lambda value: is_number(value, 0))
SHARE = Kind("from 0 to 1", lambda value: is_number(value, 0, 1))
FLAG = Kind("True or False", _is_flag)
STEPS = _optional(WHOLE, " for the whole data set")

RULES = {
    "NAME": _optional(Kind("text", lambda value: isinstance(value, str))),
    "GPU_COUNT": WHOLE,
    "IMAGES_PER_GPU": WHOLE,
    "STEPS_PER_EPOCH": STEPS,
    "VALIDATION_STEPS": STEPS,
    "BACKBONE": Kind(
        f"one of {backbones.WORDS}, or a function",
        lambda value: callable(value) or backbones.is_known(value),
    ),
    "COMPUTE_BACKBONE_SHAPE": _optional(Kind("a function", callable)),
    "BACKBONE_STRIDES": _list_of(LEVELS, WHOLE),
    "TOP_DOWN_PYRAMID_SIZE": WHOLE,
    "RPN_CONV_LAYER_SIZE": WHOLE,
    "FPN_CLASSIF_FC_LAYERS_SIZE": WHOLE,
    "MASK_CONV_LAYERS_SIZE": WHOLE,
    "NUM_CLASSES": WHOLE,
    "PRECISION": _one_of(PRECISIONS),
    "RPN_ANCHOR_SCALES": _list_of(LEVELS, POSITIVE),
    "RPN_ANCHOR_RATIOS": Kind(
        "one number or more, each over 0", lambda value: _several(value, _positive, 1)
    ),
    "RPN_ANCHOR_STRIDE": WHOLE,
    "RPN_NMS_THRESHOLD": SHARE,
    "RPN_TRAIN_ANCHORS_PER_IMAGE": WHOLE,
    "PRE_NMS_LIMIT": WHOLE,
    "POST_NMS_ROIS_TRAINING": WHOLE,
    "POST_NMS_ROIS_INFERENCE": WHOLE,
    "USE_MINI_MASK": FLAG,
    "MINI_MASK_SHAPE": _list_of(2, WHOLE),
    "IMAGE_RESIZE_MODE": _one_of(("none", "square", "pad64", "crop")),
    "IMAGE_MIN_DIM": SIDE,
    "IMAGE_MAX_DIM": WHOLE,
    "IMAGE_MIN_SCALE": _optional(NOT_NEGATIVE),
    "IMAGE_CHANNEL_COUNT": WHOLE,
    "MEAN_PIXEL": Kind(
        "one number a channel", lambda value: is_number(value) or are_numbers(value)
    ),
    "OBJECT_SIDES": _optional(
        Kind('three numbers over 0, rising, for "photo" and for "molded"', _is_object_sides)
    ),
    "TRAIN_ROIS_PER_IMAGE": WHOLE,
    "ROI_POSITIVE_RATIO": SHARE,
    "POOL_SIZE": WHOLE,
    "MASK_POOL_SIZE": WHOLE,
    "MASK_SHAPE": _list_of(2, WHOLE),
    "MASK_CANONICAL_SIDE": POSITIVE,
    "MAX_GT_INSTANCES": WHOLE,
    "RPN_BBOX_STD_DEV": _list_of(4, POSITIVE),
    "BBOX_STD_DEV": _list_of(4, POSITIVE),
    "DETECTION_MAX_INSTANCES": WHOLE,
    "DETECTION_MIN_CONFIDENCE": SHARE,
    "DETECTION_NMS_THRESHOLD": SHARE,
    "LEARNING_RATE": NOT_NEGATIVE,
    "LEARNING_MOMENTUM": SHARE,
    "WEIGHT_DECAY": NOT_NEGATIVE,
    "LOSS_WEIGHTS": Kind("a dict of numbers, 0 or more, by loss", _is_loss_weights),
    "USE_RPN_ROIS": FLAG,
    "TRAIN_BN": _optional(FLAG),
    "ACCUMULATE_BATCHES": WHOLE,
    "GRADIENT_CLIP_NORM": POSITIVE,
}
# What `Config` computes, and from which settings; together these are NEEDED.
COMPUTED = {
    "BATCH_SIZE": ("GPU_COUNT", "IMAGES_PER_GPU"),
    "IMAGE_SHAPE": ("IMAGE_RESIZE_MODE", "IMAGE_MIN_DIM", "IMAGE_MAX_DIM", "IMAGE_CHANNEL_COUNT"),
    "IMAGE_META_SIZE": ("NUM_CLASSES",),
}
NEEDED = {name for names in COMPUTED.values() for name in names}


def computed(config) -> dict:
    """Return the values of COMPUTED; raises ValueError where a setting that they need is wrong."""
    _refuse(config, _broken(config, NEEDED).values())
    side = config.IMAGE_MIN_DIM if config.IMAGE_RESIZE_MODE == "crop" else config.IMAGE_MAX_DIM
    return {
        "BATCH_SIZE": config.IMAGES_PER_GPU * config.GPU_COUNT,
        "IMAGE_SHAPE": np.array([side, side, config.IMAGE_CHANNEL_COUNT]),
        "IMAGE_META_SIZE": image_meta.size(config.NUM_CLASSES),
    }


def check(config) -> None:
    """Raise ValueError naming every setting that cannot work, and what would."""
    _refuse(config, faults(config))


def faults(config) -> Iterator[str]:
    """Yield a sentence for each setting that cannot work."""
    wrong = _broken(config, RULES)
    yield from wrong.values()
    for names, fault in (
        (("IMAGE_RESIZE_MODE", "IMAGE_MIN_DIM", "IMAGE_MAX_DIM"), _side_fault),
        (("MEAN_PIXEL", "IMAGE_CHANNEL_COUNT"), _mean_fault),
        (("MASK_SHAPE", "MASK_POOL_SIZE"), _mask_fault),
        (("TRAIN_ROIS_PER_IMAGE", "ROI_POSITIVE_RATIO"), _roi_fault),
        (("ACCUMULATE_BATCHES", "GPU_COUNT"), _accumulation_fault),
    ):
        if not wrong.keys() & set(names) and (sentence := fault(config)):
            yield sentence
    if wrong.keys() & NEEDED:
        return
    for name, expected in computed(config).items():
        value = getattr(config, name)
        if not np.array_equal(value, expected):
            made = f"{', '.join(COMPUTED[name])} make it {_shown(expected)}"
            yield (
                f"{name} is {_shown(value)} but {made}: it follows when the Config is made, so set "
                "the others as class attributes"
            )


def _broken(config, names: Iterable[str]) -> dict[str, str]:
    """Return a sentence for each of these settings that is not what it must be."""
    return {
        name: f"{name} is {_shown(value)}, it must be {kind.words}"
        for name, kind in RULES.items()
        if name in names and not kind.holds(value := getattr(config, name))
    }


def _refuse(config, sentences: Iterable[str]) -> None:
    text = "; ".join(sentences)
    if text:
        raise ValueError(f"{type(config).__name__}: {text}")


def _shown(value) -> str:
    """Return a value in one short line."""
    text = " ".join(repr(value.tolist() if isinstance(value, np.ndarray) else value).split())
    return text if len(text) <= SHOWN_LETTERS else f"{text[: SHOWN_LETTERS - 3]}..."


def _side_fault(config):
    mode = config.IMAGE_RESIZE_MODE
    name = SIDES.get(mode)
    side = getattr(config, name) if name else 0
    # pad64 may leave the scale as it is.
    if name is None or (mode == "pad64" and not side) or (side and side % SIZE_MULTIPLE == 0):
        return None
    return f"{name} is {side!r}, it must be {multiple_text(side or 0)}"


def multiple_text(side: int) -> str:
    """Return what an image's side must be, and the nearest one to `side` pixels that is."""
    near = max(SIZE_MULTIPLE, round(side / SIZE_MULTIPLE) * SIZE_MULTIPLE)
    return f"a multiple of {SIZE_MULTIPLE}: try {near}"


def _mean_fault(config):
    count, channels = np.size(config.MEAN_PIXEL), config.IMAGE_CHANNEL_COUNT
    if count != channels:
        return f"MEAN_PIXEL has {count} numbers but IMAGE_CHANNEL_COUNT is {channels}"


def _mask_fault(config):
    side = 2 * config.MASK_POOL_SIZE
    if list(config.MASK_SHAPE) != [side, side]:
        made = f"the mask head makes {[side, side]}: twice MASK_POOL_SIZE"
        return f"MASK_SHAPE is {_shown(config.MASK_SHAPE)} but {made}"


def _accumulation_fault(config):
    # Keras's optimizers raise there.
    count, devices = config.ACCUMULATE_BATCHES, config.GPU_COUNT
    if count > 1 and devices > 1:
        return f"ACCUMULATE_BATCHES is {count} but GPU_COUNT {devices}: it takes one GPU"


def _roi_fault(config):
    count = config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO
    if count < 1:
        must = "it must be 1 or more: the mask head learns from RoIs with an object alone"
        return f"TRAIN_ROIS_PER_IMAGE * ROI_POSITIVE_RATIO is {count:g}, {must}"
