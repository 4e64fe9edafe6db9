"""What a network is fed while it is trained."""

import time

import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    """Batches of a `DataGenerator`, made in threads ahead of the step.

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
