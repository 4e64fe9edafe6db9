"""From a weights file to a detector: which classes, which settings, and the network."""

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mrcnn import settings
from mrcnn.coco_classes import COCO_CLASS_NAMES
from mrcnn.commands.weights import backbone_settings
from mrcnn.config import Config
from mrcnn.nn.weights_file import WeightsInfo, inspect


@dataclass
class Opened:
    """A weights file that detects.

    Attributes:
        info: what the file's header tells.
        class_names: "BG" first.
        config: the settings to detect with, one RGB image at a time.
        min_confidence: the least score of what is found.
        exact: whether convolutions are computed in float32 without rounding.
        device: "cpu", "gpu", "gpu:1", or None for what is there.
    """

    info: WeightsInfo
    class_names: list[str]
    config: Config
    min_confidence: float
    exact: bool
    device: str | None = None

    @functools.cached_property
    def detector(self):
        """The `Detector`, made at its first use: TensorFlow starts then, and the weights load.

        Raises `nn.weights.WeightsError`, a ValueError, where the file lacks some.
        """
        from mrcnn.quiet import start_keras

        start_keras(self.device)
        from mrcnn import devices
        from mrcnn.detector import Detector
        from mrcnn.nn import network

        devices.require(self.device)
        devices.prepare(exact=self.exact)
        # The network lets all scores through: a result tells what scored too little.
        everything = settings.with_settings(type(self.config), {"DETECTION_MIN_CONFIDENCE": 0})
        model = network.build("inference", everything, random_weights=False)
        print(model.load_published(self.info.path))
        return Detector(model, self.config)


def open_model(
    path: str | Path,
    config_class: type = Config,
    *,
    classes: str | None = None,
    min_confidence: float | None = None,
    max_instances: int | None = None,
    image_size: int | None = None,
    precision: str = Config.PRECISION,
    backbone: str | None = None,
    device: str | None = None,
) -> Opened:
    """Look at a weights file, and at all that can be wrong with how it shall be used.

    Arguments:
        path: the weights file; its settings count.
        config_class: the Config whose settings count where the file tells none.
        classes, backbone: see `class_names_for` and `weights.backbone_settings`.
        min_confidence, max_instances: the least score, and the most objects of an image.
        image_size: pixels, a multiple of 64: the larger side of the image as the network sees it.
        precision: PRECISION.
        device: see `Opened`.

    What is None is as the file's settings say. Raises ValueError in one sentence.
    """
    info = inspect(path)
    if not info.num_classes:
        raise ValueError(f"{info.path} detects nothing yet: it holds a backbone to train from")
    class_names = class_names_for(info, classes)
    needed = backbone_settings(info, backbone, settings.own_backbone(config_class))
    try:
        config = settings.to_detect(
            config_class,
            info.settings or {},
            image_size,
            NUM_CLASSES=info.num_classes,
            PRECISION=precision,
            DETECTION_MIN_CONFIDENCE=min_confidence,
            DETECTION_MAX_INSTANCES=max_instances,
            **needed,
        )
    except ValueError as error:
        raise ValueError(f"{info.path}: {error}") from error
    least = settings.min_confidence(config)
    return Opened(info, class_names, config, least, precision == "float32", device)


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
