"""What the readers of the formats hand to `judge.py`: content as it stands, unjudged."""

from enum import IntEnum
from typing import NamedTuple


class Rank(IntEnum):
    """How near a form is to what was drawn; of files that say the same, the nearest is read."""

    PROJECT = 1
    EXPORT = 2  # it does not say which attributes there are
    TABLE = 3
    FOREIGN = 4  # as VIA writes it, it knows neither polylines nor text attributes


class RawRegion(NamedTuple):
    """A region: its shape in VIA 2's words and its attributes; neither has been checked."""

    shape: object
    attributes: object
    crowd: bool = False


class RawImage(NamedTuple):
    """An image; `fault` says why it cannot be used, where its form knows that already."""

    filename: object
    regions: list[RawRegion]
    size: tuple[int, int] | None = None  # (height, width)
    byte_size: int | None = None
    fault: str | None = None


class Source(NamedTuple):
    """The content of one file. `declared` gives the types of region attributes, by name."""

    form: str
    images: list[RawImage]
    declared: dict[str, str]


def dict_or_empty(value: object) -> dict:
    """Return a value where it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}
