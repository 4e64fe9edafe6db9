"""The image files that a person means: in folders, by patterns and by name."""

import glob
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mrcnn.data.images import ImageError

# Of the formats that `read_image` knows.
EXTENSIONS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
EXTENSIONS |= {".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".avif"}
PHONE = {suffix: f"{suffix} (to be saved as JPEG first)" for suffix in (".heic", ".heif")}
# What lies beside photos and is none; everything else that is not read is counted.
TEXTS = {".json", ".csv", ".txt", ".xml", ".yaml", ".yml", ".md", ".html", ".log", ".py"}


def find_images(sources, say: Callable[[str], None] = lambda line: None) -> list[Path]:
    """Return the image files of `sources`, in their order and each once.

    Arguments:
        sources: a path or several: files (of any extension), folders (the images in them, not in
            folders below) or glob patterns (`**` goes through folders). Images of a folder or a
            pattern are those with a known extension, in natural order.
        say: gets one line for each folder that holds what looks like photos and is not read.

    Raises ImageError for a source that does not exist or has no images.
    """
    found = {}
    for source in [sources] if isinstance(sources, str | Path) else sources:
        path = Path(source)
        if path.is_dir():
            inside = list(path.iterdir())
            images = sorted(filter(_is_image, inside), key=_natural_key)
            left = _not_read(inside)
            fault = f"{source}: no images in this folder" + (f" (not read: {left})" if left else "")
            if left and images:
                say(f"{source}: not read: {left}")
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


def _not_read(paths) -> str:
    """Count what may be meant as a photo and is not read: "2 .svg, 1 folder named as a photo"."""
    counts = Counter()
    for path in paths:
        suffix = path.suffix.casefold()
        if path.name.startswith(".") or suffix in TEXTS or _is_image(path):
            continue
        if path.is_file():
            counts[PHONE.get(suffix, suffix or "without an extension")] += 1
        elif suffix in EXTENSIONS:
            counts[f"{'folder' if path.is_dir() else 'pipe or device'} named as a photo"] += 1
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


def _natural_key(path: Path):
    """Sort `img2` before `img10`, whatever the case."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], str(path)


def _is_image(path: Path) -> bool:
    # macOS leaves "._photo.jpg" files, which hold no picture, beside the photos of other discs.
    visible = not path.name.startswith(".")
    return visible and path.suffix.casefold() in EXTENSIONS and path.is_file()
