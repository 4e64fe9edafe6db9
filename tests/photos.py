"""Photos for the scripts that look at some."""

import cv2
import numpy as np

from mrcnn import pictures
from mrcnn.detections import Detections


def photo(height=60, width=80, seed=0):
    """Return a picture of large spots of colour, uint8 RGB."""
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (width, height))


def saved(path, image=None):
    """Write a picture, with the folders that it needs; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return pictures.write(path, photo() if image is None else image)


class Finder:
    """A detector that finds nothing; `after_image(number)` is called with each, from 1 on."""

    max_instances = 9

    def __init__(self, after_image=lambda number: None):
        self.seen, self.after_image = 0, after_image

    def detect(self, images):
        self.seen += 1
        self.after_image(self.seen)
        none = np.zeros(0, np.int32)
        below = ((0.1 * self.seen, 1),)
        shape = images[0].shape[:2]
        return [Detections(shape, none.reshape(0, 4), none, none.astype(np.float32), [], below)]
