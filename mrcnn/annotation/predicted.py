"""What a person changed of regions that began as predictions.

A project of predictions keeps in the attribute PREDICTED of each region its score and a checksum of
its outline and class, and in that of each image how many regions there were. VIA neither shows nor
changes attributes that a project does not declare, and writes them whenever it saves or exports.
"""

import zlib
from collections.abc import Iterable, Sequence

import numpy as np

from mrcnn.annotation.records import Corrections, Region

PREDICTED = "predicted"


def mark(label: str, outlines: Sequence[np.ndarray], score: float) -> str:
    """Return what PREDICTED says of a region: "0.83 5f3a9c1b"."""
    return f"{score:.2f} {_checksum(label, outlines)}"


def predicted_count(attributes: object) -> int | None:
    """Return how many regions an image was given, by its attributes, or None."""
    value = attributes.get(PREDICTED) if isinstance(attributes, dict) else None
    known = isinstance(value, str) and value.isdecimal() and len(value) < 7
    return int(value) if known else None


def compare(regions: Iterable[tuple[Region, object]], count: int | None) -> Corrections | None:
    """Return what became of the `count` predicted regions of an image, None where it has no count.

    `regions` are those that there are now, each with the value of its PREDICTED or None.
    """
    if count is None:
        return None
    # VIA copies a region with all its attributes: the copy was drawn.
    seen, kept, changed, drawn = set(), 0, 0, 0
    for region, value in regions:
        if not (isinstance(value, str) and value) or value in seen or len(seen) == count:
            drawn += 1
            continue
        seen.add(value)
        same = value.rpartition(" ")[2] == _checksum(region.label, region.outlines)
        kept, changed = kept + same, changed + (not same)
    return Corrections(kept, changed, count - len(seen), drawn)


def _checksum(label, outlines):
    points = [np.round(outline, 2).astype("<f8").tobytes() for outline in outlines]
    return f"{zlib.crc32(b''.join([label.encode(), *points])):08x}"
