"""What a video showed, as a JSON file that grows frame by frame."""

import json
import secrets
from pathlib import Path

from mrcnn.atomic import naming


class FrameRecords:
    """A JSON document `{..., "frames": [...]}` with a frame a line, however long the video.

    It grows beside `path` and takes its place when it is closed. Raises OSError, naming `path`,
    where it cannot be written.
    """

    def __init__(self, path: str | Path, head: dict):
        self.path = path = Path(path)
        self._beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self.count = 0
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._beside, "xb", buffering=0)  # noqa: SIM115
            self._add(_json(head)[:-1] + ("," if head else "") + '"frames":[')

    def write(self, record: dict):
        """Add a frame's record."""
        with naming(self.path):
            self._add((",\n" if self.count else "\n") + _json(record))
        self.count += 1

    def close(self):
        """Finish the document and put it in its place, unless it has no frames."""
        try:
            with naming(self.path):
                with self._file:
                    self._add("\n]}\n")
                if self.count:
                    self._beside.replace(self.path)
        finally:
            self._beside.unlink(missing_ok=True)

    def _add(self, text):
        """Write a text whole, or nothing of it: the frames before are not lost on a full disk."""
        data, end = text.encode(errors="backslashreplace"), self._file.tell()
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError:
            self._file.truncate(end)
            self._file.seek(end)
            raise


def _json(value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
