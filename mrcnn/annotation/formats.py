"""The formats of annotation files, one module each, and which one a text is in.

A format's module has `FORMS`, the rank of each form that it reads by the form's name, and

    read(document) -> Source | None

which gets the content of a file, parsed where it is JSON, else the text, and returns None for
content of another format. To add a format, write its module and name it in FORMATS.
"""

import json
from collections import Counter

from mrcnn.annotation import coco_json, labelme_json, via3_json, via_csv, via_json
from mrcnn.annotation.raw import Rank, Source
from mrcnn.annotation.records import AnnotationError, DamagedFile

# Of the files in a folder of photos, those that are looked at.
SUFFIXES = (".json", ".csv", ".txt", "")
FORMATS = (via_json, via3_json, via_csv, labelme_json, coco_json)
RANKS: dict[str, Rank] = {form: rank for module in FORMATS for form, rank in module.FORMS.items()}


def recognise(text: str) -> Source:
    """Return the content of a text in whichever format it is; raises AnnotationError if in none."""
    is_json = text.lstrip().startswith(("{", "["))
    document = _parse(text) if is_json else text
    source = next(filter(None, (module.read(document) for module in FORMATS)), None)
    if source is not None:
        return source
    if not is_json:
        raise AnnotationError(
            f"is neither JSON nor a CSV of VIA: it starts with {text.strip()[:30]!r}"
        )
    if isinstance(document, list) and '"original_width"' in text:
        raise AnnotationError("is Label Studio's JSON: export it from there as COCO, with images")
    keys = ", ".join(map(repr, list(document)[:4])) if isinstance(document, dict) else "a list"
    raise AnnotationError(
        f"is JSON, but no annotation of VIA, COCO or labelme: it holds {keys[:100] or 'nothing'}"
    )


def _parse(text):
    try:
        return json.loads(text, object_pairs_hook=_object)
    except AnnotationError:
        raise
    except RecursionError:
        raise AnnotationError("is nested too deeply for an annotation file") from None
    except ValueError as error:
        reason = f"is damaged JSON ({error}): it may be cut off; export it again"
        raise DamagedFile(reason) from None


def _object(pairs):
    """Return a JSON object; a key that stands twice would silently lose its first value."""
    document = dict(pairs)
    if len(document) < len(pairs):
        key, count = Counter(key for key, _ in pairs).most_common(1)[0]
        raise AnnotationError(f"the key {key[:80]!r} stands {count} times in one place")
    return document
