"""What a video showed, as a JSON file that grows frame by frame."""

from pathlib import Path

from mrcnn.atomic import Growing, as_json

# Seconds of a run that are lost at most where it is killed.
EVERY = 1.0
END = "\n]}\n"


class FrameRecords:
    """A JSON document `{..., "frames": [...]}` with a frame a line, however long the video.

    It is at `path`, and complete, from the first frame on. Raises OSError, naming `path`, where it
    cannot be written.
    """

    def __init__(self, path: str | Path, head: dict):
        start = as_json(head)[:-1] + ("," if head else "") + '"frames":[\n'
        self._file = Growing(path, start, ",\n", EVERY)

    def write(self, record: dict):
        """Add a frame's record."""
        self._file.add(as_json(record), END)

    def close(self):
        """Write what is not written yet; without frames there is no file."""
        self._file.close(END if self._file.count else None)
