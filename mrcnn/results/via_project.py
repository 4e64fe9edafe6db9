"""A project for the VGG Image Annotator 2, for a person to correct and to train with."""

import bisect
import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from mrcnn.annotation.labels import PART_OF
from mrcnn.annotation.predicted import PREDICTED, mark
from mrcnn.annotation.shapes import build_shape
from mrcnn.atomic import Growing, as_json, write_json
from mrcnn.detections import Detections
from mrcnn.outlines import simple_polygons
from mrcnn.results.photos import PhotoResult, RunInfo
from mrcnn.results.uncertainty import uncertainty

# The region attribute that carries the class, and the image's that tells its uncertainty.
ATTRIBUTE, UNCERTAINTY = "object", "uncertainty"
FORMAT_VERSION = "2.0.10"


class ViaProject:
    """Writes the photos with the outlines of their objects; photos without objects are in it too.

    VIA lists the photos of a finished project by falling `uncertainty`, those of one that was cut
    short as they stand in it. Where the run asks for the most uncertain alone, the others stand in
    it too until it is finished.
    """

    name = "via"
    help = "write a project that opens in VIA 2, the photos worth correcting first"

    def __init__(self, path: Path, run: RunInfo):
        self._path, self._run, self._ranked = path, run, []
        photos = [_whole(photo) for photo in run.photos]
        self._folder, address = common_folder(photos)
        self._head = _project_head(run.class_names, path.stem, address)
        self._file = Growing(path, as_json(self._head)[:-1] + ',"_via_img_metadata":{')

    def add(self, photo: PhotoResult) -> None:
        path = _whole(photo.path)
        name = path.relative_to(self._folder) if self._folder else path
        regions = via_regions(photo.detections, self._run.class_names)
        key, image = _entry(name.as_posix(), photo.byte_size, regions)
        unsure = uncertainty(photo.detections, self._run.min_confidence)
        image["file_attributes"] = {PREDICTED: str(len(regions)), UNCERTAINTY: f"{unsure:.3f}"}
        self._file.add(f"{as_json(key)}:{as_json(image)}", "}}")
        most = self._run.uncertain
        # Of equal ones the first stays first.
        bisect.insort(self._ranked, (-unsure, self._file.count, key, most and image))
        del self._ranked[most or self._file.count :]

    @property
    def photos(self) -> int:
        """How many photos are in it once it is closed."""
        return len(self._ranked)

    def fail(self, failure: dict) -> None:
        pass

    def close(self) -> None:
        ids = [key for _, _, key, _ in self._ranked]
        self._file.close(f'}},"_via_image_id_list":{as_json(ids)}}}')
        if len(ids) < self._file.count:
            chosen = {key: image for _, _, key, image in self._ranked}
            write_json(self._path, _project(self._head, chosen))


def _whole(path):
    return Path(os.path.abspath(path))


def common_folder(photos: Sequence[PurePath]) -> tuple[PurePath | None, str]:
    """Return the folder that all photos, as absolute paths, are in or below, and its address.

    The address ends in a slash; a photo's name from there, put behind it, is the photo's. Photos on
    two drives of Windows have no such folder, but None; their whole paths are the names then.
    """
    folder = photos[0].parent if photos else Path.cwd()
    for photo in photos:
        while not photo.is_relative_to(folder):
            if folder == folder.parent:
                return None, "file:///"
            folder = folder.parent
    address = folder.as_uri()
    return folder, address if address.endswith("/") else f"{address}/"


def via_regions(detections: Detections, class_names: Sequence[str]) -> list[dict]:
    """Return the objects of one image as regions of VIA 2.

    A region is one outline, simplified, as a person would draw it, with slits to holes. An object
    in several parts is several regions, which say in PART_OF that they are one. An object with an
    empty mask becomes its box. Where there are scores, PREDICTED is the `mark` of each region.
    """
    regions = []
    for index, class_id in enumerate(detections.class_ids):
        corner = detections.windows[index, :2]
        shapes = [
            {"name": "polygon", "all_points_x": _numbers(xs), "all_points_y": _numbers(ys)}
            for xs, ys in (part.T for part in simple_polygons(detections.pieces[index], corner))
        ]
        if not shapes:
            y1, x1, y2, x2 = (int(value) for value in detections.rois[index])
            shapes = [{"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}]
        attributes = {ATTRIBUTE: class_names[class_id]}
        if len(shapes) > 1:
            attributes[PART_OF] = str(index + 1)
        for shape in shapes:
            own = dict(attributes)
            if detections.scores is not None:
                outlines, score = build_shape(shape).outlines, detections.scores[index]
                own[PREDICTED] = mark(class_names[class_id], outlines, score)
            regions.append({"shape_attributes": shape, "region_attributes": own})
    return regions


def _numbers(values):
    return [int(value) if value == int(value) else value for value in values.tolist()]


def _entry(filename, size, regions):
    image = {"filename": filename, "size": size, "regions": regions, "file_attributes": {}}
    return f"{filename}{size}", image


def via_project(
    images: Iterable[tuple[str, int, list[dict]]],
    class_names: Sequence[str],
    name: str = "predictions",
    folder: str = "",
) -> dict:
    """Return a VIA 2 project that VIA 2.0.x opens and `mrcnn.annotation.read` reads.

    Arguments:
        images: `(file name, size in bytes, regions)` of each image, also of one without regions.
        class_names: the choices that VIA offers for a region, after the background.
        name: what VIA proposes when the project is saved.
        folder: what VIA puts before the file names, a path or URL that ends in a slash.
    """
    metadata = dict(_entry(*image) for image in images)
    return _project(_project_head(class_names, name, folder), metadata)


def _project(head, metadata):
    return head | {"_via_img_metadata": metadata, "_via_image_id_list": list(metadata)}


def _project_head(class_names, name, folder):
    choices = {
        "type": "dropdown",
        "description": "",
        "options": {class_name: class_name for class_name in class_names[1:]},
        "default_options": {},
    }
    parts = {
        "type": "text",
        "description": "one value for all regions that are parts of one object",
        "default_value": "",
    }
    return {
        "_via_settings": {
            "ui": {"image": {"region_label": ATTRIBUTE}},
            "core": {"default_filepath": folder, "filepath": {}},
            "project": {"name": name},
        },
        "_via_attributes": {"region": {ATTRIBUTE: choices, PART_OF: parts}, "file": {}},
        "_via_data_format_version": FORMAT_VERSION,
    }
