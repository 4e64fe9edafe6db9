"""Objects drawn onto the frames of a video: what belongs to an object stays as it was.

Frames are RGB, boxes `(y1, x1, y2, x2)` in pixels. An object's colour follows from its number,
and its label stays on its side of the object.
"""

from collections.abc import Sequence

import numpy as np

from mrcnn.boxes import shared_areas
from mrcnn.detections import Detections
from mrcnn.drawing import lettering
from mrcnn.drawing.colors import class_color, to_bytes
from mrcnn.drawing.instances import default_captions, draw_detections


class Labels:
    """Puts a label to each object, frame after frame on the same side of it."""

    def __init__(self):
        self._sides: dict[int, int] = {}

    def draw(self, frame: np.ndarray, boxes, numbers, captions, colors):
        """Draw the labels into `frame` itself; older objects, of lower numbers, choose first."""
        taken, sides = [], {}
        for index in np.argsort(numbers):
            # One by one: the size of the text then does not depend on how many objects there are.
            (text,) = lettering.texts([captions[index]], frame.shape[:2])
            number = int(numbers[index])
            places = _places(boxes[index], text.shape, frame.shape[:2])
            wanted = self._sides.get(number, 0)
            order = [wanted, *(side for side in range(len(places)) if side != wanted)]
            covered = shared_areas(places, np.reshape(taken, (-1, 4))).any(axis=1)
            free = [side for side in order if not covered[side]]
            side = sides[number] = free[0] if free else wanted
            taken.append(places[side])
            lettering.draw(frame, places[side], text, colors[index])
        self._sides = sides


def _places(box, size, shape) -> np.ndarray:
    """Return where a label of `size` may stand: above, below, inside at the top, at the bottom."""
    y1, x1, y2, _ = (int(value) for value in box)
    height, width = size
    rows = np.array([y1 - height, y2, y1, y2 - height])
    tops = np.clip(rows, 0, shape[0] - height)
    left = int(np.clip(x1, 0, shape[1] - width))
    return np.array([(top, left, top + height, left + width) for top in tops])


def draw_frame(
    frame: np.ndarray, detections: Detections, numbers, class_names: Sequence[str], labels: Labels
) -> np.ndarray:
    """Return a copy of a frame with its objects on it; `labels` are of the frames before."""
    colors = [class_color(number) for number in numbers]
    drawn = draw_detections(frame, detections, (), colors, [""] * len(colors))
    names = default_captions(detections.class_ids, class_names)
    captions = [
        f"{name} #{number} {score:.2f}"
        for name, number, score in zip(names, numbers, detections.scores, strict=True)
    ]
    labels.draw(drawn, detections.rois, numbers, captions, list(map(to_bytes, colors)))
    return drawn
