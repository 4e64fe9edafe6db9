"""What a video showed, as a JSON file that grows frame by frame."""

from pathlib import Path

from mrcnn.atomic import Growing, as_json

# Seconds of a run that are lost at most where it is killed.
EVERY = 1.0


class FrameRecords:
    """A JSON document `{..., "frames": [...], ...}` with a frame a line, however long the video.

    It is at `path`, and complete, from the first frame on. Raises OSError, naming `path`, where it
    cannot be written.
    """

    def __init__(self, path: str | Path, head: dict):
        start = as_json(head)[:-1] + ("," if head else "") + '"frames":[\n'
        self._file = Growing(path, start, ",\n", EVERY)
        self._end = self._tail = None

    def write(self, record: dict, tail: dict | None = None):
        """Add a frame's record; the document ends with the entries of `tail`.

        They are written anew where `tail` is another object than the time before.
        """
        if self._end is None or tail is not self._tail:
            more = f",\n{as_json(tail)[1:-1]}" if tail else ""
            self._tail, self._end = tail, f"\n]{more}}}\n"
        self._file.add(as_json(record), self._end)

    def close(self):
        """Write what is not written yet; without frames there is no file."""
        self._file.close(self._end if self._file.count else None)
