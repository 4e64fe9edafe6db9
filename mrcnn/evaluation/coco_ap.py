"""Average precision and recall of a data set by COCO's definition, box or mask.

Lin et al. 2014 (Microsoft COCO) and the rules of its evaluation: ten IoU thresholds, precision
at 101 recalls, three object sizes, at most 100 detections of a class in an image, crowds that
neither count nor punish. The numbers are those of `pycocotools`, which is not needed.

D detections and G ground-truth objects of an image, K classes (0 is the background), T IoU
thresholds, A area ranges, R recalls, L limits on the detections of a class in an image.
A negative ground-truth class id -k is a crowd of class k.
"""

import numpy as np

from mrcnn import boxes
from mrcnn.detections import Detections
from mrcnn.masks import shared_pixels

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
LIMITS = (1, 10, 100)
AREA_NAMES = ("all", "small", "medium", "large")
# In square pixels; both ends belong to the range.
AREA_RANGES = np.array([[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]])
NO_MATCH = -1
# The least score worth finding: average precision wants the uncertain detections too.
LEAST_SCORE = 0.05


def box_overlaps(pred_boxes: np.ndarray, gt_boxes: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Return the overlap of every pair of boxes `[D, 4]` and `[G, 4]`, float64 `[D, G]`.

    Intersection over union; with a crowd (bool `[G]`), over the detection's own area.
    """
    pred_boxes, gt_boxes = np.asarray(pred_boxes, np.float64), np.asarray(gt_boxes, np.float64)
    shared = boxes.shared_areas(pred_boxes, gt_boxes)
    return _ratio(shared, boxes.area(pred_boxes)[:, None], boxes.area(gt_boxes), crowd)


def mask_overlaps(found: Detections, truth: Detections, crowd: np.ndarray) -> np.ndarray:
    """Return the overlap of every pair of masks, float64 `[D, G]`, as `box_overlaps` does."""
    shared = shared_pixels(found.windows, found.pieces, truth.windows, truth.pieces)
    return _ratio(shared.astype(np.float64), found.areas[:, None], truth.areas, crowd)


def _ratio(shared, pred_areas, gt_areas, crowd):
    whole = np.where(crowd, pred_areas, pred_areas + gt_areas - shared)
    return np.divide(shared, whole, out=np.zeros_like(shared), where=shared > 0)


def match(
    overlaps: np.ndarray, ignored: np.ndarray, crowd: np.ndarray, iou_thresholds: np.ndarray
) -> np.ndarray:
    """Match the detections of one class in one image with its objects, the most certain first.

    Each detection takes the free object that it overlaps most, by the threshold or more (of
    equal ones the last); an ignored object only where no other will do; a crowd is never
    used up.

    Arguments:
        overlaps: float64 `[D, G]`, detections by falling score.
        ignored: bool `[A, G]`, objects that do not count, for each of A ways to count.
        crowd: bool `[G]`.
        iou_thresholds: `[T]`.

    Returns the index of each detection's object, or NO_MATCH: int `[A, T, D]`.
    """
    ways, thresholds, gts = len(ignored), len(iou_thresholds), overlaps.shape[1]
    matches = np.full((ways, thresholds, len(overlaps)), NO_MATCH)
    if not gts:
        return matches
    free = np.ones((ways, thresholds, gts), bool)
    for d, row in enumerate(overlaps):
        allowed = np.where(free & (row >= iou_thresholds[:, None]), row, -1.0)
        counted = np.where(ignored[:, None], -1.0, allowed)
        values = np.where((counted >= 0).any(axis=-1, keepdims=True), counted, allowed)
        best = gts - 1 - values[..., ::-1].argmax(axis=-1)
        taken = np.take_along_axis(values, best[..., None], axis=-1)[..., 0] >= 0
        matches[..., d] = np.where(taken, best, NO_MATCH)
        way, threshold = np.nonzero(taken)
        free[way, threshold, best[taken]] = crowd[best[taken]]
    return matches


class CocoAP:
    """Gathers detections image by image and tells the average precision and recall of all.

    It keeps a few bytes a detection. Where scores are equal, images count in the order they
    were added (`pycocotools`: in the order of their ids).
    """

    def __init__(self, num_classes: int):
        """`num_classes` is K, the background included."""
        shape = (num_classes, len(AREA_RANGES))
        self._objects = np.zeros(shape, np.int64)
        self._hits = np.zeros((*shape, len(LIMITS), len(IOU_THRESHOLDS)), np.int64)
        self._records = [[] for _ in range(num_classes)]

    def add(self, overlaps, scores, class_ids, areas, gt_class_ids, gt_areas) -> None:
        """Add one image.

        Arguments:
            overlaps: float64 `[D, G]` of `box_overlaps` or `mask_overlaps`.
            scores, class_ids, areas: `[D]`; areas of the boxes or masks that are compared.
            gt_class_ids, gt_areas: `[G]`; COCO takes the mask's area, for box AP too.
        """
        order = np.argsort(-np.asarray(scores), kind="stable")
        for class_id in np.union1d(class_ids, np.abs(gt_class_ids)).astype(int):
            of_class = order[class_ids[order] == class_id][: LIMITS[-1]]
            gts = np.flatnonzero(np.abs(gt_class_ids) == class_id)
            crowd = gt_class_ids[gts] < 0
            ignored = crowd | _outside(gt_areas[gts])
            matches = match(overlaps[np.ix_(of_class, gts)], ignored, crowd, IOU_THRESHOLDS)
            matched = matches != NO_MATCH
            # NO_MATCH picks the last column, added for it: an unmatched detection does not
            # count where its own size is out of the range.
            by_gt = np.concatenate([ignored, np.zeros((len(ignored), 1), bool)], axis=1)
            by_gt = by_gt[np.arange(len(ignored))[:, None, None], matches]
            counted = ~by_gt & (matched | ~_outside(areas[of_class])[:, None])
            found = matched & counted
            self._objects[class_id] += np.count_nonzero(~ignored, axis=1)
            for index, limit in enumerate(LIMITS):
                self._hits[class_id, :, index] += np.count_nonzero(found[..., :limit], axis=-1)
            self._records[class_id].append((scores[of_class], found, counted))

    def detections(self, class_id: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return scores `[N]` of the detections of a class, falling, and two bool `[A, T, N]`:
        which found an object of their own, and which count. The others lie in a crowd or are out
        of the area range.
        """
        shape = (len(AREA_RANGES), len(IOU_THRESHOLDS), 0)
        none = (np.zeros(0), np.zeros(shape, bool), np.zeros(shape, bool))
        columns = zip(none, *self._records[class_id], strict=True)
        scores, found, counted = (np.concatenate(column, axis=-1) for column in columns)
        order = np.argsort(-scores, kind="stable")
        return scores[order], found[..., order], counted[..., order]

    def objects(self) -> np.ndarray:
        """Return the number of objects of each class, without the crowds: int `[K]`."""
        return self._objects[:, 0].copy()

    def precision(self) -> np.ndarray:
        """Return precision at each of RECALLS, `[K, A, T, R]`; NaN where there is no object."""
        return np.stack([self._class_precision(k) for k in range(len(self._records))])

    def recall(self) -> np.ndarray:
        """Return the highest recall, `[K, A, L, T]`; NaN where there is no object."""
        objects = np.where(self._objects > 0, self._objects, np.nan)
        return self._hits / objects[..., None, None]

    def _class_precision(self, class_id):
        _, found, counted = self.detections(class_id)
        objects = self._objects[class_id]
        hits = np.cumsum(found, axis=-1, dtype=np.float64)
        tried = np.cumsum(counted, axis=-1, dtype=np.float64)
        precision = hits / np.maximum(tried, 1)
        envelope = np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]
        sampled = np.full((*found.shape[:2], len(RECALLS)), np.nan)
        for area, threshold in np.ndindex(found.shape[:2]):
            if objects[area]:
                recall = hits[area, threshold] / objects[area]
                # A recall that is never reached has precision 0.
                reached = np.append(envelope[area, threshold], 0.0)
                sampled[area, threshold] = reached[np.searchsorted(recall, RECALLS)]
        return sampled

    def per_class(self) -> dict[str, np.ndarray]:
        """Return `AP` and `AP50` of each class, `[K]`; NaN where it has no object."""
        precision = self.precision()[:, 0]
        return {"AP": precision.mean(axis=(1, 2)), "AP50": precision[:, 0].mean(axis=1)}

    def summary(self) -> dict[str, float]:
        """Return COCO's twelve numbers, 0..1; NaN where no object is of that size.

        AP (IoU 0.5 to 0.95), AP50, AP75, APsmall, APmedium, APlarge, AR1, AR10, AR100,
        ARsmall, ARmedium, ARlarge. Each is the mean over the classes that have an object.
        """
        precision, recall = self.precision(), self.recall()
        summary = {
            "AP": _mean(precision[:, 0]),
            "AP50": _mean(precision[:, 0, IOU_THRESHOLDS == 0.5]),
            "AP75": _mean(precision[:, 0, IOU_THRESHOLDS == 0.75]),
        }
        for area, name in enumerate(AREA_NAMES[1:], start=1):
            summary[f"AP{name}"] = _mean(precision[:, area])
        for index, limit in enumerate(LIMITS):
            summary[f"AR{limit}"] = _mean(recall[:, 0, index])
        for area, name in enumerate(AREA_NAMES[1:], start=1):
            summary[f"AR{name}"] = _mean(recall[:, area, -1])
        return summary


def _outside(areas):
    """Return whether each of `areas` `[N]` is out of each area range: bool `[A, N]`."""
    areas = np.asarray(areas)
    return (areas < AREA_RANGES[:, :1]) | (areas > AREA_RANGES[:, 1:])


def _mean(values):
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else float("nan")
