"""The `ffmpeg` program: H.264 that plays everywhere, sound, and the clock of a file.

The OpenCV of the package index has no H.264 encoder and writes no sound.
"""

import contextlib
import functools
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

# crf is the quality, less is better; on a machine that runs a network, veryfast leaves the
# processor to it. Not every player shows other pixels than yuv420p.
ENCODER = "libx264"
OPTIONS = ("-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p")
# Without these, a file that is cut off before its table of contents stands at its end plays not at
# all. Pieces of a second play as far as they came; the whole file then gets its table, in front,
# so that a player starts before it has all of it.
PIECES = ("-movflags", "+empty_moov+default_base_moof", "-frag_duration", "1000000")
INDEX_FIRST = ("-movflags", "+faststart")
WITH_TABLE = (".mp4", ".mov")
# AVI has no times: frames that are stored in another order than they are shown in cannot be wound
# on to.
IN_ORDER = ("-bf", "0")
# Of packets in AVI.
NO_TIME = -(2**63)
# At the end of a file, of which the packets are read.
TAIL_SECONDS = 2
QUIET = ("-hide_banner", "-loglevel", "error", "-nostdin", "-y")


def find() -> str | None:
    """Return the path of ffmpeg, None where there is none.

    That is the one on the PATH, or the one of the package imageio-ffmpeg where that has none that
    encodes H.264.
    """
    on_path = shutil.which("ffmpeg")
    if on_path and _encodes(on_path):
        return on_path
    return _bundled() or on_path


@functools.cache
def _bundled() -> str | None:
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):  # not installed, or a wheel for a system without one
        return None


@functools.cache
def _encodes(program: str) -> bool:
    command = [program, "-hide_banner", "-encoders"]
    told = subprocess.run(command, capture_output=True, text=True, errors="replace").stdout
    return f" {ENCODER} " in told


def can_encode() -> bool:
    """Return whether ffmpeg is there and encodes H.264."""
    program = find()
    return program is not None and _encodes(program)


def _name(path: str | Path) -> str:
    """Return a path as ffmpeg takes it: colons and dashes mean nothing."""
    return f"file:{Path(path).resolve()}"


class Encoder:
    """Writes uint8 RGB frames of `size` (height, width) to a file, through a pipe to ffmpeg.

    ffmpeg finishes the file when the pipe ends, even where this process was killed. Where both
    are, the file plays as far as it came. Raises OSError with what ffmpeg says where it stops.
    """

    codec = "H.264"

    def __init__(self, path: Path, size: tuple[int, int], rate: float):
        self._path, (height, width) = path, size
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        command = [find(), *QUIET, "-f", "rawvideo", "-pixel_format", "rgb24"]
        command += ["-video_size", f"{width}x{height}", "-framerate", f"{rate:.6f}", "-i", "pipe:0"]
        command += ["-c:v", ENCODER, *OPTIONS]
        command += PIECES if path.suffix.lower() in WITH_TABLE else ()
        command += IN_ORDER if path.suffix.lower() == ".avi" else ()
        # Ctrl-C in the terminal is not for ffmpeg.
        apart = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._process = subprocess.Popen(
            [*command, _name(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            **apart,
        )

    def write(self, image: np.ndarray):
        try:
            self._process.stdin.write(image.data)
        except OSError:  # the pipe is broken; Windows has another error for it
            raise OSError(self._words()) from None

    def close(self):
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        if self._process.wait():
            raise OSError(self._words())
        self._complaints.close()
        if self._path.suffix.lower() in WITH_TABLE and (words := _rewrite(self._path, [])):
            raise OSError(words)

    def _words(self) -> str:
        self._process.wait()
        self._complaints.seek(0)
        return f"ffmpeg says: {_last_line(self._complaints.read().decode(errors='replace'))}"


class Span(NamedTuple):
    """Where the first and the last picture of a file begin and the last ends, on its own clock.

    In seconds. Sound has the same clock, and need not begin when the pictures do.
    """

    first: float
    last: float
    end: float


def span(source: str | Path) -> Span | None:
    """Return the `Span` of a file; None without ffmpeg and where it cannot tell.

    Only packets at both ends of the file are read.
    """
    if not find():
        return None
    head = _packets(["-i", _name(source)], "-frames:v", "1")
    tail = _packets(["-sseof", f"-{TAIL_SECONDS}", "-i", _name(source)])
    if not (head and tail):
        return None
    last, length = max(tail)
    return Span(head[0][0], last, last + length)


def _packets(source: list[str], *options: str) -> list[tuple[float, float]]:
    """Return (time, duration) in seconds of the pictures that ffmpeg reads, undecoded."""
    command = [find(), "-hide_banner", "-loglevel", "error", "-nostdin", "-copyts", *source]
    command += ["-map", "0:V:0", "-c", "copy", *options, "-f", "framecrc", "-"]
    told = subprocess.run(command, capture_output=True, text=True, errors="replace").stdout
    step, packets = 0, []
    for line in told.splitlines():
        if line.startswith("#tb 0:"):
            step = Fraction(line.split()[-1])
        elif line.startswith("0,"):
            _, stored, shown, length = (int(value, 0) for value in line.split(",")[:4])
            time = stored if shown == NO_TIME else shown
            packets.append((float(time * step), float(length * step)))
    return packets


def has_sound(path: str | Path) -> bool:
    """Return whether a file has sound, by what ffmpeg says of it."""
    command = [find(), "-hide_banner", "-nostdin", "-i", _name(path)]
    told = subprocess.run(command, capture_output=True, text=True, errors="replace").stderr
    return any("Stream #" in line and "Audio:" in line for line in told.splitlines())


def add_sound(video: Path, source: str | Path, start: float, duration: float) -> str | None:
    """Put the sound of `source`, from `start` for `duration` seconds, into the file `video`.

    `start` counts from the first picture of `source`. Returns None, or why there is no sound;
    `video` is then as it was.
    """
    if not find():
        return "there is no ffmpeg, which copies it (pip install imageio-ffmpeg)"
    if not has_sound(source):
        return f"{source} has none"
    known = span(source)
    start = max(0.0, start + (known.first if known else 0))
    suffix = video.suffix.lower()
    # A copy can begin at some packets only, and would be out of step with the pictures.
    as_it_is = not start and suffix == Path(source).suffix.lower()
    # AVI has no times, and codecs that begin with silence would put the pictures off.
    codec = "copy" if as_it_is else "pcm_s16le" if suffix == ".avi" else "aac"
    sound = ["-seek_timestamp", "1", "-ss", f"{start:.6f}", "-t", f"{duration:.6f}"]
    sound += ["-i", _name(source), "-map", "0:v", "-map", "1:a", "-c:a", codec]
    return _rewrite(video, sound)


def _rewrite(video: Path, options: list[str]) -> str | None:
    """Put the pictures of `video` into a new file in its place; return as `add_sound` does."""
    new = video.with_name(f"{video.stem}.new{video.suffix}")
    command = [find(), *QUIET, "-i", _name(video), *options, "-c:v", "copy"]
    command += INDEX_FIRST if video.suffix.lower() in WITH_TABLE else ()
    try:
        done = subprocess.run(
            [*command, _name(new)], capture_output=True, text=True, errors="replace"
        )
        if done.returncode:
            return f"ffmpeg says: {_last_line(done.stderr)}"
        new.replace(video)
    finally:
        new.unlink(missing_ok=True)
    return None


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing"])[-1]
