"""The command line of a training script: train, crossval, evaluate, export, check, splash."""

import argparse
import sys
from collections.abc import Container, Sequence
from pathlib import Path

from mrcnn import settings
from mrcnn.commands import arguments as kinds
from mrcnn.commands.export_arguments import add_export
from mrcnn.commands.parser import Parser
from mrcnn.commands.process import LOG_FOLDER
from mrcnn.commands.tile_arguments import add_tiles
from mrcnn.evaluation.coco_ap import LEAST_SCORE
from mrcnn.nn.backbones import WORDS
from mrcnn.training.plan import PLANS

DEFAULT_EPOCHS = 30
# Options that are settings; where they are not given, those of the script's Config hold.
OPTIONS = {
    "learning_rate": "LEARNING_RATE",
    "batch": "IMAGES_PER_GPU",
    "accumulate": "ACCUMULATE_BATCHES",
    "steps": "STEPS_PER_EPOCH",
    "precision": "PRECISION",
    "anchor_scales": "RPN_ANCHOR_SCALES",
    "anchor_ratios": "RPN_ANCHOR_RATIOS",
    "name": "NAME",
    "scale": "IMAGE_MIN_SCALE",
}


def parse_arguments(
    argv: Sequence[str] | None, description: str, config_class: type
) -> argparse.Namespace:
    """Return the arguments; a mistake in them ends the program with code 2.

    `config_class` has the settings that hold where nothing is said.
    """
    default = {option: getattr(config_class, name) for option, name in OPTIONS.items()}
    largest = settings.resizing(config_class)["max_dim"]
    parser = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags = set()
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name, help):
        listed = f"{help}; `{name} --help` lists its options"
        made = commands.add_parser(name, help=listed, description=help, allow_abbrev=False)

        def add(*names, **options):
            if made.add_argument(*names, **options).nargs == 0:
                flags.update(names)

        return add

    def dataset(add):
        text = "the folder with train/ and val/; default: dataset"
        add("--dataset", metavar="FOLDER", type=Path, default=Path("dataset"), help=text)
        text = "the region attribute that names the class; default: the one that `check` tells"
        add("--attribute", metavar="NAME", help=text)

    def logs(add):
        text = "the folder of training runs; default: log"
        add("--logs", metavar="FOLDER", type=Path, default=LOG_FOLDER, help=text)

    def network(add):
        """Add what `train` and `check` must know of the network that learns."""
        add(
            "--weights",
            metavar="WEIGHTS",
            help="where to start: coco or imagenet (downloaded), last or best of the newest run, "
            "or a file; default: coco where it was downloaded before, else log/custom.h5 for its "
            "class and for others imagenet of efficientnet_lite0, which is there already",
        )
        logs(add)
        kinds.add_name(add, default["name"], trains=True)
        add(
            "--backbone",
            metavar="NAME",
            type=kinds.backbone,
            help=f"{WORDS}, or module:function for one of your own; default: that of the weights",
        )
        kinds.add_image_size(add, f"the weights' own, else {largest}")
        text = "train on cuts of the photos, at their own scale, not on whole photos made smaller; "
        text += "the side of a cut, as the network sees it, such as 512"
        add("--crops", metavar="PIXELS", type=kinds.side, help=text)
        text = "enlarge photos at least so much; default: no more than their size asks for"
        add("--scale", metavar="FACTOR", type=kinds.rate, help=text)
        add(
            "--anchor-scales",
            metavar="PIXELS",
            type=kinds.scales,
            help="sides of the square anchors at training size, such as 16,32,64,128,256 "
            "for small objects; default: the weights' own",
        )
        add(
            "--anchor-ratios",
            metavar="RATIOS",
            type=kinds.numbers,
            help="width over height of the anchors, as many as the weights have, such as 0.33,1,3 "
            "for long objects; default: the weights' own",
        )

    def learning(add):
        """Add how a training learns, for `train` and `crossval`."""
        add(
            "--plan",
            choices=tuple(PLANS),
            help="what holds where the options below say nothing: classic, the older package's "
            "way, or few, for few photos; default: few from imagenet and from the weights that "
            "ship, else classic",
        )
        text = f"in all, those done before included; default: {of_plans('epochs')}"
        add("--epochs", metavar="N", type=kinds.count, help=text)
        add(
            "--layers",
            metavar="LAYERS",
            type=kinds.layers,
            help="what learns: heads, 3+, 4+, 5+ (these stages of the backbone too), all, or a "
            f"regular expression of layer names; default: {of_plans('layers')}",
        )
        usual = f"the highest; default: {of_plans('learning_rate')}"
        add("--learning-rate", metavar="RATE", type=kinds.rate, help=usual)
        text = "batches an epoch; default: the whole data set"
        add("--steps", metavar="N", type=kinds.count, help=text)
        usual = f"images a batch; default: {of_plans('batch')}"
        add("--batch", metavar="N", type=kinds.count, help=usual)
        text = "batches whose gradients make a step, where only small ones fit; default: 1"
        add("--accumulate", metavar="N", type=kinds.count, help=text)
        text = "show the photos as they are each time, whatever plan and script do"
        add("--no-augmentation", action="store_true", help=text)
        text = (
            "what makes an epoch the best: ap, mask AP of the photos in val, found anew after "
            "each epoch, of equal ones the lower validation loss (default), or loss, the "
            "validation loss alone"
        )
        add("--best-by", choices=("ap", "loss"), default="ap", help=text)
        text = "stop after so many epochs without a better one"
        add("--patience", metavar="N", type=kinds.count, help=text)
        text = "the same order and changes of images, new layers; losses still differ by rounding"
        add("--seed", metavar="N", type=kinds.whole, help=text)
        kinds.add_precision(add, None, default["precision"])
        kinds.add_device(add)
        add("--keep-negatives", action="store_true", help="learn from photos without objects too")

    def of_plans(name):
        """Return what the plans say of an option, else the script's Config."""
        values = {plan.name: getattr(plan, name) for plan in PLANS.values()}
        said = {plan: default.get(name) if v is None else v for plan, v in values.items()}
        if len(set(said.values())) == 1:
            return next(iter(said.values()))
        return ", ".join(f"{value} ({plan})" for plan, value in said.items())

    add = command("train", "train on your photos")
    dataset(add)
    network(add)
    learning(add)
    text = "go on with a run that was stopped: its optimizer, learning rate and best score"
    add("--resume", action="store_true", help=text)
    text = "train in several processes together, each on a machine of its own or not, on JAX; "
    text += "the address and a free port of the first, how many, and which this is, from 0"
    add("--hosts", metavar="ADDRESS:PORT,COUNT,RANK", type=kinds.hosts, help=text)

    add = command("crossval", "train and measure several times, each time without other photos")
    dataset(add)
    network(add)
    text = "into how many parts the photos are split; default: 5"
    add("--folds", metavar="N", type=kinds.count, default=5, help=text)
    learning(add)
    text = "go on with the newest crossval that was stopped: what is done is not done again"
    add("--resume", action="store_true", help=text)

    add = command("evaluate", "measure how good weights are")
    dataset(add)
    add("--subset", metavar="NAME", default="val", help="train, val, ...; default: val")
    kinds.add_network(add)
    add_tiles(add, "photo")
    logs(add)
    add(
        "--min-confidence",
        metavar="SCORE",
        type=kinds.share,
        default=LEAST_SCORE,
        help=f"least score that counts, 0 to 1; default: {LEAST_SCORE}",
    )
    text = "store the best threshold in the weights file: the scripts take it from there"
    add("--keep-threshold", action="store_true", help=text)
    text = "for tables, curves and the worst images; default: evaluation, beside the weights"
    add("--output", metavar="FOLDER", type=Path, help=text)

    add = command("export", "write the network for programs without Python or TensorFlow")
    kinds.add_weights(add)
    logs(add)
    text = "the folder with train/, for photos to compare on; default: dataset"
    add("--dataset", metavar="FOLDER", type=Path, default=Path("dataset"), help=text)
    kinds.add_image_size(add, "the weights' own, else 1024")
    kinds.add_classes(add)
    text = "least score of an object that it tells its users; default: the weights' own, else 0.7"
    add("--min-confidence", metavar="SCORE", type=kinds.share, help=text)
    text = "most objects in an image; default: the weights' own, else 100"
    add("--max-instances", metavar="N", type=kinds.count, help=text)
    add_export(add)

    add = command("check", "look at photos and annotations before training")
    dataset(add)
    network(add)
    add("--preview", metavar="FOLDER", type=Path, help="draw the annotated photos")
    add("--overwrite", action="store_true", help="replace what is in the folder of --preview")

    add = command("splash", "turn all but the objects grey")
    kinds.add_network(add)
    logs(add)
    add("--image", metavar="FILE", help="a photo")
    add("--video", metavar="FILE", help="or a video")
    text = "least score of an object, 0 to 1; default: the weights' own"
    add("--min-confidence", metavar="SCORE", type=kinds.share, help=text)
    add("--output", metavar="FILE", type=Path, help="default: splash_<time>.png or .mp4")
    add("--overwrite", action="store_true", help="replace the file of --output")

    argv = _command_first(sys.argv[1:] if argv is None else argv, commands.choices, flags)
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.error(f"a command is missing: {', '.join(commands.choices)}")
    refuse = commands.choices[arguments.command].error
    if arguments.command == "train" and arguments.resume and arguments.learning_rate:
        refuse(
            "--resume goes on with the run's own learning rate: leave --learning-rate out, or "
            "start from its weights without --resume"
        )
    if arguments.command == "crossval" and arguments.folds < 2:
        refuse("--folds 1 holds out everything: take 2 or more")
    if arguments.command == "splash" and bool(arguments.image) == bool(arguments.video):
        refuse("splash needs --image or --video, and not both")
    return arguments


def _command_first(
    argv: Sequence[str], commands: Container[str], flags: Container[str]
) -> list[str]:
    """Put the command before its options, which may also stand before it.

    A word after an option is that option's value, unless it is one of `flags`.
    """
    argv = [str(word) for word in argv]
    for place, word in enumerate(argv):
        before = argv[place - 1] if place else ""
        takes = before.startswith("--") and "=" not in before and before not in flags
        if word in commands and not takes:
            return [word, *argv[:place], *argv[place + 1 :]]
    return argv
