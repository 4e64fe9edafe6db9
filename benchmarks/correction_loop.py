#!/usr/bin/env python3
"""What the correction loop is worth, tried without a person on photos that are annotated already.

    python benchmarks/correction_loop.py --dataset mug
    python benchmarks/correction_loop.py --dataset mug --start 20 --each 100 --rounds 1
    python benchmarks/correction_loop.py --dataset mug --choose random

Only --start photos of `train` keep their annotation. Weights are trained on them and proposed the
next --each photos, by `--via` and `--uncertain` of the predict script. In the project that it
wrote, the annotation of the data set stands in for the person: a region that covers the same as an
annotated one, to --good-enough IoU, stays as it is; one of IoU 0.5 or more gets the annotated
outline; others are deleted, and objects without a region are drawn. The project is saved beside the
photos, and the next training, from the same start, takes both. The mask AP is that of `val`.

With `--choose random` as many photos are taken at random, corrected in the same way.
"""

import contextlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import measuring
from mrcnn.annotation.filenames import locate
from mrcnn.annotation.read import read, read_folder, subset_folder
from mrcnn.annotation.records import AnnotatedImage
from mrcnn.annotation.shapes import region_mask
from mrcnn.atomic import write_json
from mrcnn.commands.arguments import share
from mrcnn.data.images import read_shape
from mrcnn.masks import cut_out, piece_overlaps
from mrcnn.progress import duration
from mrcnn.results.via_project import ATTRIBUTE, via_project
from mrcnn.tables import few
from mrcnn.training import run_files

# From here on a region is meant for an object, so that its outline is corrected, not drawn.
MEANT = 0.5


def parse_arguments():
    parser = measuring.parser(__doc__)
    add = parser.add_argument
    add("--dataset", type=Path, required=True, help="a folder with train/ and val/, annotated")
    add("--weights", default="log/custom.h5", help="where each training starts")
    add("--start", type=measuring.positive, default=15, metavar="N", help="photos annotated first")
    add("--each", type=measuring.positive, default=15, metavar="N", help="photos of a round")
    add("--rounds", type=measuring.positive, default=3, metavar="N", help="rounds of correction")
    add("--choose", choices=("uncertain", "random"), default="uncertain")
    text = "IoU from which a person leaves an outline as it is; default: 0.85"
    add("--good-enough", type=share, default=0.85, metavar="IOU", help=text)
    add("--epochs", type=measuring.positive, default=12)
    add("--batch", type=measuring.positive, default=4)
    add("--learning-rate", default="0.005", metavar="RATE")
    add("--layers", default="all")
    add("--plan", default="classic", help="of the training; default: classic")
    add("--seed", type=int, default=1)
    add("--work", type=Path, metavar="FOLDER", help="keep photos, projects and runs here")
    return parser.parse_args()


# -- The person --------------------------------------------------------------------------------


def as_words(region) -> dict:
    """Return an annotated region as VIA 2 writes it."""
    return {"shape_attributes": region.polygon, "region_attributes": {ATTRIBUTE: region.label}}


def stacked(regions, shape) -> tuple:
    """Return windows and pieces of the masks of regions; see `masks.cut_out`."""
    windows, pieces = [], []
    for region in regions:
        (window,), (piece,) = cut_out(region_mask(region, shape)[..., None])
        windows.append(window)
        pieces.append(piece)
    return np.array(windows, int).reshape(-1, 4), pieces


def corrected(
    words: list, found: AnnotatedImage, truth: AnnotatedImage, shape, good: float
) -> list:
    """Return the regions of VIA of a photo of `shape` as a person leaves them.

    Arguments:
        words: the project's regions as they stand in it.
        found: the same as they are read, parts of one object joined.
        truth: what the photo shows.
        good: the IoU from which an outline stays.
    """
    overlaps = piece_overlaps(*stacked(found.regions, shape), *stacked(truth.regions, shape))
    partner = {}
    for flat in overlaps.ravel().argsort()[::-1]:
        row, column = np.unravel_index(flat, overlaps.shape)
        free = row not in partner and column not in partner.values()
        if free and overlaps[row, column] >= MEANT:
            partner[int(row)] = int(column)
    left = []
    for row, region in enumerate(found.regions):
        if row not in partner:
            continue
        own, annotated = words[region.number - 1], truth.regions[partner[row]]
        parts = [each for each in words if _whole(own) and _whole(each) == _whole(own)] or [own]
        if overlaps[row, partner[row]] < good:
            parts = [own | {"shape_attributes": annotated.polygon}]
        for part in parts:
            attributes = part["region_attributes"] | {ATTRIBUTE: annotated.label}
            left.append(part | {"region_attributes": attributes})
    missed = [each for index, each in enumerate(truth.regions) if index not in partner.values()]
    return left + list(map(as_words, missed))


def _whole(words):
    attributes = words["region_attributes"]
    return attributes.get("part_of") and (attributes[ATTRIBUTE], attributes["part_of"])


