"""Texts of any length in damaged HDF5 files, at which the library searches for ever or makes room
for gigabytes.

Such texts lie in heaps, each a chain of numbered pieces. An attribute tells of each the length, the
heap's address and the piece's number (HDF5 File Format Specification 3.0, III.E, IV.A.2.m, VIII.A).
"""

import functools
import math
import mmap
import os
import struct
from collections.abc import Iterator, Sequence

import h5py

SIGNATURE = b"GCOL\x01\0\0\0"
HEAD = PIECE_HEAD = PLACE = 16  # bytes
# Of an attribute, by its version: bytes before its name, and to what its parts are filled up.
LAYOUTS = {1: (8, 8), 2: (8, 1), 3: (9, 1)}
ANY_LENGTH = 9  # class of a type


def check(file: h5py.File, names: Sequence[str]) -> None:
    """Raise ValueError where the texts of attributes whose names begin like that are damaged so."""
    stat = os.stat(file.filename)
    _check(file.filename, tuple(names), (stat.st_ino, stat.st_size, stat.st_mtime_ns))


# Every layer of a model asks, and to search a file of 250 MB takes 0.5 s.
@functools.lru_cache(maxsize=1)
def _check(path, names, _version):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        heaps = {heap: _pieces(data, heap) for heap in _find(data, SIGNATURE)}
        for name in names:
            for found in _find(data, name.encode()):
                for length, heap, number in _texts(data, found):
                    if length > heaps.get(heap, {}).get(number, 0):
                        raise ValueError("a text within is not in its place")


def _find(data, words: bytes) -> Iterator[int]:
    at = data.find(words)
    while at >= 0:
        yield at
        at = data.find(words, at + 1)


def _pieces(data, heap) -> dict[int, int]:
    """Return the lengths of a heap's pieces by number."""
    pieces, at = {}, heap + HEAD
    end = min(heap + int.from_bytes(data[heap + 8 : heap + 16], "little"), len(data))
    while at + PIECE_HEAD <= end:
        number, length = struct.unpack_from("<H6xQ", data, at)
        if number:
            pieces[number] = length
            at += PIECE_HEAD + length + -length % 8
        elif length:  # what is free, head and all
            at += length
        else:
            raise ValueError("the texts within have no end")
    return pieces


def _texts(data, found):
    """Yield (length, heap, piece) of each text of the attribute whose name stands at `found`."""
    size = data.find(b"\0", found) + 1 - found
    for version, (before, fill) in LAYOUTS.items():
        start = found - before
        if start < 0 or data[start] != version:
            continue
        sizes = struct.unpack_from("<HHH", data, start + 2)
        kind, shape, at = (found + sum(n + -n % fill for n in sizes[:parts]) for parts in (1, 2, 3))
        if sizes[0] != size or at > len(data) or data[kind] & 15 != ANY_LENGTH:
            continue
        sides = struct.unpack_from(f"<{data[shape + 1]}Q", data, shape + (8 if version == 1 else 4))
        if at + PLACE * math.prod(sides) > len(data):
            raise ValueError("there are more texts than the file is long")
        for number in range(math.prod(sides)):
            yield struct.unpack_from("<IQI", data, at + PLACE * number)
