"""What a training run leaves on the disk, and how another goes on from it.

A run's folder holds `mask_rcnn_<name>_0001.h5`... after each epoch, the best and the newest of
them as `mask_rcnn_<name>_best.h5` and `..._last.h5`, the class names in `classes.txt`, and in
`training_state.hdf5` what training needs besides weights: epoch, best score, learning rate and the
optimizer's variables. Every file is written beside its place and renamed, so a full disk or a
killed process costs the running epoch and nothing else.
"""

import contextlib
import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from mrcnn import atomic
from mrcnn.training.run import TrainingError
from mrcnn.training.run_files import (
    CHECKPOINT,
    CLASSES_FILE,
    RUN,
    STATE_FILE,
    claim_folder,
    find_last,
    list_checkpoints,
    new_folder,
    read_class_names,
)

__all__ = [
    "CHECKPOINT",
    "CLASSES_FILE",
    "RUN",
    "STATE_FILE",
    "Checkpoints",
    "State",
    "best_so_far",
    "bytes_of",
    "claim_folder",
    "disk_text",
    "find_last",
    "list_checkpoints",
    "new_folder",
    "optimizer_variables",
    "read_class_names",
    "restore_optimizer",
    "write_class_names",
]


# -- The disk ----------------------------------------------------------------------------------


def disk_text(folder: str | Path, weights: int, state: int, epochs: int) -> str:
    """Say what a run will take of the disk, and where that is more than is free, how far it gets.

    Arguments:
        folder: of the run; it need not be there yet.
        weights, state: bytes of a checkpoint and of the training state, such as `bytes_of` all
            variables and of those that learn, of which the optimizer keeps the momentum.
        epochs: to come.

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


# -- The state ---------------------------------------------------------------------------------


@dataclass
class State:
    """What training needs besides weights: the epochs done, the best score, its epoch and what it
    is a score of, the learning rate, and the optimizer's variables by path."""

    epoch: int
    best: float | None
    best_epoch: int | None
    learning_rate: float
    variables: dict[str, np.ndarray]
    monitor: str | None = None

    def save(self, path: str | Path) -> None:
        """Write the state to an HDF5 file, atomically."""
        with atomic.replacing(path) as beside, h5py.File(beside, "w") as file:
            numbers = {
                "epoch": self.epoch,
                "best": self.best,
                "best_epoch": self.best_epoch,
                "learning_rate": self.learning_rate,
                "monitor": self.monitor,
            }
            file.attrs["state"] = json.dumps(numbers)
            for index, (name, array) in enumerate(self.variables.items()):
                dataset = file.create_dataset(f"variable_{index:04d}", data=array)
                dataset.attrs["name"] = name

    @classmethod
    def load(cls, path: str | Path) -> "State":
        """Read a state; raises ValueError where the file is not one."""
        try:
            with h5py.File(path, "r") as file:
                numbers = json.loads(file.attrs["state"])
                variables = {d.attrs["name"]: d[()] for d in file.values()}
            return cls(variables=variables, **numbers)
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{path} is not the state of a training run ({error}): start from the weights "
                "alone, without --resume"
            ) from error


def best_so_far(folder: str | Path, monitor: str) -> tuple[float | None, int | None]:
    """Return the lowest `monitor` of a run and its epoch, as its state tells; Nones without one."""
    with contextlib.suppress(OSError, KeyError, TypeError, ValueError):
        with h5py.File(Path(folder) / STATE_FILE, "r") as file:
            numbers = json.loads(file.attrs["state"])
        if numbers.get("monitor") == monitor:
            return numbers["best"], numbers["best_epoch"]
    return None, None


def optimizer_variables(optimizer) -> dict[str, np.ndarray]:
    """Return the variables of an optimizer by path, but for the learning rate."""
    return {path: np.asarray(variable) for path, variable in _variables(optimizer).items()}


