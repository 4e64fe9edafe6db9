"""The check of a data set's folder before anything is trained on it.

The folder holds `train/` and `val/`, each with photos and their annotations. Every photo is read
once, in threads. What would make training wrong is an error, what a person should know a warning.

    report = check_dataset("dataset")
    print(report.text())
    sys.exit(report.exit_code)
"""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from mrcnn.annotation.filenames import locate
from mrcnn.annotation.read import attribute_of_train, read_folder, subset_folder
from mrcnn.annotation.records import AnnotatedImage, AnnotationError
from mrcnn.check.anchor_fit import fit_anchors
from mrcnn.check.duplicates import Fingerprint, find_duplicates, fingerprint
from mrcnn.check.judge import (
    judge_classes,
    judge_duplicates,
    judge_labels,
    judge_regions,
    judge_subset,
)
from mrcnn.check.preview import Preview
from mrcnn.check.regions import RegionFault, RegionSize, measure
from mrcnn.check.report import CheckReport, Finding, SubsetReport
from mrcnn.check.scale_fit import advise_tiles
from mrcnn.data.images import ImageError, read_image
from mrcnn.data.resizing import scaled_size
from mrcnn.data.sources import find_images

SUBSETS = ("train", "val")


def check_dataset(
    folder: str | Path,
    *,
    class_names: Sequence[str] | None = None,
    attribute: str | None = None,
    default_class: str | None = None,
    max_instances: int = 100,
    anchor_scales: Sequence[float] = (32, 64, 128, 256, 512),
    anchor_ratios: Sequence[float] = (0.5, 1, 2),
    resizing: Mapping = MappingProxyType({"min_dim": 800, "max_dim": 1024}),
    preview: Preview | None = None,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
    subsets: Sequence[str] = SUBSETS,
    pooled: bool = False,
) -> CheckReport:
    """Check the data set in `folder`.

    Arguments:
        class_names: the classes to train, without the background; all that are found when left
            out.
        attribute, default_class: see `annotation.read.read`; without an attribute all subsets are
            read by that of train.
        max_instances: MAX_GT_INSTANCES.
        anchor_scales, anchor_ratios: RPN_ANCHOR_SCALES, RPN_ANCHOR_RATIOS.
        resizing: how photos are resized in training, the keywords of `resizing.fit_image`.
        preview: writes drawings of the annotated images.
        progress: called with (images done, of how many) from the calling thread.
        threads: how many photos are read at a time; at most 8 when left out.
        subsets: the folders to check, see `subset_folder`; SUBSETS are compared with one another
            too, unless `pooled`.
        pooled: the subsets are one data set, which is split in other ways: what one of them has
            none of may be in another.

    What is wrong with the data never raises: it stands in the report. OSError comes only from
    writing the preview.
    """
    folder, findings = Path(folder), []
    tasks, reports = [], []

    @functools.cache
    def like():
        """Return the attribute that train is read by."""
        if reports and reports[0].name == "train":
            return reports[0].annotations and reports[0].annotations.attribute
        return attribute_of_train(folder)

    for name in subsets:
        subset = SubsetReport(name, findings, subset_folder(folder, name))
        files = _read_subset(subset, attribute, default_class, None if name == "train" else like)
        reports.append(subset)
        tasks += [(subset, *file) for file in files]

    with ThreadPoolExecutor(threads or min(8, os.cpu_count() or 1)) as pool:
        results = pool.map(functools.partial(_inspect, preview), tasks)
        for done, ((subset, path, annotated), result) in enumerate(
            zip(tasks, results, strict=True), 1
        ):
            _note_photo(subset, path, annotated, result, resizing, max_instances)
            if progress is not None:
                progress(done, len(tasks))
    for subset in reports:
        judge_subset(subset)
    for whole in [reports] if pooled else [[subset] for subset in reports]:
        judge_regions(whole)
    if class_names is not None:
        judge_labels(reports, class_names)
    duplicates = []
    if tuple(subsets) == SUBSETS and not pooled:
        train, val = reports
        if class_names is None:
            judge_classes(train, val)
        duplicates = find_duplicates(train.fingerprints, val.fingerprints)
        judge_duplicates(folder, val, duplicates)
    boxes = [box for subset in reports for box in subset.object_boxes]
    sizes = [size.box for subset in reports for group in subset.regions.values() for size in group]
    place = " and ".join(subset.folder.name for subset in reports)
    advice = advise_tiles(boxes, sizes, resizing)
    tiled, cut = advice is not None, resizing.get("mode") == "crop"
    anchors = fit_anchors(boxes, anchor_scales, anchor_ratios, tiled=tiled, cut=cut)
    for kind, reason in (("anchors", anchors.suggestion), ("scale", advice)):
        if reason:
            findings.append(Finding(place, None, None, kind, reason))
    return CheckReport(folder, reports, findings, duplicates, anchors)


