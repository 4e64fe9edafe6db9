"""A training run: its optimizer, its folder, and the epochs from one to another."""

import contextlib
import importlib.util
import os
import re
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import keras

from mrcnn.data.batches import DataGenerator
from mrcnn.nn.blocks import leaf_layers
from mrcnn.tables import few
from mrcnn.training import callbacks as happenings
from mrcnn.training import hosts, run_files
from mrcnn.training.accumulation import accumulating, refuse_no_step
from mrcnn.training.batches import Batches
from mrcnn.training.callbacks import TrainingError
from mrcnn.training.layers import layer_pattern, set_trainable
from mrcnn.training.plan import Plan
from mrcnn.training.state import State, restore_optimizer
from mrcnn.training.strips import Strips
from mrcnn.training.tensorboard import TensorBoard

# TensorFlow's words, JAX's, PyTorch's on a GPU and on a processor, and Python's.
OUT_OF_MEMORY = re.compile(
    "resource_?exhausted|oom when|out ?of ?memory|(can't|cannot|not enough) ?(allocate)? memory"
    "|MemoryError",
    re.IGNORECASE,
)
MOST_WORKERS = 8
MEMORY_ADVICE = (
    "lower IMAGES_PER_GPU, IMAGE_MAX_DIM or TRAIN_ROIS_PER_IMAGE, or take a smaller BACKBONE"
)


