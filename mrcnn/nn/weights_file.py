"""Weight files in the published HDF5 layout: what is in them, and how they are written.

The layout is that of Keras 2's `save_weights`: a group a layer, listed in the root attribute
`layer_names`, whose attribute `weight_names` lists its datasets (`conv1/kernel:0`). A file of a
whole model has all that under the group `model_weights`. A weight is known by the name of its
layer and its variable, so it does not matter how layers are nested or which Keras wrote them.

Files come from strangers: they are read as arrays alone. Nothing in them is executed or
unpickled, and links out of the file are not followed.

EfficientNet-Lite0's published file, of PyTorch, is read too: `torch_file.py`.

This module needs neither Keras nor TensorFlow.
"""

import contextlib
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from mrcnn import files, hdf5
from mrcnn.nn import backbones, efficientnet_lite_file, hdf5_texts, torch_file, variable_names

# A root attribute that other readers pass over: class names and settings, as JSON.
METADATA = "mask_rcnn"
# What weights were trained with whose settings were written before there was the name.
EARLIER = {"MASK_CANONICAL_SIDE": 224}
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
LAYER_NAMES, WEIGHT_NAMES = "layer_names", "weight_names"
# HDF5 takes no longer value of one length.
MAX_FIXED = 60_000


class WeightsError(ValueError):
    """A weights file that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class WeightsInfo:
    """What the header of a weights file tells.

    `backbone` is a name for `backbones.named`, or "module:function" of another where the file
    tells it (a stranger's word, never to be imported unasked), else None; `num_classes` counts the
    background and is None in a file without heads; `class_names` starts with "BG" and, like
    `settings` (Config attributes), is None where the file does not tell.
    """

    path: Path
    backbone: str | None
    num_classes: int | None
    class_names: list[str] | None
    settings: dict | None


@contextlib.contextmanager
def _reading(path):
    """Make one clear sentence of every fault of the file that shows meanwhile: a WeightsError."""
    try:
        yield
    except WeightsError:
        raise
    # A damaged file makes h5py raise anything: TypeError, ValueError, MemoryError, ...
    except Exception as error:
        reason = next(iter(str(error).strip("'\"").splitlines()), type(error).__name__)
        raise WeightsError(
            f"{path} is damaged or cut short ({Path(path).stat().st_size:,} bytes): "
            f"copy or download it again ({reason})"
        ) from error


def opened(path) -> h5py.File:
    """Open a weights file, a context manager; raises WeightsError where it is none."""
    path = Path(path)
    if not path.exists():
        raise WeightsError(f"{path}: no such weights file")
    if path.is_dir():
        raise WeightsError(f"{path} is a folder, not a weights file")
    if files.is_special(path):
        raise WeightsError(f"{path} is a pipe or a device, not a weights file")
    try:
        with path.open("rb") as file:
            start = file.read(len(HDF5_SIGNATURE))
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    if not start:
        raise WeightsError(f"{path} is empty: copy or download it again")
    if start != HDF5_SIGNATURE:
        hint = " (it looks like a web page: the download failed)" if start[:1] == b"<" else ""
        raise WeightsError(f"{path} is not an HDF5 weights file{hint}")
    with _reading(path):
        return hdf5.reading(path)


def text_of(value: bytes | str) -> str:
    """Return a text as HDF5 gives it."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _attribute(holder, name):
    """Return an attribute of a file or group, None where there is none."""
    attributes = holder.attrs
    if name not in attributes:
        return None
    stored = attributes.get_id(name)
    if stored.shape == (0,):  # Keras writes an empty list as one of numbers
        return []
    text = h5py.check_string_dtype(stored.dtype)
    if text is None:
        raise ValueError(f"{name} is not text")
    if text.length is None:
        hdf5_texts.check(holder.file, (LAYER_NAMES, WEIGHT_NAMES, METADATA))
    return attributes[name]


def _names(holder, name):
    """Read a list of names, which Keras splits into `name0`, `name1`... where it is long."""
    parts = [_attribute(holder, name)]
    if parts[0] is None:
        numbered = (_attribute(holder, f"{name}{number}") for number in itertools.count())
        parts = list(itertools.takewhile(lambda part: part is not None, numbered))
    for part in parts:
        if np.ndim(part) != 1:
            raise ValueError(f"{name} is not a list of names")
    return [text_of(value) for part in parts for value in part]


def _child(group, path):
    """Follow `path` below `group` through hard links alone; None where it does not lead."""
    for part in path.split("/"):
        if not isinstance(group, h5py.Group) or part in ("", ".", ".."):
            return None
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            return None
        group = group[part]
    return group


def datasets(file) -> dict:
    """Return `{(layer, variable): h5py.Dataset}` of an open file, in file order.

    Variables are named as today's Keras does. Raises WeightsError where the file has another
    layout or a weight is not a plain array of floats.
    """
    with _reading(file.filename):
        return _datasets(file)


def _datasets(file):
    path = file.filename
    model = _child(file, "model_weights")
    root = file if model is None else model
    layer_names = _names(root, LAYER_NAMES)
    if not layer_names:
        raise WeightsError(
            f"{path} is not in the layout of Mask R-CNN weights: it does not list its layers "
            "(Keras 3's own `.weights.h5` files do not name them and cannot be used)"
        )
    found = {}
    for layer_name in layer_names:
        group = _child(root, layer_name)
        names = _names(group, WEIGHT_NAMES) if isinstance(group, h5py.Group) else []
        parents, listed = {name.rpartition("/")[0] for name in names}, set(names)
        for name in names:
            variable = variable_names.in_file(name, listed)
            dataset = _child(group, name)
            if variable not in variable_names.COMMON and not hdf5.is_plain(dataset):
                continue
            if not isinstance(dataset, h5py.Dataset):
                raise WeightsError(f"{path}: {layer_name} lists {name}, which is not in the file")
            if not hdf5.is_plain(dataset):
                raise WeightsError(f"{path}: {name} is not a plain array of numbers")
            # A group with several parents is a nested model: the weight's own parent names it.
            leaf = name.split("/")[-2] if len(parents) > 1 and "/" in name else layer_name
            found[leaf, variable] = dataset
    return found


@contextlib.contextmanager
def contents(path):
    """Give `({(layer, variable): what `array` reads}, the file's metadata)` of an open file.

    Raises WeightsError where the file is none of weights.
    """
    if torch_file.is_one(path):
        yield _published_lite(path), {}
    else:
        with opened(path) as file:
            yield datasets(file), _metadata(file)


def _published_lite(path):
    try:
        tensors = torch_file.read(path)
    except ValueError as error:
        raise WeightsError(str(error)) from error
    try:
        return efficientnet_lite_file.by_layer(tensors)
    except ValueError as error:
        raise WeightsError(f"{path} cannot be used: {error}") from error


def array(dataset) -> np.ndarray:
    """Return the numbers of one of `contents`, float32; raises WeightsError."""
    if isinstance(dataset, np.ndarray):
        return dataset.astype(np.float32, copy=False)
    with _reading(dataset.file.filename):
        return dataset[()].astype(np.float32, copy=False)


def inspect(path) -> WeightsInfo:
    """Read the header of a weights file; raises WeightsError where it is none."""
    with contents(path) as (found, metadata):
        shapes = {key: dataset.shape for key, dataset in found.items()}
    logits = shapes.get(("mrcnn_class_logits", "bias"))
    settings = metadata.get("settings")
    settings = None if settings is None else EARLIER | settings
    return WeightsInfo(
        path=Path(path),
        backbone=backbones.of_layers(layer for layer, _ in shapes) or _own_backbone(settings),
        num_classes=logits[0] if logits else None,
        class_names=metadata.get("class_names"),
        settings=settings,
    )


def _own_backbone(settings):
    name = (settings or {}).get("BACKBONE")
    return name if isinstance(name, str) and ":" in name else None


def _metadata(file):
    with _reading(file.filename):
        text = _attribute(file, METADATA)
    if text is None:
        return {}
    try:
        metadata = json.loads(text_of(text))
        names, settings = metadata.get("class_names"), metadata.get("settings")
        valid = isinstance(names, list | None) and isinstance(settings, dict | None)
        if not valid or not all(isinstance(name, str) for name in names or []):
            raise ValueError("class names or settings of a wrong type")
    except (ValueError, AttributeError) as error:
        raise WeightsError(
            f"{file.filename}: its attribute {METADATA!r} cannot be used ({error})"
        ) from error
    return metadata


def write(path, groups, metadata=None) -> None:
    """Write a weights file, beside its place first and then renamed.

    Arguments:
        path: where to; an older file there is replaced only once the new one is whole.
        groups: `{layer: {weight name: array}}` in the order of the file.
        metadata: what `inspect` should tell, of JSON's types.

    Raises WeightsError where the folder cannot be written or the disk is full.
    """
    try:
        with hdf5.replacing(path) as file:
            _write_names(file, LAYER_NAMES, groups)
            file.attrs["backend"] = np.bytes_("tensorflow")
            file.attrs["keras_version"] = np.bytes_("2.0.8")
            if metadata is not None:
                text = json.dumps(metadata)
                file.attrs[METADATA] = np.bytes_(text) if len(text) < MAX_FIXED else text
            for layer, weights in groups.items():
                group = file.create_group(layer)
                _write_names(group, WEIGHT_NAMES, weights)
                for name, array in weights.items():
                    group[name] = array
    except (OSError, RuntimeError) as error:
        raise WeightsError(str(error).splitlines()[0]) from error


def _write_names(holder, attribute, names):
    """Write a list of names as bytes of one length, which every Keras reads; see `_names`."""
    array = np.array([name.encode() for name in names])
    count = -(-array.nbytes // MAX_FIXED)
    if count <= 1:
        holder.attrs[attribute] = array
        return
    for number, part in enumerate(np.array_split(array, count)):
        holder.attrs[f"{attribute}{number}"] = part
