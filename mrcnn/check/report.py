"""The result of a check: what was found in each folder, and what of it is an error."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from mrcnn.annotation.records import Annotations
from mrcnn.check.anchor_fit import AnchorFit
from mrcnn.check.duplicates import Duplicate, Fingerprint
from mrcnn.check.regions import RegionSize
from mrcnn.check.text import render

# Kinds of findings that make training wrong: something in a photo would be taught as background,
# at a wrong place or as a wrong class, or the training would stop. All other kinds are warnings.
ERRORS = frozenset(
    (
        "annotations",  # no annotation file, or not readable
        "no regions",
        "no images",
        "unreadable",
        "file name",
        "value",
        "unknown shape",
        "no label",
        "outside",
        "swapped",
        "other size",
        "unknown class",
    )
)


class Finding(NamedTuple):
    """One thing to know: where it is and what. `image` and `region` are None for a whole."""

    subset: str
    image: str | None
    region: int | None
    kind: str
    reason: str

    @property
    def is_error(self) -> bool:
        """Whether training would be wrong."""
        return self.kind in ERRORS

    def __str__(self):
        place = self.subset if self.image is None else f"{self.subset}/{self.image}"
        return f"{place}{f', region {self.region}' if self.region else ''}: {self.reason}"


@dataclass
class SubsetReport:
    """What one of the folders holds. Counts of images are of files but for `missing`."""

    name: str
    findings: list[Finding]  # of the whole check: all subsets note theirs here, in turn
    annotations: Annotations | None = None
    troubled: frozenset[str] = frozenset()  # images with a problem in the annotation file
    paths: dict[str, Path] = field(default_factory=dict)  # of annotated images, by file name
    images: int = 0  # image files in the folder
    annotated: int = 0  # of them with a usable region
    empty: int = 0  # listed in the annotations without any region
    unlisted: int = 0  # not listed in the annotations
    missing: int = 0  # listed, but without a file
    unreadable: int = 0
    regions: dict[str, list[RegionSize]] = field(default_factory=dict)  # by image
    fingerprints: list[Fingerprint] = field(default_factory=list)
    object_sides: list[float] = field(default_factory=list)  # at training size, in pixels

    def note(self, kind: str, reason: str, image: str | None = None, region: int | None = None):
        """Enter a finding."""
        self.findings.append(Finding(self.name, image, region, kind, reason))

    def by_class(self) -> dict[str, list[RegionSize]]:
        """Return the usable regions of each class."""
        classes = {}
        for sizes in self.regions.values():
            for size in sizes:
                classes.setdefault(size.label, []).append(size)
        return dict(sorted(classes.items()))


@dataclass
class CheckReport:
    """What is wrong with a data set, and what was read of it on the way."""

    folder: Path
    subsets: list[SubsetReport]
    findings: list[Finding]
    duplicates: list[Duplicate]  # (train, val)
    anchors: AnchorFit

    def subset(self, name: str) -> SubsetReport:
        """Return the report of one of the folders."""
        return next(subset for subset in self.subsets if subset.name == name)

    @property
    def errors(self) -> list[Finding]:
        """What would make training wrong."""
        return [finding for finding in self.findings if finding.is_error]

    @property
    def warnings(self) -> list[Finding]:
        """What a person should know."""
        return [finding for finding in self.findings if not finding.is_error]

    @property
    def exit_code(self) -> int:
        """Return 1 where training would be wrong, else 0."""
        return int(bool(self.errors))

    def text(self, limit: int = 10) -> str:
        """Return the report as a person reads it, with at most `limit` findings of a kind."""
        return render(self, limit)
