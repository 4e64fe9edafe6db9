"""VIA 3's JSON: projects.

Shape numbers and layout are those of its `_via_metadata.js` and `_via_file.js`.
"""

from collections import Counter

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

FORM = "VIA 3 project"
FORMS = {FORM: Rank.PROJECT}
# A region is [shape number, coordinates...].
SHAPES = {
    1: ("point", ("cx", "cy")),
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ("cx", "cy", "r")),
    4: ("ellipse", ("cx", "cy", "rx", "ry")),
    5: ("line", None),
    6: ("polyline", None),
    7: ("polygon", None),
    8: ("extreme_rectangle", None),
    9: ("extreme_circle", None),
}
ATTRIBUTE_TYPES = {1: "text", 2: "checkbox", 3: "radio", 4: "dropdown"}
MEDIA = {4: "a video", 8: "a sound"}
# Where a file was found; of addresses that end alike the whole one, `src`, is the name.
ADDRESS = 2


def read(document: object) -> Source | None:
    """Return what a VIA 3 project tells, or None where it is not one.

    Raises AnnotationError for a document that is VIA's but cannot be read.
    """
    needed = {"project", "metadata", "view", "file"}
    if not (isinstance(document, dict) and needed <= document.keys()):
        return None
    parts = {name: document[name] for name in ("file", "view", "metadata")}
    for name, part in parts.items():
        if not isinstance(part, dict):
            raise AnnotationError(f"{name!r} of the VIA 3 project is {in_words(part)}")
    attributes = via3_attributes(document.get("attribute"))
    regions = {}
    for metadata in parts["metadata"].values():
        metadata = dict_or_empty(metadata)
        region = via3_region(metadata.get("xy"), metadata.get("z"), metadata.get("av"), attributes)
        if region is not None:
            regions.setdefault(str(metadata.get("vid")), []).append(region)
    shown = Counter(str(dict_or_empty(file).get("fname")) for file in parts["file"].values())
    images = []
    for view_id, view in parts["view"].items():
        file_ids = dict_or_empty(view).get("fid_list")
        file_ids = file_ids if isinstance(file_ids, list) else []
        files = [dict_or_empty(parts["file"].get(str(file_id))) for file_id in file_ids]
        first = files[0] if files else {}
        name = first.get("fname")
        if first.get("loc") == ADDRESS and (not name or shown[str(name)] > 1):
            name = first.get("src")
        fault = None
        kind = first.get("type")
        if isinstance(kind, int) and kind in MEDIA:
            fault = f"it is {MEDIA[kind]}, not an image"
        elif len(files) > 1:
            fault = f"its view shows {len(files)} files at once, so its regions have no one image"
        images.append(RawImage(name, regions.pop(str(view_id), []), fault=fault))
    for view_id, orphans in regions.items():
        fault = f"{len(orphans)} regions belong to view {view_id!r}, which is not there"
        images.append(RawImage(None, [], fault=fault))
    return Source(FORM, images, via3_declared(attributes))


def via3_attributes(attributes: object) -> dict[str, tuple[str, str, dict]]:
    """Return (name, type, options) of VIA 3's attributes by their ids."""
    table = {}
    for key, about in dict_or_empty(attributes).items():
        if isinstance(about, str):  # the first CSV exports give only names
            about = {"aname": about}
        about = dict_or_empty(about)
        kind, name = about.get("type"), about.get("aname")
        kind = ATTRIBUTE_TYPES.get(kind, "") if isinstance(kind, int) else ""
        table[str(key)] = (str(name or key), kind, dict_or_empty(about.get("options")))
    return table


def via3_declared(attributes: dict) -> dict[str, Declared]:
    """Return what `via3_attributes` found as a source declares it."""
    return {name: Declared(kind) for name, kind, _ in attributes.values()}


def via3_region(xy: object, z: object, values: object, attributes: dict) -> RawRegion | None:
    """Return VIA 3's coordinates `xy`, times `z` and attribute values as a region.

    None where they describe a file as a whole.
    """
    times = z if isinstance(z, list) else []
    if not xy:
        return RawRegion({"name": "time segment"}, {}) if times else None
    if times:
        return RawRegion({"name": "video frame"}, {})
    named = {}
    for key, value in dict_or_empty(values).items():
        name, kind, options = attributes.get(str(key), (str(key), "", {}))
        if kind == "checkbox" and isinstance(value, str):
            value = [options.get(choice, choice) for choice in value.split(",")]
        elif kind in ("radio", "dropdown") and isinstance(value, str):
            value = options.get(value, value)
        named[name] = value
    return RawRegion(_shape(xy), named)


def _shape(xy):
    """Return VIA 3's `[shape number, coordinates...]` in VIA 2's words."""
    if not isinstance(xy, list) or not isinstance(xy[0], int) or xy[0] not in SHAPES:
        return {"name": f"VIA 3 shape {xy!r:.40}"}
    name, keys = SHAPES[xy[0]]
    if keys is not None:
        return {"name": name, **dict(zip(keys, xy[1:], strict=False))}
    return {"name": name, "all_points_x": xy[1::2], "all_points_y": xy[2::2]}
