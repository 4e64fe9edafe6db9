"""The command `export`: the network for programs that have neither this package nor TensorFlow."""

import argparse
from pathlib import Path

from mrcnn.annotation.read import subset_folder
from mrcnn.commands import exporting
from mrcnn.commands.evaluate_command import open_for
from mrcnn.commands.opening import Opened
from mrcnn.commands.script import Script
from mrcnn.runtimes.description import NAME
from mrcnn.runtimes.formats import FORMATS


def run_export(script: Script, arguments: argparse.Namespace) -> int:
    """Write a network in a format, compared with the weights; return the exit code."""
    name, int8 = arguments.format, arguments.int8
    exporting.needs(name, int8)
    photos = _photos(arguments)
    opened = open_for(script, arguments)
    if opened.export:
        raise ValueError(
            f"{opened.export.parent} is an export already: name the weights that it was made of"
        )
    exporting.image_shape(name, opened.config)
    folder = _folder(arguments, opened)
    exporting.export(opened, name, folder, photos, int8)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    classes = len(opened.class_names) - 1
    print(f"{folder / FORMATS[name].file}: {classes} class{'es' if classes != 1 else ''}, ", end="")
    print(f"{size / 1e6:.0f} MB with {NAME}, which tells how to mold an image and the class names")
    if FORMATS[name].runs:
        print(f"To use it here: --weights {folder}; elsewhere see docs/deploy.md")
    return 0


def _photos(arguments) -> list[Path]:
    """Return the photos to compare on; raises ValueError where int8 has none."""
    if arguments.calibrate is not None:
        return exporting.photos_in(arguments.calibrate)
    train = arguments.dataset / "train"
    try:
        return exporting.photos_in(subset_folder(arguments.dataset, "train"))
    except (ValueError, OSError) as error:
        if not arguments.int8:
            return exporting.photos_in(None)
        raise ValueError(
            f"--int8 needs photos like those to come, and {train} has none: name their folder with "
            "--calibrate"
        ) from error


def _folder(arguments, opened: Opened) -> Path:
    """Return where the export goes; raises ValueError for what is there already."""
    weights = opened.info.path
    ending = f"_{arguments.format}" + "_int8" * arguments.int8
    folder = arguments.output or weights.with_name(f"{weights.stem}{ending}")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, a folder is needed: name another with --output")
    there = folder.is_dir() and any(folder.iterdir())
    if there and not arguments.overwrite:
        raise ValueError(f"{folder} exists already: name another with --output, or add --overwrite")
    if there and not (folder / NAME).exists():
        raise ValueError(f"{folder} has other things in it: name another with --output")
    return folder
