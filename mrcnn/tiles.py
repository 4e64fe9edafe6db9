"""Tiles: the parts of a large photo that are looked at one by one, and the photo as a whole.

A view is a part of a photo as the network is shown it. `merging` makes one result of what is found
in several. Boxes are `(y1, x1, y2, x2)` in the photo's pixels, the end outside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:  # the command line asks for the limits alone, and OpenCV is slow to import
    from mrcnn.detections import Detections

OVERLAP, MOST_OVERLAP = 0.25, 0.5
# Fewer pixels show nothing.
LEAST_SIDE = 32
# A second look at the whole photo shows it so much larger, in a multiple of what networks take.
LARGER, SIZE_MULTIPLE = 1.25, 64
# Objects of this side, in pixels as the network sees them, are found as well as larger ones. For it
# a photo is enlarged so many times at the most, if training did not enlarge it more.
WANTED, MOST_SCALE = 32, 2
# The shares of the objects that are smaller than what `object_sides` tells: a tenth, half, ...
QUANTILES = (0.1, 0.5, 0.9)


class View(NamedTuple):
    """A part of a photo.

    Attributes:
        box: where it is.
        whole: whether it is the whole photo and not a tile of it.
        side: of the square that the network is shown it in, in pixels; None for what it is shown
            photos in otherwise.
        flipped: whether left and right are swapped.
    """

    box: tuple[int, int, int, int]
    whole: bool = True
    side: int | None = None
    flipped: bool = False

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Return the view of an image `[H, W, C]`; its pixels are not copied."""
        y1, x1, y2, x2 = self.box
        part = image[y1:y2, x1:x2]
        return part[:, ::-1] if self.flipped else part

    def place(self, found: Detections, shape: tuple[int, int]) -> Detections:
        """Return what was found in the view in the pixels of the photo of `shape`."""
        from mrcnn.detections import Detections

        (y1, x1, _, _), (_, width) = self.box, found.shape
        rois, windows, pieces = found.rois, found.windows, found.pieces
        if self.flipped:
            rois, windows = (
                np.stack([box[:, 0], width - box[:, 3], box[:, 2], width - box[:, 1]], axis=1)
                for box in (rois, windows)
            )
            pieces = [piece[:, ::-1] for piece in pieces]
        shift = np.array([y1, x1, y1, x1], rois.dtype)
        return Detections(
            shape, rois + shift, found.class_ids, found.scores, pieces, found.below, windows + shift
        )


def views(
    shape: tuple[int, int],
    tiles: bool | int | None,
    overlap: float | None,
    tta: bool,
    *,
    network_side: int,
    object_sides: Mapping | None,
) -> list[View]:
    """Return the views of a photo of `shape` (height, width); its last ones are the whole photo.

    Arguments:
        tiles: the side of a tile, in pixels; True for `automatic_side`. Where the photo fits into
            one, or it is None or False, there are none.
        overlap: the least share of a tile that its neighbour sees too, from 0 to MOST_OVERLAP; None
            for `automatic_overlap`.
        tta: every view mirrored too, and the whole photo enlarged unless there are tiles.
        network_side: of the image as the network sees it.
        object_sides: what the function of that name told of the training.

    Raises ValueError for a side or an overlap that is none.
    """
    height, width = int(shape[0]), int(shape[1])
    whole, found = View((0, 0, height, width)), []
    if tiles:
        side = automatic_side(network_side, object_sides) if tiles is True else int(tiles)
        if side < LEAST_SIDE:
            raise ValueError(f"tiles is {tiles}, a tile has a side of {LEAST_SIDE} pixels or more")
        overlap = automatic_overlap(side, object_sides) if overlap is None else overlap
        if not 0 <= overlap <= MOST_OVERLAP:
            raise ValueError(f"overlap is {overlap}, it must be from 0 to {MOST_OVERLAP}")
        if max(height, width) > side:
            found = _tiles(height, width, side, overlap, network_side)
    found.append(whole)
    if tta and len(found) == 1:
        larger = round(network_side * LARGER / SIZE_MULTIPLE) * SIZE_MULTIPLE
        found.append(whole._replace(side=larger))
    if tta:
        found = [each for view in found for each in (view, view._replace(flipped=True))]
    return found


def _tiles(height, width, side, overlap, network_side):
    rows, columns = (_starts(length, side, overlap) for length in (height, width))
    return [
        View((top, left, min(top + side, height), min(left + side, width)), False, network_side)
        for top in rows
        for left in columns
    ]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    """Return where tiles begin along a side of the photo, evenly, the last one at its end."""
    if length <= side:
        return [0]
    step = max(1, math.floor(side * (1 - overlap)))
    count = 1 + math.ceil((length - side) / step)
    return np.linspace(0, length - side, count).round().astype(int).tolist()


def automatic_side(network_side: int, object_sides: Mapping | None) -> int:
    """Return the side of a tile, in pixels, that shows objects as large as training did.

    Those of less than WANTED pixels it shows as large as that: though training showed them smaller,
    they are found better so.

    Arguments:
        network_side: of the image as the network sees it.
        object_sides: what `object_sides` told of a training; without it a pixel stays a pixel.
    """
    if not object_sides:
        return network_side
    own, shown = (object_sides[name][1] for name in ("photo", "molded"))
    shown = max(shown, min(WANTED, MOST_SCALE * own))
    return max(LEAST_SIDE, round(network_side * own / shown))


def automatic_overlap(side: int, object_sides: Mapping | None) -> float:
    """Return the overlap that has room for nine in ten of the objects of a training."""
    largest = object_sides["photo"][-1] / side if object_sides else 0
    return min(max(OVERLAP, largest), MOST_OVERLAP)


def object_sides(boxes: np.ndarray, scales: Sequence[float]) -> dict | None:
    """Return the QUANTILES of the sides of objects, pixels: `photo` and `molded`, lists of floats.

    Arguments:
        boxes: `[N, 4]` in pixels of the molded images; the side is the square root of the area.
        scales: of each, the factor from its photo to the molded image.

    None where there are no objects.
    """
    if not len(boxes):
        return None
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1, dtype=np.float64))
    each = {"photo": sides / np.asarray(scales), "molded": sides}
    return {name: np.quantile(all_, QUANTILES).round(1).tolist() for name, all_ in each.items()}
