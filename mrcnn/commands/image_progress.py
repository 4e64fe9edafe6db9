"""How far a run over images is, in one line an image."""

import shutil
import statistics
import sys
import time

CLEAR_LINE = "\r\033[K"


class Progress:
    """One line an image: rewritten in place on a terminal, one after the other in a file."""

    def __init__(self, total: int, stream=None):
        self.total, self.stream = total, stream or sys.stdout
        self.in_place = self.stream.isatty()
        self.started = self.count = 0
        # When the last image was finished, and the time that each took since the one before.
        self.finished, self.seconds = None, []

    def start(self, name: str):
        """Say which image the network works at."""
        self.started += 1
        if self.in_place:
            self._write(self.started, f"{name} ...", self.total - self.count)
        self.finished = self.finished or time.perf_counter()

    def done(self, text: str):
        """Say what became of the next image, in their order."""
        self.count += 1
        now = time.perf_counter()
        self.seconds.append(now - self.finished)
        self.finished = now
        self._write(self.count, text, self.total - self.count)

    def fault(self, text: str):
        """Say what was wrong with it, on a line that stays."""
        self.count += 1
        self.finished = time.perf_counter()
        self.end()
        print(f"[{self.count}/{self.total}] {text}", file=sys.stderr, flush=True)

    def end(self):
        """Leave the line."""
        if self.in_place:
            self.stream.write(CLEAR_LINE)
            self.stream.flush()

    def each(self) -> float:
        """Return the seconds an image takes; the first, which compiles, counts as one of many."""
        return statistics.median(self.seconds) if self.seconds else 0.0

    def _write(self, number, text, to_come):
        left = f", {duration(self.each() * to_come)} left" if self.seconds and to_come else ""
        line = f"[{number}/{self.total}{left}] {text}"
        if self.in_place:
            self.stream.write(CLEAR_LINE + line[: shutil.get_terminal_size().columns - 1])
        else:
            self.stream.write(line + "\n")
        self.stream.flush()


def duration(seconds: float) -> str:
    """Return a time in words: "0.04 s", "0.8 s", "12 s", "3 min"."""
    if 0 < seconds < 0.1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
