"""From a weights file to a detector: classes, settings, consent to run code, the network."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from custom_training import CustomConfig
from mrcnn.coco_classes import COCO_CLASS_NAMES
from mrcnn.commands.opening import class_names_for, open_model
from mrcnn.model import MaskRCNN
from mrcnn.nn import weights_file
from mrcnn.nn.weights_file import WeightsInfo
from tests.small import SmallConfig


def info(num_classes=3, names=None, settings=None, path="log/w.h5", backbone="resnet50"):
    return WeightsInfo(Path(path), backbone, num_classes, names, settings)


def header(path, num_classes=3, backbone="res4f_branch2a", settings=None):
    """Write what the header of a weights file is read from."""
    layers = {backbone: {f"{backbone}/bias:0": np.zeros(1, np.float32)}}
    if num_classes:
        bias = np.zeros(num_classes, np.float32)
        layers["mrcnn_class_logits"] = {"mrcnn_class_logits/bias:0": bias}
    names = ["BG", *(f"class {number}" for number in range(1, num_classes or 1))]
    metadata = {"class_names": names, "settings": settings}
    weights_file.write(path, layers, metadata)
    return path


# -- Which classes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted", ["cup, AC Remote", "BG,cup,AC Remote", "background,cup,AC Remote,"]
)
def test_names_on_the_command_line(wanted):
    assert class_names_for(info(names=["BG", "a", "b"]), wanted) == ["BG", "cup", "AC Remote"]


def test_a_long_list_of_names():
    names = [f"a rather long name {number}" for number in range(80)]
    assert class_names_for(info(81), ",".join(names)) == ["BG", *names]


def test_names_in_a_text_file(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\ufeffカップ\r\nAC Remote, white\r\n\r\n", encoding="utf-8")
    assert class_names_for(info(), str(path)) == ["BG", "カップ", "AC Remote, white"]


def test_names_in_the_weights_come_before_names_beside_them(tmp_path):
    path = tmp_path / "w.h5"
    (tmp_path / "classes.txt").write_text("e\nf\n")
    assert class_names_for(info(path=path)) == ["BG", "e", "f"]
    (tmp_path / "w.classes.txt").write_text("c\nd\n")
    assert class_names_for(info(path=path)) == ["BG", "c", "d"]
    assert class_names_for(info(path=path, names=["BG", "a", "b"])) == ["BG", "a", "b"]


def test_81_classes_without_names_are_those_of_coco():
    assert class_names_for(info(81)) == COCO_CLASS_NAMES


@pytest.mark.parametrize(
    ("about", "wanted", "reason"),
    [
        (info(3), None, "w.h5 has 2 classes besides the background but does not tell their names"),
        (info(2), None, '1 class besides .* give them with --classes "first,second"'),
        (info(3), "a,b,c", r"--classes a,b,c names 3 \(a, b, c\), but .*w.h5 has 2 classes"),
        (info(2, names=["BG", "a", "b"]), None, r"w.h5 names 2 \(a, b\), but"),
        (info(81), "a,b,c,d,e,f", r"names 6 \(a, b, c, d, e, \.\.\.\), but"),
        (info(3), "missing.txt", "--classes missing.txt: no such file"),
    ],
)
def test_names_that_are_missing_or_do_not_fit(about, wanted, reason):
    with pytest.raises(ValueError, match=reason):
        class_names_for(about, wanted)


def test_a_list_of_names_that_is_no_text(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match=r"names.txt is not a text file"):
        class_names_for(info(), str(path))


# -- Which settings ----------------------------------------------------------------------------


def test_settings_of_weights_that_tell_nothing(tmp_path):
    path = header(tmp_path / "w.h5", 81, "res4w_branch2a")
    config = open_model(path).config
    assert (config.BACKBONE, config.NUM_CLASSES, config.BATCH_SIZE) == ("resnet101", 81, 1)
    assert (config.IMAGE_MAX_DIM, config.DETECTION_MAX_INSTANCES) == (1024, 100)
    assert open_model(path).min_confidence == 0.7
    own = type("OwnConfig", (CustomConfig,), {"IMAGE_MAX_DIM": 512, "GPU_COUNT": 2})
    config = open_model(path, own).config
    assert config.IMAGE_SHAPE.tolist() == [512, 512, 3] and config.BATCH_SIZE == 1


def test_settings_of_the_training_run_count(tmp_path):
    settings = {
        "NAME": "remote",
        "IMAGE_MIN_DIM": 256,
        "IMAGE_MAX_DIM": 320,
        "MEAN_PIXEL": [1.0, 2.0, 3.0],
        "RPN_BBOX_STD_DEV": [0.1, 0.1, 0.3, 0.3],
        "RPN_ANCHOR_SCALES": [8, 16, 32, 64, 128],
        "DETECTION_MIN_CONFIDENCE": 0.9,
        "GPU_COUNT": 4,
        "IMAGES_PER_GPU": 8,
        "BATCH_SIZE": 32,
        "NUM_CLASSES": 7,
        "BACKBONE": "resnet101",
        # Of a run of an earlier version; training would refuse it now.
        "TRAIN_ROIS_PER_IMAGE": 2,
        "UNKNOWN_SETTING": 1,
        "display": "not a setting",
    }
    opened = open_model(header(tmp_path / "w.h5", 3, settings=settings))
    config = opened.config
    assert (config.NAME, config.BATCH_SIZE, config.NUM_CLASSES) == ("remote", 1, 3)
    assert config.BACKBONE == "resnet50"  # what the file holds, not what it says
    assert config.IMAGE_SHAPE.tolist() == [320, 320, 3]
    assert isinstance(config.MEAN_PIXEL, np.ndarray)
    assert (config.RPN_BBOX_STD_DEV * 10).tolist() == [1, 1, 3, 3]
    assert opened.min_confidence == 0.9
    assert not hasattr(config, "UNKNOWN_SETTING")
    assert callable(config.display)


def test_random_cuts_are_for_training(tmp_path):
    settings = {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 512, "IMAGE_MAX_DIM": 1024}
    path = header(tmp_path / "w.h5", settings=settings)
    assert open_model(path).config.IMAGE_RESIZE_MODE == "square"


def test_what_the_command_line_says_counts_above_all(tmp_path):
    settings = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 640}
    path = header(tmp_path / "w.h5", settings=settings)
    opened = open_model(path, max_instances=7, image_size=512, min_confidence=0.2)
    config = opened.config
    assert (config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM) == (512, 512)
    assert (config.DETECTION_MAX_INSTANCES, opened.min_confidence) == (7, 0.2)
    config = open_model(path, image_size=1280, min_confidence=0).config
    assert (config.IMAGE_RESIZE_MODE, config.IMAGE_MIN_DIM) == ("square", 640)
    assert config.IMAGE_SHAPE[0] == 1280 and config.DETECTION_MIN_CONFIDENCE == 0


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"num_classes": None}, "w.h5 detects nothing yet"),
        ({"settings": {"IMAGE_MAX_DIM": 1000}}, "w.h5: .*IMAGE_MAX_DIM is 1000"),
        ({"settings": {"IMAGE_MAX_DIM": "large"}}, "w.h5: .*IMAGE_MAX_DIM is 'large'"),
        ({"settings": {"RPN_NMS_THRESHOLD": None}}, "w.h5: .*RPN_NMS_THRESHOLD is None"),
        (
            {"settings": {"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": [99.0]}},
            "w.h5: IMAGE_CHANNEL_COUNT is 1, photos have 3",
        ),
    ],
)
def test_weights_that_cannot_predict(tmp_path, about, reason):
    with pytest.raises(ValueError, match=reason):
        open_model(header(tmp_path / "w.h5", **about))


def test_settings_of_a_wrong_type_with_an_image_size(tmp_path):
    path = header(tmp_path / "w.h5", settings={"IMAGE_MIN_DIM": "large"})
    with pytest.raises(ValueError, match="w.h5: .*IMAGE_MIN_DIM is 'large'"):
        open_model(path, image_size=512)


# -- A backbone of one's own -------------------------------------------------------------------


MYNET = """
from tests import small

