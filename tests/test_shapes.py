"""Shapes: VIA's words to outlines, outlines to masks."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import draw

from mrcnn.annotation.records import Region
from mrcnn.annotation.run_lengths import decompress_counts
from mrcnn.annotation.shapes import ShapeError, bounds, build_shape, crossing, region_mask
from mrcnn.outlines import encode_rle


def region(words):
    shape = build_shape(words)
    return Region(1, shape.name, "x", shape.outlines, shape.rle)


def polygon(xs, ys, name="polygon"):
    return {"name": name, "all_points_x": list(xs), "all_points_y": list(ys)}


def test_rect_mask_has_the_area_of_the_rectangle():
    mask = region_mask(region({"name": "rect", "x": 2, "y": 1, "width": 4, "height": 3}), (6, 8))
    expected = np.zeros((6, 8), bool)
    expected[1:4, 2:6] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("r", [1, 7.5, 300])
def test_circle_area(r):
    mask = region_mask(region({"name": "circle", "cx": 350, "cy": 350, "r": r}), (700, 700))
    assert mask.sum() == pytest.approx(math.pi * r**2, rel=0.4 / r + 1e-3)


def test_ellipse_is_turned_clockwise_on_the_screen():
    words = {"name": "ellipse", "cx": 50, "cy": 50, "rx": 40, "ry": 5, "theta": math.pi / 4}
    mask = region_mask(region(words), (100, 100))
    assert mask[70, 70] and mask[30, 30]  # down to the right: y grows downwards
    assert not mask[30, 70] and not mask[70, 30]
    assert mask.sum() == pytest.approx(math.pi * 200, rel=0.03)


def test_ellipse_without_theta_lies_along_x():
    y1, x1, y2, x2 = bounds(region({"name": "ellipse", "cx": 9, "cy": 5, "rx": 4, "ry": 2}))
    assert (y1, x1, y2, x2) == pytest.approx((3, 5, 7, 13))


def test_polyline_is_closed():
    line = region(polygon([1, 9, 9, 1], [1, 1, 9, 9], "polyline"))
    assert region_mask(line, (10, 10)).sum() == 64


def test_extreme_shapes_of_via_3():
    rect = region(polygon([3, 8, 5, 4], [4, 5, 2, 9], "extreme_rectangle"))
    assert bounds(rect) == (2, 3, 9, 8)
    circle = region(polygon([10, 20, 10], [0, 10, 20], "extreme_circle"))
    assert bounds(circle) == pytest.approx((0, 0, 20, 20))


@st.composite
def stars(draw_value):
    """Polygons without crossings: radii around a centre at ascending angles."""
    n = draw_value(st.integers(3, 12))
    radii = draw_value(st.lists(st.integers(8, 60), min_size=n, max_size=n))
    cx, cy = draw_value(st.tuples(st.integers(-10, 90), st.integers(-10, 90)))
    angles = np.arange(n) * (2 * np.pi / n) + 0.1
    return np.rint(cx + radii * np.cos(angles)), np.rint(cy + radii * np.sin(angles))


@settings(max_examples=60, deadline=None)
@given(stars())
def test_mask_matches_skimage_but_for_boundary_pixels(points):
    xs, ys = points
    shape = (80, 90)
    try:
        mask = region_mask(region(polygon(xs, ys)), shape)
    except ShapeError:
        return
    older = np.zeros(shape, bool)
    older[draw.polygon(ys, xs, shape)] = True
    boundary = np.zeros(shape, np.uint8)
    outline = np.column_stack([xs, ys]).astype(np.int32)
    cv2.polylines(boundary, [outline], True, 1, thickness=3)
    assert not np.any((mask != older) & (boundary == 0))


def test_mask_is_drawn_at_the_size_asked_for():
    tall = region(polygon([10, 30, 30, 10], [20, 20, 60, 60]))
    half = region_mask(tall, (100, 100), (50, 25))
    expected = np.zeros((50, 25), bool)
    expected[10:30, 3:7] = True  # x 2.5 to 7.5 covers the centres 2.5 (not) to 6.5
    expected[10:30, 2] = half[10, 2]
    np.testing.assert_array_equal(half, expected)
    assert region_mask(tall, (100, 100), (200, 300)).sum() == 80 * 60


def test_parts_outside_are_cut_off():
    big = region({"name": "rect", "x": -5, "y": -5, "width": 100, "height": 8})
    mask = region_mask(big, (10, 10))
    assert mask[:3].all() and not mask[3:].any()
    away = region({"name": "rect", "x": 50, "y": 50, "width": 5, "height": 5})
    assert not region_mask(away, (10, 10)).any()


def test_segmentation_is_the_union_of_its_parts():
    parts = [[0, 0, 4, 0, 4, 4, 0, 4], [6, 6, 8, 6, 8, 8, 6, 8]]
    assert region_mask(region({"name": "segmentation", "parts": parts}), (9, 9)).sum() == 20
    flat = region({"name": "segmentation", "parts": parts[0]})
    assert region_mask(flat, (9, 9)).sum() == 16


def test_compressed_and_plain_run_lengths_agree_with_pycocotools():
    coco_mask = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    for shape in [(1, 1), (5, 9), (60, 40)]:
        mask = cv2.blur(rng.random(shape), (5, 5)) > 0.5
        mask[0, 0] = True
        packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        plain = encode_rle(mask)
        assert decompress_counts(packed["counts"].decode()) == plain["counts"]
        for counts in (packed["counts"].decode(), plain["counts"]):
            words = {"name": "rle", "size": list(shape), "counts": counts}
            np.testing.assert_array_equal(region_mask(region(words), shape), mask)


def test_run_lengths_at_another_size():
    mask = np.zeros((40, 40), bool)
    mask[8:24, 4:36] = True
    small = region_mask(region({"name": "rle", **encode_rle(mask)}), (40, 40), (10, 10))
    np.testing.assert_array_equal(small, mask[2::4, 2::4])


@pytest.mark.parametrize(
    "words, kind, reason",
    [
        (None, "unknown shape", "no shape"),
        ({"name": "blob"}, "unknown shape", "'blob'"),
        ({"name": ["rect"]}, "unknown shape", "rect"),
        (polygon([1, 2], [1, 2]), "under 3 points", "2 different points"),
        (polygon([], []), "under 3 points", "0 different points"),
        (polygon([1, 1, 1, 1], [2, 2, 2, 2]), "zero area", "1 different point,"),
        (polygon([0, 5, 9], [0, 5, 9]), "zero area", "one line"),
        (polygon([0, 5, 9], [0, 5]), "value", "3 numbers in all_points_x, 2"),
        (polygon([0, "a", 9], [0, 5, 1]), "value", r"all_points_x\[1\] is 'a'"),
        (polygon([0, None, 9], [0, 5, 1]), "value", "missing"),
        (polygon([0, True, 9], [0, 5, 1]), "value", "True"),
        (polygon([0, math.nan, 9], [0, 5, 1]), "value", "nan"),
        (polygon([0, 1e300, 9], [0, 5, 1]), "value", "1e.300"),
        (polygon([0, 10**400, 9], [0, 5, 1]), "value", "not a number"),
        ({"name": "polygon", "all_points_x": "1,2,3"}, "value", "not a list"),
        ({"name": "rect", "x": 1, "y": 1, "width": 0, "height": 5}, "zero area", "."),
        ({"name": "rect", "x": 1, "y": 1, "width": 5}, "value", "height is missing"),
        ({"name": "circle", "cx": 1, "cy": 1, "r": 0}, "zero area", "."),
        ({"name": "circle", "cx": 1, "cy": 1, "r": -2}, "value", "radius -2"),
        (polygon([0, 1, 2], [0, 0, 0], "extreme_circle"), "zero area", "line"),
        (polygon([9, 10, 11, 0], [10, 20, 30, 50], "extreme_circle"), "zero area", "line"),
        ({"name": "segmentation", "parts": [[0.0]]}, "under 3 points", "1 number"),
        ({"name": "segmentation", "parts": []}, "under 3 points", "neither an outline"),
        ({"name": "rle", "size": [2, 2], "counts": [1, 1]}, "value", "add up to 2"),
        ({"name": "rle", "size": [2, 2], "counts": [4]}, "zero area", "empty"),
        ({"name": "rle", "size": [2, 2], "counts": "\u2028"}, "value", "damaged"),
        ({"name": "rle", "size": [2, 2], "counts": "P"}, "value", "break off"),
        ({"name": "rle", "size": [10**6, 10**6], "counts": [1]}, "value", "1000000 x"),
        ({"name": "rle", "size": [2], "counts": [1]}, "value", "size"),
    ],
)
def test_unusable_shapes_are_named(words, kind, reason):
    with pytest.raises(ShapeError, match=reason) as caught:
        build_shape(words)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    "points, crosses",
    [
        ([(0, 0), (4, 0), (4, 4), (0, 4)], False),
        ([(0, 0), (4, 4), (4, 0), (0, 4)], True),  # a bow tie
        ([(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)], False),  # touches its own edge
        ([(0, 0), (8, 0), (8, 8), (4, -1), (0, 8)], True),
    ],
)
def test_crosses_itself(points, crosses):
    place = crossing(np.array(points, float))
    assert (place is not None) is crosses


def test_where_an_outline_crosses_itself():
    assert crossing(np.array([(0, 0), (4, 4), (4, 0), (0, 4)], float)) == (2, 2)
    assert crossing(np.array([(0, 0), (9, 3), (6, 0), (6, 9)], float)) == (6, 2)


def test_long_outlines_are_compared_in_blocks():
    angle = np.arange(1000) * (2 * np.pi / 1000)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    assert not crossing(circle)
    circle[[700, 701]] = circle[[701, 700]]
    assert crossing(circle)
