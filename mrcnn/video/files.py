"""Videos as frames: read from a file, a camera or a stream, and written to a file.

Frames are uint8 BGR `[H, W, 3]` as OpenCV gives them, sizes `(height, width)` in pixels, times
seconds from the beginning of the source, rates frames a second.
"""

import contextlib
import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mrcnn.video import ffmpeg

# FFmpeg inside OpenCV writes its complaints to stderr; what matters is raised here.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

# Of containers and cameras that tell none, or one that cannot be.
DEFAULT_RATE = 25.0
MAX_RATE = 480.0
# Frames whose times are compared with the rate that a container announces.
PROBED_FRAMES = 50
# A file ends too early from so many seconds, and such a share of what it announces.
MISSING_SECONDS, MISSING_SHARE = 1.0, 0.02
STREAM_TIMEOUT_MS = 10_000
# Times of frames are rounded.
TIME_STEP = 1e-3
# OpenCV's codecs by container, the one that most players know first.
CODECS = {
    ".mp4": ("avc1", "mp4v"),
    ".mov": ("avc1", "mp4v"),
    ".mkv": ("H264", "mp4v"),
    ".avi": ("H264", "XVID", "MJPG"),
}
CODEC_NAMES = {
    "avc1": "H.264",
    "H264": "H.264",
    "mp4v": "MPEG-4",
    "XVID": "MPEG-4",
    "MJPG": "Motion JPEG",
}


class VideoError(ValueError):
    """A video cannot be read; the message names it and says why."""


class Frame(NamedTuple):
    """A picture of a video: its place among those read, from 0, and its time in the source."""

    index: int
    time: float
    image: np.ndarray


@contextlib.contextmanager
def _quiet():
    """Keep OpenCV's warnings about what cannot be opened to itself."""
    log = cv2.utils.logging
    level = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)


# -- Reading -----------------------------------------------------------------------------------


def true_rate(announced: float, times: Sequence[float]) -> float:
    """Return the frames a second that keep a video's length.

    Arguments:
        announced: what the container tells.
        times: of the first frames, in seconds.

    What is announced counts, as it is the mean of the whole video where frames come unevenly. But
    some containers count fields, or frames that only repeat the last one and are never decoded:
    then their rate is twice or three times that of the frames.
    """
    gaps = np.diff(times)
    gaps = gaps[gaps > 0]
    measured = 1 / float(np.median(gaps)) if len(gaps) else math.nan
    if not 0 < announced <= MAX_RATE:
        return measured if 0 < measured <= MAX_RATE else DEFAULT_RATE
    times_over = announced / measured
    repeats = times_over > 1.5 and abs(times_over - round(times_over)) < 0.01 * times_over
    return measured if repeats else announced


class Video:
    """A video file, a camera (its index) or a stream (its address), read frame by frame.

    `size` (height, width), `rate`, `duration` in seconds as announced, None where unknown; `live`
    where frames come whether or not they are read. After a file's last frame `missing` tells how
    many seconds of the duration never came: more than 0 means a truncated file.

    Raises VideoError where there is no frame to be had.
    """

    def __init__(self, source: str | Path | int):
        self.source = source
        self.missing = 0.0
        self.is_file = not isinstance(source, int) and "://" not in str(source)
        if self.is_file:
            _check_file(Path(source))
        self._capture = self._open()
        announced = self._capture.get(cv2.CAP_PROP_FPS)
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        known = announced > 0 and count > 0
        self.duration = count / announced if known and not isinstance(source, int) else None
        self.live = not self.is_file and self.duration is None
        ok, image = self._capture.read()
        if not ok:
            raise VideoError(self._no_frames())
        self.size = image.shape[:2]
        self.rate = true_rate(announced, () if self.live else self._probe())

    def _open(self):
        source, options = self.source, []
        if not self.is_file and not isinstance(source, int):
            options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, STREAM_TIMEOUT_MS]
            options += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, STREAM_TIMEOUT_MS]
        with _quiet():
            name = source if isinstance(source, int) else str(source)
            capture = cv2.VideoCapture(name, cv2.CAP_ANY, options)
        if not capture.isOpened():
            raise VideoError(self._cannot_open())
        return capture

    def _probe(self) -> list[float]:
        """Return the times of the first frames and start again."""
        times = [self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000]
        while len(times) < PROBED_FRAMES and self._capture.grab():
            times.append(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        self.close()
        self._capture = self._open()
        return times

    def _cannot_open(self):
        if isinstance(self.source, int):
            return (
                f"there is no camera {self.source}, or another program has it: 0 is the first one"
            )
        if self.is_file:
            return f"{self.source} is not a video, or is cut off where its description stood"
        return f"{self.source} does not answer, or sends no video"

    def _no_frames(self):
        if isinstance(self.source, int):
            return f"camera {self.source} gives no picture"
        return f"{self.source} holds no frame that can be decoded"

    def frames(self, start: float = 0.0, end: float | None = None) -> Iterator[Frame]:
        """Yield the frames from `start` to before `end`, in seconds; once a `Video`.

        Frames before `start` are decoded too, at about 1 ms each: seeking is not exact in every
        container, and the times after it are wrong.
        """
        index, latest, began = 0, None, time.perf_counter()
        while self._capture.grab():
            if self.live:
                now = time.perf_counter() - began
            else:
                now = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                if latest is not None and now <= latest:  # a container without times
                    now = latest + 1 / self.rate
            latest = now
            if end is not None and now >= end - TIME_STEP:
                return
            if now < start - TIME_STEP:
                continue
            ok, image = self._capture.retrieve()
            if not ok:
                continue
            if image.shape[:2] != self.size:  # a stream that changed its size
                image = cv2.resize(image, self.size[::-1], interpolation=cv2.INTER_AREA)
            yield Frame(index, now, image)
            index += 1
        if self.is_file and self.duration:
            expected = min(self.duration, end if end is not None else math.inf)
            missing = expected - (latest + 1 / self.rate if latest is not None else 0)
            if missing > max(MISSING_SECONDS, MISSING_SHARE * self.duration):
                self.missing = missing

    def close(self):
        """Let go of the file or camera."""
        self._capture.release()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _check_file(path: Path):
    if path.is_dir():
        raise VideoError(f"{path} is a folder, a video is needed")
    if not path.exists():
        raise VideoError(f"{path}: no such file")
    if not path.stat().st_size:
        raise VideoError(f"{path} is empty")
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}") from error
    # OpenCV takes a picture for a video of one frame.
    if path.suffix.lower() != ".gif" and cv2.haveImageReader(str(path)):
        raise VideoError(f"{path} is a picture, not a video")


