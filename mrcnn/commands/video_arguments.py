"""The arguments that the scripts for videos have in common."""

import argparse
import math
from pathlib import Path

from mrcnn.commands.arguments import add_detection, add_styles, count


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
        "--every",
        metavar="N",
        type=count,
        default=1,
        help="look for objects on one frame in N and keep their masks in between; default: 1",
    )
    add_styles(parser)
    add_detection(add, "frame")
