import ctypes
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prediction_for_video
import video_mask
from mrcnn.coco_classes import COCO_CLASS_NAMES
from mrcnn.commands import display, video_run
from mrcnn.commands.arguments import seconds
from mrcnn.commands.opening import Opened
from mrcnn.commands.tally import Tally, clock
from mrcnn.config import Config
from mrcnn.video import ffmpeg
from mrcnn.video.reading import Video, VideoError
from tests.video_clips import RedDetector, read_all, remote_frames, write_clip

ROOT = Path(video_mask.__file__).parent
REMOTE = COCO_CLASS_NAMES.index("remote")
SCRIPTS = {"video_mask": video_mask, "prediction_for_video": prediction_for_video}


class SmallConfig(Config):
    NAME = "small"
    NUM_CLASSES = len(COCO_CLASS_NAMES)
    IMAGES_PER_GPU = 1
    BACKBONE = "efficientnet_lite0"
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    TOP_DOWN_PYRAMID_SIZE = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 64
    POST_NMS_ROIS_INFERENCE = 20


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small network for the classes of COCO, with the numbers of its beginning."""
    from mrcnn.model import MaskRCNN

    path = tmp_path_factory.mktemp("weights") / "small.h5"
    MaskRCNN("inference", SmallConfig(), "log").save_weights(str(path))
    return str(path)


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.avi", remote_frames(20), rate=20)


@pytest.fixture
def detector(monkeypatch):
    """A detector of red in the network's place."""
    red = RedDetector(REMOTE)
    monkeypatch.setattr(Opened, "detector", red)
    monkeypatch.setattr(video_run, "_device", lambda _: "none")
    return red


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)


# -- Words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90), ("1.5", 1.5), ("1:30", 90), ("01:02:03.25", 3723.25), ("90:00", 5400), ("0", 0)],
)
def test_seconds(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "a", "1:2:3:4", "1:60", "-1", "1:-2", "nan", "inf", "1:", ":5"]
)
def test_what_is_no_time(text):
    with pytest.raises(ArgumentTypeError, match="is no time"):
        seconds(text)


@given(st.integers(0, 360_000))
def test_clock_and_seconds_undo_each_other(value):
    assert seconds(clock(value)) == value


def test_words_of_a_tally():
    tally = Tally(COCO_CLASS_NAMES)
    assert tally.summary(0.7) == "0 frames, 0.00 s each: nothing"
    tally.frames, tally.time, tally.most = 41, 10.0, 3
    tally._began, tally._latest = 100.0, 120.0
    tally.now["car"] = 2
    assert tally.text() == "2.0 frames a second: 2 car"
    assert tally.summary(0.7) == (
        "41 frames, 0.5 s each: nothing\n"
        "The network saw nothing but background: were these weights trained for such videos?"
    )
    tally.objects["car"] = 7
    assert tally.summary(0.7) == "41 frames, 0.5 s each: 7 car, at most 3 at once"


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_comes_at_once(name):
    code = (
        f"import sys, {name} as script\n"
        "try:\n    script.main(['--help'])\n"
        "except SystemExit as ended:\n    assert not ended.code\n"
        "assert not {'cv2', 'keras', 'tensorflow'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--every N" in done.stdout and "--min-confidence SCORE" in done.stdout


# -- Runs --------------------------------------------------------------------------------------


def test_a_video_through_the_network(clip, weights, capsys):
    options = ["--max-instances", "2", "--min-confidence", "0.001"]
    code = video_mask.main([str(clip), "--weights", weights, "--every", "10", *options])
    out = capsys.readouterr().out
    assert code == 0, out
    output = clip.with_name("clip_masked.mp4")
    assert len(read_all(output)) == 20
    capture = cv2.VideoCapture(str(output))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(20)
    assert "320 x 192, 20 frames a second, 0:01; " in out
    assert f"{output}: 20 frames, " in out


def test_video_mask(clip, weights, detector, capsys):
    json_path = clip.with_name("found.json")
    command = [str(clip), "--weights", weights, "--start", "0.2", "--end", "0.7"]
    assert video_mask.main([*command, "--json", str(json_path), "--splash"]) == 0
    out = capsys.readouterr().out
    assert "10 frames, " in out and "2 remote, at most 2 at once" in out
    frames = read_all(clip.with_name("clip_masked.mp4"))
    assert len(frames) == 10
    # Grey but for the remotes: the one that falls is at (18..66, 20..36) on frame 4.
    assert np.ptp(frames[0][40, 200].astype(int)) < 12
    assert np.ptp(frames[0][42, 28].astype(int)) > 150
    document = json.loads(json_path.read_text())
    assert document["frames_per_second"] == pytest.approx(20)
    assert [len(frame["objects"]) for frame in document["frames"]] == [2] * 8 + [1] * 2
    assert {thing["class"] for f in document["frames"] for thing in f["objects"]} == {"remote"}

    assert video_mask.main(command) == 1
    assert "clip_masked.mp4 exists already" in capsys.readouterr().err
    assert video_mask.main([*command, "--overwrite"]) == 0


def test_prediction_for_video_writes_both_or_json_alone(clip, weights, detector, capsys):
    output, found = clip.with_name("seen.mkv"), clip.with_name("seen.json")
    command = [str(clip), "--weights", weights, "--json", str(found)]
    assert prediction_for_video.main(command) == 0
    assert len(json.loads(found.read_text())["frames"]) == 20
    assert not output.exists()
    assert prediction_for_video.main([*command, "--output", str(output), "--overwrite"]) == 0
    assert len(read_all(output)) == 20


class Screen:
    """OpenCV's window, with a person who presses keys at pictures."""

    def __init__(self, monkeypatch, keys):
        self.keys, self.shown, self.polls = keys, [], 0
        monkeypatch.setattr(display, "has_display", lambda: True)
        for name in ("namedWindow", "resizeWindow", "destroyAllWindows"):
            monkeypatch.setattr(cv2, name, lambda *_: None, raising=False)
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0, raising=False)
        monkeypatch.setattr(cv2, "imshow", self.imshow, raising=False)
        monkeypatch.setattr(cv2, "waitKey", self.wait_key, raising=False)

    def imshow(self, _, picture):
        self.shown.append(picture)

    def wait_key(self, delay):
        time.sleep(delay / 1000)
        keys = self.keys.get(len(self.shown), [])
        return keys.pop(0) if keys else -1


