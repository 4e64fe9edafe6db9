"""Batches as the older package made them: lists of arrays in the order of the network's inputs."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np


def named(names: Sequence[str], batch):
    """Return `batch` with its arrays by name: a list of them, or a tuple that begins with one.

    An empty list of targets is left out, since the network computes its losses itself. What has
    another form is returned as it is. Raises ValueError for a list of another length.
    """
    if isinstance(batch, tuple) and batch and isinstance(batch[0], dict | list | tuple):
        inputs, *targets = batch
        return (named(names, inputs), *filter(len, targets))
    if not isinstance(batch, list | tuple):
        return batch
    if len(batch) != len(names):
        raise ValueError(
            f"{len(batch)} arrays for a network of {len(names)} inputs, which are in this order: "
            f"{', '.join(names)}"
        )
    return {name: _no_bool(array) for name, array in zip(names, batch, strict=True)}


def _no_bool(array):
    """Keras adds up a batch over the devices, which TensorFlow does not do with booleans."""
    is_bool = isinstance(array, np.ndarray) and array.dtype.kind == "b"
    return array.view(np.uint8) if is_bool else array


def source(names: Sequence[str], data):
    """Return what `Model.fit` and its like take for `data`, batches as of `named` or arrays.

    Batches may come from an iterator, or from anything with a length and places.
    """
    if isinstance(data, list | tuple):
        return named(names, data)
    if isinstance(data, Iterator):
        return (named(names, batch) for batch in data)
    if isinstance(data, keras.utils.PyDataset | dict) or hasattr(data, "dtype"):
        return data
    return Places(names, data) if hasattr(data, "__getitem__") else data


class Places(keras.utils.PyDataset):
    """The batches of anything with a length and places."""

    def __init__(self, names: Sequence[str], batches):
        super().__init__()
        self.names, self.batches = names, batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return named(self.names, self.batches[index])

    def on_epoch_end(self):
        getattr(self.batches, "on_epoch_end", int)()
