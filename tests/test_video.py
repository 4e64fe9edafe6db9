import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from mrcnn.video import ffmpeg, writing
from mrcnn.video.reading import Video, VideoError, film_rate
from mrcnn.video.writing import VideoWriter
from tests.video_clips import RED, grey_frames, grey_index, read_all, write_clip

ROOT = Path(__file__).parent.parent
needs_ffmpeg = pytest.mark.skipif(not ffmpeg.can_encode(), reason="there is no ffmpeg")


@pytest.fixture
def without_ffmpeg(monkeypatch):
    monkeypatch.setattr(ffmpeg, "find", lambda: None)


@pytest.fixture(params=["OpenCV", pytest.param("ffmpeg", marks=needs_ffmpeg)])
def encoder(request, monkeypatch):
    if request.param == "OpenCV":
        monkeypatch.setattr(ffmpeg, "find", lambda: None)


@pytest.fixture
def clip(tmp_path):
    """Forty frames at 20 a second: two seconds."""
    return write_clip(tmp_path / "clip.avi", grey_frames(40), rate=20)


# -- Reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("announced", "gap", "rate"),
    [
        (25, 1 / 25, 25),
        (59.94, 2 / 59.94, 29.97),  # every other frame is a repeat that is never decoded
        (90, 3 / 90, 30),
        (28, 1 / 15, 30),  # uneven frames that begin slowly: there is room for all
        (12, 1 / 30, 30),  # and that begin fast
        (29.87, 1 / 30, 29.87),  # a phone's, nearly even
        (0, 1 / 30, 30),
        (float("nan"), 1 / 30, 30),
        (1000, 1 / 30, 30),  # Matroska's time base
        (1000, 0, 25),
        (25, 0, 25),
    ],
)
def test_film_rate(announced, gap, rate):
    assert film_rate(announced, [gap * index for index in range(10)]) == pytest.approx(rate)


def test_film_rate_without_times():
    assert film_rate(30, []) == film_rate(30, [0.0]) == 30
    assert film_rate(0, []) == 25


def test_every_frame_is_read_once(clip):
    with Video(clip) as opened:
        frames = list(opened.frames())
    assert (opened.size, opened.rate, opened.live) == ((48, 64), 20, False)
    assert opened.duration == pytest.approx(2)
    assert [frame.index for frame in frames] == list(range(40))
    assert [grey_index(frame.image) for frame in frames] == list(range(40))
    assert [frame.time for frame in frames] == pytest.approx([index / 20 for index in range(40)])
    assert opened.missing == 0


def test_frames_are_rgb_and_stay_so_in_the_file(tmp_path, encoder):
    red = np.full((48, 64, 3), RED, np.uint8)
    with Video(write_clip(tmp_path / "clip.avi", [red] * 3)) as opened:
        frames = list(opened.frames())
    writer = VideoWriter(tmp_path / "out.mp4", (48, 64), 25)
    for frame in frames:
        np.testing.assert_allclose(frame.image[24, 32], RED, atol=6)
        writer.write(frame.image)
    writer.close()
    _, decoded = cv2.VideoCapture(str(writer.path)).read()
    np.testing.assert_allclose(decoded[24, 32], RED[::-1], atol=12)  # BGR


def test_closing_leaves_a_camera_alone_that_a_thread_waits_for(clip):
    asked, answers, released = threading.Event(), threading.Event(), []

    class Camera:
        """It gives no frame until `answers`."""

        def grab(self):
            asked.set()
            return answers.wait(30) and False

        def release(self):
            released.append(answers.is_set())

    opened = Video(clip)
    opened.close()
    opened._capture = Camera()
    thread = threading.Thread(target=lambda: list(opened.frames()))
    thread.start()
    assert asked.wait(5)
    opened.close()
    assert not released  # OpenCV would crash
    answers.set()
    thread.join(5)
    opened.close()
    assert released == [True]


def test_a_frame_that_is_none_though_opencv_says_otherwise_is_left_out(clip):
    with Video(clip) as opened:
        capture, calls = opened._capture, iter(range(40))

        class Damaged:
            def __getattr__(self, name):
                return getattr(capture, name)

            def retrieve(self):
                return (True, None) if next(calls) == 1 else capture.retrieve()

        opened._capture = Damaged()
        assert [grey_index(frame.image) for frame in opened.frames()] == [0, *range(2, 40)]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0.5, 1.0, range(10, 20)), (1.9, None, range(38, 40)), (0.49, 0.5, []), (5, None, [])],
)
def test_a_part_is_exact(clip, start, end, expected):
    with Video(clip) as opened:
        frames = list(opened.frames(start, end))
    assert [grey_index(frame.image) for frame in frames] == list(expected)
    assert [frame.index for frame in frames] == list(range(len(expected)))
    assert opened.missing == 0
    if frames:
        assert frames[0].time == pytest.approx(start)


