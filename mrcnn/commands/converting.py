"""Pictures and videos as a function of pictures changes them."""

from collections.abc import Callable
from pathlib import Path

from mrcnn import pictures
from mrcnn.data.images import read_image
from mrcnn.video.reading import Video
from mrcnn.video.writing import VideoWriter


def convert_image(change: Callable, source: str | Path, output: str | Path) -> None:
    """Write `change(image)` of the image file `source` to `output`.

    Images are uint8 RGB `[H, W, 3]`. Raises ImageError where the source cannot be read, OSError
    where the output cannot be written, ValueError for a kind of file that is no picture and where
    both are the same.
    """
    output = Path(output)
    _keep_apart(source, output)
    pictures.write(output, change(read_image(source)))


def convert_video(
    change: Callable,
    source: str | Path,
    output: str | Path,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> str | None:
    """Write `change(frame)` of all frames of the video `source` to `output`, with its sound.

    Frames are uint8 RGB `[H, W, 3]`. `progress` is called with (frames done, of how many or
    None). What was done before an error or Ctrl-C is kept. Returns why there is no sound, None
    where there is. Raises VideoError, ValueError and OSError as `mrcnn.video` does, and ValueError
    where source and output are the same.
    """
    _keep_apart(source, Path(output))
    with Video(source) as video:
        total = round(video.duration * video.rate) if video.duration else None
        writer = VideoWriter(output, video.size, video.rate)
        try:
            for frame in video.frames():
                writer.write(change(frame.image))
                progress(frame.index + 1, total)
        finally:
            silent = writer.close(sound=source if video.is_file else None)
    if video.missing:
        raise ValueError(f"{source} is cut off: its last {video.missing:.0f} s are missing")
    return silent


def _keep_apart(source, output):
    if output.exists() and Path(source).exists() and output.samefile(source):
        raise ValueError(f"{output} would replace what is read: give the output another name")
