"""How much the correction of what was found in a photo would teach.

Uncertainty sampling: those examples teach most of which a network is least sure (Lewis and Gale, A
Sequential Algorithm for Training Text Classifiers, 1994). Of a photo the margins of all candidates
count, added up, as in Brust, Kaeding and Denzler, Active Learning for Deep Object Detection, 2019,
where the sum chose better than the mean and the greatest.
"""

import numpy as np

from mrcnn.detections import Detections
from mrcnn.masks import piece_overlaps

# Two objects of different classes whose masks, or boxes, overlap so much are one with two names.
SAME_OBJECT = 0.5


def uncertainty(detections: Detections, threshold: float) -> float:
    """Return how unsure a network was of a photo, 0 or more.

    It is the sum of `closeness` of all scores, also of those `below` the threshold, and of
    1 - |difference of the scores| of each two objects that are one with the names of two classes.

    Arguments:
        detections: with scores.
        threshold: the least score of an object, 0..1.
    """
    below = [score for score, _ in detections.below]
    scores = np.array([*detections.scores.tolist(), *below])
    return float(closeness(scores, threshold).sum() + _contradictions(detections))


def closeness(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return how close scores 0..1 are to the threshold: 1 at it, 0 at the scores 0 and 1."""
    side = np.where(scores >= threshold, 1 - threshold, threshold)
    return 1 - np.abs(scores - threshold) / np.maximum(side, 1e-6)


def _contradictions(detections):
    if len(detections) < 2:
        return 0.0
    windows, pieces = detections.windows, detections.pieces
    if pieces is None:
        pieces = [np.ones(window[2:] - window[:2], bool) for window in windows]
    classes, scores = detections.class_ids, detections.scores
    one = piece_overlaps(windows, pieces, windows, pieces) >= SAME_OBJECT
    pairs = np.argwhere(np.triu(one & (classes[:, None] != classes)))
    return sum(1 - abs(float(scores[first] - scores[second])) for first, second in pairs)
