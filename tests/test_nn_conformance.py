"""The tensor functions give the older package's numbers."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import boxes, graph
from mrcnn.config import Config
from mrcnn.nn import roi_align
from mrcnn.nn.nms import suppress, suppress_portable
from tests.golden import unpack

pytestmark = pytest.mark.engines
# Of a sample's place; JAX does not round between a product and a sum.
ROUNDING = 1e-5 if keras.backend.backend() == "tensorflow" else 3e-5


class GoldenConfig(Config):
    NUM_CLASSES = 5
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    IMAGES_PER_GPU = 1
    PRE_NMS_LIMIT = 300
    DETECTION_MIN_CONFIDENCE = 0.3
    DETECTION_MAX_INSTANCES = 20


@pytest.mark.parametrize("size", [7, 14])
def test_roi_align(golden, size):
    inputs = [golden[f"RA_{n}"] for n in ("rois", "meta", "fm0", "fm1", "fm2", "fm3")]
    pieces = graph.PyramidROIAlign([size, size])([ops.convert_to_tensor(x) for x in inputs])
    np.testing.assert_allclose(pieces, golden[f"RA_out{size}"], atol=ROUNDING)


def test_roi_align_by_gathering_gives_the_same(golden):
    rois = ops.convert_to_tensor(golden["RA_rois"])
    maps = [ops.convert_to_tensor(golden[f"RA_fm{i}"]) for i in range(4)]
    levels = roi_align.assign_levels(rois, 256 * 256)
    pieces = roi_align.align_portable(rois, maps, levels, (7, 7))
    np.testing.assert_allclose(
        ops.reshape(pieces, golden["RA_out7"].shape), golden["RA_out7"], atol=ROUNDING
    )


def test_proposals(golden):
    layer = graph.ProposalLayer(60, 0.7, GoldenConfig())
    proposals = layer([golden["P_class"], golden["P_bbox"], golden["P_anchors"]])
    np.testing.assert_allclose(proposals, golden["P_out"], atol=1e-5)


def test_detections(golden):
    layer = graph.DetectionLayer(GoldenConfig())
    detections = layer([golden[n] for n in ("P_out", "D_class", "D_bbox", "D_meta")])
    np.testing.assert_allclose(detections, golden["D_out"], atol=1e-5)


@pytest.fixture
def tensors(golden):
    """What the losses are computed from."""
    return {
        name: ops.convert_to_tensor(array)
        for name, array in golden.items()
        if name.startswith("L_") and not name.startswith("L_out")
    }


def test_losses(golden, tensors):
    active, partial = tensors["L_active"], tensors["L_active_partial"]
    ids, masks = tensors["L_target_class_ids"], tensors["L_target_masks"]
    losses = [
        graph.rpn_class_loss_graph(tensors["L_rpn_match"], tensors["L_rpn_logits"]),
        graph.rpn_bbox_loss_graph(
            None, tensors["L_rpn_target_bbox"], tensors["L_rpn_match"], tensors["L_rpn_bbox"]
        ),
        graph.mrcnn_class_loss_graph(ids, tensors["L_class_logits"], active),
        graph.mrcnn_class_loss_graph(ids, tensors["L_class_logits"], partial),
        graph.mrcnn_bbox_loss_graph(tensors["L_target_bbox"], ids, tensors["L_pred_bbox"]),
        graph.mrcnn_mask_loss_graph(masks, ids, tensors["L_pred_masks"]),
    ]
    np.testing.assert_allclose(list(map(float, losses)), golden["L_out"], atol=1e-5)


def test_losses_without_an_object_are_zero(golden, tensors):
    no_ids, no_match = 0 * tensors["L_target_class_ids"], -ops.abs(tensors["L_rpn_match"])
    losses = [
        graph.rpn_bbox_loss_graph(
            None, tensors["L_rpn_target_bbox"], no_match, tensors["L_rpn_bbox"]
        ),
        graph.mrcnn_bbox_loss_graph(tensors["L_target_bbox"], no_ids, tensors["L_pred_bbox"]),
        graph.mrcnn_mask_loss_graph(tensors["L_target_masks"], no_ids, tensors["L_pred_masks"]),
    ]
    np.testing.assert_array_equal(list(map(float, losses)), golden["L_out_no_positive"])


def test_class_loss_without_an_active_class_is_zero(tensors):
    loss = graph.mrcnn_class_loss_graph(
        tensors["L_target_class_ids"], tensors["L_class_logits"], 0 * tensors["L_active"]
    )
    assert float(loss) == 0


def _sorted_rows(array):
    rows = np.asarray(array, "float64").reshape(len(array), -1).round(4) + 0.0
    return rows[np.lexsort(rows.T[::-1])]


def test_detection_targets(golden):
    inputs = [golden[f"T_{name}"] for name in ("proposals", "gt_class_ids", "gt_boxes")]
    rois, class_ids, deltas, masks = (
        np.asarray(x)
        for x in graph.detection_targets_graph(
            *inputs, unpack(golden["T_gt_masks"], golden["T_gt_masks_shape"]), GoldenConfig()
        )
    )
    positives, used = golden["T_counts"]
    assert (class_ids > 0).sum() == positives
    assert rois.any(axis=1).sum() == used
    # The golden arrays were drawn one by one, each with an order of rows of its own.
    golden_rows = (golden["T_rois"], golden["T_class_ids"], golden["T_deltas"])
    for mine, theirs in zip((rois, class_ids, deltas), golden_rows, strict=True):
        np.testing.assert_allclose(_sorted_rows(mine[:60]), _sorted_rows(theirs), atol=1e-5)
    np.testing.assert_array_equal(
        _sorted_rows(masks[:60]), _sorted_rows(unpack(golden["T_masks"], golden["T_masks_shape"]))
    )
    gt_boxes, gt_class_ids = golden["T_gt_boxes"], golden["T_gt_class_ids"]
    for roi, class_id, delta in zip(rois[:positives], class_ids, deltas, strict=False):
        best = np.argmax(boxes.overlaps(roi[None], gt_boxes))
        assert class_id == gt_class_ids[best]
        wanted = boxes.encode(roi, gt_boxes[best]) / GoldenConfig.BBOX_STD_DEV
        np.testing.assert_allclose(delta, wanted, atol=1e-4)
    assert not rois[used:].any() and not class_ids[used:].any() and not masks[used:].any()


@pytest.mark.parametrize("classes", [1, 5])
def test_both_suppressions_keep_the_same_boxes(classes):
    rng = np.random.default_rng(classes)
    corner, size = rng.uniform(0, 0.7, (2, 150, 2)), rng.uniform(0.05, 0.3, (2, 150, 2))
    boxes = np.concatenate([corner, corner + size], axis=-1).astype("float32")
    scores = rng.uniform(-0.2, 1, (2, 150)).astype("float32")
    class_ids = rng.integers(0, classes, (2, 150))
    kernel = suppress(boxes, scores, class_ids, classes, 0.4, 60)
    portable = suppress_portable(
        *(ops.convert_to_tensor(x) for x in (boxes, scores, class_ids)), 0.4, 60
    )
    for one, other in zip(kernel, portable, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert np.asarray(kernel[1]).min() >= 0
