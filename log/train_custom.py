#!/usr/bin/env python3
"""Make log/custom.h5: the weights that ship, which find AC remotes with the compact backbone.

    python log/train_custom.py

1. renders 9000 pictures to learn from and three sets to measure with, from other seeds;
2. trains from random weights: on small pictures, on larger ones, and at last with many that hold
   no remote but what looks like one;
3. writes log/custom.h5;
4. evaluates it: 500 pictures with remotes, 200 of look-alikes and empty rooms.

All but that file lies in the folder `rendered` (--work), and what is there already is not done
again: the same command goes on after a stop. --images 0.1 --epochs 0.1 is a trial, in the folder
`rendered_trial`, where its weights stay too.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from custom_training import CustomDataset
from mrcnn.commands import process
from mrcnn.commands.opening import open_model
from mrcnn.config import Config
from mrcnn.settings import with_settings
from mrcnn.training.run_files import find_last
from rendering import render

ROOT = process.ROOT
SHIPPED = ROOT / "log" / "custom.h5"
SEED = 1
# Pictures, seed, share without a remote, share with look-alikes.
SETS = {
    "train": (6000, 10, 0.15, 0.6),
    "lookalikes": (3000, 50, 0.5, 0.9),
    "val": (100, 20, 0.15, 0.6),
    "test": (500, 30, 0.0, 0.5),
    "empty": (200, 40, 1.0, 1.0),
}
PICTURE_SIDE = 512


class RemoteConfig(Config):
    """Settings of the network that ships."""

    NAME = "remote"
    BACKBONE = "compact"
    NUM_CLASSES = 1 + 1
    TOP_DOWN_PYRAMID_SIZE = RPN_CONV_LAYER_SIZE = MASK_CONV_LAYERS_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    RPN_ANCHOR_SCALES = (24, 48, 96, 192, 384)
    # Remotes are long: a box of one is up to four times as long as wide.
    RPN_ANCHOR_RATIOS = [0.4, 1, 2.5]
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 512
    # Most of what looks like a remote is not one.
    ROI_POSITIVE_RATIO = 0.2
    TRAIN_ROIS_PER_IMAGE = 96
    PRE_NMS_LIMIT = 2000
    POST_NMS_ROIS_TRAINING = 500
    POST_NMS_ROIS_INFERENCE = 200
    MAX_GT_INSTANCES = 8
    DETECTION_MAX_INSTANCES = 20
    # Below it more than 2 % of pictures of look-alikes have a false detection.
    DETECTION_MIN_CONFIDENCE = 0.985
    # From random weights BatchNorm has statistics to learn, and a batch must be large enough.
    TRAIN_BN = None
    IMAGES_PER_GPU = 8
    STEPS_PER_EPOCH = 250
    VALIDATION_STEPS = None
    WEIGHT_DECAY = 0.0
    PRECISION = "auto"


@dataclass(frozen=True)
class Stage:
    """A part of the training: pictures of `side` px, the highest learning rate, its epochs.

    `settings` replace those of RemoteConfig.
    """

    name: str
    side: int
    learning_rate: float
    epochs: int
    sets: tuple[str, ...] = ("train",)
    settings: Mapping[str, object] = field(default_factory=dict)


# What remains in the end is telling look-alikes apart: more RoIs per picture, a larger class loss.
MORE_ROIS = {"TRAIN_ROIS_PER_IMAGE": 192, "ROI_POSITIVE_RATIO": 0.1}
CLASS_LOSS = {"LOSS_WEIGHTS": {"mrcnn_class_loss": 3.0}}
STAGES = (
    Stage("small", 320, 1.5e-3, 14),
    Stage("large", 384, 1e-3, 18),
    Stage("hard", 448, 1e-3, 22, ("train", "lookalikes")),
    Stage("apart", 448, 1e-3, 20, ("train", "lookalikes"), MORE_ROIS | CLASS_LOSS),
)


def augmentation():
    """Return the pipeline that makes the rendered pictures as different as photos are."""
    from imgaug import augmenters as iaa

    def sometimes(chance, *choices):
        return iaa.Sometimes(chance, iaa.OneOf(list(choices)) if choices[1:] else choices[0])

    moved = iaa.Affine(
        scale=(0.6, 1.25),
        translate_percent=(-0.15, 0.15),
        rotate=(-25, 25),
        shear=(-8, 8),
        cval=(0, 255),
    )
    brighter = iaa.MultiplyAndAddToBrightness(mul=(0.6, 1.4), add=(-25, 25))
    harder = iaa.LinearContrast((0.6, 1.5)), iaa.GammaContrast((0.6, 1.6))
    return iaa.Sequential(
        [
            iaa.Fliplr(0.5),
            iaa.Flipud(0.5),
            iaa.Rot90((0, 3)),
            sometimes(0.7, moved),
            sometimes(0.2, iaa.Cutout((1, 3), size=(0.05, 0.2), fill_mode="gaussian")),
            sometimes(0.5, brighter, *harder, iaa.ChangeColorTemperature((3500, 10000))),
            sometimes(0.3, iaa.AddToHueAndSaturation((-25, 25)), iaa.Grayscale((0.3, 1.0))),
            sometimes(0.3, iaa.GaussianBlur((0.4, 1.6)), iaa.MotionBlur((3, 7))),
            sometimes(0.3, iaa.AdditiveGaussianNoise(scale=(2, 14)), iaa.JpegCompression((40, 85))),
        ]
    )


def render_sets(work: Path, share: float) -> None:
    """Render the sets that are not there yet, of those to learn from a share."""
    for name, (count, seed, negatives, lookalikes) in SETS.items():
        folder = work / name
        if any(name in stage.sets for stage in STAGES):
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
        options = render.Options(lookalikes, negatives, render.read_photos([]), 0.3)
        job = render.Job(folder, seed, (PICTURE_SIDE, PICTURE_SIDE), options)
        render.render_folder(job, count, os.cpu_count() or 1)


def load_sets(work: Path, *names: str) -> CustomDataset:
    dataset = CustomDataset()
    for name in names:
        dataset.load_custom(work, name, ["AC Remote"])
    dataset.prepare()
    return dataset


def train_stage(stage: Stage, work: Path, start: Path | None, share: float) -> Path:
    """Train a stage from the weights `start`, or go on with it; return its last checkpoint."""
    import keras

    from mrcnn.model import MaskRCNN
    from mrcnn.training.plan import warm_cosine

    epochs = max(1, round(stage.epochs * share))
    sides = {"IMAGE_MIN_DIM": stage.side, "IMAGE_MAX_DIM": stage.side}
    config = with_settings(RemoteConfig, {**sides, **stage.settings})
    keras.utils.set_random_seed(SEED)
    model = MaskRCNN("training", config, work / stage.name)
    last = find_last(work / stage.name, config.NAME)
    if last or start:
        model.load_weights(str(last or start))
    if not last:
        # A run of its own, also where it starts from a checkpoint of the stage before.
        model.set_log_dir()
    model.train(
        load_sets(work, *stage.sets),
        load_sets(work, "val"),
        learning_rate=stage.learning_rate,
        epochs=epochs,
        layers="all",
        augmentation=augmentation(),
        resume=last is not None and model.epoch < epochs,
        seed=SEED,
        keep_negatives=True,
        # SGD, which fine-tunes, would take many times as long from random weights.
        plan=warm_cosine,
    )
    return find_last(work / stage.name, config.NAME)


def ship(weights: Path, output: Path) -> None:
    """Write the weights with the settings to detect with; training saw smaller pictures."""
    from mrcnn.model import MaskRCNN

    model = MaskRCNN("inference", RemoteConfig(), ROOT / "log")
    model.load_weights(str(weights))
    model.save_weights(output)


def measure(work: Path, weights: Path) -> None:
    """Print how good weights are on the sets that training never saw."""
    from mrcnn.evaluation.coco_ap import LEAST_SCORE
    from mrcnn.evaluation.measure import evaluate

    detector = open_model(weights, min_confidence=LEAST_SCORE).detector
    print(evaluate(detector, load_sets(work, "test")).text())
    empty = load_sets(work, "empty")
    found = (detector.detect([empty.load_image(image_id)])[0] for image_id in empty.image_ids)
    best = np.array([max(each.scores, default=0.0) for each in found])
    threshold = RemoteConfig.DETECTION_MIN_CONFIDENCE
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
    add("--images", type=float, default=1, metavar="SHARE", help="of the pictures to learn from")
    add("--epochs", type=float, default=1, metavar="SHARE", help="of the epochs of each stage")
    add("--output", type=Path, metavar="FILE", help="default: log/custom.h5")
    arguments = parser.parse_args(argv)
    trial = (arguments.images, arguments.epochs) != (1, 1)
    work = arguments.work or ROOT / ("rendered_trial" if trial else "rendered")
    output = arguments.output or (work / SHIPPED.name if trial else SHIPPED)

    def steps():
        weights = None
        render_sets(work, arguments.images)
        for stage in STAGES:
            weights = train_stage(stage, work, weights, arguments.epochs)
        ship(weights, output)
        print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")
        measure(work, output)
        return 0

    return process.run(steps, __file__)


if __name__ == "__main__":
    sys.exit(main())
