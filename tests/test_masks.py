import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.transform import resize

from mrcnn import masks
from tests import golden

GOLDEN = golden.load("functions.npz")
SMALL_MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


def golden_bits(name, shape):
    return golden.unpack(GOLDEN[name], shape)


@pytest.fixture
def five():
    """Five masks 60 x 80, the last one empty."""
    return golden_bits("masks", GOLDEN["masks_shape"])


def shoelace(polygon):
    x, y = polygon.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


# -- Golden data -----------------------------------------------------------------------------------


def test_extract_bboxes_golden(five):
    boxes = masks.extract_bboxes(five)
    np.testing.assert_array_equal(boxes, GOLDEN["extract_bboxes"])
    assert boxes.dtype == np.int32


def test_minimize_and_expand_golden(five):
    boxes = GOLDEN["extract_bboxes"][:4]
    mini = masks.minimize_mask(boxes, five[..., :4], (28, 28))
    np.testing.assert_array_equal(mini, golden_bits("minimize_mask", (28, 28, 4)))
    whole = masks.expand_mask(boxes, mini, (60, 80))
    np.testing.assert_array_equal(whole, golden_bits("expand_mask", (60, 80, 4)))
    assert mini.dtype == whole.dtype == bool


def test_overlaps_golden(five):
    first = five[..., :4]
    overlaps = masks.overlaps_masks(first, np.roll(first, 4, axis=1))
    np.testing.assert_allclose(overlaps, GOLDEN["compute_overlaps_masks"], atol=1e-6)
    assert overlaps.dtype == np.float32


def test_unmold_golden():
    mask = masks.unmold_mask(GOLDEN["unmold_in"], np.array([10, 12, 51, 70]), (60, 80, 3))
    np.testing.assert_array_equal(mask, golden_bits("unmold_mask", (60, 80)))


@pytest.mark.parametrize("mode", ["square", "square_scale", "pad64", "square_down"])
def test_resize_mask_golden(mode):
    mask = np.zeros((83, 121, 2), bool)
    mask[:, 31:] = True
    # The run with mode "square" enlarged nothing; it stored no scale.
    scale = 1 if mode == "square" else float(GOLDEN[f"resize_{mode}_scale"])
    resized = masks.resize_mask(mask, scale, GOLDEN[f"resize_{mode}_padding"])
    expected = golden_bits(f"resize_mask_{mode}", resized.shape)
    np.testing.assert_array_equal(resized, expected)


# -- Against independent implementations -----------------------------------------------------------


@pytest.mark.parametrize("scale", [0.31, 1.0, 1.7])
def test_resize_mask_is_nearest_zoom(scale):
    mask = np.random.default_rng(0).random((37, 23, 3)) > 0.5
    expected = ndimage.zoom(mask, [scale, scale, 1], order=0)
    nothing = [(0, 0), (0, 0), (0, 0)]
    np.testing.assert_array_equal(masks.resize_mask(mask, scale, nothing), expected)
    cut = masks.resize_mask(mask, scale, [(9, 9), (9, 9), (0, 0)], crop=(2, 1, 5, 4))
    np.testing.assert_array_equal(cut, expected[2:7, 1:5])


@pytest.mark.parametrize("shape", [(5, 7), (28, 28), (61, 200)])
def test_paste_is_bilinear_resizing(shape):
    mask = np.random.default_rng(1).random((28, 28)).astype(np.float32)
    pasted = masks.unmold_mask(mask, [3, 4, 3 + shape[0], 4 + shape[1]], (100, 300))
    expected = np.zeros((100, 300), bool)
    inside = resize(mask, shape, order=1, mode="constant", anti_aliasing=False) >= 0.5
    expected[3 : 3 + shape[0], 4 : 4 + shape[1]] = inside
    np.testing.assert_array_equal(pasted, expected)


# -- Pasting ---------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(-30, 40)] * 2), st.tuples(*[st.integers(1, 60)] * 2))
def test_a_box_over_the_edge_is_the_cut_of_a_larger_image(corner, size):
    mask = np.random.default_rng(2).random((1, 9, 9)).astype(np.float32)
    box = np.array([[*corner, corner[0] + size[0], corner[1] + size[1]]])
    pasted = masks.paste_masks(mask, box, (20, 30))
    larger = masks.paste_masks(mask, box + 50, (200, 200))
    np.testing.assert_array_equal(pasted, larger[50:70, 50:80])


