#!/usr/bin/env python3
"""Find objects in photos, draw them, and write them down.

    python maskrcnn_predict_for_images.py                   the sample photos
    python maskrcnn_predict_for_images.py photo.jpg
    python maskrcnn_predict_for_images.py photos/ "more/**/*.png" --weights log/custom.h5
    python maskrcnn_predict_for_images.py photos/ --weights coco --json found.json
    python maskrcnn_predict_for_images.py photos/ --via photos/predictions.json --uncertain 100
    python maskrcnn_predict_for_images.py archive/ --jsonl found.jsonl --no-pictures --resume
    python maskrcnn_predict_for_images.py archive/ --jsonl found.jsonl --ray

Pictures with the objects go to the folder `predictions`, and it says what was found:

    [1/12, 9 s left] kitchen.jpg: 2 AC Remote (0.98, 0.91) -> predictions/kitchen_predicted.jpg
    ...
    12 images, 17 AC Remote, 0.8 s each

`--via` writes a project for the VGG Image Annotator 2: open it there, correct what is wrong, save
it beside the photos and train again. The photos of which the network is least sure come first, and
with `--uncertain 100` only so many of those that nobody has annotated yet. Existing files are never
overwritten unless `--overwrite` says so, source images not even then. The exit code is 1 where
something is wrong with one of them.
"""

import argparse
import re
import sys
from pathlib import Path

from mrcnn.commands import process
from mrcnn.commands.arguments import add_detection, add_json_masks, add_styles, count
from mrcnn.commands.parser import Parser
from mrcnn.results.formats import FOLDERS, FORMATS, RESUMED

# What Ray takes for an address.
CLUSTER = re.compile(r"auto|local|[^/:]+:\d+")
SAMPLE = process.of_checkout("dataset", "val")


def parse_arguments(argv=None) -> argparse.Namespace:
    """Return the arguments; a mistake in them ends the program with code 2."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    text = "images, folders or quoted glob patterns; default: the sample photos"
    add("sources", nargs="*", metavar="SOURCE", help=text)
    text = "where the pictures go; default: predictions"
    add("--output", metavar="FOLDER", type=Path, default=Path("predictions"), help=text)
    add("--show", action="store_true", help="show each picture; any key goes on, q shows no more")
    for name, form in FORMATS.items():
        kind = "FOLDER" if name in FOLDERS else "FILE"
        add(f"--{name.replace('_', '-')}", metavar=kind, type=Path, help=form.help)
    add_json_masks(add)
    text = "of --via, only the N photos whose correction teaches most; those annotated are left out"
    add("--uncertain", metavar="N", type=count, help=text)
    text = "go on with --jsonl or --parquet of a run that was stopped; where none is there, begin"
    add("--resume", action="store_true", help=text)
    add("--no-pictures", action="store_true", help="draw none")
    text = "spread the photos over a Ray cluster: that at an address, else this machine's own"
    add("--ray", metavar="ADDRESS", nargs="?", const="", type=cluster, help=text)
    text = "of --ray, how many work on a machine without GPU; default: 1"
    add("--predictors", metavar="N", type=count, help=text)
    add_styles(parser)
    add_detection(add, "image")
    arguments = parser.parse_args(argv)
    if arguments.uncertain and not arguments.via:
        parser.error("--uncertain chooses what --via FILE writes: name that file")
    if arguments.ray is not None:
        check_ray(parser, arguments)
    elif arguments.predictors:
        parser.error("--predictors is of --ray: add that")
    if arguments.no_pictures and (arguments.show or arguments.style):
        parser.error("--no-pictures draws none: there is nothing to show and no style")
    if arguments.resume:
        asked = [name for name in FORMATS if getattr(arguments, name)]
        if len(asked) != 1 or asked[0] not in RESUMED:
            parser.error("--resume goes on with one result, of --jsonl or --parquet: name it alone")
        if arguments.overwrite:
            parser.error("--resume goes on and --overwrite begins anew: give one of them")
    return arguments


def cluster(text: str) -> str:
    """The address of a Ray cluster, or "" for whichever there is."""
    if text and not CLUSTER.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text} is no address of a cluster, such as 10.0.0.1:6379: name photos before --ray"
        )
    return text


def check_ray(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """End the program where something was asked for that `--ray` has not; it draws no pictures."""
    asked = [name for name in FORMATS if getattr(arguments, name)]
    if not asked or not RESUMED.issuperset(asked):
        parser.error("--ray writes --jsonl and --parquet, nothing else: name one of them or both")
    if arguments.show or arguments.style:
        parser.error("--ray draws no pictures: there is nothing to show and no style")
    if arguments.device and ":" in arguments.device:
        parser.error(f"--device {arguments.device} is one GPU, and --ray takes all: leave it out")
    arguments.no_pictures, arguments.predictors = True, arguments.predictors or 1


def main(argv=None) -> int:
    """Run the command; return its exit code."""
    arguments = parse_arguments(argv)

    def body():
        from custom_training import CustomConfig
        from mrcnn.commands.photo_run import run

        if not (arguments.sources or SAMPLE.exists()):
            raise ValueError("there are no sample photos here: name photos or their folder")
        if not arguments.sources:
            print(f"No photos are named: these are the sample photos, {SAMPLE}")
            arguments.sources = [SAMPLE]
        if arguments.ray is None:
            return run(arguments, CustomConfig)
        from mrcnn.commands import ray_run

        ray_run.library()
        return run(arguments, CustomConfig, ray_run.start)

    return process.run(body, __file__)


if __name__ == "__main__":
    sys.exit(main())
