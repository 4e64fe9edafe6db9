"""The summary of an evaluation as plain text: what a terminal shows."""

LONGEST_NAME = 28
MOST_CONFUSIONS = 10


def tables(summary: dict) -> str:
    """Return the tables of `Evaluation.summary()`: average precision, classes, confusions.

    Numbers that there are none of are dashes.
    """
    parts = [_average_precision(summary), _classes(summary), _confusions(summary["confusion"])]
    return "\n\n".join(part for part in parts if part)


def _average_precision(summary):
    kinds = [kind for kind in ("box", "mask") if kind in summary]
    rows = [[kind, *map(_number, summary[kind].values())] for kind in kinds]
    images = f"{summary['images']} {'image' if summary['images'] == 1 else 'images'}"
    title = f"Average precision and recall (COCO's definition), {images}"
    return "\n".join([title, _table(["", *summary["box"]], rows)])


def _classes(summary):
    keys = [f"{kind}_{name}" for kind in ("box", "mask") for name in ("AP", "AP50")]
    keys = [key for key in keys if key in summary["classes"][0]]
    numbers = ["threshold", "precision", "recall", "f1"]
    rows = [
        [_short(row["name"]), str(row["objects"]), str(row["detections"])]
        + [_number(row[key]) for key in (*keys, *numbers)]
        for row in summary["classes"]
    ]
    if len(rows) > 1:
        overall = summary["overall"]
        rows.append(
            ["all together", str(overall["objects"]), str(overall["detections"])]
            + [""] * len(keys)
            + [_number(overall[key]) for key in numbers]
        )
    head = ["class", "objects", "detections", *(key.replace("_", " ") for key in keys)]
    title = (
        "Each class at the threshold of its best F1 (a detection is right from "
        f"{summary['compared']} IoU {summary['iou_threshold']})"
    )
    return "\n".join([title, _table([*head, "threshold", "precision", "recall", "F1"], rows)])


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
    rows = [[_short(true), _short(taken), str(n)] for n, true, taken in wrong[:MOST_CONFUSIONS]]
    title = f"What went wrong at the threshold {confusion['threshold']:.3f}"
    if len(wrong) > MOST_CONFUSIONS:
        title += f" (the {MOST_CONFUSIONS} most frequent of {len(wrong)} kinds)"
    return "\n".join([title, _table(["object", "detected as", "times"], rows, left=2)])


def _table(head, rows, left=1):
    """Lay out cells in columns, the first `left` ones to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _number(value):
    return "-" if value is None else f"{value:.3f}"


def _short(name):
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
