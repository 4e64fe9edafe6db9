#!/usr/bin/env python3
"""What a video costs besides the network, and whether memory stays flat.

    python benchmarks/video.py
    python benchmarks/video.py --frames 1000 --network 100

A thousand frames of 1280 x 720 with five objects go through `video_mask.py`'s pipeline. A
stand-in finds the objects in no time, or in `--network` milliseconds, asleep as a program is that
waits for a GPU. It prints the time of the whole, the memory of this process as the run goes on,
and each stage's time for itself.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import measuring
from mrcnn.commands.masking import draw_objects, find_objects
from mrcnn.commands.video_run import mask_video
from mrcnn.detections import Detections
from mrcnn.video.reading import Video
from mrcnn.video.writing import VideoWriter

HEIGHT, WIDTH, OBJECTS = 720, 1280, 5
NAMES = ["BG", "AC Remote"]
# The first frames fill the queues and load fonts and codecs.
SETTLED = 100


def boxes_of(index: int) -> np.ndarray:
    """Return the boxes int `[5, 4]` of a frame; the objects go round in circles."""
    angles = index / 60 + np.arange(OBJECTS) * 2 * np.pi / OBJECTS
    y = 260 + 180 * np.sin(angles)
    x = 560 + 400 * np.cos(angles)
    return np.stack([y, x, y + 200, x + 140], -1).astype(np.int32)


class StandIn:
    """`Detector.detect` without a network: ellipses where the video has them."""

    def __init__(self, seconds: float):
        self.seconds, self.index = seconds, 0
        ellipse = np.zeros((200, 140), np.uint8)
        cv2.ellipse(ellipse, (70, 100), (65, 95), 0, 0, 360, 1, cv2.FILLED)
        self.pieces = [ellipse.astype(bool)] * OBJECTS

    def detect(self, images):
        began = time.perf_counter()
        boxes = boxes_of(self.index)
        self.index += 1
        ids, scores = np.ones(OBJECTS, np.int32), np.full(OBJECTS, 0.97)
        time.sleep(max(0, began + self.seconds - time.perf_counter()))
        return [Detections((HEIGHT, WIDTH), boxes, ids, scores, self.pieces)]


def make_clip(path: Path, count: int):
    """Write a video whose background moves, so that it is neither easy nor hard to encode."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT // 8, WIDTH // 4, 3), dtype=np.uint8)
    wide = cv2.GaussianBlur(cv2.resize(noise, (2 * WIDTH, HEIGHT)), (0, 0), 3)
    writer = VideoWriter(path, (HEIGHT, WIDTH), 30)
    for index in range(count):
        left = 2 * index % WIDTH
        writer.write(wide[:, left : left + WIDTH])
    writer.close()


def timed(function: Callable) -> tuple[np.ndarray, list]:
    """Return (ms, ms of the processor) for each item that `function` returns, and the items.

    The processor's time is that of all threads and of ffmpeg, which are beside each other.
    """
    began = os.times()
    items = list(function())
    *processor, elapsed = np.subtract(os.times(), began)
    return np.array([elapsed, sum(processor)]) * 1000 / len(items), items


def time_stages(clip: Path, folder: Path, count: int = 60):
    """Print the time of each stage for itself."""
    writer = VideoWriter(folder / "stages.mp4", (HEIGHT, WIDTH), 30)

    def write():
        yield from (writer.write(item.picture) for item in drawn)
        writer.close()

    with Video(clip) as video:
        read, frames = timed(lambda: video.frames(0, count / video.rate))
    stand_in, _ = timed(lambda: map(StandIn(0).detect, [[None]] * len(frames)))
    find, found = timed(lambda: find_objects(frames, StandIn(0).detect, 30))
    list(draw_objects(found[:2], NAMES))  # fonts
    draw, drawn = timed(lambda: draw_objects(found, NAMES))
    describe, _ = timed(lambda: draw_objects(found, NAMES, draw=False, describe=True))
    stages = {
        "read": read,
        "number the objects": np.maximum(find - stand_in, 0),
        "draw": draw,
        "describe (--json only)": describe,
        f"write, {writer.codec}": timed(write)[0],
    }
    rows = [[name, *(f"{ms:.1f}" for ms in both)] for name, both in stages.items()]
    header = ["", "ms a frame", "of the processor"]
    measuring.section("Each stage for itself", measuring.table(header, rows))


def time_whole(clip: Path, folder: Path, network_ms: float) -> list[str]:
    """Return the row of a whole run: its time, and the memory during it."""
    rows = []

    def note(found):
        rows.append((time.perf_counter(), measuring.resident()))

    writer = VideoWriter(folder / "whole.mp4", (HEIGHT, WIDTH), 30)
    with Video(clip) as video:
        mask_video(video, StandIn(network_ms / 1000).detect, NAMES, writer=writer, on_frame=note)
    writer.close()
    each = 1000 * (rows[-1][0] - rows[0][0]) / (len(rows) - 1)
    steps = sorted({SETTLED, len(rows) // 4, len(rows) // 2, len(rows) - 1})
    held = ", ".join(f"{rows[step][1]:.0f} at {step + 1}" for step in steps if step < len(rows))
    return [f"{network_ms:g}", writer.count, f"{each:.1f}", f"{each - network_ms:.1f}", held]


def main():
    parser = measuring.parser(__doc__)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--network", type=float, default=100, help="ms of the first run")
    arguments = parser.parse_args()
    measuring.introduce("Video")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "clip.mp4"
        make_clip(clip, arguments.frames)
        rows = [time_whole(clip, folder, network_ms) for network_ms in (arguments.network, 0)]
        header = ["network, ms", "frames out", "whole, ms a frame", "added, ms", "memory, MiB"]
        title = f"{WIDTH} x {HEIGHT}, {OBJECTS} objects, {arguments.frames} frames"
        measuring.section(title, measuring.table(header, rows))
        time_stages(clip, folder)


if __name__ == "__main__":
    main()
