import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.transform import resize

from mrcnn import masks
from mrcnn.data import resizing
from tests import golden

GOLDEN = golden.load("functions.npz")
SMALL_MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


def golden_bits(name, shape):
    return golden.unpack(GOLDEN[name], shape)


@pytest.fixture
def five():
    """Five masks 60 x 80, the last one empty."""
    return golden_bits("masks", GOLDEN["masks_shape"])


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
    resized = resizing.resize_mask(mask, scale, GOLDEN[f"resize_{mode}_padding"])
    expected = golden_bits(f"resize_mask_{mode}", resized.shape)
    np.testing.assert_array_equal(resized, expected)


# -- Against independent implementations -----------------------------------------------------------


@pytest.mark.parametrize("scale", [0.31, 1.0, 1.7])
def test_resize_mask_is_nearest_zoom(scale):
    mask = np.random.default_rng(0).random((37, 23, 3)) > 0.5
    expected = ndimage.zoom(mask, [scale, scale, 1], order=0)
    nothing = [(0, 0), (0, 0), (0, 0)]
    np.testing.assert_array_equal(resizing.resize_mask(mask, scale, nothing), expected)
    cut = resizing.resize_mask(mask, scale, [(9, 9), (9, 9), (0, 0)], crop=(2, 1, 5, 4))
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


@pytest.mark.parametrize("box", [(0, 0, 30, 280), (-3, -40, 27, 240), (5, 5, 5 + 7, 5 + 9)])
def test_a_mask_reaches_its_box_unless_it_fades_as_the_older_ones(box):
    mask = np.full((1, 14, 14), 0.6, np.float32)
    shape, boxes = (40, 300), np.array([box])
    (whole,) = masks.paste_pieces(mask, boxes, shape, cut_from=(56, 56))
    (faded,) = masks.paste_pieces(mask, boxes, shape)
    assert whole.all() and whole.shape == faded.shape
    assert faded.any() and faded.all() == (box[2] - box[0] < 14)  # where it is enlarged


@pytest.mark.parametrize("cut_from", [(56, 56), (80, 112), None])
@pytest.mark.parametrize("axes", [(24, 60), (50, 50), (140, 35)])
def test_what_a_network_is_taught_is_pasted_as_large_as_it_was(axes, cut_from):
    from mrcnn.nn.roi_align import crop_and_resize

    image = np.zeros((300, 320), np.uint8)
    truth = cv2.ellipse(image, (160, 150), axes, 20, 0, 360, 1, -1).astype(bool)
    boxes = masks.extract_bboxes(truth[..., None])
    y1, x1, y2, x2 = boxes[0]
    cut_from = cut_from or (y2 - y1, x2 - x1)
    mini = masks.minimize_mask(boxes, truth[..., None], cut_from).astype(np.float32)
    whole_box = np.array([[0, 0, 1, 1]], np.float32)
    target = crop_and_resize(mini[None], whole_box, np.zeros(1, np.int32), (28, 28))
    said = np.asarray(target)[..., 0].round()
    sources = cut_from, (56, 56), None
    piece, as_mini_masks, faded = (
        masks.paste_pieces(said, boxes, image.shape, source)[0] for source in sources
    )
    own = truth[y1:y2, x1:x2]
    # Rounding, of the mini mask and of the target, loses or adds some.
    assert 0.965 < piece.sum() / own.sum() < 1.015
    assert faded.sum() / own.sum() < 0.965
    assert overlap(piece, own) > 0.955
    assert overlap(piece, own) >= overlap(as_mini_masks, own) > overlap(faded, own)
    assert (cut_from == (56, 56)) == np.array_equal(piece, as_mini_masks)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the intersection over union of two masks of one shape."""
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def test_a_box_without_area_pastes_nothing():
    pasted = masks.paste_masks(np.ones((2, 4, 4), np.float32), [[3, 3, 3, 9], [5, 5, 2, 2]], (9, 9))
    assert pasted.shape == (9, 9, 2) and not pasted.any()


def test_no_masks():
    none = masks.paste_masks(np.zeros((0, 28, 28), np.float32), np.zeros((0, 4), int), (6, 7))
    assert none.shape == (6, 7, 0) and none.dtype == bool
    assert masks.extract_bboxes(none).shape == (0, 4)
    assert masks.minimize_mask(np.zeros((0, 4), int), none, (5, 5)).shape == (5, 5, 0)
    assert resizing.resize_mask(none, 2, [(0, 0), (0, 0), (0, 0)]).shape == (12, 14, 0)
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
