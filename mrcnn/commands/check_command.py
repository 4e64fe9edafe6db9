"""The command `check`: a look at photos and annotations, alone or before what needs them."""

import argparse
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mrcnn import settings
from mrcnn.check.check import SUBSETS, check_dataset
from mrcnn.check.preview import Preview
from mrcnn.check.report import CheckReport
from mrcnn.commands.script import Script
from mrcnn.drawing.instances import draw_instances
from mrcnn.progress import Progress


def run_check(script: Script, arguments: argparse.Namespace) -> int:
    """Print what there is to know of the data set; return the exit code."""
    config = settings.with_settings(script.config, {}, arguments.image_size)
    if arguments.preview:
        _check_preview(arguments.preview, arguments.dataset, arguments.overwrite)
    report = check(script, arguments.dataset, config, preview_folder=arguments.preview)
    print(report.text())
    if arguments.preview:
        print(f"Pictures of the annotations: {arguments.preview}")
    return report.exit_code


def check(
    script: Script,
    dataset_dir: Path,
    config,
    preview_folder: Path | None = None,
    subsets: Sequence[str] = SUBSETS,
    classes: Sequence[str] | None = None,
) -> CheckReport:
    """Check the data set; draw it where there is a `preview_folder`, with augmentation if any.

    `classes`, without the background, are by default the script's.
    """
    preview = None
    if preview_folder:
        augment = script.augmentation and _augment(script.augmentation())
        preview = Preview(preview_folder, draw_instances, augment)
    classes = classes or script.dataset.CLASSES
    only = {"default_class": classes[0]} if classes and len(classes) == 1 else {}
    with Progress(None, "Photos read") as progress:
        return check_dataset(
            dataset_dir,
            **only,
            **settings.checking(config),
            class_names=classes,
            attribute=script.dataset.ATTRIBUTE,
            subsets=subsets,
            preview=preview,
            progress=progress.to,
        )


def refuse_errors(report: CheckReport, why: str) -> None:
    """Raise ValueError where a check found errors."""
    errors = report.errors
    if errors:
        more = f" (and {len(errors) - 1} more errors)" if len(errors) > 1 else ""
        raise ValueError(f"{why}: {errors[0]}{more}")


def _augment(pipeline) -> Callable:
    """Return a function that augments an image and its masks, another way each time."""
    from mrcnn.data.augment import augment

    return functools.partial(augment, pipeline=pipeline, rng=np.random.default_rng())


def _check_preview(preview: Path, dataset: Path, overwrite: bool) -> None:
    """Raise ValueError where the pictures of `--preview` would take the place of others."""
    place, data = preview.resolve(), dataset.resolve()
    if place == data or any(place.is_relative_to(data / name) for name in SUBSETS):
        raise ValueError(f"--preview {preview} holds the photos themselves: take another folder")
    if preview.is_dir() and any(preview.iterdir()) and not overwrite:
        raise ValueError(
            f"--preview {preview} is not empty: take another folder, or add --overwrite"
        )
