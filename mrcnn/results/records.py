"""Detections as plain records, as documents for other programs, and in words.

`detections` is what `MaskRCNN.detect` returns for one image: a dict of `rois` int32 `[N, 4]`
(y1, x1, y2, x2) in pixels, `class_ids` int `[N]`, `scores` float `[N]` and `masks` bool
`[H, W, N]`. `class_names` starts with the background, so that class ids are places in it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from mrcnn.atomic import write_bytes
from mrcnn.outlines import encode_rle, mask_to_polygons

# The region attribute that carries the class in VIA projects.
VIA_ATTRIBUTE = "object"
VIA_FORMAT_VERSION = "2.0.10"
# How far a VIA outline may leave the mask's: a share of the object's side, and pixels. With every
# pixel's corner in it nobody could correct it by hand.
OUTLINE_TOLERANCE = 0.005
MIN_OUTLINE_TOLERANCE_PX = 1.0

# The classes of the published COCO weights, in their order.
_COCO_OBJECTS = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat,
traffic light, fire hydrant, stop sign, parking meter, bench,
bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe,
backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard,
sports ball, kite, baseball bat, baseball glove, skateboard, surfboard,
tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl,
banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza,
donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv,
laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster,
sink, refrigerator, book, clock, vase, scissors, teddy bear,
hair drier, toothbrush
"""
COCO_CLASS_NAMES = ["BG", *(name.strip() for name in _COCO_OBJECTS.split(","))]


# -- Records -----------------------------------------------------------------------------------


def object_records(detections: dict, class_names: Sequence[str]) -> list[dict]:
    """Return one record an object, of JSON's types.

    `class` and `class_id`; `score` 0..1; `box` with `y1`, `x1`, `y2`, `x2` in pixels, the end
    outside; `area_px` and `area_share` (of the image, 0..1) of the mask; `polygons`, a list of
    `[[x, y], ...]` along the pixels' edges, one a connected part; `rle`, the mask as COCO's
    uncompressed run lengths.
    """
    records = []
    for index, class_id in enumerate(detections["class_ids"]):
        mask = detections["masks"][..., index]
        area = int(np.count_nonzero(mask))
        sides = zip(("y1", "x1", "y2", "x2"), detections["rois"][index], strict=True)
        records.append(
            {
                "class": class_names[class_id],
                "class_id": int(class_id),
                "score": round(float(detections["scores"][index]), 6),
                "box": {name: int(value) for name, value in sides},
                "area_px": area,
                "area_share": area / mask.size,
                "polygons": [part.astype(int).tolist() for part in mask_to_polygons(mask)],
                "rle": encode_rle(mask),
            }
        )
    return records


# -- VIA ---------------------------------------------------------------------------------------


def via_regions(detections: dict, class_names: Sequence[str]) -> list[dict]:
    """Return the objects of one image as regions of VIA 2.

    A region is one outline, as a person would draw it: round the largest part of the mask,
    without holes, simplified. An object with an empty mask becomes its box.
    """
    regions = []
    for index, class_id in enumerate(detections["class_ids"]):
        outline = _outline(np.ascontiguousarray(detections["masks"][..., index]))
        if outline is None:
            y1, x1, y2, x2 = (int(value) for value in detections["rois"][index])
            shape = {"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
        else:
            xs, ys = outline.T.tolist()
            shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
        attributes = {VIA_ATTRIBUTE: class_names[class_id]}
        regions.append({"shape_attributes": shape, "region_attributes": attributes})
    return regions


def _outline(mask: np.ndarray) -> np.ndarray | None:
    """Return int points `[n, 2]` (x, y) round a mask's largest part, None where it is empty."""
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    # A contour through pixel centres has no area where the part is one pixel wide.
    largest = max(contours, key=lambda contour: (cv2.contourArea(contour), len(contour)))
    x, y, width, height = cv2.boundingRect(largest)
    filled = np.zeros((height, width), np.uint8)
    cv2.drawContours(filled, [largest], -1, 1, cv2.FILLED, offset=(-x, -y))
    polygon = mask_to_polygons(filled)[0].astype(np.int32) + (x, y)
    tolerance = max(MIN_OUTLINE_TOLERANCE_PX, OUTLINE_TOLERANCE * np.sqrt(filled.sum()))
    simple = cv2.approxPolyDP(polygon[:, None], tolerance, closed=True)[:, 0]
    return simple if len(simple) >= 3 else polygon


def via_project(
    images: Iterable[tuple[str, int, list[dict]]],
    class_names: Sequence[str],
    name: str = "predictions",
    folder: str = "",
) -> dict:
    """Return a VIA 2 project that VIA 2.0.x opens and `mrcnn.annotation.read` reads.

    Arguments:
        images: `(file name, size in bytes, regions)` of each image; without regions it is in
            the project all the same, so that a person can add what was missed.
        class_names: the choices that VIA offers for a region, after the background.
        name: the project's name, which VIA proposes when it is saved.
        folder: where VIA finds the images, a path or URL that ends in a slash; the file names
            are put after it.
    """
    metadata = {
        f"{filename}{size}": {
            "filename": filename,
            "size": size,
            "regions": regions,
            "file_attributes": {},
        }
        for filename, size, regions in images
    }
    choices = {
        "type": "dropdown",
        "description": "",
        "options": {class_name: class_name for class_name in class_names[1:]},
        "default_options": {},
    }
    return {
        "_via_settings": {
            "ui": {"image": {"region_label": VIA_ATTRIBUTE}},
            "core": {"default_filepath": folder, "filepath": {}},
            "project": {"name": name},
        },
        "_via_img_metadata": metadata,
        "_via_attributes": {"region": {VIA_ATTRIBUTE: choices}, "file": {}},
        "_via_data_format_version": VIA_FORMAT_VERSION,
        "_via_image_id_list": list(metadata),
    }


# -- Words and files ---------------------------------------------------------------------------


def count_classes(class_ids: Iterable[int], class_names: Sequence[str]) -> Counter:
    """Return how many objects there are of each class, by name."""
    return Counter(class_names[class_id] for class_id in class_ids)


def counts_text(counts: Counter) -> str:
    """Return counts in words, the commonest class first: "17 AC Remote, 2 mug", or "nothing"."""
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "nothing"


def write_json(path: str | Path, document) -> Path:
    """Write a document whole or not at all; raises OSError, naming the file, where it cannot."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    # File names that are no UTF-8 hold surrogates, which JSON can only escape.
    return write_bytes(path, text.encode(errors="backslashreplace"))
