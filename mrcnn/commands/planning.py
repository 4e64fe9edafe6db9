"""Which plan a training of the command line follows and why, and what follows from it."""

import argparse
from pathlib import Path

from mrcnn.commands import weights
from mrcnn.commands.process import ROOT
from mrcnn.commands.starting import Start, classes_to_train, left_alone
from mrcnn.training import run_files
from mrcnn.training.plan import CLASSIC, FEW, Plan, named, refuse_another

# Of a plan's rate, where the weights know the classes: no layer is new, and what they know stays.
KNOWN_SHARE = 0.1


def choose(start: Start, asked: str | None) -> tuple[Plan, str]:
    """Return the plan of a training, and why it is that one.

    Arguments:
        start: what the training starts from.
        asked: what `--plan` says.

    Raises ValueError where a run shall go on with another plan than its own.
    """
    if start.arguments.resume:
        kept = run_files.read_header(start.path.parent).get("plan") or CLASSIC.name
        refuse_another(asked, kept)
        return named(kept), "that of the run"
    if asked:
        return named(asked), "as --plan says"
    backbone_alone = start.info is not None and not start.info.num_classes
    if start.of_imagenet or backbone_alone:
        return FEW, "the default from a backbone's weights"
    shipped = weights.shipped(ROOT)
    if start.path.resolve() == shipped.resolve():
        return FEW, f"the default from {Path(*shipped.parts[-2:])}"
    return CLASSIC, "the default from these weights"


def completed(start: Start, plan: Plan) -> argparse.Namespace:
    """Return the arguments with what the plan says where they say nothing.

    A script's Config that sets images a batch or the learning rate means what it says. A run that
    is resumed keeps them, and the layers and epochs that it was started with.
    """
    arguments = argparse.Namespace(**vars(start.arguments))
    config = start.script.config
    of_plan = {"layers": plan.layers, "epochs": plan.epochs}
    if arguments.resume:
        kept = run_files.read_header(start.path.parent)
        of_plan |= {name: kept[name] for name in of_plan if kept.get(name)}
    else:
        settings = {"batch": "IMAGES_PER_GPU", "learning_rate": "LEARNING_RATE"}
        free = left_alone(config, settings.values())
        of_plan |= {each: getattr(plan, each) for each, name in settings.items() if name in free}
        if of_plan.get("learning_rate") and _known(start):
            of_plan["learning_rate"] *= KNOWN_SHARE
    for name, value in of_plan.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    return arguments


def _known(start: Start) -> bool:
    """Tell whether the weights are for the classes to train."""
    names = classes_to_train(start.script, start.arguments)
    return bool(start.info and names) and weights.knows(start.info, names)


def text(plan: Plan, why: str, arguments: argparse.Namespace) -> str:
    """Say in a line which plan it is, why, and what it does."""
    epochs = f"{arguments.epochs} epoch{'s' if arguments.epochs != 1 else ''}"
    rate = [f"at most {arguments.learning_rate:g}"] if arguments.learning_rate else []
    parts = [plan.summary, *rate, f"layers {arguments.layers}", epochs]
    if plan.augmentation is not None and not arguments.no_augmentation:
        parts.append("photos changed each time they are seen")
    return f"Plan: {plan.name}, {why}: {', '.join(parts)}"
