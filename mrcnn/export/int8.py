"""Whole numbers of 8 bits in the place of floats, by NNCF, chosen from what photos make of them."""

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from mrcnn.export.network import EXACT, LAST
from mrcnn.runtimes.formats import FORMATS

# The formats that NNCF knows.
INT8 = ("openvino", "onnx")
# Photos that calibrate; more changes little.
PHOTOS = 32
# From a product to the sum with its bias: a change of layout may lie between.
STEPS = 3


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

    Boxes, scores, the first layer and the last ones stay float: of the pixels small differences
    count, and the layer takes little time.
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
    with _silence():
        network = _read(name, path)
        names = [_first(name, network), *(_last(network) if name == "openvino" else [])]
        keep = nncf.IgnoredScope(names=names, patterns=patterns, validate=False)
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


def _first(name, network):
    """Return the name of the first convolution."""
    if name == "onnx":
        return next(node.name for node in network.graph.node if node.op_type == "Conv")
    nodes = network.get_ordered_ops()
    return next(n.get_friendly_name() for n in nodes if n.get_type_name() == "Convolution")


def _last(network):
    """Return the names of the products of LAST, which OpenVINO names by numbers.

    What follows within a few steps, the sum with the bias, has the layer's own.
    """
    products = {"Convolution", "ConvolutionBackpropData", "MatMul"}

    def leads(node, steps):
        if any(re.search(each, node.get_friendly_name()) for each in LAST):
            return True
        if not steps:
            return False
        following = [put.get_node() for put in node.output(0).get_target_inputs()]
        following = [each for each in following if each.get_type_name() not in products]
        return any(leads(each, steps - 1) for each in following)

    nodes = [node for node in network.get_ops() if node.get_type_name() in products]
    return [node.get_friendly_name() for node in nodes if leads(node, STEPS)]


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
