"""Videos as frames, read from a file, a camera or a stream.

Frames are uint8 RGB `[H, W, 3]`, upright as the container says, sizes `(height, width)` in pixels,
times seconds from the first frame of the source, rates frames a second.
"""

import contextlib
import math
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mrcnn import files
from mrcnn.video import ffmpeg

# FFmpeg inside OpenCV writes its complaints to stderr; what matters is raised here.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

# Of containers and cameras that tell none, or one that cannot be.
DEFAULT_RATE = 25.0
MAX_RATE = 480.0
# Frames whose times are compared with the rate that a container announces.
PROBED_FRAMES = 50
# Between frames that come evenly the longest time is so many times the shortest at most.
EVEN = 1.5
# Where they do not, a film has so many frames a second at least: each of them is then shown at its
# time to a sixtieth of a second.
MIN_UNEVEN_RATE = 30.0
# Seconds from a frame to the next one from which the clock is not believed, or the disk would fill
# with repeats.
LEAP = 600.0
# A file ends too early from so many seconds, and such a share of what it announces.
MISSING_SECONDS, MISSING_SHARE = 1.0, 0.02
STREAM_TIMEOUT_MS = 10_000
# Times of frames are rounded.
TIME_STEP = 1e-3


class VideoError(ValueError):
    """A video cannot be read; the message names it and says why."""


class Frame(NamedTuple):
    """A picture of a video: its place among those read, from 0, and its time in the source."""

    index: int
    time: float
    image: np.ndarray


@contextlib.contextmanager
def quiet():
    """Keep OpenCV's warnings about what cannot be opened to itself."""
    log = cv2.utils.logging
    level = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)


def film_rate(announced: float, times: Sequence[float]) -> float:
    """Return the frames a second of a film of a video; `times` are of the video's first frames.

    What the container has announced counts. But some count fields, or frames that only repeat the
    last one and are never decoded: then their rate is twice or three times that of the frames. And
    where frames come unevenly it is the mean, in which each would stand some time away from its
    own: then it is a rate that has room for them all.
    """
    gaps = np.diff(times)
    gaps = gaps[gaps > 0]
    measured = 1 / float(np.median(gaps)) if len(gaps) else math.nan
    if not 0 < announced <= MAX_RATE:
        return measured if 0 < measured <= MAX_RATE else DEFAULT_RATE
    times_over = announced / measured
    repeats = times_over > 1.5 and abs(times_over - round(times_over)) < 0.01 * times_over
    even = len(gaps) == 0 or gaps.max() < EVEN * gaps.min()
    if even and (repeats or math.isnan(measured)):
        return measured if repeats else announced
    if even and max(times_over, 1 / times_over) < EVEN:
        return announced
    return min(max(announced, measured, MIN_UNEVEN_RATE), MAX_RATE)


