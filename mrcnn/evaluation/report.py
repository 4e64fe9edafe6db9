"""An evaluation as files: numbers, curves, and pictures of the worst images."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mrcnn import pictures
from mrcnn.atomic import write_bytes
from mrcnn.drawing import figures
from mrcnn.evaluation.confusion import Miss
from mrcnn.evaluation.evaluation import Evaluation

JPEG_QUALITY = 92


def write_report(
    evaluation: Evaluation,
    folder: str | Path,
    draw: Callable[[Miss], np.ndarray] | None = None,
    worst: int = 10,
) -> list[Path]:
    """Write an evaluation into `folder`, which is made where it is missing.

    `evaluation.json` (the summary and the worst images), `classes.csv`, `precision_recall.png`,
    `f1.png`, `confusion.png` and, with `draw`, `worst/01_<image>.jpg` and on, the worst first.
    Files of an earlier report are replaced, its pictures of the worst images removed.

    Arguments:
        draw: makes the picture of an image, uint8 RGB `[height, width, 3]`, from its `Miss`.
        worst: the greatest number of images.

    Returns the files. Raises OSError or ValueError, naming the file, where one cannot be written.
    """
    folder = Path(folder)
    misses = evaluation.worst(worst)
    files = {
        "evaluation.json": _json(evaluation, misses),
        "classes.csv": _csv(evaluation.summary()["classes"]),
        **{name: figures.png(figure) for name, figure in _figures(evaluation).items()},
    }
    written = [write_bytes(folder / name, data) for name, data in files.items()]
    for earlier in (folder / "worst").glob("[0-9][0-9]*_*.jpg"):
        earlier.unlink()
    for rank, miss in enumerate(misses if draw else (), start=1):
        path = folder / "worst" / f"{rank:02d}_{_file_name(miss.image_id)}.jpg"
        written.append(pictures.write(path, draw(miss), JPEG_QUALITY))
    return written


def _json(evaluation, misses):
    rows = []
    for miss in misses:
        number = isinstance(miss.image_id, int | np.integer)
        image_id = int(miss.image_id) if number else str(miss.image_id)
        rows.append({**miss._asdict(), "image_id": image_id})
    document = {**evaluation.summary(), "worst": rows}
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _figures(evaluation):
    names, threshold = evaluation.class_names, evaluation.threshold()
    overall, *curves = map(evaluation.curve, (None, *range(len(names))))
    lines = [(curve.thresholds, curve.f1) if curve.objects else None for curve in curves]
    whole, best = (overall.thresholds, overall.f1), overall.best()
    return {
        "precision_recall.png": figures.precision_recall(*evaluation.precision_at_recalls(), names),
        "f1.png": figures.f1_over_threshold(lines, whole, (best.threshold, best.f1), names),
        "confusion.png": figures.confusion(evaluation.confusion(threshold), names, threshold),
    }


def _file_name(image_id):
    """Return a name that every file system takes: letters, digits, `-`, `_` and `.`."""
    stem = re.split(r"[/\\]", str(image_id))[-1]
    stem = re.sub(r"\.(jpe?g|png|webp|tiff?|bmp)$", "", stem, flags=re.IGNORECASE)
    return re.sub(r"[^\w.-]+", "_", stem)[:60] or "image"
