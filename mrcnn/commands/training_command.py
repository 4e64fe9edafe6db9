"""The commands of a training script: check, train, evaluate, splash.

A script brings its Config, its Dataset and what is special to it, and calls `main`; everything
else is here. Importing this loads neither Keras nor TensorFlow.
"""

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mrcnn.check.check import SUBSETS, CheckReport, check_dataset
from mrcnn.check.preview import Preview
from mrcnn.commands import fine_tuning, prediction
from mrcnn.commands.display import escape_odd_letters
from mrcnn.commands.training_arguments import parse_arguments
from mrcnn.drawing.instances import draw_instances
from mrcnn.nn.weights import WeightsInfo, inspect
from mrcnn.quiet import start_keras

ROOT = Path(__file__).resolve().parents[2]
# What a shell reports of a program that Ctrl-C ended.
INTERRUPTED = 130


@dataclass(frozen=True)
class Script:
    """What a training script brings along.

    description: what `--help` says.
    config, dataset: the classes. The dataset's has CLASSES, ATTRIBUTE and
        `load_custom(dataset_dir, subset, class_names)`.
    train: `train(model, dataset_dir, **options)`; the options are those of `MaskRCNN.train`.
    splash: `splash(model, image_path, video_path, output)`, which writes one file.
    augmentation: makes the imgaug pipeline that `train` uses; None without one.
    """

    description: str
    config: type
    dataset: type
    train: Callable
    splash: Callable
    augmentation: Callable | None = None


class Progress:
    """How far something is, in one line that is written over; on a terminal alone."""

    def __init__(self, title: str):
        self.title = title
        self.live = sys.stdout.isatty()

    def __call__(self, done: int, total: int | None):
        if self.live:
            of_total = f"/{total}" if total else ""
            print(f"\r{self.title}: {done}{of_total}", end="", flush=True)
            if done == total:
                self.end()

    def end(self):
        """Wipe the line."""
        if self.live:
            print("\r\033[K", end="", flush=True)


def make_config(config_class, arguments, **inherited):
    """Return a Config with other settings where the command line gives them.

    `inherited` are settings that count unless the command line says otherwise.
    """
    given = {
        "BACKBONE": getattr(arguments, "backbone", None),
        "IMAGES_PER_GPU": getattr(arguments, "batch", None),
        "STEPS_PER_EPOCH": getattr(arguments, "steps", None),
        "PRECISION": getattr(arguments, "precision", None),
    }
    size = arguments.image_size
    if size:
        given |= {"IMAGE_MAX_DIM": size, "IMAGE_MIN_DIM": min(config_class.IMAGE_MIN_DIM, size)}
    given = {name: value for name, value in given.items() if value is not None}
    config = type(config_class.__name__, (config_class,), inherited | given)()
    config.check()
    return config


# -- check -------------------------------------------------------------------------------------


def check(
    script: Script, dataset_dir, config, preview_folder=None, subsets=SUBSETS, classes=None
) -> CheckReport:
    """Check the data set; draw it where there is a `preview_folder`, with augmentation if any.

    `classes`, without the background, are by default the script's.
    """
    preview = None
    if preview_folder:
        augment = script.augmentation and make_augment(script.augmentation())
        preview = Preview(preview_folder, draw_instances, augment)
    classes = classes or script.dataset.CLASSES
    only = {"default_class": classes[0]} if classes and len(classes) == 1 else {}
    return check_dataset(
        dataset_dir,
        **only,
        class_names=classes,
        attribute=script.dataset.ATTRIBUTE,
        max_instances=config.MAX_GT_INSTANCES,
        anchor_scales=config.RPN_ANCHOR_SCALES,
        min_dim=config.IMAGE_MIN_DIM,
        max_dim=config.IMAGE_MAX_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        resize_mode=config.IMAGE_RESIZE_MODE,
        subsets=subsets,
        preview=preview,
        progress=Progress("Photos read"),
    )


