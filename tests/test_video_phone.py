"""Clips as phones and screen recorders make them: upright, as long as they were, in step."""

import subprocess

import cv2
import numpy as np
import pytest

from mrcnn.commands.video_run import mask_video
from mrcnn.video import ffmpeg
from mrcnn.video.reading import Video
from mrcnn.video.writing import VideoWriter
from tests.video_clips import RedDetector, read_all

# Clips are made with the program of the package, which is new enough for all that phones do; what
# is tested takes the one on the PATH where there is one.
MAKER = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()

NAMES = ["BG", "AC Remote"]
# Pictures of 64 x 48 whose upper half is white, and from the second 1 on for 0.2 s all of it; a
# tone at the same time.
HALF = "color=black:s=64x48:r=30:d=2,drawbox=0:0:64:24:white:fill"
FLASH = HALF + ",drawbox=0:24:64:24:white:fill:enable='between(t,1,1.19)'"
TONE = "aevalsrc='0.5*sin(880*PI*t)*between(t,1,1.2)':d=2:s=8000"
FLASHES_AT = 1.0


def ran(*arguments):
    return subprocess.run(
        [MAKER, *ffmpeg.QUIET, *map(str, arguments)], check=True, capture_output=True
    ).stdout


def make(path, *, picture=FLASH, sound=True, before=(), after=(), uneven=False):
    """Write a clip; `before` and `after` are ffmpeg's options for its pictures and for the file."""
    between = ["-vf", "select='lt(n,14)+not(mod(n,6))'", "-fps_mode", "vfr"] if uneven else []
    tone = ["-f", "lavfi", "-i", TONE] if sound else []
    ran(
        *before, "-f", "lavfi", "-i", picture, *tone, *between,
        "-pix_fmt", "yuv420p", "-c:a", "aac", *after, path,
    )  # fmt: skip
    return path


def masked(path, output, **options):
    """Run a film through what the scripts call; return what was found on each of its frames."""
    found = []
    with Video(path) as video:
        writer = VideoWriter(output, video.size, video.rate)
        mask_video(
            video, RedDetector().detect, NAMES, writer=writer, on_frame=found.append, **options
        )
        assert writer.close(path, options.get("start", 0.0)) is None
    return found


def flash_in(path):
    """Return when the lower half of a film becomes white, and when its tone begins, in seconds."""
    capture, times, values = cv2.VideoCapture(str(path)), [], []
    while capture.grab():
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        values.append(capture.retrieve()[1][30:44, 10:50].mean())
    first = ffmpeg.span(path).first
    # Silence stands for what comes before the first packet of sound.
    whole = ["-copyts", "-i", path, "-af", "aresample=8000:async=1:first_pts=0", "-f", "s16le", "-"]
    loud = np.abs(np.frombuffer(ran(*whole), np.int16).astype(int)) > 2000
    return first + times[int(np.argmax(np.array(values) > 128))], np.argmax(loud) / 8000


def film_length(path):
    return ffmpeg.span(path).end - ffmpeg.span(path).first


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_rotated_clip_comes_out_upright_and_says_nothing_of_it(tmp_path, degrees):
    upright = make(tmp_path / "upright.mp4", picture=HALF, sound=False)
    turned, out = tmp_path / "turned.mp4", tmp_path / "out.mp4"
    # As a phone that was held so: the pixels lie, the container tells how to turn them.
    turns = {90: "transpose=1", 180: "hflip,vflip", 270: "transpose=2"}[degrees]
    make(tmp_path / "lying.mp4", picture=f"{HALF},{turns}")
    ran("-display_rotation", degrees, "-i", tmp_path / "lying.mp4", "-c", "copy", turned)
    found = masked(turned, out, end=0.2)
    assert found[0].frame.image.shape == (48, 64, 3)
    expected = read_all(upright)[0].astype(int)
    assert np.abs(found[0].frame.image - expected).max() < 12
    assert np.abs(read_all(out)[0] - expected).max() < 12
    told = subprocess.run([MAKER, "-i", out], capture_output=True, text=True).stderr
    assert "rotation of" not in told and "64x48" in told


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_an_uneven_clip_keeps_its_length_and_its_sound_in_step(tmp_path, suffix):
    clip = make(tmp_path / f"uneven{suffix}", uneven=True)
    out = tmp_path / "out.mp4"
    found = masked(clip, out)
    assert len(found) == 14 + len(range(18, 60, 6))  # each frame is looked at once
    assert film_length(out) == pytest.approx(film_length(clip), abs=1 / 30)
    picture, sound = flash_in(out)
    assert picture == pytest.approx(FLASHES_AT, abs=0.04)
    assert sound == pytest.approx(picture, abs=0.04)
    assert len(read_all(out)) == pytest.approx(30 * film_length(clip), abs=1)


def test_a_last_frame_that_stands_for_long(tmp_path):
    """A screen recorder writes nothing while nothing changes."""
    clip, out = tmp_path / "held.mp4", tmp_path / "out.mp4"
    picture = f"{HALF},drawbox=0:24:64:24:white:fill:enable='between(n,12,17)'"
    cut = ["-vf", "select='eq(n,0)+eq(n,12)+eq(n,18)'", "-fps_mode", "vfr", "-bf", "0"]
    make(tmp_path / "three.mp4", picture=picture, sound=False, after=cut)
    # A second is 15360 units: the third picture stands for 1.9.
    longer = "setts=pts=PTS:dts=DTS:duration='if(eq(PTS,0.6*15360),1.9*15360,DURATION)'"
    ran("-i", tmp_path / "three.mp4", "-c", "copy", "-bsf:v", longer, clip)
    with Video(clip) as video:
        assert len(list(video.frames())) == 3
        assert video.end == pytest.approx(2.5, abs=0.04)
        assert video.missing == 0
    found = []
    with Video(clip) as video:
        writer = VideoWriter(out, video.size, video.rate)
        options = {"writer": writer, "on_frame": found.append}
        mask_video(video, RedDetector().detect, NAMES, **options)
        writer.close()
    bright = [frame[30:44].mean() > 128 for frame in read_all(out)]
    assert (bright.index(True), sum(bright)) == (12, 6)
    assert len(bright) == 75


