"""Which class was taken for which, and the images in which most went wrong.

D detections and G ground-truth objects of an image, K classes (0 is the background).
A negative ground-truth class id -k is a crowd of class k.
"""

from typing import Any, NamedTuple

import numpy as np

from mrcnn.evaluation.coco_ap import LIMITS, NO_MATCH, match

BACKGROUND = 0
IOU_THRESHOLD = 0.5  # the least overlap of a detection with the object that it stands for
NEAR = (
    0.1  # and of one that was meant for an object but does not cover it (Bolya et al. 2020, TIDE)
)


class Scene(NamedTuple):
    """What is kept of an image: how its detections lie on its objects."""

    image_id: Any
    overlaps: np.ndarray  # float64 [D, G]; detections by falling score
    scores: np.ndarray  # [D]
    class_ids: np.ndarray  # [D]
    gt_class_ids: np.ndarray  # [G]

    def above(self, threshold: float) -> "Scene":
        """Return the scene with the detections of this score or more."""
        kept = self.scores >= threshold
        return self._replace(
            overlaps=self.overlaps[kept], scores=self.scores[kept], class_ids=self.class_ids[kept]
        )


class Miss(NamedTuple):
    """The mistakes of an image. `weight` orders images: 1 for each object missed, and for each
    false detection its score."""

    image_id: Any
    false_negatives: int
    false_positives: int
    weight: float


class Pairs(NamedTuple):
    """Which detections of a scene may stand for which of its objects.

    They are the same at every threshold: those of the detections above it count then.
    """

    matched: np.ndarray  # int [D], the object of the detection's own class, or NO_MATCH
    counted: np.ndarray  # bool [D], False in a crowd, and beyond COCO's limit on a class
    # int [P, 2] (detection, object), the largest overlap first: of two classes, IOU_THRESHOLD or
    # more; and of one class, less than that but NEAR or more.
    other_class: np.ndarray
    near: np.ndarray


def pairs(scene: Scene) -> Pairs:
    """Return which detections may stand for which objects, matched as for average precision."""
    matched = np.full(len(scene.scores), NO_MATCH)
    counted = np.ones(len(scene.scores), bool)
    crowd = scene.gt_class_ids < 0
    for class_id in np.unique(scene.class_ids):
        of_class = np.flatnonzero(scene.class_ids == class_id)
        of_class, beyond = of_class[: LIMITS[-1]], of_class[LIMITS[-1] :]
        gts = np.flatnonzero(np.abs(scene.gt_class_ids) == class_id)
        overlaps = scene.overlaps[np.ix_(of_class, gts)]
        matches = match(overlaps, crowd[None, gts], crowd[gts], np.array([IOU_THRESHOLD]))[0, 0]
        taken = matches != NO_MATCH
        matched[of_class[taken]] = gts[matches[taken]]
        counted[beyond] = False
    # One entry more than there are objects: NO_MATCH picks the last.
    counted &= ~np.append(crowd, False)[matched]

    free = ((matched == NO_MATCH) & counted)[:, None] & ~crowd
    same = scene.class_ids[:, None] == scene.gt_class_ids
    right = scene.overlaps >= IOU_THRESHOLD
    near = (scene.overlaps >= NEAR) & ~right
    listed = (_by_overlap(scene.overlaps, free & kind) for kind in (right & ~same, near & same))
    return Pairs(matched, counted, *listed)


def _by_overlap(overlaps, chosen):
    places = np.argwhere(chosen)
    return places[np.argsort(-overlaps[chosen], kind="stable")]


def assign(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Give each detection of a scene the object that it stands for, of its class or another.

    First within each class, as average precision does it; then what is left on both sides,
    whatever the class, the largest overlap first.

    Returns the index of each object, or NO_MATCH, int `[D]`; and bool `[D]`, False for a detection
    that does not count: one in a crowd of its class, or beyond the 100 of a class.
    """
    listed = pairs(scene)
    objects = listed.matched.copy()
    take_free(objects, listed.other_class)
    return objects, listed.counted


def take_free(objects: np.ndarray, places: np.ndarray) -> None:
    """Write into `objects` `[D]` each (detection, object) of `places` that are both still free."""
    taken = set(objects.tolist())
    for detection, gt in places.tolist():
        if objects[detection] == NO_MATCH and gt not in taken:
            objects[detection] = gt
            taken.add(gt)


def confusion_matrix(scene: Scene, num_classes: int) -> np.ndarray:
    """Count the objects (rows) by the class that they were detected as (columns): int `[K, K]`.

    Row 0 are detections of nothing, column 0 objects that were not detected. Crowds, and
    detections in them, do not count: every other object and detection counts once.
    """
    objects, counted = assign(scene)
    objects, class_ids = objects[counted], scene.class_ids[counted]
    true_ids = np.append(scene.gt_class_ids, BACKGROUND)
    matrix = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(matrix, (true_ids[objects], class_ids), 1)
    missed = np.setdiff1d(np.flatnonzero(scene.gt_class_ids > 0), objects)
    np.add.at(matrix, (scene.gt_class_ids[missed], BACKGROUND), 1)
    return matrix


def miss(scene: Scene) -> Miss:
    """Count what is wrong in a scene; an object taken for another class is wrong twice."""
    objects, counted = assign(scene)
    true_ids = np.append(scene.gt_class_ids, BACKGROUND)
    wrong = counted & (true_ids[objects] != scene.class_ids)
    found = np.count_nonzero(counted & ~wrong)
    missed = int(np.count_nonzero(scene.gt_class_ids > 0) - found)
    weight = missed + float(scene.scores[wrong].sum())
    return Miss(scene.image_id, missed, int(np.count_nonzero(wrong)), weight)
