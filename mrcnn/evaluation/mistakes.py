"""What went wrong with each detection and each object: missed, false, poor, wrong class.

The kinds are those of Bolya et al. 2020 (TIDE), where a second detection of an object is false.
D detections and G ground-truth objects of an image. The page of an evaluation judges anew for each
threshold, from the same `Pairs`.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

from mrcnn.evaluation.confusion import NO_MATCH, Scene, pairs, take_free

RIGHT, IGNORED = "right", "ignored"
# A detection in place of an object, each of which counts once: the object's class is another, or
# the detection covers too little of it.
WRONG_CLASS, POOR = "wrong_class", "poor"
FALSE, MISSED = "false", "missed"
MISTAKES = (MISSED, FALSE, POOR, WRONG_CLASS)


class Verdicts(NamedTuple):
    """The kind of each detection, `[D]`, and of each object, `[G]`."""

    detections: list[str]  # RIGHT, WRONG_CLASS, POOR, FALSE, IGNORED
    objects: list[str]  # RIGHT, WRONG_CLASS, POOR, MISSED, IGNORED


def judge(scene: Scene) -> Verdicts:
    """Say of each detection and each object of a scene what became of it."""
    listed = pairs(scene)
    objects = listed.matched.copy()
    detections = np.full(len(objects), FALSE, dtype=object)
    detections[objects != NO_MATCH] = RIGHT
    for kind, places in ((WRONG_CLASS, listed.other_class), (POOR, listed.near)):
        before = objects.copy()
        take_free(objects, places)
        detections[objects != before] = kind
    truths = np.full(len(scene.gt_class_ids), MISSED, dtype=object)
    taken = objects != NO_MATCH
    truths[objects[taken]] = detections[taken]
    truths[scene.gt_class_ids < 0] = IGNORED
    detections[~listed.counted] = IGNORED
    return Verdicts(detections.tolist(), truths.tolist())


def count(scene: Scene) -> Counter:
    """Return how often each of MISTAKES was made in a scene, and how many objects are RIGHT."""
    verdicts = judge(scene)
    counts = Counter(kind for kind in verdicts.objects if kind != IGNORED)
    counts[FALSE] = verdicts.detections.count(FALSE)
    return counts
