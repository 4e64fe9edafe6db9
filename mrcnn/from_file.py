"""What a weights file tells of a model: the names of its classes, and its Config."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrcnn import settings
from mrcnn.coco_classes import COCO_CLASS_NAMES
from mrcnn.config import Config
from mrcnn.nn.weights_file import WeightsInfo, inspect

# What trained weights mean depends on, though no shape shows it.
MEANINGS = (
    "BACKBONE_STRIDES",
    "RPN_ANCHOR_SCALES",
    "RPN_ANCHOR_RATIOS",
    "RPN_ANCHOR_STRIDE",
    "RPN_BBOX_STD_DEV",
    "BBOX_STD_DEV",
    "MASK_SHAPE",
    "MASK_CANONICAL_SIDE",
    "MEAN_PIXEL",
)


def other_settings(info: WeightsInfo, config) -> list[str]:
    """Return a line for each setting of MEANINGS that weights were trained with another of."""
    theirs, ours = info.settings or {}, settings.stored(config)
    return [
        f"  trained with {name} {theirs[name]}, the Config has {ours[name]}"
        for name in MEANINGS
        if name in theirs and name in ours and not _same(theirs[name], ours[name])
    ]


def _same(one, other) -> bool:
    """Tell whether two settings are the same numbers, as float32 has them."""
    try:
        one, other = (np.asarray(each, np.float32) for each in (one, other))
    except (TypeError, ValueError):  # a file may say anything
        return one == other
    return np.shape(one) in ((), np.shape(other)) and np.allclose(one, other, rtol=1e-6)


def model_of(
    cls,
    path: str | Path,
    *,
    min_confidence: float | None = None,
    class_names: Sequence[str] | None = None,
    image_size: int | None = None,
    precision: str = Config.PRECISION,
    config: type = Config,
    model_dir: str | Path = "log",
):
    """Return a model that detects with a weights file, whose settings and classes are the file's.

    Arguments:
        path: a weights file in the published layout.
        min_confidence: the least score of an object; by default what the file says, else 0.7.
        class_names: "BG" first, for a file that does not name its classes.
        image_size: pixels, a multiple of 64: the larger side of an image as the network sees it.
        precision: `PRECISION` of the Config.
        config: a Config class whose settings count where the file has none, such as a BACKBONE of
            your own.
        model_dir: see `MaskRCNN`.

    Its `class_names`, "BG" first, go with the class ids. Raises ValueError for a file that cannot
    be used, that has a backbone of its own, or other classes than `class_names`.
    """
    info = inspect(path)
    if not info.num_classes:
        raise ValueError(f"{path} detects nothing yet: it holds a backbone to train from")
    if class_names is not None and len(class_names) != info.num_classes:
        raise ValueError(
            f"class_names has {len(class_names)} names, {path} has {info.num_classes} classes, the "
            "background included"
        )
    names = list(class_names) if class_names is not None else class_names_for(info)
    own = settings.own_backbone(config)
    if info.backbone is None and not own:
        raise ValueError(f"{path} has a backbone of its own: give a config that has it as BACKBONE")
    made = settings.to_detect(
        config,
        info.settings or {},
        image_size,
        NUM_CLASSES=info.num_classes,
        BACKBONE=None if own else info.backbone,
        PRECISION=precision,
        DETECTION_MIN_CONFIDENCE=min_confidence,
    )
    model = cls("inference", made, model_dir)
    model.load_weights(str(path), by_name=True)
    model.class_names = names
    return model


def class_names_for(info: WeightsInfo, wanted: str | None = None) -> list[str]:
    """Return the class names, "BG" first, of weights.

    Arguments:
        info: what the file's header tells.
        wanted: what `--classes` says: names separated by commas, or a text file with one a line.
            Without it the names are those in the weights file, those in `<stem>.classes.txt` or
            `classes.txt` beside it, or, of 81 classes, COCO's.

    Raises ValueError where there are no names, or not as many as classes.
    """
    own_file = info.path.with_name(f"{info.path.stem}.classes.txt")
    files = (own_file, info.path.with_name("classes.txt"))
    beside = next(filter(Path.is_file, files), None)
    if wanted is not None:
        # Unlike Path's, this one takes a list of names too long for a file's.
        is_file = os.path.isfile(wanted)
        if not is_file and wanted.lower().endswith(".txt"):
            raise ValueError(f"--classes {wanted}: no such file")
        names = _names_in(Path(wanted)) if is_file else wanted.split(",")
        origin = f"--classes {wanted}"
    elif info.class_names:
        names, origin = info.class_names, str(info.path)
    elif beside:
        names, origin = _names_in(beside), str(beside)
    elif info.num_classes == len(COCO_CLASS_NAMES):
        return list(COCO_CLASS_NAMES)
    else:
        raise ValueError(
            f"{info.path} has {_classes(info)} but does not tell their names: give them with "
            f'--classes "first,second", or in {own_file.name} beside it, one a line'
        )
    names = [name.strip() for name in names if name.strip()]
    if names and names[0].casefold() in ("bg", "background"):
        names = names[1:]
    if len(names) != info.num_classes - 1:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        given = f"{origin} names {len(names)} ({shown})"
        raise ValueError(f"{given}, but {info.path} has {_classes(info)}")
    return ["BG", *names]


def _names_in(path: Path) -> Sequence[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        text = "is not a text file, in UTF-8, with one class name a line"
        raise ValueError(f"{path} {text}") from None


def _classes(info) -> str:
    count = info.num_classes - 1
    return f"{count} class{'es' if count != 1 else ''} besides the background"
