#!/usr/bin/env python3
"""Make log/custom.h5: the weights that ship, which find AC remotes on a small backbone.

    python log/train_custom.py
    python log/train_custom.py --photos holiday/ street/

1. renders 6000 pictures to learn from and four sets to measure with, from other seeds;
2. trains from ImageNet weights, the first stages of the backbone as they are, at last the masks
   alone, finer;
3. makes the scores mean what they say, and writes log/custom.h5;
4. evaluates it: 500 pictures with remotes, 200 of look-alikes and empty rooms.

The folders of --photos hold photos in which no remote is: rendered remotes lie on them, and they
are learned from as they are. Without it the few that come with scikit-image do.

All but that file lies in the folder `rendered` (--work), and what is there already is not done
again: the same command goes on after a stop. --images 0.1 --epochs 0.1 is a trial, in the folder
`rendered_trial`, where its weights stay too.
"""

import argparse
import dataclasses
import functools
import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.optimize
import scipy.special

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from custom_training import CustomDataset
from mrcnn import atomic
from mrcnn.commands import process
from mrcnn.commands.opening import open_model
from mrcnn.config import Config
from mrcnn.data.jitter import Jitter
from mrcnn.nn.backbones import BACKBONES
from mrcnn.settings import with_settings
from mrcnn.training import run_files
from rendering import render

ROOT = process.ROOT
SHIPPED = ROOT / "log" / "custom.h5"
SEED = 1
# Pictures, seed, share without a remote, share with look-alikes.
SETS = {
    "train": (4500, 10, 0.1, 0.6),
    "lookalikes": (1500, 50, 0.5, 0.9),
    "val": (100, 20, 0.15, 0.6),
    "scores": (300, 60, 0.0, 0.5),
    "test": (500, 30, 0.0, 0.5),
    "empty": (200, 40, 1.0, 1.0),
}
# What scores say is looked at from one of these to the next.
BANDS = (0.5, 0.7, 0.8, 0.9, 0.95, 1)
TO_LEARN = ("train", "lookalikes")
PICTURE_SIDE = 512
# Of the pictures, those on a photo, and how often in an epoch each photo is learned from.
PHOTO_SHARE, PHOTO_TIMES = 0.4, 4
BACKBONE = BACKBONES["efficientnet_lite0"]
AUGMENTATION = Jitter(scale=(0.5, 1.4), turn=25.0)


class RemoteConfig(Config):
    """Settings of the network that ships; those of the backbone come to them."""

    NAME = "remote"
    BACKBONE = BACKBONE.name
    NUM_CLASSES = 1 + 1
    # Remotes are long: a box of one is up to four times as long as wide.
    RPN_ANCHOR_RATIOS = [0.4, 1, 2.5]
    # Most of what looks like a remote is not one.
    ROI_POSITIVE_RATIO = 0.2
    MAX_GT_INSTANCES = 8
    DETECTION_MAX_INSTANCES = 20
    DETECTION_MIN_CONFIDENCE = 0.9
    IMAGES_PER_GPU = 4
    STEPS_PER_EPOCH = 250
    VALIDATION_STEPS = None
    WEIGHT_DECAY = 0.0
    PRECISION = "auto"


class FineConfig(RemoteConfig):
    """The same with finer outlines: masks of 56 x 56, from the levels of 4 and 8 pixels a cell."""

    MASK_POOL_SIZE, MASK_SHAPE, MASK_CANONICAL_SIDE = 28, [56, 56], 896


@dataclasses.dataclass(frozen=True)
class Round:
    """A part of the training, in which the rate falls to near 0 (Loshchilov and Hutter 2017).

    negatives: whether pictures and photos without a remote are learned from.
    """

    config: type[Config]
    epochs: int
    layers: str
    learning_rate: float
    negatives: bool = True


ROUNDS = (
    # Features of real photos stay; what is higher up learns.
    Round(RemoteConfig, 20, "4+", 5e-4),
    Round(RemoteConfig, 12, "4+", 5e-4),
    # What is found, and how surely, stays as it is.
    Round(FineConfig, 5, "mrcnn_mask.*", 1e-3, negatives=False),
)


