"""The room on the disk that a training run takes."""

import math
import shutil
from pathlib import Path

from mrcnn.training.run_files import STATE_FILE


def disk_text(folder: str | Path, weights: int, state: int, epochs: int) -> str:
    """Say what a run will take of the disk, and where that is more than is free, how far it gets.

    `folder` is the run's and need not be there yet; `weights` and `state` are bytes of a checkpoint
    and of the training state, the optimizer's momentum of all that learns; `epochs` are to come.
    Raises OSError where not even one epoch could be written.
    """
    folder = Path(folder).absolute()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < weights + state:
        raise OSError(
            f"{there} has {_size(free)} free, an epoch takes {_size(weights + state)}: make room "
            "there, or choose another disk with --logs (model_dir)"
        )
    # A new state is written beside the old one. Best and last are names of checkpoints.
    states = state if epochs == 1 or (folder / STATE_FILE).exists() else 2 * state
    need = epochs * weights + states
    possible = max(1, (free - states) // weights)
    text = (
        f"Disk: {epochs} checkpoint{'s' if epochs != 1 else ''} of {_size(weights)} and the "
        f"training state, {_size(need)} in all; {_size(free)} are free"
    )
    if free >= need:
        return text
    return (
        f"{text}\n  Warning: that is room for {possible} of {epochs} epochs; make some meanwhile, "
        "by deleting checkpoints of other runs or older ones of this (best and last stay)"
    )


def bytes_of(variables) -> int:
    """Return how many bytes Keras variables take in a file, where all are float32."""
    return 4 * sum(math.prod(variable.shape) for variable in variables)


def _size(count: int) -> str:
    """Return bytes as "250 MB" or "7.5 GB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.{0 if count >= 10 * size else 1}f} {unit}"
    return f"{count / 1e3:.0f} kB"
