#!/usr/bin/env python3
"""Render a short video: a camera that moves over a place with AC remotes.

    python -m rendering.render_clip clip.mp4

A scene as render.py makes them, in which a window wanders and zooms, with a little of a hand's
shake. Another --seed gives another place; the same seed the same frames.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mrcnn.commands.process import run
from mrcnn.video.writing import VideoWriter
from rendering.scenes import Options, picture

SCENE_SHAPE = (1200, 1600)
FRAME_SHAPE = (360, 640)
REMOTES = 2
# Shares of the scene's width that the window spans, from far to near.
ZOOM = (0.95, 0.62)
SHAKE_PX = 1.5


def scene(seed: int) -> np.ndarray:
    """Return a scene with REMOTES remotes or more, uint8 RGB."""
    for number in itertools.count():
        rng = np.random.default_rng([seed, number])
        shot = picture(rng, SCENE_SHAPE, Options(lookalikes=1.0))
        if len(shot.masks) >= REMOTES:
            return shot.photo


def frames(photo: np.ndarray, count: int, seed: int) -> Iterator[np.ndarray]:
    """Yield `count` frames uint8 RGB of FRAME_SHAPE that look at parts of `photo`."""
    rng = np.random.default_rng(seed)
    height, width = FRAME_SHAPE
    shake = cv2.GaussianBlur(rng.normal(0, 8 * SHAKE_PX, (count, 2)), (1, 15), 4)
    for index in range(count):
        angle = 2 * np.pi * index / count
        share = ZOOM[0] + (ZOOM[1] - ZOOM[0]) * 0.5 * (1 - np.cos(angle))
        step = share * photo.shape[1] / width
        room = np.array([photo.shape[1] - width * step, photo.shape[0] - height * step])
        corner = room * (0.5 + 0.5 * np.array([np.sin(angle), np.sin(2 * angle)])) + shake[index]
        matrix = np.array([[step, 0, corner[0]], [0, step, corner[1]]])
        flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
        size = width, height
        yield cv2.warpAffine(photo, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT)


def main(argv=None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="the video, such as clip.mp4")
    parser.add_argument("--seconds", type=float, default=4, help="default: 4")
    parser.add_argument("--rate", type=int, default=25, help="frames a second; default: 25")
    parser.add_argument("--seed", type=int, default=2, help="another seed, another place")
    given = parser.parse_args(argv)
    return run(lambda: _main(given), "render_clip.py")


def _main(given):
    if given.output.exists():
        raise ValueError(f"{given.output} exists already: take another name")
    writer = VideoWriter(given.output, FRAME_SHAPE, given.rate)
    for frame in frames(scene(given.seed), round(given.seconds * given.rate), given.seed):
        writer.write(frame)
    writer.close()
    print(f"{given.output}: {writer.count} frames, {writer.codec}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
