"""Pictures of where a model fails on an annotated data set."""

from dataclasses import replace

import cv2
import numpy as np

from mrcnn.drawing.instances import draw_detections
from mrcnn.evaluation.measure import load_truth

# A picture shows an image twice, and is looked at on a screen.
PICTURE_SIDE = 1200
GAP = 8


def draw_comparison(detector, dataset, image_id: int, min_confidence: float) -> np.ndarray:
    """Return an image twice, uint8 RGB: with its annotation, and with what the detector finds.

    Detections under `min_confidence` are left out. Side by side, or one below the other where
    the image is wide.
    """
    image, truth = load_truth(dataset, image_id)
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
