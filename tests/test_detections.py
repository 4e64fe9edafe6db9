import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn.detections import Detections

MASKS = hnp.arrays(bool, st.tuples(*[st.integers(1, 12)] * 2, st.integers(0, 4)))


@settings(max_examples=100, deadline=None)
@given(MASKS)
def test_full_size_masks_come_back(masks):
    count = masks.shape[2]
    rois = np.arange(4 * count).reshape(count, 4)
    found = Detections.of(rois, np.arange(count), np.ones(count, np.float32), masks)
    assert found.shape == masks.shape[:2]
    np.testing.assert_array_equal(found.masks, masks)
    np.testing.assert_array_equal(found.areas, masks.sum(axis=(0, 1)))
    for name, value in found.as_dict().items():
        given_ = {"rois": rois, "class_ids": np.arange(count), "scores": np.ones(count)}
        np.testing.assert_array_equal(value, {**given_, "masks": masks}[name])
    again = Detections.of(**found.as_dict())
    np.testing.assert_array_equal(again.windows, found.windows)


def test_a_mask_that_leaves_its_box_is_kept_whole():
    mask = np.ones((6, 8, 1), bool)
    found = Detections.of([[2, 2, 4.5, 4]], [1], masks=mask)
    np.testing.assert_array_equal(found.masks, mask)
    np.testing.assert_array_equal(found.rois, [[2, 2, 4.5, 4]])


def test_windows_are_boxes_cut_off_at_the_rim():
    rois = np.array([[-2, -3, 4, 5], [3, 6, 9, 12], [7, 1, 9, 4], [-4, -4, -1, -1]])
    pieces = [np.ones((4, 5), bool), np.ones((3, 4), bool), np.zeros((0, 3), bool)]
    found = Detections((6, 10), rois, np.arange(4), None, [*pieces, np.zeros((0, 0), bool)])
    np.testing.assert_array_equal(
        found.windows, [[0, 0, 4, 5], [3, 6, 6, 10], [6, 1, 6, 4], [0, 0, 0, 0]]
    )
    assert found.areas.tolist() == [20, 12, 0, 0]
    assert found.masks[:4, :5, 0].all()
    assert found.masks[3:, 6:, 1].all()
    assert found.masks.sum() == 32


def test_masks_of_an_annotation_have_their_own_boxes():
    masks = np.zeros((6, 8, 2), np.uint8)
    masks[1:3, 2:7, 0] = 1
    truth = Detections.of_masks(masks, [3, -1])
    assert truth.rois.tolist() == [[1, 2, 3, 7], [0, 0, 0, 0]]
    assert truth.class_ids.tolist() == [3, -1]
    assert truth.scores is None
    np.testing.assert_array_equal(truth.masks, masks)


def test_nothing():
    found = Detections.of(np.zeros((0, 4), np.int32), [], [], np.zeros((6, 8, 0), bool))
    assert len(found) == 0
    assert found.masks.shape == (6, 8, 0)
    assert found.areas.shape == (0,)
    assert len(found.where(np.zeros(0, bool))) == 0
    assert Detections.of([], [], []).shape == (0, 0)


def test_without_masks_the_image_ends_with_the_boxes_unless_told():
    found = Detections.of([[1, 2, 3.5, 7]], [1], [0.5])
    assert found.shape == (4, 7)
    assert found.masks is found.areas is found.pieces is None
    assert Detections.of([[1, 2, 3.5, 7]], [1], [0.5], shape=(10, 20, 3)).shape == (10, 20)


def test_where_keeps_rows_by_flag_and_by_place():
    masks = np.random.default_rng(0).random((9, 9, 3)) < 0.5
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    found = Detections.of(np.arange(12).reshape(3, 4), [1, 2, 3], scores, masks)
    chosen = found.where(scores > 0.75)
    np.testing.assert_array_equal(chosen.masks, masks[..., :2])
    assert chosen.class_ids.tolist() == [1, 2]
    turned = found.where([2, 0])
    np.testing.assert_array_equal(turned.masks, masks[..., [2, 0]])
    assert turned.rois.tolist() == [[8, 9, 10, 11], [0, 1, 2, 3]]
    assert turned.scores.tolist() == scores[[2, 0]].tolist()
    assert Detections.of([[0, 0, 1, 1]], [1]).where([True]).scores is None


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match="2 rois, 1 class_ids, 2 scores"):
        Detections.of(np.zeros((2, 4)), [1], [0.5, 0.5])
    with pytest.raises(ValueError, match="3 masks"):
        Detections.of(np.zeros((2, 4)), [1, 1], None, np.zeros((4, 4, 3), bool))
    with pytest.raises(ValueError, match=r"mask 0 is \(3, 3\), its window \(2, 2\)"):
        Detections((9, 9), np.array([[0, 0, 2, 2]]), [1], None, [np.ones((3, 3), bool)])
    with pytest.raises(ValueError, match="not a finite number"):
        Detections.of([[0, 0, np.nan, 2]], [1], [0.5])