def backbone(image, stage5=True, train_bn=False):
    return small.backbone(image, stage5, train_bn)

def shapes(image_shape):
    return small.backbone_shapes(image_shape)
"""


@pytest.fixture
def own_weights(tmp_path, monkeypatch):
    """Weights whose backbone is a function of a module in the user's folder, and their network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    Path("mynet.py").write_text(MYNET)
    mynet = importlib.import_module("mynet")
    functions = {"BACKBONE": mynet.backbone, "COMPUTE_BACKBONE_SHAPE": mynet.shapes}
    functions = {name: staticmethod(function) for name, function in functions.items()}
    config = type("OwnConfig", (SmallConfig,), functions)()
    model = MaskRCNN("inference", config, tmp_path)
    model.class_names = ["BG", "square", "disc"]
    model.save_weights("own.h5")
    # As a process begins that knows nothing of it.
    sys.path.remove(str(tmp_path))
    del sys.modules["mynet"]
    yield Path("own.h5"), model
    sys.modules.pop("mynet", None)


def test_code_that_a_file_names_is_not_run_unasked(own_weights):
    path, _ = own_weights
    reason = (
        "^own.h5 has a backbone of its own, mynet:backbone: to run its code, add "
        "--backbone mynet:backbone$"
    )
    with pytest.raises(ValueError, match=reason):
        open_model(path)
    assert "mynet" not in sys.modules