def render_sets(work: Path, photos: Sequence[Path], share: float) -> None:
    """Render the sets that are not there yet, of those to learn from a share."""
    for name, (count, seed, negatives, lookalikes) in SETS.items():
        folder = work / name
        if name in TO_LEARN:
            count = max(1, round(count * share))
        project = folder / render.PROJECT_NAME
        if project.exists():
            there = len(json.loads(project.read_text())["_via_img_metadata"])
            if there != count:
                raise ValueError(f"{folder} has {there} pictures, not {count}: name another --work")
            continue
        print(f"Rendering {count} pictures: {folder}", flush=True)
        # What a run that was stopped has left has no project file beside it.
        render.prepare_folder(folder, overwrite=True)
        # Photos to measure with are others than those to learn from.
        behind = render.read_photos(map(str, photos) if name in TO_LEARN else [])
        options = render.Options(lookalikes, negatives, behind, PHOTO_SHARE)
        job = render.Job(folder, seed, (PICTURE_SIDE, PICTURE_SIDE), options)
        render.render_folder(job, count, os.cpu_count() or 1)


def keep_photos(work: Path, photos: Sequence[Path]) -> None:
    """Note the folders of photos in the work's; raises ValueError where others are noted there.

    Raises RenderError for a folder without photos, which is not noted.
    """
    render.photos_in(photos)
    note, folders = work / "photos.json", sorted(str(folder.resolve()) for folder in photos)
    if not note.exists():
        atomic.write_json(note, folders)
    elif (before := json.loads(note.read_text())) != folders:
        names = " ".join(before)
        text = f"with --photos {names}" if before else "without --photos"
        raise ValueError(f"{work} was begun {text}: say the same, or name another --work")


def load_sets(
    work: Path, *names: str, photos: Sequence[Path] = (), times: int = 1, negatives: bool = True
) -> CustomDataset:
    """Return rendered sets, and so many times what is in folders of photos without a remote.

    Without `negatives` no picture without a remote is among them.
    """
    dataset = CustomDataset()
    for name in names:
        dataset.load_custom(work, name, ["AC Remote"])
    empty = {"regions": [], "polygons": [], "class_ids": []}
    for path in times * render.photos_in(photos):
        dataset.add_image("object", image_id=str(path), path=str(path), **empty)
    if not negatives:
        dataset.image_info = [info for info in dataset.image_info if info["regions"]]
    dataset.prepare()
    return dataset


def train(work: Path, photos: Sequence[Path], share: float) -> Path:
    """Train from ImageNet weights, or go on with what is there; return the last checkpoint."""
    weights = BACKBONE.pretrained.path()
    for number, part in enumerate(ROUNDS, start=1):
        part = dataclasses.replace(part, epochs=max(1, round(part.epochs * share)))
        weights = train_round(part, work / f"round{number}", weights, work, photos)
    return weights


def train_round(part: Round, runs: Path, start: Path, work: Path, photos: Sequence[Path]) -> Path:
    """Train from weights, or go on with the run in the folder; return its last checkpoint."""
    import keras

    from mrcnn.model import MaskRCNN
    from mrcnn.training.plan import warm_cosine

    config = with_settings(part.config, BACKBONE.settings)
    keras.utils.set_random_seed(SEED)
    model = MaskRCNN("training", config, runs)
    newest = next(run_files.runs(runs, config.NAME), None)
    # Without one a run was killed in its first epoch.
    last = newest and run_files.find_resumable(newest)
    model.load_weights(str(last or start))
    if not last:
        # A run of its own, also where it starts from a checkpoint of the round before.
        model.set_log_dir()
    with process.stop_on_signal("\nStopping after this step.\n") as stop:
        model.train(
            load_sets(work, *TO_LEARN, photos=photos, times=PHOTO_TIMES, negatives=part.negatives),
            load_sets(work, "val"),
            learning_rate=part.learning_rate,
            epochs=part.epochs,
            layers=part.layers,
            augmentation=AUGMENTATION,
            resume=last is not None and model.epoch < part.epochs,
            seed=SEED,
            keep_negatives=True,
            plan=functools.partial(warm_cosine, warm_up=200),
            stop=stop,
        )
    return run_files.find_last(runs, config.NAME)


