"""File names of an annotation file, kept inside the data set's folder."""

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from mrcnn.annotation.records import AnnotationError


def relative_name(name: object) -> str:
    """Return a file name as a relative path with forward slashes.

    Raises AnnotationError for what is no name, and for addresses, absolute paths, drive letters
    and `..`, which point outside the data set's folder.
    """
    if not isinstance(name, str) or not name.strip():
        raise AnnotationError("it has no file name")
    shown = name if len(name) <= 80 else name[:77] + "..."
    if not name.isprintable():
        raise AnnotationError(f"its file name {shown!r} holds unprintable characters")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/|data:", name):
        raise AnnotationError(f"{shown!r} is an address, not a file in the data set's folder")
    path = name.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        raise AnnotationError(f"{shown!r} is an absolute path, not a file in the data set's folder")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or not parts:
        raise AnnotationError(f"{shown!r} leads out of the data set's folder")
    return "/".join(parts)


def locate(folder: str | Path, names: Iterable[str]) -> dict[str, Path]:
    """Find image files by the names that `relative_name` returned.

    Names match as they stand or, where only one file does, in spite of case, of how accents are
    composed, of `%20` for a blank, and of folders before the name. Names without a file are left
    out of the result.
    """
    folder = Path(folder)
    exact, folded = {}, {}
    for root, _, files in os.walk(folder):
        for file in files:
            path = Path(root, file)
            relative = path.relative_to(folder).as_posix()
            exact[relative] = path
            folded.setdefault(_fold(relative), set()).add(path)
            folded.setdefault(_fold(file), set()).add(path)
    found = {}
    for name in names:
        plain = unquote(name)
        candidates = [folded.get(_fold(key), set()) for key in (name, plain)]
        candidates += [folded.get(_fold(key.rsplit("/", 1)[-1]), set()) for key in (name, plain)]
        single = next((paths for paths in candidates if len(paths) == 1), None)
        if name in exact:
            found[name] = exact[name]
        elif single:
            found[name] = next(iter(single))
    return found


def _fold(name):
    return unicodedata.normalize("NFC", name).casefold()
