import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn import outlines
from mrcnn.annotation.shapes import crossing

SMALL_MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


def shoelace(polygon):
    x, y = polygon.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


# -- Polygons --------------------------------------------------------------------------------------


def test_polygon_by_hand():
    # Pixel centres 0.5, 1.5, 2.5: the box from 0.6 to 2.6 holds 1.5 and 2.5.
    mask = outlines.polygons_to_mask([[[0.6, 1.6], [2.6, 1.6], [2.6, 3.4], [0.6, 3.4]]], (5, 4))
    expected = np.zeros((5, 4), bool)
    expected[2:3, 1:3] = True
    np.testing.assert_array_equal(mask, expected)


def test_one_pixel_becomes_its_edges():
    mask = np.zeros((4, 6), bool)
    mask[2, 3] = True
    (polygon,) = outlines.mask_to_polygons(mask)
    assert {tuple(point) for point in polygon} == {(3, 2), (4, 2), (4, 3), (3, 3)}
    assert len(polygon) == 4


@settings(max_examples=300, deadline=None)
@given(SMALL_MASKS)
def test_polygons_keep_mask_and_area(mask):
    polygons = outlines.mask_to_polygons(mask)
    np.testing.assert_array_equal(outlines.polygons_to_mask(polygons, mask.shape), mask)
    assert sum(map(shoelace, polygons)) == mask.sum()


def test_a_hole_is_part_of_its_polygon():
    mask = np.ones((7, 7), bool)
    mask[2:4, 2:5] = mask[5, 1] = False
    (polygon,) = outlines.mask_to_polygons(mask)
    assert shoelace(polygon) == 49 - 7
    assert len(outlines.mask_to_polygons(np.eye(3, dtype=bool))) == 1
    assert len(outlines.mask_to_polygons(np.array([[1, 0, 1]], bool))) == 2
    assert outlines.mask_to_polygons(np.zeros((3, 3), bool)) == []


def test_a_slit_meets_nothing_else():
    """A slit goes straight to the left, over no other hole."""
    mask = np.ones((9, 20), bool)
    mask[3:6, 3:5] = mask[4, 8] = mask[2:7, 12:15] = False
    (polygon,) = outlines.mask_to_polygons(mask)
    assert not crossing(polygon)
    assert shoelace(polygon) == mask.sum()


@settings(max_examples=200, deadline=None)
@given(SMALL_MASKS)
def test_no_outline_crossing(mask):
    assert not any(map(crossing, outlines.mask_to_polygons(mask)))


