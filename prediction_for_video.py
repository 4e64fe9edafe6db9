#!/usr/bin/env python3
"""Show the objects that a camera sees, live; or those of a video or a stream.

    python prediction_for_video.py                          the first camera, or the sample clip
    python prediction_for_video.py 1 --every 3              the second one
    python prediction_for_video.py clip.mp4 --output clip_masked.mp4
    python prediction_for_video.py rtsp://192.168.1.10/live --json seen.json

opens a window with the objects masked: q or Esc ends, space pauses. An object keeps its number
and its colour from frame to frame. Of a camera or a stream the newest frame is taken, however
slow the network is; a video file is shown frame by frame, at its own speed at most.

Without a display it needs `--output FILE`, `--json FILE` or both, and Ctrl-C ends it. Files are
finished however it ends. A film of a camera keeps the speed of life: frames that the network had
no time for are filled with the one before.
"""

import argparse
import contextlib
import sys
from pathlib import Path


def parse_arguments(argv=None, description=__doc__) -> argparse.Namespace:
    """Return the arguments; a mistake in them ends the program with code 2."""
    from mrcnn.commands.parser import Parser
    from mrcnn.commands.video_arguments import add_video, check_times

    parser = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "source",
        nargs="?",
        help="a video file, the number of a camera, or the address of a stream; default: camera 0, "
        "or without one the sample clip",
    )
    add_video(parser, "save what is shown; the ending chooses the kind of file")
    arguments = parser.parse_args(argv)
    check_times(parser, arguments)
    return arguments


def parse_source(text: str) -> int | str:
    """Return a camera's number as int; a path or address as it is."""
    from mrcnn.commands.other_script import is_camera

    return int(text) if is_camera(text) else text


def main(argv=None) -> int:
    """Run the command; return its exit code."""
    arguments = parse_arguments(argv)
    from custom_training import CustomConfig
    from mrcnn.commands import display, other_script, process, video_run
    from mrcnn.video.reading import Video, VideoError

    sample = process.of_checkout("dataset", "clip.mp4")

    def open_video():
        if arguments.source is not None:
            return Video(parse_source(arguments.source))
        try:
            return Video(0)
        except VideoError as error:
            if not sample.exists():
                raise
            why = str(error)
            print(f"{why[:1].upper()}{why[1:]}, so this is the sample clip: {sample}")
            return Video(sample)

    def body():
        if arguments.source and (fault := other_script.no_video(arguments.source, camera=True)):
            raise ValueError(fault)
        shown = display.has_display()
        nowhere = not (shown or arguments.output or arguments.json)
        fault = (
            "there is no display to show the video on: add --output FILE to save it, "
            "or --json FILE to write down what is seen"
        )
        if nowhere and arguments.source is not None:
            raise ValueError(fault)
        with contextlib.ExitStack() as opened:
            video = opened.enter_context(open_video())
            if nowhere and not video.is_file:
                raise ValueError(fault)
            if nowhere:
                arguments.output = Path("clip_masked.mp4")
                print(f"There is no display to show it on: see {arguments.output}")
            window = None
            if shown:
                window = display.Window(video.size)
                opened.callback(window.close)
            return video_run.run(arguments, CustomConfig, video, window)

    return process.run(body, __file__)


if __name__ == "__main__":
    sys.exit(main())
