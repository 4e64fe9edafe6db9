"""How far a video is and what it showed, in words."""

import math
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence

from mrcnn.results.words import counts_text

CLEAR_LINE = "\r\033[K"
# Between two lines of progress, on a terminal and in a file.
TERMINAL_SECONDS, FILE_SECONDS = 0.5, 10.0


def clock(value: float) -> str:
    """Return seconds as "1:30" or "1:01:30"."""
    minutes, rest = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Tally:
    """Counts what a video showed, frame by frame; `objects` by class, each object once."""

    def __init__(self, class_names: Sequence[str]):
        self._class_names = class_names
        self.frames = self.most = self._last_number = 0
        self.time = 0.0
        self.objects, self.now = Counter(), Counter()

    def add(self, found):
        """Count a `masking.Found`; an object is new when its number is."""
        self.frames += 1
        self.time = found.frame.time
        self.most = max(self.most, len(found.numbers))
        names = [self._class_names[class_id] for class_id in found.result["class_ids"]]
        self.now = Counter(names)
        new = [name for name, n in zip(names, found.numbers, strict=True) if n > self._last_number]
        self.objects.update(new)
        self._last_number = max([self._last_number, *map(int, found.numbers)])


class Progress:
    """Says how far a run is: rewritten in place on a terminal, now and then in a file.

    `end` is the video's last second, None where nobody knows.
    """

    def __init__(self, end: float | None, stream=None):
        self.end, self.stream = end, stream or sys.stdout
        self.in_place = self.stream.isatty()
        self.began = self.now = None
        self._said, self._first = -math.inf, 0.0

    def show(self, tally: Tally):
        """Say where `tally` stands, unless that was said just now."""
        self.now = time.monotonic()
        if self.began is None:  # the first frame waits for the network to be compiled
            self.began, self._first = self.now, tally.time
        if self.now - self._said < (TERMINAL_SECONDS if self.in_place else FILE_SECONDS):
            return
        self._said = self.now
        text = progress_text(tally, self.now - self.began, self._first, self.end)
        if self.in_place:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write(CLEAR_LINE + text[:width])
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def seconds_each(self, tally: Tally) -> float:
        """Return the seconds that a frame takes, without the first one."""
        return (self.now - self.began) / max(tally.frames - 1, 1) if self.now else 0.0

    def leave(self):
        """Leave the line."""
        if self.in_place:
            self.stream.write(CLEAR_LINE)
            self.stream.flush()


def progress_text(tally: Tally, elapsed: float, first: float, end: float | None) -> str:
    """Return "0:04 of 0:40, 12.3 frames a second, 0:03 left: 3 car".

    Arguments:
        tally: what was counted so far.
        elapsed: seconds of work since the first frame was done.
        first, end: the video's seconds between which the work lies; `end` may be None.
    """
    text = clock(tally.time) + (f" of {clock(end)}" if end is not None else "")
    if tally.frames > 1 and elapsed > 0:
        text += f", {(tally.frames - 1) / elapsed:.1f} frames a second"
        done = tally.time - first
        if end is not None and done > 0:
            text += f", {clock(max(0.0, end - tally.time) * elapsed / done)} left"
    return f"{text}: {counts_text(tally.now)}"


def summary(tally: Tally, each: float) -> str:
    """Return "377 frames, 0.21 s each: 12 car, 2 bus, at most 5 at once"."""
    plural = "s" if tally.frames != 1 else ""
    text = f"{tally.frames} frame{plural}, {each:.2g} s each: {counts_text(tally.objects)}"
    return text + (f", at most {tally.most} at once" if tally.objects else "")
