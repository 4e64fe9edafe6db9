"""What a training starts from: its weights, and the Config that follows from them.

`check` asks here too, so that it judges the network that `train` would take.
"""

import argparse
import contextlib
import functools
import re
from dataclasses import dataclass
from pathlib import Path

from mrcnn import settings
from mrcnn.annotation.read import read_folder, subset_folder
from mrcnn.annotation.records import AnnotationError
from mrcnn.commands import weights
from mrcnn.commands.arguments import LAYERS
from mrcnn.commands.process import ROOT
from mrcnn.commands.script import Script
from mrcnn.commands.training_arguments import OPTIONS
from mrcnn.config import Config
from mrcnn.nn.backbones import fits, is_known, named
from mrcnn.nn.pretrained import backbone as pretrained_backbone
from mrcnn.nn.weights_file import WeightsInfo, datasets, inspect, opened
from mrcnn.training import run_files

# What the shapes and the meaning of weights depend on: without it they cannot be used.
NETWORK_SETTINGS = (
    "BACKBONE_STRIDES",
    "TOP_DOWN_PYRAMID_SIZE",
    "RPN_CONV_LAYER_SIZE",
    "FPN_CLASSIF_FC_LAYERS_SIZE",
    "MASK_CONV_LAYERS_SIZE",
    "RPN_ANCHOR_RATIOS",
    "RPN_ANCHOR_STRIDE",
    "RPN_BBOX_STD_DEV",
    "BBOX_STD_DEV",
    "POOL_SIZE",
    "MASK_POOL_SIZE",
    "MASK_SHAPE",
    "MASK_CANONICAL_SIDE",
    "IMAGE_CHANNEL_COUNT",
    "MEAN_PIXEL",
)
# What weights were trained for; a script that sets it means what it says.
HABITS = (
    "IMAGE_RESIZE_MODE",
    "IMAGE_MIN_DIM",
    "IMAGE_MAX_DIM",
    "IMAGE_MIN_SCALE",
    "RPN_ANCHOR_SCALES",
    "TRAIN_ROIS_PER_IMAGE",
    "PRE_NMS_LIMIT",
    "POST_NMS_ROIS_TRAINING",
    "POST_NMS_ROIS_INFERENCE",
)
# What a run that is resumed keeps of its Config where nothing else is said.
RUN_SETTINGS = (
    *HABITS,
    "IMAGES_PER_GPU",
    "ACCUMULATE_BATCHES",
    "STEPS_PER_EPOCH",
    "VALIDATION_STEPS",
    "PRECISION",
)


@dataclass
class Start:
    """The weights that a training starts from.

    wanted: the word or file of `--weights`, or what is taken where nothing is said.
    path: the file, which may still have to be downloaded; then `info` is None.
    of_imagenet: the backbone of ImageNet's weights, None for others.
    """

    script: Script
    arguments: argparse.Namespace
    wanted: str
    path: Path
    info: WeightsInfo | None
    of_imagenet: str | None

    def present(self) -> WeightsInfo:
        """Download the weights where they are not there yet; return what is in them."""
        if self.info is None:
            device = vars(self.arguments).get("device")
            path = weights.present(self.wanted, self.path, self.of_imagenet, device)
            self.info = inspect(path)
        return self.info

    def config(self, **others):
        """Return the Config to train with, as far as the weights are known yet.

        Raises ValueError for settings that cannot work, or not with the weights.
        """
        options, given = vars(self.arguments), {}
        if self.info:
            resume = options.get("resume", False)
            self._check_backbone(options["backbone"])
            given = inherited_settings(self.info, self.script.config, resume, options["backbone"])
            self._check_ratios(options["anchor_ratios"], given)
        elif self.of_imagenet and not settings.own_backbone(self.script.config):
            suits = named(self.of_imagenet).settings
            given = {name: suits[name] for name in left_alone(self.script.config, suits)}
            given["BACKBONE"] = self.of_imagenet
        chosen = {name: options.get(option) for option, name in OPTIONS.items()}
        if options.get("crops"):
            given |= settings.cropping(options["crops"])
        given |= others | {name: value for name, value in chosen.items() if value is not None}
        return settings.with_settings(self.script.config, given, options["image_size"])

    def _check_backbone(self, asked) -> None:
        """Raise ValueError where the weights are of another backbone than `--backbone` names."""
        theirs = self.info.backbone
        if not theirs or not is_known(asked) or fits(asked, theirs):
            return
        other = "imagenet" if named(asked).pretrained else "coco"
        raise ValueError(
            f"--backbone {asked}: {self.path} has weights of {theirs}, leave --backbone out or "
            f"start from --weights {other}"
        )

    def _check_ratios(self, asked, given) -> None:
        """Raise ValueError where the weights of the RPN are for another number of ratios."""
        known = given.get("RPN_ANCHOR_RATIOS", Config.RPN_ANCHOR_RATIOS)
        if asked and self.info.num_classes and len(asked) != len(known):
            raise ValueError(
                f"--anchor-ratios has {len(asked)} numbers, the network of {self.path} is for "
                f"{len(known)}: give as many"
            )

    def text(self, config) -> str:
        """Say which weights these are, why, and what network follows."""
        unasked = "" if self.arguments.weights or self.wanted == "last" else " (none are named)"
        missing = "" if self.info else ", to be downloaded"
        backbone, side = settings.backbone(config), settings.resizing(config)["max_dim"]
        network = f"{backbone if is_known(backbone) else 'a backbone of your own'}, {side} px"
        return f"Weights to start from{unasked}: {self.path}{missing}; {network}"

    def check_layers(self, layers: str) -> None:
        """Raise ValueError where `--layers` names none of the layers that the weights have.

        Of a backbone alone, and of a network of one's own, not all layers are known.
        """
        own = settings.own_backbone(self.script.config) or self.arguments.backbone
        if layers in LAYERS or own or not (self.info and self.info.num_classes):
            return
        with opened(self.path) as file:
            names = list(dict.fromkeys(layer for layer, _ in datasets(file)))
        if not any(re.fullmatch(layers, name) for name in names):
            some = [name for name in names if name.startswith("mrcnn")][:3]
            raise ValueError(
                f"--layers {layers} matches no layer: there are {', '.join(LAYERS)}, and names "
                f"of layers, such as {', '.join(some)}"
            )


