"""What the command lines of the scripts have in common: kinds of values, and options to detect.

Importing this loads neither Keras nor TensorFlow.
"""

import argparse
from collections.abc import Callable

from mrcnn.rules import PRECISIONS, SIZE_MULTIPLE, multiple_text

# -- Kinds of values ---------------------------------------------------------------------------


def count(text: str) -> int:
    """A whole number, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 up")
    return int(text)


def whole(text: str) -> int:
    """A whole number, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 0 up")
    return int(text)


def share(text: str) -> float:
    """A number from 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return value


def rate(text: str) -> float:
    """A number over 0."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number over 0")
    return value


def side(text: str) -> int:
    """The side of an image that the network takes, in pixels."""
    value = count(text)
    if value % SIZE_MULTIPLE:
        raise argparse.ArgumentTypeError(f"{text} is not {multiple_text(value)}")
    return value


def _number(text):
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number") from None


# -- Options -----------------------------------------------------------------------------------


def add_precision(add: Callable, default: str | None, said: str | None = None):
    """Add `--precision`, whose default is `said` to be; `add` is a parser's `add_argument`."""
    add(
        "--precision",
        choices=PRECISIONS,
        default=default,
        help="what convolutions are computed in; auto is bfloat16 where the device multiplies it "
        f"faster, else float32; default: {said or default}",
    )


def add_detection(add: Callable, image: str):
    """Add the options of the scripts that detect; `image` is "image" or "frame"."""
    add(
        "--weights",
        metavar="FILE",
        help="a weights file, coco (downloaded where it is missing), or last; default: the best of "
        "the newest run under log/, else log/custom.h5",
    )
    add(
        "--classes",
        metavar="NAMES",
        help="class names in the order of their ids, without the background: separated by "
        "commas, or a text file with one a line; default: those stored with the weights",
    )
    add(
        "--min-confidence",
        metavar="SCORE",
        type=share,
        help="least score of an object, 0 to 1; default: the weights' own, else 0.7",
    )
    add(
        "--max-instances",
        metavar="N",
        type=count,
        help=f"most objects in {'an' if image[0] in 'aeiou' else 'a'} {image}; "
        "default: the weights' own, else 100",
    )
    add(
        "--image-size",
        metavar="PIXELS",
        type=side,
        help="larger side that the network sees; smaller is faster, larger finds smaller objects; "
        "default: the weights' own, else 1024",
    )
    add_precision(add, "auto")
    add("--overwrite", action="store_true", help="replace files of an earlier run")
