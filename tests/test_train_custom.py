"""The script that made the weights that ship, on a few small pictures."""

import dataclasses
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.nn.weights import inspect

SCRIPT = Path(__file__).parent.parent / "log" / "train_custom.py"


def small(backbone):
    """Return the record of a backbone for small pictures."""
    sides = {"IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64}
    return dataclasses.replace(backbone, settings={**backbone.settings, **sides})


@pytest.fixture
def script(monkeypatch):
    tf.config.run_functions_eagerly(True)
    names = runpy.run_path(str(SCRIPT))
    used = names["main"].__globals__
    monkeypatch.setitem(used, "PICTURE_SIDE", 96)
    counts = {"train": 6, "lookalikes": 2, "val": 2, "scores": 2, "test": 2, "empty": 1}
    sets = {name: (counts[name], *rest) for name, (_, *rest) in used["SETS"].items()}
    epochs = zip(used["ROUNDS"], (1, 2, 1), strict=True)
    rounds = tuple(dataclasses.replace(part, epochs=count) for part, count in epochs)
    replaced = {"SETS": sets, "BACKBONE": small(used["BACKBONE"]), "ROUNDS": rounds}
    for name, value in replaced.items():
        monkeypatch.setitem(used, name, value)
    for name, value in {"IMAGES_PER_GPU": 2, "STEPS_PER_EPOCH": 1, "VALIDATION_STEPS": 1}.items():
        monkeypatch.setattr(used["RemoteConfig"], name, value)
    yield names
    tf.config.run_functions_eagerly(False)


def test_from_rendering_to_weights_and_nothing_twice(script, tmp_path, capsys):
    work, output, photos = tmp_path / "work", tmp_path / "custom.h5", tmp_path / "photos"
    photos.mkdir()
    red = np.full((90, 120, 3), (10, 10, 240), np.uint8)  # BGR
    cv2.imwrite(str(photos / "red.png"), red)
    arguments = ["--work", str(work), "--output", str(output), "--photos", str(photos)]
    assert script["main"](arguments) == 0
    printed = capsys.readouterr().out
    assert printed.count("Rendering") == 6
    # Rendered to learn from: 6 and 2; the photo as it is: once and again.
    assert f"Training: {6 + 2 + script['PHOTO_TIMES']} images" in printed
    assert "pictures without a remote" in printed and "AP50" in printed
    assert "At the threshold 0.9: " in printed and "Of scores 0.8 to 0.9 " in printed
    info = inspect(output)
    assert info.backbone == "efficientnet_lite0" and info.class_names == ["BG", "AC Remote"]
    assert info.settings["TOP_DOWN_PYRAMID_SIZE"] == 64
    assert info.settings["MASK_SHAPE"] == [56, 56]
    for number, epochs in ((1, 1), (2, 2), (3, 1)):
        (run,) = (work / f"round{number}").iterdir()
        assert len(list(run.glob("mask_rcnn_remote_00*.h5"))) == epochs

    first = output.read_bytes()
    assert script["main"](arguments) == 0
    printed = capsys.readouterr().out
    assert "Rendering" not in printed and "2 epochs are done already" in printed
    assert output.read_bytes() == first

    assert script["main"](arguments[:-2]) == 1
    error = capsys.readouterr().err
    assert f"was begun with --photos {photos.resolve()}: say the same, or name another" in error


def test_a_folder_of_photos_that_was_mistyped_is_not_kept(script, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "red.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="no photos .* in .*fotos"):
        script["keep_photos"](tmp_path / "work", [tmp_path / "fotos"])
    script["keep_photos"](tmp_path / "work", [photos])
    with pytest.raises(ValueError, match="was begun with --photos"):
        script["keep_photos"](tmp_path / "work", [])


def test_scores_are_made_what_they_say(script):
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 2, 20000)
    right = rng.random(20000) < 1 / (1 + np.exp(-truth))
    # A network that is too sure: its logit is not that of the share that is right.
    scores = 1 / (1 + np.exp(-3 * truth))
    assert script["temperature"](scores, right) == pytest.approx(3, rel=0.05)
    assert script["temperature"](scores, np.ones(20000, bool)) == 1
