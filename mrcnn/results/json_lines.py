"""Everything about every object, a line a photo."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from mrcnn.atomic import as_json, naming
from mrcnn.results.photos import PhotoResult, RunInfo
from mrcnn.results.records import photo_record


class JsonLines:
    """Writes `photo_record` of each photo when it is done, or `file` and `failed`, the reason.

    With `run.resumes` it goes on with the file that is there, without a last line that is cut off.
    """

    name = "jsonl"
    help = "write the objects of --json as JSON Lines, a photo each, when it is done"

    def __init__(self, path: Path, run: RunInfo):
        self.path, self._run, self._last = path, run, None
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            mode = "r+b" if run.resumes else "wb"
            self._file = open(path, mode, buffering=0)  # noqa: SIM115, closed by `close`
            self._end = whole_bytes(path)
            self._file.truncate(self._end)

    def add(self, photo: PhotoResult) -> None:
        self.take(photo_record(photo, self._run.class_names, self._run.masks))
        self._last = str(photo.path)

    def fail(self, failure: dict) -> None:
        if failure["file"] != self._last:  # else another file could not be written
            self.take({"file": failure["file"], "failed": failure["reason"]})

    def close(self) -> None:
        with naming(self.path):
            os.fsync(self._file.fileno())
            self._file.close()

    def take(self, record: dict) -> None:
        """Write a `photo_record`."""
        line = (as_json(record) + "\n").encode(errors="backslashreplace")
        with naming(self.path):
            self._file.seek(self._end)
            try:
                written = 0
                while written < len(line):
                    written += self._file.write(line[written:])
            except OSError:
                self._file.truncate(self._end)
                raise
        self._end += len(line)

    @staticmethod
    def photos_in(path: Path) -> Iterator[tuple[str, str | None]]:
        """Yield the photos in a file that may be cut off, and their pictures.

        Raises ValueError, naming the line, where it holds something else.
        """
        end = whole_bytes(path)
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if file.tell() > end:
                    return
                try:
                    record = json.loads(line)
                    yield record["file"], record.get("picture")
                except (ValueError, TypeError, KeyError) as error:
                    raise ValueError(
                        f"{path}: line {number} is no photo of --jsonl: take it out, and --resume "
                        "does its photo again"
                    ) from error


def whole_bytes(path: Path) -> int:
    """Return the size of a file's lines that are whole, in bytes."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            at = file.read(end - start).rfind(b"\n")
            if at >= 0:
                return start + at + 1
            end = start
    return 0
