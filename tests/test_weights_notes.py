"""Settings that are stored in a weights file later: the weights stay, and predicting takes them."""

import errno
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from mrcnn import hdf5
from mrcnn.commands import evaluate_command
from mrcnn.commands.opening import open_model
from mrcnn.config import Config
from mrcnn.nn import weights_file
from mrcnn.nn.weights_file import WeightsError
from mrcnn.nn.weights_notes import note_settings
from mrcnn.settings import to_detect

SHIPPED = Path(__file__).parent.parent / "log" / "custom.h5"


@pytest.fixture
def weights(tmp_path):
    return Path(shutil.copy(SHIPPED, tmp_path / "best.h5"))


def arrays(path):
    with h5py.File(path) as file:
        return {key: dataset[()].tobytes() for key, dataset in weights_file.datasets(file).items()}


def test_a_setting_that_is_younger_than_the_file_is_what_it_was_before(weights):
    with h5py.File(weights, "r+") as file:
        metadata = json.loads(weights_file.text_of(file.attrs[weights_file.METADATA]))
        metadata["settings"].pop("MASK_CANONICAL_SIDE", None)
        file.attrs[weights_file.METADATA] = np.bytes_(json.dumps(metadata).encode())
    info = weights_file.inspect(weights)
    assert info.settings["MASK_CANONICAL_SIDE"] == 224

    class Finer(Config):
        MASK_CANONICAL_SIDE = 448

    assert to_detect(Finer, info.settings, BACKBONE=info.backbone).MASK_CANONICAL_SIDE == 224


def test_the_weights_stay_to_the_bit_and_predicting_takes_the_threshold(weights):
    before, info = arrays(weights), weights_file.inspect(weights)
    note_settings(weights, DETECTION_MIN_CONFIDENCE=0.42)
    assert arrays(weights) == before and len(before) > 100
    after = weights_file.inspect(weights)
    assert after.settings == info.settings | {"DETECTION_MIN_CONFIDENCE": 0.42}
    assert after.class_names == info.class_names
    assert open_model(weights).min_confidence == 0.42
    assert open_model(weights, min_confidence=0.6).min_confidence == 0.6
    assert [path.name for path in weights.parent.iterdir()] == ["best.h5"]


def test_a_file_that_noted_nothing(tmp_path):
    path = tmp_path / "bare.h5"
    bias = np.zeros(2, np.float32)
    weights_file.write(path, {"mrcnn_class_logits": {"mrcnn_class_logits/bias:0": bias}})
    note_settings(path, DETECTION_MIN_CONFIDENCE=0.3)
    info = weights_file.inspect(path)
    assert info.settings == weights_file.EARLIER | {"DETECTION_MIN_CONFIDENCE": 0.3}
    assert info.class_names is None and info.num_classes == 2


def test_a_full_disk_leaves_the_file(weights, monkeypatch):
    before = weights.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hdf5.shutil, "copyfile", full)
    with pytest.raises(WeightsError, match=r"best\.h5 cannot be written: No space left"):
        note_settings(weights, DETECTION_MIN_CONFIDENCE=0.42)
    assert weights.read_bytes() == before
    assert [path.name for path in weights.parent.iterdir()] == ["best.h5"]


def test_a_link_stays_one(weights):
    link = weights.with_name("link.h5")
    link.symlink_to(weights.name)
    note_settings(link, DETECTION_MIN_CONFIDENCE=0.42)
    assert link.is_symlink()
    assert weights_file.inspect(weights).settings["DETECTION_MIN_CONFIDENCE"] == 0.42


def test_evaluate_tells_the_threshold_or_keeps_it(weights):
    before, opened = weights.read_bytes(), open_model(weights)
    said = evaluate_command._kept(opened, 0.98579, False)
    # Rounded down: the detection of that score stays.
    assert "--min-confidence 0.985, or" in said and weights.read_bytes() == before
    assert "keeps the threshold 0.985" in evaluate_command._kept(opened, 0.98579, True)
    assert open_model(weights).min_confidence == 0.985
