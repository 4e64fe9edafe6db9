"""Folds of a data set: which photos are held out each time, and the reports of what remains.

A photo is called by its subset and its name there, "train/cup.jpg". Copies of a photo are in one
fold; those of each class are spread over all of them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from mrcnn.annotation.records import AnnotatedImage
from mrcnn.check.duplicates import group_copies
from mrcnn.check.report import CheckReport, SubsetReport


def photos_of(report: CheckReport) -> dict[str, tuple[SubsetReport, AnnotatedImage]]:
    """Return the annotated photos that are there, and those annotated as empty, of all subsets."""
    return {
        f"{subset.name}/{image.filename}": (subset, image)
        for subset in report.subsets
        for image in subset.annotations.images
        if image.filename in subset.paths
    }


def digests_of(report: CheckReport) -> dict[str, str]:
    """Return what tells whether the regions of each of `photos_of` are still the same."""
    return {name: _digest(image.regions) for name, (_, image) in photos_of(report).items()}


def _digest(regions):
    found = hashlib.sha256()
    for region in regions:
        outlines = [outline.tolist() for outline in region.outlines]
        told = [region.label, region.crowd, outlines, region.rle]
        found.update(json.dumps(told, sort_keys=True, default=_plain).encode())
    return found.hexdigest()


def _plain(value):
    return np.asarray(value).tolist()


def class_names_of(report: CheckReport) -> tuple[str, ...]:
    """Return the classes of all subsets, alphabetically, without the background."""
    return tuple(sorted({n for s in report.subsets for n in s.annotations.class_names}))


def split(report: CheckReport, count: int, seed: int = 0) -> list[list[str]]:
    """Return the photos of each of `count` folds; raises ValueError where there are too few."""
    photos = photos_of(report)
    names = {subset.paths[image.filename]: name for name, (subset, image) in photos.items()}
    prints = [f for subset in report.subsets for f in subset.fingerprints if f.path in names]
    groups = [[names[path] for path in group] for group in group_copies(prints)]
    classes = {name: {r.label for r in image.regions} for name, (_, image) in photos.items()}
    with_objects = sum(any(classes[name] for name in group) for group in groups)
    if with_objects < count:
        raise ValueError(
            f"{report.folder} has {with_objects} different photos with objects: that is too few "
            f"for {count} folds"
        )
    everywhere = Counter(label for labels in classes.values() for label in labels)

    def rarest(group):
        labels = {label for name in group for label in classes[name]}
        return min(labels, key=lambda label: (everywhere[label], label), default=None)

    order = np.random.default_rng(seed).permutation(len(groups))
    # The rarest classes first, while there is a choice; photos without objects at last.
    groups = sorted(
        (groups[i] for i in order),
        key=lambda group: (rarest(group) is None, everywhere[rarest(group)]),
    )
    folds, held = [[] for _ in range(count)], [Counter() for _ in range(count)]
    for group in groups:
        label = rarest(group)
        place = min(range(count), key=lambda i: (held[i][label], len(folds[i])))
        folds[place] += group
        held[place].update(label for name in group for label in classes[name] or {None})
    return [sorted(fold) for fold in folds]


def without(
    report: CheckReport, held_out: Collection[str], class_names: Sequence[str]
) -> CheckReport:
    """Return the report of the data set with all photos in train but those held out, in val."""
    rows = photos_of(report)
    parts = {
        "train": {name: row for name, row in rows.items() if name not in held_out},
        "val": {name: row for name, row in rows.items() if name in held_out},
    }
    first = report.subsets[0]
    subsets = []
    for part, chosen in parts.items():
        images = tuple(image._replace(filename=name) for name, (_, image) in chosen.items())
        # What else the annotations say was said of the whole.
        annotations = replace(
            first.annotations,
            images=images,
            class_names=tuple(class_names),
            skipped={},
            problems=(),
            warnings=(),
        )
        subset = SubsetReport(part, [], first.folder, annotations, images=len(images))
        for name, (source, image) in chosen.items():
            subset.paths[name] = source.paths[image.filename]
            if image.filename in source.regions:
                subset.regions[name] = source.regions[image.filename]
        subset.annotated = len(subset.regions)
        subsets.append(subset)
    return CheckReport(report.folder, subsets, [], [], report.anchors)