def with_repeats(data):
    """Return an AVI's bytes with an empty packet after each frame, at twice the rate."""
    movi, end = data.index(b"movi"), data.index(b"idx1")
    packets, at = b"", movi + 4
    while at < end:
        (size,) = struct.unpack_from("<I", data, at + 4)
        after = at + 8 + size + size % 2
        packets += data[at:after] + b"00dc" + bytes(4)
        at = after
    head = bytearray(data[: movi - 8])
    stream = head.index(b"strh") + 28
    scale, rate, start, length = struct.unpack_from("<4I", head, stream)
    struct.pack_into("<4I", head, stream, scale, 2 * rate, start, 2 * length)
    head += b"LIST" + struct.pack("<I", len(packets) + 4) + b"movi" + packets
    struct.pack_into("<I", head, 4, len(head) - 8)
    return bytes(head)


def test_a_container_that_counts_repeats(tmp_path):
    """It announces 60 frames at 40 a second; 30 are decoded, which last as long at 20."""
    whole = write_clip(tmp_path / "whole.avi", grey_frames(30), rate=20)
    path = tmp_path / "clip.avi"
    path.write_bytes(with_repeats(whole.read_bytes()))
    capture = cv2.VideoCapture(str(path))
    announced = (capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT))
    assert announced == pytest.approx((40, 60))
    with Video(path) as opened:
        frames = list(opened.frames())
    assert [grey_index(frame.image) for frame in frames] == list(range(30))
    assert opened.rate == pytest.approx(20)
    assert opened.duration == pytest.approx(1.5)
    assert opened.missing == 0


def test_a_truncated_video_tells_what_is_missing(tmp_path):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(100)]
    path = write_clip(tmp_path / "clip.avi", noise, rate=20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with Video(path) as opened:
        count = len(list(opened.frames()))
    assert 40 <= count <= 55
    assert opened.missing == pytest.approx(5 - count / 20, abs=0.1)


def test_a_stream_that_changes_its_size_keeps_the_first(clip):
    with Video(clip) as opened:
        opened.size = (24, 32)
        assert {frame.image.shape for frame in opened.frames()} == {(24, 32, 3)}


def test_what_is_no_video(tmp_path, capfd):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is not a video\n" * 100)
    whole = write_clip(tmp_path / "whole.mp4", grey_frames(20), code="mp4v")
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[:1000])
    header = write_clip(tmp_path / "some.avi", grey_frames(3)).read_bytes()
    (tmp_path / "none.avi").write_bytes(header[: header.index(b"movi") + 4])
    for name, words in {
        "gone.mp4": "no such file",
        ".": "folder",
        "empty.mp4": "empty",
        "text.mp4": "not a video",
        "cut.mp4": "cut off",
        "none.avi": "none.avi (is not a video|holds no frame)",
    }.items():
        with pytest.raises(VideoError, match=words):
            Video(tmp_path / name)
    with pytest.raises(VideoError, match="no camera 97"):
        Video(97)
    with pytest.raises(VideoError, match="does not answer"):
        Video("http://127.0.0.1:9/none.mp4")
    assert capfd.readouterr() == ("", "")  # one sentence, no chatter of the libraries


# -- Writing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".mov"])
def test_frames_in_are_frames_out(tmp_path, suffix, without_ffmpeg, capfd):
    path = tmp_path / "new" / f"out{suffix}"
    writer = VideoWriter(path, (48, 64), 12.5)
    for frame in grey_frames(30):
        writer.write(frame)
    assert not path.exists()
    assert writer.close() is None
    assert [grey_index(frame) for frame in read_all(path)] == list(range(30))
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)
    assert [other.name for other in path.parent.iterdir()] == [path.name]
    assert capfd.readouterr().err == ""


def test_odd_sizes_lose_their_last_row_and_column(tmp_path, without_ffmpeg):
    writer = VideoWriter(tmp_path / "out.avi", (49, 65), 25)
    writer.write(np.full((49, 65, 3), 90, np.uint8))
    writer.close()
    assert [frame.shape for frame in read_all(tmp_path / "out.avi")] == [(48, 64, 3)]
    with pytest.raises(ValueError, match="too small"):
        VideoWriter(tmp_path / "other.avi", (1, 65), 25)


def test_without_frames_there_is_no_file(tmp_path, without_ffmpeg):
    VideoWriter(tmp_path / "out.mp4", (48, 64), 25).close()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written(tmp_path, monkeypatch, without_ffmpeg):
    with pytest.raises(ValueError, match=r"out.gif: .*\.mp4, "):
        VideoWriter(tmp_path / "out.gif", (48, 64), 25)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"out.mp4 cannot be written"):
        VideoWriter(tmp_path / "file" / "out.mp4", (48, 64), 25)
    monkeypatch.setitem(writing.CODECS, ".mp4", {"zzzz": "none"})
    with pytest.raises(ValueError, match=r"no codec for \.mp4 files \(zzzz\)"):
        VideoWriter(tmp_path / "out.mp4", (48, 64), 25)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="folders have no such mode")
