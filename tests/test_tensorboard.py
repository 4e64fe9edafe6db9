"""TensorBoard's files: what a run does without."""

import keras
import numpy as np
import pytest

from mrcnn.training.tensorboard import TensorBoard

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's own")


class Lines(list):
    line = list.append


class Step(keras.callbacks.Callback):
    """Does something at the end of the first epoch."""

    def __init__(self, do):
        super().__init__()
        self.do = do

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            self.do()


def fit(*callbacks):
    pytest.importorskip("tensorboard")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    zeros = np.zeros((4, 2)), np.zeros((4, 1))
    return model.fit(*zeros, validation_data=zeros, epochs=3, verbose=0, callbacks=callbacks)


def test_it_gets_the_losses(tmp_path):
    console = Lines()
    fit(TensorBoard(tmp_path, console))
    assert not console
    assert all(list((tmp_path / part).glob("events*")) for part in ("train", "validation"))


def test_pictures_stand_beside_the_losses(tmp_path):
    console, board = Lines(), TensorBoard(tmp_path, Lines())
    fit(Step(lambda: board.picture("photos", np.zeros((4, 5, 3), np.uint8), 0)), board)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "pictures"), {"tensors": 0})
    events.Reload()
    (event,) = events.Tensors("photos")
    assert event.step == 0 and event.tensor_proto.string_val[:2] == [b"5", b"4"]
    (tmp_path / "file").touch()
    board = TensorBoard(tmp_path / "file", console)
    for epoch in range(2):
        board.picture("photos", np.zeros((4, 5, 3), np.uint8), epoch)
    assert len(console) == 1 and "TensorBoard gets no more of this run" in console[0]


def test_a_folder_that_cannot_be_written_does_not_end_the_run(tmp_path):
    console, file = Lines(), tmp_path / "file"
    file.touch()
    assert len(fit(TensorBoard(file, console)).epoch) == 3
    assert len(console) == 1 and "TensorBoard gets no more of this run" in console[0]
    assert "is not a directory" in console[0]


def test_nor_does_a_full_disk(tmp_path):
    resource = pytest.importorskip("resource")
    console, limits = Lines(), resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))

    try:
        assert len(fit(Step(fill), TensorBoard(tmp_path, console)).epoch) == 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(console) == 1 and "File too large" in console[0]