def blobs(seed):
    """Return a mask of some parts, with holes."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(5, 150, 2).tolist()
    noise = rng.normal(rng.uniform(-0.5, 1), size=rng.integers(3, 20, 2)).astype(np.float32)
    return cv2.resize(noise, (width, height)) > 0


@settings(max_examples=100, deadline=None)
@given(SMALL_MASKS | st.integers(0, 2**32 - 1).map(blobs))
def test_simple_polygons_are_each_part_but_for_a_hundredth(mask):
    simple = outlines.simple_polygons(mask, (2, 3))
    exact = outlines.mask_to_polygons(mask, (2, 3))
    assert len(simple) == len(exact)
    shape = mask.shape[0] + 5, mask.shape[1] + 5
    for few, many in zip(simple, exact, strict=True):
        found, part = (outlines.polygons_to_mask([points], shape) for points in (few, many))
        assert len(few) <= len(many)
        assert np.count_nonzero(found & part) > 0.99 * np.count_nonzero(found | part)


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.int64, (5, 2), elements=st.integers(-30 * 8, 60 * 8)))
def test_a_polygon_over_the_edge_is_the_cut_of_a_larger_image(eighths):
    polygon = eighths / 8 + [0.0137, 0.0071]  # no edge goes exactly through a centre
    mask = outlines.polygons_to_mask([polygon], (20, 30))
    larger = outlines.polygons_to_mask([polygon + 40], (120, 120))
    np.testing.assert_array_equal(mask, larger[40:60, 40:70])


def test_overlapping_and_self_crossing_polygons_are_filled():
    square = np.array([[1, 1], [7, 1], [7, 7], [1, 7]])
    both = outlines.polygons_to_mask([square, square[::-1] + 2], (10, 10))
    assert both.sum() == 36 + 36 - 16
    # A pentagram goes twice round its centre; that is inside too.
    angle = np.pi * 0.8 * np.arange(5)
    star = 20 + 15 * np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    assert outlines.polygons_to_mask([star], (40, 40))[20, 20]


def test_polygons_that_share_edges_neither_overlap_nor_leave_gaps():
    corners = np.array([[0.3, 0.3], [29.7, 1.1], [28.9, 19.2], [1.3, 18.1]])
    middle = np.array([13.37, 9.01])
    parts = [
        outlines.polygons_to_mask([[corners[i], corners[i - 1], middle]], (20, 30))
        for i in range(4)
    ]
    whole = outlines.polygons_to_mask([corners], (20, 30))
    np.testing.assert_array_equal(np.sum(parts, axis=0), whole)
    there_and_back = np.array([[0.375, 0.375], [14.875, 14.875]])
    assert not outlines.polygons_to_mask([there_and_back], (20, 30)).any()


def test_a_circle_has_its_area():
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = np.stack([60.3 + 50 * np.cos(angle), 55.9 + 50 * np.sin(angle)], axis=1)
    assert outlines.polygons_to_mask([circle], (120, 120)).sum() == pytest.approx(
        np.pi * 50**2, rel=2e-3
    )


@pytest.mark.parametrize("polygon", [[1, 2, 3], [[1, 2, 3]], [[0, 0], [np.nan, 1], [1, 1]]])
def test_a_polygon_that_is_none_is_refused(polygon):
    with pytest.raises(ValueError, match="finite numbers"):
        outlines.polygons_to_mask([polygon], (5, 5))


def test_a_polygon_without_points_or_area_is_empty():
    nothing = [np.zeros((0, 2)), [[3, 3]], [[0, 0], [4, 4]], [[1, 2], [8, 2], [4, 2]]]
    assert not outlines.polygons_to_mask(nothing, (9, 9)).any()


# -- Run lengths -----------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(SMALL_MASKS)
def test_rle_is_cocos(mask):
    coco_mask = pytest.importorskip("pycocotools.mask")
    rle = outlines.encode_rle(mask)
    packed = coco_mask.frPyObjects(rle, *rle["size"])
    np.testing.assert_array_equal(coco_mask.decode(packed), mask)
    np.testing.assert_array_equal(outlines.decode_rle(rle), mask)


def test_rle_by_hand():
    mask = np.array([[0, 1], [0, 1], [1, 0]], bool)
    assert outlines.encode_rle(mask) == {"size": [3, 2], "counts": [2, 3, 1]}
    assert outlines.encode_rle(~mask) == {"size": [3, 2], "counts": [0, 2, 3, 1]}


@pytest.mark.parametrize("counts", [[3], [7], [-1, 7], []])
def test_rle_that_does_not_fill_its_size_is_refused(counts):
    with pytest.raises(ValueError, match="sum to 6"):
        outlines.decode_rle({"size": [2, 3], "counts": counts})


@settings(max_examples=100, deadline=None)
@given(SMALL_MASKS, st.tuples(*[st.integers(0, 3)] * 4))
def test_a_piece_is_told_as_its_whole_mask(piece, rim):
    top, left, bottom, right = rim
    whole = np.pad(piece, ((top, bottom), (left, right)))
    assert outlines.encode_rle(piece, (top, left), whole.shape) == outlines.encode_rle(whole)
    of_piece, of_whole = (
        outlines.mask_to_polygons(piece, (top, left)),
        outlines.mask_to_polygons(whole),
    )
    assert [part.tolist() for part in of_piece] == [part.tolist() for part in of_whole]