def compile_model(
    model,
    make_optimizer: Callable,
    learning_rate: float,
    *,
    clip_norm: float,
    loss_weights: dict[str, float],
    weight_decay: float,
    accumulate: int = 1,
    batches: int = 0,
    state: State | None = None,
) -> bool:
    """Compile a training network, for `batches` to come after those of `state`.

    `make_optimizer` is an optimizer function as of `plan`; `accumulate` batches make a step.
    Returns False where the state's optimizer was for other layers than learn now, or for steps of
    other batches, and starts anew.
    """

    def optimizer_for(batches):
        # TensorFlow clips on each device, where the gradients are a device's share of the whole.
        clipped = clip_norm / model.replicas()
        optimizer = make_optimizer(learning_rate, -(-batches // accumulate), clipped)
        model.compile(accumulating(optimizer, accumulate), loss_weights, weight_decay)
        # What it keeps of each weight takes room on the disk, which is looked at before.
        model.optimizer.build(model.trainable_variables)
        return model.optimizer

    if state is None:
        optimizer_for(batches)
        return True
    optimizer = optimizer_for(state.batches + batches)
    alike = state.accumulate == accumulate
    fits = alike and restore_optimizer(optimizer, state.variables)
    if not fits:
        optimizer = optimizer_for(batches)
    # A rate that is no variable follows from the steps done.
    if isinstance(optimizer.learning_rate, keras.Variable):
        optimizer.learning_rate = state.learning_rate
    return fits


class Run:
    """A training from one epoch to another: `choose_layers`, `feed`, `compile`, then `fit`.

    Arguments:
        model: the network in training mode.
        console: the callback that tells of it; see `mrcnn.console`.
        name: the Config's NAME.
        folder: of the run. Where it has later epochs and is not resumed, they stay, and the run
            gets a folder of its own beside it.
        first_epoch: how many are done.
        epochs: how many shall be done in all.
        resume: go on with the state in the folder; raises ValueError where it does not fit.
    """

    def __init__(
        self, model, console, *, name: str, folder, first_epoch: int, epochs: int, resume: bool
    ):
        self.model, self.console = model, console
        self.name, self.folder = name, Path(folder)
        self.first_epoch, self.epochs = first_epoch, epochs
        self.state = State.load(folder, first_epoch) if resume else None
        last = max(run_files.list_checkpoints(folder), default=0)
        if last > first_epoch and not resume:
            console.line(f"{folder} has epochs up to {last}: they stay, this is a run of its own")
            self.folder = run_files.new_folder(self.folder.parent, name)

    def choose_layers(self, layers: str) -> None:
        """Let the layers learn that `layers` means, see `layer_pattern`; raises ValueError."""
        learning = set_trainable(self.model, layer_pattern(layers))
        count = sum(1 for leaf, _ in leaf_layers(self.model) if leaf.weights)
        self.console.line(f"{len(learning)} of {count} layers learn: {layers}")

    def feed(
        self,
        training,
        validation,
        *,
        num_classes: int,
        steps: int | None,
        validation_steps: int | None,
        workers: int | None,
        augmenting: dict,
        known: list[str] | None = None,
        **options,
    ) -> None:
        """Take what to learn from, and what to validate on.

        Arguments:
            training, validation: prepared `Dataset`s; the second may be None. ValueError where
                their classes differ, or stand in another order: their ids would mean others.
            num_classes: of the network; ValueError where the data set has others.
            steps, validation_steps: batches an epoch; None for the whole data set.
            workers: threads that make batches; None for one a core, eight at most.
            known: the classes of the weights that training starts from.
            augmenting, options: keywords of `DataGenerator`, the first for training alone.
        """
        if training.num_classes != num_classes:
            raise ValueError(
                f"NUM_CLASSES is {num_classes}, but with the background the data set has "
                f"{training.num_classes}: {few(training.class_names)}"
            )
        changed = known and _first_difference(known, training.class_names)
        if changed and len(known) == num_classes:
            index, before, now = changed
            self.console.line(
                f"Warning: class {index} is {before!r} in the weights and {now!r} in the data set: "
                "unless that is a new name of the same, exclude the layers that tell classes"
            )
        wrong = validation and _first_difference(training.class_names, validation.class_names)
        if wrong:
            index, own, other = wrong
            raise ValueError(
                f"class {index} is {own!r} in the data set to train on and {other!r} in that to "
                "validate on: add the same classes to both, in the same order"
            )
        workers = workers or min(MOST_WORKERS, os.cpu_count() or 1)
        options["report"] = self.console.line
        options["share"] = hosts.place()
        together = hosts.place()[1] > 1
        if together:
            hosts.check_batch(options["batch_size"])
            options["seed"] = hosts.common_seed(options.get("seed"))
        generator = DataGenerator(training, **augmenting, **options)
        if together and not generator.one_size:
            raise ValueError(
                "several processes train on images of one size, which IMAGE_RESIZE_MODE = square "
                "and crop give"
            )
        self.batches, self.validation = Batches(generator, steps, workers), None
        if validation:
            generator = DataGenerator(validation, shuffle=False, **options)
            self.validation = Batches(generator, validation_steps, workers, repeat=True)

    def compile(self, plan: Plan, **minimised) -> None:
        """Compile by a plan; `minimised` are further keywords of `compile_model`."""
        self.plan = {"plan": plan.name, "highest_rate": plan.learning_rate, "layers": plan.layers}
        self.plan |= {"epochs": self.epochs, "accumulate": minimised["accumulate"]}
        minimised |= {"weight_decay": plan.weight_decay, "loss_weights": plan.loss_weights}
        minimised["state"] = self.state
        minimised["batches"] = (self.epochs - self.first_epoch) * len(self.batches)
        refuse_no_step(minimised["batches"], minimised["accumulate"])
        if not compile_model(self.model, plan.optimizer, plan.learning_rate, **minimised):
            self.console.line(
                "Other layers learn now than in the run before, or other batches make a step: the "
                "optimizer starts anew"
            )

    def claim(self) -> Path:
        """Make the folder, and say where and how training starts; return it.

        A run that starts may get the folder of the next free minute. Raises OSError where it
        cannot be made, or the disk has no room.
        """
        weights = run_files.bytes_of(self.model.weights)
        state = run_files.bytes_of(self.model.optimizer.variables)
        disk = run_files.disk_text(self.folder, weights, state, self.epochs - self.first_epoch)
        if hosts.leads() and (not self.first_epoch or not self.folder.exists()):
            self.folder = run_files.claim_folder(self.folder)
        for name, batches in (("Training", self.batches), ("Validation", self.validation)):
            if batches:
                generator = batches.generator
                size = f"{len(generator.dataset.image_ids)} images, {generator.batch_size} a batch"
                self.console.line(f"{name}: {size}: {len(batches)} steps an epoch")
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.console.line(
            f"Starting at epoch {self.first_epoch + 1} of {self.epochs}, learning rate {rate:g}\n"
            f"Checkpoints: {self.folder}\n{disk}"
        )
        return self.folder

    def fit(
        self,
        callbacks: list,
        save_weights: Callable[[str], None],
        patience: int | None,
        score: Callable[[float], float | None] | None = None,
        within=None,
    ):
        """Train, and write the run's files after each epoch; return the Keras History.

        `callbacks` are Keras callbacks: what they set, such as the learning rate, is part of the
        state that is saved. `save_weights` and `patience` are those of `callbacks.Checkpoints`,
        `score` that of `callbacks.Score`, its `count` the images that it is of, of which it shows
        some to its `watch`; a run whose best epoch is one by `val_loss` goes on so. Without a score
        the loss decides. `within` is the context that Keras trains in, if any. Of joined processes
        that of rank 0 does all but the steps.
        Losses go to TensorBoard too, where it is installed. Raises TrainingError for a loss that
        is not finite, for batches that cannot be made, and for too little memory.
        """
        batches, validation, console = self.batches, self.validation, self.console
        console.watch(batches)
        callbacks = [
            happenings.EpochCounter(batches, validation),
            happenings.StopOnNonFinite(batches),
            *callbacks,
            *(self._writing(save_weights, patience, score) if hosts.leads() else []),
            *([happenings.StopTogether()] if hosts.place()[1] > 1 else []),
        ]
        try:
            with within or contextlib.nullcontext():
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
            if not isinstance(error, TrainingError):
                hosts.wait_for_the_end()
            if OUT_OF_MEMORY.search(f"{type(error).__name__} {error}"):
                raise TrainingError(f"the device has too little memory: {MEMORY_ADVICE}") from error
            for part in (batches, validation):
                if part and isinstance(part.error, ValueError | OSError):
                    raise TrainingError(str(part.error)) from part.error
            raise
        finally:
            console.progress.close()

    def _writing(self, save_weights, patience, score):
        """Return the callbacks that write and say what a training leaves."""
        batches, validation, console = self.batches, self.validation, self.console
        run_files.write_class_names(self.folder, batches.generator.dataset.class_names)
        header = run_files.read_header(self.folder)
        if score and header.get("monitor") == "val_loss":
            console.line("The best epoch of this run is that of the lowest val_loss, as before")
            score = None
        board = None
        if importlib.util.find_spec("tensorboard"):
            board = TensorBoard(self.folder / run_files.EVENTS_FOLDER, console)
        strips = Strips(self.folder, batches.generator.dataset.class_names, console, board)
        if score:
            score.count, score.watch = header.get("images"), strips.see
        # What an epoch leaves is written before anybody reads that it is done.
        return [
            *([happenings.Score(score, console)] if score else []),
            happenings.Checkpoints(
                self.folder,
                self.name,
                save_weights,
                patience,
                console,
                images=lambda: score and score.count,
                plan=self.plan,
            ),
            console,
            happenings.Unmatched(batches, validation, console),
            happenings.Losses(self.folder, self.first_epoch, console),
            strips,
            *([board] if board else []),
        ]


def _first_difference(names, others):
    """Return (index, name, other) of the first class that two lists do not agree on, or None."""
    pairs = enumerate(zip_longest(names, others))
    return next(((index, *pair) for index, pair in pairs if pair[0] != pair[1]), None)
