"""The commands of a training script: train, crossval, evaluate, export, check, splash.

A script brings what is special to it, a `Script`, and calls `main`.
"""

from collections.abc import Sequence

from mrcnn.commands import process
from mrcnn.commands.check_command import run_check
from mrcnn.commands.crossval_command import run_crossval
from mrcnn.commands.evaluate_command import run_evaluate
from mrcnn.commands.export_command import run_export
from mrcnn.commands.script import Script
from mrcnn.commands.splash_command import run_splash
from mrcnn.commands.train_command import run_train
from mrcnn.commands.training_arguments import parse_arguments

COMMANDS = {
    "train": run_train,
    "crossval": run_crossval,
    "evaluate": run_evaluate,
    "export": run_export,
    "check": run_check,
    "splash": run_splash,
}


def main(script: Script, argv: Sequence[str] | None = None) -> int:
    """Run a command of the command line `argv`; return the exit code."""
    arguments = parse_arguments(argv, script.description, script.config)
    return process.run(lambda: COMMANDS[arguments.command](script, arguments))
