"""The page of an evaluation: figures, curves, and every photo as annotated and as found."""

from pathlib import Path

import numpy as np

from mrcnn.atomic import write_bytes
from mrcnn.detections import Detections
from mrcnn.evaluation.confusion import IOU_THRESHOLD, NO_MATCH, Scene, pairs
from mrcnn.evaluation.evaluation import Evaluation
from mrcnn.pages.page import around
from mrcnn.pages.photos import objects, photo


class EvaluationPage:
    """Gathers the photos of an evaluation and writes the page at its end.

    Small pictures are kept, about 20 kB a photo where there are many.
    """

    def __init__(self, path: str | Path, photos: int, weights: str = "", subset: str = ""):
        """`path` is the file; `photos` says how many there will be."""
        self.path, self._photos, self._parts = Path(path), photos, []
        self._facts = {"weights": weights, "subset": subset, "iou_threshold": IOU_THRESHOLD}

    def add(self, scene: Scene, image: np.ndarray, truth: Detections, found: Detections) -> None:
        """Add an image, uint8 RGB `[H, W, 3]`; the scene is what the evaluation made of it."""
        found = found.where(np.argsort(-found.scores.astype(np.float64), kind="stable"))
        listed = pairs(scene)
        detections = objects(found)
        for index, (record, object_) in enumerate(zip(detections, listed.matched, strict=True)):
            record["counted"] = bool(listed.counted[index])
            if object_ != NO_MATCH:
                record["object"] = int(object_)
                record["overlap"] = _overlap(scene, index, object_)
        annotated = objects(truth)
        for record in annotated:
            record["crowd"] = record["class"] < 0
            record["class"] = abs(record["class"])
        facts = {"found": detections, "annotated": annotated}
        # [detection, object, overlap]
        for name in ("other_class", "near"):
            places = getattr(listed, name).tolist()
            facts[name] = [[*place, _overlap(scene, *place)] for place in places]
        path = Path(str(scene.image_id))
        self._parts.append(photo(path, self.path, image, self._photos, facts))

    def write(self, evaluation: Evaluation) -> Path:
        """Write the page, whole or not at all; return its path. OSError where it cannot be."""
        summary = evaluation.summary()
        facts = {**self._facts, "compared": summary["compared"], "summary": summary}
        facts["threshold"] = evaluation.threshold()
        weights = Path(self._facts["weights"]).name
        title = f"Evaluation of {weights}" if weights else "Evaluation"
        before, behind = around("evaluation", title, evaluation.class_names, facts)
        text = "".join((before, *self._parts, behind))
        return write_bytes(self.path, text.encode(errors="backslashreplace"))


def _overlap(scene, detection, object_):
    return round(float(scene.overlaps[detection, object_]), 4)
