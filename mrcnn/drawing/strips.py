"""Strips of small photos with their objects, one below the other, as one sees a network learn."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from mrcnn.detections import Detections
from mrcnn.drawing import lettering
from mrcnn.drawing.instances import as_rgb, draw_detections

# Pixels of a photo in a strip, height and greatest width, and of what lies around it.
HEIGHT, WIDTH, GAP, MARGIN = 200, 300, 4, 112
# The picture whose labels are as large as the words at a strip's left.
LETTERS = (700, 700)
WHITE = 255


class Cell(NamedTuple):
    """A small photo, uint8 RGB `[HEIGHT or less, WIDTH or less, 3]`, and what is in it."""

    image: np.ndarray
    truth: Detections
    found: Detections


def cell(image: np.ndarray, truth: Detections, found: Detections, least: float) -> Cell:
    """Shrink a photo `[H, W, C]`, its objects, and what was found with a score of `least` or more.

    Both have masks.
    """
    image = as_rgb(image)
    height, width = image.shape[:2]
    scale = min(HEIGHT / height, WIDTH / width)
    size = tuple(max(1, round(side * scale)) for side in (height, width))
    smaller = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    found = found.where(found.scores >= least)
    # Those of crowds have negative ones.
    truth = replace(truth, class_ids=np.abs(truth.class_ids))
    image = cv2.resize(image, size[::-1], interpolation=smaller)
    return Cell(image, _resized(truth, size), _resized(found, size))


def _resized(objects, size):
    """Return objects as they are on an image of `size` (height, width)."""
    sides = objects.windows[:, 2:] - objects.windows[:, :2]
    objects = objects.where((sides > 0).all(axis=1))
    scale = np.tile(np.array(size) / objects.shape, 2)
    rois, windows = (np.rint(each * scale).astype(int) for each in (objects.rois, objects.windows))
    low = np.minimum(windows[:, :2], np.array(size) - 1)
    windows = np.concatenate([low, np.maximum(windows[:, 2:], low + 1)], axis=1)
    pieces = []
    for piece, (y1, x1, y2, x2) in zip(objects.pieces, windows.tolist(), strict=True):
        grey, inside = piece.astype(np.uint8) * 255, (x2 - x1, y2 - y1)
        pieces.append(cv2.resize(grey, inside, interpolation=cv2.INTER_AREA) > 127)
    return Detections(size, rois, objects.class_ids, objects.scores, pieces, windows=windows)


def strip(
    words: Sequence[str], photos: Sequence[tuple[np.ndarray, Detections]], names: Sequence[str]
) -> np.ndarray:
    """Return photos with their objects side by side, uint8 RGB `[HEIGHT + GAP, W, 3]`.

    `words` stand below one another at the left; `names` are those of the classes.
    """
    margin = np.full((HEIGHT + GAP, MARGIN, 3), WHITE, np.uint8)
    y = GAP
    for text in lettering.texts(words, LETTERS):
        text = text[:, :MARGIN]
        place = y, 0, y + text.shape[0], text.shape[1]
        lettering.draw(margin, place, text, (WHITE, WHITE, WHITE))
        y += text.shape[0]
    columns = [margin]
    for image, objects in photos:
        drawn = draw_detections(image, objects, names)
        height, width = drawn.shape[:2]
        column = np.full((HEIGHT + GAP, width + GAP, 3), WHITE, np.uint8)
        top = (HEIGHT - height) // 2
        column[top : top + height, :width] = drawn
        columns.append(column)
    return np.concatenate(columns, axis=1)


def below_one_another(strips: Sequence[np.ndarray]) -> np.ndarray:
    """Return strips uint8 `[h, w, 3]` as one picture, white where one is shorter than another."""
    width = max(each.shape[1] for each in strips)
    missing = [((0, 0), (0, width - each.shape[1]), (0, 0)) for each in strips]
    padded = [
        np.pad(each, pad, constant_values=WHITE) for each, pad in zip(strips, missing, strict=True)
    ]
    return np.concatenate(padded)
