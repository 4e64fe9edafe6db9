"""Videos written to a file, frame by frame.

Frames are uint8 RGB `[H, W, 3]`, sizes `(height, width)` in pixels, rates frames a second, times
seconds from the beginning of the film.
"""

from pathlib import Path

import cv2
import numpy as np

from mrcnn.atomic import naming
from mrcnn.video import ffmpeg
from mrcnn.video.reading import quiet

# OpenCV's codecs by container, with their names, the one that most players know first.
CODECS = {
    ".mp4": {"avc1": "H.264", "mp4v": "MPEG-4"},
    ".mov": {"avc1": "H.264", "mp4v": "MPEG-4"},
    ".mkv": {"H264": "H.264", "mp4v": "MPEG-4"},
    ".avi": {"H264": "H.264", "XVID": "MPEG-4", "MJPG": "Motion JPEG"},
}


# Frames that one may be away from its time before others are repeated or it is left out: half of
# one, and a little so that times that waver about it do not do both in turn.
SLACK = 0.75


class _OpenCVEncoder:
    """Writes frames with the first codec of the container that this OpenCV has."""

    def __init__(self, path: Path, size, rate):
        codecs = CODECS[path.suffix.lower()]
        for code, name in codecs.items():
            with quiet():
                fourcc = cv2.VideoWriter.fourcc(*code)
                self._writer = cv2.VideoWriter(str(path), fourcc, rate, size[::-1])
            if self._writer.isOpened():
                self.codec = name
                return
        raise ValueError(
            f"this OpenCV has no codec for {path.suffix} files ({', '.join(codecs)}): "
            "install ffmpeg, or give --output a name that ends in .avi or .mkv"
        )

    def write(self, image):
        # What it complains of, frame by frame, is seen at the end.
        with quiet():
            self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    def close(self):
        self._writer.release()


def part_path(path: Path) -> Path:
    """Return where the video `path` grows."""
    return path.with_name(f"{path.stem}.part{path.suffix}")


class VideoWriter:
    """A video file that grows beside `path`, at `part_path`, and then takes its place.

    The ending of `path` chooses the container, one of CODECS. Codecs want even sides: an odd row or
    column at the end is left out. `codec` is its name in words: H.264 with ffmpeg, else the best of
    OpenCV's.

    A process that is killed leaves the part behind: ffmpeg finishes it, and without ffmpeg .mkv
    and .avi play as far as they came, but .mp4 and .mov lack their table of contents and do not.

    Raises ValueError for endings and codecs that are missing, OSError where `path` cannot be
    written.
    """

    def __init__(self, path: str | Path, size: tuple[int, int], rate: float):
        self.path = path = Path(path)
        if path.suffix.lower() not in CODECS:
            raise ValueError(f"{path}: videos are written to files that end in {', '.join(CODECS)}")
        self.part = part_path(path)
        self.rate, self.count = rate, 0
        self._last = None
        self._even = tuple(side // 2 * 2 for side in size)
        if not all(self._even):
            raise ValueError(f"a video of {size[1]} x {size[0]} pixels is too small to be encoded")
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.part.touch()
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

    def write(self, image: np.ndarray, time: float | None = None):
        """Add a frame, uint8 RGB of the writer's size; raises OSError where it cannot.

        With a `time`, the frame before stands until then, or this one is left out where it comes
        too early for the rate of the film.
        """
        height, width = self._even
        image = np.ascontiguousarray(image[:height, :width])
        if time is not None:
            ahead = time * self.rate - self.count
            if self._last is None:  # nothing else could stand before it
                self._last = image
            if ahead > SLACK:
                self.hold(time)
        self._last = image
        if time is None or ahead >= -SLACK:
            self._add(image)

    def hold(self, time: float):
        """Let the last frame stand until `time`."""
        while self._last is not None and self.count < round(time * self.rate):
            self._add(self._last)

    def _add(self, image):
        self._encoder.write(image)
        self.count += 1

    def close(self, sound: str | Path | None = None, start: float = 0.0) -> str | None:
        """Finish the file and put it in its place, unless it has no frames.

        The film gets the sound of the file `sound` from the second `start` on, through ffmpeg.
        Returns why it has none, None where it has or none was asked for. Raises OSError where the
        file could not be written whole.
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
        """OpenCV does not tell when a disk is full: look whether the file can be read to its end.

        What was cut off keeps its header, but cannot be wound on: OpenCV is at the start again.
        """
        with quiet():
            capture = cv2.VideoCapture(str(self.part))
            readable = capture.grab()
            capture.set(cv2.CAP_PROP_POS_FRAMES, self.count - 1)
            last = capture.grab() and capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 * self.rate
            capture.release()
        if not readable:
            raise OSError("it cannot be read again; is the disk full?")
        if last < (self.count - 1) / 2:
            raise OSError(f"not all of its {self.count} frames can be read; is the disk full?")
