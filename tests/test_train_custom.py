"""The script that made the weights that ship, on a few small pictures."""

import runpy
from pathlib import Path

import pytest
import tensorflow as tf

from mrcnn.nn.weights import inspect

SCRIPT = Path(__file__).parent.parent / "log" / "train_custom.py"


@pytest.fixture
def script(monkeypatch):
    tf.config.run_functions_eagerly(True)
    names = runpy.run_path(str(SCRIPT))
    used = names["main"].__globals__
    monkeypatch.setitem(used, "PICTURE_SIDE", 96)
    counts = {"train": 6, "lookalikes": 2, "val": 2, "test": 2, "empty": 1}
    sets = {name: (counts[name], *rest) for name, (_, *rest) in used["SETS"].items()}
    monkeypatch.setitem(used, "SETS", sets)
    stage = used["Stage"]
    stages = (stage("small", 64, 1e-3, 1), stage("hard", 64, 1e-3, 2, ("train", "lookalikes")))
    monkeypatch.setitem(used, "STAGES", stages)
    for name, value in {"IMAGES_PER_GPU": 2, "STEPS_PER_EPOCH": 1, "VALIDATION_STEPS": 1}.items():
        monkeypatch.setattr(used["RemoteConfig"], name, value)
    yield names
    tf.config.run_functions_eagerly(False)


def test_from_rendering_to_weights_and_nothing_twice(script, tmp_path, capsys):
    work, output = tmp_path / "work", tmp_path / "custom.h5"
    arguments = ["--work", str(work), "--output", str(output)]
    assert script["main"](arguments) == 0
    printed = capsys.readouterr().out
    assert printed.count("Rendering") == 5
    assert "pictures without a remote" in printed and "AP50" in printed
    info = inspect(output)
    assert info.backbone == "compact" and info.class_names == ["BG", "AC Remote"]
    assert info.settings["TOP_DOWN_PYRAMID_SIZE"] == 64
    (run,) = (work / "hard").iterdir()
    assert len(list(run.glob("mask_rcnn_remote_00*.h5"))) == 2

    first = output.read_bytes()
    assert script["main"](arguments) == 0
    printed = capsys.readouterr().out
    assert "Rendering" not in printed and "2 epochs are done already" in printed
    assert output.read_bytes() == first
