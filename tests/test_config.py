import json
from pathlib import Path

import numpy as np
import pytest

from mrcnn.config import Config, from_settings


def make(**attributes):
    return type("MyConfig", (Config,), attributes)()


def test_sizes_follow_from_the_settings():
    config = make(IMAGES_PER_GPU=3, GPU_COUNT=2, NUM_CLASSES=5, IMAGE_MAX_DIM=512)
    assert config.BATCH_SIZE == 6
    assert config.IMAGE_SHAPE.tolist() == [512, 512, 3]
    assert config.IMAGE_META_SIZE == 12 + 5
    crop = make(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=256, IMAGE_MAX_DIM=512)
    assert crop.IMAGE_SHAPE.tolist() == [256, 256, 3]


def test_the_defaults_pass_and_so_does_each_mode():
    Config().check()
    make(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=192).check()
    make(IMAGE_RESIZE_MODE="none").check()
    make(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=512).check()
    make(IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=np.array([110.0])).check()
    make(BACKBONE=lambda *_, **__: None, COMPUTE_BACKBONE_SHAPE=lambda shape: None).check()


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"IMAGE_MAX_DIM": 1000}, "IMAGE_MAX_DIM is 1000, .* multiple of 64: try 1024"),
        ({"IMAGE_RESIZE_MODE": "pad64"}, "IMAGE_MIN_DIM is 800, .* multiple of 64: try 768"),
        ({"IMAGE_RESIZE_MODE": "stretch"}, "IMAGE_RESIZE_MODE is 'stretch'.*none, square, pad64"),
        ({"BACKBONE": "vgg16"}, "BACKBONE is 'vgg16'.*resnet50, resnet101"),
        ({"BACKBONE": lambda *_: None}, "COMPUTE_BACKBONE_SHAPE must be one too"),
        ({"RPN_ANCHOR_SCALES": (32, 64)}, "RPN_ANCHOR_SCALES has 2 .* BACKBONE_STRIDES has 5"),
        ({"IMAGE_CHANNEL_COUNT": 1}, "MEAN_PIXEL has 3 numbers but IMAGE_CHANNEL_COUNT is 1"),
        ({"BBOX_STD_DEV": np.ones(3)}, "BBOX_STD_DEV has 3 numbers"),
        ({"MASK_SHAPE": [56, 56]}, r"MASK_SHAPE is \[56, 56\] but .* \[28, 28\]"),
        ({"IMAGES_PER_GPU": 0}, "IMAGES_PER_GPU is 0"),
        ({"IMAGES_PER_GPU": 1.5}, "IMAGES_PER_GPU is 1.5, it must be a whole number"),
        ({"MAX_GT_INSTANCES": 0}, "MAX_GT_INSTANCES is 0"),
        ({"IMAGE_MAX_DIM": -64}, "IMAGE_MAX_DIM is -64, .* multiple of 64: try 64"),
        ({"ROI_POSITIVE_RATIO": 0}, "ROI_POSITIVE_RATIO is 0"),
        ({"RPN_ANCHOR_RATIOS": []}, "RPN_ANCHOR_RATIOS is empty"),
        ({"MINI_MASK_SHAPE": (56,)}, "MINI_MASK_SHAPE has 1 numbers, it must have 2"),
        (
            {"BACKBONE_STRIDES": [4, 8, 16], "RPN_ANCHOR_SCALES": (32, 64, 128)},
            "BACKBONE_STRIDES has 3 numbers, it must have 5",
        ),
        ({"DETECTION_MIN_CONFIDENCE": 70}, "DETECTION_MIN_CONFIDENCE is 70, .* from 0 to 1"),
        ({"LOSS_WEIGHTS": {"rpn_loss": 1.0}}, "LOSS_WEIGHTS has rpn_loss: the losses are rpn_c"),
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
    with pytest.raises(ValueError, match="BATCH_SIZE is 2 but GPU_COUNT \\* IMAGES_PER_GPU is 1"):
        config.check()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("NUM_CLASSES", 81, "IMAGE_META_SIZE is 14 but 81 classes make it 93"),
        ("IMAGE_MAX_DIM", 512, r"IMAGE_SHAPE is \[1024, 1024, 3\] but images have 512 px"),
    ],
)
def test_what_follows_from_a_setting_changed_by_hand_is_noticed(name, value, sentence):
    config = make(NUM_CLASSES=2)
    setattr(config, name, value)
    with pytest.raises(ValueError, match=sentence):
        config.check()


def test_what_json_cannot_hold_is_left_out():
    config = make(
        ROOT=Path("photos"), RPN_ANCHOR_SCALES=tuple(np.array([8, 16, 32, 64, 128])), HELPER=len
    )
    settings = config.to_json()
    assert settings["RPN_ANCHOR_SCALES"] == [8, 16, 32, 64, 128]
    assert settings["BATCH_SIZE"] == 2 and not {"ROOT", "HELPER"} & set(settings)
    json.dumps(settings)


def test_a_loss_that_is_left_out_counts_one():
    make(LOSS_WEIGHTS={"mrcnn_mask_loss": 2.0}).check()


def test_settings_survive_json():
    config = make(NAME="remote", NUM_CLASSES=2, BACKBONE="resnet50", IMAGE_MAX_DIM=512)
    again = from_settings(json.loads(json.dumps(config.to_json())))
    for name, value in config.settings().items():
        np.testing.assert_equal(np.asarray(getattr(again, name)), np.asarray(value), name)
    again.check()


def test_stored_settings_of_a_wrong_kind_are_refused():
    with pytest.raises(ValueError, match="NUM_CLASSES is 'two'"):
        from_settings({"NUM_CLASSES": "two"})
    assert not hasattr(from_settings({"OF_A_LATER_VERSION": 1}), "OF_A_LATER_VERSION")


def test_display_prints_every_setting(capsys):
    make(NAME="remote").display()
    printed = capsys.readouterr().out
    assert "NAME                           remote" in printed
    assert printed.count("\n") > 40
