"""What a training prints while it runs."""

import math
import time

import keras

from mrcnn.progress import Progress, duration


class Console(keras.callbacks.Callback):
    """Prints how far training is, how the losses stand, and how long it will take."""

    def __init__(self, stream=None):
        super().__init__()
        self.stream, self.progress = stream, Progress(0, stream=stream)
        # Steps of this run, and the seconds of those from the third on: the first ones compile.
        self.steps, self.seconds = 0, 0.0
        # What an epoch takes besides its steps: validation, checkpoint.
        self.aside = 0.0

    def watch(self, batches):
        """Tell of the `Batches` that training learns from."""
        self.batches = batches

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self.progress.line(text)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.epochs, steps = epoch, self.params["epochs"], len(self.batches)
        self.progress = Progress(steps, f"epoch {epoch + 1}/{self.epochs}", self.stream)
        self.started = time.perf_counter()
        self.first, self.last = None, (self.started, 0.0)

    def on_train_batch_end(self, batch, logs=None):
        # When the step ended, and how long batches had been prepared by then.
        before, self.last = self.last[0], (time.perf_counter(), self.batches.seconds)
        self.first = self.first or self.last
        self.steps += 1
        text = f"loss {(logs or {}).get('loss', math.nan):.4f}"
        if self.steps == 1:
            self.progress.compiled(self.last[0] - before)
        if self.steps < 3:
            self.progress.update(text)
            return
        self.seconds += self.last[0] - before
        each = self.seconds / (self.steps - 2)
        steps = len(self.batches) * (self.epochs - self.epoch) - batch - 1
        left = duration(each * steps + self.aside * (self.epochs - self.epoch))
        self.progress.update(f"{text}, {duration(each)} a step, {left} left in all")
        if self.steps == 3 and steps:
            self.line(
                f"A step takes about {duration(each)}: {left} of steps to epoch {self.epochs}"
            )

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter()
        self.aside = now - self.last[0]
        self.progress.close()
        values = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        self.line(f"epoch {epoch + 1}/{self.epochs}: {duration(now - self.started)}  {values}")
        if len(self.batches) > 1:
            self.line(f"  {self.pace()}")

    def pace(self) -> str:
        """Say which side waits for the other, by the time from the first step's end on."""
        seconds = self.last[0] - self.first[0]
        prepared = (self.last[1] - self.first[1]) / max(self.batches.workers, 1)
        slower = "the input" if prepared > 0.9 * seconds else "the network"
        return (
            f"{slower} sets the pace: batches were prepared in {duration(prepared)} by "
            f"{self.batches.workers} threads while it took {duration(seconds)}"
        )
