"""From a weights file to a model that is ready to train on new classes.

Importing this loads neither Keras nor TensorFlow.
"""

from collections.abc import Sequence
from pathlib import Path

from mrcnn import settings
from mrcnn.commands.weights import backbone_settings
from mrcnn.config import Config
from mrcnn.nn.weights import CLASS_LAYERS, WeightsInfo
from mrcnn.training import run_files as runs

# What the shapes and the meaning of weights depend on: without it they cannot be used.
NETWORK_SETTINGS = (
    "BACKBONE_STRIDES",
    "TOP_DOWN_PYRAMID_SIZE",
    "RPN_CONV_LAYER_SIZE",
    "FPN_CLASSIF_FC_LAYERS_SIZE",
    "MASK_CONV_LAYERS_SIZE",
    "RPN_ANCHOR_RATIOS",
    "RPN_ANCHOR_STRIDE",
    "RPN_BBOX_STD_DEV",
    "BBOX_STD_DEV",
    "POOL_SIZE",
    "MASK_POOL_SIZE",
    "MASK_SHAPE",
    "IMAGE_CHANNEL_COUNT",
    "MEAN_PIXEL",
)
# What weights were trained for; a script that sets it means what it says.
HABITS = ("IMAGE_RESIZE_MODE", "IMAGE_MIN_DIM", "IMAGE_MAX_DIM", "RPN_ANCHOR_SCALES")
# What a run that is resumed keeps of its Config where nothing else is said.
RUN_SETTINGS = (*HABITS, "IMAGES_PER_GPU", "STEPS_PER_EPOCH", "VALIDATION_STEPS", "PRECISION")


def check_resumable(info: WeightsInfo, class_names: Sequence[str]) -> None:
    """Raise ValueError where a run was for other classes than `class_names` ("BG" first)."""
    if other_classes(info, class_names):
        raise ValueError(
            f"{info.path} is of a run for other classes than {', '.join(class_names[1:])}: it "
            "cannot be resumed, but its weights can start a new run, without --resume"
        )


def inherited_settings(
    info: WeightsInfo, config_class: type, resume: bool, backbone: str | None = None
) -> dict:
    """Return the settings of a Config that follow from the weights.

    The backbone, unless the Config has a function of its own; NETWORK_SETTINGS always, HABITS
    where `config_class` leaves them at Config's own, and of a run that is resumed RUN_SETTINGS.
    `backbone` is what `--backbone` says. Raises ValueError as `weights.backbone_settings` does.
    """
    left = [name for name in HABITS if getattr(config_class, name) == getattr(Config, name)]
    names = (*NETWORK_SETTINGS, *(RUN_SETTINGS if resume else left))
    stored = info.settings or {}
    kept = {name: stored[name] for name in names if name in stored}
    if settings.own_backbone(config_class) and not backbone:
        return kept
    return kept | backbone_settings(info, backbone)


def load_for_training(model, info: WeightsInfo, class_names: Sequence[str]) -> None:
    """Load weights into a model that is about to be trained, and print what became of them.

    Where the file was trained for other classes, the layers of CLASS_LAYERS start anew, and with
    them a new run.

    Arguments:
        model: a `MaskRCNN` in training mode.
        info: of the file, see `nn.weights.inspect`.
        class_names: the classes to train, "BG" first.
    """
    if info.num_classes is None or not other_classes(info, class_names):
        model.load_weights(str(info.path), by_name=True)
        return
    model.load_weights(str(info.path), by_name=True, exclude=CLASS_LAYERS)
    model.set_log_dir()
    known = info.class_names or [None] * info.num_classes
    print(
        f"The weights are for {_classes(known)}, the data set has {_classes(class_names)}: "
        f"{', '.join(CLASS_LAYERS)} start anew, all other layers as in the file"
    )


def other_classes(info: WeightsInfo, class_names: Sequence[str]) -> bool:
    """Tell whether weights with heads were trained for other classes than `class_names`."""
    if info.class_names:
        return list(info.class_names) != list(class_names)
    return info.num_classes != len(class_names)


def _classes(names):
    """Return such as "2 classes (cup, plate)"; the background does not count."""
    objects = list(names)[1:]
    count = f"{len(objects)} class{'es' if len(objects) != 1 else ''}"
    if not objects or None in objects:
        return count
    return f"{count} ({', '.join(objects[:5])}{', ...' if len(objects) > 5 else ''})"


def stopped_text(log_dir: str | Path) -> str:
    """Say what is left of a run that was stopped, and how to go on."""
    checkpoint = runs.find_resumable(log_dir)
    if checkpoint is None:
        return "Stopped before the first epoch was done: nothing is left to go on from."
    epoch = runs.epoch_of(checkpoint)
    return (
        f"Stopped; {checkpoint} holds what was learned in {epoch} "
        f"epoch{'s' if epoch != 1 else ''}. The same command with --weights last --resume, and "
        "without --learning-rate, goes on."
    )


def finished_text(log_dir: str | Path, dataset: str | Path) -> str:
    """Say where the weights of a run are, and how to measure them."""
    best = runs.best_of(log_dir)
    if best is None:
        return f"The weights are in {log_dir}"
    return (
        f"The weights are in {log_dir}, its losses as curves in losses.png.\n"
        f"How good the best epoch is: evaluate --dataset {dataset} --weights {best}"
    )
