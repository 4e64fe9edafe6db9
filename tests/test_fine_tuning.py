"""Which weights training starts from, and what a run that is resumed keeps."""

import pytest

from mrcnn.commands import starting, train_command
from mrcnn.config import Config
from mrcnn.nn.weights import WeightsInfo
from tests.small import SmallConfig


def info(num_classes, class_names=None, backbone="resnet50", settings=None):
    return WeightsInfo("weights.h5", backbone, num_classes, class_names, settings)


@pytest.mark.parametrize(
    ("weights", "other"),
    [
        (info(81), True),
        (info(2), False),
        (info(2, ["BG", "mug"]), False),
        (info(2, ["BG", "cup"]), True),
        (info(3, ["BG", "cup", "mug"]), True),
    ],
)
def test_weights_for_other_classes(weights, other):
    assert train_command.other_classes(weights, ["BG", "mug"]) == other


def test_a_network_keeps_its_shape_and_a_resumed_run_its_settings():
    stored = {
        "TOP_DOWN_PYRAMID_SIZE": 64,
        "MEAN_PIXEL": [1.0, 2.0, 3.0],
        "IMAGE_MAX_DIM": 256,
        "IMAGES_PER_GPU": 4,
        "NAME": "x",
    }
    weights = info(2, settings=stored)

    class Own(Config):
        IMAGE_MAX_DIM = 512

    network = {"BACKBONE": "resnet50", "TOP_DOWN_PYRAMID_SIZE": 64, "MEAN_PIXEL": [1.0, 2.0, 3.0]}

    def inherited(weights, config, resume=False):
        return starting.inherited_settings(weights, config, resume)

    assert inherited(weights, Own) == network
    assert inherited(weights, Config) == network | {"IMAGE_MAX_DIM": 256}
    assert inherited(weights, Own, True) == network | {"IMAGE_MAX_DIM": 256, "IMAGES_PER_GPU": 4}


def test_the_backbone_to_train():
    def inherited(weights, config=Config, backbone=None):
        return starting.inherited_settings(weights, config, False, backbone)

    assert inherited(info(2)) == {"BACKBONE": "resnet50"}
    assert inherited(info(2), backbone="resnet101") == {"BACKBONE": "resnet101"}
    # The script's own is what it wants, whatever the weights are of.
    assert inherited(info(2), SmallConfig) == inherited(info(2, backbone=None), SmallConfig) == {}
    own = inherited(info(2), backbone="tests.small:backbone")
    assert own == {"BACKBONE": SmallConfig.BACKBONE, "COMPUTE_BACKBONE_SHAPE": None}
    with pytest.raises(ValueError, match="weights.h5 has a backbone of its own, a:b: .*bone a:b$"):
        inherited(info(2, backbone="a:b"))
