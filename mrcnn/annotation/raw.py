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
    """A region: its shape in VIA 2's words and its attributes; neither has been checked.

    `fault` says why it has no label, where its form knows that already.
    """

    shape: object
    attributes: object
    crowd: bool = False
    fault: str | None = None


class RawImage(NamedTuple):
    """An image; `fault` says why it cannot be used, where its form knows that already."""

    filename: object
    regions: list[RawRegion]
    size: tuple[int, int] | None = None  # (height, width)
    byte_size: int | None = None
    fault: str | None = None
    predicted: int | None = None  # how many regions a network gave it; see `predicted.py`


class Declared(NamedTuple):
    """What a file says of a region attribute."""

    kind: str = ""  # "text", "dropdown", "radio", "checkbox"
    defaults: tuple[str, ...] = ()  # the values that VIA fills in


class Source(NamedTuple):
    """The content of one file.

    `declared` has the region attributes that the file lists, in its order; `attribute` is the one
    that carries the class, where the form says so.
    """

    form: str
    images: list[RawImage]
    declared: dict[str, Declared]
    attribute: str | None = None
    warnings: tuple[str, ...] = ()


def in_words(value: object) -> str:
    """Say what kind of value stands in a file."""
    if isinstance(value, bool | None):
        return "nothing" if value is None else "yes or no"
    kinds = {str: "text", list: "a list", dict: "a group of named values"}
    return kinds.get(type(value), "a number")


def dict_or_empty(value: object) -> dict:
    """Return a value where it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}
