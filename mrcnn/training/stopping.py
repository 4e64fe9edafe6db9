"""Stopping a training from outside, where nothing is half done."""

import threading

import keras


class StopWhen(keras.callbacks.Callback):
    """Ends training by KeyboardInterrupt, between two batches, once `stop` is set.

    Amid a batch, or what follows an epoch, a library in C may take an interrupt for a fault.
    """

    def __init__(self, stop: threading.Event):
        super().__init__()
        self.stop = stop

    def on_train_batch_end(self, batch, logs=None):
        if self.stop.is_set():
            raise KeyboardInterrupt

    on_test_batch_end = on_train_batch_end
