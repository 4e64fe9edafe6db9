"""What settings must be: whatever a setting is, the Config can be used or one sentence names it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mrcnn import rules, settings
from mrcnn.config import Config


def make(**attributes):
    return type("MyConfig", (Config,), attributes)()


def test_every_setting_has_a_rule():
    assert rules.RULES.keys() | rules.COMPUTED.keys() == Config().settings().keys()


def test_the_defaults_pass_and_so_does_each_mode():
    Config().check()
    make(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=192).check()
    make(IMAGE_RESIZE_MODE="none").check()
    make(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=512).check()
    make(IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=np.array([110.0])).check()
    make(BACKBONE=lambda *_, **__: None, COMPUTE_BACKBONE_SHAPE=lambda shape: None).check()
    make(BACKBONE=lambda *_, **__: None).check()


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"IMAGE_MAX_DIM": 1000}, "IMAGE_MAX_DIM is 1000, .* multiple of 64: try 1024"),
        ({"IMAGE_RESIZE_MODE": "pad64"}, "IMAGE_MIN_DIM is 800, .* multiple of 64: try 768"),
        ({"IMAGE_RESIZE_MODE": "stretch"}, "IMAGE_RESIZE_MODE is 'stretch'.*none, square, pad64"),
        ({"BACKBONE": "vgg16"}, "BACKBONE is 'vgg16'.*resnet50, resnet101"),
        ({"BACKBONE": "mynet:backbone"}, "BACKBONE is 'mynet:backbone'.* or a function"),
        ({"COMPUTE_BACKBONE_SHAPE": 3}, "COMPUTE_BACKBONE_SHAPE is 3, it must be a function"),
        ({"RPN_ANCHOR_SCALES": (32, 64)}, r"RPN_ANCHOR_SCALES is \(32, 64\), it must be 5 numbers"),
        ({"IMAGE_CHANNEL_COUNT": 1}, "MEAN_PIXEL has 3 numbers but IMAGE_CHANNEL_COUNT is 1"),
        ({"BBOX_STD_DEV": np.ones(3)}, r"BBOX_STD_DEV is \[1.0, 1.0, 1.0\], it must be 4 numbers"),
        ({"MASK_SHAPE": [56, 56]}, r"MASK_SHAPE is \[56, 56\] but .* \[28, 28\]"),
        ({"IMAGES_PER_GPU": 0}, "IMAGES_PER_GPU is 0"),
        ({"IMAGES_PER_GPU": None}, "IMAGES_PER_GPU is None, it must be a whole number"),
        ({"DETECTION_MAX_INSTANCES": None}, "DETECTION_MAX_INSTANCES is None"),
        ({"DETECTION_NMS_THRESHOLD": float("nan")}, "DETECTION_NMS_THRESHOLD is nan, .* 0 to 1"),
        ({"MEAN_PIXEL": [[1, 2], [3]]}, r"MEAN_PIXEL is \[\[1, 2\], \[3\]\], it must be one"),
        ({"TRAIN_ROIS_PER_IMAGE": 2}, r"TRAIN_ROIS_PER_IMAGE \* ROI_POSITIVE_RATIO is 0.66, "),
        ({"IMAGES_PER_GPU": 1.5}, "IMAGES_PER_GPU is 1.5, it must be a whole number"),
        ({"MAX_GT_INSTANCES": 0}, "MAX_GT_INSTANCES is 0"),
        ({"IMAGE_MAX_DIM": -64}, "IMAGE_MAX_DIM is -64, it must be a whole number, 1 or more"),
        ({"ROI_POSITIVE_RATIO": 0}, r"TRAIN_ROIS_PER_IMAGE \* ROI_POSITIVE_RATIO is 0, "),
        ({"RPN_ANCHOR_RATIOS": []}, r"RPN_ANCHOR_RATIOS is \[\], it must be one number or more"),
        ({"MINI_MASK_SHAPE": (56,)}, r"MINI_MASK_SHAPE is \(56,\), it must be 2 numbers"),
        (
            {"BACKBONE_STRIDES": [4, 8, 16], "RPN_ANCHOR_SCALES": (32, 64, 128)},
            r"BACKBONE_STRIDES is \[4, 8, 16\], it must be 5 numbers.*; RPN_ANCHOR_SCALES is",
        ),
        ({"ACCUMULATE_BATCHES": 0}, "ACCUMULATE_BATCHES is 0, it must be a whole number, 1"),
        (
            {"ACCUMULATE_BATCHES": 4, "GPU_COUNT": 2},
            "ACCUMULATE_BATCHES is 4 but GPU_COUNT 2: it takes one GPU",
        ),
        ({"DETECTION_MIN_CONFIDENCE": 70}, "DETECTION_MIN_CONFIDENCE is 70, .* from 0 to 1"),
    ],
)
def test_a_value_that_cannot_work_is_named(attributes, sentence):
    with pytest.raises(ValueError, match=f"MyConfig: .*{sentence}"):
        make(**attributes).check()


def test_all_faults_are_named_at_once():
    with pytest.raises(ValueError, match=r"BACKBONE is .*; IMAGE_MAX_DIM is"):
        make(BACKBONE="vgg", IMAGE_MAX_DIM=1000).check()


def test_a_batch_size_set_by_hand_is_noticed():
    config = make(IMAGES_PER_GPU=2)
    config.IMAGES_PER_GPU = 1
    with pytest.raises(ValueError, match="BATCH_SIZE is 2 but GPU_COUNT, IMAGES_PER_GPU make it 1"):
        config.check()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("NUM_CLASSES", 81, "IMAGE_META_SIZE is 14 but NUM_CLASSES make it 93"),
        ("IMAGE_MAX_DIM", 512, r"IMAGE_SHAPE is \[1024, 1024, 3\] but .* make it \[512, 512, 3\]"),
    ],
)
def test_what_follows_from_a_setting_changed_by_hand_is_noticed(name, value, sentence):
    config = make(NUM_CLASSES=2)
    setattr(config, name, value)
    with pytest.raises(ValueError, match=sentence):
        config.check()


def test_a_loss_that_is_left_out_counts_one():
    make(LOSS_WEIGHTS={"mrcnn_mask_loss": 2.0}).check()


numbers = st.integers() | st.floats() | st.booleans() | st.none()
JUNK = st.recursive(
    numbers | st.text() | st.binary() | st.just(len) | arrays.arrays("float32", (2, 2)),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from([*rules.RULES, *rules.COMPUTED]), JUNK)
def test_whatever_a_setting_is_the_config_can_be_used_or_one_sentence_names_it(name, junk):
    try:
        config = make(**{name: junk})
        if name in rules.COMPUTED:
            setattr(config, name, junk)
        config.check()
    except ValueError as error:
        assert name in str(error)
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 300
    else:
        again = settings.with_settings(Config, config.to_json())
        np.testing.assert_equal(again.IMAGE_SHAPE, config.IMAGE_SHAPE)
        assert settings.batches(config)["batch_size"] == config.BATCH_SIZE
