"""Which epoch is the best: by mask AP of the validation set, or by the loss."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn import scoring
from mrcnn.detector import Detector
from mrcnn.model import MaskRCNN
from mrcnn.nn import network
from mrcnn.training import run_files
from mrcnn.training.callbacks import MASK_AP
from tests.small import Shapes, SmallConfig


@pytest.fixture
def model(tmp_path):
    tf.config.run_functions_eagerly(True)
    keras.utils.set_random_seed(3)
    yield MaskRCNN("training", SmallConfig(), tmp_path / "log")
    tf.config.run_functions_eagerly(False)


class Told(keras.callbacks.Callback):
    """Tells scores in place of those that were measured, an epoch a row."""

    def __init__(self, **rows):
        super().__init__()
        self.rows = rows

    def on_epoch_end(self, epoch, logs=None):
        logs.update({name: values[epoch] for name, values in self.rows.items()})


def train(model, epochs, told=None, validation=None, **options):
    callbacks = [told] if told else []
    return model.train(
        Shapes(1),
        validation or Shapes(1),
        0.001,
        epochs,
        "heads",
        custom_callbacks=callbacks,
        seed=3,
        **options,
    )


def best_epoch(model):
    folder = Path(model.log_dir)
    header = run_files.read_header(folder)
    best = run_files.best_of(folder).read_bytes()
    assert best == (folder / f"mask_rcnn_small_{header['best_epoch']:04d}.h5").read_bytes()
    return header["best_epoch"]


# -- Which epoch -----------------------------------------------------------------------------------


def test_ap_decides_and_of_equal_ones_the_loss(model):
    told = Told(val_loss=[3.0, 2.0, 1.0, 4.0, 5.0], val_mask_ap=[0.0, 0.0, 0.0, 0.5, 0.5])
    for epoch, best in ((1, 1), (2, 2), (3, 3), (5, 4)):
        train(model, epoch, told)
        assert best_epoch(model) == best
    header = run_files.read_header(model.log_dir)
    assert (header["monitor"], header["best"], header["best_loss"]) == (MASK_AP, 0.5, 4.0)


def test_patience_follows_the_same_score(model, capsys):
    told = Told(val_loss=[1.0, 2.0, 3.0, 4.0, 5.0], val_mask_ap=[0.1, 0.2, 0.3, 0.3, 0.3])
    history = train(model, 9, told, patience=2)
    assert len(history.history["loss"]) == 5
    assert f"no better {MASK_AP} than 0.3000 of epoch 3" in capsys.readouterr().out


def test_equal_losses_leave_the_first(model):
    train(model, 3, Told(val_loss=[2.0, 2.0, 2.0]))
    assert best_epoch(model) == 1


def test_a_run_whose_best_is_by_the_loss_goes_on_so(model, capsys):
    train(model, 1)
    train(model, 2, best_by="ap", resume=True)
    assert "is that of the lowest val_loss, as before" in capsys.readouterr().out
    assert run_files.read_header(model.log_dir)["monitor"] == "val_loss"


def test_another_score_begins_anew_and_is_said(model, capsys):
    train(model, 1, Told(val_mask_ap=[0.9], val_loss=[1.0]))
    train(model, 2, Told(val_loss=[1.0, 2.0]))
    assert f"that of val_loss from now on, no more of {MASK_AP}" in capsys.readouterr().out
    assert best_epoch(model) == 2


def test_what_decides_is_one_of_two_words(model):
    with pytest.raises(ValueError, match="best_by is 'map', it must be one of ap, loss"):
        train(model, 1, best_by="map")


# -- The AP ----------------------------------------------------------------------------------------


def test_it_is_in_logs_losses_and_state(model):
    history = train(model, 2, best_by="ap").history
    assert len(history[MASK_AP]) == 2 and all(0 <= value <= 1 for value in history[MASK_AP])
    rows = run_files.read_losses(model.log_dir)
    assert [row[MASK_AP] for row in rows] == history[MASK_AP]
    header = run_files.read_header(model.log_dir)
    assert header["monitor"] == MASK_AP and header["images"] == 1
    assert MASK_AP not in train(model, 3, best_by="loss").history


def test_without_validation_the_loss_decides(model):
    model.train(Shapes(1), None, 0.001, 1, "heads", seed=3, best_by="ap")
    assert run_files.read_header(model.log_dir)["monitor"] == "loss"


class Empty(Shapes):
    def load_mask(self, image_id):
        return np.zeros((0, 0, 0), bool), np.zeros(0, np.int32)


def test_without_objects_the_loss_decides(model, capsys):
    history = train(model, 2, best_by="ap", validation=Empty(1), keep_negatives=True)
    assert MASK_AP not in history.history
    assert capsys.readouterr().out.count("no validation image has an object") == 1
    assert run_files.read_header(model.log_dir)["monitor"] == "val_loss"


def test_a_fault_in_measuring_loses_no_epoch(model, capsys, monkeypatch):
    def fail(*_, **__):
        raise MemoryError("no room for masks")

    monkeypatch.setattr(scoring, "evaluate", fail)
    train(model, 2, best_by="ap")
    told = f"{MASK_AP} cannot be told: MemoryError: no room for masks"
    assert capsys.readouterr().out.count(told) == 1
    assert run_files.read_header(model.log_dir)["epoch"] == 2


def test_the_network_that_is_measured_has_the_weights_of_the_moment(tmp_path):
    """Compiled once, without learning of it that the weights are others."""
    keras.utils.set_random_seed(4)
    config = type("Low", (SmallConfig,), {"DETECTION_MIN_CONFIDENCE": 0.0})()
    image = Shapes(1).load_image(0)
    copy = Detector(network.build("inference", config, random_weights=False), config)
    for index in range(2):
        trained = MaskRCNN("training", config, tmp_path)
        # Statistics that are not those of a layer that starts.
        norm = trained.keras_model.get_layer("mrcnn_class_bn1")
        norm.set_weights([array + 0.3 * index + 0.1 for array in norm.get_weights()])
        path = tmp_path / "weights.h5"
        trained.save_weights(path)
        loaded = MaskRCNN("inference", config, tmp_path)
        loaded.load_weights(path)
        scoring.copy_weights(trained.keras_model, copy.network)
        (expected,), (found,) = loaded.detector.detect([image]), copy.detect([image])
        assert len(found) and np.array_equal(found.class_ids, expected.class_ids)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
        np.testing.assert_allclose(found.rois, expected.rois, atol=1)


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_network_detects_where_few_of_its_rows_count(eagerly):
    """Also while TensorFlow's functions run eagerly, as to find a fault in them."""
    config = SmallConfig()
    detector = Detector(network.build("inference", config), config)
    tf.config.run_functions_eagerly(eagerly)
    try:
        (found,) = detector.detect([Shapes(1).load_image(0)], min_confidence=2.0)
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(found) == 0


