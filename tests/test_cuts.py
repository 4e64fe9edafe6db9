"""Training on cuts of large photos, and what it tells the tiles."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from custom_training import CustomDataset
from mrcnn import settings
from mrcnn.check.check import check_dataset
from mrcnn.check.scale_fit import advise_tiles
from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.data.samples import load_resized, place_cut
from mrcnn.model import MaskRCNN
from mrcnn.nn import network
from mrcnn.nn.weights import inspect
from mrcnn.scoring import MaskAP
from mrcnn.training.sizes import ObjectSides
from tests.annotated import HEIGHT, WIDTH, make_subset, polygon, rect
from tests.small import Shapes, SmallConfig

REGIONS = [polygon([12, 70, 55, 30], [8, 20, 52, 40]), rect(2, 30, 20, 25), rect(80, 2, 6, 6)]
SHAPE = (HEIGHT, WIDTH)
CUTS = settings.cropping(64)


# -- Where cuts lie ----------------------------------------------------------------------------


def places(boxes, count=400, side=40, empty=True):
    rng = np.random.default_rng(0)
    boxes = np.array(boxes).reshape(-1, 4)
    return np.array([place_cut((200, 300), side, boxes, rng, empty) for _ in range(count)])


def shows(found, box, side=40):
    """Tell which cuts show a box whole."""
    return ((found <= box[:2]) & (found + side >= box[2:])).all(axis=1)


def test_half_of_the_cuts_lie_around_an_object_and_half_anywhere():
    box = np.array([150, 20, 160, 25])
    found = places([box])
    assert (found >= 0).all() and (found <= (160, 260)).all()
    # Anywhere, 3 in 100 show it.
    assert 0.45 < shows(found, box).mean() < 0.6
    # Where in the cut it lies differs.
    assert len(np.unique(found[shows(found, box)], axis=0)) > 100


def test_cuts_without_an_object_can_be_left_out():
    box = np.array([150, 20, 160, 25])
    found = places([box], empty=False)
    touched = (found < box[2:]).all(axis=1) & (found + 40 > box[:2]).all(axis=1)
    assert touched.all()
    assert len(np.unique(places([], empty=False), axis=0)) > 100


def test_of_an_object_larger_than_a_cut_a_cut_shows_a_part():
    found = places([[20, 50, 180, 60]])
    inside = (found[:, 0] >= 20) & (found[:, 0] <= 140) & (found[:, 1] <= 50) & (found[:, 1] >= 20)
    assert 0.5 < inside.mean() < 0.7


# -- What they show ----------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path):
    make_subset(tmp_path / "train", {"a.png": REGIONS})
    data = CustomDataset()
    data.load_custom(tmp_path, "train")
    data.prepare()
    return data


class Whole(CustomDataset):
    """Masks of the size of the photo alone, as data sets of one's own have them."""

    def load_mask(self, image_id):
        return CustomDataset.load_mask(self.drawn, image_id)


def plain(photos):
    data = Whole()
    vars(data).update(vars(photos))
    data.drawn = photos
    return data


def test_objects_are_drawn_one_by_one(photos):
    whole, class_ids = photos.load_mask(0)
    for data in (photos, plain(photos)):
        objects = data.load_objects(0, SHAPE)
        np.testing.assert_array_equal(objects.masks, whole)
        np.testing.assert_array_equal(objects.class_ids, class_ids)
    assert max(piece.size for piece in objects.pieces) < whole[..., 0].size


@pytest.mark.parametrize("part", [(0, 0, 32, 32), (20, 30, 52, 62), (28, 58, 60, 90)])
def test_a_part_of_a_photo_has_the_masks_that_reach_it(photos, part):
    whole, _ = photos.load_mask(0)
    y1, x1, y2, x2 = part
    expected = whole[y1:y2, x1:x2]
    expected = expected[..., expected.any(axis=(0, 1))]
    for data in (photos, plain(photos)):
        masks, class_ids = data.load_mask_in(0, SHAPE, part, (32, 32))
        there = masks.any(axis=(0, 1))
        np.testing.assert_array_equal(masks[..., there], expected)
        assert len(class_ids) == masks.shape[2]
    drawn, _ = photos.load_mask_in(0, SHAPE, part, (96, 96))
    areas = drawn[..., drawn.any(axis=(0, 1))].sum(axis=(0, 1)) / 9
    np.testing.assert_allclose(areas, expected.sum(axis=(0, 1)), rtol=0.1, atol=4)


@pytest.mark.parametrize(("scale", "length"), [(0, 60), (1, 60), (2, 32), (4, 16)])
def test_a_cut_is_enlarged_to_what_the_network_sees(photos, scale, length):
    resizing = {"min_dim": 64, "max_dim": 64, "min_scale": scale, "mode": "crop"}
    rng = np.random.default_rng(1)
    resized = load_resized(photos, 0, channels=3, resizing=resizing, rng=rng, empty_cuts=False)
    assert resized.image.shape == (64, 64, 3)
    assert resized.masks.shape[:2] == (64, 64) and resized.masks.any()
    # The factor, and the window.
    assert resized.meta[11] == pytest.approx(64 / length)
    assert resized.meta[7:11].tolist() == [0, 0, 64, 64]
    assert len(resized.class_ids) == resized.masks.shape[2]