def starting_point(script: Script, arguments: argparse.Namespace) -> Start:
    """Return what a training with these arguments starts from.

    Without `--weights` see `weights.default_start`. Raises ValueError or OSError in a sentence.
    """
    resume, of_imagenet = getattr(arguments, "resume", False), None
    wanted = arguments.weights or ("last" if resume else _default(script, arguments))
    if wanted == "imagenet":
        of_imagenet = pretrained_backbone(arguments.backbone, settings.backbone(script.config))
    name = arguments.name or script.name
    path = weights.find(wanted, arguments.logs, name, ROOT, resume, of_imagenet)
    # Only what must be downloaded comes later.
    wait = wanted in weights.PUBLISHED and not path.exists()
    info = None if wait else inspect(path)
    if resume:
        _check_run(path, arguments.logs, name)
    return Start(script, arguments, wanted, path, info, of_imagenet)


def _default(script, arguments):
    """Return the weights to start from where none are named."""
    classes = functools.partial(classes_to_train, script, arguments)
    own = None if left_alone(script.config, ["BACKBONE"]) else settings.backbone(script.config)
    return weights.default_start(ROOT, classes, arguments.backbone or own)


def classes_to_train(script: Script, arguments: argparse.Namespace) -> list[str] | None:
    """Return the classes to train; None where the annotations cannot be read: the check tells."""
    if script.dataset.CLASSES:
        return script.dataset.CLASSES
    attribute = arguments.attribute or script.dataset.ATTRIBUTE
    with contextlib.suppress(AnnotationError):
        return read_folder(subset_folder(arguments.dataset, "train"), attribute).class_names
    return None


def _check_run(path: Path, logs: Path, name: str) -> None:
    """Raise ValueError where a checkpoint cannot be gone on with."""
    if run_files.run_of(path, logs, name) is None:
        run = run_files.RUN.fullmatch(path.parent.name)
        needed = f": add --name {run['name']} --logs {path.parent.parent}" if run else ""
        raise ValueError(f"{path} is not of a run named {name!r} under {logs}{needed}")
    if not run_files.read_header(path.parent):
        raise ValueError(
            f"{run_files.state_file(path.parent)} is not the state of a training run: start from "
            "the weights alone, without --resume"
        )


def inherited_settings(
    info: WeightsInfo, config_class: type, resume: bool, backbone: str | None = None
) -> dict:
    """Return the settings of a Config that follow from the weights.

    The backbone, unless the Config has a function of its own; NETWORK_SETTINGS always, HABITS
    where `config_class` does not set them, and of a run that is resumed RUN_SETTINGS.
    With a backbone's weights alone come the settings that suit it, where they are left so too.
    `backbone` is what `--backbone` says. Raises ValueError as `weights.backbone_settings` does.
    """
    names = (*NETWORK_SETTINGS, *(RUN_SETTINGS if resume else left_alone(config_class, HABITS)))
    stored = info.settings or {}
    kept = {name: stored[name] for name in names if name in stored}
    if settings.own_backbone(config_class) and not backbone:
        return kept
    chosen = weights.backbone_settings(info, backbone)
    if info.num_classes is None and is_known(chosen["BACKBONE"]):
        suits = named(chosen["BACKBONE"]).settings
        kept = {name: suits[name] for name in left_alone(config_class, suits)} | kept
    return kept | chosen


def left_alone(config_class, names):
    """Return those of some settings that no class but Config itself sets."""
    own = config_class.__mro__[: config_class.__mro__.index(Config)]
    return [name for name in names if not any(name in vars(each) for each in own)]