def unnamed(image, stage5=False, train_bn=False):
    stages = []
    for channels in (8, 16, 32, 48, 64):
        image = keras.layers.Conv2D(channels, 3, strides=2, padding="same")(image)
        stages.append(image)
    return stages


def test_layers_without_names_are_said():
    config = type("Unnamed", (SmallConfig,), {"BACKBONE": staticmethod(unnamed)})()
    networks = [network.build(mode, config) for mode in ("training", "inference")]
    with pytest.raises(ValueError, match="another name each time .* give the layers"):
        scoring.copy_weights(*networks)


@pytest.mark.parametrize(
    ("images", "seconds", "count"),
    [(12, 0.0, 12), (100, 0.0, 20), (100, 35.0, 35), (100, 1e9, 100)],
)
def test_what_takes_longer_than_the_steps_is_a_part(monkeypatch, images, seconds, count):
    """An image takes a second."""
    clock, measured, told = [0.0], [], []

    def evaluate(detector, dataset, image_ids, channels, each=None):
        clock[0] += len(image_ids)
        measured.append(image_ids)
        for image_id in image_ids if each else ():
            each(SimpleNamespace(image_id=image_id), image_id, None, None)
        return SimpleNamespace(summary=lambda: {"mask": {"AP": 0.5}})

    monkeypatch.setattr(scoring, "evaluate", evaluate)
    monkeypatch.setattr(scoring, "copy_weights", lambda *_: None)
    monkeypatch.setattr(scoring.network, "build", lambda *_, **__: None)
    monkeypatch.setattr(scoring.time, "perf_counter", lambda: clock[0])
    dataset = SimpleNamespace(image_ids=np.arange(images), image_reference=int)
    score = scoring.MaskAP(None, SmallConfig(), dataset, told.append)
    seen = []
    score.watch = lambda image, truth, found: seen.append(image)
    assert score(seconds) == 0.5 and score(0.0) == 0.5
    first, second = measured[-2:]
    assert len(set(first)) == count == score.count and np.array_equal(first, second)
    assert (first[0], first[-1]) == (0, images - 1)
    # A few of those, the same each time; not those that were timed.
    assert len(seen) == 10 and seen[:5] == seen[5:] and set(seen) <= set(first)
    assert len(told) == (count < images) and all(f"{count} of {images}" in text for text in told)


def test_a_resumed_run_measures_the_same_images(model, monkeypatch):
    train(model, 1, Told(val_mask_ap=[0.1]), best_by="ap")
    path = Path(model.log_dir) / run_files.STATE_FILE
    known = run_files.read_header(path.parent) | {"images": 7}
    monkeypatch.setattr(run_files, "read_header", lambda folder: known)
    counts = []
    monkeypatch.setattr(scoring.MaskAP, "__call__", lambda self, _: counts.append(self.count) or 0)
    train(model, 2, best_by="ap", resume=True)
    assert counts == [7]
