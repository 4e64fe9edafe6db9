"""What a run leaves that is harmed; `benchmarks/interruptions.py` does it often and in all ways."""

import json
import os
import signal

import h5py
import numpy as np
import pytest

from mrcnn import pictures
from mrcnn.commands.process import INTERRUPTED
from mrcnn.nn import weights_file
from mrcnn.training import run_files

pytest.importorskip("resource", reason="Windows has no such signals and limits")

from benchmarks import interruptions, left_behind
from benchmarks.interruptions import Usual
from benchmarks.left_behind import Ended

# Rough; each run is harmed where it is sure to write.
USUAL = Usual(start=5.0, changes=3, largest=30_000, total=60_000)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    interruptions.write_inputs(folder)
    return folder


@pytest.mark.parametrize(
    ("command", "fault"),
    [("train", "kill"), ("predict", "terminate"), ("evaluate", "limit"), ("video", "interrupt")],
)
def test_what_is_left_is_whole(inputs, tmp_path, monkeypatch, command, fault):
    monkeypatch.setattr(interruptions, "EARLY", 0.0)
    rng = np.random.default_rng(1)
    ended, folder = interruptions.harmed_run(command, fault, inputs, tmp_path, USUAL, rng)
    files, wrong = left_behind.check_files(folder)
    wrong += left_behind.check_words(fault, ended)
    wrong += left_behind.check_kept(command, fault, ended, folder)
    assert not wrong, ended
    # A signal may come before the first frame is there.
    assert ended.harmed and (files or ended.code == INTERRUPTED)


# -- The checks find what is wrong ----------------------------------------------------------------


def test_files_that_are_cut_off_are_found(tmp_path):
    arrays = {"conv1": {"conv1/kernel:0": np.ones((3, 3, 3, 64), np.float32)}}
    weights_file.write(tmp_path / "w.h5", arrays)
    pictures.write(tmp_path / "a.jpg", np.zeros((40, 40, 3), np.uint8))
    (tmp_path / "found.json").write_text(json.dumps({"images": [1, 2]}))
    (tmp_path / "losses.csv").write_text("epoch,loss\n1,2\n")
    (tmp_path / "classes.txt").write_text("cup\n")
    assert left_behind.check_files(tmp_path) == (5, [])
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-2])
    (tmp_path / ".found.json.01234567.part").write_text("{")
    (tmp_path / run_files.STATE_FILE).touch()
    files, wrong = left_behind.check_files(tmp_path)
    assert files == 7 and len(wrong) == 6


def test_weights_that_hold_no_numbers_are_found(tmp_path):
    path = tmp_path / "w.h5"
    weights_file.write(path, {"conv1": {"conv1/bias:0": np.ones(2, np.float32)}})
    with h5py.File(path, "r+") as file:
        file["conv1/conv1/bias:0"][0] = np.nan
    assert len(left_behind.check_files(tmp_path)[1]) == 1


def ended(code, out="", err=""):
    return Ended(code, out, err, True)


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ("terminate", ended(130)),
        ("limit", ended(1)),
        ("limit", ended(-signal.SIGTERM, err="a sentence")),
        ("kill", ended(1, err="a sentence")),
        ("replaced", ended(1, err="Traceback (most recent call last):\nKeyError: 1")),
    ],
)
def test_an_end_without_words_is_found(fault, end):
    assert left_behind.check_words(fault, end)


def test_what_was_said_and_is_not_there_is_found(tmp_path):
    (tmp_path / "found.json").write_text('{"images": []}')
    (tmp_path / ".via.json.01234567.part").touch()
    said = ended(130, "[1/8] a.jpg: nothing -> out/a_predicted.jpg\nStopped")
    wrong = left_behind.check_kept("predict", "interrupt", said, tmp_path)
    assert len(wrong) == 3
    wrong = left_behind.check_kept("train", "kill", ended(-9, "epoch 1/3: 2 s\n"), tmp_path)
    assert wrong == ["no _0001.h5"]
    # Weights are there before it is said, and a state that is damaged cannot go on.
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mask_rcnn_object_0001.h5").touch()
    (tmp_path / "run" / run_files.STATE_FILE).touch()
    said = ended(-9, "epoch 1/3: 2 s\nepoch 2/3 [1/4] loss 2.5757\n")
    (wrong,) = left_behind.check_kept("train", "kill", said, tmp_path)
    assert wrong.startswith("cannot be resumed")


def test_what_this_user_cannot_do_is_said(monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert interruptions.possible(["kill", "full"]) == ["kill"]
    assert capsys.readouterr().out == "full: left out, only root can mount a small disk\n"
