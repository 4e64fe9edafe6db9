"""Everything about every object, as one JSON document."""

from pathlib import Path

from mrcnn.atomic import write_json
from mrcnn.results.photos import PhotoResult, RunInfo
from mrcnn.results.records import object_records


class JsonFile:
    """Writes the run's facts and, for each photo, its size, its picture and `object_records`."""

    name = "json"
    help = "write polygons, run lengths, box, area, score and class of every object"

    def __init__(self, path: Path, run: RunInfo):
        self._path, self._run, self._images = path, run, []

    def add(self, photo: PhotoResult) -> None:
        height, width = photo.detections.shape
        facts = {"file": str(photo.path), "height": height, "width": width}
        objects = object_records(photo.detections, self._run.class_names)
        self._images.append(facts | {"picture": str(photo.picture), "objects": objects})

    def close(self, failed: list[dict]) -> None:
        run = self._run._asdict() | {"weights": str(self._run.weights)}
        write_json(self._path, {**run, "images": self._images, "failed": failed})
