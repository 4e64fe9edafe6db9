"""From the frames of a video to pictures with numbered objects, stage by stage, in threads.

    frames (read) -> found (detect, number) -> drawn (draw, describe) -> whoever shows or writes

Each stage has a thread of its own and a bounded queue, so that only the slowest one counts and
memory does not depend on the length of the video.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np

from mrcnn.commands.streaming import Ahead, chain
from mrcnn.detections import Detections
from mrcnn.results.records import object_records
from mrcnn.video.counting import Count, Line, ObjectCounter
from mrcnn.video.frame_drawing import Labels, draw_count, draw_frame
from mrcnn.video.reading import Frame
from mrcnn.video.tracking import Tracker

# An object that is not seen keeps its number for so long, and for so many detections at least.
MEMORY_SECONDS = 1.0
MEMORY_DETECTIONS = 3
# Frames that wait between two stages.
QUEUE = 4


class Found(NamedTuple):
    """A frame, the objects on it, their numbers int `[N]`; what was counted, where it is."""

    frame: Frame
    detections: Detections
    numbers: np.ndarray
    count: Count | None = None


class Masked(NamedTuple):
    """A `Found` with its picture, uint8 RGB, and its objects' records; None where not wanted."""

    found: Found
    picture: np.ndarray | None
    objects: list[dict] | None


def find_objects(
    frames: Iterable[Frame],
    detect: Callable,
    rate: float,
    every: int = 1,
    counter: ObjectCounter | None = None,
) -> Iterator[Found]:
    """Yield each frame with its objects; `detect`, as `Detector.detect`, runs on one in `every`.

    A `counter` counts them.
    """
    tracker = Tracker(round(rate * MEMORY_SECONDS), MEMORY_DETECTIONS)
    for count, frame in enumerate(frames):
        if count % every == 0:
            (detections,) = detect([frame.image])
            numbers = tracker.update(frame.index, detections)
            if counter:
                counter.add(frame.time, detections, numbers)
        yield Found(frame, detections, numbers, counter and counter.count)


def draw_objects(
    found: Iterable[Found],
    class_names: Sequence[str],
    *,
    style: Callable | None = None,
    line: Line | None = None,
    draw: bool = True,
    describe: str | None = None,
) -> Iterator[Masked]:
    """Yield each frame with its picture, if `draw`, and its objects' records.

    `describe` is how records tell masks, see `results.records`; None for no records.

    A record is that of `results.records` with the object's `number`. `style` is one of
    `drawing.styles`, loaded; None draws masks, boxes and labels that keep to the numbers. What was
    counted, and who crossed `line`, is drawn too.
    """
    labels, objects, described = Labels(), None, None
    for item in found:
        (frame, detections, numbers, count), picture = item, None
        if draw and style:
            picture = style(frame.image, detections)
        elif draw:
            picture = draw_frame(frame.image, detections, numbers, class_names, labels)
        if draw and count:
            draw_count(picture, count, line, class_names)
        if describe and detections is not described:  # in between, frames share them
            records = object_records(detections, class_names, describe)
            pairs = zip(numbers, records, strict=True)
            objects = [{"number": int(number), **record} for number, record in pairs]
            described = detections
        yield Masked(item, picture, objects)


def pipeline(
    frames: Iterable[Frame],
    detect: Callable,
    class_names: Sequence[str],
    rate: float,
    *,
    every: int = 1,
    live: bool = False,
    counter: ObjectCounter | None = None,
    **drawing,
) -> AbstractContextManager[Ahead]:
    """Give an `Ahead` of `Masked`, a `chain` of the stages; `drawing` are `draw_objects`' options.

    With `live`, each stage takes the newest of the one before and the others are dropped: what is
    shown is as old as the work on it takes, however slow a stage is.
    """
    return chain(
        frames,
        lambda read: find_objects(read, detect, rate, every, counter),
        lambda found: draw_objects(found, class_names, line=counter and counter.line, **drawing),
        size=1 if live else QUEUE,
        newest=live,
    )
