#!/usr/bin/env python3
"""Train Mask R-CNN to find your own objects, from photos annotated in the VGG Image Annotator.

Put photos and what VIA saved (project, or export as JSON or CSV) into dataset/train, some other
photos and theirs into dataset/val, then

    python custom_training.py check --dataset dataset --preview preview
    python custom_training.py train --dataset dataset --weights coco
    python custom_training.py evaluate --dataset dataset --weights last
    python custom_training.py export --weights last --format onnx
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

import sys
from functools import partial

import numpy as np

from mrcnn import utils
from mrcnn.annotation.filenames import locate
from mrcnn.annotation.read import attribute_of_train, read_folder, subset_folder
from mrcnn.annotation.shapes import bounds, region_mask
from mrcnn.commands.script import Script
from mrcnn.commands.splash_command import write_splash
from mrcnn.commands.training_script import main as run
from mrcnn.config import Config
from mrcnn.data.dataset import touches
from mrcnn.data.images import read_shape
from mrcnn.detections import Detections
from mrcnn.drawing.instances import draw_splash
from mrcnn.masks import cut_out, windows_of
from mrcnn.tables import few

PROBLEMS_SHOWN = 3

# -- What is learned ---------------------------------------------------------------------------


class CustomConfig(Config):
    """The settings; mrcnn/config.py has all of them."""

    # Folders of runs carry it; the scripts for photos and videos look for runs of this name.
    NAME = "object"
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

    def load_custom(self, dataset_dir, subset, class_names=None, checked=None):
        """Add the classes and the annotated photos of a subset, "train" or "val".

        `class_names` are the classes without the background. By default they are CLASSES, or
        what the annotations of "train" name, so that all subsets number them alike. `checked` is
        what a check read of the subset, a `SubsetReport`; without it the annotations are read.
        """
        folder = subset_folder(dataset_dir, subset)
        names = class_names or self.CLASSES or None
        if names is None and subset != "train":
            train = subset_folder(dataset_dir, "train")
            names = read_folder(train, self.ATTRIBUTE).class_names
        if checked:
            annotations, paths = checked.annotations, checked.paths
        else:
            # Regions without any label are of the only class.
            unlabelled = names[0] if names and len(names) == 1 else None
            like = None if subset == "train" else partial(attribute_of_train, dataset_dir)
            annotations = read_folder(folder, self.ATTRIBUTE, unlabelled, like)
            paths = locate(folder, [image.filename for image in annotations.images])
        names = annotations.class_names if names is None else names
        for class_id, name in enumerate(names, start=1):
            self.add_class("object", class_id, name)
        problems = annotations.problems
        for problem in problems[:PROBLEMS_SHOWN]:
            print(f"{folder}: left out, {problem}")
        if problems[PROBLEMS_SHOWN:]:
            print(f"{folder}: left out, {len(problems) - PROBLEMS_SHOWN} more; see the check")
        for image in annotations.images:
            name = image.filename
            if name not in paths:
                print(f"{folder / name}: there is no such photo, its annotation is left out")
                continue
            for region in image.regions:
                if region.label not in names:
                    raise ValueError(
                        f"{folder / name}, region {region.number}: the class {region.label!r} is "
                        f"none of those to find ({few(names)})"
                    )
            self.add_image(
                "object",
                image_id=name,
                path=str(paths[name]),
                regions=image.regions,
                polygons=[region.polygon for region in image.regions],
                class_ids=[names.index(region.label) + 1 for region in image.regions],
            )

    def load_mask(self, image_id):
        """Return the masks, bool `[H, W, N]`, and the class ids, int32 `[N]`, of a photo."""
        info = self.image_info[image_id]
        if info["source"] != "object":
            return super().load_mask(image_id)
        shape = read_shape(info["path"])
        return draw_masks(info, shape, shape)

    def load_mask_at(self, image_id, image_shape, mask_shape):
        """Return what `load_mask` does, drawn at the size `mask_shape`, (height, width)."""
        info = self.image_info[image_id]
        if info["source"] != "object" or type(self).load_mask is not CustomDataset.load_mask:
            # Of another source, or of a subclass that has masks of its own.
            return super().load_mask_at(image_id, image_shape, mask_shape)
        return draw_masks(info, image_shape, mask_shape)

    def load_objects(self, image_id, image_shape):
        """Return the objects of a photo, each drawn in its box alone."""
        info = self.image_info[image_id]
        if info["source"] != "object" or type(self).load_mask is not CustomDataset.load_mask:
            return super().load_objects(image_id, image_shape)
        return draw_objects(info, image_shape)

    def load_mask_in(self, image_id, image_shape, part, mask_shape):
        """Return what `load_mask_at` does of a part of a photo, drawn at the size `mask_shape`."""
        info = self.image_info[image_id]
        if info["source"] != "object" or type(self).load_mask is not CustomDataset.load_mask:
            return super().load_mask_in(image_id, image_shape, part, mask_shape)
        return draw_masks(info, image_shape, mask_shape, part)

    def image_reference(self, image_id):
        """Return the path of a photo."""
        return self.image_info[image_id]["path"]


def draw_masks(info, image_shape, mask_shape, part=None):
    """Return the masks, bool `[*mask_shape, N]`, and class ids of a photo of `image_shape`.

    With a `part`, `(y1, x1, y2, x2)` of the photo, they are of it and of the regions that reach it.
    """
    regions, class_ids = info["regions"], signed_ids(info)
    if part is not None:
        boxes = np.array([bounds(region) for region in regions]).reshape(-1, 4)
        there = np.flatnonzero(touches(boxes, part))
        regions, class_ids = [regions[row] for row in there], class_ids[there]
    # Mask by mask in memory, as all that follows reads them.
    masks = np.zeros((len(regions), *mask_shape), bool)
    for index, region in enumerate(regions):
        masks[index] = region_mask(region, image_shape, mask_shape, part)
    return np.moveaxis(masks, 0, -1), class_ids


def draw_objects(info, image_shape):
    """Return the regions of a photo of `image_shape` as `Detections`, each drawn in its box."""
    windows, pieces = [], []
    for region in info["regions"]:
        y1, x1, y2, x2 = bounds(region)
        around = np.array([[np.floor(y1), np.floor(x1), np.ceil(y2), np.ceil(x2)]])
        (window,) = windows_of(around, image_shape)
        mask = region_mask(region, image_shape, part=tuple(window.tolist()))
        (tight,), (piece,) = cut_out(mask[..., None])
        windows.append(tight + window[[0, 1, 0, 1]] if piece.size else tight)
        pieces.append(piece)
    windows = np.array(windows, np.int32).reshape(-1, 4)
    return Detections(
        tuple(image_shape[:2]), windows, signed_ids(info), None, pieces, windows=windows
    )


def signed_ids(info):
    """Return the class ids, int32 `[N]`, of a photo's regions; crowds have negative ones."""
    # A crowd is a group that is outlined as one.
    signs = [-1 if region.crowd else 1 for region in info["regions"]]
    return np.array(info["class_ids"], np.int32) * np.array(signs, np.int32)


