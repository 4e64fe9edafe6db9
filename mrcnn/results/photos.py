"""What a run over photos hands to the files that it writes."""

from pathlib import Path
from typing import NamedTuple, Protocol

from mrcnn.detections import Detections


class RunInfo(NamedTuple):
    """What all photos of a run share; the first of the class names is the background's."""

    weights: Path
    class_names: list[str]
    min_confidence: float


class PhotoResult(NamedTuple):
    """A photo, what was found in it, and the file of its drawn picture."""

    path: Path
    detections: Detections
    picture: Path


class Writer(Protocol):
    """A result file in the making.

    A format of result files is such a class; `name` is its option on the command line, `help` what
    `--help` says of it.
    """

    name: str
    help: str

    def __init__(self, path: Path, run: RunInfo): ...

    def add(self, photo: PhotoResult) -> None:
        """Take the result of one photo."""

    def close(self, failed: list[dict]) -> None:
        """Write what is not written yet; `failed` are photos that could not be read.

        Each is a dict of `file` and `reason`. Raises OSError, naming the file, where it cannot be
        written.
        """
