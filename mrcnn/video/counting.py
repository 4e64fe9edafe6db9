"""How many different objects a video has shown, and how many of them crossed a line.

A point is (x, y) in pixels. A tracker's number is an object; of those that are seen for a moment
only, most are none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mrcnn.detections import Detections

# An object counts when the network has seen it on so many frames, and for so many seconds.
MIN_FRAMES, MIN_SECONDS = 3, 0.25
# An object is on a side of the line when its middle is so far from it, in diagonals of its box:
# what stands on the line, and trembles, crosses nothing.
MARGIN = 0.05


class Line(NamedTuple):
    """A line from one pixel of the film to another."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def directions(self) -> tuple[str, str]:
        """How it can be crossed: "up" and "down", or "left" and "right" if it is a steep one."""
        steep = abs(self.y2 - self.y1) > abs(self.x2 - self.x1)
        return ("left", "right") if steep else ("up", "down")

    def distance(self, point: np.ndarray) -> float:
        """Return pixels from the line, endless as here, to a point; over 0 is down or right."""
        along = np.array([self.x2 - self.x1, self.y2 - self.y1], float)
        across = np.array([-along[1], along[0]])
        # Whichever end is named first.
        across *= 1 if across[0 if self.directions[0] == "left" else 1] > 0 else -1
        return float((point - (self.x1, self.y1)) @ across / np.linalg.norm(across))

    def is_between(self, before: np.ndarray, after: np.ndarray) -> bool:
        """Tell whether the way between points on both sides of it goes through it."""
        distances = self.distance(before), self.distance(after)
        where = before + (after - before) * distances[0] / (distances[0] - distances[1])
        along = np.array([self.x2 - self.x1, self.y2 - self.y1], float)
        return bool(0 <= (where - (self.x1, self.y1)) @ along <= along @ along)


class Crossing(NamedTuple):
    """An object that crossed the line: its number, its class, where to, when it was seen there."""

    number: int
    class_id: int
    direction: str
    time: float


@dataclass(frozen=True)
class Count:
    """What was counted so far; `objects` by class id, `crossed` by (class id, direction)."""

    objects: Counter = field(default_factory=Counter)
    crossed: Counter = field(default_factory=Counter)
    crossings: tuple[Crossing, ...] = ()


@dataclass
class _Seen:
    first: float
    frames: int = 0
    counts: bool = False
    # Where its middle was when it was last on a side of the line; and what is not counted yet.
    middle: np.ndarray | None = None
    waiting: list[Crossing] = field(default_factory=list)


class ObjectCounter:
    """Counts the objects of one frame after the other, and who crossed `line` where there is one.

    `count` is the `Count` so far; another one when it has changed.
    """

    def __init__(self, line: Line | None = None):
        self.line, self.count = line, Count()
        self._seen: dict[int, _Seen] = {}

    def add(self, time: float, detections: Detections, numbers: Sequence[int]):
        """Count the objects, with their tracker's numbers, of the frame at `time`, in seconds."""
        objects, crossings = Counter(), []
        for number, class_id, box in zip(
            map(int, numbers), map(int, detections.class_ids), detections.rois, strict=True
        ):
            seen = self._seen.setdefault(number, _Seen(time))
            seen.frames += 1
            if self.line and (direction := self._direction(seen, box)):
                seen.waiting.append(Crossing(number, class_id, direction, time))
            # The times of frames are rounded.
            enough = seen.frames >= MIN_FRAMES and time - seen.first > MIN_SECONDS - 0.001
            if enough and not seen.counts:
                seen.counts = True
                objects[class_id] += 1
            if seen.counts:
                crossings += seen.waiting
                seen.waiting = []
        if objects or crossings:
            ways = Counter((each.class_id, each.direction) for each in crossings)
            before = self.count
            self.count = Count(
                before.objects + objects, before.crossed + ways, (*before.crossings, *crossings)
            )

    def _direction(self, seen, box) -> str | None:
        """Return where to an object crossed the line since it was last on a side of it."""
        y1, x1, y2, x2 = map(float, box)
        middle = np.array([x1 + x2, y1 + y2]) / 2
        side = self.line.distance(middle)
        if abs(side) <= MARGIN * np.hypot(y2 - y1, x2 - x1):
            return None
        before, seen.middle = seen.middle, middle
        if before is None or self.line.distance(before) * side > 0:
            return None
        if not self.line.is_between(before, middle):
            return None
        return self.line.directions[side > 0]


def counted_text(count: Count, class_names: Sequence[str]) -> str:
    """Return the objects in words: "12 car, 2 bus"; "0" where there were none."""
    return ", ".join(f"{n} {class_names[i]}" for i, n in count.objects.most_common()) or "0"


def crossed_text(count: Count, class_names: Sequence[str], direction: str) -> str:
    """Return who crossed the line that way: "down 3 car, 1 bus"; "down 0" where there was none."""
    ways = Counter({i: n for (i, way), n in count.crossed.items() if way == direction})
    each = ", ".join(f"{n} {class_names[i]}" for i, n in ways.most_common())
    return f"{direction} {each or 0}"


def count_record(count: Count, class_names: Sequence[str], line: Line | None) -> dict:
    """Return a count as JSON has it: objects by class, and where there is a line who crossed it."""
    record = {"objects": {class_names[i]: n for i, n in count.objects.most_common()}}
    if line:
        crossed = {way: {} for way in line.directions}
        for (class_id, way), number in count.crossed.most_common():
            crossed[way][class_names[class_id]] = number
        record |= {
            "line": list(line),
            "crossed": crossed,
            "crossings": [
                {
                    "number": each.number,
                    "class": class_names[each.class_id],
                    "direction": each.direction,
                    "time_s": round(each.time, 4),
                }
                for each in count.crossings
            ],
        }
    return record
