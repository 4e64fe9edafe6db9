"""A run over a video: what is opened, the loop over frames, what is left behind and said."""

import argparse
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from mrcnn import settings
from mrcnn.commands import masking, weights
from mrcnn.commands.arguments import detection_options
from mrcnn.commands.opening import open_model
from mrcnn.commands.outputs import check_files, key
from mrcnn.commands.process import INTERRUPTED, LOG_FOLDER, ROOT, stop_on_signal
from mrcnn.progress import Progress, duration
from mrcnn.results.records import MASKS, count_classes, counts_text
from mrcnn.video.counting import (
    MIN_SECONDS,
    Line,
    ObjectCounter,
    count_record,
    counted_text,
    crossed_text,
)
from mrcnn.video.frame_records import FrameRecords
from mrcnn.video.reading import Video
from mrcnn.video.writing import VideoWriter, part_path

# So often the window and Ctrl-C are looked after while the network is busy.
POLL_SECONDS = 0.03


def mask_video(
    video: Video,
    detect: Callable,
    class_names: Sequence[str],
    *,
    writer: VideoWriter | None = None,
    records: FrameRecords | None = None,
    window=None,
    every: int = 1,
    json_masks: str = MASKS[0],
    style: Callable | None = None,
    counter: ObjectCounter | None = None,
    start: float = 0.0,
    end: float | None = None,
    on_frame: Callable[[masking.Found], None] = lambda found: None,
) -> bool:
    """Mask a video from `start` to `end`; return whether a signal ended it early.

    `detect`, as `Detector.detect`, is called in a thread, with one RGB frame. `writer` and
    `records` get the pictures and the objects, and are left open. A `window` is as
    `display.Window`. `every`, `style` and `counter` are those of `masking`, `json_masks` its
    `describe`.
    """
    options = {"every": every, "live": video.live, "style": style, "counter": counter}
    options |= {"draw": bool(writer or window), "describe": json_masks if records else None}
    frames = video.frames(start, end)
    counted = tail = None
    with (
        stop_on_signal() as stop,
        masking.pipeline(frames, detect, class_names, video.rate, **options) as items,
    ):
        while not stop.is_set():
            try:
                found, picture, objects = items.get(POLL_SECONDS)
            except TimeoutError:
                if window and not window.wait():
                    break
                continue
            except StopIteration:
                if writer and video.end is not None:
                    writer.hold(video.end - start)
                break
            if writer:
                paused = window.paused if window and video.live else 0
                writer.write(picture, found.frame.time - start - paused)
            if records:
                place = {"frame": found.frame.index, "time_s": round(found.frame.time, 4)}
                if found.count is not counted:
                    counted = found.count
                    tail = {"counted": count_record(counted, class_names, counter.line)}
                records.write(place | {"objects": objects}, tail)
            on_frame(found)
            if window and not window.show(picture):
                break
        return stop.is_set()


