"""Marks on a picture of what is wrong in it: where, and in words."""

from collections.abc import Sequence

import cv2
import numpy as np

from mrcnn.drawing import lettering

RED, WHITE = (224, 0, 32), (255, 255, 255)
# Pixels for each 1000 pixels of the picture's side (the square root of its area).
LINE_WIDTH = 4
# A mark has at least this share of the picture's side, so that one at the rim is seen.
LEAST = 0.04


def draw_marks(image: np.ndarray, marks: Sequence[tuple]) -> np.ndarray:
    """Return a copy of `image`, uint8 RGB `[H, W, 3]`, with a frame and a label for each mark.

    A mark is (box, words, point): a box `(y1, x1, y2, x2)` in pixels, also outside the picture, and
    the (x, y) within it that is meant, or None. Marks without a box are said at the top.
    """
    canvas = image.copy()
    shape = canvas.shape[:2]
    width = max(2, round(LINE_WIDTH * np.sqrt(shape[0] * shape[1]) / 1000))
    boxes = {index: _seen(box, shape) for index, (box, *_) in enumerate(marks) if box}
    for index, (y1, x1, y2, x2) in boxes.items():
        for color, wide in ((WHITE, width + 2), (RED, width)):
            cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), color, wide)
        if point := marks[index][2]:
            center = tuple(round(value) for value in point)
            for color, wide in ((WHITE, width + 2), (RED, width)):
                cv2.circle(canvas, center, 4 * width, color, wide, cv2.LINE_AA)
    texts = lettering.texts([words for _, words, _ in marks], shape)
    taken, below = np.zeros((0, 4), int), 0
    every = np.array(list(boxes.values()), int).reshape(-1, 4)
    for index, text in enumerate(texts):
        if index in boxes:
            place = lettering.place(boxes[index], text.shape, shape, every, taken)
        else:
            place = np.array([below, 0, below + text.shape[0], text.shape[1]])
            below += text.shape[0]
            if below > shape[0]:
                continue
        taken = np.concatenate([taken, place[None]])
        lettering.draw(canvas, place, text, RED)
    return canvas


def _seen(box, shape) -> list[int]:
    """Return what of a box is in the picture, or the part of the rim that is next to it."""
    least = max(4, round(LEAST * min(shape)))
    sides = []
    for low, high, size in ((box[0], box[2], shape[0]), (box[1], box[3], shape[1])):
        start, end = np.clip([np.floor(low), np.ceil(high)], 0, size)
        if end - start < least:
            start = np.clip((start + end - least) / 2, 0, max(size - least, 0))
            end = min(start + least, size)
        sides.append((int(start), int(end)))
    (y1, y2), (x1, x2) = sides
    return [y1, x1, y2, x2]
