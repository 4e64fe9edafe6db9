"""The command `train`: from weights and a data set to a run."""

import argparse

from mrcnn import settings
from mrcnn.check.report import CheckReport
from mrcnn.commands import fine_tuning, weights
from mrcnn.commands.check_command import check, refuse_errors
from mrcnn.commands.process import INTERRUPTED, ROOT
from mrcnn.commands.script import Script
from mrcnn.commands.training_arguments import OPTIONS
from mrcnn.nn.weights_file import WeightsInfo, inspect
from mrcnn.quiet import start_keras


def run_train(script: Script, arguments: argparse.Namespace) -> int:
    """Check the data set, build the model, train it; return the exit code."""
    path = weights.find(
        arguments.weights, arguments.logs, script.name, ROOT, resume=arguments.resume
    )
    # The check depends on what the weights bring along; only what must be downloaded comes later.
    wait = arguments.weights in weights.DOWNLOADED and not path.exists()
    info = None if wait else inspect(path)
    config = _config(script, arguments, info)
    report = check(script, arguments.dataset, config)
    print(report.text(), flush=True)
    refuse_errors(report, "nothing is trained on wrong data")
    train = report.subset("train").annotations
    class_names = ["BG", *(script.dataset.CLASSES or train.class_names)]
    info = info or inspect(weights.present(arguments.weights, path))
    if arguments.resume:
        fine_tuning.check_resumable(info, class_names)
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
    fine_tuning.load_for_training(model, info, class_names)
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


def _config(script: Script, arguments: argparse.Namespace, info: WeightsInfo | None, **others):
    """Return the Config to train with; `info` is None where the weights are not known yet."""
    given = {}
    if info:
        given = fine_tuning.inherited_settings(
            info, script.config, arguments.resume, arguments.backbone
        )
    options = {name: getattr(arguments, option) for option, name in OPTIONS.items()}
    given |= others | {name: value for name, value in options.items() if value is not None}
    return settings.with_settings(script.config, given, arguments.image_size)


def _classes_text(report: CheckReport, class_names) -> str:
    """Return such as "Classes: AC Remote (27 in train, 9 in val)"."""
    by_class = [(subset.name, subset.by_class()) for subset in report.subsets]
    counts = []
    for name in class_names[1:]:
        parts = (f"{len(regions.get(name, ()))} in {subset}" for subset, regions in by_class)
        counts.append(f"{name} ({', '.join(parts)})")
    return f"Classes: {', '.join(counts)}"
