"""The evaluation of a model on a data set, fed image by image.

K classes (0 is the background), D detections and G ground-truth objects of an image.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn import boxes
from mrcnn.detections import Detections
from mrcnn.evaluation import mistakes
from mrcnn.evaluation.coco_ap import RECALLS, CocoAP, box_overlaps, mask_overlaps
from mrcnn.evaluation.confusion import IOU_THRESHOLD, Miss, Scene, confusion_matrix, miss
from mrcnn.evaluation.operating_points import Curve, curve
from mrcnn.evaluation.text import tables


class Evaluation:
    """Box and mask average precision, precision and recall by class, confusions, worst images.

    Masks are compared at once and not kept, so memory grows with the number of detections and
    not with the size of the images. Precision, recall, F1 and confusions are at IoU 0.5, of
    masks where there are masks, else of boxes.
    """

    def __init__(self, class_names: Sequence[str]):
        """`class_names` are all K names, the background's first."""
        if isinstance(class_names, str) or len(class_names) < 2:
            raise ValueError(
                f"class_names must list the background's name and one more, not {class_names!r}"
            )
        self.class_names = list(class_names)
        self._coco = {"box": CocoAP(len(self.class_names))}  # and, with masks, "mask"
        self._scenes: dict[Any, Scene] = {}

    def add(self, image_id: Any, truth: Detections, found: Detections) -> Scene:
        """Add an image, one that nothing is in or was found in too; return what is kept of it.

        Arguments:
            image_id: whatever names the image; each only once.
            truth: its G objects; the class id -k is a crowd of class k.
            found: its D detections. Masks have both, or neither.

        Raises ValueError, naming the image, for what does not fit together.
        """
        name = f"image {image_id!r}"
        if image_id in self._scenes:
            raise ValueError(f"{name} was added to the evaluation before")
        self._check_ids(f"{name}, ground truth", np.abs(truth.class_ids))
        self._check_ids(f"{name}, predictions", found.class_ids)
        if found.scores is None:
            raise ValueError(f"{name}, predictions: no scores")
        if not np.isfinite(found.scores).all():
            raise ValueError(f"{name}, predictions: a score is not a finite number")
        masks = truth.pieces is not None
        kinds = ["box", "mask"] if masks else ["box"]
        others = list(self._coco) if self._scenes else kinds
        if masks != (found.pieces is not None) or kinds != others:
            raise ValueError(f"{name}: give masks of ground truth and predictions, always or never")
        if masks and len(truth) and len(found) and truth.shape != found.shape:
            raise ValueError(
                f"{name}: masks of ground truth {truth.shape}, predicted {found.shape}"
            )

        scores, gt_boxes = found.scores.astype(np.float64), truth.rois.astype(np.float64)
        crowd, pred_boxes = truth.class_ids < 0, found.rois.astype(np.float64)
        overlaps = {"box": box_overlaps(pred_boxes, gt_boxes, crowd)}
        areas, gt_areas = {"box": boxes.area(pred_boxes)}, boxes.area(gt_boxes)
        if masks:
            overlaps["mask"] = mask_overlaps(found, truth, crowd)
            areas["mask"], gt_areas = found.areas, truth.areas
        for kind in kinds:
            coco = self._coco.setdefault(kind, CocoAP(len(self.class_names)))
            detections = (overlaps[kind], scores, found.class_ids, areas[kind])
            coco.add(*detections, truth.class_ids, gt_areas)
        order = np.argsort(-scores, kind="stable")
        compared = overlaps[kinds[-1]][order]
        scene = Scene(image_id, compared, scores[order], found.class_ids[order], truth.class_ids)
        self._scenes[image_id] = scene
        return scene

    def _check_ids(self, where, class_ids):
        most = len(self.class_names) - 1
        unknown = class_ids[(class_ids < 1) | (class_ids > most)]
        if unknown.size:
            raise ValueError(
                f"{where}: class id {unknown[0]} is not one of 1 to {most}, those with a name"
            )

    @property
    def kind(self) -> str:
        """What precision, recall and confusions compare: `mask` or `box`."""
        return "mask" if "mask" in self._coco else "box"

    def scored(self, class_id: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return float scores `[N]` and bool `[N]`, whether each detection has its own object.

        Of a class or of all together; detections in a crowd are left out.
        """
        scores, hits = [], []
        for index in self._ids(class_id):
            of_class, found, counted = self._coco[self.kind].detections(index)
            counted = counted[0, 0]
            scores.append(of_class[counted])
            hits.append(found[0, 0, counted])
        return np.concatenate(scores), np.concatenate(hits)

    def curve(self, class_id: int | None = None) -> Curve:
        """Return precision, recall and F1 over the threshold, of a class or of all together."""
        objects = int(self._coco[self.kind].objects()[self._ids(class_id)].sum())
        return curve(*self.scored(class_id), objects)

    def _ids(self, class_id):
        return list(range(1, len(self.class_names))) if class_id is None else [class_id]

    def threshold(self) -> float:
        """Return the score threshold of the best F1 of all classes together, 0 without any."""
        best = self.curve().best().threshold
        return 0.0 if np.isnan(best) else best

    def precision_at_recalls(self) -> tuple[np.ndarray, np.ndarray]:
        """Return RECALLS `[R]` and precision at IoU 0.5 `[K, R]`, whose mean is AP50."""
        return RECALLS, self._coco[self.kind].precision()[:, 0, 0]

    def confusion(self, threshold: float | None = None) -> np.ndarray:
        """Count objects (rows) by the class they were detected as (columns): int `[K, K]`.

        Row 0 are detections of nothing, column 0 objects not detected. Detections with less
        than `threshold` (by default that of the best F1) do not count.
        """
        threshold = self.threshold() if threshold is None else threshold
        matrix = np.zeros((len(self.class_names),) * 2, np.int64)
        for scene in self._scenes.values():
            matrix += confusion_matrix(scene.above(threshold), len(matrix))
        return matrix

    def mistakes(self, threshold: float | None = None) -> dict[str, int]:
        """Count what is `right` and each of `mistakes.MISTAKES`; `threshold` as in `confusion`."""
        threshold = self.threshold() if threshold is None else threshold
        scenes = (scene.above(threshold) for scene in self._scenes.values())
        counts = sum(map(mistakes.count, scenes), Counter())
        return {kind: counts[kind] for kind in (mistakes.RIGHT, *mistakes.MISTAKES)}

    def worst(self, count: int, threshold: float | None = None) -> list[Miss]:
        """Return the `count` images in which most went wrong, the worst first, none that is right.

        `threshold` as in `confusion`.
        """
        threshold = self.threshold() if threshold is None else threshold
        misses = [miss(scene.above(threshold)) for scene in self._scenes.values()]
        wrong = [each for each in misses if each.false_negatives or each.false_positives]
        return sorted(wrong, key=lambda each: -each.weight)[:count]

    def summary(self) -> dict:
        """Return all numbers, ready for JSON: fractions 0..1, None where nothing tells.

        `images`, `compared` (mask or box), `iou_threshold`; `box` and `mask`: COCO's twelve
        numbers each; `overall` and, one a class, `classes`: `objects`, `detections`, `threshold`
        (of the best F1), and there `precision`, `recall`, `f1`; `classes` also with `class_id`,
        `name`, `box_AP`, `box_AP50`, `mask_AP`, `mask_AP50`; `confusion`: `threshold`, `names`
        and `matrix` as `confusion` returns it; `mistakes` at that threshold.
        """
        per_class = {kind: coco.per_class() for kind, coco in self._coco.items()}
        classes = []
        for class_id, name in enumerate(self.class_names[1:], start=1):
            row = {"class_id": class_id, "name": name, **self._point(class_id)}
            for kind, values in per_class.items():
                row.update({f"{kind}_{key}": float(v[class_id]) for key, v in values.items()})
            classes.append(row)
        return _without_nan(
            {
                "images": len(self._scenes),
                "compared": self.kind,
                "iou_threshold": IOU_THRESHOLD,
                **{kind: coco.summary() for kind, coco in self._coco.items()},
                "overall": self._point(None),
                "classes": classes,
                "confusion": {
                    "threshold": self.threshold(),
                    "names": ["background", *self.class_names[1:]],
                    "matrix": self.confusion().tolist(),
                },
                "mistakes": self.mistakes(),
            }
        )

    def _point(self, class_id):
        """Return the counts and the best threshold of a class; of all where `class_id` is None."""
        points = self.curve(class_id)
        ids = np.concatenate([scene.class_ids for scene in self._scenes.values()] or [[]])
        detections = ids.size if class_id is None else np.count_nonzero(ids == class_id)
        best = points.best()._asdict()
        return {"objects": points.objects, "detections": int(detections), **best}

    def text(self) -> str:
        """Return the summary as tables of plain text, without a line end at the end."""
        return tables(self.summary())


def _without_nan(value):
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and np.isnan(value) else value