def make_augment(pipeline) -> Callable:
    """Return a function that augments an image and its masks, another way each time."""
    from mrcnn.data.augment import augment

    return functools.partial(augment, pipeline=pipeline, rng=np.random.default_rng())


def run_check(script: Script, arguments) -> int:
    """Print what there is to know of the data set; return the exit code."""
    config = make_config(script.config, arguments)
    if arguments.preview:
        check_preview(arguments)
    report = check(script, arguments.dataset, config, preview_folder=arguments.preview)
    print(report.text())
    if arguments.preview:
        print(f"Pictures of the annotations: {arguments.preview}")
    return report.exit_code


def refuse_errors(report: CheckReport, why: str) -> None:
    """Raise ValueError where a check found errors."""
    errors = report.errors
    if errors:
        more = f" (and {len(errors) - 1} more errors)" if len(errors) > 1 else ""
        raise ValueError(f"{why}: {errors[0]}{more}")


def check_preview(arguments) -> None:
    """Raise ValueError where the pictures of `--preview` would take the place of others."""
    preview = arguments.preview
    resolved, dataset = preview.resolve(), arguments.dataset.resolve()
    if resolved == dataset or any(resolved.is_relative_to(dataset / name) for name in SUBSETS):
        raise ValueError(f"--preview {preview} holds the photos themselves: take another folder")
    if preview.is_dir() and any(preview.iterdir()) and not arguments.overwrite:
        raise ValueError(
            f"--preview {preview} is not empty: take another folder, or add --overwrite"
        )


# -- train -------------------------------------------------------------------------------------


def run_train(script: Script, arguments) -> int:
    """Check the data set, build the model, train it; return the exit code."""
    # The check depends on what the weights bring along; only what must be downloaded comes later.
    wait = arguments.weights in fine_tuning.DOWNLOADED
    info = None if wait else weights_info(script, arguments)
    config = training_config(script, arguments, info)
    report = check(script, arguments.dataset, config)
    print(report.text(), flush=True)
    refuse_errors(report, "nothing is trained on wrong data")
    class_names = ["BG", *(script.dataset.CLASSES or report.subsets[0].annotations.class_names)]
    if wait:
        info = weights_info(script, arguments)
    if arguments.resume:
        fine_tuning.check_resumable(info, class_names)
    config = training_config(script, arguments, info, NUM_CLASSES=len(class_names))

    # TensorFlow starts here, once all that can be wrong has been looked at.
    start_keras()
    import keras

    from mrcnn import devices
    from mrcnn.model import MaskRCNN
    from mrcnn.training.run import TrainingError

    print(f"\n{devices.training_text(config, arguments.layers)}")
    print(classes_text(report, class_names), flush=True)
    if arguments.seed is not None:
        keras.utils.set_random_seed(arguments.seed)
    model = MaskRCNN("training", config, arguments.logs)
    fine_tuning.load_for_training(model, info, class_names)
    try:
        script.train(
            model,
            arguments.dataset,
            epochs=arguments.epochs,
            layers=arguments.layers,
            learning_rate=arguments.learning_rate or config.LEARNING_RATE,
            keep_negatives=arguments.keep_negatives,
            resume=arguments.resume,
            patience=arguments.patience,
            seed=arguments.seed,
        )
    except KeyboardInterrupt:
        print(f"\n{fine_tuning.stopped_text(model.log_dir)}")
        return INTERRUPTED
    except (TrainingError, ValueError, OSError) as error:
        print(f"\n{fine_tuning.stopped_text(model.log_dir)}")
        raise ValueError(str(error)) from error
    print(fine_tuning.finished_text(model.log_dir, arguments.dataset))
    return 0


def weights_info(script: Script, arguments) -> WeightsInfo:
    """Return what the header of the weights file to start from tells."""
    name = script.config.NAME
    return inspect(
        fine_tuning.find_weights(arguments.weights, arguments.logs, name, ROOT, arguments.resume)
    )


def training_config(script: Script, arguments, info: WeightsInfo | None, **settings):
    """Return the Config to train with; `info` is None where the weights are not known yet."""
    inherited = (
        fine_tuning.inherited_settings(info, script.config, arguments.resume) if info else {}
    )
    return make_config(script.config, arguments, **inherited, **settings)