# -- Writing -----------------------------------------------------------------------------------


class _OpenCVEncoder:
    """Writes frames with the first codec of the container that this OpenCV has."""

    def __init__(self, path: Path, size, rate):
        for code in CODECS[path.suffix.lower()]:
            with _quiet():
                fourcc = cv2.VideoWriter.fourcc(*code)
                self._writer = cv2.VideoWriter(str(path), fourcc, rate, size[::-1])
            if self._writer.isOpened():
                self.codec = CODEC_NAMES[code]
                return
        raise ValueError(
            f"this OpenCV has no codec for {path.suffix} files "
            f"({', '.join(CODECS[path.suffix.lower()])}): "
            "install ffmpeg, or give --output a name that ends in .avi or .mkv"
        )

    def write(self, image):
        self._writer.write(image)

    def close(self):
        self._writer.release()


def part_path(path: Path) -> Path:
    """Return where the video `path` grows."""
    return path.with_name(f"{path.stem}.part{path.suffix}")


class VideoWriter:
    """A video file that grows beside `path`, at `part_path`, and then takes its place.

    Arguments:
        path: its ending chooses the container; see CODECS.
        size: (height, width). Codecs want even ones: an odd row or column at the end is left out.
        rate: frames a second.

    `codec` is its name in words: H.264 with ffmpeg on the PATH, else the best of OpenCV's. `close`
    finishes the file. A process that is killed leaves the part behind: ffmpeg finishes it, and
    without ffmpeg .mkv and .avi play as far as they came, but .mp4 and .mov lack their table of
    contents and do not play.

    Raises ValueError for endings and codecs that are missing, OSError where `path` cannot be
    written.
    """

    def __init__(self, path: str | Path, size: tuple[int, int], rate: float):
        self.path = path = Path(path)
        if path.suffix.lower() not in CODECS:
            raise ValueError(f"{path}: videos are written to files that end in {', '.join(CODECS)}")
        self.part = part_path(path)
        self.rate, self.count = rate, 0
        self._even = tuple(side // 2 * 2 for side in size)
        if not all(self._even):
            raise ValueError(f"a video of {size[1]} x {size[0]} pixels is too small to be encoded")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.part.touch()
        except OSError as error:
            raise OSError(f"{path} cannot be written: {error.strerror}") from error
        try:
            # An encoder that ffmpeg lacks is looked for in OpenCV.
            encoder = ffmpeg.Encoder if ffmpeg.can_encode() else _OpenCVEncoder
            self._encoder = encoder(self.part, self._even, rate)
        except BaseException:
            self.part.unlink(missing_ok=True)
            raise
        self.codec = self._encoder.codec

    @property
    def duration(self) -> float:
        """Seconds that the frames written so far take."""
        return self.count / self.rate

    def write(self, image: np.ndarray):
        """Add a frame, uint8 BGR of the writer's size; raises OSError where it cannot."""
        height, width = self._even
        self._encoder.write(np.ascontiguousarray(image[:height, :width]))
        self.count += 1

    def close(self, sound: str | Path | None = None, start: float = 0.0) -> str | None:
        """Finish the file and put it in its place, unless it has no frames.

        Arguments:
            sound: a file whose sound the video gets, through ffmpeg.
            start: the second of `sound` at which the video begins.

        Returns why the video has no sound, None where it has or none was asked for. Raises
        OSError where the file could not be written whole.
        """
        silent = None
        try:
            self._encoder.close()
            if not self.count:
                self.part.unlink(missing_ok=True)
                return None
            self._check()
            if sound is not None:
                silent = ffmpeg.add_sound(self.part, sound, start, self.duration)
            self.part.replace(self.path)
        except OSError as error:
            raise OSError(
                f"{self.path} cannot be finished ({error.strerror or error}); "
                f"what there is stands in {self.part}"
            ) from error
        return silent

    def _check(self):
        """OpenCV does not tell when a disk is full: look whether the file can be read."""
        with _quiet():
            capture = cv2.VideoCapture(str(self.part))
            readable = capture.read()[0]
            capture.release()
        if not readable:
            raise OSError("it cannot be read again; is the disk full?")
