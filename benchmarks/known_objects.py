"""Large made-up photos whose objects are known, and a stand-in for a network that finds them.

The stand-in takes the place of the network alone: photos are cut, resized and molded, its output is
unmolded and merged as any other.
"""

from typing import NamedTuple

import cv2
import numpy as np

from mrcnn import boxes as box_math
from mrcnn import image_meta
from mrcnn.config import Config
from mrcnn.detections import Detections
from mrcnn.detector import Detector

# Pixels of the molded image: what is smaller no network finds.
LEAST_SIDE = 8
SMALLEST, LARGEST = 25, 900


class ExactConfig(Config):
    NUM_CLASSES = 1 + 2
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0.5


def objects(height: int, width: int, count: int, seed: int = 0) -> Detections:
    """Return `count` objects, apart from one another: wavy blobs, sides SMALLEST to LARGEST.

    Their sides are spread evenly over the octaves; every fourth is longer than wide or the other
    way round.
    """
    rng = np.random.default_rng(seed)
    sides = np.geomspace(SMALLEST, min(LARGEST, 0.45 * min(height, width)), count)[::-1].round()
    taken = np.zeros((height // 8 + 1, width // 8 + 1), bool)
    rois, pieces = [], []
    for number, side in enumerate(sides.astype(int).tolist()):
        tall, wide = rng.permutation([side, side // 2 if number % 4 == 0 else side]).tolist()
        for _ in range(10_000):
            top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
            # Two pixels are free between neighbours at the least.
            rows = slice(max(0, top - 2) // 8, (top + tall + 2) // 8 + 1)
            columns = slice(max(0, left - 2) // 8, (left + wide + 2) // 8 + 1)
            if not taken[rows, columns].any():
                break
        else:
            raise ValueError(f"there is no room for {count} objects on {height} x {width} pixels")
        taken[rows, columns] = True
        piece = _blob(tall, wide, rng)
        rois.append([top, left, top + tall, left + wide])
        pieces.append(piece)
    class_ids = np.arange(count, dtype=np.int32) % 2 + 1
    return Detections((height, width), np.array(rois, np.int32), class_ids, None, pieces)


def _blob(height, width, rng):
    """Return a wavy disc that touches all four sides of its box, with a hole, bool."""
    y, x = np.mgrid[:height, :width]
    y, x = (y + 0.5) / height * 2 - 1, (x + 0.5) / width * 2 - 1
    angle, waves = np.arctan2(y, x), rng.integers(2, 6)
    disc = np.hypot(y, x) <= 0.9 + 0.1 * np.cos(4 * angle) * np.cos(waves * np.pi)
    disc |= (np.abs(y) < 0.3) | (np.abs(x) < 0.3)
    return disc & (np.hypot(y - 0.2, x + 0.2) > 0.15)


def photo(height: int, width: int) -> np.ndarray:
    """Return a photo, uint8 RGB; the stand-in does not look at it."""
    return np.full((height, width, 3), 128, np.uint8)


class Shown(NamedTuple):
    """Where in a photo a molded image is from, `(y1, x1, y2, x2)`, and whether it is mirrored."""

    box: tuple[int, int, int, int]
    flipped: bool


class ExactDetector(Detector):
    """Finds known objects, and of those that the border of a view cuts what is to be seen.

    Arguments:
        image: the array that is detected in.
        truth: its objects.
        config: a Config.
        mask_side: None for masks and boxes of the molded image's pixels, which in tiles that are
            not shrunk are the objects' own; or 28 for masks of that side, as a network has them.
    """

    def __init__(self, image: np.ndarray, truth: Detections, config, mask_side: int | None = None):
        super().__init__(None, config)
        self.image, self.truth, self.mask_side = image, truth, mask_side
        self.views = 0
        self._shown = []

    def _mold(self, image, side=None):
        # A view is no copy: where its pixels lie in memory tells where it is.
        flipped = image.strides[1] < 0
        first = image[:, ::-1] if flipped else image
        offset = first.__array_interface__["data"][0] - self.image.__array_interface__["data"][0]
        top, left = divmod(offset // self.image.shape[2], self.image.shape[1])
        box = top, left, top + image.shape[0], left + image.shape[1]
        self._shown.append(Shown(box, flipped))
        self.views += 1
        return super()._mold(image, side)

    def _run(self, molded_images, image_metas, min_confidence, report=None):
        shown, self._shown = self._shown, []
        found = [self._see(*each) for each in zip(shown, image_metas, strict=True)]
        return tuple(zip(*found, strict=True))

    def _see(self, shown, meta):
        """Return the detections `[N + 1, 6]` and masks `[N + 1]` of a molded image."""
        meta = image_meta.parse(meta[None])
        window, molded = meta["window"][0], meta["image_shape"][0]
        y1, x1, y2, x2 = shown.box
        scale = (window[2:] - window[:2]) / (y2 - y1, x2 - x1)
        rois, rows, masks = self.truth.rois, [], []
        near = (rois[:, 0] < y2) & (rois[:, 1] < x2) & (rois[:, 2] > y1) & (rois[:, 3] > x1)
        for index in np.flatnonzero(near):
            mask, box = self._visible(index, shown, scale, (window[2:] - window[:2]).astype(int))
            if mask is None:
                continue
            box = box_math.normalize(box + window[[0, 1, 0, 1]], molded[:2])
            # What is seen whole is surest, and no two are equally sure.
            score = 0.9 + 0.0001 * (index % 500)
            rows.append([*box, self.truth.class_ids[index], score])
            masks.append(mask)
        several = np.empty(len(masks) + 1, object)
        several[:-1] = masks
        return np.array([*rows, [0] * 6], np.float64), several

    def _visible(self, index, shown, scale, size):
        """Return what is seen of an object, float `[h, w]`, and its box in the view's pixels."""
        y1, x1, _, _ = shown.box
        top, left = self.truth.rois[index, :2] - (y1, x1)
        piece = self.truth.pieces[index]
        at = []
        for start, length, factor, side in zip((top, left), piece.shape, scale, size, strict=True):
            first, last = max(0, round(start * factor)), round((start + length) * factor)
            pixels = np.arange(first, min(last, side))
            source = np.floor((pixels + 0.5) / factor).astype(int) - start
            at.append((pixels[(source >= 0) & (source < length)], source.clip(0, length - 1)))
        (rows, from_rows), (columns, from_columns) = at
        if min(len(rows), len(columns)) < LEAST_SIDE:
            return None, None
        mask = piece[np.ix_(from_rows[: len(rows)], from_columns[: len(columns)])]
        filled = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
        if min(map(len, filled)) < LEAST_SIDE:
            return None, None
        (up, down), (begin, end) = ((each[0], each[-1] + 1) for each in filled)
        mask = mask[up:down, begin:end].astype(np.float32)
        box = np.array([rows[0] + up, columns[0] + begin, rows[0] + down, columns[0] + end])
        if shown.flipped:
            mask, box[[1, 3]] = mask[:, ::-1], size[1] - box[[3, 1]]
        if self.mask_side:
            side = self.mask_side
            mask = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(mask), box
