"""From a weights file to a model that predicts: which file, which classes, which Config.

Scripts that predict share this; importing it loads neither Keras nor TensorFlow.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrcnn.coco_classes import COCO_CLASS_NAMES
from mrcnn.config import BACKBONES, COMPUTED, Config
from mrcnn.nn.weights_file import WeightsInfo

LOG_FOLDER = "log"
SHIPPED_WEIGHTS = "custom.h5"
COCO_WEIGHTS = "mask_rcnn_coco.h5"
# Settings of a training run that a prediction sets itself, and those that follow from others.
LEFT_OUT_SETTINGS = {"GPU_COUNT", "IMAGES_PER_GPU", "PRECISION", *COMPUTED}
# Of what a model drops, so many are told of.
DROPPED_SHOWN = 5


def choose_weights(
    wanted: str | None, root: str | Path, log_folder: str | Path | None = None
) -> Path:
    """Return the weights file that `--weights` means.

    Arguments:
        wanted: a path; "coco", the published file beside the scripts, which may have to be
            downloaded; "last", the newest file under `log_folder`, or the best of its run; or
            None, that too, else the `log/custom.h5` that ships.
        root: the folder of the scripts.
        log_folder: by default `log` in `root`.

    Raises ValueError where there is none to choose.
    """
    if wanted == "coco":
        return Path(root, COCO_WEIGHTS)
    if wanted and wanted != "last":
        return Path(wanted)
    shipped = Path(root, LOG_FOLDER, SHIPPED_WEIGHTS)
    folder = Path(log_folder or shipped.parent)
    own = [
        path
        for path in folder.rglob("*.h5")
        if path.resolve() != shipped.resolve() and not path.name.startswith(".")
    ]
    if own:
        newest = max(own, key=lambda path: path.stat().st_mtime)
        return next(newest.parent.glob("mask_rcnn_*_best.h5"), newest)
    if shipped.exists() and not wanted:
        return shipped
    raise ValueError(
        f"there are no weights under {folder}: train first, or give --weights FILE, "
        "or --weights coco for the 80 classes of COCO"
    )


def class_names_for(info: WeightsInfo, wanted: str | None = None) -> list[str]:
    """Return the class names, "BG" first, of weights.

    Arguments:
        info: what the file's header tells.
        wanted: what `--classes` says: names separated by commas, or a text file with one a line.
            Without it the names are those in the weights file, those in `<stem>.classes.txt` or
            `classes.txt` beside it, or, of 81 classes, COCO's.

    Raises ValueError where there are no names, or not as many as classes.
    """
    _require_heads(info)
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
        raise ValueError(
            f"{origin} names {len(names)} ({shown}), but {info.path} has {_classes(info)}"
        )
    return ["BG", *names]


def _names_in(path: Path) -> Sequence[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(
            f"{path} is not a text file, in UTF-8, with one class name a line"
        ) from None


def _classes(info) -> str:
    count = info.num_classes - 1
    return f"{count} class{'es' if count != 1 else ''} besides the background"


def _require_heads(info):
    if not info.num_classes:
        raise ValueError(f"{info.path} detects nothing yet: it holds a backbone to train from")


def make_config(
    info: WeightsInfo,
    max_instances: int | None = None,
    image_size: int | None = None,
    precision: str = Config.PRECISION,
) -> Config:
    """Return the Config that detects with a weights file, one RGB image at a time.

    Arguments:
        info: what the file's header tells; its settings count, else Config's own.
        max_instances: replaces `DETECTION_MAX_INSTANCES`.
        image_size: pixels, a multiple of 64: the larger side of the image as the network sees it.
        precision: `PRECISION`.

    Raises ValueError where that is not possible.
    """
    _require_heads(info)
    if not info.backbone:
        raise ValueError(
            f"{info.path} has a backbone of its own; those that can be run here are "
            f"{', '.join(BACKBONES)}"
        )
    settings = {
        name: np.array(value) if isinstance(getattr(Config, name), np.ndarray) else value
        for name, value in (info.settings or {}).items()
        if name.isupper() and hasattr(Config, name) and name not in LEFT_OUT_SETTINGS
    }
    settings |= {
        "NAME": settings.get("NAME") or "prediction",
        "BACKBONE": info.backbone,
        "NUM_CLASSES": info.num_classes,
        "IMAGES_PER_GPU": 1,
        "PRECISION": precision,
    }
    # Random cuts are for training.
    if settings.get("IMAGE_RESIZE_MODE") == "crop" or image_size:
        settings["IMAGE_RESIZE_MODE"] = "square"
    if max_instances:
        settings["DETECTION_MAX_INSTANCES"] = max_instances
    try:
        if image_size:
            smaller = settings.get("IMAGE_MIN_DIM", Config.IMAGE_MIN_DIM) or image_size
            settings |= {"IMAGE_MAX_DIM": image_size, "IMAGE_MIN_DIM": min(smaller, image_size)}
        config = type("PredictionConfig", (Config,), settings)()
        config.check()
    except TypeError as error:
        raise ValueError(f"{info.path} has settings of a wrong type ({error})") from error
    if config.IMAGE_CHANNEL_COUNT != 3:
        raise ValueError(
            f"{info.path} is for images of {config.IMAGE_CHANNEL_COUNT} channels, photos have 3"
        )
    return config


def load_model(config: Config, weights: str | Path, min_confidence: float):
    """Return a MaskRCNN with `weights` that keeps what scores at least `min_confidence`.

    After `detect` of one image its `dropped` is a list of (score, class id): the best of what
    scored less, so that a script can tell how close it was. `config` is changed to let it through.
    """
    from mrcnn.quiet import start_keras

    start_keras()
    import keras

    from mrcnn.model import MaskRCNN

    class Predictor(MaskRCNN):
        def unmold_detections(self, detections, *shapes):
            class_ids, scores = detections[:, 4], detections[:, 5]
            low = (class_ids > 0) & (scores < min_confidence)
            best = list(zip(scores[low], class_ids[low], strict=True))[:DROPPED_SHOWN]
            self.dropped = [(float(score), int(class_id)) for score, class_id in best]
            # Rows of zeros pad: no mask is pasted at full size only to be thrown away.
            return super().unmold_detections(np.where(low[:, None], 0, detections), *shapes)

    config.DETECTION_MIN_CONFIDENCE = 0
    # All weights come from the file, which load_weights sees to: drawing random ones for ResNet-101
    # takes 0.9 s of a processor.
    with keras.utils.custom_object_scope({"glorot_uniform": keras.initializers.Zeros}):
        model = Predictor("inference", config, LOG_FOLDER)
    model.dropped = []
    model.keras_model.get_layer("mrcnn_mask_rows").min_score = min_confidence
    model.load_weights(str(weights), by_name=True)
    return model
