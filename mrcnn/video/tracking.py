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

from mrcnn.detections import Detections
from mrcnn.masks import piece_overlaps

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
    window: np.ndarray  # where the piece lies
    piece: np.ndarray
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

    def update(self, frame: int, detections: Detections) -> np.ndarray:
        """Return the number int `[N]` of each object of a frame.

        `frame` is the frame's place in the video; greater from call to call, gaps are allowed.
        """
        oldest = min([frame - self.memory, *self._frames])
        self._frames.append(frame)
        self._tracks = [track for track in self._tracks if track.frame >= oldest]
        columns = detections.class_ids, detections.rois, detections.windows, detections.pieces
        found = [
            Track(0, int(class_id), box, window, piece, frame, np.zeros(2))
            for class_id, box, window, piece in zip(*columns, strict=True)
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


def _moved(boxes, old, frame) -> np.ndarray:
    """Return boxes `[N, 4]` of the tracks `old`, moved on to `frame` as the tracks are."""
    return np.array(boxes) + np.array([np.tile(track.moved_to(frame), 2) for track in old])


def _overlaps(old, new) -> np.ndarray:
    """Return the intersection over union of the masks, 0..1, of every pair."""
    windows = _moved([track.window for track in old], old, new[0].frame)
    pieces1, pieces2 = ([track.piece for track in tracks] for tracks in (old, new))
    return piece_overlaps(windows, pieces1, np.array([track.window for track in new]), pieces2)


def _nearness(old, new) -> np.ndarray:
    """Return how near boxes are to where they should be, 1 there and 0 at MAX_DISTANCE."""
    boxes1 = _moved([track.box for track in old], old, new[0].frame)
    boxes2 = np.array([track.box for track in new])
    diagonals1, diagonals2 = (
        np.maximum(np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T), 1) for boxes in (boxes1, boxes2)
    )
    growth = np.abs(np.log(diagonals1[:, None] / diagonals2))
    way = np.linalg.norm(_center(boxes1)[:, None] - _center(boxes2), axis=-1)
    mean = (diagonals1[:, None] + diagonals2) / 2
    return np.where(growth > np.log(MAX_GROWTH), -np.inf, 1 - way / (MAX_DISTANCE * mean))
