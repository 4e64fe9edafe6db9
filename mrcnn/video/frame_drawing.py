"""Objects drawn onto the frames of a video: what belongs to an object stays as it was.

Frames are RGB, boxes `(y1, x1, y2, x2)` in pixels. An object's colour follows from its number,
and its label stays on its side of the object.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from mrcnn.boxes import shared_areas
from mrcnn.detections import Detections
from mrcnn.drawing import lettering
from mrcnn.drawing.colors import class_color, to_bytes
from mrcnn.drawing.instances import default_captions, draw_detections
from mrcnn.video.counting import Count, Line, counted_text, crossed_text

LINE_COLOR, PLATE_COLOR = (255, 210, 0), (16, 16, 16)
ARROWS = {"up": "↑", "down": "↓", "left": "←", "right": "→"}
# So many of a line's width are a thousandth of the picture's side.
LINE_WIDTH = 3


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


def draw_count(
    frame: np.ndarray, count: Count, line: Line | None, class_names: Sequence[str]
) -> None:
    """Draw what was counted, and the line with who crossed it, into `frame` itself."""
    shape = frame.shape[:2]
    if line:
        width = max(2, round(LINE_WIDTH * np.sqrt(shape[0] * shape[1]) / 1000))
        ends = (line.x1, line.y1), (line.x2, line.y2)
        cv2.line(frame, *ends, PLATE_COLOR, width + 2, cv2.LINE_AA)
        cv2.line(frame, *ends, LINE_COLOR, width, cv2.LINE_AA)
        for way, toward in zip(line.directions, (-1, 1), strict=True):
            caption = crossed_text(count, class_names, way).replace(way, ARROWS[way], 1)
            (text,) = lettering.texts([caption], shape)
            _plate(frame, text, *_beside(line, toward, text.shape))
    (text,) = lettering.texts([counted_text(count, class_names)], shape)
    _plate(frame, text, 0, 0)


def _beside(line, toward, size) -> tuple[int, int]:
    """Return the corner (y, x) of a label on a side of the middle of a line."""
    (height, width), middle = size, ((line.y1 + line.y2) / 2, (line.x1 + line.x2) / 2)
    off = (0.0, toward * width) if line.directions[0] == "left" else (toward * height, 0.0)
    return round(middle[0] + off[0] - height / 2), round(middle[1] + off[1] - width / 2)


def _plate(frame, text, top, left):
    """Draw a label with its corner at (top, left), or as near as it is in the picture."""
    height, width = text.shape
    top = int(np.clip(top, 0, frame.shape[0] - height))
    left = int(np.clip(left, 0, frame.shape[1] - width))
    lettering.draw(frame, (top, left, top + height, left + width), text, PLATE_COLOR)
