"""VIA's CSV: one region a line, of VIA 1, 2 and 3."""

import csv
import io
import json
import re

from mrcnn.annotation.predicted import predicted_count
from mrcnn.annotation.raw import Rank, RawImage, RawRegion, Source
from mrcnn.annotation.records import AnnotationError, DamagedFile
from mrcnn.annotation.via3_json import via3_attributes, via3_declared, via3_region
from mrcnn.tables import few

FORM, VIA3_FORM = "VIA CSV", "VIA 3 CSV"
FORMS = dict.fromkeys((FORM, VIA3_FORM), Rank.TABLE)
NEEDED = ("filename", "region_shape_attributes", "region_attributes")
VIA3_NEEDED = ("file_list", "temporal_coordinates", "spatial_coordinates", "metadata")
# A field is an outline; the csv module's own limit of 131072 characters stops at 10000 points.
FIELD_LIMIT = 100_000_000


def read(text: object) -> Source | None:
    """Return what a CSV of VIA tells, or None where it is none.

    Raises AnnotationError where its lines cannot be read.
    """
    if not isinstance(text, str):
        return None
    csv.field_size_limit(FIELD_LIMIT)
    header = re.search(r"^#? *CSV_HEADER *=(.*)$", text, re.MULTILINE)
    if header and all(name in header[1] for name in VIA3_NEEDED):
        return _via3(text, header[1].strip())
    first, _, rest = text.lstrip().partition("\n")
    if all(name in first for name in NEEDED):
        return _via2(first.strip().lstrip("#"), rest)
    return None


def _rows(header, text):
    """Yield each line as a dict; spreadsheets may have put semicolons or tabs for commas.

    Raises DamagedFile, once all others were handed out, where the last line is not whole.
    """
    delimiter = max(",;\t", key=header.count)
    names = [name.strip().strip('"') for name in header.split(delimiter)]
    row = names
    try:
        # An empty line is an empty list.
        for row in filter(None, csv.reader(io.StringIO(text), delimiter=delimiter)):
            if not row[0].startswith("#"):
                yield dict(zip(names, row, strict=False))
    except csv.Error as error:
        raise AnnotationError(f"the CSV cannot be read: {error}") from None
    if _is_cut(row, len(names), text, delimiter):
        raise DamagedFile("the last line is cut off: export it again")


def _is_cut(row, count, text, delimiter):
    """Tell whether the last line, `row`, breaks off, in a field or between two."""
    open_end = not text.endswith("\n") and (len(row) < count or text.endswith(delimiter))
    return open_end or text.count('"') % 2 or (row[-1].startswith("{") and row[-1][-1] != "}")


def _via2(header, text):
    images, counts = {}, {}
    for row in _rows(header, text):
        filename = row.get("filename")
        counts[filename] = row.get("region_count", "0").strip()
        size = row.get("file_size", "")
        if filename not in images:
            byte_size = int(size) if size.isdecimal() and len(size) < 16 else None
            predicted = predicted_count(_attributes(row.get("file_attributes", "")))
            images[filename] = RawImage(filename, [], None, byte_size, predicted=predicted)
        shape = _attributes(row.get("region_shape_attributes", ""))
        # An image without regions has one line with an empty shape.
        if shape or counts[filename] not in ("", "0"):
            attributes = _attributes(row.get("region_attributes", ""))
            images[filename].regions.append(RawRegion(shape, attributes))
    lost = [
        f"{name!r:.80} has {len(image.regions)} of {counts[name]}"
        for name, image in images.items()
        if counts[name].isdecimal() and len(image.regions) < int(counts[name][:9])
    ]
    text = f"lines are missing, by the count that stands in each: {few(lost)}"
    return Source(FORM, list(images.values()), {}, warnings=(text,) if lost else ())


def _attributes(text):
    """Return a field's JSON object, or the `key=value;key=[1:2:3];` of the first VIA versions."""
    if not text.strip():
        return {}
    if text.lstrip().startswith("{"):
        # VIA writes a value that was never set as JavaScript does, which is no JSON.
        return _json(re.sub(r":undefined(?=[,}])", ":null", text))
    pairs = [part.split("=", 1) for part in text.split(";") if "=" in part]
    return {
        key.strip(): value[1:-1].split(":") if value.startswith("[") else value
        for key, value in pairs
    }


def _via3(text, header):
    # Older exports write ATTRIBUTES, and quotation marks may have been doubled by a spreadsheet.
    found = re.search(r"^#? *ATTRIBUTES? *=(.*)$", text, re.MULTILINE)
    attributes = via3_attributes(_json(found[1]) if found else None)
    images = {}
    for row in _rows(header, text):
        files = _json(row.get("file_list"))
        files = files if isinstance(files, list) else [files]
        name = files[0] if files else None
        key = json.dumps(files)
        if key not in images:
            fault = f"its lines name {len(files)} files at once" if len(files) > 1 else None
            images[key] = RawImage(name, [], fault=fault)
        told = ("spatial_coordinates", "temporal_coordinates", "metadata")
        region = via3_region(*(_json(row.get(name)) for name in told), attributes)
        if region is not None:
            images[key].regions.append(region)
    return Source(VIA3_FORM, list(images.values()), via3_declared(attributes))


def _json(text):
    """Return a field's value, or the text itself where it is no JSON."""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text
