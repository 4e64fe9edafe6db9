"""A training run: which layers learn, from which batches, and what is told and kept meanwhile."""

import csv
import io
import math
import os
import re
import sys
import time
from pathlib import Path

import keras
import numpy as np

from mrcnn import atomic
from mrcnn.drawing import figures
from mrcnn.nn.blocks import leaf_layers

LOSSES_FILE = "losses.csv"
# The words that `layers` may be; a backbone's stages carry their number, and BatchNorm its conv's.
HEADS = r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)"
FIRST_STAGES = {"3+": 3, "4+": 4, "5+": 5}


class TrainingError(RuntimeError):
    """A training run that cannot go on; the message says why and what to do."""


def layer_pattern(layers: str) -> str:
    """Return the regular expression of the layers to train.

    `layers` is "heads", "3+", "4+", "5+" (that stage of the backbone, what follows it, and the
    heads), "all", or a regular expression that must match a layer's whole name.
    """
    if layers == "heads":
        return HEADS
    if layers == "all":
        return ".*"
    if layers in FIRST_STAGES:
        stages = "".join(str(stage) for stage in range(FIRST_STAGES[layers], 6))
        return rf"((res|bn|compact)[{stages}].*)|{HEADS}"
    return layers


def set_trainable(model, pattern: str) -> list[str]:
    """Let the layers learn whose whole name matches `pattern`, and no others; return their names.

    Raises ValueError where none matches or `pattern` is no regular expression.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"layers {pattern!r} is not a regular expression: {error}") from error
    names = []
    for leaf, _ in leaf_layers(model):
        if leaf.weights:
            leaf.trainable = bool(expression.fullmatch(leaf.name))
            if leaf.trainable:
                names.append(leaf.name)
    if not names:
        raise ValueError(
            f"layers {pattern!r} matches no layer: use heads, 3+, 4+, 5+, all or the name of a "
            "layer such as mrcnn_mask"
        )
    return names


class Batches(keras.utils.PyDataset):
    """What a network is fed: batches of a `DataGenerator`, made in threads ahead of the step.

    Never in processes: forking after TensorFlow has started hangs for ever.

    Arguments:
        generator: gives batch `index` of pass `epoch` over the data set.
        steps: batches an epoch; None for one pass. Passes follow one another without a break, so
            that every image is seen as often as any other whatever `steps` is.
        workers: threads.
        repeat: begin every epoch with the first batch, as validation must to be comparable.
    """

    def __init__(self, generator, steps: int | None, workers: int, repeat: bool = False):
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=2 * workers)
        self.generator = generator
        self.steps = steps or len(generator)
        self.repeat = repeat
        self.epoch = 0
        self.seconds = 0.0
        self.error = None

    def __len__(self):
        return self.steps

    def place(self, index: int) -> tuple[int, int]:
        """Return (pass over the data set, batch of it) of a batch of the running epoch."""
        done = 0 if self.repeat else self.epoch * self.steps
        return divmod(done + index, len(self.generator))

    def __getitem__(self, index):
        start = time.perf_counter()
        try:
            batch = self.generator.batch(*self.place(index))
        except Exception as error:
            # What comes out of the thread is a page of TensorFlow's.
            self.error = error
            raise
        # Keras adds up a batch over the devices, which TensorFlow does not do with booleans.
        batch["input_gt_masks"] = batch["input_gt_masks"].view(np.uint8)
        self.seconds += time.perf_counter() - start
        return (batch,)


class _EpochCounter(keras.callbacks.Callback):
    """Tells the batches which epoch runs; the order of images depends on it, and on no history."""

    def __init__(self, *batches):
        super().__init__()
        self.batches = [b for b in batches if b is not None]

    def on_epoch_begin(self, epoch, logs=None):
        for batches in self.batches:
            batches.epoch, batches.seconds = epoch, 0.0


class _StopOnNonFinite(keras.callbacks.Callback):
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


class _Progress(keras.callbacks.Callback):
    """Prints how far training is, how the losses stand, and how long it will take.

    On a terminal one line is written over; elsewhere a line appears every half minute.
    """

    def __init__(self, batches, epochs, stream=None):
        super().__init__()
        self.batches, self.epochs = batches, epochs
        self.stream = stream or sys.stdout
        self.live = self.stream.isatty()
        self.printed = -math.inf
        self.step_seconds = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.started, self.last = epoch, time.perf_counter(), None
        self.printed = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if self.last is None:
            self.first, self.prepared = now, self.batches.seconds
        else:
            # The first step compiles; a running mean of the others forgets slowly.
            step = now - self.last
            kept = self.step_seconds
            self.step_seconds = step if kept is None else 0.9 * kept + 0.1 * step
        self.last, self.prepared_last = now, self.batches.seconds
        if now - self.printed < (0.2 if self.live else 30) and batch + 1 < len(self.batches):
            return
        self.printed = now
        step = self.step_seconds or now - self.started
        left = step * (len(self.batches) - batch - 1)
        after = step * len(self.batches) * (self.epochs - self.epoch - 1)
        line = (
            f"epoch {self.epoch + 1}/{self.epochs}  step {batch + 1}/{len(self.batches)}  "
            f"loss {(logs or {}).get('loss', math.nan):.4f}  {step:.2f} s a step  "
            f"{_duration(left)} left, {_duration(left + after)} in all"
        )
        print(
            f"\r{line:<100}" if self.live else line,
            end="" if self.live else "\n",
            flush=True,
            file=self.stream,
        )

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.started
        values = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        start = "\r" if self.live else ""
        print(
            f"{start}epoch {epoch + 1}/{self.epochs}: {_duration(seconds)}  {values}",
            file=self.stream,
        )
        if len(self.batches) > 1:
            print(f"  {self.pace()}", flush=True, file=self.stream)

    def pace(self) -> str:
        """Say which side waits for the other, by the time from the first step's end on."""
        seconds = self.last - self.first
        prepared = (self.prepared_last - self.prepared) / max(self.batches.workers, 1)
        slower = "the input" if prepared > 0.9 * seconds else "the network"
        return (
            f"{slower} sets the pace: batches were prepared in {_duration(prepared)} by "
            f"{self.batches.workers} threads while it took {_duration(seconds)}"
        )


