"""The command `splash`: a photo or a video in grey, its objects in colour."""

import argparse
import datetime
from collections.abc import Callable
from pathlib import Path

from mrcnn import pictures
from mrcnn.commands.evaluate_command import open_for
from mrcnn.commands.script import Script
from mrcnn.data.images import read_image
from mrcnn.progress import Progress
from mrcnn.video.reading import Video
from mrcnn.video.writing import VideoWriter


def run_splash(script: Script, arguments: argparse.Namespace) -> int:
    """Write a color splash; return the exit code."""
    output = arguments.output
    if output and output.exists() and not arguments.overwrite:
        raise ValueError(f"--output {output} exists already: take another name, or add --overwrite")
    # What cannot be read is found before the network is there.
    if arguments.image:
        read_image(arguments.image)
    else:
        Video(arguments.video).close()
    detector = open_for(script, arguments).detector

    def splash(image):
        return script.splash(image, detector.detect([image])[0])

    write_splash(splash, arguments.image, arguments.video, output)
    return 0


def write_splash(
    splash: Callable,
    image_path: str | Path | None = None,
    video_path: str | Path | None = None,
    output: str | Path | None = None,
) -> Path:
    """Write `splash(image)` of an image file, or of all frames of a video; return the new file.

    Images are uint8 RGB `[H, W, 3]`; `output` is by default `splash_<time>.png` or `.mp4`. A video
    keeps its sound; what was done of it before an error or Ctrl-C is kept.

    Raises ValueError unless there is one source, for a kind of file that is no picture or video,
    and where the output would replace the source; ImageError or VideoError where that cannot be
    read, OSError where the output cannot be written.
    """
    if bool(image_path) == bool(video_path):
        raise ValueError("a color splash needs image_path or video_path, and not both")
    source, suffix = (image_path, ".png") if image_path else (video_path, ".mp4")
    output = Path(output or f"splash_{datetime.datetime.now():%Y%m%dT%H%M%S}{suffix}")
    if output.exists() and Path(source).exists() and output.samefile(source):
        raise ValueError(f"{output} would replace what is read: give the output another name")
    if image_path:
        pictures.write(output, splash(read_image(source)))
    else:
        _write_video(splash, source, output)
    print(f"Saved {output}")
    return output


def _write_video(splash, source, output):
    with Video(source) as video:
        total = round(video.duration * video.rate) if video.duration else None
        writer = VideoWriter(output, video.size, video.rate)
        with Progress(total, "Frames done", compiles=True) as progress:
            try:
                for frame in video.frames():
                    writer.write(splash(frame.image), frame.time)
                    progress.update()
                writer.hold(video.end or 0)
            finally:
                writer.close(sound=source if video.is_file else None)
    if video.missing:
        raise ValueError(f"{source} is cut off: its last {video.missing:.0f} s are missing")
