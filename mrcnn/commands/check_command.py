"""The command `check`: a look at photos and annotations, alone or before what needs them."""

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrcnn import settings
from mrcnn.annotation.read import subset_folder
from mrcnn.check.check import SUBSETS, check_dataset
from mrcnn.check.preview import FAULTY, Preview
from mrcnn.check.report import CheckReport
from mrcnn.commands.script import Script
from mrcnn.commands.starting import starting_point
from mrcnn.data.augment import augment
from mrcnn.drawing.instances import draw_instances
from mrcnn.drawing.marks import draw_marks
from mrcnn.progress import Progress


def run_check(script: Script, arguments: argparse.Namespace) -> int:
    """Print what there is to know of the data set; return the exit code."""
    refuse_no_dataset(arguments.dataset)
    start = starting_point(script, arguments)
    config = start.config()
    print(start.text(config), flush=True)
    if arguments.preview:
        _check_preview(arguments.preview, arguments.dataset, arguments.overwrite)
    report = check(script, arguments, config, preview_folder=arguments.preview)
    print(report.text())
    if arguments.preview:
        print(f"Pictures of the annotations: {arguments.preview}")
        if any((arguments.preview / FAULTY).rglob("*.jpg")):
            print(f"Those with a fault, marked where it is: {arguments.preview / FAULTY}")
    return report.exit_code


def check(
    script: Script,
    arguments: argparse.Namespace,
    config,
    preview_folder: Path | None = None,
    subsets: Sequence[str] = SUBSETS,
    classes: Sequence[str] | None = None,
    pooled: bool = False,
) -> CheckReport:
    """Check the data set; draw it where there is a `preview_folder`, with augmentation if any.

    `arguments` tell its folder and the attribute; `classes`, without the background, are by
    default the script's; `subsets` and `pooled` as of `check_dataset`.
    """
    preview = change = None
    if preview_folder and script.augmentation:
        # Another way each time.
        options = {"pipeline": script.augmentation(), "rng": np.random.default_rng()}
        change = functools.partial(augment, **options)
    if preview_folder:
        preview = Preview(preview_folder, draw_instances, change, draw_marks)
    classes = classes or script.dataset.CLASSES
    with Progress(None, "Photos read") as progress:
        return check_dataset(
            arguments.dataset,
            **settings.checking(config),
            class_names=classes,
            default_class=classes[0] if classes and len(classes) == 1 else None,
            attribute=arguments.attribute or script.dataset.ATTRIBUTE,
            subsets=subsets,
            pooled=pooled,
            preview=preview,
            progress=progress.to,
        )


def refuse_no_dataset(dataset: Path, subsets: Sequence[str] = SUBSETS) -> None:
    """Raise ValueError where there is no data set, or none of its `subsets`."""
    if not dataset.exists():
        raise ValueError(f"--dataset {dataset}: there is no such folder")
    if not dataset.is_dir():
        raise ValueError(f"--dataset {dataset} is a file: name the folder with train/ and val/")
    if not any(subset_folder(dataset, name).is_dir() for name in subsets):
        raise ValueError(
            f"--dataset {dataset} has no folder {subsets[0]}: photos and their annotations belong "
            "there"
        )


def refuse_errors(report: CheckReport, why: str) -> None:
    """Raise ValueError where a check found errors."""
    errors = report.errors
    if errors:
        left = len(errors) - 1
        more = f" (and {left} more error{'s' * (left > 1)})" if left else ""
        raise ValueError(f"{why}: {errors[0]}{more}")


def _check_preview(preview: Path, dataset: Path, overwrite: bool) -> None:
    """Raise ValueError where the pictures of `--preview` would take the place of others."""
    place, data = preview.resolve(), dataset.resolve()
    if place == data or any(place.is_relative_to(subset_folder(data, name)) for name in SUBSETS):
        raise ValueError(f"--preview {preview} holds the photos themselves: take another folder")
    if preview.is_dir() and any(preview.iterdir()) and not overwrite:
        text = "is not empty: take another folder, or add --overwrite"
        raise ValueError(f"--preview {preview} {text}")
