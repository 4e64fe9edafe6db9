"""Shapes of annotated regions: from VIA's words to outlines, and from outlines to masks.

A shape arrives as VIA 2 writes it, `{"name": "circle", "cx": 5, "cy": 7, "r": 3}`; the readers of
other forms translate into these words. Every shape that has an inside becomes outlines.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

from mrcnn.annotation.raw import in_words
from mrcnn.annotation.records import Region, ShapeError, brief
from mrcnn.annotation.run_lengths import read_rle
from mrcnn.outlines import decode_rle, polygons_to_mask

# Shapes without an inside: nothing can be learned from them here, so they are counted and left.
WITHOUT_AREA = ("point", "line", "time segment", "video frame")
# No image has this many pixels a side; a greater number is a slip.
MAX_COORDINATE = 1_000_000
# Straight pieces of a circle: off by less than a tenth of a pixel up to a radius of 1300.
CIRCLE_POINTS = 256
# Edges compared at once, so that long outlines need little memory.
EDGE_BLOCK = 256


class Shape(NamedTuple):
    """A shape with an inside; see `Region` for the fields.

    `lost` says of each part that is left out why.
    """

    name: str
    outlines: tuple[np.ndarray, ...] = ()
    rle: dict | None = None
    lost: tuple[str, ...] = ()


def build_shape(words: object) -> Shape:
    """Return the shape that VIA's `shape_attributes` describe.

    Raises ShapeError naming the field and its value. Names in WITHOUT_AREA are unknown here:
    the caller counts them first.
    """
    if not isinstance(words, dict | None):
        raise ShapeError("unknown shape", f"its shape is {in_words(words)}, not a shape of VIA")
    if not words or not words.get("name"):
        raise ShapeError("unknown shape", "it has no shape")
    name = words["name"]
    make = _SHAPES.get(name) if isinstance(name, str) else None
    if make is None:
        raise ShapeError("unknown shape", f"unknown shape {brief(name)}")
    return make(words)


def bounds(region: Region) -> tuple[float, float, float, float]:
    """Return `(y1, x1, y2, x2)` in pixels of a region's outlines, or of its whole RLE frame."""
    if region.rle is not None:
        height, width = region.rle["size"]
        return 0.0, 0.0, float(height), float(width)
    points = np.concatenate(region.outlines)
    (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
    return float(y1), float(x1), float(y2), float(x2)


def region_mask(
    region: Region,
    image_shape: tuple[int, int],
    mask_shape: tuple[int, int] | None = None,
    part: tuple[int, int, int, int] | None = None,
) -> np.ndarray:
    """Return the mask of a region, bool `[height, width]`, drawn at the size it is needed.

    Arguments:
        region: in pixels of the annotated image.
        image_shape: (height, width) of that image.
        mask_shape: (height, width) of the mask; the image's own, or its part's, when left out.
        part: `(y1, x1, y2, x2)`, the part of the image that the mask is of; all of it when left
            out.

    What lies outside the image or the part is cut off.
    """
    y1, x1, y2, x2 = part or (0, 0, *image_shape[:2])
    height, width = y2 - y1, x2 - x1
    out_height, out_width = mask_shape or (height, width)
    if region.rle is not None:
        mask = decode_rle(region.rle)
        if part:
            mask = mask[y1:y2, x1:x2]
        if mask.shape == (out_height, out_width):
            return mask
        grey, size = mask.astype(np.uint8), (out_width, out_height)
        return cv2.resize(grey, size, interpolation=cv2.INTER_AREA) > 0
    scale = np.array([out_width / width, out_height / height])
    outlines = [(outline - (x1, y1)) * scale for outline in region.outlines]
    return polygons_to_mask(outlines, (out_height, out_width))


def crossing(outline: np.ndarray) -> tuple[float, float] | None:
    """Return (x, y) where two edges of a closed outline `[n, 2]` cross, the first such place.

    Touching is no crossing; None where there is none.
    """
    start, end = outline, np.roll(outline, -1, axis=0)

    def side(a, b, p):
        """Which side of the line a-b the point p lies on: the sign of the cross product."""
        return np.sign(
            (b[..., 0] - a[..., 0]) * (p[..., 1] - a[..., 1])
            - (b[..., 1] - a[..., 1]) * (p[..., 0] - a[..., 0])
        )

    for first in range(0, len(outline), EDGE_BLOCK):
        a = start[first : first + EDGE_BLOCK, None]
        b = end[first : first + EDGE_BLOCK, None]
        apart = side(a, b, start[None]) * side(a, b, end[None]) < 0
        apart &= side(start[None], end[None], a) * side(start[None], end[None], b) < 0
        if apart.any():
            row, other = np.argwhere(apart)[0]
            a, b, c, d = start[first + row], end[first + row], start[other], end[other]
            along, across = b - a, d - c
            between = along[0] * across[1] - along[1] * across[0]
            share = ((c - a)[0] * across[1] - (c - a)[1] * across[0]) / between
            return tuple((a + share * along).tolist())
    return None


def _polygon(words):
    xs, ys = _numbers(words, "all_points_x"), _numbers(words, "all_points_y")
    if len(xs) != len(ys):
        raise ShapeError("value", f"{len(xs)} numbers in all_points_x, {len(ys)} in all_points_y")
    return Shape(words["name"], (_outline(np.column_stack([xs, ys])),))


def _rect(words):
    x, y, width, height = (_number(words, key) for key in ("x", "y", "width", "height"))
    return Shape("rect", (_outline(_corners(x, y, x + width, y + height)),))


def _circle(words):
    cx, cy, r = (_number(words, key) for key in ("cx", "cy", "r"))
    return Shape("circle", (_ellipse_outline(cx, cy, r, r),))


def _ellipse(words):
    cx, cy, rx, ry = (_number(words, key) for key in ("cx", "cy", "rx", "ry"))
    theta = _number(words, "theta") if "theta" in words else 0.0
    return Shape("ellipse", (_ellipse_outline(cx, cy, rx, ry, theta),))


def _extreme_rectangle(words):
    """Return the upright rectangle around points clicked on its four sides."""
    points = _polygon(words).outlines[0]
    return Shape(words["name"], (_corners(*points.min(axis=0), *points.max(axis=0)),))


def _extreme_circle(words):
    """Return the circle through three points: its centre is as far from each of them."""
    first, second, third = _polygon(words).outlines[0][:3]
    sides = np.stack([second - first, third - first])
    try:
        center = first + np.linalg.solve(2 * sides, (sides**2).sum(axis=1))
    except np.linalg.LinAlgError:
        center = np.full(2, np.inf)
    radius = float(np.hypot(*(first - center)))
    if not radius <= MAX_COORDINATE:
        raise ShapeError("zero area", "its first three points lie on a line")
    return Shape(words["name"], (_ellipse_outline(*center, radius, radius),))


def _segmentation(words):
    """Return COCO's polygons: a list of flat lists, or, as VIA wrote it once, one flat list.

    Of several, those without an area are left out.
    """
    parts = words.get("parts")
    if not isinstance(parts, list) or not parts:
        raise ShapeError("under 3 points", "it has neither an outline (segmentation) nor a box")
    if not isinstance(parts[0], list):
        parts = [parts]
    outlines, faults = [], []
    for number, part in enumerate(parts, 1):
        numbers = _numbers({"segmentation": part}, "segmentation")
        if len(numbers) % 2:
            reason = f"its segmentation of {len(numbers)} numbers is no x, y, x, y, ..."
            raise ShapeError("under 3 points", reason)
        try:
            outlines.append(_outline(numbers.reshape(-1, 2)))
        except ShapeError as error:
            faults.append((number, error))
    if not outlines:
        raise faults[0][1]
    lost = tuple(f"part {number} of {len(parts)}: {error}" for number, error in faults)
    return Shape("segmentation", tuple(outlines), lost=lost)


_SHAPES = {
    "polygon": _polygon,
    "polyline": _polygon,
    "rect": _rect,
    "circle": _circle,
    "ellipse": _ellipse,
    "extreme_rectangle": _extreme_rectangle,
    "extreme_circle": _extreme_circle,
    "segmentation": _segmentation,
    "rle": lambda words: Shape("rle", rle=read_rle(words)),
}


def _corners(x1, y1, x2, y2):
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64)


