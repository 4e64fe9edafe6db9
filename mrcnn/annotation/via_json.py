"""VIA's JSON: exports and projects of VIA 1 and 2, projects of VIA 3.

The shape numbers and the layout of VIA 3 are those of its `_via_metadata.js` and `_via_file.js`.
"""

from mrcnn.annotation.raw import RawImage, RawRegion, Source
from mrcnn.annotation.records import AnnotationError

# VIA 3 writes a region as [shape number, coordinates...].
VIA3_SHAPES = {
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
VIA3_ATTRIBUTE_TYPES = {1: "text", 2: "checkbox", 3: "radio", 4: "dropdown"}
VIA3_MEDIA = {4: "a video", 8: "a sound"}
# Where VIA 3 found a file; for an address the name that counts is `src`.
VIA3_ADDRESS = 2


def read_via(document: object) -> Source | None:
    """Return what a VIA document tells, or None where it is not one.

    Raises AnnotationError for a document that is VIA's but cannot be read.
    """
    if isinstance(document, dict) and "_via_img_metadata" in document:
        return _via2_project(document)
    if isinstance(document, dict) and {"project", "metadata", "view", "file"} <= document.keys():
        return _via3_project(document)
    entries = list(document.values()) if isinstance(document, dict) else document
    if isinstance(entries, list) and any(map(_is_entry, entries)):
        return Source(_export_form(entries), [_image(entry) for entry in entries], {})
    return None


def _is_entry(entry):
    return isinstance(entry, dict) and {"filename", "regions"} <= entry.keys()


def _export_form(entries):
    """Tell VIA 1, which numbers its regions in a dict, from VIA 2, which lists them."""
    first = next(filter(_is_entry, entries))
    return "VIA 1 export" if isinstance(first["regions"], dict) else "VIA 2 export"


def _via2_project(document):
    entries = document["_via_img_metadata"]
    if not isinstance(entries, dict | list):
        raise AnnotationError(
            f"_via_img_metadata of the VIA 2 project is a {type(entries).__name__}"
        )
    entries = list(entries.values()) if isinstance(entries, dict) else entries
    attributes = _dict(_dict(document.get("_via_attributes")).get("region"))
    declared = {name: str(_dict(about).get("type", "")) for name, about in attributes.items()}
    return Source("VIA 2 project", [_image(entry) for entry in entries], declared)


def _image(entry):
    """Return an entry of a VIA 1 or 2 file as an image."""
    if not isinstance(entry, dict):
        return RawImage(None, [], fault=f"its entry is a {type(entry).__name__}, not an object")
    filename, regions = entry.get("filename"), entry.get("regions")
    if isinstance(regions, dict):
        regions = list(regions.values())
    if not isinstance(regions, list | None):
        return RawImage(filename, [], fault=f"its regions are a {type(regions).__name__}")
    size = entry.get("size")
    return RawImage(
        filename,
        [_region(region) for region in regions or []],
        byte_size=size if type(size) is int and size > 0 else None,
    )


def _region(region):
    region = _dict(region)
    return RawRegion(region.get("shape_attributes"), region.get("region_attributes", {}))


def _via3_project(document):
    parts = {name: document[name] for name in ("file", "view", "metadata")}
    for name, part in parts.items():
        if not isinstance(part, dict):
            raise AnnotationError(f"{name!r} of the VIA 3 project is a {type(part).__name__}")
    attributes = via3_attributes(document.get("attribute"))
    regions, faults = {}, {}
    for metadata in parts["metadata"].values():
        metadata = _dict(metadata)
        region = via3_region(metadata.get("xy"), metadata.get("z"), metadata.get("av"), attributes)
        if region is not None:
            regions.setdefault(str(metadata.get("vid")), []).append(region)
    images = []
    for view_id, view in parts["view"].items():
        file_ids = _dict(view).get("fid_list")
        file_ids = file_ids if isinstance(file_ids, list) else []
        files = [_dict(parts["file"].get(str(file_id))) for file_id in file_ids]
        first = files[0] if files else {}
        name = first.get("src") if first.get("loc") == VIA3_ADDRESS else first.get("fname")
        fault = None
        kind = first.get("type")
        if isinstance(kind, int) and kind in VIA3_MEDIA:
            fault = f"it is {VIA3_MEDIA[kind]}, not an image"
        elif len(files) > 1:
            fault = f"its view shows {len(files)} files at once, so its regions have no one image"
        images.append(RawImage(name, regions.pop(str(view_id), []), fault=fault))
    for view_id, orphans in regions.items():
        faults[view_id] = f"{len(orphans)} regions belong to view {view_id!r}, which is not there"
    images += [RawImage(None, [], fault=fault) for fault in faults.values()]
    declared = {name: kind for name, kind, _ in attributes.values()}
    return Source("VIA 3 project", images, declared)


def via3_attributes(attributes: object) -> dict[str, tuple[str, str, dict]]:
    """Return (name, type, options) of VIA 3's attributes by their ids."""
    table = {}
    for key, about in _dict(attributes).items():
        if isinstance(about, str):  # the first CSV exports give only names
            about = {"aname": about}
        about = _dict(about)
        kind, name = about.get("type"), about.get("aname")
        kind = VIA3_ATTRIBUTE_TYPES.get(kind, "") if isinstance(kind, int) else ""
        table[str(key)] = (str(name or key), kind, _dict(about.get("options")))
    return table


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
    for key, value in _dict(values).items():
        name, kind, options = attributes.get(str(key), (str(key), "", {}))
        if kind == "checkbox" and isinstance(value, str):
            value = [options.get(choice, choice) for choice in value.split(",")]
        elif kind in ("radio", "dropdown") and isinstance(value, str):
            value = options.get(value, value)
        named[name] = value
    return RawRegion(_via3_shape(xy), named)


def _via3_shape(xy):
    """Return VIA 3's `[shape number, coordinates...]` in VIA 2's words."""
    if not isinstance(xy, list) or not isinstance(xy[0], int) or xy[0] not in VIA3_SHAPES:
        return {"name": f"VIA 3 shape {xy!r:.40}"}
    name, keys = VIA3_SHAPES[xy[0]]
    if keys is not None:
        return {"name": name, **dict(zip(keys, xy[1:], strict=False))}
    return {"name": name, "all_points_x": xy[1::2], "all_points_y": xy[2::2]}


def _dict(value):
    return value if isinstance(value, dict) else {}
