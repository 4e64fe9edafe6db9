"""Which class was taken for which, and the images in which most went wrong.

D detections and G ground-truth objects of an image, K classes (0 is the background).
A negative ground-truth class id -k is a crowd of class k.
"""

from typing import Any, NamedTuple

import numpy as np

from mrcnn.evaluation.coco_ap import NO_MATCH, match

BACKGROUND = 0
IOU_THRESHOLD = 0.5  # the least overlap of a detection with the object that it stands for


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


def assign(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Give each detection of a scene the object that it stands for, of its class or another.

    First within each class, as average precision does it; then what is left on both sides,
    whatever the class, the largest overlap first.

    Returns the index of each object, or NO_MATCH, int `[D]`; and bool `[D]`, False for a detection
    in a crowd of its class, which does not count.
    """
    objects = np.full(len(scene.scores), NO_MATCH)
    crowd = scene.gt_class_ids < 0
    for class_id in np.unique(scene.class_ids):
        of_class = np.flatnonzero(scene.class_ids == class_id)
        gts = np.flatnonzero(np.abs(scene.gt_class_ids) == class_id)
        overlaps = scene.overlaps[np.ix_(of_class, gts)]
        matches = match(overlaps, crowd[None, gts], crowd[gts], np.array([IOU_THRESHOLD]))[0, 0]
        matched = matches != NO_MATCH
        objects[of_class[matched]] = gts[matches[matched]]
    # One entry more than there are objects: NO_MATCH picks the last.
    counted = ~np.append(crowd, False)[objects]

    left = scene.overlaps.copy()
    left[objects != NO_MATCH] = 0
    left[:, crowd] = 0
    left[:, objects[objects != NO_MATCH]] = 0
    while left.size and left.max() >= IOU_THRESHOLD:
        detection, gt = np.unravel_index(left.argmax(), left.shape)
        objects[detection] = gt
        left[detection], left[:, gt] = 0, 0
    return objects, counted


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
