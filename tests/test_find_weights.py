"""Which file `--weights` means: one answer for all commands and scripts."""

import os
from pathlib import Path

import numpy as np
import pytest

import custom_training
import maskrcnn_predict_for_images
import prediction_for_video
import video_mask
from custom_training import CustomConfig
from mrcnn import pictures
from mrcnn.commands import evaluate_command, photo_run, training_script, video_run, weights
from mrcnn.nn import pretrained
from mrcnn.training import run_files as runs
from mrcnn.training.state import State
from tests.video_clips import grey_frames, write_clip


def make_run(folder, epochs, state=None, best=False):
    """Write empty checkpoints of epochs, and the state of one of them."""
    folder.mkdir(parents=True)
    for epoch in epochs:
        (folder / f"mask_rcnn_object_{epoch:04d}.h5").touch()
    for name in ("best", "last") if best else ():
        (folder / f"{name}_mask_rcnn_object.h5").touch()
    if state:
        State(state, 1.0, 1, 0.001, {"v": np.zeros(2)}).save(folder)
    return folder


def find(wanted, root, name="Object", **options):
    return weights.find(wanted, root / "log", name, root, **options)


def test_last_is_the_newest_checkpoint_of_the_newest_run(tmp_path):
    make_run(tmp_path / "log" / "object20260101T0000", [1, 2, 9])
    newest = make_run(tmp_path / "log" / "object20260102T0000", [1, 2])
    make_run(tmp_path / "log" / "object20260103T0000", [])
    make_run(tmp_path / "log" / "other20260104T0000", [3])
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
    folder = make_run(tmp_path / "log" / "object20260101T0000", epochs, state)
    checkpoint = folder / f"mask_rcnn_object_{expected:04d}.h5"
    assert runs.find_resumable(folder) == (checkpoint if state in epochs else None)
    assert find("last", tmp_path, resume=True) == checkpoint
    for name in ("last_mask_rcnn_object.h5", "mask_rcnn_object_last.h5"):
        assert find(folder / name, tmp_path, resume=True) == checkpoint


def test_an_empty_run_cannot_be_resumed(tmp_path):
    assert runs.find_resumable(make_run(tmp_path / "log" / "object20260101T0000", [])) is None


@pytest.mark.parametrize("wanted", ["coco", "imagenet", "some.h5", "best_mask_rcnn_object.h5"])
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


def test_downloads_go_beside_the_scripts_where_no_run_is_looked_for(tmp_path, monkeypatch):
    fetched = []
    for module in (weights, pretrained):
        monkeypatch.setattr(
            module, "fetch", lambda remote, path: fetched.append((remote.name, path))
        )
    for wanted in ("coco", "imagenet"):
        path = find(wanted, tmp_path)
        assert path.parent == tmp_path
        assert weights.present(wanted, path) == path
        assert fetched.pop() == (path.name, path)
        path.touch()
        weights.present(wanted, path)
        assert not fetched
    # A file of the user's that is not there is not downloaded under its name.
    weights.present("mask_rcnn_coco.h5", tmp_path / "runs" / "mask_rcnn_coco.h5")
    assert not fetched


def test_without_a_word_the_best_of_the_newest_run_comes_before_what_ships(tmp_path):
    shipped = tmp_path / "log" / "custom.h5"
    with pytest.raises(FileNotFoundError, match=r"no checkpoint of 'Object' under .*log: train"):
        find(None, tmp_path)
    make_run(tmp_path / "log" / "other20260104T0000", [3])
    shipped.touch()
    assert find(None, tmp_path) == shipped
    # Neither is a run, whatever their age.
    (tmp_path / "log" / "downloaded.h5").touch()
    make_run(tmp_path / "log" / "object20260103T0000", [])
    assert find(None, tmp_path) == shipped
    make_run(tmp_path / "log" / "object20260101T0000", [1, 2, 9], best=True)
    newest = make_run(tmp_path / "log" / "object20260102T0000", [1, 2], best=True)
    assert find(None, tmp_path) == find("best", tmp_path) == newest / "best_mask_rcnn_object.h5"
    assert find("some/where.h5", tmp_path) == Path("some/where.h5")
    # The weights that ship lie beside the scripts, wherever runs are.
    assert weights.find(None, tmp_path / "runs", "object", tmp_path) == shipped


def test_a_name_that_was_typed_must_have_a_run(tmp_path):
    make_run(tmp_path / "log" / "object20260101T0000", [1])
    # The folds of a cross-validation are no runs of the name.
    make_run(tmp_path / "log" / "crossval_cups20260101T0000" / "fold_1" / "cups20260101T0000", [1])
    (tmp_path / "log" / "custom.h5").touch()
    for name in ("nosuch", "cups"):
        with pytest.raises(FileNotFoundError, match=f"no checkpoint of '{name}' under .*log: tra"):
            find(None, tmp_path, name, typed=True)
    assert find(None, tmp_path, "object", typed=True).name == "mask_rcnn_object_0001.h5"
    # Where a file is named, nothing depends on the name.
    assert find("some.h5", tmp_path, "nosuch", typed=True) == Path("some.h5")


