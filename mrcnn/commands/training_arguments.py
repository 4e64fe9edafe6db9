"""The command line of a training script: train, evaluate, check, splash."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mrcnn import settings
from mrcnn.commands.arguments import (
    add_backbone,
    add_precision,
    backbone,
    count,
    rate,
    share,
    side,
    whole,
)
from mrcnn.commands.process import LOG_FOLDER
from mrcnn.nn.backbones import BACKBONES

DEFAULT_EPOCHS = 30
DEFAULT_LAYERS = "heads"
# Options that are settings; where they are not given, those of the script's Config hold.
OPTIONS = {
    "learning_rate": "LEARNING_RATE",
    "batch": "IMAGES_PER_GPU",
    "steps": "STEPS_PER_EPOCH",
    "precision": "PRECISION",
}
# Average precision wants the uncertain detections too.
EVALUATION_CONFIDENCE = 0.05


# -- The commands ------------------------------------------------------------------------------


def parse_arguments(
    argv: Sequence[str] | None, description: str, config_class: type
) -> argparse.Namespace:
    """Return the arguments; a mistake in them ends the program with code 2.

    `config_class` has the settings that hold where nothing is said.
    """
    default = {option: getattr(config_class, name) for option, name in OPTIONS.items()}
    largest = settings.resizing(config_class)["max_dim"]
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, help):
        options = commands.add_parser(
            name,
            help=f"{help}; `{name} --help` lists its options",
            description=help,
            allow_abbrev=False,
        )
        return options.add_argument

    def dataset(add):
        add(
            "--dataset",
            metavar="FOLDER",
            type=Path,
            default=Path("dataset"),
            help="the folder with train/ and val/; default: dataset",
        )

    def image_size(add, default):
        add(
            "--image-size",
            metavar="PIXELS",
            type=side,
            help=f"larger side that the network sees; default: {default}",
        )

    def logs(add):
        add(
            "--logs",
            metavar="FOLDER",
            type=Path,
            default=LOG_FOLDER,
            help="the folder of training runs; default: log",
        )

    def detection(add):
        add(
            "--weights",
            metavar="WEIGHTS",
            help="coco, last, best, or a file; default: the best of the newest run, else "
            "log/custom.h5",
        )
        logs(add)
        image_size(add, "the weights' own")
        add_precision(add, "auto")
        add_backbone(add)

    add = command("train", "train on your photos")
    dataset(add)
    add(
        "--weights",
        metavar="WEIGHTS",
        help="where to start: coco or imagenet (downloaded), last or best of the newest run, or a "
        "file",
    )
    logs(add)
    add(
        "--epochs",
        metavar="N",
        type=count,
        default=DEFAULT_EPOCHS,
        help=f"in all, those done before included; default: {DEFAULT_EPOCHS}",
    )
    add(
        "--layers",
        metavar="LAYERS",
        default=DEFAULT_LAYERS,
        help="what learns: heads (default), 3+, 4+, 5+ (these stages of the backbone too), all, or "
        "a regular expression of layer names",
    )
    add(
        "--learning-rate",
        metavar="RATE",
        type=rate,
        help=f"default: {default['learning_rate']}",
    )
    add(
        "--steps",
        metavar="N",
        type=count,
        help="batches an epoch; default: the whole data set",
    )
    add(
        "--batch",
        metavar="N",
        type=count,
        help=f"images a batch; default: {default['batch']}",
    )
    add(
        "--patience",
        metavar="N",
        type=count,
        help="stop after so many epochs without a better validation loss",
    )
    add(
        "--seed",
        metavar="N",
        type=whole,
        help="makes runs alike: order of images, augmentation, new layers",
    )
    add(
        "--backbone",
        metavar="NAME",
        type=backbone,
        help=f"{', '.join(BACKBONES)}, or module:function for one of your own; default: that of "
        "the weights",
    )
    image_size(add, f"the weights' own, else {largest}")
    add_precision(add, None, default["precision"])
    add(
        "--resume",
        action="store_true",
        help="go on with a run that was stopped: its optimizer, learning rate and best score",
    )
    add("--keep-negatives", action="store_true", help="learn from photos without objects too")

    add = command("evaluate", "measure how good weights are")
    dataset(add)
    add("--subset", metavar="NAME", default="val", help="train, val, ...; default: val")
    detection(add)
    add(
        "--min-confidence",
        metavar="SCORE",
        type=share,
        default=EVALUATION_CONFIDENCE,
        help=f"least score that counts, 0 to 1; default: {EVALUATION_CONFIDENCE}",
    )
    add(
        "--output",
        metavar="FOLDER",
        type=Path,
        help="for tables, curves and the worst images; default: evaluation, beside the weights",
    )

    add = command("check", "look at photos and annotations before training")
    dataset(add)
    image_size(add, largest)
    add("--preview", metavar="FOLDER", type=Path, help="draw the annotated photos")
    add("--overwrite", action="store_true", help="replace what is in the folder of --preview")

    add = command("splash", "turn all but the objects grey")
    detection(add)
    add("--image", metavar="FILE", help="a photo")
    add("--video", metavar="FILE", help="or a video")
    add(
        "--min-confidence",
        metavar="SCORE",
        type=share,
        help="least score of an object, 0 to 1; default: the weights' own",
    )
    add("--output", metavar="FILE", type=Path, help="default: splash_<time>.png or .mp4")
    add("--overwrite", action="store_true", help="replace the file of --output")

    arguments = parser.parse_args(argv)
    refuse = commands.choices[arguments.command].error
    if arguments.command == "train":
        if arguments.resume and arguments.learning_rate:
            refuse(
                "--resume goes on with the run's own learning rate: leave --learning-rate out, or "
                "start from its weights without --resume"
            )
        if arguments.resume and not arguments.weights:
            arguments.weights = "last"
        if not arguments.weights:
            refuse("--weights is missing: coco, imagenet, last, best or a file")
    if arguments.command == "splash" and bool(arguments.image) == bool(arguments.video):
        refuse("splash needs --image or --video, and not both")
    return arguments
