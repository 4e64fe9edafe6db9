"""What the readers of the single forms hand to `via.py`: content as it stands, unjudged."""

from typing import NamedTuple


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


def size_or_none(height: object, width: object) -> tuple[int, int] | None:
    """Return (height, width) where both are sizes an image can have."""
    if type(height) is int and type(width) is int and height > 0 and width > 0:
        return height, width
    return None
