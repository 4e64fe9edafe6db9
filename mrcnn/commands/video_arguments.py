"""The options of the scripts for videos."""

import argparse
from pathlib import Path

from mrcnn.commands.arguments import add_detection, add_json_masks, add_styles, count, line, seconds


def add_video(parser: argparse.ArgumentParser, output_help: str):
    """Add the options of the scripts for videos."""
    add = parser.add_argument
    add("--output", metavar="FILE", type=Path, help=output_help)
    add(
        "--json",
        metavar="FILE",
        type=Path,
        help="write the objects of every frame: number, class, score, box, polygons",
    )
    add_json_masks(add)
    add(
        "--every",
        metavar="N",
        type=count,
        default=1,
        help="look for objects on one frame in N and keep their masks in between; default: 1",
    )
    times = {"metavar": "TIME", "type": seconds}
    add("--start", **times, default=0.0, help="where to begin: 90, 1:30 or 0:01:30.5")
    add("--end", **times, help="where to end")
    add(
        "--count",
        action="store_true",
        help="count the different objects, in the film and in --json",
    )
    add(
        "--line",
        metavar="X1,Y1,X2,Y2",
        type=line,
        help="count those that cross the line between two pixels of the film too, each direction "
        "for itself",
    )
    add_styles(parser)
    add_detection(add, "frame")


def check_times(parser: argparse.ArgumentParser, arguments: argparse.Namespace):
    """End the program where `--end` is not after `--start`."""
    if arguments.end is not None and arguments.end <= arguments.start:
        parser.error("--end must be after --start")
