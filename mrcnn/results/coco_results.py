"""COCO's results: a list of all objects, as pycocotools' `loadRes` takes it."""

from pathlib import Path

from mrcnn.annotation.run_lengths import compress_counts
from mrcnn.atomic import Growing, as_json
from mrcnn.outlines import encode_rle
from mrcnn.results.photos import PhotoResult, RunInfo


class CocoResults:
    """Writes `image_id`, `category_id`, `bbox`, `segmentation` and `score` of each object.

    `image_id` is the number that is the photo's name ("000042.jpg": 42), or the name without its
    ending where that is none; `category_id` the class id, a place in the class names. Photos in
    which nothing was found are not in it.
    """

    name = "coco_results"
    help = "write COCO's results, for pycocotools: class, box, run lengths and score of each object"

    def __init__(self, path: Path, run: RunInfo):
        self._file = Growing(path, "[")

    def add(self, photo: PhotoResult) -> None:
        items = ",".join(map(as_json, coco_records(photo)))
        if items:
            self._file.add(items, "]")

    def fail(self, failure: dict) -> None:
        pass

    def close(self) -> None:
        self._file.close("]")


def coco_records(photo: PhotoResult) -> list[dict]:
    """Return the objects of a photo; `bbox` is [x, y, width, height] in pixels."""
    found, stem = photo.detections, photo.path.stem
    image_id = int(stem) if stem.isascii() and stem.isdigit() else stem
    records = []
    for index, (y1, x1, y2, x2) in enumerate(found.rois.tolist()):
        rle = encode_rle(found.pieces[index], found.windows[index, :2].tolist(), found.shape)
        record = {"image_id": image_id, "category_id": int(found.class_ids[index])}
        record["bbox"] = [x1, y1, x2 - x1, y2 - y1]
        record["segmentation"] = {"size": rle["size"], "counts": compress_counts(rle["counts"])}
        records.append(record | {"score": round(float(found.scores[index]), 6)})
    return records
