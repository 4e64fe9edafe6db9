"""A page for a browser, to look through what was found."""

from pathlib import Path

from mrcnn.atomic import Growing
from mrcnn.pages.page import around, embedded
from mrcnn.pages.photos import objects, photo
from mrcnn.results.photos import PhotoResult, RunInfo
from mrcnn.results.uncertainty import uncertainty


class HtmlFile:
    """Writes a page with a small picture of each photo, and what was found in it."""

    name = "html"
    help = "write a page to look through all photos in a browser, the most uncertain first"

    def __init__(self, path: Path, run: RunInfo):
        self._path, self._run, self._failed = path, run, []
        facts = {"weights": str(run.weights), "min_confidence": run.min_confidence}
        facts["photos"] = len(run.photos)
        start, self._behind = around("predictions", path.stem, run.class_names, facts)
        self._file = Growing(path, start, separator="")

    def add(self, result: PhotoResult) -> None:
        found, run = result.detections, self._run
        facts = {"found": objects(found), "uncertainty": uncertainty(found, run.min_confidence)}
        item = photo(result.path, self._path, result.image, len(run.photos), facts)
        self._file.add(item, self._end())

    def fail(self, failure: dict) -> None:
        self._failed.append(failure)

    def close(self) -> None:
        self._file.close(self._end())

    def _end(self):
        return embedded(self._failed, id="failed") + self._behind
