"""File names of an annotation file, and the photos in the data set's folder that they mean."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from mrcnn.annotation.records import AnnotationError


def relative_name(name: object) -> str:
    """Return a file name as a relative path with forward slashes.

    Of addresses, absolute paths and paths through `..` the part remains that could lie in the
    data set's folder: of `https://host/a/b.png` it is `host/a/b.png`. Raises AnnotationError for
    what is no name.
    """
    if not isinstance(name, str) or not name.strip():
        raise AnnotationError("it has no file name")
    shown = name if len(name) <= 80 else name[:77] + "..."
    if not name.isprintable():
        raise AnnotationError(f"its file name {shown!r} holds unprintable characters")
    if name.startswith("data:"):
        raise AnnotationError(f"{shown!r} holds the picture itself: save it as a file")
    address = re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", name)
    path = re.sub(r"[?#].*", "", name) if address else name
    path = re.sub(r"^(file:|[A-Za-z][A-Za-z0-9+.-]+:/)", "", path.replace("\\", "/"))
    path = re.sub(r"^/*[A-Za-z]:", "", path)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    while ".." in parts:
        parts = parts[parts.index("..") + 1 :]
    if not parts:
        raise AnnotationError(f"{shown!r} names no file")
    return "/".join(parts)


def locate(folder: str | Path, names: Iterable[str]) -> dict[str, Path]:
    """Find image files by the names that `relative_name` returned.

    A name means the file with this path in the folder. Where there is none, folders may be
    missing before either: `a.png` means `images/a.png`, `C/photos/a.png` means `a.png`; the
    longest end counts. What two files or two names would match, and a file that another name
    means exactly, is left out, as are names without a file. Case, how accents are composed and
    `%20` for a blank make no difference where only one file matches.
    """
    folder = Path(folder)
    exact, whole, ends = {}, {}, {}
    for root, _, files in os.walk(folder):
        for file in files:
            path = Path(root, file)
            relative = path.relative_to(folder).as_posix()
            exact[relative] = path
            whole.setdefault(_fold(relative), set()).add(path)
            for end in _ends(_fold(relative)):
                ends.setdefault(end, set()).add(path)

    def matches(name):
        """Yield sets of files that a name may mean, the likeliest first."""
        spellings = _spellings(name)
        yield from (whole.get(key) for key in spellings)
        yield from (ends.get(key) for key in spellings)
        yield from (whole.get(end) for key in spellings for end in _ends(key))

    names = list(dict.fromkeys(names))
    found = {name: exact[name] for name in names if name in exact}
    for name in names:
        paths = next(filter(None, matches(name)), ())
        if name not in found and len(paths) == 1:
            (found[name],) = paths
    claims = Counter(found.values())
    doubtful = {name for name in elsewhere(folder, found) if claims[found[name]] > 1}
    return {name: path for name, path in found.items() if name not in doubtful}


def elsewhere(folder: str | Path, paths: dict[str, Path]) -> list[str]:
    """Return those names that `locate` found in another folder than they say."""
    return [
        name
        for name, path in paths.items()
        if _fold(path.relative_to(folder).as_posix()) not in _spellings(name)
    ]


def _spellings(name):
    return dict.fromkeys((_fold(name), _fold(unquote(name))))


def _ends(path):
    """Yield what is left of a path without its first folder, its first two, ..."""
    while "/" in path:
        path = path.split("/", 1)[1]
        yield path


def _fold(name):
    return unicodedata.normalize("NFC", name).casefold()
