"""The image files that a person means: in folders, by patterns and by name."""

import glob
import os
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


def find_images(
    sources,
    say: Callable[[str], None] = lambda line: None,
    without: Callable[[str], None] | None = None,
    below: bool = True,
    apart: Path | None = None,
) -> list[Path]:
    """Return the image files of `sources`, in their order and each once.

    Arguments:
        sources: a path or several: files (of any extension), folders (the images in them) or glob
            patterns (`**` goes through folders). Images of a folder or a pattern are those with a
            known extension, in natural order.
        say: gets one line for each folder that holds what looks like photos and is not read, or
            whose images lie below.
        without: gets one line for each source that does not exist or has no images, where others
            have some; unless given, that is raised.
        below: whether of a folder without images those below are searched.
        apart: a folder below that is not.

    Raises ImageError where no source has images, or one has not and there is no `without`.
    """
    found, faults = {}, []
    for source in [sources] if isinstance(sources, str | Path) else sources:
        try:
            images = _images_of(source, say, below, apart)
        except ImageError as error:
            faults.append(str(error))
            if without is None:
                break
        except OSError as error:
            faults.append(f"{source}: {error.strerror}")
        else:
            found |= {image.resolve(): image for image in images if image.resolve() not in found}
    if faults and (without is None or not found):
        raise ImageError("; ".join(faults))
    for fault in faults:
        without(fault)
    return list(found.values())


def _images_of(source, say, below, apart):
    path = Path(source)
    if path.is_dir():
        inside = list(path.iterdir())
        images = sorted(filter(_is_image, inside), key=_natural_key)
        if below and not images:
            inside = _below(path, apart)
            images = sorted(filter(_is_image, inside), key=_natural_key)
            if images:
                say(f"{source}: no images in the folder itself, {len(images)} in those below")
        left = _not_read(inside)
        if left and images:
            say(f"{source}: not read: {left}")
        fault = "no images in this folder" + (f" (not read: {left})" if left else "")
    elif path.exists():
        return [path]
    elif glob.has_magic(str(source)):
        matches = map(Path, glob.glob(str(source), recursive=True))
        images = sorted(filter(_is_image, matches), key=_natural_key)
        fault = "the pattern matches no images"
    else:
        raise ImageError(f"{source}: no such file or folder")
    if not images:
        raise ImageError(f"{source}: {fault}")
    return images


def _below(folder, apart):
    """Return all that is in a folder and in those below, but for hidden ones and `apart`."""
    inside, apart = [], apart and apart.resolve()
    for place, folders, files in os.walk(folder):
        place = Path(place)
        folders[:] = [
            name for name in folders if name[0] != "." and (place / name).resolve() != apart
        ]
        inside += [place / name for name in (*folders, *files)]
    return inside


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