@pytest.mark.parametrize("key", [ord("q"), 27])
def test_keys_end_and_pause(clip, weights, detector, monkeypatch, key):
    # At the third picture: a pause of some looks at the keyboard, then on; at the sixth the end.
    screen = Screen(monkeypatch, {3: [ord(" "), -1, -1, ord(" ")], 6: [key]})
    output = clip.with_name("seen.avi")
    command = [str(clip), "--weights", weights, "--output", str(output)]
    assert prediction_for_video.main(command) == 0
    assert len(screen.shown) == 6
    assert screen.shown[0].shape == (192, 320, 3)
    blue, _, red = screen.shown[0][34, 28].astype(int)  # on the remote that falls
    assert red - blue > 40
    assert len(read_all(output)) == 6


def test_a_file_is_shown_at_its_own_speed(clip, weights, detector, monkeypatch):
    screen, began = Screen(monkeypatch, {}), time.monotonic()
    assert prediction_for_video.main([str(clip), "--weights", weights]) == 0
    assert len(screen.shown) == 20
    assert time.monotonic() - began > 0.85  # 20 frames at 20 a second


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_files(clip, weights, detector, capsys, number):
    detector.seconds = 0.1
    find = detector.detect

    def find_and_signal(images):
        if detector.calls == 5:
            os.kill(os.getpid(), number)
        return find(images)

    detector.detect = find_and_signal
    found = clip.with_name("found.json")
    assert video_mask.main([str(clip), "--weights", weights, "--json", str(found)]) == 130
    assert "Stopped at 0:0" in capsys.readouterr().out
    count = len(read_all(clip.with_name("clip_masked.mp4")))
    assert 1 <= count < 20
    assert len(json.loads(found.read_text())["frames"]) == count
    assert not list(clip.parent.glob("*part*")) + list(clip.parent.glob(".*"))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_while_the_files_are_finished_waits(clip, weights, detector, monkeypatch):
    class Slow(video_run.VideoWriter):
        def close(self, *arguments):
            os.kill(os.getpid(), signal.SIGINT)
            return super().close(*arguments)

    monkeypatch.setattr(video_run, "VideoWriter", Slow)
    found = clip.with_name("found.json")
    assert video_mask.main([str(clip), "--weights", weights, "--json", str(found)]) == 0
    assert len(read_all(clip.with_name("clip_masked.mp4"))) == 20
    assert len(json.loads(found.read_text())["frames"]) == 20


def test_ctrl_c_before_the_first_frame(clip, weights, monkeypatch, capsys):
    def load(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Opened, "detector", property(load))
    command = [str(clip), "--weights", weights, "--json", str(clip.with_name("a.json"))]
    for script in SCRIPTS.values():
        assert script.main([*command, "--output", str(clip.with_name("a.mp4"))]) == 130
    assert capsys.readouterr().err == ""
    assert [path.name for path in clip.parent.iterdir()] == ["clip.avi"]


def test_an_error_on_the_way_leaves_what_was_done(clip, weights, detector, capsys):
    find = detector.detect

    def fail_later(images):
        if detector.calls == 8:
            raise ValueError("the graphics card is out of memory")
        return find(images)

    detector.detect = fail_later
    assert video_mask.main([str(clip), "--weights", weights]) == 1
    assert capsys.readouterr().err == "video_mask.py: the graphics card is out of memory\n"
    assert len(read_all(clip.with_name("clip_masked.mp4"))) == 8


