#!/usr/bin/env python3
"""Show the objects that a camera sees, live; or those of a video or a stream.

    python prediction_for_video.py                          the first camera
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
import os
import sys
import time
from pathlib import Path

from mrcnn.commands.display import has_display

TITLE = "Mask R-CNN"
MAX_SIDE = 1280
ESCAPE = 27


def parse_arguments(argv=None) -> argparse.Namespace:
    """Return the arguments; a mistake in them ends the program with code 2."""
    from mrcnn.commands.video_arguments import add_arguments

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "source",
        nargs="?",
        default="0",
        help="a video file, the number of a camera, or the address of a stream; default: camera 0",
    )
    add_arguments(parser, "save what is shown; the ending chooses the kind of file")
    return parser.parse_args(argv)


def parse_source(text: str) -> int | str:
    """Return a camera's number as int; a path or address as it is."""
    return int(text) if text.isascii() and text.isdigit() and not Path(text).exists() else text


class Window:
    """Shows pictures; q, Esc or closing it ends, space pauses.

    `rate` is the most pictures a second, None for as many as there are. `paused` counts the
    seconds of pauses. Raises ValueError where this OpenCV cannot open windows.
    """

    def __init__(self, size: tuple[int, int], rate: float | None):
        import cv2

        self._cv2, self._rate, self._due = cv2, rate, 0.0
        self.paused = 0.0
        # The Qt in OpenCV complains of fonts that it does not need.
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
        try:
            # Without tools and a status line, which would take their room from the picture.
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise ValueError(
                "this OpenCV cannot open windows (opencv-python-headless?): add --output FILE or "
                "--json FILE, or install opencv-python"
            ) from error
        height, width = size
        scale = min(1, MAX_SIDE / max(height, width))
        cv2.resizeWindow(TITLE, round(width * scale), round(height * scale))

    def show(self, picture) -> bool:
        """Show uint8 RGB `[H, W, 3]`; return False to end."""
        self._cv2.imshow(TITLE, self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2BGR))
        delay = max(0.0, self._due - time.monotonic())
        key = self._cv2.waitKey(max(1, round(delay * 1000)))
        if self._rate:
            self._due = max(self._due, time.monotonic() - 1 / self._rate) + 1 / self._rate
        return self._obey(key)

    def wait(self) -> bool:
        """Look after the window while there is no new picture; return False to end."""
        return self._obey(self._cv2.waitKey(1))

    def _obey(self, key) -> bool:
        if key == ord(" "):
            began = time.monotonic()
            key = -1
            while key < 0 and self._is_open():
                key = self._cv2.waitKey(50)
            self.paused += time.monotonic() - began
        return key not in (ord("q"), ESCAPE) and self._is_open()

    def _is_open(self) -> bool:
        return self._cv2.getWindowProperty(TITLE, self._cv2.WND_PROP_VISIBLE) > 0

    def close(self):
        """Close the window."""
        self._cv2.destroyAllWindows()


def main(argv=None) -> int:
    """Run the command; return its exit code."""
    arguments = parse_arguments(argv)
    from custom_training import CustomConfig
    from mrcnn.commands import process, video_run
    from mrcnn.video.reading import Video

    def body():
        display = has_display()
        if not (display or arguments.output or arguments.json):
            raise ValueError(
                "there is no display to show the video on: add --output FILE to save it, "
                "or --json FILE to write down what is seen"
            )
        with contextlib.ExitStack() as opened:
            video = opened.enter_context(Video(parse_source(arguments.source)))
            window = Window(video.size, None if video.live else video.rate) if display else None
            if window:
                opened.callback(window.close)
            return video_run.run(arguments, CustomConfig, video, window)

    return process.run(body, __file__)


if __name__ == "__main__":
    sys.exit(main())
