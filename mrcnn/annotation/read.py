"""Annotations of a folder of photos: found, recognised by content and read, whoever wrote them.

Read are the exports and projects of VIA 1, 2 and 3 (the VGG Image Annotator), VIA's CSV, and
COCO's JSON. What a file holds decides, never its name.

    annotations = read_folder("dataset/train")
    print(annotations.summary())
    paths = locate("dataset/train", [image.filename for image in annotations.images])
    mask = region_mask(annotations.images[0].regions[0], (height, width))

A file that cannot be used raises AnnotationError. An image or region that cannot be used is left
out and stands in `problems` with the reason: whoever trains must look there, see
`mrcnn.check`.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mrcnn.annotation.coco_json import read_coco
from mrcnn.annotation.filenames import locate, relative_name
from mrcnn.annotation.labels import LabelError, find_attribute, label_of, lookalikes
from mrcnn.annotation.raw import RawImage, Source
from mrcnn.annotation.records import (
    AnnotatedImage,
    AnnotationError,
    Annotations,
    DamagedFile,
    Problem,
    Region,
)
from mrcnn.annotation.shapes import (
    WITHOUT_AREA,
    Shape,
    ShapeError,
    bounds,
    build_shape,
    region_mask,
)
from mrcnn.annotation.via_csv import read_csv
from mrcnn.annotation.via_json import read_via

__all__ = [
    "AnnotatedImage",
    "AnnotationError",
    "Annotations",
    "Problem",
    "Region",
    "locate",
    "read",
    "read_folder",
    "region_mask",
]

MAX_FILE_BYTES = 1_000_000_000
SUFFIXES = (".json", ".csv", ".txt", "")
# Of files that say the same, the one nearest to what was drawn is read: VIA's COCO export knows
# neither polylines nor text attributes, an export does not say which attributes there are.
FORMS = ("VIA 2 project", "VIA 3 project", "VIA 2 export", "VIA 1 export")
FORMS += ("VIA CSV", "VIA 3 CSV", "COCO")


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
        source = _recognise(text)
        return _assemble(path, source, attribute, default_class, warnings)
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
    kept, notes = _without_repeats(sorted(readable, key=lambda a: FORMS.index(a.form)))
    return _merge(kept, [f"left out, {fault}" for fault in faults] + notes)


def _read_text(path):
    """Return the text of a file and warnings about its encoding."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise AnnotationError(f"{size / 1e9:.1f} GB is too large for an annotation file")
        content = path.read_bytes()
    except FileNotFoundError:
        raise AnnotationError("there is no such file") from None
    except (OSError, ValueError) as error:
        if isinstance(error, AnnotationError):
            raise
        raise AnnotationError(f"cannot be read: {getattr(error, 'strerror', error)}") from None
    if not content.strip():
        raise AnnotationError("is empty")
    try:
        utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        return content.decode("utf-16" if utf16 else "utf-8-sig"), []
    except UnicodeDecodeError:
        warning = f"{path.name} is not UTF-8; it was read as Latin-1, so check accented letters"
        return content.decode("latin-1"), [warning]


def _recognise(text):
    """Return the content of a text in whichever form it is."""
    if not text.lstrip().startswith(("{", "[")):
        source = read_csv(text)
        if source is None:
            raise AnnotationError(
                f"is neither JSON nor a CSV of VIA: it starts with {text.strip()[:30]!r}"
            )
        return source
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except AnnotationError:
        raise
    except RecursionError:
        raise AnnotationError("is nested too deeply for an annotation file") from None
    except ValueError as error:
        raise DamagedFile(
            f"is damaged JSON ({error}): it may be cut off; export it again"
        ) from None
    source = read_via(document) or read_coco(document)
    if source is None:
        keys = ", ".join(map(repr, list(document)[:4])) if isinstance(document, dict) else "a list"
        raise AnnotationError(
            f"is JSON, but no annotation of VIA or COCO: it holds {keys[:100] or 'nothing'}"
        )
    return source


def _object(pairs):
    """Return a JSON object; a key that stands twice would silently lose its first value."""
    document = dict(pairs)
    if len(document) < len(pairs):
        key, count = Counter(key for key, _ in pairs).most_common(1)[0]
        raise AnnotationError(f"the key {key[:80]!r} stands {count} times in one object")
    return document


