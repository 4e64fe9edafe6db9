import inspect
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn import download, utils
from mrcnn.download import DownloadError, RemoteFile
from tests import golden

GOLDEN = golden.load("functions.npz")
API = json.loads((golden.FOLDER / "api.json").read_text())["mrcnn.utils"]
FUNCTIONS = {name: entry for name, entry in API.items() if isinstance(entry, str)}


def golden_bits(name, shape):
    return golden.unpack(GOLDEN[name], shape)


# -- Names -----------------------------------------------------------------------------------------


def parameters(function):
    """Return (name, default) of each parameter."""
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]


def written_parameters(signature):
    names = {}
    exec(f"def function{signature}: pass", names)
    return parameters(names["function"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_signatures(name):
    assert parameters(getattr(utils, name)) == written_parameters(FUNCTIONS[name])


@pytest.mark.parametrize("name", API["Dataset"]["methods"])
def test_dataset_signatures(name):
    method = inspect.getattr_static(utils.Dataset, name)
    method = method.fget if isinstance(method, property) else method
    assert parameters(method) == written_parameters(API["Dataset"]["methods"][name])


def test_importing_loads_neither_keras_nor_tensorflow():
    program = "import sys, mrcnn.utils; print({'keras', 'tensorflow'} & set(sys.modules))"
    root = Path(__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr


# -- Golden data -----------------------------------------------------------------------------------

CALLS = {
    "compute_overlaps": lambda g: utils.compute_overlaps(g["boxes1"], g["boxes2"]),
    "nms_03": lambda g: utils.non_max_suppression(g["boxes1"], g["scores"], 0.3),
    "nms_07": lambda g: utils.non_max_suppression(g["boxes1"], g["scores"], 0.7),
    "apply_box_deltas": lambda g: utils.apply_box_deltas(g["boxes1"], g["deltas"]),
    "box_refinement": lambda g: utils.box_refinement(g["boxes1"], g["boxes1"][::-1]),
    "norm_boxes": lambda g: utils.norm_boxes(g["boxes1"], (128, 160)),
    "denorm_boxes": lambda g: utils.denorm_boxes(g["norm_boxes"], (128, 160)),
    "extract_bboxes": lambda g: utils.extract_bboxes(golden_bits("masks", g["masks_shape"])),
}


@pytest.mark.parametrize("name", CALLS)
def test_golden(name):
    found = CALLS[name](GOLDEN)
    np.testing.assert_allclose(found, GOLDEN[name], rtol=1e-5, atol=1e-5)
    assert found.dtype == GOLDEN[name].dtype


def evaluation_arguments():
    return [
        GOLDEN["extract_bboxes"][:4],
        GOLDEN["ap_gt_class_ids"],
        golden_bits("masks", GOLDEN["masks_shape"])[..., :4],
        GOLDEN["ap_pred_boxes"],
        GOLDEN["ap_pred_class_ids"],
        GOLDEN["ap_pred_scores"],
        golden_bits("ap_pred_masks", GOLDEN["ap_pred_masks_shape"]),
    ]


def test_average_precision_golden():
    found = utils.compute_ap(*evaluation_arguments())
    for value, name in zip(found, ["ap", "precisions", "recalls", "ap_overlaps"], strict=True):
        np.testing.assert_allclose(value, GOLDEN[name], atol=1e-5)
    gt_match, pred_match, _ = utils.compute_matches(*evaluation_arguments())
    np.testing.assert_array_equal(gt_match, GOLDEN["gt_match"])
    np.testing.assert_array_equal(pred_match, GOLDEN["pred_match"])
    assert utils.compute_ap_range(*evaluation_arguments(), verbose=0) == pytest.approx(
        float(GOLDEN["ap_range"]), abs=1e-5
    )
    recall, _ = utils.compute_recall(GOLDEN["ap_pred_boxes"], GOLDEN["extract_bboxes"][:4], 0.5)
    assert recall == pytest.approx(float(GOLDEN["recall"]))


RESIZES = {
    "resize_square": {"min_dim": 64, "max_dim": 128, "mode": "square"},
    "resize_square_scale": {"min_dim": 64, "max_dim": 192, "min_scale": 1.5, "mode": "square"},
    "resize_square_down": {"min_dim": 32, "max_dim": 64, "mode": "square"},
    "resize_pad64": {"min_dim": 128, "max_dim": None, "min_scale": 0, "mode": "pad64"},
    "resize_none": {"mode": "none"},
}


@pytest.mark.parametrize("name", RESIZES)
def test_resize_image_and_mask_golden(name):
    image, window, scale, padding, crop = utils.resize_image(GOLDEN["resize_in"], **RESIZES[name])
    difference = np.abs(image.astype(int) - GOLDEN[name].astype(int))
    assert difference.max() <= 1
    np.testing.assert_array_equal(window, GOLDEN[f"{name}_window"])
    np.testing.assert_array_equal(padding, GOLDEN[f"{name}_padding"])
    if name == "resize_none":
        return
    mask = np.zeros((83, 121, 2), bool)
    mask[:, 31:] = True
    resized = utils.resize_mask(mask, scale, padding, crop)
    expected = golden_bits(name.replace("resize", "resize_mask"), resized.shape)
    np.testing.assert_array_equal(resized, expected)


# -- Small functions -------------------------------------------------------------------------------


def test_compute_iou_by_hand():
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6], [1, 1, 1, 1]])
    found = utils.compute_iou(np.array([0, 0, 2, 2]), boxes, 4, np.array([4, 4, 1, 0]))
    np.testing.assert_allclose(found, [1, 1 / 7, 0, 0])


