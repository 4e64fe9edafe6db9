"""What a score threshold costs and wins: precision, recall, F1, and the best threshold."""

from typing import NamedTuple

import numpy as np


class Point(NamedTuple):
    """How good the detections are that have this score or more; NaN where nothing tells."""

    threshold: float
    precision: float
    recall: float
    f1: float


class Curve(NamedTuple):
    """Every operating point of a detector, by falling threshold: the arrays are `[P]`."""

    objects: int
    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray

    def best(self) -> Point:
        """Return the point of the highest F1, of equal ones that of the highest threshold.

        Its threshold lies half way to the next lower score: any value between the two keeps the
        same detections, and this one survives rounding. Where no object is found no
        threshold is better than another: it is NaN.
        """
        if not self.f1.any():
            nothing = 0.0 if self.objects else float("nan")
            return Point(float("nan"), float("nan"), nothing, nothing)
        index = int(np.argmax(self.f1))
        threshold = self.thresholds[index : index + 2].mean()
        values = (threshold, self.precision[index], self.recall[index], self.f1[index])
        return Point(*map(float, values))


def curve(scores: np.ndarray, found: np.ndarray, objects: int) -> Curve:
    """Return the operating points of detections, one for each distinct score.

    Arguments:
        scores: float `[N]`, in any order; without detections that do not count, as in a crowd.
        found: bool `[N]`, whether each detection has an object of its own.
        objects: the number of objects, found or not.

    F1 is 2 TP / (2 TP + FP + FN): twice the hits over detections plus objects.
    """
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(found[order])
    # Detections of equal score pass a threshold together.
    last = np.flatnonzero(np.diff(scores, append=-np.inf))
    scores, hits, kept = scores[last], hits[last], last + 1
    recall = hits / objects if objects else np.full(len(hits), np.nan)
    return Curve(objects, scores, hits / kept, recall, 2 * hits / (kept + objects))