def classes_text(report: CheckReport, class_names) -> str:
    """Return such as "Classes: AC Remote (27 in train, 9 in val)"."""
    by_class = [(subset.name, subset.by_class()) for subset in report.subsets]
    counts = []
    for name in class_names[1:]:
        parts = (f"{len(regions.get(name, ()))} in {subset}" for subset, regions in by_class)
        counts.append(f"{name} ({', '.join(parts)})")
    return f"Classes: {', '.join(counts)}"


# -- evaluate ----------------------------------------------------------------------------------


def run_evaluate(script: Script, arguments) -> int:
    """Print how good a model is and write it down; return the exit code."""
    from mrcnn.commands.evaluating import draw_comparison, evaluate
    from mrcnn.evaluation.report import write_report

    info, class_names = find_model(script, arguments)
    config = make_config(script.config, arguments)
    subset = (arguments.subset,)
    report = check(script, arguments.dataset, config, subsets=subset, classes=class_names[1:])
    refuse_errors(report, "nothing is measured on wrong data")
    dataset = script.dataset()
    dataset.load_custom(arguments.dataset, arguments.subset, class_names[1:])
    dataset.prepare()
    model = load_model(script, arguments, info)
    evaluation = evaluate(model, dataset, Progress("Photos evaluated"))
    print(evaluation.text())
    threshold = evaluation.threshold()
    if threshold:
        print(f"\nTo predict with that threshold: --min-confidence {threshold:.3f}\n")

    places = {dataset.image_reference(image_id): image_id for image_id in dataset.image_ids}
    folder = arguments.output or info.path.parent / "evaluation"
    write_report(
        evaluation,
        folder,
        lambda miss: draw_comparison(model, dataset, places[miss.image_id], threshold),
    )
    print(f"Numbers, curves, and the worst images as annotated and as found: {folder}")
    return 0


def find_model(script: Script, arguments) -> tuple[WeightsInfo, list[str]]:
    """Return what the header of the weights file tells, and the class names."""
    if arguments.weights:
        name = script.config.NAME
        path = fine_tuning.find_weights(arguments.weights, arguments.logs, name, ROOT)
    else:
        path = prediction.choose_weights(None, ROOT, arguments.logs)
    print(f"Weights: {path}", flush=True)
    info = inspect(path)
    return info, prediction.class_names_for(info)


def load_model(script: Script, arguments, info: WeightsInfo):
    """Return a model that detects, with the settings that its weights were trained with."""
    if info.settings is None:
        info = replace(info, settings=script.config().to_json())
    config = prediction.make_config(
        info, image_size=arguments.image_size, precision=arguments.precision
    )
    min_confidence = arguments.min_confidence
    if min_confidence is None:
        min_confidence = config.DETECTION_MIN_CONFIDENCE
    return prediction.load_model(config, info.path, min_confidence)


# -- splash ------------------------------------------------------------------------------------


def run_splash(script: Script, arguments) -> int:
    """Write a color splash; return the exit code."""
    output = arguments.output
    if output and output.exists() and not arguments.overwrite:
        raise ValueError(f"--output {output} exists already: take another name, or add --overwrite")
    info, _ = find_model(script, arguments)
    model = load_model(script, arguments, info)
    script.splash(model, arguments.image, arguments.video, arguments.output)
    return 0


# -- The command line --------------------------------------------------------------------------

COMMANDS = {
    "train": run_train,
    "evaluate": run_evaluate,
    "check": run_check,
    "splash": run_splash,
}


def main(script: Script, argv=None) -> int:
    """Run a command of the command line `argv`; return the exit code."""
    arguments = parse_arguments(argv, script.description, script.config)
    escape_odd_letters()
    try:
        return COMMANDS[arguments.command](script, arguments)
    except KeyboardInterrupt:
        print("\nStopped.")
        return INTERRUPTED
    except (ValueError, OSError) as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        return 1