def test_a_truncated_video_is_masked_as_far_as_it_goes(tmp_path, weights, detector, capsys):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 150, (48, 64, 3), dtype=np.uint8) for _ in range(60)]
    path = write_clip(tmp_path / "cut.avi", noise, rate=20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert video_mask.main([str(path), "--weights", weights]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "is truncated: it announces 0:03" in error
    assert 25 <= len(read_all(tmp_path / "cut_masked.mp4")) <= 35


def test_it_says_what_came_closest(clip, weights, detector, capsys):
    find, below = detector.detect, [((0.4, 1),), ((0.5, REMOTE), (0.3, 2)), ()]

    def too_little(images):
        (found,) = find(images)
        found = found.where(np.zeros(len(found), bool))
        return [dataclasses.replace(found, below=below[min(detector.calls, 3) - 1])]

    detector.detect = too_little
    assert video_mask.main([str(clip), "--weights", weights]) == 0
    out = capsys.readouterr().out
    assert "Nothing scored 0.7 or more; the closest was 0.50 remote: to see it, add" in out


# -- One clear sentence ------------------------------------------------------------------------


def sentence(capsys, code):
    """Return the one line on stderr of a run that failed."""
    error = capsys.readouterr().err
    assert code == 1
    assert error.count("\n") == 1 and "Traceback" not in error
    return error


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_such_video(name, tmp_path, weights, capsys):
    (tmp_path / "text.mp4").write_text("no video\n" * 50)
    main, options = SCRIPTS[name].main, ["--weights", weights, "--output", str(tmp_path / "a.mp4")]
    assert "gone.mp4: no such file" in sentence(capsys, main(["gone.mp4", *options]))
    assert "not a video" in sentence(capsys, main([str(tmp_path / "text.mp4"), *options]))
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.zeros((8, 8, 3), np.uint8))
    assert "is a photo" in sentence(capsys, main([str(tmp_path / "photo.jpg"), *options]))


def test_no_display_and_nowhere_to_write(clip, capsys):
    error = sentence(capsys, prediction_for_video.main([str(clip)]))
    assert "no display" in error and "--output FILE" in error and "--json FILE" in error


def test_a_display_that_nobody_serves(monkeypatch):
    """Qt would end the program without a word that could be caught."""
    try:
        ctypes.CDLL("libX11.so.6")
    except OSError:
        pytest.skip("there is no X11 library")
    monkeypatch.setenv("DISPLAY", "127.0.0.1:4321")
    assert not display.has_display()


def test_no_such_camera(tmp_path, capsys):
    error = sentence(capsys, prediction_for_video.main(["97", "--json", str(tmp_path / "a.json")]))
    assert "there is no camera 97, or another program has it: the first one is 0" in error
    with pytest.raises(VideoError, match="there is no camera 0, or another program has it$"):
        Video(0)


def test_an_opencv_without_windows(clip, weights, detector, monkeypatch, capsys):
    Screen(monkeypatch, {})

    def fail(*_):
        raise cv2.error("The function is not implemented")

    monkeypatch.setattr(cv2, "namedWindow", fail)
    error = sentence(capsys, prediction_for_video.main([str(clip), "--weights", weights]))
    assert "cannot open windows" in error


def test_outputs_that_cannot_be(clip, tmp_path, weights, detector, monkeypatch, capsys):
    (tmp_path / "file").touch()

    def error(*options):
        return sentence(capsys, video_mask.main([str(clip), "--weights", weights, *options]))

    assert "cannot be written" in error("--output", str(tmp_path / "file" / "a.mp4"))
    assert "another file of this run" in error("--output", str(clip), "--overwrite")
    assert "another file of this run" in error("--json", weights, "--overwrite")
    part = clip.rename(tmp_path / "a.part.avi")  # what a killed run has left
    assert "another file of this run" in sentence(
        capsys, video_mask.main([str(part), "--weights", weights, "--output", f"{tmp_path}/a.avi"])
    )
    part.rename(clip)
    kept = tmp_path / "b.part.avi"
    kept.write_bytes(b"what a killed run has left")
    assert "move it away, or add --overwrite" in error("--output", str(tmp_path / "b.avi"))
    assert kept.read_bytes() == b"what a killed run has left"
    kept.unlink()
    assert "is a folder" in error("--output", str(tmp_path))
    assert "end in .mp4" in error("--output", str(tmp_path / "a.gif"))
    assert "after the end" in error("--start", "1:00")
    monkeypatch.setattr(ffmpeg, "find", lambda: None)
    monkeypatch.setattr("mrcnn.video.writing.CODECS", {".mp4": {"zzzz": "none"}})
    assert "no codec for .mp4" in error("--output", str(tmp_path / "a.mp4"))
    assert not detector.calls
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.avi", "file"]


def test_times_the_wrong_way_round(capsys):
    with pytest.raises(SystemExit) as left:
        video_mask.main(["clip.mp4", "--start", "10", "--end", "0:05"])
    assert left.value.code == 2
    assert "--end must be after --start" in capsys.readouterr().err