def test_a_data_set_without_objects_can_be_cut():
    class Empty(Dataset):
        def load_image(self, image_id):
            return np.zeros((100, 130, 3), np.uint8)

    data = Empty()
    data.add_class("a", 1, "thing")
    data.add_image("a", 0, None)
    data.prepare()
    resizing = {"min_dim": 64, "max_dim": 64, "min_scale": 0, "mode": "crop"}
    rng = np.random.default_rng(0)
    resized = load_resized(data, 0, channels=3, resizing=resizing, rng=rng)
    assert resized.image.shape == (64, 64, 3) and resized.masks.shape == (64, 64, 0)


# -- What a training tells ---------------------------------------------------------------------


def test_the_sides_of_the_objects_of_the_first_epoch_are_told_once():
    batches, told = SimpleNamespace(watch=None), []
    sides = ObjectSides(batches, told.append)
    boxes = np.zeros((2, 3, 4), np.int32)
    boxes[0, 0], boxes[1, :2] = (0, 0, 20, 20), [(0, 0, 40, 10), (5, 5, 65, 65)]
    meta = np.zeros((2, 14))
    meta[:, 11] = 0.5, 2
    ids = np.array([[1, 0, 0], [2, 1, 0]])
    batch = {"input_gt_class_ids": ids, "input_gt_boxes": boxes, "input_image_meta": meta}
    batches.watch(0, batch)
    batches.watch(0, {})
    sides.on_epoch_end(0)
    sides.on_epoch_end(1)
    assert told == [{"photo": [14, 30, 38], "molded": [20, 20, 52]}] and batches.watch is None


def test_weights_of_a_training_on_cuts_tell_how_large_tiles_are(tmp_path):
    config = settings.with_settings(SmallConfig, CUTS | {"IMAGE_MIN_SCALE": 2})
    tf.config.run_functions_eagerly(True)
    try:
        model = MaskRCNN("training", config, tmp_path)
        model.train(Shapes(3), None, 0.01, 1, "heads", seed=1)
    finally:
        tf.config.run_functions_eagerly(False)
    (weights,) = Path(model.log_dir).glob("mask_rcnn_small_0001.h5")
    stored = inspect(weights).settings
    sides = stored["OBJECT_SIDES"]
    assert sides["photo"] == sorted(sides["photo"])
    # Cuts of 32 pixels of a photo fill the 64 of the network.
    assert sides["molded"][1] / sides["photo"][1] == pytest.approx(2, rel=0.01)
    found = settings.tiling(settings.to_detect(Config, stored, None, BACKBONE="efficientnet_lite0"))
    assert found == {"network_side": 64, "object_sides": sides}


def test_the_validation_of_cuts_looks_at_tiles():
    config = settings.with_settings(SmallConfig, CUTS | {"IMAGE_MIN_SCALE": 2})
    score = MaskAP(None, config, None, print)
    assert score.tiles and score.config.IMAGE_RESIZE_MODE == "square"
    assert settings.tiling(score.config)["network_side"] == 64
    assert not MaskAP(None, SmallConfig(), None, print).tiles


def test_the_validation_of_cuts_has_the_tiles_that_detecting_has():
    config = settings.with_settings(SmallConfig, CUTS)
    score = MaskAP(network.build("training", config), config, Shapes(2), print)
    config.OBJECT_SIDES = {"photo": [10, 20, 30], "molded": [10, 20, 30]}
    assert score(1.0) is not None
    assert settings.tiling(score.detector.config)["object_sides"] == config.OBJECT_SIDES
    assert score.detector.looking["tiles"] is True


# -- What check says ---------------------------------------------------------------------------

SQUARE = {"min_dim": 512, "max_dim": 1024, "mode": "square"}


@pytest.mark.parametrize(
    ("trained", "photo", "options"),
    [
        (14, 60, "objects are 14 px at training size, 60 px in the photos .*(--crops 512), pred"),
        (13, 20, "20 px in the photos (half of them are smaller): predict with --tiles"),
        (5, 4, "4 px in the photos (half of them are smaller): predict with --tiles"),
        (25, 100, None),
        (20, 20, None),
        (12, 6, None),  # Tiles enlarge no more than training does here.
    ],
)
def test_small_objects_are_better_seen_in_tiles(trained, photo, options):
    sizes = [[(side, side)] * 11 for side in (trained, photo)]
    text = advise_tiles(*sizes, SQUARE)
    if options is None:
        assert text is None
    else:
        for part in options.split(".*"):
            assert part in text
    assert advise_tiles(*sizes, SQUARE | {"mode": "crop"}) is None
    assert advise_tiles(sizes[0][:5], sizes[1][:5], SQUARE) is None


def test_who_looks_in_tiles_needs_no_smaller_anchors(tmp_path):
    squares = [rect(x, y, 10, 10) for x in (5, 35, 65) for y in (5, 35)]
    for number, subset in enumerate(("train", "val")):
        make_subset(tmp_path / subset, {f"{i}.png": squares for i in range(5)}, 50 * number)
    for side, kinds in ((128, {"scale"}), (192, {"anchors"})):
        assert kinds_at(side, tmp_path, 32) == kinds
    # Of another shape they stay.
    needles = [rect(2, y, 40, 2) for y in (5, 20, 35)]
    for subset in ("train", "val"):
        make_subset(tmp_path / subset, {f"{i}.png": needles for i in range(5)}, 7)
    assert kinds_at(128, tmp_path, 16) >= {"scale", "anchors"}


def kinds_at(side, folder, smallest):
    """Return of what kinds the findings are where photos are trained at `side` pixels.

    `smallest` is the side of the smallest anchors.
    """
    sizes = {"min_dim": side, "max_dim": side, "mode": "square"}
    scales = [smallest * 2**step for step in range(5)]
    report = check_dataset(folder, anchor_scales=scales, resizing=sizes)
    return {finding.kind for finding in report.findings}