@pytest.mark.parametrize("start", [0.0, 0.55])
@pytest.mark.parametrize(("delayed", "seconds"), [("pictures", 0.3), ("sound", 0.2)])
def test_pictures_and_sound_that_do_not_begin_together(tmp_path, start, delayed, seconds):
    whole, clip = make(tmp_path / "whole.mp4"), tmp_path / "clip.mp4"
    order = ("0:v", "1:a") if delayed == "pictures" else ("1:v", "0:a")
    ran(
        "-itsoffset", seconds, "-i", whole, "-i", whole,
        "-map", order[0], "-map", order[1], "-c", "copy", clip,
    )  # fmt: skip
    picture, sound = flash_in(clip)
    assert abs(picture - sound) == pytest.approx(seconds, abs=0.03)
    masked(clip, tmp_path / "out.mp4", start=start)
    picture2, sound2 = flash_in(tmp_path / "out.mp4")
    assert picture2 == pytest.approx(FLASHES_AT - start, abs=0.04)
    assert sound2 - picture2 == pytest.approx(sound - picture, abs=0.04)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".mov"])
def test_odd_sizes_with_sound(tmp_path, suffix):
    clip, out = tmp_path / "odd.mkv", tmp_path / f"out{suffix}"
    make(clip, picture=f"{FLASH},crop=63:47:0:0", after=["-pix_fmt", "yuv444p"])
    masked(clip, out)
    assert {frame.shape for frame in read_all(out)} == {(46, 62, 3)}
    assert film_length(out) == pytest.approx(2, abs=1 / 30)
    picture, sound = flash_in(out)
    assert picture == pytest.approx(FLASHES_AT, abs=0.02)
    assert sound == pytest.approx(picture, abs=0.04)


def test_an_uneven_clip_is_shown_at_its_own_speed(tmp_path):
    steps = []

    class Window:
        paused = 0

        def show(self, picture, step):
            steps.append(step)
            return True

        def wait(self):
            return True

    with Video(make(tmp_path / "uneven.mp4", uneven=True, sound=False)) as video:
        mask_video(video, RedDetector().detect, NAMES, window=Window())
    assert steps == pytest.approx([0] + [1 / 30] * 13 + [5 / 30] + [6 / 30] * 6, abs=0.002)


def test_times_of_a_film(tmp_path):
    writer = VideoWriter(tmp_path / "out.avi", (48, 64), 10)
    pictures = [np.full((48, 64, 3), value, np.uint8) for value in (40, 80, 120, 160, 200)]
    # The first one late, one that wavers, one too many, one after a gap; the last one stands.
    for picture, time in zip(pictures, (0.2, 0.36, 0.37, 0.4, 0.8), strict=True):
        writer.write(picture, time)
    writer.hold(1.0)
    writer.close()
    values = [round(frame.mean() / 40) for frame in read_all(tmp_path / "out.avi")]
    assert values == [1, 1, 1, 2, 3, 4, 4, 4, 5, 5]


def test_a_clock_that_leaps_or_goes_back_fills_no_disk(tmp_path):
    clip = make(tmp_path / "clip.mp4", picture=HALF, sound=False)
    with Video(clip) as video:
        capture, calls = video._capture, iter([0, 33, 95e6, 95e6 + 33, 10, 43, 77])

        class Leaping:
            def __getattr__(self, name):
                return getattr(capture, name)

            def get(self, _):
                return next(calls, 77)

        video._capture = Leaping()
        times = [frame.time for _, frame in zip(range(7), video.frames(), strict=False)]
    assert np.diff(times) == pytest.approx(1 / 30, abs=0.002)


def test_two_frames_of_one_time_do_not_shift_what_follows(tmp_path):
    doubled = ["-vf", "setpts='PTS-eq(mod(N,6),1)'", "-fps_mode", "passthrough"]
    clip = make(tmp_path / "clip.mp4", after=doubled)
    masked(clip, tmp_path / "out.mp4")
    assert film_length(tmp_path / "out.mp4") == pytest.approx(2, abs=1 / 30)
    picture, sound = flash_in(tmp_path / "out.mp4")
    assert (picture, sound) == pytest.approx((FLASHES_AT, FLASHES_AT), abs=0.04)


def test_the_program_of_the_package_where_the_path_has_none(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert ffmpeg.can_encode() and "imageio_ffmpeg" in ffmpeg.find()
    monkeypatch.setattr(ffmpeg, "_bundled", lambda: None)
    assert ffmpeg.find() is None and not ffmpeg.can_encode()
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda _: "/usr/bin/ffmpeg")
    monkeypatch.setattr(ffmpeg, "_encodes", lambda program: program == "/usr/bin/ffmpeg")
    monkeypatch.setattr(ffmpeg, "_bundled", lambda: "/bundled/ffmpeg")
    assert ffmpeg.find() == "/usr/bin/ffmpeg"
    monkeypatch.setattr(ffmpeg, "_encodes", lambda program: program == "/bundled/ffmpeg")
    assert ffmpeg.find() == "/bundled/ffmpeg"  # of a PATH whose ffmpeg lacks the encoder