def correct(path: Path, folder: Path, truth: dict[str, AnnotatedImage], good: float) -> tuple:
    """Correct a project; return (photos, kept, changed, deleted, drawn) as its reader counts them.

    `truth` has the annotated images by file name.
    """
    project, found = json.loads(path.read_text(encoding="utf-8")), read(path).images
    entries = {entry["filename"]: entry for entry in project["_via_img_metadata"].values()}
    for image in found:
        entry, shape = entries[image.filename], read_shape(folder / image.filename)[:2]
        entry["regions"] = corrected(entry["regions"], image, truth[image.filename], shape, good)
    write_json(path, project)
    counts = [image.corrections for image in read(path).images]
    return len(counts), *map(sum, zip(*counts, strict=True))


# -- The loop ----------------------------------------------------------------------------------


def command(*words) -> str:
    """Run a script of the project with this Python; return what it printed."""
    words = [sys.executable, *map(str, words)]
    done = subprocess.run(words, cwd=measuring.ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def trained(dataset: Path, logs: Path, arguments) -> tuple[Path, dict]:
    """Train on a data set; return the best weights and the numbers of their evaluation."""
    options = ["--weights", arguments.weights, "--epochs", arguments.epochs]
    options += [
        "--plan",
        arguments.plan,
        "--layers",
        arguments.layers,
        "--learning-rate",
        arguments.learning_rate,
    ]
    options += ["--batch", arguments.batch, "--precision", "auto", "--seed", arguments.seed]
    script = "custom_training_augmentation.py"
    command(script, "train", "--dataset", dataset, "--logs", logs, *options)
    weights = run_files.find_best(logs, "object")
    report = logs / "evaluation"
    where = ["--weights", weights, "--output", report]
    command("custom_training.py", "evaluate", "--dataset", dataset, *where)
    return weights, json.loads((report / "evaluation.json").read_text(encoding="utf-8"))


def propose(weights: Path, threshold: float, path: Path, work: Path, arguments) -> None:
    """Write a project of the next photos."""
    uncertain = arguments.each if arguments.choose == "uncertain" else 1_000_000
    options = ["--weights", weights, "--min-confidence", threshold, "--via", path]
    options += ["--uncertain", uncertain, "--output", work / "pictures", "--overwrite"]
    command("maskrcnn_predict_for_images.py", path.parent, *options)
    if arguments.choose == "random":
        project = json.loads(path.read_text(encoding="utf-8"))
        images = project["_via_img_metadata"]
        count = min(arguments.each, len(images))
        chosen = random.Random(arguments.seed).sample(sorted(images), count)
        project["_via_img_metadata"] = {key: images[key] for key in chosen}
        project["_via_image_id_list"] = chosen
        write_json(path, project)


def prepare(arguments, work: Path) -> tuple[Path, dict[str, AnnotatedImage]]:
    """Make the data set of the loop; return its folder and the annotation of its photos."""
    dataset = work / "dataset"
    images = {}
    for subset in ("train", "val"):
        source = subset_folder(arguments.dataset, subset)
        annotations = read_folder(source)
        paths = locate(source, [image.filename for image in annotations.images])
        of_subset = {}
        (dataset / subset).mkdir(parents=True)
        for image in annotations.images:
            if image.regions and image.filename in paths:
                path = paths[image.filename]
                shutil.copyfile(path, dataset / subset / path.name)
                of_subset[path.name] = image
        names = list(of_subset)
        if subset == "train":
            random.Random(arguments.seed).shuffle(names)
            names, images = names[: arguments.start], of_subset
        entries = [
            (
                name,
                (dataset / subset / name).stat().st_size,
                [*map(as_words, of_subset[name].regions)],
            )
            for name in names
        ]
        project = via_project(entries, ["BG", *annotations.class_names])
        write_json(dataset / subset / "annotated.json", project)
    return dataset, images


def main():
    arguments = parse_arguments()
    measuring.introduce(f"The correction loop, {arguments.choose} photos")
    with contextlib.ExitStack() as stack:
        work = arguments.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work = work.resolve()
        dataset, truth = prepare(arguments, work)
        rows, photos, step = [], arguments.start, ("", "", "", "", "")
        for number in range(arguments.rounds + 1):
            start = time.perf_counter()
            weights, numbers = trained(dataset, work / f"log{number}", arguments)
            took = duration(time.perf_counter() - start)
            mask, threshold = numbers["mask"], numbers["overall"]["threshold"] or 0.5
            scores = [f"{mask[name]:.3f}" for name in ("AP", "AP50", "AP75")]
            rows.append([photos, *step, *scores])
            print(f"{photos} photos: mask AP {few(scores)}, trained in {took}", file=sys.stderr)
            if number == arguments.rounds or photos >= len(truth):
                break
            path = dataset / "train" / f"round{number + 1}.json"
            propose(weights, threshold, path, work, arguments)
            more, *counts = correct(path, dataset / "train", truth, arguments.good_enough)
            photos, step = photos + more, (sum(counts) - counts[2], *counts)
            print(command("custom_training.py", "check", "--dataset", dataset), file=sys.stderr)
    header = ["photos", "objects in the new ones", "kept", "outline corrected", "deleted", "drawn"]
    measuring.section("By round", measuring.table([*header, "mask AP", "AP50", "AP75"], rows))


if __name__ == "__main__":
    main()
