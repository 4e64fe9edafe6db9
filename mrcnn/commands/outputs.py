"""The files that a run writes: where they go, and that none harms another."""

import argparse
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

LOSSY_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif"}


def key(path: Path) -> str:
    """Return what two paths of one file share, where case does not matter too."""
    return str(path.resolve()).casefold()


def picture_path(source: Path, folder: Path, taken: set[str], overwrite: bool = False) -> Path:
    """Return where the picture of `source` goes, and add its `key` to `taken`.

    `<stem>_predicted.jpg`, or `.png` where the source is lossless; numbered where that is taken
    or, unless `overwrite`, exists.
    """
    suffix = ".jpg" if source.suffix.lower() in LOSSY_SUFFIXES else ".png"
    for number in itertools.count(1):
        extra = f"_{number}" if number > 1 else ""
        path = folder / f"{source.stem}_predicted{extra}{suffix}"
        if key(path) not in taken and (overwrite or not os.path.lexists(path)):
            taken.add(key(path))
            return path


def check_files(
    arguments: argparse.Namespace, options: Iterable[str], inputs: Iterable[Path]
) -> None:
    """Raise ValueError where a file that one of `options` names would harm another one."""
    taken = {key(path) for path in inputs}
    for option in options:
        path = getattr(arguments, option)
        if path is None:
            continue
        if key(path) in taken:
            raise ValueError(f"--{option} {path} is another file of this run: take another name")
        if path.is_dir():
            raise ValueError(f"--{option} {path} is a folder, a file is needed")
        if path.exists() and not arguments.overwrite:
            raise ValueError(
                f"--{option} {path} exists already: take another name, or add --overwrite"
            )
        taken.add(key(path))


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
