"""The command `crossval`: train and measure several times, each time without other photos.

The folder of it holds a folder for each fold, with the run in it, and what is known so far: as
`crossval.json`, which a stopped one goes on from, and as a table in `crossval.csv`.
"""

import argparse
import gc
import time
from pathlib import Path

from mrcnn.annotation.read import subset_folder
from mrcnn.check import folds as folding
from mrcnn.check.check import SUBSETS
from mrcnn.commands.check_command import check, refuse_errors, refuse_no_dataset
from mrcnn.commands.crossval_files import Crossval
from mrcnn.commands.evaluate_command import measure
from mrcnn.commands.opening import open_model
from mrcnn.commands.process import INTERRUPTED
from mrcnn.commands.script import Script
from mrcnn.commands.train_command import Training
from mrcnn.evaluation.coco_ap import LEAST_SCORE
from mrcnn.nn.weights_file import inspect
from mrcnn.progress import duration
from mrcnn.training import run_files

# Of the options, what changes nothing of what comes out.
FREE = ("command", "resume", "logs", "device")


def run_crossval(script: Script, arguments: argparse.Namespace) -> int:
    """Train and measure each fold that is not done, print the table; return the exit code."""
    refuse_no_dataset(arguments.dataset)
    name = arguments.name or script.name
    # A fold that is trained has a run of its own to go on with; the whole starts from the weights.
    first = argparse.Namespace(**vars(arguments) | {"resume": False})
    crossval = Crossval.newest(arguments.logs, name) if arguments.resume else None
    if crossval:
        first.weights = crossval.weights
    training = Training.of(script, first)
    report, parts = _checked(script, arguments, training.config(), splits=crossval is None)
    wanted = {name: _plain(value) for name, value in vars(arguments).items() if name not in FREE}
    if crossval:
        crossval.refuse_others(wanted, folding.digests_of(report))
    else:
        weights = str(training.start.path) if training.start.wanted in ("last", "best") else None
        weights = weights or training.start.wanted
        regions = folding.digests_of(report)
        crossval = Crossval.begin(arguments.logs, name, wanted, weights, parts, regions)
    try:
        _run_folds(crossval, script, first, report)
    except KeyboardInterrupt:
        print(f"\n{_stopped_text(crossval)}")
        return INTERRUPTED
    except (ValueError, OSError):
        print(f"\n{_stopped_text(crossval)}")
        raise
    print(f"\n{crossval.text()}\n\nThe table and the runs of the folds: {crossval.folder}")
    return 0


def _checked(script, arguments, config, splits: bool):
    """Return the report of the subsets that are there, once it has no errors, and print it.

    With it come the photos of each fold where it `splits` them.
    """
    there = [name for name in SUBSETS if subset_folder(arguments.dataset, name).is_dir()]
    report = check(script, arguments, config, subsets=there or SUBSETS[:1], pooled=True)
    # Too few photos are told before a report that would hide it.
    splits = splits and not report.errors
    parts = folding.split(report, arguments.folds, arguments.seed or 0) if splits else []
    print(report.text(), flush=True)
    refuse_errors(report, "nothing is trained on wrong data")
    of = " and ".join(subset.folder.name for subset in report.subsets)
    photos = len(folding.photos_of(report))
    print(f"\nCross-validation: the {photos} annotated photos of {of}, in {arguments.folds} folds")
    return report, parts


def _plain(value):
    return str(value) if isinstance(value, Path) else value


def _run_folds(crossval: Crossval, script, arguments, report):
    class_names = script.dataset.CLASSES or folding.class_names_of(report)
    start, before = time.perf_counter(), crossval.done
    for fold in crossval.folds:
        if fold.is_done:
            continue
        part = folding.without(report, set(fold.photos), class_names)
        of = f"Fold {fold.number} of {len(crossval.folds)}"
        count = len(part.subset("train").paths)
        print(f"\n{of}: {count} photos to train, {len(fold.photos)} held out", flush=True)
        if fold.run is None or not run_files.best_of(crossval.folder / fold.run):
            fold.run = _trained(script, crossval, fold, arguments, part)
            crossval.save()
        _measure(script, crossval, fold, arguments, part)
        crossval.save()
        _tidy(crossval, fold)
        done, left = crossval.done - before, len(crossval.folds) - crossval.done
        seconds = (time.perf_counter() - start) / done * left
        text = f"; about {duration(seconds)} left" if left else ""
        print(f"{of}: {fold.text()}{text}", flush=True)


def _trained(script, crossval, fold, arguments, report):
    """Train a fold, from the weights or from where its run was stopped; return the run's folder."""
    folder = crossval.folder / fold.folder
    run = next(run_files.runs(folder, crossval.name), None)
    # One that was killed before its first state was whole starts anew.
    stopped = run is not None and run_files.find_resumable(run) is not None
    changes = {"logs": folder, "resume": stopped, "weights": crossval.weights}
    if stopped:
        changes |= {"weights": "last", "learning_rate": None}
    training = Training.of(script, argparse.Namespace(**vars(arguments) | changes))
    model = training.model(report)
    training.train(model, report)
    run = Path(model.log_dir)
    del model
    _clear()
    return str(run.relative_to(crossval.folder))


def _measure(script, crossval, fold, arguments, report):
    """Enter how good the best epoch of a fold is on the photos that it was trained without."""
    run = crossval.folder / fold.run
    best = run_files.best_of(run)
    cut = (inspect(best).settings or {}).get("IMAGE_RESIZE_MODE") == "crop"
    opened = open_model(
        best,
        script.config,
        min_confidence=LEAST_SCORE,
        precision="auto",
        backbone=arguments.backbone,
        device=arguments.device,
        # As after each epoch: what learned from cuts looks at tiles.
        tiles=True if cut else None,
    )
    dataset = script.dataset()
    classes = opened.class_names[1:]
    dataset.load_custom(arguments.dataset, "val", classes, report.subset("val"))
    dataset.prepare()
    summary = measure(opened, dataset).summary()
    fold.enter(summary, run_files.read_header(run).get("best_epoch"))
    del opened
    _clear()


def _tidy(crossval, fold):
    """Leave of a fold that is done what its best epoch weighs, not what all of them do."""
    run = crossval.folder / fold.run
    others = [
        path for epoch, path in run_files.list_checkpoints(run).items() if epoch != fold.epoch
    ]
    last = run / run_files.checkpoint_name(crossval.name, "last")
    for path in (*others, last, run_files.state_file(run)):
        path.unlink(missing_ok=True)


def _clear():
    """Give back what a network took, before the next one is built."""
    import keras

    keras.backend.clear_session()
    gc.collect()


def _stopped_text(crossval: Crossval) -> str:
    """Say what is done, and how to go on."""
    return (
        f"Stopped; {crossval.done} of {len(crossval.folds)} folds are done, in {crossval.folder}. "
        "The same command with --resume goes on."
    )
