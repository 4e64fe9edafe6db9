"""The README speaks of what is there."""

import contextlib
import re
import shutil

import numpy as np
import pytest

from mrcnn.model import MaskRCNN
from mrcnn.nn.weights import WeightsError
from tests.documents import PAGES, ROOT, blocks


def tables():
    """Yield the rows of the README's tables, each as its cells."""
    for line in PAGES["README.md"].splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_every_file_that_a_table_names_is_there():
    missing = []
    for cells in tables():
        beside = [ROOT]
        for name in re.findall(r"`([\w./-]+(?:\.py|\.h5|/))`", " ".join(cells)):
            # After `mrcnn/config.py` in one row, `model.py` stands beside it or in it.
            paths = [folder / name for folder in beside if (folder / name).exists()]
            if not paths:
                missing.append(name)
                continue
            beside = [ROOT, paths[0].parent, paths[0]]
    assert not missing


@pytest.mark.parametrize(
    "subject",
    ["backbone", "loss", "annotation format", "result format", "export", "plan", "drawing"],
)
def test_it_tells_where_to_add(subject):
    rows = [cells for cells in tables() if re.match(rf"an? {subject}", cells[0])]
    assert len(rows) == 1
    assert "`mrcnn/" in rows[0][1]


# -- The Python example ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """What the Python example leaves, run as it stands beside a photo and the weights that ship."""
    place = tmp_path_factory.mktemp("example")
    shutil.copy(ROOT / "dataset" / "val" / "remote_00004.jpg", place / "photo.jpg")
    (place / "log").mkdir()
    (place / "log" / "custom.h5").symlink_to(ROOT / "log" / "custom.h5")
    names = {}
    with contextlib.chdir(place):
        for block in blocks("README.md", "python"):
            exec(block, names)
    return names


def test_the_python_example_runs_as_it_stands(example):
    result = example["result"]
    assert len(result["rois"]) == 1 and result["masks"].shape[2] == 1
    assert example["picture"].shape == example["image"].shape
    assert (example["picture"] != example["image"]).any()


# -- MaskRCNN.from_weights ---------------------------------------------------------------------


def test_a_model_of_a_file_has_its_settings_and_classes(example):
    model = example["model"]
    assert model.class_names == ["BG", "AC Remote"]
    config = model.config
    found = config.BACKBONE, config.IMAGE_MAX_DIM, config.NUM_CLASSES
    assert found == ("efficientnet_lite0", 512, 2)
    assert config.DETECTION_MIN_CONFIDENCE == 0.9
    assert model.mode == "inference" and len(model.detect([np.zeros((50, 60, 3), np.uint8)])) == 1


@pytest.mark.parametrize(
    ("file", "options", "error", "reason"),
    [
        ("log/custom.h5", {"class_names": ["BG"]}, ValueError, "has 1 names, .* has 2 classes"),
        ("log/custom.h5", {"image_size": 100}, ValueError, "multiple of 64"),
        ("log/none.h5", {}, WeightsError, "no such weights file"),
        ("README.md", {}, WeightsError, "not an HDF5 weights file"),
    ],
)
def test_a_file_that_no_model_can_be_made_of(file, options, error, reason):
    with pytest.raises(error, match=reason):
        MaskRCNN.from_weights(ROOT / file, **options)


def test_what_a_model_of_a_file_is_told_counts(monkeypatch):
    monkeypatch.setattr(MaskRCNN, "__init__", lambda self, mode, config, model_dir: made(config))
    monkeypatch.setattr(MaskRCNN, "load_weights", lambda *_, **__: None)
    configs = []
    made = configs.append
    options = {"min_confidence": 0.4, "image_size": 256, "class_names": ["BG", "cup"]}
    model = MaskRCNN.from_weights(ROOT / "log" / "custom.h5", precision="auto", **options)
    (config,) = configs
    assert model.class_names == ["BG", "cup"]
    assert (config.DETECTION_MIN_CONFIDENCE, config.IMAGE_MAX_DIM) == (0.4, 256)
    assert config.PRECISION == "auto"
