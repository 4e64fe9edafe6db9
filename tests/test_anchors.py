import numpy as np
import pytest

from mrcnn import anchors, boxes
from mrcnn.targets.rpn import rpn_targets
from mrcnn.targets.thresholds import CROWD_IOU
from tests import golden

GOLDEN = golden.load("functions.npz")
STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])
STRIDES = (4, 8, 16, 32, 64)


def pyramid(side, scales=(8, 16, 32, 64, 128)):
    return anchors.pyramid(
        (side, side, 3), scales=scales, ratios=[0.5, 1, 2], strides=STRIDES, anchor_stride=1
    )


def targets(grid, class_ids, gt_boxes, count=64, seed=0):
    return rpn_targets(
        grid,
        np.array(class_ids, int),
        np.array(gt_boxes).reshape(-1, 4),
        anchors_per_image=count,
        bbox_std_dev=STD_DEV,
        rng=np.random.default_rng(seed),
    )


# -- Anchors ---------------------------------------------------------------------------------------


def test_anchors_by_hand():
    # One cell at 0, one at 16; ratio 4 makes 10 x 10 twice as wide and half as high.
    found = anchors.generate_anchors(10, [1, 4], (1, 2), 16, 1)
    expected = [[-5, -5, 5, 5], [-2.5, -10, 2.5, 10], [-5, 11, 5, 21], [-2.5, 6, 2.5, 26]]
    np.testing.assert_allclose(found, expected)


def test_anchors_of_several_scales_go_ratio_by_ratio():
    found = anchors.generate_anchors((2, 4), [1, 4], (1, 1), 1, 1)
    np.testing.assert_allclose(found[:, 2:] - found[:, :2], [[2, 2], [4, 4], [1, 4], [2, 8]])


@pytest.mark.parametrize(
    ("name", "levels", "stride"), [("anchors", 5, 1), ("anchors_stride2", 2, 2)]
)
def test_pyramid_golden(name, levels, stride):
    shapes = [[16, 20], [8, 10], [4, 5], [2, 3], [1, 2]][:levels]
    found = anchors.generate_pyramid_anchors(
        (8, 16, 32, 64, 128)[:levels], [0.5, 1, 2], shapes, [4, 8, 16, 32, 64][:levels], stride
    )
    np.testing.assert_allclose(found, GOLDEN[name], atol=1e-5)
    assert found.dtype == np.float64


def test_backbone_shapes_golden():
    shapes = anchors.level_shapes((128, 192, 3), STRIDES)
    np.testing.assert_array_equal(shapes, GOLDEN["backbone_shapes"])
    np.testing.assert_array_equal(anchors.level_shapes((65, 64), STRIDES)[0], [17, 16])


def test_a_backbone_of_ones_own_tells_its_shapes():
    found = anchors.level_shapes((70, 140, 3), STRIDES, lambda shape: [[shape[0] // 7, 3]])
    np.testing.assert_array_equal(found, [[10, 3]])


# -- Targets ---------------------------------------------------------------------------------------


def test_targets_golden():
    match, deltas = targets(pyramid(128), GOLDEN["rpn_gt_class_ids"], GOLDEN["rpn_gt_boxes"])
    np.testing.assert_array_equal(np.flatnonzero(match == 1), GOLDEN["rpn_match_positive"])
    counts = [(match == 1).sum(), (match == -1).sum()]
    np.testing.assert_array_equal(counts, GOLDEN["rpn_match_counts"])
    expected = GOLDEN["rpn_bbox_targets"]
    np.testing.assert_allclose(deltas[: len(expected)], expected, atol=1e-5)
    assert not deltas[len(expected) :].any()
    assert match.dtype == np.int32


def test_crowd_golden():
    match, _ = targets(pyramid(128), [1, -1, 3], GOLDEN["rpn_gt_boxes"])
    np.testing.assert_array_equal(np.flatnonzero(match == 1), GOLDEN["rpn_crowd_positive"])


def test_a_crowd_is_not_background():
    grid = pyramid(128)
    crowd = np.array([[20, 20, 100, 100]])
    match, _ = targets(grid, [-1], crowd, count=len(grid))
    overlap = boxes.overlaps(grid, crowd)[:, 0]
    np.testing.assert_array_equal(match == -1, overlap < CROWD_IOU)
    assert not (match == 1).any()


def test_targets_are_those_of_the_whole_overlap_matrix():
    grid, rng = pyramid(256, scales=(32, 64, 64, 128, 128)), np.random.default_rng(5)
    corners = rng.integers(0, 200, (6, 2))
    gt = np.concatenate([corners, corners + rng.integers(4, 120, (6, 2))], axis=1)
    gt[0] = 41, 41, 73, 73  # several anchors of side 32 overlap it by more than 0.7
    match, deltas = targets(grid, [1] * 6, gt, count=2 * len(grid))
    overlap = boxes.overlaps(grid, gt.astype(float))
    iou = overlap.max(axis=1)
    positive = (iou >= 0.7) | (overlap == overlap.max(axis=0)).any(axis=1)
    assert positive.sum() > (overlap == overlap.max(axis=0)).any(axis=1).sum()
    np.testing.assert_array_equal(match == 1, positive)
    np.testing.assert_array_equal(match == -1, (iou < 0.3) & ~positive)
    moved = boxes.decode(grid[positive], deltas[: positive.sum()] * STD_DEV)
    np.testing.assert_allclose(moved, gt[overlap.argmax(axis=1)[positive]], atol=1e-9)


def test_at_most_half_are_objects_and_the_count_is_kept():
    grid = pyramid(256)
    gt = grid[(grid >= 0).all(axis=1) & (grid <= 256).all(axis=1)][::9]
    match, deltas = targets(grid, [1] * len(gt), gt, count=40)
    assert [(match == 1).sum(), (match == -1).sum()] == [20, 20]
    assert deltas.shape == (40, 4)


def test_no_objects_are_all_background():
    match, deltas = targets(pyramid(128), [], [], count=64)
    assert [(match == 1).sum(), (match == -1).sum()] == [0, 64]
    assert not deltas.any()


@pytest.mark.parametrize("box", [[900, 900, 950, 950], [30, 30, 30, 60]])
def test_an_object_that_no_anchor_overlaps_makes_nothing_positive(box):
    match, _ = targets(pyramid(128), [1], [box])
    assert not (match == 1).any()


def test_the_seed_decides():
    grid = pyramid(128)
    gt = ([1], [[30, 30, 60, 60]])
    first, again, other = (targets(grid, *gt, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
