"""Judging what a file says: names, shapes and labels that can be used, and problems of the rest."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mrcnn.annotation.filenames import relative_name
from mrcnn.annotation.labels import (
    ASIDE,
    PART_OF,
    LabelError,
    find_attribute,
    in_order,
    label_of,
    lookalikes,
    named_attributes,
)
from mrcnn.annotation.predicted import PREDICTED, compare
from mrcnn.annotation.raw import RawImage, Source, in_words
from mrcnn.annotation.records import (
    REPEATED,
    AnnotatedImage,
    AnnotationError,
    Annotations,
    Problem,
    Region,
)
from mrcnn.annotation.shapes import WITHOUT_AREA, Shape, ShapeError, build_shape, region_mask
from mrcnn.outlines import encode_rle
from mrcnn.tables import few

# The class of regions without any label, where nobody names it.
UNNAMED = "object"


def judge(
    source: Source,
    path: Path,
    attribute: str | None,
    default_class: str | None,
    like: Callable[[], str | None] | None,
    warnings: list[str],
) -> Annotations:
    """Judge every image and region of a source; see `read` for the arguments and what it raises.

    `warnings` are those that there are already.
    """
    if not source.images:
        raise AnnotationError(f"is a {source.form} without images")
    problems, skipped, lost = [], Counter(), []
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
        drafts.append((name, raw, list(_shapes(name, raw, problems, skipped, lost))))
    if not drafts:
        raise AnnotationError(f"is a {source.form} without a usable image: {problems[0]}")
    warnings = [*warnings, *source.warnings]
    if lost:
        warnings.append(f"parts of outlines that have no area, left out: {len(lost)}, as {lost[0]}")
    # 2. Labels.
    attributes = [words for _, _, shapes in drafts for *_, words in shapes]
    names, doubts = _carriers(source, attributes, attribute, like)
    default_class = default_class or UNNAMED
    warnings += [text if names else f"{text}, here called {default_class!r}" for text in doubts]
    images = {}
    for name, raw, shapes in drafts:
        labelled = list(_labelled(name, shapes, names, source, default_class, problems))
        marks = {number: words.get(PREDICTED) for number, *_, words in shapes}
        began = [(region, marks[region.number]) for region, _ in labelled]
        corrections = compare(began, raw.predicted)
        regions = tuple(_joined(labelled))
        image = AnnotatedImage(name, regions, raw.size, raw.byte_size, corrections)
        if name in images:
            warnings.append(f"{name} stands twice in the file; its regions are joined")
            image = image._replace(regions=images[name].regions + image.regions)
        images[name] = image._replace(regions=tuple(_once(name, image.regions, problems)))
    # 3. What is worth saying about the whole.
    regions = [region for image in images.values() for region in image.regions]
    polylines = sum(region.shape == "polyline" for region in regions)
    if polylines:
        warnings.append(f"polylines closed to polygons: {polylines}")
    classes = in_order({region.label for region in regions})
    return Annotations(
        paths=(path,),
        form=source.form,
        images=tuple(images.values()),
        class_names=classes,
        attribute=", ".join(names) or None,
        skipped=dict(skipped),
        problems=tuple(problems),
        warnings=(*warnings, *lookalikes(classes)),
    )


def _carriers(source, attributes, attribute, like):
    """Return the attributes that carry the class, and warnings about the choice."""
    present = {name for words in attributes for name in words} - ASIDE
    if source.attribute is not None and attribute in (None, source.attribute):
        return (source.attribute,), []
    if attribute is not None:
        names = named_attributes(attributes, attribute)
        if attributes and not names:
            there = f"there are {few(sorted(present))}" if present else "there is none"
            raise AnnotationError(f"no region has the attribute {attribute!r}: {there}")
        return names, []
    told = like() if like and len(present) > 1 else None
    names = named_attributes(attributes, told) if told else ()
    return (names, []) if names else find_attribute(attributes, source.declared)


def _shapes(name, raw: RawImage, problems, skipped, lost):
    """Yield (number, shape, crowd, attributes) of an image's usable regions."""
    for number, region in enumerate(raw.regions, 1):
        words = region.shape
        kind = words.get("name") if isinstance(words, dict) else None
        if isinstance(kind, str) and kind in WITHOUT_AREA:
            skipped[kind] += 1
            continue
        try:
            if region.fault:
                raise ShapeError("value", region.fault)
            shape = build_shape(words)
            _fits_frame(shape, raw.size)
            if not isinstance(region.attributes, dict):
                found = in_words(region.attributes)
                raise ShapeError("value", f"its region_attributes are {found}, not named values")
        except ShapeError as error:
            problems.append(Problem(name, number, error.kind, str(error)))
            continue
        lost += [f"{name}, region {number}: {reason}" for reason in shape.lost]
        yield number, shape, region.crowd, region.attributes


def _fits_frame(shape: Shape, size):
    if shape.rle is not None and size is not None and tuple(shape.rle["size"]) != size:
        (height, width), (rows, columns) = shape.rle["size"], size
        raise ShapeError("value", f"its mask is {width} x {height}, the image {columns} x {rows}")


def _labelled(name, shapes, carriers, source, default_class, problems):
    """Yield (region, which object it is a part of or None) of those that have a label."""
    for number, shape, crowd, attributes in shapes:
        label = default_class
        if carriers:
            try:
                label = label_of(attributes, carriers, source.declared)
            except LabelError as error:
                problems.append(Problem(name, number, "no label", str(error)))
                continue
        region = Region(number, shape.name, label, shape.outlines, shape.rle, crowd)
        whole = attributes.get(PART_OF)
        yield region, None if whole in (None, "") else str(whole)


def _joined(labelled):
    """Return the regions of an image; those of one label and one object become one."""
    objects = {}
    for region, whole in labelled:
        key = region.number if whole is None else (region.label, whole)
        objects.setdefault(key, []).append(region)
    return [_join(parts) if len(parts) > 1 else parts[0] for parts in objects.values()]


def _once(name, regions, problems):
    """Yield the regions of an image without those that repeat another one, class and outline."""
    seen = {}
    for region in regions:
        points = tuple(outline.tobytes() for outline in region.outlines)
        lengths = region.rle and tuple(region.rle["counts"])
        first = seen.setdefault((region.label, region.crowd, points, lengths), region)
        if first is region:
            yield region
        else:
            reason = f"the outline and class of region {first.number} again: it counts once"
            problems.append(Problem(name, region.number, REPEATED, reason))


def _join(parts: list[Region]) -> Region:
    sizes = [part.rle["size"] for part in parts if part.rle is not None]
    if not sizes:
        return parts[0]._replace(outlines=tuple(line for part in parts for line in part.outlines))
    mask = np.any([region_mask(part, sizes[0]) for part in parts], axis=0)
    return parts[0]._replace(shape="rle", outlines=(), rle=encode_rle(mask))
