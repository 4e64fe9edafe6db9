"""What a run over a video has seen so far, in numbers and in words."""

import time
from collections import Counter
from collections.abc import Sequence

from mrcnn.progress import duration
from mrcnn.results.records import count_classes, counts_text
from mrcnn.video.counting import MIN_SECONDS, ObjectCounter, counted_text, crossed_text


def clock(value: float) -> str:
    """Return a place in a video, in seconds, as "1:30" or "1:01:30"."""
    minutes, rest = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Tally:
    """Counts what a video showed, frame by frame; `objects` by class, each object once.

    `closest` is (score, class id) of the best of what scored too little.
    """

    def __init__(self, class_names: Sequence[str]):
        self._class_names = class_names
        self.frames = self.most = self._last_number = 0
        self.time = 0.0
        self.closest = (0.0, 0)
        self.objects, self.now = Counter(), Counter()
        self._began = self._latest = None

    def add(self, found):
        """Count a `masking.Found`; an object is new when its number is."""
        self._latest = time.perf_counter()
        self._began = self._began or self._latest
        self.frames += 1
        self.time = found.frame.time
        self.most = max(self.most, len(found.numbers))
        class_ids = found.detections.class_ids
        self.now = count_classes(class_ids, self._class_names)
        new = class_ids[found.numbers > self._last_number]
        self.objects += count_classes(new, self._class_names)
        self._last_number = max([self._last_number, *map(int, found.numbers)])
        self.closest = max([self.closest, *found.detections.below])

    @property
    def seconds_each(self) -> float:
        """What a frame takes, without the first, which waits for the network to be compiled."""
        return (self._latest - self._began) / max(self.frames - 1, 1) if self.frames else 0.0

    def text(self) -> str:
        """Return how fast it goes and what is to be seen: "12.3 frames a second: 3 car"."""
        rate = f"{1 / self.seconds_each:.1f} frames a second: " if self.seconds_each else ""
        return rate + counts_text(self.now)

    def summary(self, min_confidence: float) -> str:
        """Return what there was: "377 frames, 0.2 s each: 12 car, 2 bus, at most 5 at once".

        Where nothing scored `min_confidence`, a second line tells what came closest.
        """
        plural = "s" if self.frames != 1 else ""
        text = f"{self.frames} frame{plural}, {duration(self.seconds_each)} each: "
        text += counts_text(self.objects)
        if self.objects:
            return f"{text}, at most {self.most} at once"
        if not self.frames:
            return text
        score, class_id = self.closest
        if not class_id:
            return (
                f"{text}\nThe network saw nothing but background: were these weights trained for "
                "such videos?"
            )
        return (
            f"{text}\nNothing scored {min_confidence:g} or more; the closest was {score:.2f} "
            f"{self._class_names[class_id]}: to see it, add --min-confidence {score * 0.9:.2g}"
        )


def counted_lines(counter: ObjectCounter, class_names: Sequence[str]) -> str:
    """Return what was counted in words, a line each."""
    text = (
        f"Counted {counted_text(counter.count, class_names)}, each seen for {MIN_SECONDS} s or more"
    )
    if not counter.line:
        return text
    ways = (crossed_text(counter.count, class_names, way) for way in counter.line.directions)
    return f"{text}\nCrossed the line: {'; '.join(ways)}"
