"""Image files, found where a person says they are: files, folders, patterns."""

import glob
import re
from pathlib import Path

from mrcnn.data.images import EXTENSIONS, ImageError


def _natural_key(path: Path):
    """Sort `img2` before `img10`, whatever the case."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], str(path)


def _is_image(path: Path) -> bool:
    # macOS leaves "._photo.jpg" files, which hold no picture, beside the photos of other discs.
    visible = not path.name.startswith(".")
    return visible and path.suffix.casefold() in EXTENSIONS and path.is_file()


def find_images(sources) -> list[Path]:
    """Return the image files of `sources`, in their order and each once.

    Arguments:
        sources: a path or several: files (of any extension), folders (the images in them, not in
            folders below) or glob patterns (`**` goes through folders). Images of a folder or a
            pattern are those with a known extension, in natural order.

    Raises ImageError for a source that does not exist or has no images.
    """
    found = {}
    for source in [sources] if isinstance(sources, str | Path) else sources:
        path = Path(source)
        if path.is_dir():
            images = sorted(filter(_is_image, path.iterdir()), key=_natural_key)
            fault = f"{source}: no images in this folder"
        elif path.exists():
            images = [path]
        elif glob.has_magic(str(source)):
            matches = map(Path, glob.glob(str(source), recursive=True))
            images = sorted(filter(_is_image, matches), key=_natural_key)
            fault = f"{source}: the pattern matches no images"
        else:
            raise ImageError(f"{source}: no such file or folder")
        if not images:
            raise ImageError(fault)
        for image in images:
            found.setdefault(image.resolve(), image)
    return list(found.values())
