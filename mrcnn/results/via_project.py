"""A project for the VGG Image Annotator 2, for a person to correct and to train with."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from mrcnn.annotation.labels import PART_OF
from mrcnn.atomic import Growing, as_json
from mrcnn.detections import Detections
from mrcnn.outlines import simple_polygons
from mrcnn.results.photos import PhotoResult, RunInfo

# The region attribute that carries the class.
ATTRIBUTE = "object"
FORMAT_VERSION = "2.0.10"


class ViaProject:
    """Writes the photos with the outlines of their objects; photos without objects are in it too.

    VIA lists the images of a project that is not finished as they stand in it.
    """

    name = "via"
    help = "write a project that opens in VIA 2"

    def __init__(self, path: Path, run: RunInfo):
        self._class_names, self._ids = run.class_names, []
        photos = [_whole(photo) for photo in run.photos]
        self._folder, address = common_folder(photos)
        head = as_json(_project_head(run.class_names, path.stem, address))
        self._file = Growing(path, head[:-1] + ',"_via_img_metadata":{')

    def add(self, photo: PhotoResult) -> None:
        path = _whole(photo.path)
        name = path.relative_to(self._folder) if self._folder else path
        regions = via_regions(photo.detections, self._class_names)
        key, image = _entry(name.as_posix(), photo.byte_size, regions)
        self._file.add(f"{as_json(key)}:{as_json(image)}", "}}")
        self._ids.append(key)

    def fail(self, failure: dict) -> None:
        pass

    def close(self) -> None:
        self._file.close(f'}},"_via_image_id_list":{as_json(self._ids)}}}')


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
    empty mask becomes its box.
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
        regions += [
            {"shape_attributes": shape, "region_attributes": dict(attributes)} for shape in shapes
        ]
    return regions


def _numbers(values):
    return [int(value) if value == int(value) else round(value, 2) for value in values.tolist()]


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
    listed = {"_via_img_metadata": metadata, "_via_image_id_list": list(metadata)}
    return _project_head(class_names, name, folder) | listed


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
