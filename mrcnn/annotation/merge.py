"""Several annotation files in one folder: repeats are left out, different images are joined."""

from collections import Counter
from collections.abc import Sequence

from mrcnn.annotation.formats import RANKS
from mrcnn.annotation.labels import in_order
from mrcnn.annotation.raw import Rank
from mrcnn.annotation.records import REPEATED, AnnotationError, Annotations
from mrcnn.annotation.shapes import bounds
from mrcnn.tables import few

# Of forms of one rank, the one that FORMATS has first goes first.
ORDER = sorted(RANKS, key=RANKS.get)


def without_repeats(candidates: Sequence[Annotations]) -> tuple[list[Annotations], list[str]]:
    """Return the candidates that no other one repeats in full, and a note for each left out.

    Of two that say the same, the one of the lower rank is left.
    """
    candidates = sorted(candidates, key=lambda each: ORDER.index(each.form))
    said = [[_statements(each, labels) for labels in (False, True)] for each in candidates]
    # Only what speaks of the same image is compared: of labelme there is a file a photo.
    about = {}
    for index, (plain, _) in enumerate(said):
        for statement in plain:
            about.setdefault(statement, []).append(index)
    kept, notes = dict(enumerate(candidates)), []
    for index, one in reversed(list(kept.items())):
        for rival in about[next(iter(said[index][0]))]:
            if rival not in kept or rival == index:
                continue
            other = candidates[rival]
            # The labels of text attributes are lost there.
            labels = Rank.FOREIGN not in (RANKS[one.form], RANKS[other.form])
            if said[index][labels] <= said[rival][labels]:
                del kept[index]
                notes.append(
                    f"left out, {one.paths[0].name} ({one.form}): "
                    f"{other.paths[0].name} ({other.form}) says the same or more"
                )
                break
    return list(kept.values()), notes


def _statements(annotations, labels):
    """Return what is said, in comparable form: images, regions (class, box, mask), problems."""
    said = {
        (problem.image, problem.region)
        for problem in annotations.problems
        if problem.kind != REPEATED
    }
    for image in annotations.images:
        name = image.filename.casefold()
        said.add(name)
        for region in image.regions:
            pixels = sum(region.rle["counts"][1::2]) if region.rle else None
            said.add((name, labels and region.label, pixels, *map(round, bounds(region))))
    return said


def merge(parts: Sequence[Annotations], notes: list[str]) -> Annotations:
    """Join annotations of different images; `notes` go before their own warnings.

    Raises AnnotationError where two of them annotate the same image.
    """
    owner, images = {}, []
    for part in parts:
        for image in part.images:
            if image.regions and owner.setdefault(image.filename, part) is not part:
                first, second = owner[image.filename].paths[0], part.paths[0]
                raise AnnotationError(
                    f"{first.parent}: {first.name} and {second.name} both annotate "
                    f"{image.filename}, and differently: keep one of them in the folder"
                )
            images.append((image, part))
    images = {
        image.filename: image
        for image, part in images
        if owner.setdefault(image.filename, part) is part
    }
    paths = tuple(path for part in parts for path in part.paths)
    if len(parts) > 1:
        notes = [*notes, f"read together: {few(path.name for path in paths)}"]
    names = {name for part in parts for name in part.class_names}
    carriers = dict.fromkeys(part.attribute for part in parts if part.attribute)
    return Annotations(
        paths=paths,
        form=" + ".join(dict.fromkeys(part.form for part in parts)),
        images=tuple(images.values()),
        class_names=in_order(names),
        attribute=", ".join(carriers) or None,
        skipped=dict(sum((Counter(part.skipped) for part in parts), Counter())),
        problems=tuple(problem for part in parts for problem in part.problems),
        warnings=(*notes, *dict.fromkeys(text for part in parts for text in part.warnings)),
    )
