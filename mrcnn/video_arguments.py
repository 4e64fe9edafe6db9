"""The arguments that the scripts for videos have in common."""

import argparse
import math
from pathlib import Path

SIZE_MULTIPLE = 64


def seconds(text: str) -> float:
    """Return "90", "1:30" or "0:01:30.5" as seconds; raises ArgumentTypeError for other texts."""
    parts = text.split(":")
    try:
        *whole, last = parts
        values = [*map(int, whole), float(last)]
        good = len(parts) <= 3 and all(0 <= value < math.inf for value in values)
        good = good and all(value < 60 for value in values[1:])
    except ValueError:
        good = False
    if not good:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 90, 1:30 or 0:01:30.5")
    return sum(value * 60**power for power, value in enumerate(reversed(values)))


def _share(text):
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return value


def _positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def _side(text):
    value = _positive(text)
    if value % SIZE_MULTIPLE:
        near = max(SIZE_MULTIPLE, round(value / SIZE_MULTIPLE) * SIZE_MULTIPLE)
        raise argparse.ArgumentTypeError(f"{text} is not a multiple of {SIZE_MULTIPLE}: try {near}")
    return value


def add_arguments(parser: argparse.ArgumentParser, output_help: str):
    """Add the arguments that both scripts have."""
    add = parser.add_argument
    add("--output", metavar="FILE", type=Path, help=output_help)
    add(
        "--json",
        metavar="FILE",
        type=Path,
        help="write the objects of every frame: number, class, score, box, polygons, run lengths",
    )
    add(
        "--weights",
        metavar="FILE",
        help="a weights file, or coco (downloaded where it is missing); default: the newest .h5 "
        "under log/, else log/custom.h5",
    )
    add(
        "--classes",
        metavar="NAMES",
        help="class names in the order of their ids, without the background: separated by "
        "commas, or a text file with one a line; default: those stored with the weights",
    )
    add(
        "--every",
        metavar="N",
        type=_positive,
        default=1,
        help="look for objects on one frame in N and keep their masks in between; default: 1",
    )
    add("--splash", action="store_true", help="objects in colour, all else in grey")
    add(
        "--min-confidence",
        metavar="SCORE",
        type=_share,
        help="least score of an object, 0 to 1; default: the weights' own, else 0.7",
    )
    add(
        "--max-instances",
        metavar="N",
        type=_positive,
        help="most objects in a frame; default: the weights' own, else 100",
    )
    add(
        "--image-size",
        metavar="PIXELS",
        type=_side,
        help="larger side that the network sees; less is faster, more finds smaller objects; "
        "default: the weights' own, else 1024",
    )
    add("--overwrite", action="store_true", help="replace files of an earlier run")


def check_outputs(arguments: argparse.Namespace, inputs: list):
    """Raise ValueError where an output would harm an input or an earlier run's file."""
    used = {Path(path).resolve() for path in inputs}
    for option in ("output", "json"):
        path = getattr(arguments, option)
        if path is None:
            continue
        if path.resolve() in used:
            raise ValueError(f"--{option} {path} would overwrite another file of this run")
        if path.is_dir():
            raise ValueError(f"--{option} {path} is a folder, a file is needed")
        if path.exists() and not arguments.overwrite:
            raise ValueError(
                f"{path} exists already: take another name with --{option}, or add --overwrite"
            )
        used.add(path.resolve())