def restore_optimizer(optimizer, arrays: dict[str, np.ndarray]) -> bool:
    """Assign an optimizer's variables; False, with nothing assigned, where they do not fit."""
    variables = _variables(optimizer)
    fits = variables.keys() == arrays.keys() and all(
        tuple(variable.shape) == arrays[path].shape for path, variable in variables.items()
    )
    if fits:
        for path, variable in variables.items():
            variable.assign(arrays[path])
    return fits


def _variables(optimizer):
    # Keras numbers the optimizers of a process, `sgd_1/...`: that is left out of the path.
    return {
        variable.path.removeprefix(f"{optimizer.name}/"): variable
        for variable in optimizer.variables
        if variable is not optimizer.learning_rate
    }


class Checkpoints(keras.callbacks.Callback):
    """Writes the files of a run after every epoch.

    Arguments:
        folder: the run's folder.
        name: the Config's NAME.
        save_weights: writes all weights to a path.
        monitor: the value whose lowest epoch is the best, `val_loss` or `loss`.
        best, best_epoch: those of an earlier part of the run.
        patience: epochs without a better one after which training stops; None for never.
    """

    def __init__(
        self,
        folder: str | Path,
        name: str,
        save_weights: Callable[[str], None],
        monitor: str,
        best: float | None = None,
        best_epoch: int | None = None,
        patience: int | None = None,
    ):
        super().__init__()
        self.folder, self.name = Path(folder), name.lower()
        self.save_weights = save_weights
        self.monitor = monitor
        self.best, self.best_epoch = best, best_epoch
        self.patience = patience

    def path(self, which) -> Path:
        """Return the file of an epoch (1-based), of "best" or of "last"."""
        which = f"{which:04d}" if isinstance(which, int) else which
        return self.folder / f"mask_rcnn_{self.name}_{which}.h5"

    def on_train_begin(self, logs=None):
        # What a killed run was writing.
        for unfinished in self.folder.glob(".*.part"):
            unfinished.unlink(missing_ok=True)

    def on_epoch_end(self, epoch, logs=None):
        score = float((logs or {})[self.monitor])
        # The step's own check of the losses comes before the step has changed the weights.
        if not (math.isfinite(score) and _all_finite(self.model.trainable_variables)):
            raise TrainingError(
                f"{self.monitor} or a weight is not finite after epoch {epoch + 1}, which is not "
                "saved: lower the learning rate, and go on from the epoch before"
            )
        checkpoint = self.path(epoch + 1)
        self.save_weights(str(checkpoint))
        _same_file(checkpoint, self.path("last"))
        if self.best is None or score < self.best:
            self.best, self.best_epoch = score, epoch + 1
            _same_file(checkpoint, self.path("best"))
        optimizer = self.model.optimizer
        State(
            epoch=epoch + 1,
            best=self.best,
            best_epoch=self.best_epoch,
            learning_rate=float(np.asarray(optimizer.learning_rate)),
            variables=optimizer_variables(optimizer),
            monitor=self.monitor,
        ).save(self.folder / STATE_FILE)
        if self.patience and epoch + 1 - self.best_epoch >= self.patience:
            print(
                f"no better {self.monitor} than {self.best:.4f} of epoch {self.best_epoch} for "
                f"{self.patience} epochs: stopping"
            )
            self.model.stop_training = True


def _all_finite(variables) -> bool:
    return all(np.isfinite(np.asarray(variable)).all() for variable in variables)


def _same_file(source: Path, target: Path) -> None:
    """Make `target` another name of `source`, or a copy where the disk knows no such thing."""
    with atomic.replacing(target) as beside:
        os.remove(beside)
        try:
            os.link(source, beside)
        except OSError:
            shutil.copyfile(source, beside)


def write_class_names(folder: str | Path, class_names: list[str]) -> None:
    """Write one class a line, the background left out, beside the weights."""
    lines = "".join(f"{name}\n" for name in class_names[1:])
    atomic.write_bytes(Path(folder) / CLASSES_FILE, lines.encode())
