#!/usr/bin/env python3
"""Train as custom_training.py does, on photos that are changed a little each time they are seen.

With few photos the network would learn them by heart. So each time a photo is moved, turned and
bent a little, made brighter or darker, blurred or sharpened, and cropped; the annotation moves
along.

    python custom_training_augmentation.py train --dataset dataset --weights coco
    python custom_training_augmentation.py check --dataset dataset --preview preview

The second command draws the annotated photos, each also as augmentation changes it. All commands
and options are those of custom_training.py; change the classes there, the pipeline here.
"""

import dataclasses
import sys

import custom_training
from custom_training import CustomConfig, CustomDataset, color_splash, detect_and_color_splash
from mrcnn.commands.training_script import main as run

__all__ = [
    "CustomConfig",
    "CustomDataset",
    "augmentation",
    "color_splash",
    "detect_and_color_splash",
    "train",
]


def augmentation():
    """Return the imgaug pipeline; see https://imgaug.readthedocs.io for what else there is."""
    from imgaug import augmenters as iaa

    moved = iaa.Affine(
        rotate=(-2, 2),
        shear=(-1, 1),
        translate_percent={"x": (-0.02, 0.02), "y": (-0.04, 0.04)},
        scale={"x": (0.98, 1.02), "y": (0.98, 1.04)},
    )
    bent = iaa.PiecewiseAffine(scale=(0.001, 0.025))
    brighter, harder = iaa.Multiply((0.9, 1.1)), iaa.LinearContrast((0.9, 1.1))
    blurred = iaa.GaussianBlur(sigma=(0.0, 0.5))
    sharpened = iaa.Sharpen(alpha=(0.0, 0.1), lightness=(0.95, 1.05))
    return iaa.Sequential(
        [
            iaa.OneOf([moved, bent]),
            iaa.OneOf([brighter, harder]),
            iaa.OneOf([blurred, sharpened]),
            iaa.Crop(percent=(0, 0.1)),
        ]
    )


def train(model, dataset_dir="dataset", **options):
    """Train a model with augmentation; `custom_training.train` tells the arguments."""
    options.setdefault("augmentation", augmentation())
    return custom_training.train(model, dataset_dir, **options)


SCRIPT = dataclasses.replace(
    custom_training.SCRIPT, description=__doc__, train=train, augmentation=augmentation
)

if __name__ == "__main__":
    sys.exit(run(SCRIPT))
