"""Mistakes on a command line: one sentence, what was meant, and which script is for what."""

from pathlib import Path

import pytest
from PIL import Image

import maskrcnn_predict_for_images as photos
import prediction_for_video
import video_mask
from custom_training import SCRIPT
from mrcnn.commands import training_script
from mrcnn.commands.other_script import no_photo, no_video


def complaint(capsys, main, words):
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()


def train(words):
    return training_script.main(SCRIPT, words)


@pytest.mark.parametrize(
    ("main", "words", "sentence"),
    [
        (train, "train --epoch 3", "no option --epoch: did you mean --epochs?"),
        (train, "--epoch=3 train", "no option --epoch: did you mean --epochs?"),
        (train, "evaluate --colour", "no option --colour"),
        (train, "trian", "there is no command trian: did you mean train?"),
        (train, "", f"a command is missing: {', '.join(training_script.COMMANDS)}"),
        (train, "train dataset", "dataset is one word too many"),
        (train, "train --best-by app", "--best-by: there is no app: did you mean ap?"),
        (train, "train --seed", "--seed: expected one argument"),
        (photos.main, "a.jpg --wieghts b", "no option --wieghts: did you mean --weights?"),
        (video_mask.main, "a.mp4 --strat 3", "no option --strat: did you mean --start?"),
    ],
)
def test_a_mistake_is_said_first_and_what_was_meant(capsys, main, words, sentence):
    first, usage = complaint(capsys, main, words)
    assert first.partition(" error: ")[2] == sentence
    # Of the command at hand, and no list of all options.
    assert usage.startswith("usage: ") and "--help" in usage and "--dataset" not in usage


def test_the_usage_is_that_of_the_command_at_hand(capsys):
    first, usage = complaint(capsys, train, "train --epoch 3")
    assert " train: error:" in first and " train [options] (" in usage


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("clip.MP4", "a.jpg", "b.gif", "7"):
        (tmp_path / name).write_bytes(b"?")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg")
    (tmp_path / "photos").mkdir()


@pytest.mark.usefixtures("place")
def test_which_script_is_for_what():
    assert "video_mask.py clip.MP4" in no_photo("clip.MP4")
    assert "prediction_for_video.py 0" in no_photo("0")
    assert "prediction_for_video.py" in no_photo("rtsp://camera/live")
    assert not any(map(no_photo, ("a.jpg", "7", "photos", "*.jpg", "missing.mp4", "b.gif")))
    for camera in (True, False):
        assert "maskrcnn_predict_for_images.py a.jpg" in no_video("a.jpg", camera)
        assert "maskrcnn_predict_for_images.py photos" in no_video("photos", camera)
        assert not any(no_video(each, camera) for each in ("clip.MP4", "7", "b.gif", "no.mp4"))
    assert "prediction_for_video.py 0" in no_video("0", False) and not no_video("0", True)
    assert no_video("rtsp://camera/live", False) and not no_video("rtsp://camera/live", True)


@pytest.mark.usefixtures("place")
def test_what_is_named_like_a_photo_is_one_only_if_it_holds_one(capsys):
    Path("text.jpg").write_text("plain text\n")
    assert no_video("text.jpg", True) is None
    for main, words in ((video_mask.main, []), (prediction_for_video.main, ["--json", "a.json"])):
        assert main(["text.jpg", *words]) == 1
        (sentence,) = capsys.readouterr().err.splitlines()
        assert sentence.endswith("text.jpg holds no frame that can be decoded")


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("main", "source", "right"),
    [
        (photos.main, "clip.MP4", "video_mask.py clip.MP4"),
        (photos.main, "0", "prediction_for_video.py 0"),
        (video_mask.main, "a.jpg", "maskrcnn_predict_for_images.py a.jpg"),
        (video_mask.main, "0", "prediction_for_video.py 0"),
        (prediction_for_video.main, "a.jpg", "maskrcnn_predict_for_images.py a.jpg"),
    ],
)
def test_the_wrong_script_names_the_right_one(capsys, main, source, right):
    assert main([source]) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert right in sentence
