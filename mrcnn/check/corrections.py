"""How many regions a person changed of those that a network proposed."""

from collections.abc import Sequence

from mrcnn.annotation.records import Annotations
from mrcnn.tables import as_lines


def correction_lines(subsets: Sequence[tuple[str, Annotations | None]]) -> list[str]:
    """Return a table of what became of predicted regions; no lines where none were predicted.

    `subsets` are names and what was read of each.
    """
    rows, untouched = [], []
    for name, annotations in subsets:
        images = annotations.images if annotations else ()
        of_images = [image.corrections for image in images if image.corrections]
        if not of_images:
            continue
        kept, changed, deleted, drawn = map(sum, zip(*of_images, strict=True))
        predicted = kept + changed + deleted
        rows.append([name, len(of_images), predicted, kept, changed, deleted, drawn])
        if kept and not changed + deleted + drawn:
            untouched.append(f"  {name}: all are as predicted: did anybody look at them?")
    if not rows:
        return []
    header = ["proposed by a network", "photos", "regions", "kept", "changed", "deleted", "drawn"]
    return [*as_lines([header, *rows], left=1), *untouched]