def test_a_probability_of_a_half_is_mask():
    assert masks.unmold_mask(np.full((4, 4), 0.5, np.float32), [0, 0, 8, 8], (8, 8))[4, 4]
    assert not masks.unmold_mask(np.full((4, 4), 0.49, np.float32), [0, 0, 8, 8], (8, 8)).any()


def test_a_box_without_area_pastes_nothing():
    pasted = masks.paste_masks(np.ones((2, 4, 4), np.float32), [[3, 3, 3, 9], [5, 5, 2, 2]], (9, 9))
    assert pasted.shape == (9, 9, 2) and not pasted.any()


def test_no_masks():
    none = masks.paste_masks(np.zeros((0, 28, 28), np.float32), np.zeros((0, 4), int), (6, 7))
    assert none.shape == (6, 7, 0) and none.dtype == bool
    assert masks.extract_bboxes(none).shape == (0, 4)
    assert masks.minimize_mask(np.zeros((0, 4), int), none, (5, 5)).shape == (5, 5, 0)
    assert masks.resize_mask(none, 2, [(0, 0), (0, 0), (0, 0)]).shape == (12, 14, 0)
    assert masks.overlaps_masks(none, np.ones((6, 7, 2), bool)).shape == (0, 2)


def test_minimize_refuses_an_empty_box():
    with pytest.raises(ValueError, match=r"mask 0 has the box \(0, 0, 0, 0\)"):
        masks.minimize_mask(np.zeros((1, 4), int), np.zeros((5, 5, 1), bool), (3, 3))


def test_mini_masks_of_0_and_255_are_those_of_booleans():
    mask = np.hypot(*np.mgrid[-20:21, -20:21])[..., None] < 15.3
    box = masks.extract_bboxes(mask)
    of_booleans = masks.minimize_mask(box, mask, (28, 28))
    of_bytes = masks.minimize_mask(box, 255 * mask.astype(np.uint8), (28, 28))
    np.testing.assert_array_equal(of_bytes, of_booleans)


def test_overlaps_by_hand():
    # 4 x 4 and 4 x 4 pixels that share 2 x 4: 8 / 24. Floats count above a half.
    one, two = np.zeros((2, 8, 8, 1))
    one[0:4, 0:4], two[2:6, 0:4] = 0.6, 1.0
    assert masks.overlaps_masks(one, two)[0, 0] == pytest.approx(8 / 24)
    assert masks.overlaps_masks(one * 0.5, two)[0, 0] == 0


def test_overlaps_of_empty_masks_are_zero():
    np.testing.assert_array_equal(masks.overlaps_masks(*np.zeros((2, 4, 4, 1), bool)), [[0]])


# -- Polygons --------------------------------------------------------------------------------------


def test_polygon_by_hand():
    # Pixel centres 0.5, 1.5, 2.5: the box from 0.6 to 2.6 holds 1.5 and 2.5.
    mask = masks.polygons_to_mask([[[0.6, 1.6], [2.6, 1.6], [2.6, 3.4], [0.6, 3.4]]], (5, 4))
    expected = np.zeros((5, 4), bool)
    expected[2:3, 1:3] = True
    np.testing.assert_array_equal(mask, expected)


def test_one_pixel_becomes_its_edges():
    mask = np.zeros((4, 6), bool)
    mask[2, 3] = True
    (polygon,) = masks.mask_to_polygons(mask)
    assert {tuple(point) for point in polygon} == {(3, 2), (4, 2), (4, 3), (3, 3)}
    assert len(polygon) == 4


@settings(max_examples=300, deadline=None)
@given(SMALL_MASKS)
def test_polygons_keep_mask_and_area(mask):
    polygons = masks.mask_to_polygons(mask)
    np.testing.assert_array_equal(masks.polygons_to_mask(polygons, mask.shape), mask)
    assert sum(map(shoelace, polygons)) == mask.sum()


