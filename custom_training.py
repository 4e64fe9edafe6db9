#!/usr/bin/env python3
"""Train Mask R-CNN to find your own objects, from photos annotated in the VGG Image Annotator.

Put photos and what VIA saved (project, or export as JSON or CSV) into dataset/train, some other
photos and theirs into dataset/val, then

    python custom_training.py check --dataset dataset --preview preview
    python custom_training.py train --dataset dataset --weights coco
    python custom_training.py evaluate --dataset dataset --weights last
    python custom_training.py splash --weights last --image photo.jpg
    python custom_training.py splash --weights last --video film.mp4

`train` checks the data set, says what it found, and trains:

    GPU: NVIDIA GeForce RTX 3060
    Classes: AC Remote (31 in train, 9 in val)
    Training: 24 images, 2 a batch: 12 steps an epoch
    ...
    epoch 1/30: 41 s  loss 1.9402  ...  val_loss 1.7311

After each epoch the weights lie in log/<name><time>/. A run that was stopped, by Ctrl-C or
otherwise, goes on with `--weights last --resume`. For other objects nothing needs to be changed
here: all classes that the annotations name are learned.
"""

import datetime
import sys
from pathlib import Path

import numpy as np

from mrcnn import utils
from mrcnn.annotation.filenames import locate
from mrcnn.annotation.read import read_folder
from mrcnn.annotation.shapes import region_mask
from mrcnn.commands.converting import convert_image, convert_video
from mrcnn.commands.training_command import Progress, Script
from mrcnn.commands.training_command import main as run
from mrcnn.config import Config
from mrcnn.data.images import read_shape
from mrcnn.drawing.splash import draw_splash

PROBLEMS_SHOWN = 3

# -- What is learned ---------------------------------------------------------------------------


class CustomConfig(Config):
    """The settings; mrcnn/config.py has all of them."""

    NAME = "object"
    # A GPU of 12 GB takes two images of 1024 x 1024; with less, take 1, or a smaller image.
    IMAGES_PER_GPU = 2
    # The background and the AC remote. The commands set it to what the data set has.
    NUM_CLASSES = 1 + 1
    # Batches an epoch; None is the whole data set.
    STEPS_PER_EPOCH = None
    VALIDATION_STEPS = None


class CustomDataset(utils.Dataset):
    """Photos with their annotation, in the folders train, val, ... of a data set."""

    # The classes in the order of their ids, such as ["AC Remote"]; None is all that there are.
    CLASSES = None
    # The region attribute in VIA that names the class, such as "object"; None finds it.
    ATTRIBUTE = None
    # A comma in a label is part of the name.
    SYNONYMS = False

    def load_custom(self, dataset_dir, subset, class_names=None):
        """Add the classes and the annotated photos of a subset, "train" or "val".

        `class_names` are the classes without the background. By default they are CLASSES, or
        what the annotations of "train" name, so that all subsets number them alike.
        """
        names = class_names or self.CLASSES
        names = names or read_folder(Path(dataset_dir, "train"), self.ATTRIBUTE).class_names
        for class_id, name in enumerate(names, start=1):
            self.add_class("object", class_id, name)

        folder = Path(dataset_dir, subset)
        # Regions without any label are of the only class.
        unlabelled = names[0] if len(names) == 1 else "object"
        annotations = read_folder(folder, self.ATTRIBUTE, unlabelled)
        problems = annotations.problems
        for problem in problems[:PROBLEMS_SHOWN]:
            print(f"{folder}: left out, {problem}")
        if problems[PROBLEMS_SHOWN:]:
            print(f"{folder}: left out, {len(problems) - PROBLEMS_SHOWN} more; see the check")
        paths = locate(folder, [image.filename for image in annotations.images])
        for image in annotations.images:
            name = image.filename
            if name not in paths:
                print(f"{folder / name}: there is no such photo, its annotation is left out")
                continue
            for region in image.regions:
                if region.label not in names:
                    raise ValueError(
                        f"{folder / name}, region {region.number}: the class {region.label!r} is "
                        f"none of those to find ({', '.join([*names[:5], '...'][: len(names)])})"
                    )
            self.add_image(
                "object",
                image_id=name,
                path=str(paths[name]),
                regions=image.regions,
                class_ids=[names.index(region.label) + 1 for region in image.regions],
            )

    def load_mask(self, image_id):
        """Return the masks, bool `[H, W, N]`, and the class ids, int32 `[N]`, of a photo."""
        info = self.image_info[image_id]
        if info["source"] != "object":
            return super().load_mask(image_id)
        height, width = read_shape(info["path"])
        masks = np.zeros((height, width, len(info["regions"])), bool)
        class_ids = np.array(info["class_ids"], np.int32)
        for index, region in enumerate(info["regions"]):
            masks[..., index] = region_mask(region, (height, width))
            if region.crowd:
                # A group that is outlined as one.
                class_ids[index] *= -1
        return masks, class_ids

    def image_reference(self, image_id):
        """Return the path of a photo."""
        return self.image_info[image_id]["path"]


# -- Training ----------------------------------------------------------------------------------


def train(
    model,
    dataset_dir="dataset",
    epochs=30,
    layers="heads",
    learning_rate=CustomConfig.LEARNING_RATE,
    keep_negatives=False,
    **options,
):
    """Train a model, its weights loaded, on `<dataset_dir>/train` and validate it on `val`.

    `keep_negatives` learns from photos without objects too. The other arguments and the result
    are those of `MaskRCNN.train`.
    """
    datasets = []
    for subset in ("train", "val"):
        dataset = CustomDataset()
        dataset.load_custom(dataset_dir, subset)
        if not keep_negatives:
            dataset.image_info = [info for info in dataset.image_info if info["regions"]]
        dataset.prepare()
        datasets.append(dataset)
    return model.train(
        *datasets,
        learning_rate=learning_rate,
        epochs=epochs,
        layers=layers,
        keep_negatives=keep_negatives,
        **options,
    )


# -- Color splash ------------------------------------------------------------------------------


def color_splash(image, mask):
    """Return `image` `[H, W, 3]` in grey, the objects of `mask` bool `[H, W, N]` in colour."""
    return draw_splash(image, mask)


def detect_and_color_splash(model, image_path=None, video_path=None, output=None):
    """Write the color splash of what a model finds in an image or a video.

    `output` is the file to write, by default `splash_<time>.png` or `.mp4`. Returns its path.
    """
    if bool(image_path) == bool(video_path):
        raise ValueError("a color splash needs image_path or video_path, and not both")
    suffix = ".png" if image_path else ".mp4"
    output = Path(output or f"splash_{datetime.datetime.now():%Y%m%dT%H%M%S}{suffix}")

    def splash(image):
        return color_splash(image, model.detect([image])[0]["masks"])

    if image_path:
        convert_image(splash, image_path, output)
    else:
        convert_video(splash, video_path, output, Progress("Frames done"))
    print(f"Saved {output}")
    return output


SCRIPT = Script(__doc__, CustomConfig, CustomDataset, train, detect_and_color_splash)

if __name__ == "__main__":
    sys.exit(run(SCRIPT))
