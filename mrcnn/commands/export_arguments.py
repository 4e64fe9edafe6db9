"""The options for networks that run without TensorFlow: `--runtime`, and those of `export`."""

from collections.abc import Callable
from pathlib import Path

from mrcnn.runtimes.formats import FORMATS, RUNTIMES


def add_runtime(add: Callable):
    """Add `--runtime`; `add` is a parser's `add_argument`."""
    add(
        "--runtime",
        choices=RUNTIMES,
        help="what computes in the place of TensorFlow: weights are exported for it once, beside "
        "them, and then it starts in seconds; an exported network is run by its own",
    )


def add_export(add: Callable):
    """Add what `export` takes besides the weights."""
    add("--format", choices=tuple(FORMATS), required=True, help="what is written")
    text = "compute with whole numbers, faster and a little less exact; of openvino and onnx"
    add("--int8", action="store_true", help=text)
    add(
        "--calibrate",
        metavar="FOLDER",
        type=Path,
        help="photos like those to come: --int8 chooses its numbers by them, and the exported "
        "network is compared on them; default: train of the data set, for the comparison also the "
        "sample photos",
    )
    text = "where to; default: <weights>_<format>, beside the weights"
    add("--output", metavar="FOLDER", type=Path, help=text)
    add("--overwrite", action="store_true", help="replace an earlier export")
