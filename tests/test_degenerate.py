"""Empty and degenerate input is a contract of every stage: zeros, never NaN, never an error."""

import numpy as np
import pytest
from keras import ops

from mrcnn.nn import losses, roi_align, rpn
from mrcnn.nn.detection import refine
from mrcnn.nn.nms import suppress, suppress_portable
from mrcnn.nn.roi_align import assign_levels, crop_and_resize, crop_and_resize_portable
from mrcnn.targets.heads import detection_targets

STD_DEV = np.array([0.1, 0.1, 0.2, 0.2], np.float32)


def tensor(*values):
    return ops.convert_to_tensor(np.array(values, np.float32))


def targets(proposals, gt_class_ids, gt_boxes, count=8, seed=0, ratio=0.33):
    proposals = np.array([proposals], np.float32)
    gt_boxes = np.array([gt_boxes], np.float32)
    masks = np.ones((1, 14, 14, gt_boxes.shape[1]), bool)
    random = np.random.default_rng(seed).uniform(size=(2, 1, proposals.shape[1]))
    results = detection_targets(
        *(ops.convert_to_tensor(x) for x in (proposals, [gt_class_ids], gt_boxes, masks)),
        ops.convert_to_tensor(random.astype(np.float32)),
        count=count,
        positive_ratio=ratio,
        std_dev=STD_DEV,
        mask_shape=(7, 7),
        mini_masks=True,
        crop=crop_and_resize,
    )
    return [np.asarray(x)[0] for x in results]


BOX, AWAY = [0.1, 0.1, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]
NONE = [0.0, 0.0, 0.0, 0.0]


# -- Targets ---------------------------------------------------------------------------------------


def test_targets_without_an_object():
    rois, class_ids, deltas, masks = targets([BOX, AWAY, NONE], [0, 0], [NONE, NONE])
    # What is proposed there is none, and the class head is told so.
    assert sorted(rois[:2].tolist()) == sorted(np.float32([BOX, AWAY]).tolist())
    assert not rois[2:].any()
    assert not class_ids.any() and not deltas.any() and not masks.any()


def test_an_image_without_an_object_gives_no_more_negatives_than_another():
    many = np.linspace(AWAY, [0.65, 0.65, 0.95, 0.95], 20).tolist()
    rois, *_ = targets(many, [0], [NONE], count=10, ratio=0.5)
    assert rois.any(axis=1).sum() == 5


def test_targets_without_a_proposal():
    rois, class_ids, *rest = targets([NONE, NONE], [1], [BOX])
    assert not rois.any() and not class_ids.any() and np.isfinite(rest[0]).all()


def test_fewer_proposals_than_rows():
    rois, class_ids, deltas, masks = targets([BOX, AWAY, NONE], [2], [BOX])
    np.testing.assert_allclose(rois[:2], [BOX, AWAY])
    assert class_ids.tolist() == [2] + 7 * [0]
    assert masks[0].all() and not masks[1:].any()
    np.testing.assert_allclose(deltas, 0, atol=1e-6)


def test_a_crowd_is_neither_object_nor_background():
    rois, class_ids, *_ = targets([BOX, AWAY], [-1], [BOX])
    assert not class_ids.any()
    np.testing.assert_allclose(rois[0], AWAY)
    assert not rois[1:].any()
    rois, class_ids, *_ = targets([BOX, AWAY, [0.1, 0.1, 0.49, 0.5]], [-1, 2], [BOX, AWAY])
    assert class_ids.tolist()[0] == 2 and not rois[1:].any()


def test_negatives_keep_their_ratio_to_positives():
    rng = np.random.default_rng(0)
    near = np.array(BOX) + rng.uniform(-0.01, 0.01, (20, 4))
    far = np.array([0.6, 0.6, 0.7, 0.7]) + rng.uniform(0, 0.1, (50, 4)) * [1, 1, 1, 1]
    rois, class_ids, *_ = targets([*near, *far], [1], [BOX], count=30)
    # 0.33 of 30 are 9 positives; 9 / 0.33 - 9 negatives follow.
    assert (class_ids > 0).sum() == 9
    assert rois.any(axis=1).sum() == 27


