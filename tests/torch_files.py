"""Files as PyTorch's `torch.save` wrote them before 1.6, made without PyTorch."""

import pickle
import struct
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

SIGNATURE, VERSION = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {"int": 4, "long": 4}}
KINDS = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage"}
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"


class Storage(NamedTuple):
    """Numbers under a key, which several tensors may be parts of."""

    key: str
    numbers: np.ndarray


class Tensor(NamedTuple):
    """What a file says of a tensor; it need not be true."""

    storage: Storage
    offset: object
    shape: object
    strides: object


def of(tensors: Mapping, replaced: Mapping = {}, protocol: int = 2) -> bytes:
    """Return a file of arrays and `Tensor`s by name.

    `replaced` has, by number, what stands in place of one of the five pickles: bytes as they are,
    and objects that are pickled with `protocol`.
    """
    described = {}
    for number, (name, tensor) in enumerate(tensors.items()):
        if isinstance(tensor, np.ndarray):
            strides = tuple(step // tensor.itemsize for step in tensor.strides)
            tensor = Tensor(Storage(str(number), tensor.ravel()), 0, tensor.shape, strides)
        described[name] = tensor
    storages = {tensor.storage.key: tensor.storage.numbers for tensor in described.values()}
    code = b"".join(map(_tensor, described, described.values()))
    pickles = [SIGNATURE, VERSION, SYSTEM, b"\x80\x02" + ORDERED_DICT + b"(" + code + b"u."]
    pickles.append(sorted(storages))
    parts = []
    for place, value in enumerate(pickles):
        value = replaced.get(place, value)
        chosen = protocol if place in replaced else 2
        parts.append(value if isinstance(value, bytes) else pickle.dumps(value, chosen))
    for key in sorted(storages):
        numbers = storages[key]
        parts.append(struct.pack("<q", numbers.size) + numbers.tobytes())
    return b"".join(parts)


def _value(value):
    """Return the operations that push a value."""
    return pickle.dumps(value, 2)[2:-1]


def _tensor(name, tensor):
    (key, numbers), *place = tensor
    kind = KINDS[numbers.dtype.str[1:]].encode()
    storage = b"(" + _value("storage") + b"ctorch\n" + kind + b"\n"
    storage += _value(key) + _value("cpu") + _value(numbers.size) + b"NtQ"
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage
    return _value(name) + rebuilt + b"".join(map(_value, place)) + b"\x89" + ORDERED_DICT + b"tR"