class _Losses(keras.callbacks.Callback):
    """Writes `losses.csv` and draws it as `losses.png`, both anew after every epoch.

    Arguments:
        log_dir: the run's folder.
        first_epoch: 0-based; what an earlier part of the run wrote of the epochs before is kept.
    """

    def __init__(self, log_dir, first_epoch):
        super().__init__()
        self.log_dir = log_dir
        self.rows = []
        if first_epoch and (log_dir / LOSSES_FILE).exists():
            with open(log_dir / LOSSES_FILE, newline="") as file:
                self.rows = [row for row in csv.DictReader(file) if _epoch(row) < first_epoch]

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append({"epoch": epoch, **(logs or {})})
        # Parts of a run may differ: in validation, in what callbacks add.
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, names, restval="")
        writer.writeheader()
        writer.writerows(self.rows)
        atomic.write_bytes(self.log_dir / LOSSES_FILE, text.getvalue().encode())
        losses = [name for name in names if name.endswith("loss")]
        values = {name: [_number(row.get(name)) for row in self.rows] for name in losses}
        atomic.write_bytes(self.log_dir / "losses.png", figures.png(figures.losses(values)))


def _epoch(row):
    epoch = _number(row.get("epoch"))
    return math.inf if math.isnan(epoch) else epoch


def _number(value) -> float:
    """Return a cell of the losses as a number, NaN for one that holds none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _duration(seconds: float) -> str:
    """Return such as "42 s", "3 min 20 s" or "2 h 05 min"."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def default_workers() -> int:
    """Return how many threads prepare batches: one a core, but no more than eight."""
    return max(1, min(8, os.cpu_count() or 1))


def fit(
    model,
    batches: Batches,
    validation: Batches | None,
    *,
    first_epoch: int,
    epochs: int,
    log_dir: str | Path,
    callbacks: list,
    memory_advice: str,
):
    """Train a compiled `Network` from epoch `first_epoch` (0-based) up to `epochs` in all.

    Losses go to `log_dir/losses.csv`, as curves to `losses.png` beside it, and to TensorBoard where
    it is installed. `callbacks` run before what is printed and logged. Returns the Keras History.
    Raises TrainingError for a loss that is not finite, for batches that cannot be made, and with
    `memory_advice` where the device's memory does not suffice.
    """
    log_dir = Path(log_dir)
    log_dir.mkdir(parents=True, exist_ok=True)
    callbacks = [
        _EpochCounter(batches, validation),
        _StopOnNonFinite(batches),
        # What an epoch leaves is written before anybody reads that it is done.
        *callbacks,
        _Progress(batches, epochs),
        _Losses(log_dir, first_epoch),
        *_tensorboard(log_dir),
    ]
    try:
        return model.fit(
            batches,
            initial_epoch=first_epoch,
            epochs=epochs,
            validation_data=validation,
            callbacks=callbacks,
            # The order of images is the generator's.
            shuffle=False,
            verbose=0,
        )
    except Exception as error:
        if _is_out_of_memory(error):
            raise TrainingError(f"the device has too little memory: {memory_advice}") from error
        for part in (batches, validation):
            if part and isinstance(part.error, ValueError | OSError):
                raise TrainingError(str(part.error)) from part.error
        raise


def _tensorboard(log_dir):
    import importlib.util

    if keras.backend.backend() != "tensorflow" or not importlib.util.find_spec("tensorboard"):
        return []
    return [keras.callbacks.TensorBoard(str(log_dir), write_graph=False)]


def _is_out_of_memory(error) -> bool:
    text = f"{type(error).__name__} {error}"
    return any(
        sign in text
        for sign in (
            "ResourceExhausted",
            "OOM when",
            "out of memory",
            "OutOfMemory",
            "RESOURCE_EXHAUSTED",
        )
    )