def test_a_backbone_of_ones_own_finds_what_it_found_when_it_was_saved(own_weights):
    path, model = own_weights
    opened = open_model(path, backbone="mynet:backbone", min_confidence=0)
    mynet = sys.modules["mynet"]
    assert opened.config.BACKBONE is mynet.backbone
    assert opened.config.COMPUTE_BACKBONE_SHAPE is mynet.shapes
    image = np.random.default_rng(3).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    (found,), (expected,) = opened.detector.detect([image]), model.detector.detect([image], 0)
    np.testing.assert_array_equal(found.rois, expected.rois)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


def test_shapes_of_another_module_are_not_taken_along(own_weights, tmp_path):
    path, _ = own_weights
    Path("other.py").write_text(MYNET)
    config = open_model(path, backbone="other:backbone").config
    assert config.COMPUTE_BACKBONE_SHAPE is None and "mynet" not in sys.modules


def test_the_script_whose_config_has_the_backbone_has_asked_for_it(own_weights):
    path, _ = own_weights
    assert open_model(path, SmallConfig).config.BACKBONE is SmallConfig.BACKBONE


@pytest.mark.parametrize("text", ["nowhere:backbone", "mynet:nothing", "os:sep"])
def test_a_backbone_that_is_not_there(own_weights, text):
    with pytest.raises(ValueError, match=f"{text} cannot be imported"):
        open_model(own_weights[0], backbone=text)


def test_a_backbone_without_a_name(tmp_path):
    path = header(tmp_path / "w.h5", backbone="something")
    with pytest.raises(ValueError, match="backbone of its own: .*add --backbone MODULE:FUNCTION"):
        open_model(path)
    path = header(tmp_path / "w.h5", backbone="x", settings={"BACKBONE": "a:b; rm -r /"})
    with pytest.raises(ValueError, match="backbone of its own: .*add --backbone MODULE:FUNCTION"):
        open_model(path)


# -- The detector ------------------------------------------------------------------------------


def test_the_threshold_changes_nothing_but_what_is_kept(published_weights):
    def load(threshold):
        weights = published_weights("resnet50")
        options = {"max_instances": 40, "image_size": 128, "min_confidence": threshold}
        return open_model(weights, **options).detector

    image = np.random.default_rng(3).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    (everything,) = load(0).detect([image])
    assert len(everything) > 8
    assert everything.below == ()

    # Where scores are well apart: two runs differ in the last bits.
    count = 2 + int(np.argmax(-np.diff(everything.scores)[1:12]))
    threshold = float(everything.scores[count - 1 : count + 1].mean())
    (kept,) = load(threshold).detect([image])
    assert len(kept) == count
    assert np.allclose(kept.scores, everything.scores[:count], atol=1e-4)
    assert np.abs(kept.rois - everything.rois[:count]).max() <= 1
    assert np.array_equal(kept.class_ids, everything.class_ids[:count])
    assert np.mean(kept.masks != everything.masks[..., :count]) < 0.01
    assert len(kept.below) == 5
    assert kept.below[0][0] < threshold
    assert list(kept.below) == sorted(kept.below, reverse=True)

    (nothing,) = load(1).detect([image])
    assert nothing.masks.shape == (90, 120, 0)
    score, class_id = nothing.below[0]
    assert score == pytest.approx(everything.scores[0], abs=1e-4)
    assert class_id == everything.class_ids[0]
