"""Pictures of the annotations, as a person checks them."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from mrcnn import pictures
from mrcnn.annotation.records import AnnotatedImage
from mrcnn.annotation.shapes import region_mask
from mrcnn.masks import extract_bboxes

# A drawing is looked at on a screen; hundreds of masks of a large photo would fill the memory.
MAX_SIDE = 1600


class Preview:
    """Writes a drawing of each annotated image to `folder/<subset>/<image name>`, as JPEG.

    A name with another ending than `.jpg` gets one more.

    Arguments:
        folder: is made where it is missing.
        draw: `(image, rois, masks, class_ids, class_names) -> image`, all uint8 RGB
            `[H, W, 3]`, rois int `[N, 4]`, masks bool `[H, W, N]`, class_ids int `[N]`, and
            class_names with the background first.
        augment: `(image, masks) -> (image, masks)`; where given, each image is drawn a second
            time, augmented, as `<name>.augmented.jpg`.
    """

    def __init__(
        self, folder: str | Path, draw: Callable[..., np.ndarray], augment: Callable | None = None
    ):
        self.folder = Path(folder)
        self.draw = draw
        self.augment = augment
        # Augmenters keep a random state that threads must not share.
        self._one_at_a_time = threading.Lock()

    def write(
        self, subset: str, annotated: AnnotatedImage, image: np.ndarray, class_names: Sequence[str]
    ):
        """Draw one image `[H, W, 3]` with its regions; `class_names` without the background.

        Raises OSError where the folder cannot be written.
        """
        told = image.shape[:2]
        shrink = min(1, MAX_SIDE / max(told))
        height, width = (max(1, round(side * shrink)) for side in told)
        if shrink < 1:
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        masks = [region_mask(region, told, (height, width)) for region in annotated.regions]
        masks = np.stack(masks, axis=-1) if masks else np.zeros((height, width, 0), bool)
        ids = [1 + list(class_names).index(region.label) for region in annotated.regions]
        ids = np.array(ids, np.int32)
        folder = self.folder / subset
        stem = annotated.filename.replace("/", "_").removesuffix(".jpg")
        with self._one_at_a_time:
            self._draw(folder / f"{stem}.jpg", image, masks, ids, class_names)
            if self.augment is not None:
                image, masks = self.augment(image, masks)
                self._draw(folder / f"{stem}.augmented.jpg", image, masks, ids, class_names)

    def _draw(self, path, image, masks, class_ids, class_names):
        visible = masks.any(axis=(0, 1))
        masks, class_ids = masks[..., visible], class_ids[visible]
        drawn = self.draw(image, extract_bboxes(masks), masks, class_ids, ["BG", *class_names])
        pictures.write(path, drawn)
