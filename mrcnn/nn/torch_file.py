"""Tensors out of a file that an old PyTorch's `torch.save` wrote (before 1.6), without PyTorch.

Such a file is five pickles, the fourth of them the dict, with the numbers of each storage behind
them. Pickles can name any function to be called. Here they are not unpickled: an interpreter of
the few operations that a dict of tensors takes refuses all others, so that nothing of a stranger's
file is ever imported or called. No array is made that the file has no bytes for.
"""

import io
import pickletools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

# The first pickle, a number by which PyTorch knows its files, and the second, of the version.
SIGNATURE = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
VERSION = 1001
STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}
MAX_DIMENSIONS = 8
# Far more than networks of this kind take: a file in which all is well is read into memory.
MAX_BYTES, MAX_OPERATIONS = 2**30, 500_000
# What a dict of tensors names, and the operations that only push their argument.
_NAMES = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    *(f"torch {name}" for name in STORAGES),
}
_PLAIN = {"BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Named(NamedTuple):
    """What a pickle names as "module name"; it stays a text."""

    text: str


class _Storage(NamedTuple):
    key: str
    dtype: str
    count: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


_MARK = _Named("")


def is_one(path: str | Path) -> bool:
    """Tell whether a file begins as PyTorch's old ones do."""
    if not Path(path).is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def read(path: str | Path) -> dict[str, np.ndarray]:
    """Return the tensors of a file by name, in the file's order; arrays cannot be written to.

    Raises ValueError, one sentence, where the file is damaged, cut short, or holds anything but
    tensors by name, and OSError where it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        return _read(data)
    except (ValueError, IndexError, TypeError, KeyError, OverflowError, struct.error) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(
            f"{path} is no file of tensors that an old PyTorch wrote, or it is damaged ({reason})"
        ) from error


def _read(data):
    if not data.startswith(SIGNATURE):
        raise ValueError("it begins otherwise")
    stream = io.BytesIO(data)
    _, version, system, tensors, keys = (_pickled(stream) for _ in range(5))
    if (
        version != VERSION
        or not isinstance(system, dict)
        or system.get("little_endian") is not True
    ):
        raise ValueError("it is of another version")
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(tensor, _Tensor) for name, tensor in tensors.items()
    ):
        raise ValueError("it holds other things than tensors by name")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    # Strings alone: the hash of a tuple of tuples may take for ever.
    if sorted(_of_kind(key, str) for key in _of_kind(keys, list)) != sorted(storages):
        raise ValueError("its storages are not those of its tensors")
    numbers = _numbers(data, stream.tell(), [storages[key] for key in keys])
    return {name: _array(tensor, numbers[tensor.storage]) for name, tensor in tensors.items()}


def _numbers(data, at, storages):
    """Return the numbers of each storage, which follow each other after their count."""
    found = {}
    for storage in storages:
        (count,) = struct.unpack_from("<q", data, at)
        size = count * np.dtype(storage.dtype).itemsize
        at += 8
        if count != storage.count or size > len(data) - at:
            raise ValueError(f"storage {storage.key:.40} is cut short or of another size")
        found[storage] = np.frombuffer(data, storage.dtype, count, at)
        at += size
    return found


def _array(tensor, numbers):
    """Return a view of the numbers."""
    _, offset, shape, strides = tensor
    if np.prod(shape, dtype=object) > len(numbers):
        raise ValueError(f"a tensor of shape {shape} has {len(numbers)} numbers")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if 0 in shape or last >= len(numbers):
        raise ValueError(f"a tensor of shape {shape} is empty or leaves its storage")
    steps = [stride * numbers.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps, writeable=False)


def _pickled(stream):
    """Return what the next pickle of a stream describes; raises ValueError where it asks more."""
    operations = pickletools.genops(stream)
    stack, memo = [], {}
    for count, (operation, argument, _) in enumerate(operations):
        if count == MAX_OPERATIONS:
            break
        name = operation.name
        if name == "STOP":
            (value,) = stack
            return value
        if name in _PLAIN:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name == "MARK":
            stack.append(_MARK)
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in _TUPLES:
            start = len(stack) - _TUPLES[name]
            if start < 0:
                raise ValueError("a tuple lacks members")
            stack[start:] = [tuple(stack[start:])]
        elif name in ("EMPTY_DICT", "EMPTY_LIST"):
            stack.append({} if name == "EMPTY_DICT" else [])
        elif name != "PROTO":
            _change(stack, name, argument)
    raise ValueError("a pickle does not end, or is longer than tensors need")


def _change(stack, name, argument):
    """Do an operation that takes what is on the stack."""
    if name == "GLOBAL":
        if argument not in _NAMES:
            raise ValueError(f"it names {argument:.60}, which is no part of a tensor")
        stack.append(_Named(argument))
    elif name == "TUPLE":
        members = _since_mark(stack)
        stack.append(tuple(members))
    elif name == "APPEND":
        member = stack.pop()
        _of_kind(stack[-1], list).append(member)
    elif name == "APPENDS":
        members = _since_mark(stack)
        _of_kind(stack[-1], list).extend(members)
    elif name == "SETITEMS":
        members = _since_mark(stack)
        for key, value in zip(members[::2], members[1::2], strict=True):
            _of_kind(stack[-1], dict)[_of_kind(key, str)] = value
    elif name == "SETITEM":
        value, key = stack.pop(), stack.pop()
        _of_kind(stack[-1], dict)[_of_kind(key, str)] = value
    elif name == "BINPERSID":
        stack.append(_storage(stack.pop()))
    elif name == "REDUCE":
        arguments, function = stack.pop(), stack.pop()
        stack.append(_made(function, arguments))
    elif name == "BUILD":
        # The versions of modules, which `state_dict` puts beside its tensors.
        _of_kind(stack.pop(), dict)
        _of_kind(stack[-1], dict)
    else:
        raise ValueError(f"its pickle does {name}, which takes no part in a tensor")


def _since_mark(stack):
    members = []
    while (member := stack.pop()) is not _MARK:
        members.append(member)
    return members[::-1]


def _of_kind(value, kind):
    if type(value) is not kind:
        raise ValueError(f"there is a {type(value).__name__} where a {kind.__name__} should be")
    return value


def _whole(values) -> Iterator[int]:
    for value in _of_kind(values, tuple):
        if not 0 <= _of_kind(value, int) < 2**63:
            raise ValueError("there is a number below 0 or above 64 bits where a size should be")
        yield value


def _storage(described):
    """Return the storage of `("storage", type, key, place, count, None)`."""
    word, kind, key, _, count, view = _of_kind(described, tuple)
    named = _of_kind(kind, _Named).text.split()
    if word != "storage" or named[0] != "torch" or view is not None:
        raise ValueError("a storage is described otherwise")
    (count,) = _whole((count,))
    return _Storage(_of_kind(key, str), STORAGES[named[1]], count)


def _made(function, arguments):
    """Return what the two functions that a dict of tensors calls would make of the arguments."""
    function = _of_kind(function, _Named).text
    if function == "collections OrderedDict" and arguments == ():
        return {}
    if function != "torch._utils _rebuild_tensor_v2":
        raise ValueError(f"it calls {function:.60}, which makes no tensor")
    storage, offset, shape, strides, *_ = _of_kind(arguments, tuple)
    (offset,) = _whole((offset,))
    shape, strides = tuple(_whole(shape)), tuple(_whole(strides))
    if not len(shape) == len(strides) <= MAX_DIMENSIONS:
        raise ValueError(f"a tensor has {len(shape)} sizes and {len(strides)} strides")
    return _Tensor(_of_kind(storage, _Storage), offset, shape, strides)