def _ellipse_outline(cx, cy, rx, ry, theta=0.0):
    """Return the outline of an ellipse turned by `theta` radians, clockwise on the screen."""
    if rx < 0 or ry < 0:
        raise ShapeError("value", f"its radius {min(rx, ry):g} is below 0")
    angle = np.arange(CIRCLE_POINTS) * (2 * math.pi / CIRCLE_POINTS)
    along, across = rx * np.cos(angle), ry * np.sin(angle)
    x = cx + along * math.cos(theta) - across * math.sin(theta)
    y = cy + along * math.sin(theta) + across * math.cos(theta)
    return _outline(np.column_stack([x, y]))


def _outline(points):
    """Return points `[n, 2]` without repeated neighbours, or say why they enclose nothing."""
    repeats = np.all(points == np.roll(points, 1, axis=0), axis=1)
    outline = points[~repeats]
    distinct = len(np.unique(points, axis=0))
    if distinct < 3:
        kind = "zero area" if len(points) > 2 else "under 3 points"
        some = f"{distinct} different point{'s' * (distinct != 1)}"
        raise ShapeError(kind, f"{some}, an area needs 3")
    from_first = outline - outline[0]
    farthest = from_first[np.argmax((from_first**2).sum(axis=1))]
    off_line = from_first[:, 0] * farthest[1] - from_first[:, 1] * farthest[0]
    if np.abs(off_line).max() <= 1e-6 * np.hypot(*farthest):
        raise ShapeError("zero area", "its points lie on one line: it has no area")
    return outline


def _number(words, key):
    return _as_number(words.get(key), key)


def _numbers(words, key):
    values = words.get(key)
    if not isinstance(values, list):
        raise ShapeError("value", f"{key} is {brief(values)}, not a list of numbers")
    return np.array([_as_number(v, f"{key}[{i}]") for i, v in enumerate(values)], np.float64)


def _as_number(value, what):
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise ShapeError("value", f"{what} is {brief(value)}, not a number") from None
    if not math.isfinite(number) or abs(number) > MAX_COORDINATE:
        raise ShapeError("value", f"{what} is {number:g}, which is no place in an image")
    return number
