"""A project for the VGG Image Annotator 2, for a person to correct and to train with."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from mrcnn.atomic import write_json
from mrcnn.detections import Detections
from mrcnn.outlines import mask_to_polygons
from mrcnn.results.photos import PhotoResult, RunInfo

# The region attribute that carries the class.
ATTRIBUTE = "object"
FORMAT_VERSION = "2.0.10"
# How far an outline may leave the mask's: a share of the object's side, and pixels. With every
# pixel's corner in it nobody could correct it by hand.
OUTLINE_TOLERANCE = 0.005
MIN_OUTLINE_TOLERANCE_PX = 1.0


class ViaProject:
    """Writes the photos with an outline an object; photos without objects are in it too."""

    name = "via"
    help = "write a project that opens in VIA 2"

    def __init__(self, path: Path, run: RunInfo):
        self._path, self._class_names, self._photos = path, run.class_names, []

    def add(self, photo: PhotoResult) -> None:
        regions = via_regions(photo.detections, self._class_names)
        self._photos.append((Path(os.path.abspath(photo.path)), regions))

    def close(self, failed: list[dict]) -> None:
        parents = [path.parent for path, _ in self._photos]
        folder = Path(os.path.commonpath(parents)) if parents else Path.cwd()
        images = [
            (path.relative_to(folder).as_posix(), path.stat().st_size, regions)
            for path, regions in self._photos
        ]
        address = f"{folder.as_uri()}/"
        write_json(self._path, via_project(images, self._class_names, self._path.stem, address))


def via_regions(detections: Detections, class_names: Sequence[str]) -> list[dict]:
    """Return the objects of one image as regions of VIA 2.

    A region is one outline, as a person would draw it: round the largest part of the mask,
    without holes, simplified. An object with an empty mask becomes its box.
    """
    regions = []
    for index, class_id in enumerate(detections.class_ids):
        if detections.pieces[index].any():
            y, x = detections.windows[index, :2]
            xs, ys = (_outline(detections.pieces[index]) + (x, y)).T.tolist()
            shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
        else:
            y1, x1, y2, x2 = (int(value) for value in detections.rois[index])
            shape = {"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
        attributes = {ATTRIBUTE: class_names[class_id]}
        regions.append({"shape_attributes": shape, "region_attributes": attributes})
    return regions


def _outline(mask: np.ndarray) -> np.ndarray:
    """Return int points `[n, 2]` (x, y) round the largest part of a mask that has one."""
    grey = np.ascontiguousarray(mask).view(np.uint8)
    contours, _ = cv2.findContours(grey, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    # A contour through pixel centres has no area where the part is one pixel wide.
    largest = max(contours, key=lambda contour: (cv2.contourArea(contour), len(contour)))
    x, y, width, height = cv2.boundingRect(largest)
    filled = np.zeros((height, width), np.uint8)
    cv2.drawContours(filled, [largest], -1, 1, cv2.FILLED, offset=(-x, -y))
    polygon = mask_to_polygons(filled, (y, x))[0].astype(np.int32)
    tolerance = max(MIN_OUTLINE_TOLERANCE_PX, OUTLINE_TOLERANCE * np.sqrt(filled.sum()))
    simple = cv2.approxPolyDP(polygon[:, None], tolerance, closed=True)[:, 0]
    return simple if len(simple) >= 3 else polygon


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
    metadata = {}
    for filename, size, regions in images:
        image = {"filename": filename, "size": size, "regions": regions, "file_attributes": {}}
        metadata[f"{filename}{size}"] = image
    choices = {
        "type": "dropdown",
        "description": "",
        "options": {class_name: class_name for class_name in class_names[1:]},
        "default_options": {},
    }
    return {
        "_via_settings": {
            "ui": {"image": {"region_label": ATTRIBUTE}},
            "core": {"default_filepath": folder, "filepath": {}},
            "project": {"name": name},
        },
        "_via_img_metadata": metadata,
        "_via_attributes": {"region": {ATTRIBUTE: choices}, "file": {}},
        "_via_data_format_version": FORMAT_VERSION,
        "_via_image_id_list": list(metadata),
    }
