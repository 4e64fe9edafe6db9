"""A run over a video: what is opened, the loop over frames, what is left behind and said."""

import argparse
import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from mrcnn import settings
from mrcnn.commands import masking, weights
from mrcnn.commands.arguments import detection_options
from mrcnn.commands.opening import open_model
from mrcnn.commands.outputs import check_files, key
from mrcnn.commands.process import INTERRUPTED, LOG_FOLDER, ROOT, stop_on_signal
from mrcnn.commands.tally import Tally, clock, counted_lines
from mrcnn.progress import Progress
from mrcnn.results.records import MASKS
from mrcnn.video.counting import Line, ObjectCounter, count_record
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
    stop: threading.Event | None = None,
) -> bool:
    """Mask a video from `start` to `end`, or until `stop` is set; return whether that ended it.

    Without `stop` a signal ends it, as of `process.stop_on_signal`.

    `detect`, as `Detector.detect`, is called in a thread, with one RGB frame. `writer` and
    `records` get the pictures and the objects, and are left open. A `window` is as
    `display.Window`. `every`, `style` and `counter` are those of `masking`, `json_masks` its
    `describe`.
    """
    options = {"every": every, "live": video.live, "style": style, "counter": counter}
    options |= {"draw": bool(writer or window), "describe": json_masks if records else None}
    frames = video.frames(start, end)
    counted = tail = shown = None
    with (
        contextlib.nullcontext(stop) if stop else stop_on_signal() as stop,
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
            # A camera is shown as fast as it goes.
            step = 0.0 if video.live or shown is None else found.frame.time - shown
            if window and not window.show(picture, step):
                break
            shown = found.frame.time
        return stop.is_set()


def run(arguments: argparse.Namespace, config_class: type, video: Video, window=None) -> int:
    """Run a script on an open video; return the exit code.

    `arguments` are those of `video_arguments.add_video`, with `start` and `end` where the script
    has them; `config_class` is the Config whose runs `--weights` is about. Raises ValueError or
    OSError in one sentence. However it ends, what was masked until then is in files that can be
    used.
    """
    name = arguments.name or settings.name(config_class)
    path = weights.find(arguments.weights, LOG_FOLDER, name, ROOT, typed=bool(arguments.name))
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
    # Files are finished in peace: `signals` ends after them.
    with contextlib.ExitStack() as signals, contextlib.ExitStack() as files:
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
        print(f"{_about(video)}; {_device(detector)}", flush=True)
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
            stop=signals.enter_context(stop_on_signal()),
        )
    print(tally.summary(opened.min_confidence))
    if counter:
        print(counted_lines(counter, opened.class_names))
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


def _device(detector) -> str:
    return detector.describe()


def _finish(writer, video, start):
    """Close the masked video and say what it is."""
    silent = writer.close(video.source if video.is_file else None, start)
    if writer.count:
        sound = f", without sound: {silent}" if silent else ", with its sound"
        text = f"{writer.path}: {writer.count} frames, {writer.codec}"
        print(text + (sound if video.is_file else ""))
