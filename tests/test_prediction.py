import os
from pathlib import Path

import numpy as np
import pytest

from mrcnn.coco_classes import COCO_CLASS_NAMES
from mrcnn.commands.prediction import choose_weights, class_names_for, load_model, make_config
from mrcnn.nn.weights_file import WeightsInfo


def info(num_classes=3, names=None, settings=None, path="log/w.h5", backbone="resnet50"):
    return WeightsInfo(Path(path), backbone, num_classes, names, settings)


# -- Which file --------------------------------------------------------------------------------


def touched(path, age):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_the_newest_own_weights_come_first(tmp_path):
    touched(tmp_path / "log" / "custom.h5", age=0)
    touched(tmp_path / "log" / "run1" / "mask_rcnn_0002.h5", age=30)
    newest = touched(tmp_path / "log" / "run2" / "mask_rcnn_0001.h5", age=20)
    touched(tmp_path / "log" / "run2" / ".mask_rcnn_0002.h5.part", age=10)
    touched(tmp_path / "log" / "run2" / ".hidden.h5", age=10)
    assert choose_weights(None, tmp_path) == newest
    # Also where the folder's path is written another way.
    assert choose_weights(None, tmp_path, tmp_path / "log" / ".." / "log").name == newest.name


def test_of_the_newest_run_the_best_epoch_is_taken(tmp_path):
    touched(tmp_path / "log" / "b" / "mask_rcnn_b_best.h5", 10)
    best = touched(tmp_path / "log" / "a" / "mask_rcnn_a_best.h5", 30)
    touched(tmp_path / "log" / "a" / "mask_rcnn_a_0007.h5", 0)
    assert choose_weights(None, tmp_path) == best
    assert choose_weights("last", tmp_path) == best
    other = touched(tmp_path / "runs" / "c" / "mask_rcnn_c_0001.h5", 50)
    assert choose_weights(None, tmp_path, tmp_path / "runs") == other


def test_weights_that_ship(tmp_path):
    shipped = touched(tmp_path / "log" / "custom.h5", age=0)
    assert choose_weights(None, tmp_path) == shipped


def test_weights_by_name(tmp_path):
    assert choose_weights("coco", tmp_path) == tmp_path / "mask_rcnn_coco.h5"
    assert choose_weights("some/where.h5", tmp_path) == Path("some/where.h5")


def test_no_weights_at_all(tmp_path):
    with pytest.raises(ValueError, match=r"no weights under .*log: train first, or give --wei"):
        choose_weights(None, tmp_path)


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
        (info(None), "a", "w.h5 detects nothing yet"),
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


# -- Which Config ------------------------------------------------------------------------------


def test_config_of_weights_that_tell_nothing():
    config = make_config(info(81, backbone="resnet101"))
    assert (config.BACKBONE, config.NUM_CLASSES, config.BATCH_SIZE) == ("resnet101", 81, 1)
    assert (config.IMAGE_MAX_DIM, config.DETECTION_MAX_INSTANCES) == (1024, 100)
    assert config.DETECTION_MIN_CONFIDENCE == 0.7
    assert config.NAME


def test_settings_of_the_training_run_count():
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
        "UNKNOWN_SETTING": 1,
        "display": "not a setting",
    }
    config = make_config(info(3, settings=settings))
    assert (config.NAME, config.BATCH_SIZE, config.NUM_CLASSES) == ("remote", 1, 3)
    assert config.BACKBONE == "resnet50"  # what the file holds, not what it says
    assert config.IMAGE_SHAPE.tolist() == [320, 320, 3]
    assert isinstance(config.MEAN_PIXEL, np.ndarray)
    assert (config.RPN_BBOX_STD_DEV * 10).tolist() == [1, 1, 3, 3]
    assert config.DETECTION_MIN_CONFIDENCE == 0.9
    assert not hasattr(config, "UNKNOWN_SETTING")
    assert callable(config.display)


def test_random_cuts_are_for_training():
    settings = {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 512, "IMAGE_MAX_DIM": 1024}
    assert make_config(info(settings=settings)).IMAGE_RESIZE_MODE == "square"


def test_image_size_and_max_instances():
    config = make_config(info(), max_instances=7, image_size=512)
    assert (config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM) == (512, 512)
    assert config.DETECTION_MAX_INSTANCES == 7
    settings = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 640}
    config = make_config(info(settings=settings), image_size=1280)
    assert (config.IMAGE_RESIZE_MODE, config.IMAGE_MIN_DIM) == ("square", 640)
    assert config.IMAGE_SHAPE[0] == 1280


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (info(None), "w.h5 detects nothing yet"),
        (info(backbone=None), "w.h5 has a backbone of its own"),
        (info(settings={"IMAGE_MAX_DIM": 1000}), "IMAGE_MAX_DIM is 1000"),
        (info(settings={"IMAGE_MAX_DIM": "large"}), "w.h5 has settings of a wrong type"),
        (
            info(settings={"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": [99.0]}),
            "w.h5 is for images of 1 channels, photos have 3",
        ),
    ],
)
def test_weights_that_cannot_predict(about, reason):
    with pytest.raises(ValueError, match=reason):
        make_config(about)


def test_settings_of_a_wrong_type_with_an_image_size():
    with pytest.raises(ValueError, match="w.h5 has settings of a wrong type"):
        make_config(info(settings={"IMAGE_MIN_DIM": "large"}), image_size=512)


# -- The model ---------------------------------------------------------------------------------


def test_the_threshold_changes_nothing_but_what_is_kept(published_weights):
    weights = published_weights("resnet50")

    def load(threshold):
        config = make_config(info(81, path=weights), max_instances=40, image_size=128)
        return load_model(config, weights, threshold)

    model = load(0)
    image = np.random.default_rng(3).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    (everything,) = model.detect([image])
    assert len(everything["scores"]) > 8
    assert model.dropped == []

    # Where scores are well apart: two runs differ in the last bits.
    count = 2 + int(np.argmax(-np.diff(everything["scores"])[1:12]))
    threshold = float(everything["scores"][count - 1 : count + 1].mean())
    model = load(threshold)
    (kept,) = model.detect([image])
    assert len(kept["scores"]) == count
    assert np.allclose(kept["scores"], everything["scores"][:count], atol=1e-4)
    assert np.abs(kept["rois"] - everything["rois"][:count]).max() <= 1
    assert np.array_equal(kept["class_ids"], everything["class_ids"][:count])
    assert np.mean(kept["masks"] != everything["masks"][..., :count]) < 0.01
    assert len(model.dropped) == 5
    assert model.dropped[0][0] < threshold
    assert model.dropped == sorted(model.dropped, reverse=True)

    model = load(1.1)
    (nothing,) = model.detect([image])
    assert nothing["masks"].shape == (90, 120, 0)
    score, class_id = model.dropped[0]
    assert score == pytest.approx(everything["scores"][0], abs=1e-4)
    assert class_id == everything["class_ids"][0]
