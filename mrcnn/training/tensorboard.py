"""Losses and pictures for TensorBoard: where they cannot be written a run goes on without."""

import time
from pathlib import Path

import keras
import numpy as np

from mrcnn import pictures

PICTURES = "pictures"


class TensorBoard(keras.callbacks.Callback):
    """Keras' callback of that name, given up at its first error.

    Its errors are TensorFlow's own: that of a full disk is the one of a GPU without memory too.

    Arguments:
        folder: of the run.
        console: has `line(sentence)`, which says that it was given up.
    """

    def __init__(self, folder: str | Path, console):
        super().__init__()
        self.folder, self.console, self.pictures = Path(folder), console, None
        if keras.backend.backend() == "tensorflow":
            self.board = keras.callbacks.TensorBoard(str(folder), write_graph=False)
        else:
            self.board = Events(folder)

    def _pass(self, name, *arguments):
        self._try(lambda board: getattr(board, name)(*arguments))

    def _try(self, body):
        if self.board is None:
            return
        try:
            body(self.board)
        except Exception as error:
            self.board = None
            words = " ".join(str(error).split()).rpartition("}} ")[2]
            self.console.line(f"TensorBoard gets no more of this run: {words}")

    def picture(self, name: str, picture: np.ndarray, epoch: int) -> None:
        """Write a picture, uint8 RGB `[H, W, 3]`, of an epoch, which counts from 0."""

        def write(board):
            if isinstance(board, Events):
                board.picture(name, picture, epoch)
                return
            import tensorflow as tf

            # A folder of its own: of several files in one, TensorBoard reads on in the last.
            path = str(self.folder / PICTURES)
            self.pictures = self.pictures or tf.summary.create_file_writer(path)
            with self.pictures.as_default():
                tf.summary.image(name, picture[None], step=epoch)
            self.pictures.flush()

        self._try(write)

    def set_params(self, params):
        self._pass("set_params", params)

    def set_model(self, model):
        self._pass("set_model", model)

    def on_train_begin(self, logs=None):
        self._pass("on_train_begin", logs)

    def on_train_end(self, logs=None):
        self._pass("on_train_end", logs)

    def on_test_begin(self, logs=None):
        self._pass("on_test_begin", logs)

    def on_test_end(self, logs=None):
        self._pass("on_test_end", logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._pass("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._pass("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        self._pass("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._pass("on_train_batch_end", batch, logs)


class Events(keras.callbacks.Callback):
    """Writes what Keras' callback does at the end of an epoch, without TensorFlow.

    Losses stand in `train` and `validation` of the folder under the names that Keras gives them.
    """

    def __init__(self, folder: str | Path):
        super().__init__()
        self.folder, self.writers = Path(folder), {}

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            part = "validation" if name.startswith("val_") else "train"
            tag = f"epoch_{name.removeprefix('val_')}"
            self._write(part, tag, epoch, simple_value=float(value))

    def picture(self, name: str, picture: np.ndarray, epoch: int) -> None:
        """Write a picture, uint8 RGB `[H, W, 3]`, of an epoch, which counts from 0."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        height, width = picture.shape[:2]
        data = pictures.encode(picture, ".png")
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=data)
        self._write(PICTURES, name, epoch, image=image)

    def _write(self, part, tag, epoch, **value):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if part not in self.writers:
            self.writers[part] = EventFileWriter(str(self.folder / part))
        summary = Summary(value=[Summary.Value(tag=tag, **value)])
        self.writers[part].add_event(Event(step=epoch, wall_time=time.time(), summary=summary))
        self.writers[part].flush()

    def on_train_end(self, logs=None):
        for writer in self.writers.values():
            writer.close()
