#!/usr/bin/env python3
"""One training of `fine_tuning.py`, in a process and a Python environment of its own.

Takes a request as JSON; the last line that it prints is JSON: AP, AP50, AP75 and minutes.
"""

import dataclasses
import functools
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom_training import CustomDataset
from mrcnn.config import Config
from mrcnn.data.resizing import scale_masks
from mrcnn.evaluation.evaluation import Evaluation
from mrcnn.evaluation.measure import evaluate
from mrcnn.masks import extract_bboxes
from mrcnn.nn.backbones import BACKBONES
from mrcnn.settings import resizing, with_settings
from mrcnn.training.plan import FEW

BACKBONE = BACKBONES["efficientnet_lite0"]
# The layers that tell classes, of weights for others.
CLASS_LAYERS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
OF_OPTIMIZER = ("warm_up", "end", "weight_decay", "backbone")


def datasets(folder: str) -> list[CustomDataset]:
    """Return the photos of train and of val that have an object."""
    found, names = [], None
    for subset in ("train", "val"):
        dataset = CustomDataset()
        dataset.load_custom(folder, subset, names)
        dataset.image_info = [info for info in dataset.image_info if info["regions"]]
        dataset.prepare()
        names = dataset.class_names[1:]
        found.append(dataset)
    return found


def changed_plan(change: dict):
    """Return the plan `few` as the request changes it, and what it changes besides."""
    change = {name: tuple(v) if isinstance(v, list) else v for name, v in change.items()}

    def taken(names):
        return {name: change.pop(name) for name in names if name in change}

    augmentation = dataclasses.replace(
        FEW.augmentation, **taken(field.name for field in dataclasses.fields(FEW.augmentation))
    )
    if not change.pop("jitter", True):
        augmentation = None
    optimizer = functools.partial(FEW.optimizer, **taken(OF_OPTIMIZER))
    fields = taken(field.name for field in dataclasses.fields(FEW))
    plan = dataclasses.replace(FEW, augmentation=augmentation, optimizer=optimizer, **fields)
    return plan, change


class Pasted:
    """A data set some of whose photos show an object of another one too (Ghiasi et al. 2021).

    The object lies at a random place in its own size, cut off at its outline. What a photo shows is
    drawn when it is loaded, and its masks are asked for by the same thread next.
    """

    def __init__(self, dataset: CustomDataset, chance: float, seed: int):
        self.dataset, self.chance = dataset, chance
        self.rng, self.lock = np.random.default_rng(seed), threading.Lock()
        self.drawn = threading.local()

    def __getattr__(self, name):
        return getattr(self.dataset, name)

    def load_image(self, image_id):
        image = self.dataset.load_image(image_id)
        self.drawn.object = None
        with self.lock:
            if self.rng.random() >= self.chance:
                return image
            other = int(self.rng.choice(self.dataset.image_ids))
            share = self.rng.random(3)
        source = self.dataset.load_image(other)
        masks, class_ids = self.dataset.load_mask(other)
        index = int(share[0] * len(class_ids))
        y1, x1, y2, x2 = extract_bboxes(masks)[index]
        height, width = min(y2 - y1, image.shape[0]), min(x2 - x1, image.shape[1])
        if not height or not width:
            return image
        top = int(share[1] * (image.shape[0] - height + 1))
        left = int(share[2] * (image.shape[1] - width + 1))
        patch = masks[y1 : y1 + height, x1 : x1 + width, index]
        image = image.copy()
        image[top : top + height, left : left + width][patch] = source[y1:, x1:][:height, :width][
            patch
        ]
        mask = np.zeros(image.shape[:2], bool)
        mask[top : top + height, left : left + width] = patch
        self.drawn.object = mask, class_ids[index]
        return image

    def load_mask_at(self, image_id, image_shape, mask_shape):
        masks, class_ids = self.dataset.load_mask_at(image_id, image_shape, mask_shape)
        if self.drawn.object is None:
            return masks, class_ids
        pasted, class_id = self.drawn.object
        pasted = scale_masks(pasted[..., None], mask_shape)
        masks = np.concatenate([masks & ~pasted, pasted], axis=-1)
        return masks, np.append(class_ids, class_id)


