r"""Render photos of AC remotes with their VIA annotation.

    python -m rendering.render --output dataset/train --count 48 --seed 3 --size 640-1024
    python -m rendering.render --output dataset/val --count 16 --seed 4 --size 640-1024
    python -m rendering.render --output rendered/train --count 4000 --seed 10 --size 640 \
        --negatives 0.2 --lookalikes 0.6 --photos --photo-share 0.3

Writes remote_00001.jpg (or .webp), ... and via_project.json, a project of VGG Image Annotator 2
with one polygon a remote and the region attribute `object` = "AC Remote". Picture number n of a
seed is always the same, whatever the count and the number of workers. About 0.25 s of one core
for a picture of 640 px.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mrcnn.atomic import write_bytes, write_json
from mrcnn.commands.arguments import count, share, whole
from mrcnn.commands.process import run
from mrcnn.data.images import read_image
from mrcnn.results.via_project import via_project
from rendering.annotations import LABEL, via_regions
from rendering.photograph import encode
from rendering.scenes import Options, Picture, picture

PROJECT_NAME = "via_project.json"
# What is rendered, and what a run that was killed was writing of it.
RENDERED = re.compile(
    r"remote_\d{5,}\.(jpg|webp)|\.(remote_\d{5,}\.(jpg|webp)|via_project\.json)\.\w{8}\.part"
)
ASPECTS = (3 / 4, 4 / 3, 1.0, 9 / 16, 16 / 9, 2 / 3, 3 / 2)
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
# The photographs among scikit-image's data that need no download and show no remote.
SKIMAGE_PHOTOS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png",
    "grass.png", "gravel.png", "motorcycle_left.png", "rocket.jpg",
)  # fmt: skip
LARGEST_PHOTO_PX = 1600


class RenderError(ValueError):
    """What was asked for cannot be rendered; the message says why in one sentence."""


class Job(NamedTuple):
    """What every picture of one run shares; `sizes` are the longer sides (least, most) in px."""

    output: Path
    seed: int
    sizes: tuple[int, int]
    options: Options


def shape_of(rng: np.random.Generator, sizes: tuple[int, int]) -> tuple[int, int]:
    """Return a random (height, width) whose longer side lies within `sizes`."""
    longest = int(rng.integers(sizes[0], sizes[1] + 1))
    aspect = ASPECTS[rng.integers(len(ASPECTS))]
    height, width = (longest, longest * aspect) if aspect < 1 else (longest / aspect, longest)
    return round(height), round(width)


def render(job: Job, number: int) -> tuple[Picture, np.random.Generator]:
    """Return picture `number` of the job, and its generator, from which the encoding is drawn."""
    rng = np.random.default_rng([job.seed, number])
    return picture(rng, shape_of(rng, job.sizes), job.options), rng


def render_to_file(job: Job, number: int) -> tuple[str, int, list[dict]]:
    """Render and write picture `number`; return its file's name and size and its VIA regions."""
    shot, rng = render(job, number)
    suffix, data = encode(rng, shot.photo)
    name = f"remote_{number:05d}{suffix}"
    write_bytes(job.output / name, data)
    return name, len(data), via_regions(shot.polygons)


def prepare_folder(folder: Path, overwrite: bool) -> None:
    """Make `folder`; with `overwrite` remove what an earlier run rendered there.

    Raises RenderError if it holds anything else, or anything at all without `overwrite`.
    """
    if folder.exists() and not folder.is_dir():
        raise RenderError(f"{folder} is a file; --output names a folder")
    folder.mkdir(parents=True, exist_ok=True)
    content = sorted(folder.iterdir())
    if content and not overwrite:
        raise RenderError(
            f"{folder} holds {len(content)} files already; pass --overwrite to replace what was "
            "rendered there, or name another folder"
        )
    foreign = [p.name for p in content if p.name != PROJECT_NAME and not RENDERED.fullmatch(p.name)]
    if foreign:
        raise RenderError(f"{folder} holds files of others ({foreign[0]}); name another folder")
    for path in content:
        path.unlink()


