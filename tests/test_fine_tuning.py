"""Which weights training starts from, and which checkpoint a stopped run goes on from."""

import numpy as np
import pytest

from mrcnn.commands import fine_tuning
from mrcnn.config import Config
from mrcnn.nn.weights import WeightsInfo
from mrcnn.training import run_files as runs
from mrcnn.training.checkpoints import State


def make_run(folder, epochs, state=None):
    """Write empty checkpoints of epochs, and the state of one of them."""
    folder.mkdir(parents=True)
    for epoch in epochs:
        (folder / f"mask_rcnn_object_{epoch:04d}.h5").touch()
    if state:
        State(state, 1.0, 1, 0.001, {"v": np.zeros(2)}).save(folder / runs.STATE_FILE)
    return folder


def find(wanted, logs, **options):
    return fine_tuning.find_weights(wanted, logs, "Object", logs, **options)


def test_last_is_the_newest_checkpoint_of_the_newest_run(tmp_path):
    make_run(tmp_path / "object20260101T0000", [1, 2, 9])
    newest = make_run(tmp_path / "object20260102T0000", [1, 2])
    make_run(tmp_path / "object20260103T0000", [])
    make_run(tmp_path / "other20260104T0000", [3])
    assert find("last", tmp_path) == newest / "mask_rcnn_object_0002.h5"


def test_last_without_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint of 'Object'"):
        find("last", tmp_path / "none")


@pytest.mark.parametrize(
    ("epochs", "state", "expected"),
    [
        ([1, 2, 3], 3, 3),
        # Killed after the weights of an epoch were written and before its state.
        ([1, 2, 3], 2, 2),
        # Without a state, or without the weights it belongs to: whoever resumes is told.
        ([1, 2, 3], None, 3),
        ([1, 2, 3], 7, 3),
    ],
)
def test_resume_takes_the_checkpoint_that_the_state_belongs_to(tmp_path, epochs, state, expected):
    folder = make_run(tmp_path / "object20260101T0000", epochs, state)
    checkpoint = folder / f"mask_rcnn_object_{expected:04d}.h5"
    assert runs.find_resumable(folder) == checkpoint
    assert find("last", tmp_path, resume=True) == checkpoint
    assert find(folder / "mask_rcnn_object_last.h5", tmp_path, resume=True) == checkpoint


def test_an_empty_run_cannot_be_resumed(tmp_path):
    assert runs.find_resumable(make_run(tmp_path / "object20260101T0000", [])) is None


@pytest.mark.parametrize("wanted", ["coco", "imagenet", "some.h5", "mask_rcnn_object_best.h5"])
def test_what_is_no_checkpoint_cannot_be_resumed(tmp_path, wanted):
    with pytest.raises(ValueError, match="could be resumed"):
        find(wanted, tmp_path, resume=True)


def test_downloaded_weights_are_not_fetched_again(tmp_path):
    for wanted, name in (
        ("coco", "mask_rcnn_coco.h5"),
        ("imagenet", "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ):
        (tmp_path / name).touch()
        assert find(wanted, tmp_path) == tmp_path / name


def info(num_classes, class_names=None, backbone="resnet50", settings=None):
    return WeightsInfo("weights.h5", backbone, num_classes, class_names, settings)


@pytest.mark.parametrize(
    ("weights", "other"),
    [
        (info(81), True),
        (info(2), False),
        (info(2, ["BG", "mug"]), False),
        (info(2, ["BG", "cup"]), True),
        (info(3, ["BG", "cup", "mug"]), True),
    ],
)
def test_weights_for_other_classes(weights, other):
    assert fine_tuning.other_classes(weights, ["BG", "mug"]) == other


def test_a_network_keeps_its_shape_and_a_resumed_run_its_settings():
    stored = {
        "TOP_DOWN_PYRAMID_SIZE": 64,
        "MEAN_PIXEL": [1.0, 2.0, 3.0],
        "IMAGE_MAX_DIM": 256,
        "IMAGES_PER_GPU": 4,
        "NAME": "x",
    }
    weights = info(2, settings=stored)

    class Own(Config):
        IMAGE_MAX_DIM = 512

    network = {"BACKBONE": "resnet50", "TOP_DOWN_PYRAMID_SIZE": 64}

    def inherited(weights, config, resume=False):
        settings = fine_tuning.inherited_settings(weights, config, resume)
        mean = settings.pop("MEAN_PIXEL", None)
        assert mean is None or mean.tolist() == [1, 2, 3]
        return settings

    assert inherited(weights, Own) == network
    assert inherited(weights, Config) == network | {"IMAGE_MAX_DIM": 256}
    assert inherited(weights, Own, True) == network | {"IMAGE_MAX_DIM": 256, "IMAGES_PER_GPU": 4}
    assert inherited(info(2, backbone=None), Own) == {}