def anchor_scales(dataset: CustomDataset, side: int) -> tuple[int, ...]:
    """Return five sides of anchors, from small to large objects of a data set at training size."""
    sizes = []
    for image_id in dataset.image_ids:
        image = dataset.load_image(image_id)
        objects = dataset.load_objects(image_id, image.shape[:2])
        height, width = (objects.rois[:, 2:] - objects.rois[:, :2]).T
        sizes.extend(np.sqrt(height * width) * side / max(image.shape[:2]))
    low, high = np.quantile(sizes, (0.05, 0.95))
    # Jitter makes them half to one and a half times as large.
    return tuple(int(scale) for scale in np.geomspace(max(low / 1.4, 8), high * 1.2, 5))


def averaged(optimizer, momentum: float):
    """Return an optimizer function that leaves the average of the weights in the end."""

    def make(*args, **keywords):
        made = optimizer(*args, **keywords)
        made.use_ema, made.ema_momentum, made.ema_overwrite_frequency = True, momentum, None
        return made

    return make


def train(request: dict) -> tuple[Evaluation, float]:
    """Train this package's network; return its evaluation and the minutes of the training."""
    from mrcnn.quiet import start_keras

    start_keras()
    import keras

    from mrcnn.detector import Detector
    from mrcnn.model import MaskRCNN
    from mrcnn.nn import network

    learned, val = datasets(request["dataset"])
    plan, change = changed_plan(request["change"])
    heads_first, momentum = change.pop("heads_first", 0), change.pop("average", 0)
    paste, fit_anchors = change.pop("paste", 0), change.pop("fit_anchors", 0)
    if momentum:
        plan = dataclasses.replace(plan, optimizer=averaged(plan.optimizer, momentum))
    if unknown := [name for name in change if not hasattr(Config, name)]:
        raise ValueError(f"--change {unknown[0]} is neither of the plan nor a setting")
    fixed = {
        "NAME": "few",
        "BACKBONE": BACKBONE.name,
        "NUM_CLASSES": learned.num_classes,
        "IMAGES_PER_GPU": plan.batch,
        "STEPS_PER_EPOCH": None,
        "VALIDATION_STEPS": None,
        "PRECISION": request["precision"],
        **{f"IMAGE_{which}_DIM": request["side"] for which in ("MIN", "MAX")},
    }
    if fit_anchors:
        fixed["RPN_ANCHOR_SCALES"] = anchor_scales(learned, request["side"])
    if request["start"]:
        from mrcnn.nn.weights_file import inspect

        stored = inspect(request["start"]).settings
        own = {*fixed} - {"BACKBONE", "IMAGE_MIN_DIM", "IMAGE_MAX_DIM"}
        fixed |= {name: value for name, value in stored.items() if name not in own}
    config = with_settings(Config, {**BACKBONE.settings, **fixed, **change})
    if paste:
        learned = Pasted(learned, paste, request["seed"])
    keras.utils.set_random_seed(request["seed"])
    with tempfile.TemporaryDirectory() as folder:
        model = MaskRCNN("training", config, folder)
        if request["start"]:
            model.load_weights(request["start"], exclude=CLASS_LAYERS)
        else:
            model.load_weights(str(BACKBONE.pretrained.path()))
        start = time.perf_counter()
        stages = [(heads_first, "heads"), (request["epochs"], plan.layers)]
        for epochs, layers in stages:
            if epochs:
                model.epoch = 0
                model.set_log_dir()
                model.train(learned, None, None, epochs, layers, seed=request["seed"], plan=plan)
        minutes = (time.perf_counter() - start) / 60
        weights = Path(folder, "last.h5")
        model.save_weights(weights)
        everything = with_settings(type(config), {"DETECTION_MIN_CONFIDENCE": 0})
        network_of = network.build("inference", everything, random_weights=False)
        network_of.load_published(weights)
        return evaluate(Detector(network_of, everything, fade=False), val), minutes


def main():
    request = json.loads(sys.argv[1])
    printed, sys.stdout = sys.stdout, sys.stderr
    if request["peer"] == "torchvision":
        from benchmarks.fine_tuning_torchvision import train as train_torchvision

        learned, val = datasets(request["dataset"])
        sizes = resizing(
            with_settings(
                Config, {f"IMAGE_{which}_DIM": request["side"] for which in ("MIN", "MAX")}
            )
        )
        evaluation, minutes = train_torchvision(request, learned, val, sizes)
    else:
        evaluation, minutes = train(request)
    mask = evaluation.summary()["mask"]
    result = {name: round(mask[name], 4) for name in ("AP", "AP50", "AP75")}
    print(json.dumps({**result, "minutes": round(minutes, 2)}), file=printed, flush=True)
    # What other threads still hold has no meaning any more.
    os._exit(0)


if __name__ == "__main__":
    main()
