"""The command `evaluate`: how good weights are, on a subset of the data set."""

import argparse

from mrcnn import settings
from mrcnn.commands import weights
from mrcnn.commands.arguments import detection_options
from mrcnn.commands.check_command import check, refuse_errors, refuse_no_dataset
from mrcnn.commands.opening import Opened, open_model
from mrcnn.commands.process import ROOT
from mrcnn.commands.script import Script
from mrcnn.evaluation.text import rounded_down
from mrcnn.nn.weights_notes import note_settings
from mrcnn.progress import Progress
from mrcnn.runtimes import description

PAGE = "index.html"


def run_evaluate(script: Script, arguments: argparse.Namespace) -> int:
    """Print how good a model is and write it down; return the exit code."""
    from mrcnn.commands.evaluating import draw_comparison
    from mrcnn.evaluation.page import EvaluationPage
    from mrcnn.evaluation.report import write_report

    subset = arguments.subset
    refuse_no_dataset(arguments.dataset, (subset,))
    opened = open_for(script, arguments)
    classes = opened.class_names[1:]
    config = settings.with_settings(script.config, {}, arguments.image_size)
    report = check(script, arguments, config, subsets=(subset,), classes=classes)
    refuse_errors(report, "nothing is measured on wrong data")
    dataset = script.dataset()
    dataset.load_custom(arguments.dataset, subset, classes, report.subset(subset))
    dataset.prepare()
    folder = arguments.output or opened.info.path.parent / "evaluation"
    photos = len(dataset.image_ids)
    page = EvaluationPage(folder / PAGE, photos, str(opened.info.path), subset)
    evaluation = measure(opened, dataset, each=page.add)
    print(evaluation.text())
    if opened.runtime:
        print(f"\n{_beside_the_weights(script, arguments, opened, evaluation, dataset)}")
    threshold = evaluation.threshold()
    if threshold:
        print(f"\n{_kept(opened, threshold, arguments.keep_threshold)}\n")

    places = {dataset.image_reference(image_id): image_id for image_id in dataset.image_ids}
    write_report(
        evaluation,
        folder,
        lambda miss: draw_comparison(opened.detector, dataset, places[miss.image_id], threshold),
    )
    page.write(evaluation)
    print(f"Numbers, curves, and the worst images as annotated and as found: {folder}")
    print(f"To look at every photo, open {page.path} in a browser")
    return 0


def _beside_the_weights(script, arguments, opened, evaluation, dataset) -> str:
    """Return what a runtime's AP is, and that of the weights as Keras computes them."""
    exported = opened.detector.network.description
    weights = opened.info.path
    if opened.export:
        name = exported.weights.get("file", "")
        folders = list(opened.export.parents)[1:3]
        weights = next((each / name for each in folders if (each / name).is_file()), None)
        if weights is None or description.stamp(weights) != exported.weights:
            return (
                f"AP of the weights: not measured, {name} that this was made of is not beside "
                f"{opened.export.parent}"
            )
    options = detection_options(arguments) | {"runtime": None}
    other = measure(open_model(weights, script.config, **options), dataset)
    names = f"{exported.format}{' int8' * exported.int8}", "the weights"
    lines = [f"{'AP':18} {'box':>6} {'mask':>6}"]
    for name, each in zip(names, (evaluation, other), strict=True):
        found = [each.summary()[kind]["AP"] for kind in ("box", "mask")]
        numbers = ("     -" if ap is None else f"{ap:6.3f}" for ap in found)
        lines.append(f"{name:18} {' '.join(numbers)}")
    return "\n".join(lines)


def _kept(opened: Opened, threshold: float, keep: bool) -> str:
    """Store the threshold with the weights if `keep`; return what to say of it."""
    path = opened.info.path
    rounded = rounded_down(threshold)
    if not keep:
        return (
            f"To predict with that threshold: --min-confidence {rounded:.3f}, or once for all "
            "evaluate --keep-threshold"
        )
    note = description.noted if opened.export else note_settings
    note(path, DETECTION_MIN_CONFIDENCE=rounded)
    return f"{path} keeps the threshold {rounded:.3f}: without --min-confidence it counts"


def measure(opened: Opened, dataset, **options):
    """Return the `Evaluation` of opened weights on a prepared `Dataset`, with progress.

    `options` are those of `evaluation.measure.evaluate`.
    """
    from mrcnn.evaluation.measure import evaluate

    with Progress(len(dataset.image_ids), "Photos evaluated", compiles=True) as progress:
        return evaluate(opened.detector, dataset, progress.to, **options)


def open_for(script: Script, arguments: argparse.Namespace) -> Opened:
    """Open the weights that a command of a training script asks for, and say which they are."""
    name, typed = arguments.name or script.name, bool(arguments.name)
    path = weights.find(arguments.weights, arguments.logs, name, ROOT, typed=typed)
    print(f"Weights: {path}", flush=True)
    weights.present(arguments.weights, path)
    return open_model(path, script.config, **detection_options(arguments))
