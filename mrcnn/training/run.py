"""A training run: its optimizer, its folder, and the epochs from one to another."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from mrcnn.training import callbacks as happenings
from mrcnn.training import run_files
from mrcnn.training.batches import Batches
from mrcnn.training.callbacks import TrainingError
from mrcnn.training.disk import bytes_of, disk_text
from mrcnn.training.plan import Plan
from mrcnn.training.state import State, restore_optimizer

__all__ = ["Run", "TrainingError", "compile_model"]

OUT_OF_MEMORY = (
    "ResourceExhausted",
    "OOM when",
    "out of memory",
    "OutOfMemory",
    "RESOURCE_EXHAUSTED",
)


def compile_model(
    model,
    plan: Plan,
    *,
    learning_rate: float,
    steps: int,
    clip_norm: float,
    loss_weights: dict[str, float],
    weight_decay: float,
    state: State | None = None,
) -> bool:
    """Compile a training network by a plan, for `steps` to come.

    Returns False where there is a `state` whose optimizer was for other layers than learn now, and
    so could not go on.
    """

    def optimizer_for(steps):
        model.compile(plan(learning_rate, steps, clip_norm), loss_weights, weight_decay)
        return model.optimizer

    if state is None:
        optimizer_for(steps)
        return True
    optimizer = optimizer_for(state.steps + steps)
    optimizer.build(model.trainable_variables)
    fits = restore_optimizer(optimizer, state.variables)
    if not fits:
        optimizer = optimizer_for(steps)
    # A rate that is no variable follows from the steps done.
    if isinstance(optimizer.learning_rate, keras.Variable):
        optimizer.learning_rate = state.learning_rate
    return fits


class Run:
    """The training of a compiled network from one epoch to another.

    Making it makes its folder; raises OSError where that cannot be, or the disk has no room.

    Arguments:
        model: the network in training mode.
        batches, validation: what it learns from and what it is validated on, or None.
        folder: of the run; with `first_epoch` 0 it may become that of the next free minute.
        name: the Config's NAME.
        first_epoch: how many are done.
        epochs: how many shall be done in all.
    """

    def __init__(
        self,
        model,
        batches: Batches,
        validation: Batches | None,
        *,
        folder: str | Path,
        name: str,
        first_epoch: int,
        epochs: int,
    ):
        self.model, self.batches, self.validation = model, batches, validation
        self.name, self.first_epoch, self.epochs = name, first_epoch, epochs
        self.disk = disk_text(
            folder,
            bytes_of(model.weights),
            bytes_of(model.trainable_variables),
            epochs - first_epoch,
        )
        goes_on = first_epoch and Path(folder).exists()
        self.folder = Path(folder) if goes_on else run_files.claim_folder(folder)

    def __str__(self):
        lines = []
        for name, batches in (("Training", self.batches), ("Validation", self.validation)):
            if batches:
                generator = batches.generator
                size = f"{len(generator.dataset.image_ids)} images, {generator.batch_size} a batch"
                lines.append(f"{name}: {size}: {len(batches)} steps an epoch")
        rate = float(np.asarray(self.model.optimizer.learning_rate))
        lines += [
            f"Starting at epoch {self.first_epoch + 1} of {self.epochs}, learning rate {rate:g}",
            f"Checkpoints: {self.folder}",
            self.disk,
        ]
        return "\n".join(lines)

    def fit(
        self,
        callbacks: list,
        console,
        *,
        class_names: list[str],
        save_weights: Callable[[str], None],
        memory_advice: str,
        patience: int | None = None,
    ):
        """Train, and write the run's files after each epoch; return the Keras History.

        Arguments:
            callbacks: Keras callbacks. What they set, such as the learning rate, is part of the
                state that is saved.
            console: the callback that tells of it; see `mrcnn.console`.
            class_names: "BG" first.
            save_weights, patience: see `callbacks.Checkpoints`.
            memory_advice: what to do where the device's memory does not suffice.

        Losses go to TensorBoard too, where it is installed. Raises TrainingError for a loss that
        is not finite, for batches that cannot be made, and for too little memory.
        """
        run_files.write_class_names(self.folder, class_names)
        batches, validation = self.batches, self.validation
        monitor = "val_loss" if validation else "loss"
        console.watch(batches)
        callbacks = [
            happenings.EpochCounter(batches, validation),
            happenings.StopOnNonFinite(batches),
            *callbacks,
            # What an epoch leaves is written before anybody reads that it is done.
            happenings.Checkpoints(
                self.folder, self.name, save_weights, monitor, patience, console.line
            ),
            console,
            happenings.Losses(self.folder, self.first_epoch),
            *_tensorboard(self.folder),
        ]
        try:
            return self.model.fit(
                batches,
                initial_epoch=self.first_epoch,
                epochs=self.epochs,
                validation_data=validation,
                callbacks=callbacks,
                # The order of images is the generator's.
                shuffle=False,
                verbose=0,
            )
        except Exception as error:
            if any(sign in f"{type(error).__name__} {error}" for sign in OUT_OF_MEMORY):
                raise TrainingError(f"the device has too little memory: {memory_advice}") from error
            for part in (batches, validation):
                if part and isinstance(part.error, ValueError | OSError):
                    raise TrainingError(str(part.error)) from part.error
            raise
        finally:
            console.close()


def _tensorboard(folder):
    if keras.backend.backend() != "tensorflow" or not importlib.util.find_spec("tensorboard"):
        return []
    return [keras.callbacks.TensorBoard(str(folder), write_graph=False)]
