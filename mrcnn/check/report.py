"""The result of a check: what was found in each folder, what of it is an error, and its text."""

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from mrcnn.annotation.records import Annotations
from mrcnn.check.anchor_fit import AnchorFit
from mrcnn.check.corrections import correction_lines
from mrcnn.check.duplicates import Duplicate, Fingerprint
from mrcnn.check.regions import RegionSize
from mrcnn.tables import as_lines

# Kinds of findings that make training wrong: something in a photo would be taught as background,
# at a wrong place or as a wrong class, or the training would stop. All other kinds are warnings.
ERRORS = {
    "annotations",  # no annotation file, or not readable
    "no regions",
    "no images",
    "crowds only",  # a class of which nothing is learned
    "unreadable",
    "file name",
    "value",
    "unknown shape",
    "no label",
    "outside",
    "swapped",
    "other size",
    "unknown class",
}


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
    folder: Path  # `name`, or what stands for it
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
    object_boxes: list[tuple[float, float]] = field(default_factory=list)  # see `fit_anchors`

    def note(self, kind: str, reason: str, image: str | None = None, region: int | None = None):
        """Enter a finding."""
        self.findings.append(Finding(self.folder.name, image, region, kind, reason))

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
        blocks = [
            [f"Data set {self.folder}"],
            [f"  {s.name}: {s.annotations.summary()}" for s in self.subsets if s.annotations],
            _counts(self.subsets),
            _classes(self.subsets),
            correction_lines([(s.name, s.annotations) for s in self.subsets]),
            ["Objects by the side of their box at training size:", *self.anchors.lines()],
            _findings("Errors", self.errors, limit),
            _findings("Warnings", self.warnings, limit),
            [_verdict(self)],
        ]
        return "\n\n".join("\n".join(block) for block in blocks if block)


# -- Text ------------------------------------------------------------------------------------------

# Of each subset.
CLASSES_SHOWN = 30
COUNTS = (
    ("photos", "images"),
    ("  annotated", "annotated"),
    ("  without objects", "empty"),
    ("  not in the file", "unlisted"),
    ("  unreadable", "unreadable"),
    ("missing photos", "missing"),
)
COUNTED_IN_THE_FOLDER = ("images", "unreadable")


def _counts(subsets):
    columns = [["", *(title for title, _ in COUNTS), "regions", "  left out"]]
    for subset in subsets:
        # Only annotations that were read tell what is in them.
        read = subset.annotations is not None
        cells = [
            getattr(subset, name) if read or name in COUNTED_IN_THE_FOLDER else "-"
            for _, name in COUNTS
        ]
        left_out = sum(p.region is not None for p in subset.annotations.problems) if read else "-"
        regions = sum(map(len, subset.regions.values())) if read else "-"
        columns.append([subset.name, *cells, regions, left_out])
    return as_lines(list(zip(*columns, strict=True)), left=1)


def _classes(subsets):
    rows = [["class", "in", "regions", "photos", "area px: least", "median", "most"]]
    left_out = 0
    for subset in subsets:
        classes = list(subset.by_class().items())
        left_out += len(classes[CLASSES_SHOWN:])
        for label, sizes in classes[:CLASSES_SHOWN]:
            areas = [size.area for size in sizes]
            photos = sum(any(s.label == label for s in image) for image in subset.regions.values())
            spread = (min(areas), round(median(areas)), max(areas))
            rows.append([label, subset.name, len(sizes), photos, *spread])
    more = [f"and {left_out} more classes"] if left_out else []
    return as_lines(rows, left=1) + more if len(rows) > 1 else []


def _findings(title, findings, limit):
    """List findings kind by kind."""
    kinds = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    lines = [f"{title}: {len(findings)}"] if findings else []
    for kind, group in kinds.items():
        lines.append(f"  {kind} ({len(group)})")
        lines += [f"    {finding}" for finding in group[:limit]]
        if len(group) > limit:
            lines.append(f"    and {len(group) - limit} more")
    return lines


def _verdict(report):
    if report.errors:
        return "Verdict: training would be wrong; mend the errors first."
    return "Verdict: fit for training" + ("; look at the warnings." if report.warnings else ".")
