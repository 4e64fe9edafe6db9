"""Reading the arrays of tests/conformance."""

import ast
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "conformance"


def load(name):
    """Return the arrays of a file by name."""
    with np.load(FOLDER / name, allow_pickle=False) as arrays:
        return dict(arrays)


def unpack(bits, shape):
    """Return the boolean array that `numpy.packbits` packed."""
    shape = tuple(shape)
    return np.unpackbits(bits)[: int(np.prod(shape))].reshape(shape).astype(bool)


def overrides(arrays):
    """Return the Config attributes that a run was made with."""
    return ast.literal_eval(str(arrays["config"]))
