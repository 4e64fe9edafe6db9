"""The JSON of VIA 1 and 2: exports, and VIA 2's projects."""

from mrcnn.annotation.predicted import predicted_count
from mrcnn.annotation.raw import (
    Declared,
    Rank,
    RawImage,
    RawRegion,
    Source,
    dict_or_empty,
    in_words,
)
from mrcnn.annotation.records import AnnotationError

PROJECT, EXPORT, VIA1_EXPORT = "VIA 2 project", "VIA 2 export", "VIA 1 export"
FORMS = {PROJECT: Rank.PROJECT, EXPORT: Rank.EXPORT, VIA1_EXPORT: Rank.EXPORT}


def read(document: object) -> Source | None:
    """Return what a document of VIA 1 or 2 tells, or None where it is not one.

    Raises AnnotationError for a document that is VIA's but cannot be read.
    """
    if isinstance(document, dict) and "_via_img_metadata" in document:
        return _project(document)
    entries = list(document.values()) if isinstance(document, dict) else document
    if isinstance(entries, list) and any(map(_is_entry, entries)):
        # VIA 1 numbers its regions in a dict, VIA 2 lists them.
        first = next(filter(_is_entry, entries))
        form = VIA1_EXPORT if isinstance(first["regions"], dict) else EXPORT
        return Source(form, [_image(entry) for entry in entries], {})
    return None


def _is_entry(entry):
    return isinstance(entry, dict) and {"filename", "regions"} <= entry.keys()


def _project(document):
    entries = document["_via_img_metadata"]
    if not isinstance(entries, dict | list):
        found = in_words(entries)
        raise AnnotationError(f"_via_img_metadata of the VIA 2 project is {found}, not its images")
    entries = list(entries.values()) if isinstance(entries, dict) else entries
    attributes = dict_or_empty(dict_or_empty(document.get("_via_attributes")).get("region"))
    declared = {key: _declared(dict_or_empty(about)) for key, about in attributes.items()}
    return Source(PROJECT, [_image(entry) for entry in entries], declared)


def _declared(about):
    """Return what the project says of one attribute."""
    chosen = [name for name, on in dict_or_empty(about.get("default_options")).items() if on]
    text = about.get("default_value")
    filled_in = [*chosen, *([text] if isinstance(text, str) else [])]
    return Declared(str(about.get("type", "")), tuple(filled_in))


def _image(entry):
    """Return an entry of a VIA 1 or 2 file as an image."""
    if not isinstance(entry, dict):
        return RawImage(None, [], fault=f"its entry is {in_words(entry)}, not an image")
    filename, regions = entry.get("filename"), entry.get("regions")
    if isinstance(regions, dict):
        regions = list(regions.values())
    if not isinstance(regions, list | None):
        return RawImage(filename, [], fault=f"its regions are {in_words(regions)}, not a list")
    size = entry.get("size")
    return RawImage(
        filename,
        [_region(region) for region in regions or []],
        byte_size=size if type(size) is int and size > 0 else None,
        predicted=predicted_count(entry.get("file_attributes")),
    )


def _region(region):
    region = dict_or_empty(region)
    return RawRegion(region.get("shape_attributes"), region.get("region_attributes", {}))
