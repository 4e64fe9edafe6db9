"""Files that are there whole or not at all."""

import contextlib
import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Let an OSError of the body say that `path` cannot be written, and why."""
    try:
        yield
    except OSError as error:
        # HDF5 puts a page of its own into the text of the error.
        reason = os.strerror(error.errno) if error.errno else error
        raise OSError(f"{path} cannot be written: {reason}") from error


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give the path of a new, empty file beside `path`, which takes its place at the end.

    Folders that are missing are made. Where the body raises, what was at `path` is still there
    and nothing else is left. Raises OSError, naming `path`, where that cannot be written.
    """
    path = Path(path)
    beside = _beside(path)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.touch(exist_ok=False)
            yield beside
            # Windows flushes only what is open for writing.
            with open(beside, "r+b") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")


def _stamp(path: Path):
    """Return what tells whether a file was changed; None where there is none."""
    with contextlib.suppress(FileNotFoundError):
        stat = path.stat()
        return stat.st_size, stat.st_mtime_ns


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write a whole file; see `replacing`."""
    with replacing(path) as beside:
        beside.write_bytes(data)
    return Path(path)


def write_json(path: str | Path, document) -> Path:
    """Write a document in one line; see `replacing`."""
    return write_bytes(path, _bytes(as_json(document)))


def as_json(document) -> str:
    """Return a document as JSON in one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _bytes(text: str) -> bytes:
    # File names that are no UTF-8 hold surrogates, which JSON can only escape.
    return text.encode(errors="backslashreplace")


class Growing:
    """A list in a text file that is whole at every moment, also where the program is killed.

    The text is `start`, the items with `separator` between them, and an `end`, which may be another
    one each time. Two files beside `path` take turns: one is what stands at `path`, the other gets
    what it lacks and takes the place. So each item is written twice, however many there are. On
    disks without hard links (FAT) a whole copy is made, whenever an eighth of the text is new.

    `every` is how many seconds pass at least between one change of the file and the next. Folders
    that are missing are made. Raises OSError, naming `path`, where it cannot be written.
    """

    def __init__(self, path: str | Path, start: str, separator: str = ",", every: float = 0.0):
        self.path = path = Path(path)
        self.count = 0
        self._separator, self._every = separator, every
        self._turns, self._links = (_beside(path), _beside(path)), True
        self._stamps = {}
        # Of the text without its end: the bytes at `path`, the last of them, which the file whose
        # turn it is lacks, and those that are nowhere yet.
        self._there, self._lacking, self._new = 0, b"", bytearray(_bytes(start))
        self._end, self._changed = None, -math.inf
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._turns[0].touch(exist_ok=False)

    def add(self, item: str, end: str) -> None:
        """Add an item; where that raises, it is as if it had not been added."""
        before = len(self._new)
        self._new += _bytes(self._separator + item if self.count else item)
        worthwhile = self._links or 8 * len(self._new) >= self._there
        if worthwhile and time.monotonic() - self._changed >= self._every:
            try:
                self._publish(end)
            except OSError:
                del self._new[before:]
                raise
        self.count += 1

    def close(self, end: str | None) -> None:
        """Let all that was added stand at `path`, unless `end` is None, and leave nothing else."""
        faults = []
        if end is not None and (self._new or end != self._end):
            try:
                self._publish(end)
            except OSError as error:
                faults.append(str(error))
        for part in self._turns:
            try:
                part.unlink(missing_ok=True)
            except OSError as error:
                faults.append(f"{part} is left: {error.strerror}")
        if faults:
            raise OSError("; ".join(faults))

    def _publish(self, end):
        part, other = self._turns
        start = self._there - len(self._lacking)
        with naming(self.path):
            # Somebody may have written into it while it stood at `path`, or have deleted it.
            if start and _stamp(part) != self._stamps.get(part):
                shutil.copyfile(self.path, part)
            with open(part, "r+b" if part.exists() else "xb") as file:
                file.seek(start)
                file.write(self._lacking + self._new + _bytes(end))
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            self._stamps[part] = _stamp(part)
            try:
                link = _beside(self.path)
                os.link(part, link)
            except OSError:
                link, self._links = part, False
            try:
                link.replace(self.path)
            except OSError:
                link.unlink()
                raise
        self._turns = other, part
        self._there += len(self._new)
        self._lacking, self._new, self._end = bytes(self._new), bytearray(), end
        self._changed = time.monotonic()
