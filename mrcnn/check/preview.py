"""Pictures of the annotations, as a person checks them: those with a fault first."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from mrcnn import pictures
from mrcnn.annotation.records import AnnotatedImage
from mrcnn.annotation.shapes import bounds, region_mask
from mrcnn.check.regions import RegionFault
from mrcnn.masks import extract_bboxes

# The folder of the photos with a fault, which comes before those of the subsets.
FAULTY = "faulty"
# A drawing is looked at on a screen; hundreds of masks of a large photo would fill the memory.
MAX_SIDE = 1600


class Preview:
    """Writes a drawing of each annotated image to `folder/<subset>/<image name>`, as JPEG.

    One with a fault goes to `folder/faulty/<subset>/` instead. A name with another ending than
    `.jpg` gets one more.

    Arguments:
        folder: is made where it is missing.
        draw: `(image, rois, masks, class_ids, class_names) -> image`, all uint8 RGB
            `[H, W, 3]`, rois int `[N, 4]`, masks bool `[H, W, N]`, class_ids int `[N]`, and
            class_names with the background first.
        augment: `(image, masks) -> (image, masks)`; where given, each image is drawn a second
            time, augmented, as `<name>.augmented.jpg`.
        mark: `(image, [(box or None, words, point or None), ...]) -> image` marks faults, with
            boxes (y1, x1, y2, x2) and points (x, y) in pixels.
    """

    def __init__(
        self,
        folder: str | Path,
        draw: Callable[..., np.ndarray],
        augment: Callable | None = None,
        mark: Callable[..., np.ndarray] = lambda image, marks: image,
    ):
        self.folder = Path(folder)
        self.draw = draw
        self.mark = mark
        self.augment = augment
        # Augmenters keep a random state that threads must not share.
        self._one_at_a_time = threading.Lock()

    def write(
        self,
        subset: str,
        annotated: AnnotatedImage,
        image: np.ndarray,
        class_names: Sequence[str],
        faults: Sequence[RegionFault] = (),
    ):
        """Draw one image `[H, W, 3]` with its regions, and mark its faults.

        `class_names` are without the background.

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
        folder = self.folder / FAULTY / subset if faults else self.folder / subset
        scale = height / told[0], width / told[1]
        marks = [_mark(annotated, fault, scale) for fault in faults]
        stem = annotated.filename.replace("/", "_").removesuffix(".jpg")
        with self._one_at_a_time:
            # Of an earlier check, before it was mended or broken.
            other = self.folder / subset if faults else self.folder / FAULTY / subset
            for old in (other / f"{stem}.jpg", other / f"{stem}.augmented.jpg"):
                old.unlink(missing_ok=True)
            self._draw(folder / f"{stem}.jpg", image, masks, ids, class_names, marks)
            if self.augment is not None:
                image, masks = self.augment(image, masks)
                self._draw(folder / f"{stem}.augmented.jpg", image, masks, ids, class_names)

    def _draw(self, path, image, masks, class_ids, class_names, marks=()):
        visible = masks.any(axis=(0, 1))
        masks, class_ids = masks[..., visible], class_ids[visible]
        drawn = self.draw(image, extract_bboxes(masks), masks, class_ids, ["BG", *class_names])
        pictures.write(path, self.mark(drawn, marks) if marks else drawn)


def _mark(annotated, fault, scale):
    """Return where a fault is in the pixels of the drawing, and what to say there."""
    regions = {region.number: region for region in annotated.regions}
    words = fault.kind if fault.region in regions else fault.reason
    words = f"region {fault.region}: {words}" if fault.region else words
    if fault.region not in regions:
        return None, words, None
    down, across = scale
    y1, x1, y2, x2 = bounds(regions[fault.region])
    point = fault.place and (fault.place[0] * across, fault.place[1] * down)
    return (y1 * down, x1 * across, y2 * down, x2 * across), words, point