def photos_in(folders: Iterable[str | Path]) -> list[Path]:
    """Return the photos that lie in folders, by name; raises RenderError for one without any."""
    paths = []
    for folder in map(Path, folders):
        photos = [path for path in sorted(folder.glob("*")) if _is_photo(path)]
        if not photos:
            raise RenderError(f"no photos ({', '.join(PHOTO_SUFFIXES)}) in {folder}")
        paths += photos
    return paths


def read_photos(folders: Iterable[str | Path]) -> tuple[np.ndarray, ...]:
    """Return the photos (uint8 RGB) of the folders, or those within scikit-image for none.

    Raises RenderError for a folder without any, ImageError for one that cannot be read.
    """
    paths = photos_in(folders)
    if not paths:
        import skimage.data

        root = Path(skimage.data.__file__).parent
        paths = [root / name for name in SKIMAGE_PHOTOS if (root / name).exists()]
    photos = []
    for path in paths:
        image = read_image(path)
        shrink = min(LARGEST_PHOTO_PX / max(image.shape[:2]), 1)
        photos.append(cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
    return tuple(photos)


def _is_photo(path):
    return path.suffix.lower() in PHOTO_SUFFIXES


def render_folder(job: Job, count: int, workers: int) -> Path:
    """Render pictures 1 to `count` into `job.output`; return the path of the VIA project.

    Raises RenderError where a worker dies.
    """
    try:
        images = _render_all(job, count, workers)
    except BrokenProcessPool:
        raise RenderError(
            "a worker died, most likely of memory: take fewer photos, or fewer --workers"
        ) from None
    project = via_project(images, ["BG", LABEL], job.output.resolve().name)
    return write_json(job.output / PROJECT_NAME, project)


def _render_all(job, count, workers):
    images = []
    # Started afresh, not forked: a fork of a process whose OpenCV has threads may hang.
    with ProcessPoolExecutor(
        min(workers, count), get_context("spawn"), initializer=_take_job, initargs=(job,)
    ) as pool:
        for entry in pool.map(_next, range(1, count + 1), chunksize=min(8, -(-count // workers))):
            images.append(entry)
            if len(images) % 100 == 0:
                print(f"{len(images)} of {count}", file=sys.stderr)
    return images


# A worker's job: sent once, for it may hold many photos.
_job: Job


def _take_job(job):
    global _job
    _job = job
    cv2.setNumThreads(1)


def _next(number):
    return render_to_file(_job, number)


def _sizes(text):
    parts = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    low, high = (int(parts[1]), int(parts[2] or parts[1])) if parts else (0, 0)
    if not 64 <= low <= high <= 4096:
        raise argparse.ArgumentTypeError(
            f"{text} is not a size such as 640 or 480-1024 (64 to 4096)"
        )
    return low, high


def arguments() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for pictures and JSON")
    parser.add_argument("--count", type=count, default=24, help="number of pictures")
    parser.add_argument("--seed", type=whole, default=1, help="another seed, other pictures")
    parser.add_argument(
        "--size", type=_sizes, default=(480, 1024), help="longer side in px, or its range: 480-1024"
    )
    parser.add_argument(
        "--lookalikes", type=share, default=0.5, help="share of pictures with phones, books, ..."
    )
    parser.add_argument(
        "--negatives", type=share, default=0.0, help="share of pictures without any remote"
    )
    parser.add_argument(
        "--photos", nargs="*", metavar="FOLDER",
        help="photos to use as backgrounds too; without a folder those within scikit-image",
    )  # fmt: skip
    parser.add_argument(
        "--photo-share", type=share, default=0.3, help="share of pictures on one of --photos"
    )
    parser.add_argument("--workers", type=count, default=os.cpu_count() or 1)
    parser.add_argument("--overwrite", action="store_true", help="replace what was rendered there")
    return parser


def main(words: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = arguments().parse_args(words)
    return run(lambda: _main(given), "render.py")


def _main(given):
    photos = read_photos(given.photos) if given.photos is not None else ()
    prepare_folder(given.output, given.overwrite)
    options = Options(given.lookalikes, given.negatives, photos, given.photo_share)
    job = Job(given.output, given.seed, given.size, options)
    path = render_folder(job, given.count, given.workers)
    print(f"{given.count} pictures and {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