def test_a_hole_is_part_of_its_polygon():
    mask = np.ones((7, 7), bool)
    mask[2:4, 2:5] = mask[5, 1] = False
    (polygon,) = masks.mask_to_polygons(mask)
    assert shoelace(polygon) == 49 - 7
    assert len(masks.mask_to_polygons(np.eye(3, dtype=bool))) == 1
    assert len(masks.mask_to_polygons(np.array([[1, 0, 1]], bool))) == 2
    assert masks.mask_to_polygons(np.zeros((3, 3), bool)) == []


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.int64, (5, 2), elements=st.integers(-30 * 8, 60 * 8)))
def test_a_polygon_over_the_edge_is_the_cut_of_a_larger_image(eighths):
    polygon = eighths / 8 + [0.0137, 0.0071]  # no edge goes exactly through a centre
    mask = masks.polygons_to_mask([polygon], (20, 30))
    larger = masks.polygons_to_mask([polygon + 40], (120, 120))
    np.testing.assert_array_equal(mask, larger[40:60, 40:70])


def test_overlapping_and_self_crossing_polygons_are_filled():
    square = np.array([[1, 1], [7, 1], [7, 7], [1, 7]])
    both = masks.polygons_to_mask([square, square[::-1] + 2], (10, 10))
    assert both.sum() == 36 + 36 - 16
    # A pentagram goes twice round its centre; that is inside too.
    angle = np.pi * 0.8 * np.arange(5)
    star = 20 + 15 * np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    assert masks.polygons_to_mask([star], (40, 40))[20, 20]


def test_polygons_that_share_edges_neither_overlap_nor_leave_gaps():
    corners = np.array([[0.3, 0.3], [29.7, 1.1], [28.9, 19.2], [1.3, 18.1]])
    middle = np.array([13.37, 9.01])
    parts = [
        masks.polygons_to_mask([[corners[i], corners[i - 1], middle]], (20, 30)) for i in range(4)
    ]
    whole = masks.polygons_to_mask([corners], (20, 30))
    np.testing.assert_array_equal(np.sum(parts, axis=0), whole)
    there_and_back = np.array([[0.375, 0.375], [14.875, 14.875]])
    assert not masks.polygons_to_mask([there_and_back], (20, 30)).any()


def test_a_circle_has_its_area():
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = np.stack([60.3 + 50 * np.cos(angle), 55.9 + 50 * np.sin(angle)], axis=1)
    assert masks.polygons_to_mask([circle], (120, 120)).sum() == pytest.approx(
        np.pi * 50**2, rel=2e-3
    )


@pytest.mark.parametrize("polygon", [[1, 2, 3], [[1, 2, 3]], [[0, 0], [np.nan, 1], [1, 1]]])
def test_a_polygon_that_is_none_is_refused(polygon):
    with pytest.raises(ValueError, match="finite numbers"):
        masks.polygons_to_mask([polygon], (5, 5))


def test_a_polygon_without_points_or_area_is_empty():
    nothing = [np.zeros((0, 2)), [[3, 3]], [[0, 0], [4, 4]], [[1, 2], [8, 2], [4, 2]]]
    assert not masks.polygons_to_mask(nothing, (9, 9)).any()


# -- Run lengths -----------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(SMALL_MASKS)
def test_rle_is_cocos(mask):
    coco_mask = pytest.importorskip("pycocotools.mask")
    rle = masks.encode_rle(mask)
    packed = coco_mask.frPyObjects(rle, *rle["size"])
    np.testing.assert_array_equal(coco_mask.decode(packed), mask)
    np.testing.assert_array_equal(masks.decode_rle(rle), mask)


def test_rle_by_hand():
    mask = np.array([[0, 1], [0, 1], [1, 0]], bool)
    assert masks.encode_rle(mask) == {"size": [3, 2], "counts": [2, 3, 1]}
    assert masks.encode_rle(~mask) == {"size": [3, 2], "counts": [0, 2, 3, 1]}


@pytest.mark.parametrize("counts", [[3], [7], [-1, 7], []])
def test_rle_that_does_not_fill_its_size_is_refused(counts):
    with pytest.raises(ValueError, match="sum to 6"):
        masks.decode_rle({"size": [2, 3], "counts": counts})
