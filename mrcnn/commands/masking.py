"""From the frames of a video to pictures with numbered objects, stage by stage, in threads.

    frames (read) -> found (detect, number) -> drawn (draw, describe) -> whoever shows or writes

Each stage has a thread of its own and a bounded queue, so that only the slowest one counts and
memory does not depend on the length of the video.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from mrcnn.commands.streaming import Ahead
from mrcnn.results.records import object_records
from mrcnn.video.files import Frame
from mrcnn.video.frame_drawing import Labels, draw_frame, number_color, splash_frame
from mrcnn.video.tracking import Tracker

# An object that is not seen keeps its number for so long, and for so many detections at least.
MEMORY_SECONDS = 1.0
MEMORY_DETECTIONS = 3
# Frames that wait between two stages.
QUEUE = 4


class Found(NamedTuple):
    """A frame, the objects on it as `MaskRCNN.detect` returns them, and their numbers int `[N]`."""

    frame: Frame
    result: dict
    numbers: np.ndarray


class Masked(NamedTuple):
    """A `Found` with its picture, uint8 BGR, and its objects' records; None where not wanted."""

    found: Found
    picture: np.ndarray | None
    objects: list[dict] | None


def find_objects(
    frames: Iterable[Frame], detect: Callable, rate: float, every: int = 1
) -> Iterator[Found]:
    """Yield each frame with its objects; `detect`, as `MaskRCNN.detect`, runs on one in `every`."""
    tracker = Tracker(round(rate * MEMORY_SECONDS), MEMORY_DETECTIONS)
    for count, frame in enumerate(frames):
        if count % every == 0:
            # The network learned from RGB; OpenCV's frames are BGR.
            (result,) = detect([cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB)])
            numbers = tracker.update(frame.index, result)
        yield Found(frame, result, numbers)


def draw_objects(
    found: Iterable[Found],
    class_names: Sequence[str],
    *,
    splash: bool = False,
    draw: bool = True,
    describe: bool = False,
) -> Iterator[Masked]:
    """Yield each frame with its picture, if `draw`, and its objects' records, if `describe`.

    A record is that of `results.object_records` with the object's `number`. `splash` draws no
    masks but leaves the objects in colour on a grey frame.
    """
    labels, objects, described = Labels(), None, None
    for item in found:
        (frame, result, numbers), picture = item, None
        if draw and splash:
            picture = splash_frame(frame.image, result)
        elif draw:
            colors = [number_color(number) for number in numbers]
            captions = captions_of(result, numbers, class_names)
            picture = draw_frame(frame.image, result, colors, captions, numbers, labels)
        if describe and result is not described:  # in between, frames share one result
            records = object_records(result, class_names)
            pairs = zip(numbers, records, strict=True)
            objects = [{"number": int(number), **record} for number, record in pairs]
            described = result
        yield Masked(item, picture, objects)


def captions_of(result: dict, numbers: Sequence[int], class_names: Sequence[str]) -> list[str]:
    """Return "name #3 0.97" for each object."""
    return [
        f"{class_names[class_id]} #{number} {score:.2f}"
        for class_id, number, score in zip(
            result["class_ids"], numbers, result["scores"], strict=True
        )
    ]


@contextlib.contextmanager
def pipeline(
    frames: Iterable[Frame],
    detect: Callable,
    class_names: Sequence[str],
    rate: float,
    *,
    every: int = 1,
    live: bool = False,
    **drawing,
) -> Iterator[Ahead]:
    """Give an `Ahead` of `Masked`, each stage in its thread; all end with the `with` block.

    With `live`, each stage takes the newest of the one before and the others are dropped: what is
    shown is as old as the work on it takes, however slow a stage is. `drawing` are the options of
    `draw_objects`.
    """
    size = 1 if live else QUEUE
    with (
        Ahead(frames, size, live) as read,
        Ahead(find_objects(read, detect, rate, every), size, live) as found,
        Ahead(draw_objects(found, class_names, **drawing), size, live) as masked,
    ):
        yield masked
