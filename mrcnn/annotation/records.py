"""What an annotation file says, whichever form it has: images, their regions, what was wrong.

Coordinates are pixels of the annotated image, `(x, y)`, x to the right and y down, and continuous:
the first pixel is the square from (0, 0) to (1, 1).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrcnn.tables import few

# The kind of the problem of a region that says what another one of its image says.
REPEATED = "drawn twice"


class AnnotationError(ValueError):
    """An annotation file, or a part of it, cannot be used; the message says which and why."""


class DamagedFile(AnnotationError):
    """A file that was cut off or spoiled, so that nobody knows what it said."""


class ShapeError(ValueError):
    """A shape has no usable form; `kind` is the short name of the fault."""

    def __init__(self, kind: str, reason: str):
        super().__init__(reason)
        self.kind = kind


def brief(value: object) -> str:
    """Return a value as it stands in a message, shortened."""
    if value is None:
        return "missing"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


class Region(NamedTuple):
    """One object: a closed shape and its class.

    `outlines` are the parts of a shape drawn as lines, each float64 `[n, 2]` of `(x, y)`, not
    repeating the first point; together they are the object. A mask given as run lengths has no
    outlines but `rle`, `{"size": [height, width], "counts": [...]}`, counted column by column
    as COCO does.
    """

    number: int  # 1 is the first region of its image, as VIA shows them
    shape: str  # polygon, rect, circle, ellipse, polyline, extreme_..., segmentation or rle
    label: str
    outlines: tuple[np.ndarray, ...] = ()
    rle: dict | None = None
    crowd: bool = False  # a group outlined as one (COCO's `iscrowd`)

    @property
    def polygon(self) -> dict:
        """The outline as VIA writes a polygon's; parts are joined by lines, there and back.

        Without points where there are run lengths instead.
        """
        closed = [np.concatenate([outline, outline[:1]]) for outline in self.outlines]
        starts = [outline[:1] for outline in self.outlines[-2::-1]]
        points = np.concatenate([*closed, *starts]) if len(closed) > 1 else self.outlines
        xs, ys = np.reshape(points, (-1, 2)).T.tolist()
        return {"name": "polygon", "all_points_x": xs, "all_points_y": ys}


class Corrections(NamedTuple):
    """How many of an image's predicted regions were kept, changed, in outline or class, and
    deleted, and how many a person drew besides them."""

    kept: int
    changed: int
    deleted: int
    drawn: int


class AnnotatedImage(NamedTuple):
    """An image of the file and its usable regions; an empty `regions` is a negative example."""

    filename: str  # relative to the data set's folder, with forward slashes
    regions: tuple[Region, ...] = ()
    size: tuple[int, int] | None = None  # (height, width), where the file tells it
    byte_size: int | None = None  # length of the image file when it was annotated
    corrections: Corrections | None = None  # where its regions began as predictions


class Problem(NamedTuple):
    """A part of the file that is not in `images`, and why. `region` is None for a whole image."""

    image: str
    region: int | None
    # "no label", "under 3 points", "zero area", "unknown shape", "value", "file name", REPEATED
    kind: str
    reason: str

    def __str__(self):
        where = self.image if self.region is None else f"{self.image}, region {self.region}"
        return f"{where}: {self.reason}"


@dataclass(frozen=True)
class Annotations:
    """All that one annotation file, or several merged ones, tell."""

    paths: tuple[Path, ...]
    form: str  # "VIA 2 project", "COCO", ...
    images: tuple[AnnotatedImage, ...]
    class_names: tuple[str, ...]  # the labels in use, alphabetically, without the background
    attribute: str | None  # the region attribute that carries the class; None: there is none
    skipped: dict[str, int] = field(default_factory=dict)  # regions without an area, by shape
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def num_regions(self) -> int:
        """How many usable regions there are."""
        return sum(len(image.regions) for image in self.images)

    def summary(self) -> str:
        """One sentence: the file, its form and what was found."""
        names = few(path.name for path in self.paths)
        classes = f"classes: {few(self.class_names) or 'none'}"
        carried = f" (attribute {self.attribute!r})" if self.attribute else ""
        parts = [f"images: {len(self.images)}", f"regions: {self.num_regions}", classes + carried]
        parts += [f"skipped {shape}: {count}" for shape, count in self.skipped.items()]
        if self.problems:
            parts.append(f"left out: {len(self.problems)}")
        return f"{names}: {self.form}, {', '.join(parts)}"
