"""Settings in files, and as keywords."""

import json
from pathlib import Path

import numpy as np
import pytest

from mrcnn import anchors, settings
from mrcnn.config import Config
from tests.small import SmallConfig, backbone


def make(**attributes):
    return type("MyConfig", (Config,), attributes)()


def test_what_json_cannot_hold_is_left_out():
    config = make(
        ROOT=Path("photos"), RPN_ANCHOR_SCALES=tuple(np.array([8, 16, 32, 64, 128])), HELPER=len
    )
    stored = config.to_json()
    assert stored["RPN_ANCHOR_SCALES"] == [8, 16, 32, 64, 128]
    assert stored["BATCH_SIZE"] == 2 and not {"ROOT", "HELPER"} & set(stored)
    json.dumps(stored)


def test_settings_survive_json():
    config = make(NAME="remote", NUM_CLASSES=2, BACKBONE="resnet50", IMAGE_MAX_DIM=512)
    again = settings.with_settings(Config, json.loads(json.dumps(config.to_json())))
    for name, value in config.settings().items():
        np.testing.assert_equal(np.asarray(getattr(again, name)), np.asarray(value), name)
    again.check()


def test_whole_numbers_of_an_array_stay_whole():
    class Arrays(Config):
        MINI_MASK_SHAPE = np.array([112, 112])
        BACKBONE_STRIDES = np.array([4, 8, 16, 32, 64])

    again = settings.with_settings(Arrays, json.loads(json.dumps(Arrays().to_json())))
    assert settings.masks_cut_from(again) == (112, 112)
    assert settings.masks_cut_from(make(USE_MINI_MASK=False)) == (0, 0)
    # Nor are a file's numbers rounded to those of the class.
    mean = settings.with_settings(SmallConfig, {"MEAN_PIXEL": [1.5, 2, 3]}).MEAN_PIXEL
    assert mean.tolist() == [1.5, 2, 3]


def test_stored_settings_of_a_wrong_kind_are_refused():
    with pytest.raises(ValueError, match="NUM_CLASSES is 'two'"):
        settings.with_settings(Config, {"NUM_CLASSES": "two"})
    assert not hasattr(
        settings.with_settings(Config, {"OF_A_LATER_VERSION": 1}), "OF_A_LATER_VERSION"
    )


def test_settings_of_the_class_stay_where_nothing_else_is_said():
    config = settings.with_settings(SmallConfig, {"NUM_CLASSES": 7, "BATCH_SIZE": 99})
    assert (config.NUM_CLASSES, config.BATCH_SIZE, config.NAME) == (7, 1, "small")
    assert isinstance(config, SmallConfig) and type(config).__name__ == "SmallConfig"


def test_functions_are_stored_by_module_and_name_where_that_finds_them():
    stored = settings.stored(SmallConfig())
    assert stored["BACKBONE"] == "tests.small:backbone"
    assert stored["COMPUTE_BACKBONE_SHAPE"] == "tests.small:backbone_shapes"
    assert "BACKBONE" not in settings.stored(make(BACKBONE=staticmethod(lambda *_: None)))
    with pytest.raises(ValueError, match="BACKBONE is 'tests.small:backbone'"):
        settings.with_settings(Config, stored)
    config = settings.with_settings(Config, {"BACKBONE": backbone})
    assert config.BACKBONE is backbone


def test_the_shapes_of_the_levels_are_the_backbones_own_or_follow_from_the_strides():
    shape = (128, 64, 3)
    for strides, compute, cells in (
        ([4, 8, 16, 32, 64], None, (32, 16)),
        ([2, 4, 8, 16, 32], None, (64, 32)),
        ([2, 4, 8, 16, 32], staticmethod(lambda shape: [[1, 1]] * 5), (1, 1)),
    ):
        config = make(
            BACKBONE=staticmethod(backbone),
            BACKBONE_STRIDES=strides,
            COMPUTE_BACKBONE_SHAPE=compute,
        )
        finest = anchors.pyramid(shape, **settings.anchors(config))[: 3 * cells[0] * cells[1]]
        sizes = np.ptp(finest.reshape(-1, 2, 2), axis=1).prod(axis=1)
        np.testing.assert_allclose(sizes, 32**2)
    known = make(COMPUTE_BACKBONE_SHAPE=staticmethod(lambda shape: None))
    assert settings.anchors(known)["compute"] is None


def test_keywords_say_what_the_config_says():
    config = SmallConfig()
    keywords = settings.batches(config)
    assert keywords["mini_mask_shape"] == (56, 56) and keywords["random_rois"] == 0
    assert keywords["resizing"] == settings.checking(config)["resizing"]
    config.USE_MINI_MASK = config.USE_RPN_ROIS = False
    keywords = settings.batches(config)
    assert keywords["mini_mask_shape"] is None and keywords["random_rois"] == 100