def test_the_choice_among_too_many_is_random_and_seeded():
    rng = np.random.default_rng(0)
    near = np.array(BOX) + rng.uniform(-0.01, 0.01, (20, 4))
    one, again = (targets(near, [1], [BOX], count=9, seed=1)[0] for _ in range(2))
    other = targets(near, [1], [BOX], count=9, seed=2)[0]
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


# -- Proposals and detections ----------------------------------------------------------------------


def test_fewer_anchors_than_proposals():
    proposals = rpn.propose(
        tensor([0.9, 0.8]), tensor([NONE, NONE]), tensor([BOX, AWAY]), STD_DEV, 6000, 0.7, 5
    )
    np.testing.assert_allclose(proposals[0], [BOX, AWAY, NONE, NONE, NONE], atol=1e-6)


def test_detections_of_background_alone():
    probs = tensor([[0.9, 0.05, 0.05]] * 3)
    deltas = ops.zeros((1, 3, 3, 4))
    found = refine(
        tensor([BOX, AWAY, NONE]),
        probs,
        deltas,
        tensor([0, 0, 1, 1]),
        std_dev=STD_DEV,
        min_confidence=0.7,
        iou_threshold=0.3,
        count=4,
    )
    assert found.shape == (1, 4, 6) and not np.asarray(found).any()


def test_padding_is_no_detection():
    probs = tensor([[0.1, 0.9], [0.2, 0.8]])
    found = np.asarray(
        refine(
            tensor([BOX, NONE]),
            probs,
            ops.zeros((1, 2, 2, 4)),
            tensor([0, 0, 1, 1]),
            std_dev=STD_DEV,
            min_confidence=0,
            iou_threshold=0.3,
            count=4,
        )
    )
    np.testing.assert_allclose(found[0], [[*BOX, 1, 0.9], *[[0] * 6] * 3], atol=1e-6)


@pytest.mark.parametrize("function", ["kernel", "portable"])
def test_suppression_by_hand(function):
    rows = [BOX, [0.1, 0.1, 0.5, 0.49], AWAY, [0.1, 0.1, 0.5, 0.48], NONE]
    scores, class_ids = tensor([0.9, 0.8, 0.7, 0.6, -1]), np.array([[1, 1, 1, 2, 0]])
    if function == "kernel":
        kept = suppress(tensor(rows), scores, class_ids, 3, 0.5, 4)
    else:
        kept = suppress_portable(tensor(rows), scores, ops.convert_to_tensor(class_ids), 0.5, 4)
    kept_boxes, kept_scores, kept_ids = (np.asarray(x)[0] for x in kept)
    # The second loses to the first; the fourth is of another class; nothing fills the last row.
    np.testing.assert_allclose(kept_boxes, [BOX, AWAY, rows[3], NONE], atol=1e-6)
    np.testing.assert_allclose(kept_scores, [0.9, 0.7, 0.6, 0], atol=1e-6)
    assert kept_ids.tolist() == [1, 1, 2, 0]


# -- RoIAlign --------------------------------------------------------------------------------------


def test_levels_by_hand():
    # Sides of 224, 112, 448, 20 pixels, everything, and nothing in a 1024 x 1024 image.
    sides = np.array([224, 112, 448, 20, 1024, 0], np.float32) / 1024
    rois = np.stack([0 * sides, 0 * sides, sides, sides], axis=-1)[None]
    levels = assign_levels(ops.convert_to_tensor(rois), 1024 * 1024)
    assert np.asarray(levels)[0].tolist() == [4, 3, 5, 2, 5, 2]