def _read_subset(subset: SubsetReport, attribute, default_class, like):
    """Read the annotations of a folder; return (path, annotated image or None) of its photos."""
    note, folder = subset.note, subset.folder
    try:
        subset.annotations = annotations = read_folder(folder, attribute, default_class, like)
        subset.paths = locate(folder, [image.filename for image in annotations.images])
    except AnnotationError as error:
        note("annotations", str(error))
    # Photos in folders below count where some of them are annotated.
    files, below = [], {path.parent for path in subset.paths.values()} - {folder}
    say = functools.partial(note, "photos")
    try:
        files = find_images([folder, *sorted(below)], say, lambda fault: None, below=not below)
    except ImageError as error:
        if folder.is_dir():
            note("no images", str(error))
    if subset.annotations is None:
        subset.images = subset.unlisted = len(files)
        return [(path, None) for path in files]
    subset.troubled = frozenset(problem.image for problem in annotations.problems)
    for problem in annotations.problems:
        note(problem.kind, problem.reason, problem.image, problem.region)
    for warning in annotations.warnings:
        note("annotation file", warning)
    for shape, count in annotations.skipped.items():
        note("skipped", f"regions without an area, skipped: {count} of shape {shape}")
    known = {}
    if len(subset.paths) < len(annotations.images):
        known = {path.name.casefold(): path for path in folder.rglob("*")}
    listed = {}
    for image in annotations.images:
        path = subset.paths.get(image.filename)
        if path is None:
            subset.missing += 1
            other = known.get(image.filename.rsplit("/", 1)[-1].casefold())
            reason = "no such image in the folder"
            if other:
                place = other.relative_to(folder).as_posix()
                reason = f"{reason}; {place} has its name, but lies in another one"
            note("missing", reason, image.filename)
        elif path in listed:
            first = listed[path].filename
            reason = f"is the same file as {first!r}: their annotations should be one entry"
            note("value", reason, image.filename)
        else:
            listed[path] = image
    unlisted = [path for path in files if path not in listed]
    subset.unlisted = len(unlisted)
    subset.images = len(listed) + len(unlisted)
    return [*listed.items(), *((path, None) for path in unlisted)]


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
            left_out = [
                RegionFault(problem.region, problem.kind, problem.reason)
                for problem in subset.annotations.problems
                if problem.image == annotated.filename
            ]
            class_names = subset.annotations.class_names
            preview.write(subset.name, annotated, image, class_names, [*left_out, *faults])
    return _Inspection((height, width), sizes, faults, fingerprint(path, image))


def _note_photo(subset, path, annotated: AnnotatedImage | None, result, resizing, limit):
    """Enter one photo into the report."""
    name = annotated.filename if annotated else path.name
    note = subset.note
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
        factor, _ = scaled_size(*result.shape, **resizing)
        subset.object_boxes += [tuple(factor * side for side in size.box) for size in result.sizes]
    elif not annotated.regions and name not in subset.troubled:
        subset.empty += 1
    if len(result.sizes) > limit:
        objects = f"{len(result.sizes)} objects, but MAX_GT_INSTANCES is {limit}"
        note(
            "too many",
            f"{objects}: the rest is left out, set it higher in the script's Config",
            name,
        )
    if annotated.byte_size is not None and annotated.byte_size != path.stat().st_size:
        note("changed", "the file is not the one that was annotated: another length", name)
