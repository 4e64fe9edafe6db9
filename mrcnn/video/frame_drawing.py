"""Objects drawn onto the frames of a video: what belongs to an object stays as it was.

Frames are BGR, colours `(blue, green, red)` in 0..255, boxes `(y1, x1, y2, x2)` in pixels. An
object's colour follows from its number, and its label stays on its side of the object.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from mrcnn.drawing import instances as drawing
from mrcnn.drawing import lettering

Color = tuple[int, int, int]


def frame_color(color) -> Color:
    """Return a BGR colour as whole numbers in 0..255.

    Fractions, floats of which none is above 1, are taken as parts of 255, as the colours of
    matplotlib and `colorsys` are. Raises ValueError for what is no colour.
    """
    values = np.asarray(color)
    if values.shape not in ((3,), (4,)) or values.dtype.kind not in "iuf":
        raise ValueError(f"a colour is (blue, green, red), not {color!r}")
    values = values[:3]
    if values.dtype.kind == "f" and values.max() <= 1:
        values = values * 255
    if not (values.min() >= 0 and values.max() <= 255):
        raise ValueError(f"a colour has values in 0..255, or fractions in 0..1, not {color!r}")
    return tuple(int(value) for value in np.rint(values))


def number_color(number: int) -> Color:
    """Return the colour of an object's number, always the same; 1 to 96 all differ."""
    return frame_color(drawing.class_color(number)[::-1])


class Labels:
    """Puts a label to each object, frame after frame on the same side of it; all in RGB."""

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
            free = [side for side in order if not _hits(places[side], taken)]
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


def _hits(place, taken) -> bool:
    return any(
        (np.maximum(place[:2], other[:2]) < np.minimum(place[2:], other[2:])).all()
        for other in taken
    )


def draw_frame(
    frame: np.ndarray,
    result: dict,
    colors: Sequence,
    captions: Sequence[str],
    numbers: Sequence[int] | None = None,
    labels: Labels | None = None,
) -> np.ndarray:
    """Return a copy of a frame with its objects drawn on it.

    Arguments:
        frame: uint8 `[H, W, 3]`.
        result: `rois`, `masks` and `class_ids` as `MaskRCNN.detect` returns them.
        colors, captions: one an object.
        numbers, labels: of a video, the objects' numbers and the `Labels` of the frames before;
            without them each frame finds the best places for its own labels.
    """
    # RGB, since the letters on a label are dark or white by how bright its colour is.
    rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    colors = [frame_color(color)[::-1] for color in colors]
    drawn = drawing.draw_instances(
        rgb,
        result["rois"],
        result["masks"],
        result["class_ids"],
        (),
        colors=[np.array(color) / 255 for color in colors],
        captions=captions if labels is None else [""] * len(colors),
    )
    if labels is not None:
        labels.draw(drawn, result["rois"], numbers, captions, colors)
    return cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)


def splash_frame(frame: np.ndarray, result: dict) -> np.ndarray:
    """Return a copy of `frame` in grey, the objects of `result` in colour."""
    masks = np.asarray(result["masks"])
    if not len(result["rois"]):
        masks = np.zeros((*frame.shape[:2], 0), bool)
    splash = drawing.draw_splash(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), masks)
    return cv2.cvtColor(splash, cv2.COLOR_RGB2BGR)
