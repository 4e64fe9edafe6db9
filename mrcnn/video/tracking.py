"""Which object of a frame is which of the frames before: numbers that stay with objects.

An object is the one of the same class that its mask overlaps most, once moved on as it moved
before (the idea of SORT, Bewley et al. 2016, with masks for boxes and the last speed for the
Kalman filter). An object that is not seen for a while keeps its number for as long as the memory
lasts. Boxes are `(y1, x1, y2, x2)` in pixels with the end outside.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from mrcnn import boxes as box_ops

# Intersection over union from which two masks may be one object.
MIN_OVERLAP = 0.15
# Where frames are far apart masks need not overlap: so far, in mean box diagonals, may an object
# have moved, and by this factor may its box have grown or shrunk.
MAX_DISTANCE = 1.0
MAX_GROWTH = 2.0
# What an older speed still counts for after a frame; boxes jitter by some pixels.
OLD_SPEED_SHARE = 0.5


@dataclass
class Track:
    """An object: its number, and how it was seen last."""

    number: int
    class_id: int
    box: np.ndarray
    mask: np.ndarray  # bool, the box's part of the picture
    frame: int
    speed: np.ndarray  # pixels a frame, (y, x)

    def moved_to(self, frame: int) -> np.ndarray:
        """Return the whole pixels (y, x) that it has moved by, if its speed stayed."""
        return np.rint(self.speed * (frame - self.frame)).astype(int)


class Tracker:
    """Gives the objects of one frame after the other their numbers, from 1 on.

    An object that is not seen keeps its number for `memory` frames, and for `updates` calls of
    `update` where the frames between them are more.
    """

    def __init__(self, memory: int, updates: int = 0):
        self.memory = memory
        self._frames: deque[int] = deque(maxlen=updates)
        self._tracks: list[Track] = []
        self._last_number = 0

    def update(self, frame: int, result: dict) -> np.ndarray:
        """Return the number int `[N]` of each object.

        Arguments:
            frame: the frame's place in the video; greater from call to call, gaps are allowed.
            result: `rois`, `class_ids` and `masks` as `MaskRCNN.detect` returns them.
        """
        oldest = min([frame - self.memory, *self._frames])
        self._frames.append(frame)
        self._tracks = [track for track in self._tracks if track.frame >= oldest]
        found = [
            Track(0, int(class_id), box, _crop(result["masks"], box, index), frame, np.zeros(2))
            for index, (box, class_id) in enumerate(
                zip(result["rois"], result["class_ids"], strict=True)
            )
        ]
        pairs = _pairs(self._tracks, found, _overlaps, MIN_OVERLAP)
        paired = {id(track) for pair in pairs for track in pair}
        old, new = ([t for t in tracks if id(t) not in paired] for tracks in (self._tracks, found))
        pairs += _pairs(old, new, _nearness, 0)
        for before, now in pairs:
            now.number, gap = before.number, now.frame - before.frame
            speed = (_center(now.box) - _center(before.box)) / gap
            share = OLD_SPEED_SHARE**gap if before.speed.any() else 0
            now.speed = share * before.speed + (1 - share) * speed
        for track in found:
            if not track.number:
                self._last_number += 1
                track.number = self._last_number
        seen = {track.number for track in found}
        self._tracks = [track for track in self._tracks if track.number not in seen] + found
        return np.array([track.number for track in found], int)


def _crop(masks, box, index) -> np.ndarray:
    y1, x1, y2, x2 = np.maximum(box, 0)
    return np.ascontiguousarray(masks[y1:y2, x1:x2, index], bool)


def _center(boxes) -> np.ndarray:
    boxes = np.asarray(boxes, float)
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def _pairs(old, new, score, least) -> list[tuple[Track, Track]]:
    """Return the pairs of `old` and `new` of one class with the greatest scores in all.

    `score(old, new)` gives float `[len(old), len(new)]`; those up to `least` are no pairs.
    """
    if not (old and new):
        return []
    classes1, classes2 = ([track.class_id for track in tracks] for tracks in (old, new))
    scores = np.where(np.equal.outer(classes1, classes2), score(old, new), -np.inf)
    possible = scores > least
    rows, columns = linear_sum_assignment(np.where(possible, scores - least, 0), maximize=True)
    return [(old[i], new[j]) for i, j in zip(rows, columns, strict=True) if possible[i, j]]


def _boxes(old, new) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes of `old`, moved on to the frame of `new`, and those of `new`."""
    moved = [track.box + np.tile(track.moved_to(new[0].frame), 2) for track in old]
    return np.array(moved, float), np.array([track.box for track in new], float)


def _overlaps(old, new) -> np.ndarray:
    """Return the intersection over union of the masks, 0..1, of every pair."""
    scores = box_ops.overlaps(*_boxes(old, new))
    for i, j in np.argwhere(scores):  # where boxes are apart masks are
        scores[i, j] = _overlap(old[i], new[j])
    return scores


def _overlap(before: Track, now: Track) -> float:
    """Return the masks' intersection over union."""
    start1 = np.maximum(before.box[:2], 0) + before.moved_to(now.frame)
    start2 = np.maximum(now.box[:2], 0)
    low = np.maximum(start1, start2)
    high = np.minimum(start1 + before.mask.shape, start2 + now.mask.shape)
    if (high <= low).any():
        return 0.0
    (y1, x1), (y2, x2) = low - start1, high - start1
    (v1, u1), (v2, u2) = low - start2, high - start2
    shared = np.count_nonzero(before.mask[y1:y2, x1:x2] & now.mask[v1:v2, u1:u2])
    both = np.count_nonzero(before.mask) + np.count_nonzero(now.mask) - shared
    return shared / both if both else 0.0


def _nearness(old, new) -> np.ndarray:
    """Return how near boxes are to where they should be, 1 there and 0 at MAX_DISTANCE."""
    boxes1, boxes2 = _boxes(old, new)
    diagonals1, diagonals2 = (
        np.maximum(np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T), 1) for boxes in (boxes1, boxes2)
    )
    growth = np.abs(np.log(diagonals1[:, None] / diagonals2))
    way = np.linalg.norm(_center(boxes1)[:, None] - _center(boxes2), axis=-1)
    mean = (diagonals1[:, None] + diagonals2) / 2
    return np.where(growth > np.log(MAX_GROWTH), -np.inf, 1 - way / (MAX_DISTANCE * mean))
