"""The objects of an image as plain records, of JSON's types, and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line asks for MASKS alone, and OpenCV is slow to import
    from mrcnn.detections import Detections
    from mrcnn.results.photos import PhotoResult

# How the mask of an object can be written.
MASKS = ("polygons", "rle", "both")
# How far polygons leave the mask's outline.
TOLERANCE_PX = 0.5


def photo_record(photo: PhotoResult, class_names: Sequence[str], masks: str = MASKS[0]) -> dict:
    """Return `file`, `height` and `width` in pixels, `picture` (its file or None) and `objects`."""
    height, width = photo.detections.shape
    record = {"file": str(photo.path), "height": height, "width": width}
    record["picture"] = None if photo.picture is None else str(photo.picture)
    return record | {"objects": object_records(photo.detections, class_names, masks)}


def object_records(
    detections: Detections, class_names: Sequence[str], masks: str = MASKS[0]
) -> list[dict]:
    """Return one record an object.

    `class`, a place in `class_names`, and `class_id`; `score` 0..1; `box` with `y1`, `x1`, `y2`,
    `x2` in pixels, the end outside; `area_px` and `area_share` (of the image, 0..1) of the mask;
    `polygons`, a list of `[[x, y], ...]`, one a connected part, TOLERANCE_PX off at most; `rle`,
    the mask as COCO's uncompressed run lengths. `masks`, one of MASKS, tells which of the two.
    """
    from mrcnn.outlines import encode_rle, simple_polygons

    height, width = detections.shape
    records = []
    areas = detections.areas.tolist()
    for index, class_id in enumerate(detections.class_ids.tolist()):
        piece, corner = detections.pieces[index], detections.windows[index, :2].tolist()
        sides = zip(("y1", "x1", "y2", "x2"), detections.rois[index], strict=True)
        record = {
            "class": class_names[class_id],
            "class_id": class_id,
            "score": round(float(detections.scores[index]), 6),
            "box": {name: int(value) for name, value in sides},
            "area_px": areas[index],
            "area_share": round(areas[index] / (height * width), 9),
        }
        if masks != "rle":
            parts = simple_polygons(piece, corner, tolerance=TOLERANCE_PX)
            record["polygons"] = [[_point(point) for point in part.tolist()] for part in parts]
        if masks != "polygons":
            record["rle"] = encode_rle(piece, corner, detections.shape)
        records.append(record)
    return records


def _point(point):
    return [int(value) if value == int(value) else round(value, 2) for value in point]


def count_classes(class_ids: Iterable[int], class_names: Sequence[str]) -> Counter:
    """Return how many objects there are of each class, by name."""
    return Counter(class_names[class_id] for class_id in class_ids)


def counts_text(counts: Counter) -> str:
    """Return counts in words, the commonest class first: "17 AC Remote, 2 mug", or "nothing"."""
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "nothing"
