"""What the command lines of the scripts have in common: kinds of values, and options to detect."""

import argparse
import math
import re
from collections.abc import Callable

from mrcnn.commands.export_arguments import add_runtime
from mrcnn.commands.parser import meant
from mrcnn.commands.tile_arguments import add_tiles
from mrcnn.drawing.styles import STYLES
from mrcnn.nn.backbones import WORDS, is_known
from mrcnn.results.records import MASKS
from mrcnn.rules import LEVELS, PRECISIONS, SIZE_MULTIPLE, multiple_text
from mrcnn.training.hosts import Hosts

FUNCTION = re.compile(r"[\w.]+:[\w.]+")
DEVICE = re.compile(r"cpu|gpu(:\d+)?")
# The words of `--layers`.
LAYERS = ("heads", "3+", "4+", "5+", "all")

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


def function(text: str) -> str:
    """A function of a module, as "module:function"."""
    if not FUNCTION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is no function: write module:function")
    return text


def backbone(text: str) -> str:
    """A backbone by its name, or one of one's own as "module:function"."""
    if not is_known(text) and ":" not in text:
        raise argparse.ArgumentTypeError(f"{text} is none of {WORDS}, and no module:function")
    return text if is_known(text) else function(text)


def numbers(text: str) -> tuple[float, ...]:
    """Numbers over 0, separated by commas."""
    values = [rate(part.strip()) for part in text.split(",")]
    return tuple(int(value) if value == int(value) else value for value in values)


def scales(text: str) -> tuple[float, ...]:
    """The sides of square anchors, one a level of the pyramid."""
    values = numbers(text)
    if len(values) != LEVELS or list(values) != sorted(values):
        raise argparse.ArgumentTypeError(
            f"{text} is not {LEVELS} numbers, separated by commas, the smallest first"
        )
    return values


def layers(text: str) -> str:
    """What learns: one of LAYERS or a regular expression."""
    try:
        re.compile(text if text not in LAYERS else "")
    except re.error as error:
        raise argparse.ArgumentTypeError(
            f"{text} is none of {', '.join(LAYERS)} and no regular expression: {error}"
        ) from error
    guess = meant(text, LAYERS)
    if text not in LAYERS and guess:
        raise argparse.ArgumentTypeError(f"there is no {text}{guess}")
    return text


def run_name(text: str) -> str:
    """A name that folders of runs can carry."""
    if not text.strip() or re.search(r'[/\\:*?"<>|]', text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name that a folder can have")
    return text


def hosts(text: str) -> Hosts:
    """The processes that train together."""
    try:
        return Hosts.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def device(text: str) -> str:
    """The device to compute on."""
    if not DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is none of cpu, gpu and, of several, gpu:1")
    return text


def seconds(text: str) -> float:
    """Return "90", "1:30" or "0:01:30.5" as seconds; raises ArgumentTypeError for other texts."""
    parts = text.split(":")
    try:
        *before, last = parts
        values = [*map(int, before), float(last)]
        good = len(parts) <= 3 and all(0 <= value < math.inf for value in values)
        good = good and all(value < 60 for value in values[1:])
    except ValueError:
        good = False
    if not good:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 90, 1:30 or 0:01:30.5")
    return sum(value * 60**power for power, value in enumerate(reversed(values)))


def line(text: str) -> tuple[int, int, int, int]:
    """Two different pixels, as "x1,y1,x2,y2"."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4 or not all(part.isdecimal() for part in parts) or parts[:2] == parts[2:]:
        raise argparse.ArgumentTypeError(
            f"{text} is no line: write x1,y1,x2,y2, two pixels of the film"
        )
    return tuple(map(int, parts))


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


def add_image_size(add: Callable, default: str | int):
    """Add `--image-size`, whose default is `default` in words."""
    add(
        "--image-size",
        metavar="PIXELS",
        type=side,
        help="larger side that the network sees; smaller is faster, larger finds smaller objects; "
        f"default: {default}",
    )


def add_device(add: Callable):
    """Add `--device`."""
    text = "cpu, gpu, or of several GPUs one by its number, as gpu:1; default: the GPU if any"
    add("--device", metavar="DEVICE", type=device, help=text)


def add_name(add: Callable, default: str | None, trains: bool = False):
    """Add `--name`, by which runs are told apart; `trains` says whether one may be made."""
    new = ", and of a new one" if trains else ""
    text = f"of the runs that last and best are about{new}; default: {default}"
    add("--name", metavar="NAME", type=run_name, help=text)


def add_weights(add: Callable):
    """Add which weights are meant, and the code of their backbone."""
    add(
        "--weights",
        metavar="WEIGHTS",
        help="a weights file, the folder of an exported network, coco (downloaded where it is "
        "missing), or last or best of the newest run; default: the best of the newest run, else "
        "log/custom.h5",
    )
    add_name(add, "that of the training script")
    add(
        "--backbone",
        metavar="MODULE:FUNCTION",
        type=function,
        help="run this code, in this folder or on PYTHONPATH, for weights with a backbone of "
        "their own",
    )


def add_classes(add: Callable):
    """Add `--classes`."""
    add(
        "--classes",
        metavar="NAMES",
        help="class names in the order of their ids, without the background: separated by "
        "commas, or a text file with one a line; default: those stored with the weights",
    )


def add_network(add: Callable):
    """Add what a command that detects must know of the network."""
    add_weights(add)
    add_runtime(add)
    add_image_size(add, "the weights' own, else 1024")
    add_precision(add, "auto")
    add_device(add)


def add_detection(add: Callable, image: str):
    """Add the options of the scripts that detect; `image` is "image" or "frame"."""
    add_network(add)
    add_tiles(add, image)
    add_classes(add)
    text = "least score of an object, 0 to 1; default: the weights' own, else 0.7"
    add("--min-confidence", metavar="SCORE", type=share, help=text)
    article = "an" if image[0] in "aeiou" else "a"
    text = f"most objects in {article} {image}; default: the weights' own, else 100"
    add("--max-instances", metavar="N", type=count, help=text)
    add("--overwrite", action="store_true", help="replace files of an earlier run")


def add_json_masks(add: Callable):
    """Add `--json-masks`, which belongs to `--json`."""
    text = "how --json tells masks: polygons, half a pixel off at most (default), rle, run lengths"
    add("--json-masks", choices=MASKS, default=MASKS[0], help=f"{text} without loss, or both")


def add_styles(parser: argparse.ArgumentParser):
    """Add an option for each style of drawing, which sets `style` to the `Style` or None."""
    style = parser.add_mutually_exclusive_group().add_argument
    for each in STYLES:
        style(f"--{each.name}", dest="style", action="store_const", const=each, help=each.help)


def detection_options(arguments: argparse.Namespace) -> dict:
    """Return the keywords of `opening.open_model` that a command line gives."""
    names = ("classes", "min_confidence", "max_instances", "image_size", "precision", "backbone")
    names += ("device", "tiles", "overlap", "tta", "runtime")
    return {name: value for name, value in vars(arguments).items() if name in names}