def test_each_command_refuses_a_name_without_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dataset" / "val").mkdir(parents=True)
    pictures.write("photo.png", np.zeros((40, 60, 3), np.uint8))
    clip, name = str(write_clip(tmp_path / "clip.avi", grey_frames(3))), ["--name", "nosuch"]
    train = custom_training.SCRIPT
    codes = (
        maskrcnn_predict_for_images.main(["photo.png", "--no-pictures", *name]),
        video_mask.main([clip, *name]),
        prediction_for_video.main([clip, "--output", "masked.avi", *name]),
        training_script.main(train, ["evaluate", *name]),
        training_script.main(train, ["export", "--format", "savedmodel", *name]),
        training_script.main(train, ["splash", "--image", "photo.png", *name]),
    )
    said = capsys.readouterr().err.splitlines()
    assert codes == (1,) * 6 and len(said) == 6
    assert all("no checkpoint of 'nosuch' under" in line for line in said)


@pytest.mark.parametrize("command", ["evaluate", "export", "splash"])
def test_a_name_is_of_a_new_run_only_where_there_is_one(command, capsys):
    for words, new in (([command], False), (["train"], True)):
        with pytest.raises(SystemExit):
            training_script.main(custom_training.SCRIPT, [*words, "--help"])
        said = " ".join(capsys.readouterr().out.split())
        assert ("of a new one" in said) == new
        assert "runs that last" in said


def test_a_run_of_the_older_package_has_no_best(tmp_path):
    folder = make_run(tmp_path / "log" / "object20260101T0000", [1, 2])
    assert find(None, tmp_path) == find("best", tmp_path) == folder / "mask_rcnn_object_0002.h5"


@pytest.mark.parametrize("options", [[], ["--weights", "last"], ["--weights", "best"]])
def test_what_is_measured_is_what_predicts(tmp_path, monkeypatch, options):
    log, opened = tmp_path / "log", []

    def open_model(path, *_, **__):
        opened.append(path)
        raise ValueError("seen enough")

    make_run(log / "object20260101T0000", [1, 2, 3], best=True)
    make_run(log / "object20260102T0000", [1, 2], best=True)
    make_run(log / "remote20260103T0000", [4])
    for age, path in enumerate(sorted(log.rglob("*.h5"))):
        os.utime(path, (1e9 - age, 1e9 - age))
    for module in (evaluate_command, photo_run, video_run):
        monkeypatch.setattr(module, "open_model", open_model)
        monkeypatch.setattr(module, "ROOT", tmp_path)
        if hasattr(module, "LOG_FOLDER"):
            monkeypatch.setattr(module, "LOG_FOLDER", log)
    monkeypatch.chdir(tmp_path)
    pictures.write("photo.png", np.zeros((40, 60, 3), np.uint8))
    clip = write_clip(tmp_path / "clip.avi", grey_frames(3))
    data = str(Path(custom_training.__file__).parent / "dataset")

    commands = (
        lambda: training_script.main(
            custom_training.SCRIPT, ["evaluate", "--dataset", data, "--logs", str(log), *options]
        ),
        lambda: training_script.main(
            custom_training.SCRIPT, ["splash", "--image", "photo.png", "--logs", str(log), *options]
        ),
        lambda: maskrcnn_predict_for_images.main(["photo.png", *options]),
        lambda: video_mask.main([str(clip), *options]),
        lambda: prediction_for_video.main([str(clip), "--output", "masked.avi", *options]),
    )
    assert [command() for command in commands] == [1] * 5
    which = runs.checkpoint_name("object", 2 if "last" in options else "best")
    assert opened == [log / "object20260102T0000" / which] * 5


def test_the_name_of_the_training_scripts_config_tells_its_runs(tmp_path, monkeypatch):
    asked = []

    def find(wanted, log_folder, name, root, typed):
        asked.append(name)
        raise ValueError("seen enough")

    monkeypatch.setattr(weights, "find", find)
    monkeypatch.setattr(CustomConfig, "NAME", "remote")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dataset" / "val").mkdir(parents=True)
    pictures.write("photo.png", np.zeros((40, 60, 3), np.uint8))
    assert maskrcnn_predict_for_images.main(["photo.png"]) == 1
    assert training_script.main(custom_training.SCRIPT, ["evaluate"]) == 1
    assert asked == ["remote", "remote"]