def test_a_read_only_folder(without_ffmpeg):
    folder = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0
    try:
        folder.chmod(0o555)
        if is_root:  # who may write everywhere
            os.seteuid(65534)
        with pytest.raises(OSError, match=r"out.mp4 cannot be written: Permission denied"):
            VideoWriter(folder / "out.mp4", (48, 64), 25)
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_file_that_cannot_be_read_again_is_no_success(tmp_path, without_ffmpeg):
    writer = VideoWriter(tmp_path / "out.mp4", (48, 64), 25)
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer._encoder.close()
    writer.part.write_bytes(writer.part.read_bytes()[:100])  # as a full disk leaves it
    with pytest.raises(OSError, match="disk full"):
        writer.close()
    assert not writer.path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of a file's size")
@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_a_file_that_lacks_its_end_is_no_success(tmp_path, without_ffmpeg, suffix):
    import resource

    noise = np.random.default_rng(0).integers(0, 256, (30, 96, 128, 3), dtype=np.uint8)
    writer = VideoWriter(tmp_path / f"out{suffix}", (96, 128), 29.97)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # as a full disk does
    try:
        for frame in noise:
            writer.write(frame)
        with pytest.raises(OSError, match="not all of its 30 frames can be read"):
            writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not writer.path.exists()
    assert 0 < len(read_all(writer.part)) < 30


KILLED = """
import os, signal, sys
import numpy as np
from mrcnn.video import ffmpeg
from mrcnn.video.writing import VideoWriter
if sys.argv[2] == "without":
    ffmpeg.find = lambda: None
noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
writer = VideoWriter(sys.argv[1], (240, 320), 25)
for index in range(200):
    writer.write(np.roll(noise, 7 * index, 1))
if sys.argv[2] == "both":
    writer._encoder._process.kill()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize(
    ("name", "program", "least"),
    [
        ("out.avi", "without", 150),
        pytest.param("out.mp4", "with", 200, marks=needs_ffmpeg),
        pytest.param("out.mov", "both", 75, marks=needs_ffmpeg),
    ],
)
def test_the_part_of_a_killed_process_plays(tmp_path, name, program, least):
    command = [sys.executable, "-c", KILLED, tmp_path / name, program]
    assert subprocess.run(command, cwd=ROOT).returncode == -signal.SIGKILL
    assert not (tmp_path / name).exists()
    count, until = 0, time.monotonic() + 10
    while count < least and time.monotonic() < until:  # ffmpeg finishes what it was given
        count = len(read_all(tmp_path / f"out.part{name[-4:]}"))
    assert count >= least


# -- ffmpeg ------------------------------------------------------------------------------------


@needs_ffmpeg
def test_h264_has_every_frame(tmp_path):
    writer = VideoWriter(tmp_path / "a: b-%d.mp4", (48, 64), 29.97)
    for frame in grey_frames(30):
        writer.write(frame)
    writer.close()
    capture = cv2.VideoCapture(str(writer.path))
    fourcc = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little")
    assert (fourcc, writer.codec) == (b"h264", "H.264")
    assert [grey_index(frame) for frame in read_all(writer.path)] == list(range(30))


@needs_ffmpeg
def test_sound_is_kept_and_cut(tmp_path):
    silent = write_clip(tmp_path / "silent.avi", grey_frames(60), rate=20)
    loud = tmp_path / "loud.mkv"
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=3"]
    subprocess.run([ffmpeg.find(), *ffmpeg.QUIET, "-i", silent, *tone, loud], check=True)
    for name in ("out.mp4", "out.mkv"):
        writer = VideoWriter(tmp_path / name, (48, 64), 20)
        for frame in grey_frames(20):
            writer.write(frame)
        assert writer.close(sound=loud, start=1.0) is None
        assert ffmpeg.has_sound(writer.path)
        assert len(read_all(writer.path)) == 20
        # The sound ends with the pictures, not with its source.
        command = [ffmpeg.find(), "-i", writer.path]
        told = subprocess.run(command, capture_output=True, text=True).stderr
        assert "Duration: 00:00:01.0" in told
    writer = VideoWriter(tmp_path / "quiet.mp4", (48, 64), 20)
    writer.write(next(grey_frames(1)))
    assert writer.close(sound=silent) == f"{silent} has none"
    assert writer.path.exists()


@needs_ffmpeg
def test_an_encoder_that_stops_is_an_error(tmp_path):
    writer = VideoWriter(tmp_path / "out.mp4", (480, 640), 20)
    writer._encoder._process.kill()
    with pytest.raises(OSError, match="ffmpeg says"):
        for frame in grey_frames(10, 480, 640):
            writer.write(frame)


def test_without_ffmpeg_it_says_so(tmp_path, clip, without_ffmpeg):
    writer = VideoWriter(tmp_path / "out.mp4", (48, 64), 20)
    writer.write(next(grey_frames(1)))
    assert "there is no ffmpeg" in writer.close(sound=clip)
    assert len(read_all(writer.path)) == 1
