"""What a network is fed while it is trained."""

import time

import keras
import numpy as np

# The sides of the inputs that follow the image's, where images differ in size.
VARYING = {"input_image": (1, 2), "input_rpn_match": (1,), "input_gt_masks": (1, 2)}


class Batches(keras.utils.PyDataset):
    """Batches of a `DataGenerator`, made in threads ahead of the step.

    Never in processes: forking after TensorFlow has started hangs for ever.

    Arguments:
        generator: gives batch `index` of pass `epoch` over the data set.
        steps: batches an epoch; None for one pass. Passes follow one another without a break, so
            that every image is seen as often as any other whatever `steps` is.
        workers: threads.
        repeat: begin every epoch with the first batch, as validation must to be comparable.

    `watch`, if any, is called with the number of each batch in its epoch and the batch.
    """

    def __init__(self, generator, steps: int | None, workers: int, repeat: bool = False):
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=2 * workers)
        self.generator = generator
        self.steps = steps or len(generator)
        self.repeat = repeat
        self.epoch = 0
        self.seconds = 0.0
        self.error = self.watch = None
        # On TensorFlow Keras asks for two batches before the first epoch, and takes from them which
        # sides of all batches vary. Two that happen to have one size would mislead it.
        asks = keras.backend.backend() == "tensorflow" and not generator.one_size
        self.to_describe = min(2, self.steps) if asks else 0

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
        if self.watch:
            self.watch(index, batch)
        if self.to_describe:
            self.to_describe -= 1
            batch = {name: _described(name, array) for name, array in batch.items()}
        return (batch,)


def _described(name, array):
    """Return an input as Keras's description of one whose VARYING sides are not known."""
    sides = VARYING.get(name, ())
    shape = [None if axis in sides else side for axis, side in enumerate(array.shape)]
    return keras.KerasTensor(shape, array.dtype.name)
