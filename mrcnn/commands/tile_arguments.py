"""The options for big photos: `--tiles`, `--overlap`, `--tta`."""

import argparse
from collections.abc import Callable

from mrcnn.tiles import LEAST_SIDE, MOST_OVERLAP, OVERLAP


def tile(text: str) -> int | bool:
    """The side of a tile in pixels, or auto, which is True."""
    if text == "auto":
        return True
    if not text.isdecimal() or int(text) < LEAST_SIDE:
        raise argparse.ArgumentTypeError(
            f"{text} is no side of a tile: write --tiles auto, or a whole number from {LEAST_SIDE} "
            "up, or put --tiles last"
        )
    return int(text)


def overlap(text: str) -> float:
    """A share of a tile."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number") from None
    if not 0 <= value <= MOST_OVERLAP:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {MOST_OVERLAP}")
    return value


def add_tiles(add: Callable, image: str):
    """Add how closely an image, called `image`, is looked at: keywords of `Detector.detect`."""
    add(
        "--tiles",
        metavar="PIXELS",
        nargs="?",
        const=True,
        type=tile,
        help=f"look at overlapping tiles of the {image} too, for objects that are small in it: the "
        "side of a tile; auto, or no number, for the one that shows objects as large as in "
        "training, 32 px or more",
    )
    add(
        "--overlap",
        metavar="SHARE",
        type=overlap,
        help=f"of neighbouring tiles, 0 to {MOST_OVERLAP}; default: {OVERLAP}, more for large "
        "objects",
    )
    text = f"look at the {image} mirrored and enlarged too, and join what is found: slower"
    add("--tta", action="store_true", help=text)
