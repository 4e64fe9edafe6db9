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

from pathlib import Path

from mrcnn.annotation.formats import SUFFIXES, recognise
from mrcnn.annotation.judge import judge
from mrcnn.annotation.merge import merge, without_repeats
from mrcnn.annotation.records import AnnotationError, Annotations, DamagedFile

MAX_FILE_BYTES = 1_000_000_000


def read(
    path: str | Path, attribute: str | None = None, default_class: str = "object"
) -> Annotations:
    """Read one annotation file.

    Arguments:
        path: the file, under any name.
        attribute: the region attribute that carries the class; found when left out.
        default_class: the class of all regions where none has any attribute.

    Raises AnnotationError, which names the file, where it is missing, too large, no annotation
    file, damaged, or without a usable image.
    """
    path = Path(path)
    try:
        text, warnings = _read_text(path)
        return judge(recognise(text), path, attribute, default_class, warnings)
    except AnnotationError as error:
        raise type(error)(f"{path}: {error}") from None


def read_folder(
    folder: str | Path, attribute: str | None = None, default_class: str = "object"
) -> Annotations:
    """Read the annotation file or files that lie in a folder of photos.

    Files that repeat what another one says are left; files about different images are merged;
    `warnings` tells of both. Arguments as for `read`. Raises AnnotationError where there is no
    folder or no annotation file, where a file is damaged, and where two contradict each other.
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
            readable.append(read(path, attribute, default_class))
        except AnnotationError as error:
            if path.suffix.lower() in (".json", ".csv"):
                if isinstance(error, DamagedFile):
                    raise
                faults.append(str(error))
    if not readable:
        if faults:
            raise AnnotationError("; ".join(faults))
        raise AnnotationError(
            f"{folder}: no annotation file: save VIA's project or export (JSON or CSV) beside "
            "the photos"
        )
    kept, notes = without_repeats(readable)
    return merge(kept, [f"left out, {fault}" for fault in faults] + notes)


def _read_text(path):
    """Return the text of a file and warnings about its encoding."""
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
