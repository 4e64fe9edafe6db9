"""The JSON of labelme: one file a photo (github.com/wkentaro/labelme)."""

import base64
import math
import struct

import cv2
import numpy as np

from mrcnn.annotation.labels import PART_OF
from mrcnn.annotation.raw import Rank, RawImage, RawRegion, Source, dict_or_empty, in_words
from mrcnn.annotation.records import AnnotationError
from mrcnn.outlines import encode_rle

FORM = "labelme"
FORMS = {FORM: Rank.PROJECT}
# The attribute under which a label is handed on.
LABEL = "label"
WITHOUT_AREA = {"point": "point", "points": "point", "line": "line", "linestrip": "line"}


def read(document: object) -> Source | None:
    """Return what a file of labelme tells, or None where it is not one.

    Shapes of one label and one `group_id` are parts of one object. Raises AnnotationError for a
    document that is labelme's but cannot be read.
    """
    if not (isinstance(document, dict) and {"shapes", "imagePath"} <= document.keys()):
        return None
    if not isinstance(document["shapes"], list):
        raise AnnotationError(f"'shapes' of the labelme file is {in_words(document['shapes'])}")
    size = document.get("imageHeight"), document.get("imageWidth")
    size = size if all(type(side) is int and side > 0 for side in size) else None
    regions = [_region(dict_or_empty(shape), size) for shape in document["shapes"]]
    return Source(FORM, [RawImage(document["imagePath"], regions, size)], {}, LABEL)


def _region(shape, size):
    attributes = {LABEL: shape.get("label"), PART_OF: shape.get("group_id")}
    words, fault = _words(shape, size)
    return RawRegion(words, attributes, fault=fault)


def _words(shape, size):
    """Return a shape of labelme in VIA 2's words, and what is wrong with it or None."""
    kind, points = shape.get("shape_type") or "polygon", shape.get("points")
    if not isinstance(kind, str):
        return {"name": kind}, None
    if kind in WITHOUT_AREA:
        return {"name": WITHOUT_AREA[kind]}, None
    pairs = isinstance(points, list) and all(isinstance(p, list) and len(p) == 2 for p in points)
    numbers = pairs and all(type(number) in (int, float) for p in points for number in p)
    if not numbers:
        return {}, f"its points are no list of x and y: {points!r:.40}"
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if kind == "rectangle" and len(points) == 2:
        x, y = min(xs), min(ys)
        return {"name": "rect", "x": x, "y": y, "width": max(xs) - x, "height": max(ys) - y}, None
    if kind == "circle" and len(points) == 2:
        return {"name": "circle", "cx": xs[0], "cy": ys[0], "r": math.dist(*points)}, None
    if kind == "mask" and len(points) == 2 and size:
        return _mask(shape.get("mask"), xs[0], ys[0], size)
    # Newer versions write all four corners of a rectangle.
    kind = "polygon" if kind == "rectangle" else kind
    return {"name": kind, "all_points_x": xs, "all_points_y": ys}, None


def _mask(text, x, y, size):
    """Return the words of a mask: a PNG as text, its upper left pixel at `(x, y)` of the image."""
    try:
        content = base64.b64decode(text)
        width, height = struct.unpack(">II", content[16:24])
        row, column = round(y), round(x)
        if row < 0 or column < 0 or row + height > size[0] or column + width > size[1]:
            return {}, f"its mask of {width} x {height} at x {x:g}, y {y:g} leaves the image"
        mask = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        if mask is None or not mask.any():
            raise ValueError
    except (TypeError, ValueError, OverflowError, struct.error, cv2.error):
        return {}, "its mask is no picture with an area"
    return {"name": "rle", **encode_rle(mask > 0, (row, column), size)}, None
