"""Whole-network runs give the older package's features, proposals and detections."""

import keras
import numpy as np
import pytest

from mrcnn import boxes
from tests import golden as golden_files
from tests.golden import unpack

pytestmark = pytest.mark.engines

OUTPUTS = ("rpn_class", "rpn_bbox", "ROI", "mrcnn_class", "mrcnn_bbox", "mrcnn_detection")


# Other engines than TensorFlow show it on one; they compile for longer.
ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


@pytest.fixture(scope="module", params=["resnet50", "resnet101"][: 1 + ON_TENSORFLOW])
def run(request, golden_runs):
    """One golden run: (its arrays, the model, the arrays that our network computes)."""
    golden, model, images = golden_runs(request.param)
    molded, metas, windows = golden_files.mold(model, images)
    names = (*golden_files.FEATURES, *OUTPUTS, "mrcnn_mask")
    outputs = [(name, model.keras_model.get_layer(name).output) for name in names]
    return golden, model, images, (molded, metas, windows), model.run_graph(molded, outputs, metas)


def matched(ours, theirs, pixels):
    """Share of `theirs` `[N, 4]` that one of `ours` is within half a pixel of."""
    distance = np.abs(ours[:, None] - theirs[None]).max(axis=-1) * pixels
    return (distance.min(axis=0) < 0.5).mean()


def test_molded_inputs(run):
    golden, model, _, (molded, metas, windows), _ = run
    assert molded.shape == tuple(golden["molded_shape"])
    np.testing.assert_allclose(metas, golden["metas"])
    np.testing.assert_array_equal(windows, golden["windows"])
    anchors = model.get_anchors(molded.shape[1:])
    assert len(anchors) == golden["anchors_count"]
    np.testing.assert_allclose(anchors[::37], golden["anchors_norm"], atol=1e-6)


@pytest.mark.parametrize("name", golden_files.FEATURES)
def test_features(run, name):
    golden, *_, arrays = run
    ours = arrays[name][golden_files.FEATURES[name]]
    theirs = golden[f"feat_{name}"]
    assert np.abs(ours - theirs).max() < 1e-3 * theirs.std()


def test_region_proposals(run):
    golden, *_, (molded, _, _), arrays = run
    np.testing.assert_allclose(arrays["rpn_class"][..., 1], golden["rpn_class"], atol=1e-3)
    np.testing.assert_allclose(arrays["rpn_bbox"], golden["rpn_bbox"], atol=1e-3)
    for ours, theirs in zip(arrays["ROI"], golden["rpn_rois"], strict=True):
        assert matched(ours, theirs, max(molded.shape)) >= 0.99


def test_class_and_box_head(run):
    golden, *_, arrays = run
    for row in range(len(golden["rpn_rois"])):
        ours, theirs = arrays["ROI"][row], golden["rpn_rois"][row]
        # Proposals of nearly equal score may swap places: compare those of the same box.
        index = np.argmin(np.abs(ours[:, None] - theirs[None]).max(axis=-1), axis=0)
        same = np.abs(ours[index] - theirs).max(axis=-1) < 1e-4
        assert same.mean() >= 0.98
        probs = arrays["mrcnn_class"][row][index]
        np.testing.assert_allclose(probs[same], golden["mrcnn_class"][row][same], atol=1e-3)
        best = golden["mrcnn_class"][row].argmax(axis=-1)
        deltas = arrays["mrcnn_bbox"][row][index, best]
        np.testing.assert_allclose(deltas[same], golden["mrcnn_bbox_argmax"][row][same], atol=1e-2)


def test_detections_and_masks_in_the_graph(run):
    golden, *_, arrays = run
    np.testing.assert_allclose(arrays["mrcnn_detection"], golden["detections"], atol=1e-3)
    for row, detections in enumerate(golden["detections"]):
        class_ids = detections[:, 4].astype(int)
        count = np.count_nonzero(class_ids)
        ours = arrays["mrcnn_mask"][row][np.arange(count), :, :, class_ids[:count]]
        np.testing.assert_allclose(ours, golden["mrcnn_mask_of_class"][row][:count], atol=2e-3)


def test_detect(run):
    golden, model, images, _, _ = run
    results = model.detect(images)
    assert len(results) == len(images)
    for index, result in enumerate(results):
        rois, scores = golden[f"rois_{index}"], golden[f"scores_{index}"]
        close = np.abs(result["rois"][:, None] - rois[None]).max(axis=-1) <= 1
        close &= np.abs(result["scores"][:, None] - scores[None]) < 1e-3
        close &= result["class_ids"][:, None] == golden[f"class_ids_{index}"][None]
        assert close.any(axis=0).mean() >= 0.99
        theirs = unpack(golden[f"masks_bits_{index}"], golden[f"masks_shape_{index}"])
        for row, column in zip(*np.nonzero(close), strict=True):
            ours = result["masks"][..., row]
            union = (ours | theirs[..., column]).sum()
            if boxes.area(rois[column]) and union:
                assert (ours & theirs[..., column]).sum() / union >= 0.99


def test_detect_takes_any_number_of_images_of_any_size(run):
    _golden, model, images, _, _ = run
    several = [*images, images[0][:100], images[-1][:, :90]]
    results = model.detect(several)
    assert [r["masks"].shape[:2] for r in results] == [image.shape[:2] for image in several]
    alone = model.detect([several[-1]])[0]
    np.testing.assert_array_equal(alone["rois"], results[-1]["rois"])
    assert model.detect([]) == []


def test_detect_molded(run):
    golden, model, _, (molded, metas, windows), _ = run
    for result, window, detections in zip(
        model.detect_molded(molded, metas), windows, golden["detections"], strict=True
    ):
        assert result["masks"].shape[:2] == molded.shape[1:3]
        np.testing.assert_allclose(
            result["rois"],
            boxes.denormalize(detections[: len(result["rois"]), :4], molded.shape[1:3]),
            atol=1,
        )
        assert (result["rois"][:, :2] >= window[:2]).all()
