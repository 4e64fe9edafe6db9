"""A photo on a page: a small picture of it, where the whole one is, and outlines of its objects."""

import base64
import math
import os
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from mrcnn import boxes, pictures
from mrcnn.detections import Detections
from mrcnn.outlines import rings
from mrcnn.pages.page import embedded

# All small pictures of a page together, in pixels: 2000 of them are 40 MB. One of them has no more
# than MOST, which fills a window, and no fewer than LEAST.
TOGETHER, MOST, LEAST = 200e6, 900e3, 20e3
JPEG_QUALITY = 75
# Outlines are as fine as a photo with this longest side, in pixels.
OUTLINE_SIDE = 1600


def photo(path: Path, page: Path, image: np.ndarray, photos: int, facts: dict) -> str:
    """Return a photo of a page: its facts, and its small picture, which is decoded when seen.

    Arguments:
        path: where the photo is.
        page: where the page will be; the photo is looked for from there when it is enlarged.
        image: uint8 RGB `[H, W, 3]`.
        photos: how many the page is to have.
        facts: what else there is to know of it, ready for JSON.
    """
    height, width = image.shape[:2]
    known = {"name": path.name, "path": str(path), "address": address(path, page)}
    known |= {"width": width, "height": height, **facts}
    small = base64.b64encode(pictures.encode(thumbnail(image, photos), ".jpg", JPEG_QUALITY))
    picture = f'<script type="text/plain" class="picture">{small.decode()}</script>\n'
    return embedded(known, **{"class": "photo"}) + picture


def thumbnail(image: np.ndarray, photos: int) -> np.ndarray:
    """Return a small picture of an image, for a page of so many photos."""
    height, width = image.shape[:2]
    pixels = min(MOST, max(LEAST, TOGETHER / max(photos, 1)))
    scale = min(1.0, math.sqrt(pixels / max(height * width, 1)))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def address(path: Path, page: Path) -> str:
    """Return where a photo is from a page: relative, so that both can move together."""
    try:
        relative = os.path.relpath(path, page.parent)
    except ValueError:  # Two drives of Windows have no way from one to the other.
        return Path(os.path.abspath(path)).as_uri()
    return "./" + quote(os.fsencode(Path(relative).as_posix()))


def objects(found: Detections) -> list[dict]:
    """Return the objects of a photo, ready for JSON.

    `class` is the class id, `score` there where there are scores; `box` [y1, x1, y2, x2] in
    pixels; `area` a share of the photo, 0..1, of the mask or, without masks, of the box; `outline`
    the path of an SVG in pixels of the photo, "" where there is no mask.
    """
    height, width = found.shape
    areas = boxes.area(found.rois) if found.pieces is None else found.areas
    shares = areas / max(height * width, 1)
    records = []
    for index, box in enumerate(found.rois.tolist()):
        record = {"class": int(found.class_ids[index]), "box": box}
        record |= {"area": round(float(shares[index]), 6), "outline": ""}
        if found.scores is not None:
            record["score"] = float(found.scores[index])
        if found.pieces is not None:
            corner = found.windows[index, :2].tolist()
            record["outline"] = outline(found.pieces[index], corner, max(height, width))
        records.append(record)
    return records


def outline(piece: np.ndarray, corner, side: int) -> str:
    """Return the outline of a mask, with its holes, as the path of an SVG; "" of an empty mask.

    `corner` is the photo's (row, column) where the piece begins, `side` its longest side.
    """
    # Outlines are made on a grid twice as fine as the mask's: of large photos that takes long.
    step = max(1, math.ceil(side / OUTLINE_SIDE))
    height, width = piece.shape
    small = piece.astype(np.uint8)
    if step > 1 and small.size:
        size = max(1, width // step), max(1, height // step)
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    scale = width / max(small.shape[1], 1), height / max(small.shape[0], 1)
    parts = [ring * scale + (corner[1], corner[0]) for ring in rings(small)]
    parts = [np.round(2 * part) / 2 for part in parts]
    return "".join("M" + " ".join(f"{x:g},{y:g}" for x, y in part) + "Z" for part in parts)
