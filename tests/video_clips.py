"""Small videos for the tests, and a detector that needs no network."""

import dataclasses
import time

import cv2
import numpy as np

from mrcnn.detections import Detections

RED = (230, 0, 0)


def write_clip(path, frames, rate=25.0, code="MJPG"):
    """Write RGB frames with OpenCV and return the path."""
    frames = list(frames)
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), rate, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


def grey_frames(count, height=48, width=64):
    """Yield frames whose brightness tells their number; up to 45 of them."""
    for index in range(count):
        yield np.full((height, width, 3), min(5 * index + 20, 250), np.uint8)


def grey_index(image):
    """Return the number of a frame of `grey_frames`, through a codec."""
    return round((float(image.mean()) - 18.5) / 5)  # codecs lose up to 3


def read_all(path):
    """Return all frames of a video as OpenCV decodes them, in RGB."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (got := capture.read())[0]:
        frames.append(got[1][..., ::-1])
    return frames


def remote_boxes(index):
    """Return where two remotes are on frame `index`: one falls, one goes right and is hidden once.

    `(y1, x1, y2, x2)` by number.
    """
    boxes = {1: (10 + 2 * index, 20, 58 + 2 * index, 36)}
    if not 12 <= index < 18:
        boxes[2] = (90, 60 + 3 * index, 106, 108 + 3 * index)
    return boxes


def remote_frames(count, height=192, width=320):
    """Yield frames on which red remotes with keys move over a pattern."""
    y, x = np.mgrid[:height, :width]
    background = np.stack([80 + (y + x) % 60, 90 + y % 50, 60 + x % 40], -1).astype(np.uint8)
    for index in range(count):
        frame = background.copy()
        for y1, x1, y2, x2 in remote_boxes(index).values():
            frame[y1:y2, x1:x2] = RED
        yield frame


class RedDetector:
    """Finds what is red in RGB images, with the interface of `Detector.detect`.

    In images whose channels are the other way round it finds nothing.
    """

    def __init__(self, class_id=1, seconds=0.0):
        self.class_id, self.seconds, self.calls = class_id, seconds, 0

    def detect(self, images):
        self.calls += 1
        time.sleep(self.seconds)
        return [self._find(image) for image in images]

    def _find(self, image):
        red = (image[..., 0] > 180) & (image[..., 1] < 90) & (image[..., 2] < 90)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(red.astype(np.uint8))
        kept = [index for index in range(1, count) if stats[index, cv2.CC_STAT_AREA] > 50]
        # The network's order is that of its scores; here the largest x comes first.
        kept.sort(key=lambda index: -stats[index, 0])
        masks = np.stack([labels == index for index in [*kept, -1]], -1)[..., :-1]
        found = Detections.of_masks(masks, np.full(len(kept), self.class_id, np.int32))
        scores = np.linspace(0.99, 0.9, len(kept), dtype=np.float32)
        return dataclasses.replace(found, scores=scores)