# -- Training ----------------------------------------------------------------------------------


def train(
    model,
    dataset_dir="dataset",
    epochs=None,
    layers=None,
    learning_rate=None,
    keep_negatives=False,
    report=None,
    **options,
):
    """Train a model, its weights loaded, on `<dataset_dir>/train` and validate it on `val`.

    `keep_negatives` learns from photos without objects too. With `report`, a `CheckReport`, the
    annotations are not read once more. All else, and the result, is as of `MaskRCNN.train`.
    """
    datasets, class_names = [], None
    for subset in ("train", "val"):
        dataset = CustomDataset()
        dataset.load_custom(dataset_dir, subset, class_names, report and report.subset(subset))
        if not keep_negatives:
            dataset.image_info = [info for info in dataset.image_info if info["regions"]]
        dataset.prepare()
        class_names = dataset.class_names[1:]
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
    """Return `image` `[H, W, 3]` in grey, the objects of `mask` in colour.

    `mask` is bool `[H, W, N]`, or what a `Detector` found.
    """
    return draw_splash(image, mask)


def detect_and_color_splash(model, image_path=None, video_path=None, output=None):
    """Write the color splash of what a MaskRCNN finds in an image or a video; return its path."""

    def splash(image):
        return color_splash(image, model.detect([image])[0]["masks"])

    return write_splash(splash, image_path, video_path, output)


SCRIPT = Script(__doc__, CustomConfig, CustomDataset, train, color_splash)


def main(argv=None) -> int:
    """Run a command, by default that of the command line; return the exit code."""
    return run(SCRIPT, argv)


if __name__ == "__main__":
    sys.exit(main())
