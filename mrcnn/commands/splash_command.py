"""The command `splash`: a photo or a video in grey, its objects in colour."""

import argparse
import datetime
from collections.abc import Callable
from pathlib import Path

from mrcnn.commands.converting import convert_image, convert_video
from mrcnn.commands.evaluate_command import open_for
from mrcnn.commands.script import Script
from mrcnn.progress import Progress


def run_splash(script: Script, arguments: argparse.Namespace) -> int:
    """Write a color splash; return the exit code."""
    output = arguments.output
    if output and output.exists() and not arguments.overwrite:
        raise ValueError(f"--output {output} exists already: take another name, or add --overwrite")
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

    `output` is by default `splash_<time>.png` or `.mp4`. Raises ValueError unless there is one
    source, and as `convert_image` and `convert_video` do.
    """
    if bool(image_path) == bool(video_path):
        raise ValueError("a color splash needs image_path or video_path, and not both")
    suffix = ".png" if image_path else ".mp4"
    output = Path(output or f"splash_{datetime.datetime.now():%Y%m%dT%H%M%S}{suffix}")
    if image_path:
        convert_image(splash, image_path, output)
    else:
        with Progress(None, "Frames done") as progress:
            convert_video(splash, video_path, output, progress.to)
    print(f"Saved {output}")
    return output