def ship(weights: Path, work: Path, photos: Sequence[Path], output: Path) -> None:
    """Write the weights with the settings to detect with, and scores that mean what they say."""
    from mrcnn.evaluation.coco_ap import LEAST_SCORE
    from mrcnn.evaluation.measure import evaluate
    from mrcnn.model import MaskRCNN

    model = MaskRCNN("inference", with_settings(FineConfig, BACKBONE.settings), ROOT / "log")
    model.load_weights(str(weights))
    detector = open_model(weights, min_confidence=LEAST_SCORE, precision="auto").detector
    found = evaluate(detector, load_sets(work, "scores", photos=photos))
    divisor = temperature(*found.scored())
    print(f"Scores: the logits divided by {divisor:.2f}")
    layer = model.keras_model.get_layer("mrcnn_class_logits")
    layer.set_weights([array / divisor for array in layer.get_weights()])
    model.save_weights(output)


def temperature(scores: np.ndarray, right: np.ndarray) -> float:
    """Return what to divide the logits by, that scores are the share that is right (Guo et al.
    2017).

    A shift as well (Platt 1999) would come nearer to it for low scores, but what scores under a
    half is background and lost. `right` says of each score `[N]` whether that detection is; where
    all are or none is, the scores stay as they are.
    """
    if right.all() or not right.any():
        return 1.0
    logits = scipy.special.logit(np.clip(scores, 1e-6, 1 - 1e-6))
    signed = np.where(right, 1, -1) * logits

    def loss(inverse):
        return np.logaddexp(0, -inverse * signed).mean()

    return 1 / scipy.optimize.minimize_scalar(loss, bounds=(0.05, 20), method="bounded").x


def measure(work: Path, weights: Path) -> None:
    """Print how good weights are on the sets that training never saw."""
    from mrcnn.evaluation.coco_ap import LEAST_SCORE
    from mrcnn.evaluation.measure import evaluate

    detector = open_model(weights, min_confidence=LEAST_SCORE, precision="auto").detector
    evaluation = evaluate(detector, load_sets(work, "test"))
    print(evaluation.text())
    threshold = RemoteConfig.DETECTION_MIN_CONFIDENCE
    scores, right = evaluation.scored()
    objects, sure = evaluation.curve().objects, right[scores >= threshold]
    print(
        f"At the threshold {threshold}: {sure.sum() / objects:.1%} of {objects} remotes are found, "
        f"{sure.sum()} of {len(sure)} detections are right"
    )
    for least, most in itertools.pairwise(BANDS):
        band = right[(scores > least) & (scores <= most)]
        print(f"Of scores {least} to {most} {band.sum()} of {len(band)} are right")
    empty = load_sets(work, "empty")
    found = (detector.detect([empty.load_image(image_id)])[0] for image_id in empty.image_ids)
    best = np.array([max(each.scores, default=0.0) for each in found])
    print(
        f"Of {len(best)} pictures without a remote {np.mean(best >= threshold):.1%} have a "
        f"detection at the threshold {threshold}"
    )


def main(argv=None) -> int:
    """Run the steps that are not done yet; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--work", type=Path, metavar="FOLDER", help="default: rendered")
    text = "photos without a remote, to put remotes on and to learn from"
    add("--photos", type=Path, nargs="+", default=[], metavar="FOLDER", help=text)
    add("--images", type=float, default=1, metavar="SHARE", help="of the pictures to learn from")
    add("--epochs", type=float, default=1, metavar="SHARE", help="of the epochs")
    add("--output", type=Path, metavar="FILE", help="default: log/custom.h5")
    arguments = parser.parse_args(argv)
    trial = (arguments.images, arguments.epochs) != (1, 1)
    work = arguments.work or ROOT / ("rendered_trial" if trial else "rendered")
    output = arguments.output or (work / SHIPPED.name if trial else SHIPPED)

    def steps():
        keep_photos(work, arguments.photos)
        render_sets(work, arguments.photos, arguments.images)
        weights = train(work, arguments.photos, arguments.epochs)
        ship(weights, work, arguments.photos, output)
        print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")
        measure(work, output)
        return 0

    def resumable():
        try:
            return steps()
        except KeyboardInterrupt:
            print("\nStopped: the same command goes on.")
            return process.INTERRUPTED

    return process.run(resumable, __file__)


if __name__ == "__main__":
    sys.exit(main())
