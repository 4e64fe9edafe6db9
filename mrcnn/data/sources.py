"""The image files that a person means: in folders, by patterns, by name and at addresses."""

import glob
import itertools
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from mrcnn.data.addresses import files_at, is_address
from mrcnn.data.images import ImageError
from mrcnn.data.seen import Seen

# Of the formats that `read_image` knows.
EXTENSIONS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
EXTENSIONS |= {".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".avif"}
PHONE = {suffix: f"{suffix} (to be saved as JPEG first)" for suffix in (".heic", ".heif")}
# What lies beside photos and is none; everything else that is not read is counted.
TEXTS = {".json", ".csv", ".txt", ".xml", ".yaml", ".yml", ".md", ".html", ".log", ".py"}

# So many images of a folder are put in order at a time.
SORTED = 2000
# The key, among the kinds of what is not read, that tells that images lie in the folders below.
BELOW = "below"


def find_images(
    sources,
    say: Callable[[str], None] = lambda line: None,
    without: Callable[[str], None] | None = None,
    below: bool = True,
    apart: Path | None = None,
) -> list[Path]:
    """Return the image files that `search` finds."""
    return list(search(sources, say, without, below, apart))


def search(
    sources,
    say: Callable[[str], None] = lambda line: None,
    without: Callable[[str], None] | None = None,
    below: bool = True,
    apart: Path | None = None,
) -> Iterator[Path | str]:
    """Yield the image files of `sources`, in their order and each once, as they are found.

    Arguments:
        sources: a path or several: files (of any extension), folders (the images in them) or glob
            patterns (`**` goes through folders). Images of a folder or a pattern are those with a
            known extension, in natural order; of more than SORTED each so many. Addresses, as
            texts, are these too, and what they have is addresses.
        say: gets one line for each folder that holds what looks like photos and is not read, or
            whose images lie below, once it has been searched.
        without: gets one line for each source that does not exist or has no images, where others
            have some, before the first image; and for a folder that cannot be read, or not any
            more. Unless given, that is raised.
        below: whether of a folder without images those below are searched.
        apart: a folder below that is not.

    Memory does not grow with the images, but for those of one folder that a pattern goes through.
    Raises ImageError where no source has images, or one has not and there is no `without`.
    """
    good, faults, seen = [], [], Seen()
    for source in [sources] if isinstance(sources, str | Path) else sources:
        try:
            first = next(_images_of(source, below, apart))
            # A file that is named stays one that is meant, also where it is gone later.
            good.append(
                (source, [first] if str(first) in (str(source), str(Path(source))) else None)
            )
        except StopIteration:
            faults.append(f"{source}: {_without_images(source, below, apart)}")
        except ImageError as error:
            faults.append(str(error))
        except OSError as error:
            faults.append(_fault(source, error))
        if faults and without is None:
            break
    if faults and (without is None or not good):
        raise ImageError("; ".join(faults))
    for fault in faults:
        without(fault)
    for source, file in good:
        left, count = Counter(), 0
        try:
            for image in file or _images_of(source, below, apart, left):
                count += 1
                if seen.add(resolved(image)):
                    yield image
        except (OSError, ImageError) as error:
            if without is None:
                raise
            without(_fault(source, error))
        if not left:
            continue
        if left.pop(BELOW, 0):
            say(f"{source}: no images in the folder itself, {count} in those below")
        if left:
            say(f"{source}: not read: {_counted(left)}")


def resolved(image: str | Path) -> str:
    """Return what all names of an image file share."""
    return str(image) if is_address(image) else str(Path(image).resolve())


def _fault(source, error):
    reason = getattr(error, "strerror", None)
    return f"{source}: {reason}" if reason else str(error)


def _images_of(source, below, apart, left=None):
    """Yield the images of one source; `left` counts what else is in a folder."""
    path = Path(source)
    if is_address(source):
        yield from _at_address(str(source), below)
    elif path.is_dir():
        left, deep = Counter() if left is None else left, below and not _any_image(path)
        if deep:
            left[BELOW] = 1
        yield from _in_folder(path, left, deep, apart and apart.resolve())
    elif path.exists():
        yield path
    elif glob.has_magic(str(source)):
        matches = map(Path, glob.iglob(str(source), recursive=True))
        yield from _in_order(filter(_is_image, matches))
    else:
        raise ImageError(f"{source}: no such file or folder")


def _at_address(address, below):
    for number, files in enumerate(files_at(address)):
        images = [file for file in files if file == address or _is_named_as_image(Path(file))]
        yield from _in_order(images)
        if number == 0 and (images or not below):
            return


def _without_images(source, below, apart):
    """Say why a source has no images."""
    if is_address(source):
        return "no images at this address"
    if not Path(source).is_dir():
        return "the pattern matches no images"
    left = Counter()
    for _ in _images_of(source, below, apart, left):
        pass
    left.pop(BELOW, 0)
    return "no images in this folder" + (f" (not read: {_counted(left)})" if left else "")


def _any_image(folder):
    with os.scandir(folder) as entries:
        return any(_is_image(Path(entry.path)) for entry in entries)


def _in_folder(folder, left, below, apart):
    """Yield the images in a folder and, if `below`, in those below, but for hidden ones and
    `apart`; count in `left` what may be meant as a photo and is not read."""
    waiting = [folder]
    while waiting:
        place, folders = waiting.pop(), []

        def images(place=place, folders=folders):
            with os.scandir(place) as entries:
                for entry in entries:
                    path = place / entry.name
                    if _is_image(path):
                        yield path
                        continue
                    kind = _not_read(path)
                    left.update([kind] if kind else ())
                    is_folder = below and entry.is_dir(follow_symlinks=False)
                    if is_folder and entry.name[0] != "." and path.resolve() != apart:
                        folders.append(path)

        try:
            yield from _in_order(images())
        except OSError:
            if place == folder:
                raise
            left["folder that cannot be read"] += 1
        waiting += sorted(folders, key=_natural_key, reverse=True)


def _in_order(paths):
    """Yield paths in natural order, each SORTED of them."""
    paths = iter(paths)
    while block := sorted(itertools.islice(paths, SORTED), key=_natural_key):
        yield from block


def _not_read(path) -> str | None:
    """Return what a path is that may be meant as a photo and is not read, such as ".svg"."""
    suffix = path.suffix.casefold()
    if path.name.startswith(".") or suffix in TEXTS:
        return None
    if path.is_file():
        return PHONE.get(suffix, suffix or "without an extension")
    if suffix in EXTENSIONS:
        return f"{'folder' if path.is_dir() else 'pipe or device'} named as a photo"
    return None


def _counted(kinds) -> str:
    """Return such as "2 .svg, 1 folder named as a photo"."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def _natural_key(path: Path):
    """Sort `img2` before `img10`, whatever the case."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], str(path)


def _is_image(path: Path) -> bool:
    return _is_named_as_image(path) and path.is_file()


def _is_named_as_image(path):
    # macOS leaves "._photo.jpg" files, which hold no picture, beside the photos of other discs.
    return not path.name.startswith(".") and path.suffix.casefold() in EXTENSIONS
