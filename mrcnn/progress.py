"""How far something is and how long it will take, in one line; and a duration in words."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO


def duration(seconds: float) -> str:
    """Return such as "0.04 s", "0.8 s", "12 s", "3 min 20 s" or "2 h 05 min"."""
    if round(seconds, 2) < 0.1:
        return f"{seconds:.2f} s"
    if round(seconds, 1) < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, whole = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {whole:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


# A first step of less is not worth a line.
LONG_SECONDS = 2.0


class Progress:
    """A line such as "Photos read [3/36, 12 s left] a.jpg".

    On a terminal one line is rewritten, cut to its width, and wiped at the end. Elsewhere a line
    comes now and then: where much is to come as soon as the time left is known, and then each
    `every` seconds.

    Arguments:
        total: how many steps; None where nobody knows.
        what: the line's beginning.
        stream: standard output by default.
        every: seconds between two lines where there is no terminal; 0 for a line a step.
        number: puts `total` and the count of steps in words, such as megabytes.
        compiles: say in a line of its own how long the first step took, where that was long.

    The first two steps, which compile or start what the others need, do not count in `left` and
    `seconds_each`, so that nothing is estimated before the third.
    """

    def __init__(
        self,
        total: float | None,
        what: str = "",
        stream: TextIO | None = None,
        every: float = 30.0,
        number: Callable[[float], str] = str,
        compiles: bool = False,
    ):
        self.total, self.what, self.every, self.number = total, what, every, number
        self.stream = stream or sys.stdout
        self.done, self.text = 0, ""
        self._start = self._said = time.perf_counter()
        self._compiles = compiles
        self._marks = []  # (when, steps done) of the first two steps and of the last one
        self._estimated = False
        self._bar = None  # on a terminal, from the first step to the end

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_):
        self.close()

    def update(self, text: str = "", count: float = 1) -> None:
        """Note that `count` steps are done; `text` says what came of them, or, with a count of 0,
        what is being done."""
        self.text = text
        self.done += count
        if count:
            now = time.perf_counter()
            self._marks[2:] = []
            self._marks.append((now, self.done))
            if self._compiles and len(self._marks) == 1:
                self.compiled(now - self._start)
        if self.stream.isatty():
            begins = self._bar is None
            if begins:
                self._bar = _bar(self.stream)
            self._bar.ncols = _width(self.stream)
            # What may stay for long is shown at once, other steps ten times a second.
            self._bar.set_description_str(str(self), refresh=begins or not count)
            self._bar.update(count)
        elif count:
            self._say(now)

    def to(self, done: float, total: float | None = None, text: str = "") -> None:
        """Note that `done` steps in all are done, of `total` where that is only known now."""
        self.total = self.total if total is None else total
        self.update(text, done - self.done)

    def line(self, text: str, stream: TextIO | None = None) -> None:
        """Print a line that stays, to `stream` or where the progress is."""
        if self._bar is not None:
            self._bar.clear()
        print(text, file=stream or self.stream, flush=True)
        if self._bar is not None:
            self._bar.refresh()

    def close(self) -> None:
        """Wipe the line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def compiled(self, seconds: float) -> None:
        """Say how long it took until the first step was done, where anybody waited for it."""
        if seconds >= LONG_SECONDS:
            self.line(f"Compiled in {duration(seconds)}")

    @property
    def seconds_each(self) -> float:
        """What a step takes: without the first two, unless there are no others; 0 before any."""
        if not self._marks:
            return 0.0
        now, done = self._marks[-1]
        since, before = ((self._start, 0), *self._marks)[len(self._marks) - 1]
        return (now - since) / (done - before)

    @property
    def left(self) -> float | None:
        """Seconds until all steps are done; None before the third one, and without a total."""
        if self.total is None or len(self._marks) < 3:
            return None
        return self.seconds_each * max(self.total - self.done, 0)

    def __str__(self):
        count = self.number(self.done)
        if self.total is not None:
            count += f"/{self.number(self.total)}"
        left = f", {duration(self.left)} left" if self.left else ""
        return " ".join(part for part in (self.what, f"[{count}{left}]", self.text) if part)

    def _say(self, now):
        """Print a line where one is due."""
        first_estimate = not self._estimated and self.left is not None
        self._estimated |= first_estimate
        if now - self._said >= self.every or (first_estimate and self.left > self.every):
            self._said = now
            print(self, file=self.stream, flush=True)


def _bar(stream):
    """Return a line of tqdm's, whose text is its description."""
    from tqdm import tqdm

    options = {"bar_format": "{desc}", "leave": False, "nrows": 2, "miniters": 0, "position": 0}
    return tqdm(file=stream, ncols=_width(stream), **options)


def _width(stream) -> int:
    """Return how many columns may be written; tqdm takes a terminal that tells none for empty."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return (columns or shutil.get_terminal_size().columns) - 1
