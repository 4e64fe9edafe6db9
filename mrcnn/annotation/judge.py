"""Judging what a file says: names, shapes and labels that can be used, and problems of the rest."""

from collections import Counter
from pathlib import Path

from mrcnn.annotation.filenames import relative_name
from mrcnn.annotation.labels import LabelError, find_attribute, in_order, label_of, lookalikes
from mrcnn.annotation.raw import RawImage, Source
from mrcnn.annotation.records import AnnotatedImage, AnnotationError, Annotations, Problem, Region
from mrcnn.annotation.shapes import WITHOUT_AREA, Shape, ShapeError, build_shape


def judge(
    source: Source, path: Path, attribute: str | None, default_class: str, warnings: list[str]
) -> Annotations:
    """Judge every image and region of a source; see `read` for the arguments and what it raises.

    `warnings` are those that there are already.
    """
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
    names = in_order({region.label for image in images.values() for region in image.regions})
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
        (height, width), (rows, columns) = shape.rle["size"], size
        raise ShapeError("value", f"its mask is {width} x {height}, the image {columns} x {rows}")


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
