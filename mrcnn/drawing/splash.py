"""Objects in colour on a picture in grey."""

import cv2
import numpy as np

from mrcnn.detections import Detections
from mrcnn.drawing.instances import as_rgb, check_shape


def draw_splash(image: np.ndarray, objects: Detections | np.ndarray) -> np.ndarray:
    """Return `image` in grey, its objects in colour: uint8 RGB `[H, W, 3]`.

    `objects` are masks bool `[H, W, N]`, or detections, those without masks with their whole
    boxes; without objects the whole picture is grey. Raises ValueError where they are of another
    height or width than the image.
    """
    color = as_rgb(image)
    shape = color.shape[:2]
    inside = np.zeros(shape, bool)
    if isinstance(objects, Detections):
        check_shape(objects, shape)
        pieces = [True] * len(objects) if objects.pieces is None else objects.pieces
        for piece, (y1, x1, y2, x2) in zip(pieces, objects.windows, strict=True):
            inside[y1:y2, x1:x2] |= piece
    else:
        if np.shape(objects)[:2] != shape:
            raise ValueError(f"masks are {list(np.shape(objects))} for a picture of {list(shape)}")
        for mask in np.moveaxis(np.asarray(objects, bool), -1, 0):
            inside |= mask  # nine times faster than np.any over the last axis, for five objects
    splash = cv2.cvtColor(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.copyTo(color, inside.view(np.uint8), splash)
