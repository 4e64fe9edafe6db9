"""The check of a data set's folder before anything is trained on it.

The folder holds `train/` and `val/`, each with photos and their annotations. Every photo is read
once, in threads. What would make training wrong is an error, what a person should know a warning.

    report = check_dataset("dataset")
    print(report.text())
    sys.exit(report.exit_code)
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrcnn.annotation.filenames import locate
from mrcnn.annotation.read import read_folder
from mrcnn.annotation.records import AnnotatedImage, AnnotationError, Annotations
from mrcnn.check.anchor_fit import AnchorFit, fit_anchors
from mrcnn.check.duplicates import Duplicate, Fingerprint, find_duplicates, fingerprint
from mrcnn.check.preview import Preview
from mrcnn.check.regions import RegionFault, RegionSize, measure
from mrcnn.data.images import ImageError, find_images, read_image, resize_image

SUBSETS = ("train", "val")
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
# With fewer examples a class is more likely a slip of the pen than something to learn.
FEW_REGIONS = 5


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

    def by_class(self) -> dict[str, list[RegionSize]]:
        """Return the usable regions of each class."""
        classes = {}
        for sizes in self.regions.values():
            for size in sizes:
                classes.setdefault(size.label, []).append(size)
        return dict(sorted(classes.items()))


@dataclass
class CheckReport:
    """The result of `check_dataset`."""

    folder: Path
    subsets: list[SubsetReport]
    findings: list[Finding]
    duplicates: list[Duplicate]  # (train, val)
    anchors: AnchorFit

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
        from mrcnn.check.text import render

        return render(self, limit)


def check_dataset(
    folder: str | Path,
    *,
    class_names: Sequence[str] | None = None,
    attribute: str | None = None,
    default_class: str = "object",
    max_instances: int = 100,
    anchor_scales: Sequence[float] = (32, 64, 128, 256, 512),
    min_dim: int | None = 800,
    max_dim: int | None = 1024,
    min_scale: float = 0,
    resize_mode: str = "square",
    preview: Preview | None = None,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
    subsets: Sequence[str] = SUBSETS,
) -> CheckReport:
    """Check the data set in `folder`.

    Arguments:
        class_names: the classes to train, without the background; all that are found when left
            out.
        attribute, default_class: see `via.read`.
        max_instances: MAX_GT_INSTANCES.
        anchor_scales, min_dim, max_dim, min_scale, resize_mode: the settings of the training.
        preview: writes drawings of the annotated images.
        progress: called with (images done, of how many) from the calling thread.
        threads: how many photos are read at a time; at most 8 when left out.
        subsets: the folders to check; SUBSETS are compared with one another too.

    What is wrong with the data never raises: it stands in the report. OSError comes only from
    writing the preview.
    """
    folder, findings = Path(folder), []
    tasks, reports = [], []
    for name in subsets:
        subset, files = _read_subset(folder / name, attribute, default_class, findings)
        reports.append(subset)
        tasks += [(subset, *file) for file in files]

    @cache
    def scale(height, width):
        blank = np.zeros((height, width, 1), np.uint8)
        return resize_image(blank, min_dim, max_dim, min_scale, resize_mode)[2]

    with ThreadPoolExecutor(threads or min(8, os.cpu_count() or 1)) as pool:
        results = pool.map(partial(_inspect, preview), tasks)
        for done, ((subset, path, annotated), result) in enumerate(
            zip(tasks, results, strict=True), 1
        ):
            _note_image(subset, path, annotated, result, scale, max_instances, findings)
            if progress is not None:
                progress(done, len(tasks))
    for subset in reports:
        _judge_subset(subset, findings)
    if class_names is not None:
        _judge_labels(reports, class_names, findings)
    duplicates = []
    if tuple(subsets) == SUBSETS:
        train, val = reports
        if class_names is None:
            _judge_classes(train, val, findings)
        duplicates = find_duplicates(train.fingerprints, val.fingerprints)
        findings += [_duplicate_finding(pair, folder, val) for pair in duplicates]
    anchors = fit_anchors([side for s in reports for side in s.object_sides], anchor_scales)
    if anchors.suggestion:
        place = " and ".join(subset.name for subset in reports)
        findings.append(Finding(place, None, None, "anchors", anchors.suggestion))
    return CheckReport(folder, reports, findings, duplicates, anchors)


def _read_subset(folder: Path, attribute, default_class, findings):
    """Return the report of a folder so far, and (path, annotated image or None) of its files."""
    subset = SubsetReport(folder.name)
    note = partial(_note, findings, subset.name)
    try:
        subset.annotations = annotations = read_folder(folder, attribute, default_class)
    except AnnotationError as error:
        note("annotations", str(error))
    try:
        files = find_images(folder)
    except ImageError as error:
        if folder.is_dir():
            note("no images", str(error))
        files = []
    if subset.annotations is None:
        subset.images = subset.unlisted = len(files)
        return subset, [(path, None) for path in files]
    subset.troubled = frozenset(problem.image for problem in annotations.problems)
    for problem in annotations.problems:
        note(problem.kind, problem.reason, problem.image, problem.region)
    for warning in annotations.warnings:
        note("annotation file", warning)
    for shape, count in annotations.skipped.items():
        note("skipped", f"regions without an area, skipped: {count} of shape {shape}")
    subset.paths = locate(folder, [image.filename for image in annotations.images])
    listed = {}
    for image in annotations.images:
        path = subset.paths.get(image.filename)
        if path is None:
            subset.missing += 1
            note("missing", "no such image in the folder", image.filename)
        elif path in listed:
            first = listed[path].filename
            reason = f"is the same file as {first!r}: their annotations should be one entry"
            note("value", reason, image.filename)
        else:
            listed[path] = image
    unlisted = [path for path in files if path not in listed]
    subset.unlisted = len(unlisted)
    subset.images = len(listed) + len(unlisted)
    return subset, [*listed.items(), *((path, None) for path in unlisted)]


class _Inspection(NamedTuple):
    shape: tuple[int, int]
    sizes: list[RegionSize]
    faults: list[RegionFault]
    fingerprint: Fingerprint


def _inspect(preview, task) -> _Inspection | ImageError:
    """Read one photo and measure its regions; runs in a thread of its own."""
    subset, path, annotated = task
    try:
        image = read_image(path)
    except ImageError as error:
        return error
    height, width = image.shape[:2]
    sizes, faults = [], []
    if annotated is not None:
        sizes, faults = measure(annotated, height, width)
        if preview is not None:
            preview.write(subset.name, annotated, image, subset.annotations.class_names)
    return _Inspection((height, width), sizes, faults, fingerprint(path, image))


def _note_image(subset, path, annotated: AnnotatedImage | None, result, scale, limit, findings):
    """Enter one photo into the report."""
    name = annotated.filename if annotated else path.name
    note = partial(_note, findings, subset.name)
    if isinstance(result, ImageError):
        subset.unreadable += 1
        # A photo that nobody annotated is not trained on.
        reason = str(result).removeprefix(f"{path}: ")
        note("unreadable" if annotated else "unreadable, not listed", reason, name)
        return
    subset.fingerprints.append(result.fingerprint)
    if annotated is None:
        return
    for fault in result.faults:
        note(fault.kind, fault.reason, name, fault.region)
    if result.sizes:
        subset.annotated += 1
        subset.regions[name] = result.sizes
        factor = scale(*result.shape)
        subset.object_sides += [
            factor * (size.box[0] * size.box[1]) ** 0.5 for size in result.sizes
        ]
    elif not annotated.regions and name not in subset.troubled:
        subset.empty += 1
    if len(result.sizes) > limit:
        reason = (
            f"{len(result.sizes)} objects, but MAX_GT_INSTANCES is {limit}: the rest is left out"
        )
        note("too many", reason, name)
    if annotated.byte_size is not None and annotated.byte_size != path.stat().st_size:
        note("changed", "the file is not the one that was annotated: another length", name)


def _judge_subset(subset: SubsetReport, findings):
    """Note what concerns the folder as a whole."""
    note = partial(_note, findings, subset.name)
    if subset.annotations is None:
        return
    if not subset.regions:
        note("no regions", "not one usable region on a photo that is there: nothing to learn from")
    if subset.unlisted:
        note(
            "not annotated",
            f"{subset.unlisted} of {subset.images} photos are not in the annotation file: "
            "they are not used",
        )
    for label, sizes in subset.by_class().items():
        if subset.name == "train" and len(sizes) < FEW_REGIONS:
            note(
                "few", f"class {label!r} has few regions ({len(sizes)}): is the name spelled right?"
            )


def _judge_labels(subsets, class_names, findings):
    """Note classes that are not among `class_names`."""
    shown = ", ".join([*class_names[:5], "..."][: len(class_names)])
    for subset in subsets:
        for label in sorted(set(subset.by_class()) - set(class_names)):
            reason = f"the class {label!r} is none of those to find ({shown})"
            _note(findings, subset.name, "unknown class", reason)


def _judge_classes(train, val, findings):
    """Note classes that only one side knows."""
    known = {subset.name: set(subset.by_class()) for subset in (train, val)}
    if not known["train"] or not known["val"]:
        return
    for label in sorted(known["val"] - known["train"]):
        reason = f"class {label!r} is not in train ({', '.join(sorted(known['train']))})"
        _note(findings, "val", "unknown class", reason)
    for label in sorted(known["train"] - known["val"]):
        _note(findings, "val", "class not validated", f"class {label!r} of train is not in val")


def _duplicate_finding(pair: Duplicate, folder: Path, val: SubsetReport) -> Finding:
    name = pair.second.relative_to(folder / val.name).as_posix()
    like = "is a copy of" if pair.exact else "looks like"
    used = {path for image, path in val.paths.items() if image in val.regions}
    effect = "validation tests what was trained on" if pair.second in used else "not annotated here"
    reason = f"{like} {pair.first.relative_to(folder).as_posix()}: {effect}"
    kind = "duplicate" if pair.second in used else "unused duplicate"
    return Finding(val.name, name, None, kind, reason)


def _note(findings, subset, kind, reason, image=None, region=None):
    findings.append(Finding(subset, image, region, kind, reason))
