"""The files that a run writes: where they go, and that none harms another."""

import argparse
import itertools
import os
import re
from collections.abc import Iterable
from pathlib import Path

from mrcnn.data.seen import Seen
from mrcnn.results.formats import FOLDERS, RESUMED

# What becomes of an address, such as s3://bucket, in a path; a drive of Windows has one letter.
WRITTEN_ADDRESS = re.compile(r"[A-Za-z][\w+.-]+:/")
LOSSY_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif"}


def key(path: Path) -> str:
    """Return what two paths of one file share, where case does not matter too."""
    return str(path.resolve()).casefold()


def picture_path(
    source: Path, folder: Path, taken: Seen, overwrite: bool = False, since: int | None = None
) -> Path:
    """Return where the picture of `source` goes, and add its `key` to `taken`.

    `<stem>_predicted.jpg`, or `.png` where the source is lossless; numbered where that is taken
    or, unless `overwrite`, exists and is older than `since`, in ns as of `stat`.
    """
    suffix = ".jpg" if source.suffix.lower() in LOSSY_SUFFIXES else ".png"
    for number in itertools.count(1):
        extra = f"_{number}" if number > 1 else ""
        path = folder / f"{source.stem}_predicted{extra}{suffix}"
        if not overwrite and _is_there(path, since):
            continue
        if taken.add(key(path)):
            return path


def _is_there(path, since):
    """Tell whether something is at `path` that is not to be replaced."""
    if not os.path.lexists(path):
        return False
    return since is None or path.lstat().st_mtime_ns < since


def check_files(
    arguments: argparse.Namespace, options: Iterable[str], inputs: Iterable[Path]
) -> None:
    """Raise ValueError where a file that one of `options` names would harm another one."""
    named = [(name, path) for name in options if (path := getattr(arguments, name)) is not None]
    wanted = {}
    for name, path in [*named, ("output", arguments.output)]:
        if path and WRITTEN_ADDRESS.match(path.as_posix()):
            raise ValueError(
                f"--{name.replace('_', '-')} {path} is an address: results are written on this "
                "machine, so name a file or folder of it and copy them then"
            )
    for name, path in named:
        option = f"--{name.replace('_', '-')} {path}"
        if key(path) in wanted:
            raise ValueError(_another(option))
        wanted[key(path)] = option
    for path in inputs:
        if (option := wanted.get(key(path))) is not None:
            raise ValueError(_another(option))
    for name, path in named:
        option, again = wanted[key(path)], "add --overwrite"
        if name in RESUMED:
            again += ", or go on with --resume"
        if path.is_dir() != (name in FOLDERS) and path.exists():
            kinds = ("file", "folder") if name in FOLDERS else ("folder", "file")
            raise ValueError(f"{option} is a {kinds[0]}, a {kinds[1]} is needed")
        there = any(path.iterdir()) if path.is_dir() else path.exists()
        if there and not arguments.overwrite and not (name in RESUMED and arguments.resume):
            raise ValueError(f"{option} exists already: take another name, or {again}")


def _another(option):
    return f"{option} is another file of this run: take another name"


def make_folder(arguments: argparse.Namespace) -> None:
    """Make the folder of the pictures, `--output`.

    Raises ValueError where it is a source, OSError where it cannot be made.
    """
    sources = [Path(source).resolve() for source in arguments.sources]
    if arguments.output.is_dir() and arguments.output.resolve() in sources:
        raise ValueError(
            f"--output {arguments.output} is a folder of photos to look at: its pictures would be "
            "photos the next time, so take another"
        )
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"--output {arguments.output} is no folder: {error.strerror}") from error