def run(arguments: argparse.Namespace, config_class: type, video: Video, window=None) -> int:
    """Run a script on an open video; return the exit code.

    `arguments` are those of `arguments.add_video`, with `start` and `end` where the script has
    them; `config_class` is the Config whose runs `--weights` is about. Raises ValueError or OSError
    in one sentence. However it ends, what was masked until then is in files that can be used.
    """
    path = weights.find(
        arguments.weights, LOG_FOLDER, arguments.name or settings.name(config_class), ROOT
    )
    _check_outputs(arguments, [path, *([Path(video.source)] if video.is_file else [])])
    start, end = getattr(arguments, "start", 0.0), getattr(arguments, "end", None)
    if video.duration and start >= video.duration:
        raise ValueError(
            f"--start {clock(start)} is after the end of {video.source}, {clock(video.duration)}"
        )
    line = _line(arguments, video)
    path = weights.present(arguments.weights, path)
    opened = open_model(path, config_class, **detection_options(arguments))
    counter = ObjectCounter(line) if line or arguments.count else None
    tally = Tally(opened.class_names)
    ends = [second for second in (video.duration, end) if second is not None]
    with contextlib.ExitStack() as files:
        writer = records = None
        if arguments.output:
            writer = VideoWriter(arguments.output, video.size, video.rate)
            files.callback(_finish, writer, video, start)
        if arguments.json:
            head = {
                "video": str(video.source),
                "height": video.size[0],
                "width": video.size[1],
                "frames_per_second": video.rate,
                "weights": str(path),
                "class_names": opened.class_names,
                "min_confidence": opened.min_confidence,
            }
            records = FrameRecords(arguments.json, head)
            files.callback(records.close)
        # TensorFlow starts here, once all that can be wrong has been looked at.
        detector = opened.detector
        print(f"{_about(video)}; {_device()}", flush=True)
        progress = files.enter_context(
            Progress(min(ends, default=None), number=clock, compiles=True)
        )

        def on_frame(found):
            tally.add(found)
            progress.to(tally.time, text=tally.text())

        stopped = mask_video(
            video,
            detector.detect,
            opened.class_names,
            writer=writer,
            records=records,
            window=window,
            every=arguments.every,
            json_masks=arguments.json_masks,
            style=arguments.style and arguments.style.load(),
            counter=counter,
            start=start,
            end=end,
            on_frame=on_frame,
        )
    print(tally.summary(opened.min_confidence))
    if counter:
        print(_counted(counter, opened.class_names))
    if stopped and not video.live:
        print(f"Stopped at {clock(tally.time)}.")
        return INTERRUPTED
    if not tally.frames:
        raise ValueError(f"{video.source} has no frames from {clock(start)} on")
    if video.missing:
        raise ValueError(
            f"{video.source} is truncated: it announces {clock(video.duration)}, the last "
            f"{clock(video.missing)} cannot be read. What can be read was masked."
        )
    return 0


def _check_outputs(arguments, inputs):
    """Raise ValueError where an output would harm an input or an earlier run's file."""
    part = arguments.output and part_path(arguments.output)
    if part and key(part) in map(key, inputs):
        raise ValueError(f"{part}, where --output grows, is another file of this run")
    check_files(arguments, ("output", "json"), [*inputs, part] if part else inputs)
    if part and part.exists() and not arguments.overwrite:
        raise ValueError(
            f"{part} is there, what a run that was killed has left: move it away, or add "
            "--overwrite"
        )


def _line(arguments, video) -> Line | None:
    """Return the line of `--line`; raise ValueError where it is not in the video."""
    if arguments.line is None:
        return None
    line = Line(*arguments.line)
    height, width = video.size
    if max(line.x1, line.x2) > width or max(line.y1, line.y2) > height:
        raise ValueError(
            f"--line {','.join(map(str, line))} is not in the picture, which is {width} x {height}"
        )
    return line


# -- What is said ------------------------------------------------------------------------------


def _about(video) -> str:
    height, width = video.size
    name = f"camera {video.source}" if isinstance(video.source, int) else video.source
    length = f", {clock(video.duration)}" if video.duration else ""
    return f"{name}: {width} x {height}, {video.rate:.4g} frames a second{length}"


def _device() -> str:
    from mrcnn import devices

    return devices.describe()


def _counted(counter, class_names) -> str:
    """Return what was counted in words, a line each."""
    text = (
        f"Counted {counted_text(counter.count, class_names)}, each seen for {MIN_SECONDS} s or more"
    )
    if not counter.line:
        return text
    ways = (crossed_text(counter.count, class_names, way) for way in counter.line.directions)
    return f"{text}\nCrossed the line: {'; '.join(ways)}"


def _finish(writer, video, start):
    """Close the masked video and say what it is."""
    silent = writer.close(video.source if video.is_file else None, start)
    if writer.count:
        sound = f", without sound: {silent}" if silent else ", with its sound"
        text = f"{writer.path}: {writer.count} frames, {writer.codec}"
        print(text + (sound if video.is_file else ""))


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
