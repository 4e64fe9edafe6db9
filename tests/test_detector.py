"""A detector's results: thresholds, what scored too little, masks as pieces."""

import keras
import numpy as np
import pytest

from mrcnn import boxes as box_math
from mrcnn.detections import BELOW
from mrcnn.detector import Detector, unmold
from mrcnn.masks import paste_masks, paste_pieces
from mrcnn.nn import network
from tests.small import SmallConfig


class Config(SmallConfig):
    DETECTION_MIN_CONFIDENCE = 0.0


@pytest.fixture(scope="module")
def detector():
    keras.utils.set_random_seed(0)
    return Detector(network.build("inference", Config()), Config())


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8)


def raw(count, seed=0):
    """Return detections `[10, 6]`, `count` of them, with falling scores, and masks of theirs."""
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.random((count, 2, 2)) * 0.8 + 0.1, axis=1).reshape(count, 4)
    found = np.zeros((10, 6), np.float32)
    found[:count, :4] = corners
    found[:count, 4] = rng.integers(1, 3, count)
    found[:count, 5] = np.linspace(0.9, 0.1, count)
    return found, rng.random((10, 28, 28)).astype(np.float32)


def test_pieces_are_the_pixels_of_the_pasted_masks():
    found, masks = raw(8)
    # The window is the middle of the molded image: boxes leave the photo on all sides.
    result = unmold(found, masks, (90, 130, 3), (128, 128, 3), [32, 16, 96, 112])
    assert (result.rois < 0).any() and (result.rois[:, 2:] > [90, 130]).any()
    np.testing.assert_array_equal(result.masks, paste_masks(masks[:8], result.rois, (90, 130)))
    sizes = box_math.area(result.windows)
    assert [piece.size for piece in result.pieces] == sizes.tolist()
    assert result.masks.any()


@pytest.mark.parametrize("photo_side", [64, 128, 512])
def test_masks_cut_from_the_molded_image_are_pasted_by_its_pixels(photo_side):
    found, masks = raw(8)
    sizes = (photo_side, photo_side, 3), (128, 128, 3), [0, 0, 128, 128]
    result = unmold(found, masks, *sizes, cut_from=(0, 0))
    factor = 128 / photo_side
    rows = np.maximum(1, np.rint((result.rois[:, 2:] - result.rois[:, :2]) * factor)).astype(int)
    wanted = paste_pieces(masks[:8], result.rois, sizes[0], rows)
    mini = unmold(found, masks, *sizes, cut_from=(56, 56))
    assert all(map(np.array_equal, result.pieces, wanted))
    assert not all(map(np.array_equal, result.pieces, mini.pieces))


@pytest.mark.filterwarnings("error")
def test_a_photo_that_was_shrunk_to_a_line_has_boxes():
    found = np.array([[64 / 127, 0, 64 / 127, 1, 1, 0.9]], np.float32)
    result = unmold(found, np.ones((1, 4, 4)), (8, 9000, 3), (128, 128, 3), [64, 0, 65, 128])
    assert result.rois.tolist() == [[0, 0, 1, 9000]]


def test_what_scores_too_little_is_below():
    found, masks = raw(9)
    arguments = masks, (90, 130, 3), (128, 128, 3), [0, 0, 128, 128]
    everything = unmold(found, *arguments)
    result = unmold(found, *arguments, 0.8)
    assert everything.below == () and len(everything) == 9
    assert len(result) == 2 and (result.scores >= 0.8).all()
    # The best of the seven others, by falling score.
    assert len(result.below) == BELOW
    assert result.below == tuple((float(row[5]), int(row[4])) for row in found[2 : 2 + BELOW])
    assert all(type(score) is float and type(number) is int for score, number in result.below)


def test_the_threshold_of_a_call_counts_and_else_the_configs(detector, photo):
    (everything,) = detector.detect([photo])
    assert len(everything) > 2
    least = float(everything.scores[1])
    (sure,) = detector.detect([photo], least)
    assert sure.scores.tolist() == everything.scores[everything.scores >= least].tolist()
    np.testing.assert_array_equal(sure.masks, everything.masks[..., : len(sure)])
    rest = zip(everything.scores.tolist(), everything.class_ids.tolist(), strict=True)
    assert sure.below == tuple(rest)[len(sure) :][:BELOW]

    class Stricter(Config):
        DETECTION_MIN_CONFIDENCE = least

    (by_config,) = Detector(detector.network, Stricter()).detect([photo])
    assert by_config.below == sure.below and len(by_config) == len(sure)


def test_two_detectors_of_one_network_notice_other_weights(photo):
    keras.utils.set_random_seed(0)
    one = network.build("inference", Config())
    first, second = Detector(one, Config()), Detector(one, Config())

    def scores(detector):
        return detector.detect([photo])[0].scores.tolist()

    before = scores(first)
    assert scores(second) == before
    one.set_weights([weight * 0.5 for weight in one.get_weights()])
    after = scores(first)
    assert scores(second) == after == scores(Detector(one, Config())) != before


def test_facts_for_those_who_tell_of_results(detector):
    assert detector.max_instances == Config.DETECTION_MAX_INSTANCES
    assert detector.min_confidence == 0


def test_a_photo_that_fits_into_a_tile_is_detected_as_without(detector, photo):
    (plain,) = detector.detect([photo])
    (tiled,) = detector.detect([photo], tiles=200)
    there = plain.areas > 0
    assert there.any() and tiled.rois.tolist() == plain.rois[there].tolist()
    np.testing.assert_array_equal(tiled.masks, plain.masks[..., there])
    with pytest.raises(ValueError, match="overlap is 0.7"):
        detector.detect([photo], tiles=64, overlap=0.7)