@pytest.mark.parametrize("crop", [crop_and_resize, crop_and_resize_portable])
def test_crops_by_hand(crop):
    # The map's value is its row; the corners of the box are sampled, and what lies outside is 0.
    rows = ops.convert_to_tensor(np.repeat(np.arange(5.0), 5).reshape(1, 5, 5, 1).astype("float32"))
    crops = crop(
        rows,
        tensor([0, 0, 1, 1], [0.25, 0, 0.75, 1], [0.5, 0.5, 0.5, 0.5], [0.5, 0, 1.5, 1]),
        ops.convert_to_tensor([0, 0, 0, 0]),
        (3, 2),
    )
    expected = [[0, 2, 4], [1, 2, 3], [2, 2, 2], [2, 4, 0]]
    for column in (0, 1):
        np.testing.assert_allclose(np.asarray(crops)[..., column, 0], expected, atol=1e-6)


@pytest.mark.parametrize("align", ["_align_tensorflow", "align_portable"])
@pytest.mark.parametrize("size", [(7, 7), (14, 14)])
def test_a_roi_that_ends_at_the_images_border_keeps_its_last_row_and_column(align, size):
    rng = np.random.default_rng(0)
    starts = rng.uniform(0, 0.98, (1, 4000, 2)).astype(np.float32)
    rois = ops.convert_to_tensor(np.concatenate([starts, np.ones_like(starts)], axis=-1))
    # The map's value is 1 + its row + its column, so a sample is 1 and more, and never more than
    # the last cell's.
    maps = [
        ops.convert_to_tensor(1 + np.indices((side, side), np.float32).sum(0)[None, :, :, None])
        for side in (256, 128, 64, 32)
    ]
    levels = assign_levels(rois, 1024 * 1024)
    pieces = np.asarray(getattr(roi_align, align)(rois, maps, levels, size))
    assert pieces.min() >= 1
    ends = np.array([maps[level - 2].shape[1] for level in np.asarray(levels)[0]]) * 2 - 1
    np.testing.assert_allclose(pieces[:, -1, -1, 0], ends, rtol=1e-6)


# -- Losses ----------------------------------------------------------------------------------------


def test_losses_of_nothing_are_zero():
    assert float(losses.rpn_class_loss(np.zeros((1, 4, 1), int), ops.ones((1, 4, 2)))) == 0
    nothing = np.zeros((1, 3), int)
    assert float(losses.mrcnn_bbox_loss(ops.ones((1, 3, 4)), nothing, ops.ones((1, 3, 2, 4)))) == 0
    masks = ops.ones((1, 3, 7, 7))
    assert float(losses.mrcnn_mask_loss(masks, nothing, ops.ones((1, 3, 7, 7, 2)) / 2)) == 0


def test_classes_are_active_image_by_image():
    # Both images' RoIs look like class 2, which only the second's data set knows.
    logits = np.array([[[0, 0, 5]], [[0, 0, 5]]], np.float32)
    targets, active = np.array([[1], [1]]), np.array([[1, 1, 0], [1, 1, 1]])
    both = float(losses.mrcnn_class_loss(targets, logits, active))
    assert both == pytest.approx(
        float(losses.mrcnn_class_loss(targets[1:], logits[1:], active[1:]))
    )
    assert both > 0
    swapped = losses.mrcnn_class_loss(targets, logits * [[[1]], [[3]]], active[::-1])
    assert float(swapped) == pytest.approx(both)


def test_a_sure_mistake_costs_much_but_is_finite():
    loss = losses.mrcnn_mask_loss(
        ops.ones((1, 1, 2, 2)), np.array([[1]]), ops.zeros((1, 1, 2, 2, 2))
    )
    assert float(loss) == pytest.approx(-np.log(1e-7), rel=1e-2)


def test_smooth_l1_by_hand():
    loss = losses.smooth_l1_loss(tensor(0, 0, 0), tensor(0.5, -1, 3))
    np.testing.assert_allclose(loss, [0.125, 0.5, 2.5])
