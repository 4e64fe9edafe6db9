"""What is to be said of the subsets of a data set as a whole, once all photos are read."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mrcnn.annotation.filenames import elsewhere
from mrcnn.check.duplicates import Duplicate
from mrcnn.check.report import SubsetReport
from mrcnn.tables import few

# With fewer examples a class is more likely a slip of the pen than something to learn.
FEW_REGIONS = 5


def judge_subset(subset: SubsetReport) -> None:
    """Note what concerns the folder as a whole."""
    if subset.annotations is None:
        return
    moved = elsewhere(subset.folder, subset.paths)
    if moved:
        place = subset.paths[moved[0]].relative_to(subset.folder).as_posix()
        subset.note(
            "other folder",
            f"photos found by the end of their name alone: {len(moved)}, as {place} for {moved[0]}",
        )
    if subset.unlisted:
        subset.note(
            "not annotated",
            f"{subset.unlisted} of {subset.images} photos are not in the annotation file: "
            "they are not used",
        )
    total, crowds = subset.annotations.num_regions, _labels(subset, crowd=True).total()
    if crowds:
        reason = f"{crowds} of {total} regions are crowds (iscrowd 1): not learned"
        subset.note("crowds", f"{reason}, and not counted in the evaluation")


def judge_regions(subsets: Sequence[SubsetReport]) -> None:
    """Note what is lacking in subsets that are one data set to what uses them."""
    read = [subset for subset in subsets if subset.annotations is not None]
    if not read:
        return
    note = read[0].note
    if not any(subset.regions for subset in read):
        note("no regions", "not one usable region on a photo that is there: nothing to learn from")
    crowds, objects = (sum((_labels(s, crowd) for s in read), Counter()) for crowd in (True, False))
    for label in crowds.keys() - objects.keys():
        note("crowds only", f"all regions of class {label!r} are crowds (iscrowd 1)")
    if read[0].name == "train":
        usable = Counter()
        for subset in read:
            usable.update({label: len(sizes) for label, sizes in subset.by_class().items()})
        for label, count in usable.items():
            if count < FEW_REGIONS:
                reason = f"class {label!r} has few regions ({count}): is the name spelled right?"
                note("few", reason)


def _labels(subset, crowd):
    """Count the regions of each class that are crowds, or those that are not."""
    regions = (region for image in subset.annotations.images for region in image.regions)
    return Counter(region.label for region in regions if region.crowd == crowd)


def judge_labels(subsets: Sequence[SubsetReport], class_names: Sequence[str]) -> None:
    """Note classes that are not among `class_names`."""
    shown = few(class_names)
    for subset in subsets:
        for label in sorted(set(subset.by_class()) - set(class_names)):
            reason = f"the class {label!r} is none of those to find ({shown})"
            subset.note("unknown class", reason)


def judge_classes(train: SubsetReport, val: SubsetReport) -> None:
    """Note classes that only one side knows."""
    known = {subset.name: set(subset.by_class()) for subset in (train, val)}
    if not known["train"] or not known["val"]:
        return
    for label in sorted(known["val"] - known["train"]):
        reason = f"class {label!r} is not in train ({few(sorted(known['train']))})"
        val.note("unknown class", reason)
    for label in sorted(known["train"] - known["val"]):
        val.note("class not validated", f"class {label!r} of train is not in val")


def judge_duplicates(folder: Path, val: SubsetReport, duplicates: Sequence[Duplicate]) -> None:
    """Note the photos of val that train has too."""
    used = {path for image, path in val.paths.items() if image in val.regions}
    for first, second, exact in duplicates:
        like = "is a copy of" if exact else "looks like"
        kind, effect = "unused duplicate", "not annotated here"
        if second in used:
            kind, effect = "duplicate", "validation tests what was trained on"
        reason = f"{like} {first.relative_to(folder).as_posix()}: {effect}"
        val.note(kind, reason, second.relative_to(val.folder).as_posix())
