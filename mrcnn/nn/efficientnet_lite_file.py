"""The published file of EfficientNet-Lite0 (PyTorch), by the names of the layers here.

The file's names are those of TensorFlow's reference code, `_blocks.N` counted through. The
network is told here too, so that a file is read without Keras.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Block(NamedTuple):
    """An inverted residual block; `expansion` widens it inside, `channels` come out of it."""

    name: str
    kernel_size: int
    strides: int
    expansion: int
    channels: int


STEM, STEM_CHANNELS = "lite1_stem", 32
# Stage (C1..C5), blocks, kernel size, stride of the first, expansion, channels.
_GROUPS = (
    (1, 1, 3, 1, 1, 16),
    (2, 2, 3, 2, 6, 24),
    (3, 2, 5, 2, 6, 40),
    (4, 3, 3, 2, 6, 80),
    (4, 3, 5, 1, 6, 112),
    (5, 4, 5, 2, 6, 192),
    (5, 1, 3, 1, 6, 320),
)


def _blocks():
    stages = {}
    for stage, count, kernel_size, strides, expansion, channels in _GROUPS:
        for number in range(count):
            blocks = stages.setdefault(stage, [])
            name = f"lite{stage}{'abcdefgh'[len(blocks)]}"
            blocks.append(Block(name, kernel_size, 1 if number else strides, expansion, channels))
    return stages


STAGES: dict[int, list[Block]] = _blocks()
_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def _units():
    """Yield (name here, the file's convolution, the file's norm) of each convolution."""
    yield STEM, "_conv_stem", "_bn0"
    for number, block in enumerate(block for blocks in STAGES.values() for block in blocks):
        parts = ("expand", "depthwise", "project")[block.expansion == 1 :]
        norms = (0, 1, 2)[block.expansion == 1 :]
        for part, norm in zip(parts, norms, strict=True):
            start = f"_blocks.{number}"
            yield f"{block.name}_{part}", f"{start}._{part}_conv", f"{start}._bn{norm}"


def by_layer(tensors: Mapping[str, np.ndarray]) -> dict[tuple[str, str], np.ndarray]:
    """Return the file's tensors as `{(layer, variable): array}`; the classifier is left out.

    Raises ValueError where one is missing or has another number of dimensions.
    """
    found = {}
    for name, conv, norm in _units():
        # [out, in, h, w]; of a depthwise convolution Keras has [h, w, C, 1].
        axes = (2, 3, 0, 1) if name.endswith("_depthwise") else (2, 3, 1, 0)
        found[f"{name}_conv", "kernel"] = _tensor(tensors, f"{conv}.weight", 4).transpose(axes)
        for theirs, ours in _NORM.items():
            found[f"{name}_bn", ours] = _tensor(tensors, f"{norm}.{theirs}", 1)
    return found


def _tensor(tensors, name, dimensions):
    if name not in tensors:
        raise ValueError(f"it has no {name}, so it is not of EfficientNet-Lite0")
    if tensors[name].ndim != dimensions:
        raise ValueError(f"its {name} has shape {tensors[name].shape}")
    return tensors[name]
