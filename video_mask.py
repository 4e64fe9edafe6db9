#!/usr/bin/env python3
"""Mask the objects of a video.

    python video_mask.py clip.mp4
    python video_mask.py clip.mp4 --weights log/custom.h5 --start 0:30 --end 1:00 --splash
    python video_mask.py clip.mp4 --every 5 --json clip.json --output out/clip.mp4

writes clip_masked.mp4 beside the clip, with its size, its speed and its sound, and says:

    [0:04/0:40, 2 min 55 s left] 5.1 frames a second: 3 car, 1 bus
    ...
    clip_masked.mp4: 1189 frames, H.264, with its sound
    1189 frames, 0.2 s each: 12 car, 2 bus, at most 5 at once

An object keeps its number and its colour from frame to frame. No display is needed.
`--count` counts the different objects, `--line 0,300,640,300` those that cross a line too, each
direction for itself:

    Counted 11 car, 2 bus, each seen for 0.25 s or more
    Crossed the line: up 4 car; down 6 car, 2 bus

The video grows in clip_masked.part.mp4 until it is whole. Ctrl-C finishes it as far as it is.
Should the program be killed, ffmpeg finishes the part; without ffmpeg a part that ends in .mkv
or .avi plays as it is, one that ends in .mp4 or .mov does not. The file of `--json` is complete
from one second to the next.

Scripts import the drawing from here: `apply_mask`, `random_colors`, `display_instances_mask`, on
BGR frames as OpenCV gives them.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

# -- Drawing on frames -------------------------------------------------------------------------


def _color(color) -> tuple[int, int, int]:
    """Return a colour as whole numbers in 0..255, its channels in the order they come.

    Fractions, floats of which none is above 1, are taken as parts of 255, as the colours of
    matplotlib and `colorsys` are. Raises ValueError for what is no colour.
    """
    values = np.asarray(color)
    if values.shape not in ((3,), (4,)) or values.dtype.kind not in "iuf":
        raise ValueError(f"a colour is (blue, green, red), not {color!r}")
    values = values[:3]
    if values.dtype.kind == "f" and values.max() <= 1:
        values = values * 255
    if not (values.min() >= 0 and values.max() <= 255):
        raise ValueError(f"a colour has values in 0..255, or fractions in 0..1, not {color!r}")
    return tuple(int(value) for value in np.rint(values))


def random_colors(N: int) -> list[tuple[int, int, int]]:
    """Return N different colours, BGR in 0..255, the same at every call."""
    from mrcnn.drawing import colors

    return [_color(color[::-1]) for color in colors.random_colors(N)]


def apply_mask(image: np.ndarray, mask: np.ndarray, color, alpha: float = 0.5) -> np.ndarray:
    """Blend `color` into `image` `[H, W, 3]` where `mask` `[H, W]` is set.

    Changes `image` itself and returns it. `color` has the image's order of channels and lies in
    0..255; floats of which none is above 1 are taken as fractions of 255.
    """
    from mrcnn.drawing import instances

    return instances.apply_mask(image, mask, np.array(_color(color)) / 255, alpha)


def display_instances_mask(
    image: np.ndarray, boxes, masks, ids, names, scores, colors=None
) -> np.ndarray:
    """Draw masks, boxes and labels on a frame; changes `image` itself and returns it.

    `image` is uint8 BGR `[H, W, 3]`, `colors` are N or more as `apply_mask` takes them; the other
    arguments are those of `mrcnn.visualize.draw_instances`. Raises ValueError as it does.
    """
    from mrcnn.drawing.instances import draw_instances

    if colors is not None:
        colors = [np.array(_color(color)[::-1]) / 255 for color in colors[: len(boxes)]]
    ids = np.asarray(ids, int)
    drawn = draw_instances(image[..., ::-1], boxes, masks, ids, names, scores, colors)
    image[...] = drawn[..., ::-1]
    return image


# -- The command -------------------------------------------------------------------------------


def parse_arguments(argv=None) -> argparse.Namespace:
    """Return the arguments; a mistake in them ends the program with code 2."""
    from mrcnn.commands.parser import Parser
    from mrcnn.commands.video_arguments import add_video, check_times

    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path, help="a video file")
    add_video(
        parser, "the masked video; its ending chooses the kind of file; default: <video>_masked.mp4"
    )
    arguments = parser.parse_args(argv)
    check_times(parser, arguments)
    if arguments.output is None:
        arguments.output = arguments.video.with_name(f"{arguments.video.stem}_masked.mp4")
    return arguments


def main(argv=None) -> int:
    """Run the command; return its exit code."""
    arguments = parse_arguments(argv)
    from mrcnn.commands import process

    def body():
        from custom_training import CustomConfig
        from mrcnn.commands import other_script, video_run
        from mrcnn.video.reading import Video

        if fault := other_script.no_video(arguments.video, camera=False):
            raise ValueError(fault)
        with Video(arguments.video) as video:
            return video_run.run(arguments, CustomConfig, video)

    return process.run(body, __file__)


def command(argv=None) -> int:
    """Run `mrcnn-video`, which masks a file as here, and shows cameras and streams live."""
    import prediction_for_video as live
    from mrcnn.commands.other_script import is_camera

    source = live.parse_arguments(argv, f"{__doc__}\n{live.__doc__}").source
    is_live = source is None or is_camera(source) or "://" in source
    return (live.main if is_live else main)(argv)


if __name__ == "__main__":
    sys.exit(main())
