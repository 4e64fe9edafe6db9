"""The command `train`: from weights and a data set to a run."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mrcnn import settings
from mrcnn.check.report import CheckReport
from mrcnn.commands import weights
from mrcnn.commands.check_command import check, refuse_errors
from mrcnn.commands.process import INTERRUPTED, ROOT
from mrcnn.commands.script import Script
from mrcnn.commands.training_arguments import OPTIONS
from mrcnn.config import Config
from mrcnn.nn.backbones import BACKBONES
from mrcnn.nn.weights import CLASS_LAYERS
from mrcnn.nn.weights_file import WeightsInfo, inspect
from mrcnn.quiet import start_keras
from mrcnn.tables import few
from mrcnn.training import run_files

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
HABITS = (
    "IMAGE_RESIZE_MODE",
    "IMAGE_MIN_DIM",
    "IMAGE_MAX_DIM",
    "RPN_ANCHOR_SCALES",
    "TRAIN_ROIS_PER_IMAGE",
    "PRE_NMS_LIMIT",
    "POST_NMS_ROIS_TRAINING",
    "POST_NMS_ROIS_INFERENCE",
)
# What a run that is resumed keeps of its Config where nothing else is said.
RUN_SETTINGS = (*HABITS, "IMAGES_PER_GPU", "STEPS_PER_EPOCH", "VALIDATION_STEPS", "PRECISION")

# -- The command -------------------------------------------------------------------------------


def run_train(script: Script, arguments: argparse.Namespace) -> int:
    """Check the data set, build the model, train it; return the exit code."""
    of_imagenet = None
    if arguments.weights == "imagenet":
        of_imagenet = weights.of_imagenet(arguments.backbone, settings.backbone(script.config))
    path = weights.find(
        arguments.weights, arguments.logs, script.name, ROOT, arguments.resume, of_imagenet
    )
    # The check depends on what the weights bring along; only what must be downloaded comes later.
    wait = arguments.weights in weights.PUBLISHED and not path.exists()
    info = None if wait else inspect(path)
    config = _config(script, arguments, info)
    report = check(script, arguments, config)
    print(report.text(), flush=True)
    refuse_errors(report, "nothing is trained on wrong data")
    train = report.subset("train").annotations
    class_names = ["BG", *(script.dataset.CLASSES or train.class_names)]
    info = info or inspect(weights.present(arguments.weights, path, of_imagenet))
    if arguments.resume and other_classes(info, class_names):
        raise ValueError(
            f"{info.path} is of a run for other classes than {few(class_names[1:])}: it "
            "cannot be resumed, but its weights can start a new run, without --resume"
        )
    config = _config(script, arguments, info, NUM_CLASSES=len(class_names))

    # TensorFlow starts here, once all that can be wrong has been looked at.
    start_keras()
    import keras

    from mrcnn import devices
    from mrcnn.model import MaskRCNN
    from mrcnn.training.run import TrainingError

    print(f"\n{devices.describe()}")
    print(_classes_text(report, class_names), flush=True)
    if arguments.seed is not None:
        keras.utils.set_random_seed(arguments.seed)
    model = MaskRCNN("training", config, arguments.logs)
    load_for_training(model, info, class_names)
    try:
        script.train(
            model,
            arguments.dataset,
            report=report,
            epochs=arguments.epochs,
            layers=arguments.layers,
            learning_rate=settings.learning_rate(config),
            keep_negatives=arguments.keep_negatives,
            resume=arguments.resume,
            patience=arguments.patience,
            best_by=arguments.best_by,
            seed=arguments.seed,
        )
    except KeyboardInterrupt:
        print(f"\n{_stopped_text(model.log_dir)}")
        return INTERRUPTED
    except (TrainingError, ValueError, OSError) as error:
        print(f"\n{_stopped_text(model.log_dir)}")
        raise ValueError(str(error)) from error
    print(_finished_text(model.log_dir, arguments.dataset))
    return 0


def _config(script: Script, arguments: argparse.Namespace, info: WeightsInfo | None, **others):
    """Return the Config to train with; `info` is None where the weights are not known yet."""
    given = {}
    if info:
        given = inherited_settings(info, script.config, arguments.resume, arguments.backbone)
    options = {name: getattr(arguments, option) for option, name in OPTIONS.items()}
    given |= others | {name: value for name, value in options.items() if value is not None}
    return settings.with_settings(script.config, given, arguments.image_size)


def _stopped_text(log_dir: str) -> str:
    """Say what is left of a run that was stopped, and how to go on."""
    checkpoint = run_files.find_resumable(log_dir)
    if checkpoint is None:
        return "Stopped before the first epoch was done: nothing is left to go on from."
    epoch = run_files.epoch_of(checkpoint)
    return (
        f"Stopped; {checkpoint} holds what was learned in {epoch} "
        f"epoch{'s' if epoch != 1 else ''}. The same command with --weights last --resume, and "
        "without --learning-rate, goes on."
    )


def _finished_text(log_dir: str, dataset: Path) -> str:
    """Say where the weights of a run are, and how to measure them."""
    best = run_files.best_of(log_dir)
    if best is None:
        return f"The weights are in {log_dir}"
    return (
        f"The weights are in {log_dir}, its losses as curves in losses.png.\n"
        f"How good the best epoch is: evaluate --dataset {dataset} --weights {best}"
    )


def _classes_text(report: CheckReport, class_names) -> str:
    """Return such as "Classes: AC Remote (27 in train, 9 in val)"."""
    by_class = [(subset.name, subset.by_class()) for subset in report.subsets]
    counts = []
    for name in class_names[1:]:
        parts = (f"{len(regions.get(name, ()))} in {subset}" for subset, regions in by_class)
        counts.append(f"{name} ({', '.join(parts)})")
    return f"Classes: {few(counts)}"


# -- Weights for new classes -------------------------------------------------------------------


def inherited_settings(
    info: WeightsInfo, config_class: type, resume: bool, backbone: str | None = None
) -> dict:
    """Return the settings of a Config that follow from the weights.

    The backbone, unless the Config has a function of its own; NETWORK_SETTINGS always, HABITS
    where `config_class` leaves them at Config's own, and of a run that is resumed RUN_SETTINGS.
    With a backbone's weights alone come the settings that suit it, where they are left so too.
    `backbone` is what `--backbone` says. Raises ValueError as `weights.backbone_settings` does.
    """
    names = (*NETWORK_SETTINGS, *(RUN_SETTINGS if resume else _left(config_class, HABITS)))
    stored = info.settings or {}
    kept = {name: stored[name] for name in names if name in stored}
    if settings.own_backbone(config_class) and not backbone:
        return kept
    chosen = weights.backbone_settings(info, backbone)
    if info.num_classes is None and chosen["BACKBONE"] in BACKBONES:
        suits = BACKBONES[chosen["BACKBONE"]].settings
        kept = {name: suits[name] for name in _left(config_class, suits)} | kept
    return kept | chosen


def _left(config_class, names):
    """Return those of some settings that a Config leaves at Config's own."""
    return [name for name in names if getattr(config_class, name) == getattr(Config, name)]


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
