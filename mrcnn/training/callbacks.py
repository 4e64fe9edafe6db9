"""What happens beside the steps of a training: files after an epoch, and a stop where it fails."""

import math
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import keras
import numpy as np

from mrcnn import atomic
from mrcnn.drawing import figures
from mrcnn.training import hosts, run_files
from mrcnn.training.state import State, optimizer_variables

# Mask AP of the validation set, 0..1, in logs, losses and TensorBoard.
MASK_AP = "val_mask_ap"
# That at an epoch's end, as Keras' own callbacks name it.
LEARNING_RATE = "learning_rate"


class TrainingError(RuntimeError):
    """A training run that cannot go on; the message says why and what to do."""


class EpochCounter(keras.callbacks.Callback):
    """Tells the batches which epoch runs; the order of images depends on it, and on no history."""

    def __init__(self, *batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        for batches in filter(None, self.batches):
            batches.epoch, batches.seconds = epoch, 0.0


class StopOnNonFinite(keras.callbacks.Callback):
    """Ends the run at the first loss that is no number, with the images that made it."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_train_batch_end(self, batch, logs=None):
        bad = [name for name, value in (logs or {}).items() if not np.isfinite(value)]
        if not bad:
            return
        images = self.batches.generator.images_of(*self.batches.place(batch))
        # The sum is not finite wherever a part is not; name the part.
        bad = [name for name in bad if name != "loss"] or bad
        raise TrainingError(
            f"{' and '.join(bad)} is not finite at step {batch + 1} of epoch "
            f"{self.batches.epoch + 1}, with {', '.join(images)}: lower the learning rate or look "
            "at the annotation of these images; the last checkpoint is as it was"
        )


class Unmatched(keras.callbacks.Callback):
    """Says where no proposal of an epoch, or of its validation, overlaps an object by half.

    The heads' losses tell it: where one proposal does, that of its mask is over 0, since no
    probability is taken for certain.
    """

    LOSSES = ("mrcnn_bbox_loss", "mrcnn_mask_loss")

    def __init__(self, batches, validation, console):
        super().__init__()
        self.parts = {"": batches} | ({"val_": validation} if validation else {})
        self.console = console

    def on_epoch_end(self, epoch, logs=None):
        names = [name for name in self.LOSSES if self.model.loss_weights.get(name, 1) > 0]
        for prefix, batches in self.parts.items():
            if not names or any(logs.get(prefix + name) != 0 for name in names):
                continue
            count = len(batches) * batches.generator.batch_size
            of = "validation images" if prefix else "images"
            self.console.line(
                f"No proposal for the {count} {of} of epoch {epoch + 1} overlaps an object by "
                f"half: {' and '.join(prefix + name for name in names)} 0, the box and mask heads "
                f"{'were not measured' if prefix else 'learned nothing'}. That may be so at the "
                "beginning; where it stays, see with check whether the anchors suit the objects "
                "(RPN_ANCHOR_SCALES), or raise POST_NMS_ROIS_TRAINING"
            )


class Score(keras.callbacks.Callback):
    """Enters the score of an epoch in its logs, as MASK_AP.

    Arguments:
        score: called with the seconds that the epoch's steps took; returns a number, or None where
            there is none. Where it fails, or gives none, the loss decides from then on.
        console: has `line(sentence)`, which says so.
    """

    def __init__(self, score: Callable[[float], float | None], console):
        super().__init__()
        self.score, self.console = score, console

    def on_epoch_begin(self, epoch, logs=None):
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())

    def on_epoch_end(self, epoch, logs=None):
        if self.score is None:
            return
        # The first step compiles.
        steps = len(self.ends)
        seconds = (self.ends[-1] - self.ends[0]) * steps / max(steps - 1, 1)
        try:
            value, why = self.score(seconds), "no validation image has an object"
        # Whatever it is, what was learned is not lost for it.
        except Exception as error:
            value, why = None, " ".join(f"{type(error).__name__}: {error}".split())[:400]
        if value is None:
            self.score = None
            self.console.line(f"{MASK_AP} cannot be told: {why}")
        else:
            logs[MASK_AP] = value


class Checkpoints(keras.callbacks.Callback):
    """Writes weights and state of a run after every epoch.

    Arguments:
        folder: the run's folder; what its state tells of an earlier best one counts.
        name: the Config's NAME.
        save_weights: writes all weights to a path.
        images: of how many images MASK_AP is; called after an epoch. None where it is not used.
        plan: what the state shall keep of the run's plan.
        patience: epochs without a better one after which training stops; None for never.
        console: has `line(sentence)`, which says where it stops.

    The best epoch is that of the highest MASK_AP, and of equal ones that of the lowest loss; where
    the logs have none, that of the lowest `val_loss`, else `loss`.
    """

    def __init__(
        self,
        folder: str | Path,
        name: str,
        save_weights: Callable[[str], None],
        patience: int | None,
        console,
        images: Callable[[], int | None] = lambda: None,
        plan: Mapping = MappingProxyType({}),
    ):
        super().__init__()
        self.plan = dict(plan)
        self.folder, self.name, self.save_weights = Path(folder), name, save_weights
        self.patience, self.console, self.images = patience, console, images
        header = run_files.read_header(folder)
        names = ("monitor", "best", "best_loss", "best_epoch")
        self.monitor, self.best, self.best_loss, self.best_epoch = map(header.get, names)

    def on_train_begin(self, logs=None):
        # What a killed run was writing.
        for unfinished in self.folder.glob(".*.part"):
            if unfinished.is_file():
                unfinished.unlink(missing_ok=True)

    def on_epoch_end(self, epoch, logs=None):
        loss_name = "val_loss" if "val_loss" in logs else "loss"
        monitor = MASK_AP if MASK_AP in logs else loss_name
        score, loss = float(logs[monitor]), float(logs[loss_name])
        # The step's own check of the losses comes before the step has changed the weights.
        learned = map(np.asarray, self.model.trainable_variables)
        if not (math.isfinite(loss) and all(np.isfinite(array).all() for array in learned)):
            raise TrainingError(
                f"{loss_name} or a weight is not finite after epoch {epoch + 1}, which is not "
                "saved: lower the learning rate, and go on from the epoch before"
            )
        checkpoint = self._path(epoch + 1)
        self.save_weights(str(checkpoint))
        _same_file(checkpoint, self._path("last"))
        if monitor != self.monitor:
            if self.best is not None:
                text = f"The best epoch is that of {monitor} from now on, no more of {self.monitor}"
                self.console.line(text)
            self.monitor, self.best = monitor, None
        if self.best is None or self._rank(score, loss) > self._rank(self.best, self.best_loss):
            self.best, self.best_loss, self.best_epoch = score, loss, epoch + 1
            _same_file(checkpoint, self._path("best"))
        optimizer = self.model.optimizer
        State(
            epoch=epoch + 1,
            best=self.best,
            best_epoch=self.best_epoch,
            learning_rate=float(keras.ops.convert_to_numpy(optimizer.learning_rate)),
            variables=optimizer_variables(optimizer),
            monitor=self.monitor,
            best_loss=self.best_loss,
            images=self.images(),
            **self.plan,
        ).save(self.folder)
        if self.patience and epoch + 1 - self.best_epoch >= self.patience:
            self.console.line(
                f"no better {self.monitor} than {self.best:.4f} of epoch {self.best_epoch} for "
                f"{self.patience} epochs: stopping"
            )
            self.model.stop_training = True

    def _rank(self, score, loss):
        """Return what is larger of the better epoch."""
        return (score, -loss) if self.monitor == MASK_AP else (-score,)

    def _path(self, which):
        return self.folder / run_files.checkpoint_name(self.name, which)


class StopTogether(keras.callbacks.Callback):
    """Lets all joined processes stop after the epoch after which process 0 does."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = bool(hosts.common(int(self.model.stop_training)))


class Once:
    """Lets faults of the body pass, and has the first of them said: `what`, and why.

    It is for what a training goes on without.
    """

    def __init__(self, console, what: str):
        self.console, self.what, self.told = console, what, False

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if not isinstance(error, Exception):
            return False
        if not self.told:
            why = " ".join(f"{kind.__name__}: {error}".split())[:400]
            self.console.line(f"{self.what}: {why}")
        self.told = True
        return True


class Losses(keras.callbacks.Callback):
    """Writes the losses and draws their curves, both anew after every epoch.

    What `folder`, the run's, has of epochs up to `first_epoch` is kept. A fault is said once, by
    `line` of the console, and ends nothing: the next epoch writes all of them again.
    """

    def __init__(self, folder: str | Path, first_epoch: int, console):
        super().__init__()
        self.folder, self.guard = Path(folder), Once(console, "The losses cannot be written")
        self.rows = [row for row in run_files.read_losses(folder) if row["epoch"] <= first_epoch]

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append({"epoch": epoch + 1, **(logs or {})})
        if self.model is not None:
            rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            self.rows[-1].setdefault(LEARNING_RATE, rate)
        with self.guard:
            run_files.write_losses(self.folder, self.rows)
            names = dict.fromkeys(name for row in self.rows for name in row)
            columns = {
                name: [run_files.number(row.get(name)) for row in self.rows] for name in names
            }
            values = {name: column for name, column in columns.items() if name.endswith("loss")}
            score, rate = (columns.get(name, ()) for name in (MASK_AP, LEARNING_RATE))
            curves = figures.png(figures.losses(values, score, rate, MASK_AP))
            atomic.write_bytes(self.folder / run_files.CURVES_FILE, curves)


def _same_file(source: Path, target: Path) -> None:
    """Make `target` another name of `source`, or a copy where the disk knows no such thing."""
    with atomic.replacing(target) as beside:
        os.remove(beside)
        try:
            os.link(source, beside)
        except OSError:
            shutil.copyfile(source, beside)
