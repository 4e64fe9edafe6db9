"""What a run over photos hands to the files that it writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from mrcnn.detections import Detections


class RunInfo(NamedTuple):
    """What all photos of a run share; the first of the class names is the background's.

    `uncertain` is how many photos a format for correcting them shall hold, None for all; `masks`
    is how records tell a mask, one of `records.MASKS`; with `resumes` a format of `formats.RESUMED`
    goes on with what is there.
    """

    weights: Path
    class_names: list[str]
    min_confidence: float
    photos: Sequence[Path]  # all that it is to look at; formats beyond `formats.LISTING` need none
    uncertain: int | None = None
    masks: str = "polygons"
    resumes: bool = False


class PhotoResult(NamedTuple):
    """A photo, what was found in it, the file of its drawn picture, its size in bytes, and itself.

    `picture` is None where none is drawn.
    `image` is uint8 RGB `[H, W, 3]`, upright. The file may have been deleted since it was read.
    """

    path: Path
    detections: Detections
    picture: Path | None
    byte_size: int
    image: np.ndarray


class Writer(Protocol):
    """A result file in the making, complete on the disk from one photo to the next.

    A format of result files is such a class; `name` is its option on the command line, `help` what
    `--help` says of it. Raises OSError, naming the file, where it cannot be written.
    """

    name: str
    help: str

    def __init__(self, path: Path, run: RunInfo): ...

    def add(self, photo: PhotoResult) -> None:
        """Take the result of one photo; where that raises, the file is without it."""

    def fail(self, failure: dict) -> None:
        """Take the `file` and `reason` of a photo that has no result."""

    def close(self) -> None:
        """Write what is not written yet."""
