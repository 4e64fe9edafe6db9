"""How well a model does on an annotated data set, and pictures of where it fails."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from mrcnn.data.samples import load_annotated
from mrcnn.detections import Detections
from mrcnn.drawing.instances import draw_detections
from mrcnn.evaluation.evaluation import Evaluation

# A picture shows an image twice, and is looked at on a screen.
PICTURE_SIDE = 1200
GAP = 8


def evaluate(
    detector, dataset, progress: Callable[[int, int], None] = lambda done, total: None
) -> Evaluation:
    """Compare what a `Detector` finds in all images of a prepared `Dataset` with their annotation.

    For average precision it should keep detections of low scores too; the classes of both have the
    same ids. `progress` is called with (images done, of how many). Images are known to the
    Evaluation by `dataset.image_reference`. Raises ValueError, which names the image, for one that
    cannot be read or whose masks do not fit.
    """
    evaluation = Evaluation(dataset.class_names)
    for done, image_id in enumerate(dataset.image_ids, start=1):
        image, truth = _load(dataset, image_id)
        (found,) = detector.detect([image])
        evaluation.add(dataset.image_reference(image_id), truth, found)
        progress(done, len(dataset.image_ids))
    return evaluation


def draw_comparison(detector, dataset, image_id: int, min_confidence: float) -> np.ndarray:
    """Return an image twice, uint8 RGB: with its annotation, and with what the detector finds.

    Detections under `min_confidence` are left out. Side by side, or one below the other where
    the image is wide.
    """
    image, truth = _load(dataset, image_id)
    (found,) = detector.detect([image], min_confidence)
    truth = replace(truth, class_ids=np.abs(truth.class_ids))
    pictures = [draw_detections(image, each, dataset.class_names) for each in (truth, found)]
    height, width = image.shape[:2]
    scale = min(1, PICTURE_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    first, second = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in pictures)
    axis = 0 if width > height else 1
    gap = np.full((GAP, size[0], 3) if axis == 0 else (size[1], GAP, 3), 255, np.uint8)
    return np.concatenate([first, gap, second], axis=axis)


def _load(dataset, image_id) -> tuple[np.ndarray, Detections]:
    """Return an image and its objects; those of crowds have negative class ids."""
    image, masks, class_ids = load_annotated(dataset, image_id, channels=3)
    truth = Detections.of_masks(masks, class_ids)
    # An object that lies outside the image can neither be found nor missed.
    return image, truth.where(truth.areas > 0)