class Video(contextlib.AbstractContextManager):
    """A video file, a camera (its index) or a stream (its address), read frame by frame.

    `size` (height, width); `rate`, that of a film of it, as `film_rate` tells; `duration` in
    seconds as announced, None where unknown; `live` where frames come whether or not they are read.
    After the last frame of a file, or of the part that was asked for, `end` is when that one ends,
    and `missing` tells how many seconds of the duration never came: more than 0 means a truncated
    file.

    Raises VideoError where there is no frame to be had.
    """

    def __init__(self, source: str | Path | int):
        self.source = source
        self.missing, self.end = 0.0, None
        self._free = threading.Lock()  # OpenCV crashes where a capture is let go at work
        self.is_file = not isinstance(source, int) and "://" not in str(source)
        if self.is_file:
            _check_file(Path(source))
        self._capture = self._open()
        announced = self._capture.get(cv2.CAP_PROP_FPS)
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        known = announced > 0 and count > 0
        self.duration = count / announced if known and not isinstance(source, int) else None
        self._span = ffmpeg.span(source) if self.is_file else None
        if self._span:  # the mean rate that is announced is not exact where frames come unevenly
            self.duration = max(self.duration or 0, self._span.end - self._span.first)
        self.live = not self.is_file and self.duration is None
        ok, image = self._capture.read()
        if not ok:
            raise VideoError(
                f"camera {source} gives no picture"
                if isinstance(source, int)
                else f"{source} holds no frame that can be decoded"
            )
        self.size = image.shape[:2]
        self.rate = film_rate(announced, () if self.live else self._probe())

    def _open(self):
        source, options = self.source, []
        if not self.is_file and not isinstance(source, int):
            options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, STREAM_TIMEOUT_MS]
            options += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, STREAM_TIMEOUT_MS]
        with quiet():
            name = source if isinstance(source, int) else str(source)
            capture = cv2.VideoCapture(name, cv2.CAP_ANY, options)
        if capture.isOpened():
            return capture
        if isinstance(source, int):
            first = ": the first one is 0" if source else ""
            raise VideoError(f"there is no camera {source}, or another program has it{first}")
        if self.is_file:
            raise VideoError(f"{source} is not a video, or is cut off where its description stood")
        raise VideoError(f"{source} does not answer, or sends no video")

    def _probe(self) -> list[float]:
        """Return the times of the first frames and start again."""
        times = [self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000]
        while len(times) < PROBED_FRAMES and self._capture.grab():
            times.append(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        self.close()
        self._capture = self._open()
        return times

    def frames(self, start: float = 0.0, end: float | None = None) -> Iterator[Frame]:
        """Yield the frames from `start` to before `end`, in seconds; once a `Video`.

        Frames before `start` are decoded too, at about 1 ms each: seeking is not exact in every
        container, and the times after it are wrong.
        """
        index, latest, offset, began = 0, None, None, time.perf_counter()
        while self._grab():
            if self.live:
                now = time.perf_counter() - began
            else:
                clock = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                offset = clock if offset is None else offset
                now = clock - offset
                if latest is not None and now > latest + LEAP:
                    now, offset = latest + 1 / self.rate, clock - latest - 1 / self.rate
                elif latest is not None and now <= latest:  # a container without times
                    now = latest + 1 / self.rate
            latest = now
            if end is not None and now >= end - TIME_STEP:
                self.end = end
                return
            if now < start - TIME_STEP:
                continue
            with self._free:
                _, image = self._capture.retrieve()
            if image is None:  # damaged; OpenCV may say that it went well all the same
                continue
            if image.shape[:2] != self.size:  # a stream that changed its size
                image = cv2.resize(image, self.size[::-1], interpolation=cv2.INTER_AREA)
            yield Frame(index, now, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            index += 1
        if self.is_file:
            self.end = 0.0 if latest is None else self._end_of_frame(latest)
        if self.is_file and self.duration:
            expected = min(self.duration, end if end is not None else math.inf)
            missing = expected - self.end
            if missing > max(MISSING_SECONDS, MISSING_SHARE * self.duration):
                self.missing = missing

    def _end_of_frame(self, last: float) -> float:
        """Return when the last frame ends: it may stand for longer than others."""
        end = last + 1 / self.rate
        if self._span and abs(self._span.last - self._span.first - last) < 1 / self.rate:
            end = max(end, self._span.end - self._span.first)
        return end

    def _grab(self) -> bool:
        with self._free:
            return self._capture.grab()

    def close(self):
        """Let go of the file or camera; of one that a thread still waits for when that ends."""
        if self._free.acquire(blocking=False):
            self._capture.release()
            self._free.release()

    def __exit__(self, *_):
        self.close()


def _check_file(path: Path):
    if path.is_dir():
        raise VideoError(f"{path} is a folder, a video is needed")
    if not path.exists():
        raise VideoError(f"{path}: no such file")
    if files.is_special(path):
        raise VideoError(f"{path} is a pipe or a device, a video or a camera's number is needed")
    if not path.stat().st_size:
        raise VideoError(f"{path} is empty")
    try:
        path.open("rb").close()
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}") from error
    # OpenCV takes a picture for a video of one frame.
    if path.suffix.lower() != ".gif" and cv2.haveImageReader(str(path)):
        raise VideoError(f"{path} is a picture, not a video")
