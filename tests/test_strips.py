"""What a training finds in the same few photos, a row an epoch; and its curves."""

import errno
from pathlib import Path
from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn import pictures
from mrcnn.data.images import read_image
from mrcnn.detections import Detections
from mrcnn.detector import Detector
from mrcnn.drawing import figures, lettering, strips
from mrcnn.model import MaskRCNN
from mrcnn.training import run_files
from mrcnn.training.callbacks import LEARNING_RATE, MASK_AP, Losses
from mrcnn.training.strips import MOST_ROWS, Strips
from tests.small import Shapes, SmallConfig


class Lines(list):
    line = list.append


def objects(shape, *boxes, scores=None, class_ids=None):
    rois = np.array(boxes, np.int32).reshape(-1, 4)
    ids = np.array(class_ids or [1] * len(rois), np.int32)
    pieces = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in rois]
    scores = None if scores is None else np.array(scores, np.float32)
    return Detections(shape, rois, ids, scores, pieces)


# -- The drawing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((400, 400), (200, 200)),
        ((400, 1200), (100, 300)),
        ((3000, 20), (200, 1)),
        ((5, 4), (200, 160)),
    ],
)
def test_a_photo_of_any_size_fits_its_place(shape, size):
    height, width = shape
    whole = objects(shape, [0, 0, height, width])
    half = objects(shape, [0, 0, height // 2, width], scores=[0.9])
    image = np.full((*shape, 3), 90, np.uint8)
    cell = strips.cell(image, whole, half, 0.5)
    assert cell.image.shape == (*size, 3)
    assert cell.truth.windows.tolist() == [[0, 0, *size]] and cell.truth.pieces[0].all()
    assert cell.found.shape == size
    assert cell.found.rois[0, 2] == round(height // 2 * size[0] / height)
    strips.strip(["epoch 1"], [(cell.image, cell.found), (cell.image, cell.truth)], ["BG", "mug"])


def test_what_scores_little_is_left_out_and_crowds_are_objects():
    image = np.zeros((40, 40), np.uint8)  # grey
    truth = objects((40, 40), [0, 0, 9, 9], [4, 4, 4, 9], class_ids=[-2, 1])
    found = objects((40, 40), [0, 0, 9, 9], [9, 9, 20, 20], scores=[0.6, 0.4])
    cell = strips.cell(image, truth, found, 0.5)
    assert cell.found.scores.tolist() == pytest.approx([0.6])
    # One without pixels is nowhere.
    assert cell.truth.class_ids.tolist() == [2]
    nothing = objects((40, 40), scores=[])
    assert len(strips.cell(image, truth, nothing, 0.5).found) == 0


def test_strips_of_other_photos_stand_below_one_another():
    first, second = np.zeros((4, 9, 3), np.uint8), np.zeros((5, 6, 3), np.uint8)
    whole = strips.below_one_another([first, second])
    assert whole.shape == (9, 9, 3)
    assert (whole[4:, :6] == 0).all() and (whole[4:, 6:] == 255).all()


# -- After every epoch -------------------------------------------------------------------------


def drawn(folder, epochs, first=0, console=None, board=None, score=0.5):
    """Draw strips of one photo for so many epochs; return the callback."""
    callback = Strips(folder, ["BG", "mug"], console, board)
    shape = (50, 60)
    image, truth = np.full((*shape, 3), 90, np.uint8), objects(shape, [5, 5, 40, 40])
    for epoch in range(first, epochs):
        callback.on_epoch_begin(epoch)
        callback.see(image, truth, objects(shape, [5, 5, 40, 10 + epoch % 30], scores=[0.9]))
        callback.on_epoch_end(epoch, {MASK_AP: score} if score else {})
    return callback


def rows(folder):
    height = read_image(folder / run_files.STRIPS_FILE).shape[0] / (strips.HEIGHT + strips.GAP)
    assert height == int(height)
    return int(height) - 1


def kept(folder):
    return sorted(path.name for path in (folder / run_files.STRIPS_FOLDER).iterdir())


def test_each_epoch_is_a_row_and_of_many_some(tmp_path):
    drawn(tmp_path, 3)
    assert rows(tmp_path) == 3
    drawn(tmp_path, MOST_ROWS + 9, first=3)
    assert rows(tmp_path) == MOST_ROWS and len(kept(tmp_path)) == MOST_ROWS + 9
    # The last of them, and the first.
    whole, high = read_image(tmp_path / run_files.STRIPS_FILE), strips.HEIGHT + strips.GAP
    for name, row in ((kept(tmp_path)[0], 1), (kept(tmp_path)[-1], MOST_ROWS)):
        strip = read_image(tmp_path / run_files.STRIPS_FOLDER / name)
        difference = np.abs(whole[row * high : (row + 1) * high].astype(int) - strip)
        assert difference.mean() < 3


def test_a_run_that_goes_on_has_the_rows_of_before_and_none_of_later(tmp_path):
    drawn(tmp_path, 6)
    (tmp_path / run_files.STRIPS_FOLDER / "epoch_0002.jpg").write_bytes(b"spoilt")
    (tmp_path / run_files.STRIPS_FOLDER / "mine.txt").touch()
    drawn(tmp_path, 4, first=3, score=None)
    assert rows(tmp_path) == 3  # 1, 3 and 4


def test_without_a_measurement_there_is_no_picture(tmp_path):
    callback = drawn(tmp_path, 1)
    (tmp_path / run_files.STRIPS_FILE).unlink()
    callback.on_epoch_begin(1)
    callback.on_epoch_end(1, {})
    assert not (tmp_path / run_files.STRIPS_FILE).exists()


def test_faults_are_said_once_and_end_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    console = Lines()
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "write", full)
        drawn(tmp_path, 3, console=console)
    assert len(console) == 1 and "No space left" in console[0]
    console = Lines()
    callback = Strips(tmp_path, ["BG"], console)
    for _ in range(2):
        callback.see(np.zeros((4, 4, 7), np.uint8), objects((4, 4)), objects((4, 4), scores=[]))
    assert len(console) == 1 and "an image is [height, width, 3]" in console[0]
    # Once there is room again, the rows come.
    drawn(tmp_path, 1, console=console)
    assert rows(tmp_path) == 1 and len(console) == 1


def test_an_interrupt_is_no_fault(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pictures, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        drawn(tmp_path, 1, console=Lines())


def test_tensorboard_gets_each_row(tmp_path):
    got = []
    board = SimpleNamespace(picture=lambda name, picture, epoch: got.append((picture.shape, epoch)))
    drawn(tmp_path, 2, board=board)
    assert [epoch for _, epoch in got] == [0, 1]
    assert {shape[0] for shape, _ in got} == {strips.HEIGHT + strips.GAP}


def test_a_training_shows_the_photos_that_were_measured_anyway(tmp_path, monkeypatch):
    """Of six photos five, each detected in once an epoch; a run that goes on has the same."""
    looked, seen = [], []
    detect, see = Detector.detect, Strips.see

    def watched_detect(self, images, *arguments, **options):
        looked.extend(images)
        return detect(self, images, *arguments, **options)

    def watched_see(self, image, *scene):
        seen.append(image)
        see(self, image, *scene)

    monkeypatch.setattr(Detector, "detect", watched_detect)
    monkeypatch.setattr(Strips, "see", watched_see)
    validation = Shapes(6)
    tf.config.run_functions_eagerly(True)
    try:
        model = MaskRCNN("training", SmallConfig(), tmp_path)
        model.train(Shapes(1), validation, 0.001, 1, "heads", best_by="ap", seed=1)
        options = {"best_by": "ap", "resume": True, "seed": 1}
        model.train(Shapes(1), validation, 0.001, 2, "heads", **options)
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(looked) == 12
    expected = [validation.load_image(index) for index in (0, 1, 2, 4, 5)] * 2
    assert len(seen) == 10 and all(map(np.array_equal, seen, expected))
    folder = Path(model.log_dir)
    assert rows(folder) == 2
    rates = [row[LEARNING_RATE] for row in run_files.read_losses(folder)]
    assert rates == pytest.approx([0.001] * 2)
    assert list((folder / run_files.EVENTS_FOLDER / "pictures").glob("events*"))


# -- Curves ------------------------------------------------------------------------------------


VALUES = {
    "loss": [3.0, 2.0],
    "val_loss": [4.0, 3.0],
    "mask_loss": [1.0, 0.5],
    "val_mask_loss": [1, 1],
}


def panels(figure):
    figure.draw_without_rendering()
    return [axes for axes in figure.axes if axes.get_title()]


def test_curves_have_titles_and_legends_that_hide_none():
    figure = figures.losses(VALUES, [0.1, 0.3], [0.01, 0.001], MASK_AP)
    shown = panels(figure)
    assert [axes.get_title() for axes in shown] == [
        "Loss",
        "Its parts, dashed: of the validation",
        "val_mask_ap and learning rate",
    ]
    for axes in shown:
        assert axes.get_legend().get_window_extent().y1 < axes.bbox.y0
    names = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in shown]
    assert names == [["loss", "val_loss"], ["mask_loss"], ["val_mask_ap", "learning rate"]]
    assert "0.300" in [text.get_text() for text in shown[2].texts]


def test_what_there_is_not_has_no_panel():
    assert len(panels(figures.losses(VALUES))) == 2
    assert len(panels(figures.losses(VALUES, [np.nan, np.nan]))) == 2
    assert [axes.get_title() for axes in panels(figures.losses(VALUES, (), [0.1, 0.1]))][2:] == [
        "Learning rate"
    ]
    assert [axes.get_title() for axes in panels(figures.losses(VALUES, [0.1], [np.nan]))][2:] == [
        "Score"
    ]


def test_the_losses_of_an_epoch_that_could_not_be_written_come_with_the_next(tmp_path):
    console = Lines()
    losses = Losses(tmp_path, 0, console)
    losses.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    losses.model.compile(keras.optimizers.SGD(0.25), "mse")
    blocked = tmp_path / run_files.LOSSES_FILE
    blocked.mkdir()
    losses.on_epoch_end(0, {"loss": 3.0})
    losses.on_epoch_end(1, {"loss": 2.5})
    assert len(console) == 1 and "The losses cannot be written" in console[0]
    blocked.rmdir()
    losses.on_epoch_end(2, {"loss": 2.0, MASK_AP: 0.5})
    told = run_files.read_losses(tmp_path)
    assert [(row["epoch"], row["loss"], row[LEARNING_RATE]) for row in told] == [
        (1, 3, 0.25),
        (2, 2.5, 0.25),
        (3, 2, 0.25),
    ]
    assert cv2.imread(str(tmp_path / run_files.CURVES_FILE)).shape[1] > 1500


@pytest.mark.parametrize("text", ["annotated", "epoch 1000", "AP 0.872"])
def test_the_words_at_the_left_are_not_cut(text):
    (letters,) = lettering.texts([text], strips.LETTERS)
    assert letters.shape[1] <= strips.MARGIN
