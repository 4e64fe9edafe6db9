"""The summary of an evaluation as plain text: what a terminal shows."""

import math

from mrcnn.tables import as_lines, shortened

MOST_CONFUSIONS = 10


def tables(summary: dict) -> str:
    """Return the tables of `Evaluation.summary()`: average precision, classes, confusions.

    Numbers that there are none of are dashes.
    """
    parts = [_average_precision(summary), _classes(summary), _mistakes(summary)]
    return "\n\n".join(part for part in parts if part)


def _average_precision(summary):
    kinds = [kind for kind in ("box", "mask") if kind in summary]
    rows = [[kind, *map(_number, summary[kind].values())] for kind in kinds]
    images = f"{summary['images']} {'image' if summary['images'] == 1 else 'images'}"
    title = f"Average precision and recall (COCO's definition), {images}"
    return "\n".join([title, *as_lines([["", *summary["box"]], *rows], left=1)])


def _classes(summary):
    keys = [f"{kind}_{name}" for kind in ("box", "mask") for name in ("AP", "AP50")]
    keys = [key for key in keys if key in summary["classes"][0]]
    head = ["class", "objects", "detections", *(key.replace("_", " ") for key in keys)]
    rows = [[*head, "threshold", "precision", "recall", "F1"]]
    for row in summary["classes"]:
        counts = [shortened(row["name"]), row["objects"], row["detections"]]
        rows.append([*counts, *(_number(row[key]) for key in keys), *_at_its_best(row)])
    if len(summary["classes"]) > 1:
        row = summary["overall"]
        counts = ["all together", row["objects"], row["detections"], *[""] * len(keys)]
        rows.append(counts + _at_its_best(row))
    title = (
        "Each class at the threshold of its best F1 (a detection is right from "
        f"{summary['compared']} IoU {summary['iou_threshold']})"
    )
    return "\n".join([title, *as_lines(rows, left=1)])


def _at_its_best(row):
    numbers = (_number(row[key]) for key in ("precision", "recall", "f1"))
    return [_threshold(row["threshold"]), *numbers]


def _mistakes(summary):
    told = summary["mistakes"]
    words = f"{told['missed']} missed, {told['false']} false, {told['poor']} with a poor "
    words += f"{summary['compared']}, {told['wrong_class']} of a wrong class"
    lines = [_confusions(summary["confusion"]), f"In all: {told['right']} right, {words}"]
    return "\n".join(line for line in lines if line)


def _confusions(confusion):
    """List the largest confusions; the whole matrix of many classes does not fit a terminal."""
    names, matrix = confusion["names"], confusion["matrix"]
    wrong = [
        (count, names[true_id], names[class_id])
        for true_id, row in enumerate(matrix)
        for class_id, count in enumerate(row)
        if count and true_id != class_id
    ]
    if not wrong:
        return ""
    wrong.sort(key=lambda each: -each[0])
    rows = [["object", "detected as", "times"]]
    rows += [[shortened(true), shortened(taken), n] for n, true, taken in wrong[:MOST_CONFUSIONS]]
    title = f"What went wrong at the threshold {_threshold(confusion['threshold'])}"
    if len(wrong) > MOST_CONFUSIONS:
        title += f" (the {MOST_CONFUSIONS} most frequent of {len(wrong)} kinds)"
    return "\n".join([title, *as_lines(rows, left=2)])


def rounded_down(threshold: float) -> float:
    """Return a threshold with three decimals, not above it: what scores just so much stays."""
    # What float32 makes of 0.6 may be a little less.
    return math.floor(threshold * 1000 + 1e-4) / 1000


def _threshold(value):
    return "-" if value is None else f"{rounded_down(value):.3f}"


def _number(value):
    return "-" if value is None else f"{value:.3f}"
