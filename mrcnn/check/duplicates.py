"""Copies of the same picture: byte by byte, and in looks after re-encoding or resizing.

An image in both train and val makes the validation score better than the model is.
"""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

THUMBNAIL_SIDE = 32
# The perceptual hash is the signs of the lowest 8 x 8 frequencies around their median (pHash:
# Zauner 2010, section 3.2.1), without the mean. Re-encoding and resizing turn a few of its bits.
HASH_SIDE = 8
MAX_HASH_BITS = 10
# Plain backgrounds give many pictures the same low frequencies, so near ones are compared again:
# the mean difference of their thumbnails in grey levels of 256.
MAX_GREY_DIFFERENCE = 6.0


class Fingerprint(NamedTuple):
    """What is kept of a picture to compare it."""

    path: Path
    thumbnail: np.ndarray  # uint8 [32, 32]
    bits: int  # the perceptual hash, 64 bits


class Duplicate(NamedTuple):
    """A pair of files that show the same; `exact` where they are equal byte by byte."""

    first: Path
    second: Path
    exact: bool


def fingerprint(path: Path, image: np.ndarray) -> Fingerprint:
    """Return the fingerprint of an image, uint8 RGB `[H, W, 3]`."""
    small = cv2.resize(image, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    frequencies = cv2.dct(grey.astype(np.float32))[:HASH_SIDE, :HASH_SIDE].ravel()
    bits = frequencies > np.median(frequencies[1:])
    bits[0] = False
    return Fingerprint(path, grey, int.from_bytes(np.packbits(bits).tobytes(), "big"))


def find_duplicates(first: Sequence[Fingerprint], second: Sequence[Fingerprint]) -> list[Duplicate]:
    """Return, for each picture of `second`, its copy among `first` where there is one.

    An exact copy goes before a similar picture, and the most similar one before others.
    """
    exact = _exact_copies([f.path for f in first], [f.path for f in second])
    duplicates = [Duplicate(copy, path, True) for path, copy in exact.items()]
    if not first:
        return duplicates
    first_bits = np.array([f.bits for f in first], np.uint64)
    for one in second:
        if one.path in exact:
            continue
        distance = np.bitwise_count(first_bits ^ np.uint64(one.bits))
        near = np.flatnonzero(distance <= MAX_HASH_BITS)
        differences = [_difference(one, first[i]) for i in near]
        if differences and min(differences) <= MAX_GREY_DIFFERENCE:
            match = first[near[int(np.argmin(differences))]]
            duplicates.append(Duplicate(match.path, one.path, False))
    return duplicates


def group_copies(prints: Sequence[Fingerprint]) -> list[list[Path]]:
    """Return the pictures in groups of those that show the same, in the order of their first."""
    group_of = list(range(len(prints)))
    copies = _exact_copies([f.path for f in prints], [f.path for f in prints])
    first = {f.path: index for index, f in enumerate(prints)}
    bits = np.array([f.bits for f in prints], np.uint64)
    for index, one in enumerate(prints):
        near = np.flatnonzero(np.bitwise_count(bits[:index] ^ bits[index]) <= MAX_HASH_BITS)
        alike = [i for i in near if _difference(one, prints[i]) <= MAX_GREY_DIFFERENCE]
        joined = {group_of[i] for i in (index, first[copies[one.path]], *alike)}
        group_of = [min(joined) if group in joined else group for group in group_of]
    groups = {}
    for one, group in zip(prints, group_of, strict=True):
        groups.setdefault(group, []).append(one.path)
    return list(groups.values())


def _difference(one, other):
    return float(np.abs(one.thumbnail.astype(np.int16) - other.thumbnail).mean())


def _exact_copies(first, second):
    """Return {path of second: equal path of first}; only files of equal length are read."""
    by_length = {}
    for path in first:
        by_length.setdefault(path.stat().st_size, []).append(path)

    @functools.cache
    def digest(path):
        return hashlib.sha256(path.read_bytes()).digest()

    copies = {}
    for path in second:
        alike = by_length.get(path.stat().st_size, ())
        copy = next((other for other in alike if digest(other) == digest(path)), None)
        if copy is not None:
            copies[path] = copy
    return copies
