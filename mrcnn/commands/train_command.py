"""The command `train`: from weights and a data set to a run."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mrcnn import settings
from mrcnn.check.report import CheckReport
from mrcnn.commands import planning
from mrcnn.commands.check_command import check, refuse_errors, refuse_no_dataset
from mrcnn.commands.process import INTERRUPTED, stop_on_signal
from mrcnn.commands.script import Script
from mrcnn.commands.starting import Start, starting_point
from mrcnn.nn.weights import CLASS_LAYERS
from mrcnn.nn.weights_file import WeightsInfo
from mrcnn.quiet import start_keras
from mrcnn.tables import few
from mrcnn.training import hosts, run_files
from mrcnn.training.plan import Plan

# -- The command -------------------------------------------------------------------------------


def run_train(script: Script, arguments: argparse.Namespace) -> int:
    """Check the data set, build the model, train it; return the exit code."""
    together = arguments.hosts or hosts.Hosts.started(os.environ)
    if together:
        hosts.check_engine()
    with hosts.silent(together):
        return _run_train(script, arguments, together)


def _run_train(script, arguments, together):
    refuse_no_dataset(arguments.dataset)
    training = Training.of(script, arguments)
    report = check(script, arguments, training.config())
    print(report.text(), flush=True)
    refuse_errors(report, "nothing is trained on wrong data")
    with hosts.joined(together, arguments.device):
        model = training.model(report)
        try:
            training.train(model, report)
        except KeyboardInterrupt:
            print(f"\n{_stopped_text(model.log_dir)}")
            if together:
                raise
            return INTERRUPTED
        except (ValueError, OSError):
            # Where nothing was begun, nothing has stopped.
            if Path(model.log_dir).is_dir():
                print(f"\n{_stopped_text(model.log_dir)}")
            raise
    cut = settings.resizing(model.config)["mode"] == "crop"
    print(_finished_text(model.log_dir, arguments.dataset, cut))
    return 0


@dataclass
class Training:
    """A training that a command line asks for: what it starts from and by which plan."""

    script: Script
    arguments: argparse.Namespace  # with what the plan says where they say nothing
    start: Start
    plan: Plan

    @classmethod
    def of(cls, script: Script, arguments: argparse.Namespace) -> "Training":
        """Return the training, and print what it is; raises ValueError or OSError in a sentence."""
        run_files.check_place(arguments.logs)
        start = starting_point(script, arguments)
        plan, why = planning.choose(start, arguments.plan)
        arguments = start.arguments = planning.completed(start, plan)
        print(start.text(start.config()), flush=True)
        print(planning.text(plan, why, arguments), flush=True)
        start.check_layers(arguments.layers)
        return cls(script, arguments, start, plan)

    def config(self):
        """Return the Config as far as it is known before the data set is."""
        return self.start.config()

    def model(self, report: CheckReport):
        """Start the engine and return the `MaskRCNN` with the weights, for checked data."""
        arguments, train = self.arguments, report.subset("train").annotations
        class_names = ["BG", *(self.script.dataset.CLASSES or train.class_names)]
        info = self.start.present()
        if arguments.resume and other_classes(info, class_names):
            raise ValueError(
                f"{info.path} is of a run for other classes than {few(class_names[1:])}: it "
                "cannot be resumed, but its weights can start a new run, without --resume"
            )
        config = self.start.config(NUM_CLASSES=len(class_names))

        # TensorFlow starts here, once all that can be wrong has been looked at.
        start_keras(arguments.device)
        import keras

        from mrcnn import devices
        from mrcnn.model import MaskRCNN

        devices.require(arguments.device)
        print(f"\n{devices.describe()}")
        print(_classes_text(report, class_names), flush=True)
        if arguments.seed is not None:
            keras.utils.set_random_seed(arguments.seed)
        model = MaskRCNN("training", config, arguments.logs)
        load_for_training(model, info, class_names)
        return model

    def train(self, model, report: CheckReport) -> None:
        """Train the model; raises KeyboardInterrupt, and ValueError or OSError in a sentence."""
        from mrcnn.training.run import TrainingError

        arguments = self.arguments
        options = {} if not arguments.no_augmentation else {"augmentation": False}
        stopping = "\nStopping after this step; once more stops at once.\n"
        try:
            with stop_on_signal(stopping) as stop:
                self.script.train(
                    model,
                    arguments.dataset,
                    report=report,
                    plan=self.plan.name,
                    epochs=arguments.epochs,
                    layers=arguments.layers,
                    # A run that is resumed has one.
                    learning_rate=None
                    if arguments.resume
                    else settings.learning_rate(model.config),
                    keep_negatives=arguments.keep_negatives,
                    resume=arguments.resume,
                    patience=arguments.patience,
                    best_by=arguments.best_by,
                    seed=arguments.seed,
                    stop=stop,
                    **options,
                )
        except TrainingError as error:
            raise ValueError(str(error)) from error


def _stopped_text(log_dir: str) -> str:
    """Say what is left of a run that was stopped, and how to go on."""
    checkpoint = run_files.find_resumable(log_dir)
    if checkpoint is None and (last := run_files.last_of(log_dir)):
        return (
            "Stopped; the state of the run could not be kept, so --resume cannot go on: "
            f"{last} is a start for another run."
        )
    if checkpoint is None:
        return "Stopped before the first epoch was done: nothing is left to go on from."
    epoch = run_files.epoch_of(checkpoint)
    return (
        f"Stopped; {checkpoint} holds what was learned in {epoch} "
        f"epoch{'s' if epoch != 1 else ''}. The same command with --weights last --resume, and "
        "without --learning-rate, goes on."
    )


def _finished_text(log_dir: str, dataset: Path, cut: bool) -> str:
    """Say where the weights of a run are, and how to measure them; `cut`, whether on tiles."""
    best = run_files.best_of(log_dir)
    if best is None:
        return f"The weights are in {log_dir}"
    strips = Path(log_dir) / run_files.STRIPS_FILE
    found = f", what it found after each epoch in {strips.name}" if strips.exists() else ""
    return (
        f"The weights are in {log_dir}, its losses as curves in {run_files.CURVES_FILE}{found}.\n"
        f"How good the best epoch is: evaluate --dataset {dataset} --weights {best}"
        f"{' --tiles' if cut else ''}"
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
