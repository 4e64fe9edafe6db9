"""Which script is for what a person has named, where it is not the one that was called."""

from pathlib import Path

from mrcnn.data.sources import EXTENSIONS

VIDEOS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".3gp", ".mts"}


def is_camera(source: str | Path) -> bool:
    """Tell whether a source is a camera's number: digits that are no file's name."""
    text = str(source)
    return text.isascii() and text.isdigit() and not Path(text).exists()


def no_photo(source: str | Path, addresses: bool = False) -> str | None:
    """Say which script takes a source that is a video, a stream or a camera; None for others.

    `addresses` are others where that is True.
    """
    text = str(source)
    if is_camera(text):
        return (
            f"{text} is the number of a camera: prediction_for_video.py {text} shows what it sees"
        )
    if "://" in text:
        if addresses:
            return None
        return (
            f"{text} is an address: prediction_for_video.py takes streams, this script files, and "
            "with --ray photos at addresses, such as s3://bucket/photos"
        )
    if Path(text).suffix.casefold() in VIDEOS and Path(text).is_file():
        return (
            f"{text} is a video: video_mask.py {text} masks it, prediction_for_video.py {text} "
            "shows it"
        )
    return None


def no_video(source: str | Path, camera: bool) -> str | None:
    """Say which script takes photos, and, unless this one takes a `camera`, who does; else None."""
    path = Path(source)
    if path.is_dir():
        return f"{path} is a folder: maskrcnn_predict_for_images.py {path} looks at its photos"
    if path.suffix.casefold() in EXTENSIONS - {".gif"} and path.is_file() and _holds_photo(path):
        return f"{path} is a photo: maskrcnn_predict_for_images.py {path} looks at it"
    if not camera and is_camera(source):
        return (
            f"{source} is the number of a camera: prediction_for_video.py {source} shows what it "
            "sees"
        )
    if not camera and "://" in str(source):
        return f"{source} is an address: prediction_for_video.py takes streams, this script files"
    return None


def _holds_photo(path):
    """Tell whether a file that is named like a photo is one."""
    from mrcnn.data.images import ImageError, read_shape  # slow to import, rarely needed

    try:
        read_shape(path)
    except ImageError:
        return False
    return True
