"""Texts of any length in damaged HDF5 files, at which the library searches for ever or makes room
for gigabytes.

Such texts lie in heaps, each a chain of numbered pieces. Where one is meant stand its length, the
heap's address and the piece's number (HDF5 File Format Specification 3.0, III.E and VIII.A).
"""

import functools
import mmap
import struct
from collections.abc import Iterator, Sequence

import h5py

SIGNATURE = b"GCOL\x01\0\0\0"
HEAD = PIECE_HEAD = PLACE = 16  # bytes
MAX_TEXT = 2**27
# Between an attribute's name and its values, type and shape take less.
MOST_BETWEEN = 200


def check(file: h5py.File, names: Sequence[str]) -> None:
    """Raise ValueError where the texts of attributes whose names begin like that are damaged so."""
    _check(file.filename, tuple(names), file.id.id)


# Every layer of a model asks, and to search its file takes 0.2 s; HDF5 numbers what it opens.
@functools.lru_cache(maxsize=1)
def _check(path, names, _opened):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        heaps = set(_find(data, SIGNATURE))
        for heap in heaps:
            _walk(data, heap)
        for name in names:
            for found in _find(data, name.encode()):
                places = range(found, min(found + MOST_BETWEEN, len(data) - PLACE))
                at = next((at for at in places if _address(data, at) in heaps), len(data))
                while at + PLACE <= len(data) and _address(data, at) in heaps:
                    if int.from_bytes(data[at : at + 4], "little") > MAX_TEXT:
                        raise ValueError("a text within is too long")
                    at += PLACE


def _find(data, words: bytes) -> Iterator[int]:
    at = data.find(words)
    while at >= 0:
        yield at
        at = data.find(words, at + 1)


def _walk(data, heap):
    at = heap + HEAD
    end = min(heap + int.from_bytes(data[heap + 8 : heap + 16], "little"), len(data))
    while at + PIECE_HEAD <= end:
        number, length = struct.unpack_from("<H6xQ", data, at)
        if number:
            at += PIECE_HEAD + length + -length % 8
        elif length:  # what is free, head and all
            at += length
        else:
            raise ValueError("the texts within have no end")


def _address(data, at):
    return int.from_bytes(data[at + 4 : at + 12], "little")