def test_suppression_by_hand():
    # IoU of the first two: 9 / 11. The best score stays, and the box apart.
    boxes = np.array([[0, 0, 1, 10], [0, 1, 1, 11], [5, 5, 6, 6]])
    scores = np.array([0.5, 0.9, 0.7])
    np.testing.assert_array_equal(utils.non_max_suppression(boxes, scores, 0.8), [1, 2])
    np.testing.assert_array_equal(utils.non_max_suppression(boxes, scores, 0.82), [1, 2, 0])
    assert utils.non_max_suppression(np.zeros((0, 4)), np.zeros(0), 0.5).shape == (0,)


def test_trim_zeros():
    np.testing.assert_array_equal(utils.trim_zeros(np.array([[0, 0], [0, 3], [0, 0]])), [[0, 3]])


def test_mold_mask_follows_the_config():
    mask = np.zeros((20, 20, 1), bool)
    mask[5:15, 5:15] = True
    config = SimpleNamespace(USE_MINI_MASK=True, MINI_MASK_SHAPE=(10, 10))
    assert utils.mold_mask(mask, config).shape == (10, 10, 1)
    assert utils.mold_mask(mask, config).all()
    assert utils.mold_mask(mask, SimpleNamespace(USE_MINI_MASK=False)) is mask


def test_box_refinement_graph_equals_the_arrays_one():
    boxes = GOLDEN["boxes1"]
    found = np.asarray(utils.box_refinement_graph(boxes, boxes[::-1].copy()))
    np.testing.assert_allclose(found, GOLDEN["box_refinement"], rtol=1e-5, atol=1e-5)


def test_batch_slice_stacks_each_output():
    values, factors = np.arange(6.0).reshape(2, 3), np.array([10.0, 100.0])
    tens, ones = utils.batch_slice([values, factors], lambda x, f: (x * f, x), 2)
    np.testing.assert_allclose(np.asarray(tens), [[0, 10, 20], [300, 400, 500]])
    np.testing.assert_allclose(np.asarray(ones), values)
    np.testing.assert_allclose(
        np.asarray(utils.batch_slice(values, lambda x: x + 1, 2)), values + 1
    )


# -- Download --------------------------------------------------------------------------------------


def test_the_download_of_the_weights_is_told(monkeypatch, tmp_path, capsys):
    def two_chunks(remote, path, progress):
        progress(10**6, 4 * 10**6)
        progress(4 * 10**6, 4 * 10**6)
        return path

    monkeypatch.setattr(download, "download", two_chunks)
    utils.download_trained_weights(tmp_path / "coco.h5")
    printed = capsys.readouterr().out
    assert printed.startswith(f"Downloading {utils.COCO_MODEL_URL}\n")
    assert printed.endswith(f"Saved {tmp_path / 'coco.h5'}\n")


def test_without_network_nothing_is_left(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(utils, "COCO_WEIGHTS", RemoteFile("http://127.0.0.1:1/coco.h5"))
    with pytest.raises(DownloadError, match="save it as"):
        utils.download_trained_weights(tmp_path / "coco.h5", verbose=0)
    assert list(tmp_path.iterdir()) == [] and capsys.readouterr().out == ""
