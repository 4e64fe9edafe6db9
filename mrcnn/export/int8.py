"""Whole numbers of 8 bits in the place of floats, by NNCF, chosen from what photos make of them."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from mrcnn.export.network import EXACT, LAST
from mrcnn.runtimes.formats import FORMATS

# The formats that NNCF knows.
INT8 = ("openvino", "onnx")
# Photos that calibrate; more changes little.
PHOTOS = 32


def quantize(
    name: str,
    folder: Path,
    inputs: Iterable[dict[str, np.ndarray]],
    count: int,
    progress: Callable[[int, int], None],
) -> None:
    """Replace the network in `folder`, of a format of INT8, by one that computes with int8.

    Arguments:
        inputs: those of the network for each photo; they are run through once or more.
        count: how many there are.
        progress: called with (photos done, of how many).

    Boxes, scores and the last layers stay float.
    """
    # NNCF asks nobody before it counts its uses.
    os.environ.setdefault("OPENVINO_TELEMETRY", "0")
    import nncf

    path = folder / FORMATS[name].file
    inputs = list(inputs)
    seen = 0

    def shown(item):
        nonlocal seen
        seen += 1
        progress(min(seen, count), count)
        return item

    patterns = [f".*{each}.*" for each in (EXACT, *LAST)]
    keep = nncf.IgnoredScope(patterns=patterns, validate=False)
    with _silence():
        network = _read(name, path)
        made = nncf.quantize(
            network, nncf.Dataset(inputs, shown), subset_size=count, ignored_scope=keep
        )
    _save(name, made, path)


def _read(name, path):
    if name == "onnx":
        import onnx

        return onnx.load(path)
    import openvino

    # Copied out of the file, which is about to be replaced.
    return openvino.Core().read_model(path.read_bytes(), path.with_suffix(".bin").read_bytes())


def _save(name, made, path):
    if name == "onnx":
        import onnx

        onnx.save(made, path)
    else:
        import openvino

        openvino.save_model(made, path, compress_to_fp16=False)


@contextlib.contextmanager
def _silence():
    """NNCF's notes and bars are for its developers."""
    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield
    finally:
        logger.setLevel(level)