def _assemble(path, source: Source, attribute, default_class, warnings) -> Annotations:
    """Judge every image and region of a source."""
    if not source.images:
        raise AnnotationError(f"is a {source.form} without images")
    problems, skipped = [], Counter()
    # 1. Names and shapes.
    drafts = []
    for position, raw in enumerate(source.images, 1):
        shown = f"image {position} of the file"
        if isinstance(raw.filename, str) and raw.filename.isprintable():
            shown = raw.filename[:200] or shown
        try:
            if raw.fault:
                raise AnnotationError(raw.fault)
            name = relative_name(raw.filename)
        except AnnotationError as error:
            problems.append(Problem(shown, None, "file name", str(error)))
            continue
        drafts.append((name, raw, list(_shapes(name, raw, problems, skipped))))
    if not drafts:
        raise AnnotationError(f"is a {source.form} without a usable image: {problems[0]}")
    # 2. Labels.
    attributes = [words for _, _, shapes in drafts for *_, words in shapes]
    if attribute is None:
        attribute, doubts = find_attribute(attributes, source.declared)
        warnings = warnings + doubts
    elif attributes and not any(attribute in words for words in attributes):
        present = sorted({name for words in attributes for name in words})
        raise AnnotationError(
            f"no region has the attribute {attribute!r}: there are {', '.join(present) or 'none'}"
        )
    images = {}
    for name, raw, shapes in drafts:
        regions = tuple(_labelled(name, shapes, attribute, default_class, problems))
        image = AnnotatedImage(name, regions, raw.size, raw.byte_size)
        if name in images:
            warnings = [*warnings, f"{name} stands twice in the file; its regions are joined"]
            image = image._replace(regions=images[name].regions + regions)
        images[name] = image
    # 3. What is worth saying about the whole.
    shapes = Counter(region.shape for image in images.values() for region in image.regions)
    if shapes["polyline"]:
        warnings = [*warnings, f"polylines closed to polygons: {shapes['polyline']}"]
    names = {region.label for image in images.values() for region in image.regions}
    names = tuple(sorted(names, key=lambda label: (label.casefold(), label)))
    return Annotations(
        paths=(path,),
        form=source.form,
        images=tuple(images.values()),
        class_names=names,
        attribute=attribute,
        skipped=dict(skipped),
        problems=tuple(problems),
        warnings=(*warnings, *lookalikes(names)),
    )


def _shapes(name, raw: RawImage, problems, skipped):
    """Yield (number, shape, crowd, attributes) of an image's usable regions."""
    for number, region in enumerate(raw.regions, 1):
        words = region.shape
        kind = words.get("name") if isinstance(words, dict) else None
        if isinstance(kind, str) and kind in WITHOUT_AREA:
            skipped[kind] += 1
            continue
        try:
            shape = build_shape(words)
            _fits_frame(shape, raw.size)
            if not isinstance(region.attributes, dict):
                found = type(region.attributes).__name__
                raise ShapeError("value", f"its region_attributes are a {found}, not an object")
        except ShapeError as error:
            problems.append(Problem(name, number, error.kind, str(error)))
            continue
        yield number, shape, region.crowd, region.attributes


def _fits_frame(shape: Shape, size):
    if shape.rle is not None and size is not None and tuple(shape.rle["size"]) != size:
        height, width = shape.rle["size"]
        raise ShapeError(
            "value", f"its mask is {width} x {height}, the image {size[1]} x {size[0]}"
        )


def _labelled(name, shapes, attribute, default_class, problems):
    """Yield the regions of an image that have a label."""
    for number, shape, crowd, attributes in shapes:
        label = default_class
        if attribute is not None:
            try:
                label = label_of(attributes, attribute)
            except LabelError as error:
                problems.append(Problem(name, number, "no label", str(error)))
                continue
        yield Region(number, shape.name, label, shape.outlines, shape.rle, crowd)


def _without_repeats(candidates: Sequence[Annotations]):
    """Return the candidates that no other one repeats in full, and a note for each left out."""
    kept, notes = list(candidates), []
    for one in reversed(candidates):
        other = next((a for a in kept if a is not one and _covers(a, one)), None)
        if other is not None:
            kept.remove(one)
            notes.append(
                f"left out, {one.paths[0].name} ({one.form}): "
                f"{other.paths[0].name} ({other.form}) says the same or more"
            )
    return kept, notes


def _covers(one, other):
    # VIA's COCO export loses the labels of text attributes.
    labels = "COCO" not in (one.form, other.form)
    return (
        _statements(other, labels) <= _statements(one, labels)
        and _names(other) <= _names(one)
        and _faults(other) <= _faults(one)
    )


def _names(annotations):
    return {image.filename.casefold() for image in annotations.images}


def _faults(annotations):
    return {(problem.image, problem.region) for problem in annotations.problems}


def _statements(annotations, labels):
    """Return what is said, in comparable form: image, class, box and mask pixels of each region."""

    def pixels(region):
        return sum(region.rle["counts"][1::2]) if region.rle else None

    return {
        (
            image.filename.casefold(),
            labels and region.label,
            pixels(region),
            *map(round, bounds(region)),
        )
        for image in annotations.images
        for region in image.regions
    }


def _merge(parts: Sequence[Annotations], notes) -> Annotations:
    """Join annotations of different images."""
    owner, images = {}, []
    for part in parts:
        for image in part.images:
            if image.regions and owner.setdefault(image.filename, part) is not part:
                first, second = owner[image.filename].paths[0], part.paths[0]
                raise AnnotationError(
                    f"{first.parent}: {first.name} and {second.name} both annotate "
                    f"{image.filename}, and differently: keep one of them in the folder"
                )
            images.append((image, part))
    images = {
        image.filename: image
        for image, part in images
        if owner.setdefault(image.filename, part) is part
    }
    paths = tuple(path for part in parts for path in part.paths)
    if len(parts) > 1:
        notes = [*notes, f"read together: {', '.join(path.name for path in paths)}"]
    names = {name for part in parts for name in part.class_names}
    carriers = dict.fromkeys(part.attribute for part in parts if part.attribute)
    return Annotations(
        paths=paths,
        form=" + ".join(dict.fromkeys(part.form for part in parts)),
        images=tuple(images.values()),
        class_names=tuple(sorted(names, key=lambda label: (label.casefold(), label))),
        attribute=", ".join(carriers) or None,
        skipped=dict(sum((Counter(part.skipped) for part in parts), Counter())),
        problems=tuple(problem for part in parts for problem in part.problems),
        warnings=(*notes, *dict.fromkeys(text for part in parts for text in part.warnings)),
    )
