"""Annotations of a folder of photos: found, recognised by content and read, whoever wrote them.

What a file holds decides, never its name; `formats.py` lists what is read.

    annotations = read_folder("dataset/train")
    print(annotations.summary())
    paths = filenames.locate("dataset/train", [image.filename for image in annotations.images])
    mask = shapes.region_mask(annotations.images[0].regions[0], (height, width))

A file that cannot be used raises AnnotationError. An image or region that cannot be used is left
out and stands in `problems` with the reason: whoever trains must look there, see
`mrcnn.check`.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

from mrcnn import files
from mrcnn.annotation.formats import SUFFIXES, recognise
from mrcnn.annotation.judge import judge
from mrcnn.annotation.merge import merge, without_repeats
from mrcnn.annotation.records import AnnotationError, Annotations, DamagedFile

MAX_FILE_BYTES = 1_000_000_000
# Roboflow's name of the folder that is `val` elsewhere.
OTHER_NAMES = {"val": "valid"}


def subset_folder(dataset: str | Path, subset: str) -> Path:
    """Return the folder of a subset, "train" or "val", under whichever name it is there."""
    folder = Path(dataset, subset)
    other = Path(dataset, OTHER_NAMES.get(subset, subset))
    return other if other.is_dir() and not folder.is_dir() else folder


def read(
    path: str | Path,
    attribute: str | None = None,
    default_class: str | None = None,
    like: Callable[[], str | None] | None = None,
) -> Annotations:
    """Read one annotation file.

    Arguments:
        path: the file, under any name.
        attribute: the region attribute that carries the class, or several with commas, one for
            each class; found when left out.
        default_class: the class of all regions where none has any attribute; "object", with a
            warning, when left out.
        like: where the file leaves a choice of attributes, tells the one of other files, such as
            those to train with, which is taken where it is there; `Annotations.attribute`.

    Raises AnnotationError, which names the file, where it is missing, too large, no annotation
    file, damaged, or without a usable image.
    """
    path = Path(path)
    try:
        text, warnings = _read_text(path)
        return judge(recognise(text), path, attribute, default_class, like, warnings)
    except AnnotationError as error:
        raise type(error)(f"{path}: {error}") from None


def read_folder(
    folder: str | Path,
    attribute: str | None = None,
    default_class: str | None = None,
    like: Callable[[], str | None] | None = None,
) -> Annotations:
    """Read the annotation file or files that lie in a folder of photos.

    Files that repeat what another one says are left; files about different images are merged;
    `warnings` tells of both. All are read by the same attribute. Arguments as for `read`. Raises
    AnnotationError where there is no folder or no annotation file, where a file is damaged, and
    where two contradict each other.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AnnotationError(f"{folder}: there is no such folder")
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise AnnotationError(f"{folder}: cannot be read: {error.strerror}") from None
    paths = [path for path in inside if path.suffix.lower() in SUFFIXES and path.is_file()]
    readable, faults = [], []
    for path in paths:
        try:
            readable.append(read(path, attribute, default_class, like))
        except AnnotationError as error:
            if path.suffix.lower() in (".json", ".csv"):
                if isinstance(error, DamagedFile):
                    raise
                faults.append(str(error))
    if not readable:
        if faults:
            more = f"; and {len(faults) - 3} more files" if len(faults) > 3 else ""
            raise AnnotationError("; ".join(faults[:3]) + more)
        raise AnnotationError(
            f"{folder}: no annotation file: save VIA's project or export (JSON or CSV) beside "
            "the photos"
        )
    if len({each.attribute for each in readable}) > 1:
        most = max(readable, key=lambda each: each.num_regions)
        readable = [
            each
            if each.attribute == most.attribute
            else read(each.paths[0], attribute, default_class, like or (lambda: most.attribute))
            for each in readable
        ]
    kept, notes = without_repeats(readable)
    return merge(kept, [f"left out, {fault}" for fault in faults] + notes)


def attribute_of_train(dataset: str | Path) -> str | None:
    """Return the attribute that the subset "train" is read by, None where it cannot be read."""
    with contextlib.suppress(AnnotationError):
        return read_folder(subset_folder(dataset, "train")).attribute


def _read_text(path):
    """Return the text of a file and warnings about its encoding."""
    if files.is_special(path):
        raise AnnotationError("is a pipe or a device, not an annotation file")
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_FILE_BYTES else b""
    except FileNotFoundError:
        raise AnnotationError("there is no such file") from None
    except (OSError, ValueError) as error:
        raise AnnotationError(f"cannot be read: {getattr(error, 'strerror', error)}") from None
    if size > MAX_FILE_BYTES:
        raise AnnotationError(f"{size / 1e9:.1f} GB is too large for an annotation file")
    if not content.strip():
        raise AnnotationError("is empty")
    try:
        utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        return content.decode("utf-16" if utf16 else "utf-8-sig"), []
    except UnicodeDecodeError:
        warning = f"{path.name} is not UTF-8; it was read as Latin-1, so check accented letters"
        return content.decode("latin-1"), [warning]
