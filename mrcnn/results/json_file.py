"""Everything about every object, as one JSON document."""

from pathlib import Path

from mrcnn.atomic import Growing, as_json
from mrcnn.results.photos import PhotoResult, RunInfo
from mrcnn.results.records import photo_record


class JsonFile:
    """Writes the run's facts and `photo_record` of each photo.

    A photo that failed stands in the file from the next one on that did not.
    """

    name = "json"
    help = "write polygons, box, area, score and class of every object"

    def __init__(self, path: Path, run: RunInfo):
        self._class_names, self._masks, self._failed = run.class_names, run.masks, []
        head = {"weights": str(run.weights), "class_names": run.class_names}
        head = as_json(head | {"min_confidence": run.min_confidence})
        self._file = Growing(path, head[:-1] + ',"images":[')

    def add(self, photo: PhotoResult) -> None:
        facts = photo_record(photo, self._class_names, self._masks)
        self._file.add(as_json(facts), self._end())

    def fail(self, failure: dict) -> None:
        self._failed.append(failure)

    def close(self) -> None:
        self._file.close(self._end())

    def _end(self):
        return f'],"failed":{as_json(self._failed)}}}'
