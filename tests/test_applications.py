"""Models of Keras Applications as backbones: whole networks of them, their pixels, their names.

One of each family was tried so by hand; here are those that take little time.
"""

import re

import keras
import numpy as np
import pytest

from mrcnn import download
from mrcnn.commands import weights as named_weights
from mrcnn.commands.opening import open_model
from mrcnn.model import MaskRCNN
from mrcnn.nn import application_graph, applications, backbones, pretrained, weights
from mrcnn.nn.blocks import leaf_layers
from tests import small

SIDE = 64
# One with operations that are no layers, one that pads by layers of their own, one with variables
# without names and layers in layers.
FAMILIES = ("MobileNetV3Small", "MobileNet", "ConvNeXtTiny")


def config_of(name):
    class Tiny(small.SmallConfig):
        BACKBONE = name
        COMPUTE_BACKBONE_SHAPE = None
        IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIDE
        TOP_DOWN_PYRAMID_SIZE = RPN_CONV_LAYER_SIZE = MASK_CONV_LAYERS_SIZE = 8
        FPN_CLASSIF_FC_LAYERS_SIZE = 16
        DETECTION_MIN_CONFIDENCE = 0.0

    return Tiny()


def with_weights(model):
    return {layer.name: layer for layer, _ in leaf_layers(model) if layer.weights}


@pytest.mark.filterwarnings("ignore:Even though the .tf.config.experimental_run_functions_eagerly")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_learns_is_saved_and_predicts(name, tmp_path, eager):
    keras.utils.set_random_seed(1)
    model = MaskRCNN("training", config_of(name), tmp_path / "log")
    model.class_names = ["BG", "square", "disc"]
    before = {
        key: [np.array(variable) for variable in layer.weights]
        for key, layer in with_weights(model.keras_model).items()
    }
    model.train(small.Shapes(1), None, 0.01, 1, "4+")
    layers = with_weights(model.keras_model)
    # A layer without gradient, such as the RPN's in a picture of few objects, stays as it is.
    changed = {
        key
        for key, arrays in before.items()
        if not all(map(np.array_equal, arrays, layers[key].weights))
    }
    assert any(key.startswith(f"{name}_c4_") for key in changed)
    assert not [key for key in changed if key.startswith(tuple(f"{name}_c{n}_" for n in (1, 2, 3)))]
    # BatchNorm keeps its statistics, as TRAIN_BN says.
    for key, layer in layers.items():
        for variable, array in zip(layer.weights, before[key], strict=True):
            if variable.name.startswith("moving_"):
                np.testing.assert_array_equal(variable, array)

    path = tmp_path / "saved.h5"
    model.save_weights(path)
    assert weights.inspect(path).backbone == name
    detector = open_model(path, min_confidence=0).detector
    again = with_weights(detector.network)
    assert again.keys() == layers.keys()
    for key, layer in again.items():
        for ours, theirs in zip(layer.weights, layers[key].weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    assert detector.detect([image])[0].as_dict()["rois"].shape[1] == 4


def test_a_model_that_loses_its_borders_keeps_them_here():
    image = keras.Input((None, None, 3))
    stages = application_graph.application_graph("Xception", image, stage5=True, train_bn=False)
    model = keras.Model(image, stages)
    for height, width in ((64, 64), (128, 192)):
        maps = model(np.zeros((1, height, width, 3), np.float32))
        sides = [(height // 2**stage, width // 2**stage) for stage in application_graph.STAGES]
        assert [tuple(each.shape[1:3]) for each in maps] == sides
    names = with_weights(model)
    assert backbones.of_layers(names) == "Xception"
    # Keras makes up the names of four, with a number that depends on what was built before.
    for kind in ("conv2d", "batch_normalization"):
        assert [name for name in names if f"_{kind}_" in name] == [
            f"Xception_c{stage}_{kind}_{stage - 1}" for stage in (2, 3, 4, 5)
        ]
    pattern = re.compile(backbones.stage_pattern(5))
    assert {name for name in names if pattern.fullmatch(name)} == {
        name for name in names if name.startswith("Xception_c5_")
    }


@pytest.mark.parametrize("train_bn", [False, None, True])
def test_batch_norm_does_as_train_bn_says(train_bn):
    norm = application_graph.StagedBatchNorm(train_bn=train_bn)
    array = np.arange(8, dtype=np.float32).reshape(4, 2)
    for training in (False, True):
        found = np.asarray(norm(array, training=training))
        of_batch = train_bn or (train_bn is None and training)
        assert np.allclose(found.mean(), 0, atol=1e-5) == bool(of_batch)
    again = application_graph.StagedBatchNorm.from_config(norm.get_config())
    assert again.train_bn == train_bn


def test_the_names_are_those_of_keras():
    theirs = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(applications.APPLICATIONS) == theirs
    for name in theirs:
        record = backbones.named(name)
        assert record.pretrained == backbones.KERAS and record.name == name


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("ResNet50", "resnet"),
        ("ResNet50V2", "resnet_v2"),
        ("VGG16", "vgg16"),
        ("DenseNet121", "densenet"),
        ("Xception", "xception"),
        ("NASNetMobile", "nasnet"),
        ("MobileNetV2", "mobilenet_v2"),
        ("InceptionV3", "inception_v3"),
    ],
)
def test_pixels_are_what_keras_makes_of_them(name, module):
    image = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3)).astype(np.float32)
    expected = getattr(keras.applications, module).preprocess_input(image.copy())
    mean = np.array([123.7, 116.8, 103.9])
    scale, offset = backbones.named(name).pixels(mean)
    found = (image - mean) * scale + offset
    if applications.APPLICATIONS[name].bgr:
        found = found[..., ::-1]
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetV2B0"])
def test_pixels_are_what_the_model_itself_would_make_of_them(name):
    model = getattr(keras.applications, name)(weights=None, include_top=False)
    kinds = keras.layers.Rescaling | keras.layers.Normalization
    *_, last = (layer for layer in model.layers if isinstance(layer, kinds))
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    scale, offset = backbones.named(name).pixels(np.zeros(3))
    expected = keras.Model(model.input, last.output)(image)
    np.testing.assert_allclose(image * scale + offset, expected, atol=1e-5)


# -- ImageNet weights ------------------------------------------------------------------------------


def test_what_keras_downloads_becomes_a_file_of_that_backbone(tmp_path, monkeypatch):
    name = "MobileNetV3Small"
    model = application_graph.keras_model(name, 3)
    monkeypatch.setattr(application_graph, "keras_model", lambda *_, **options: model)
    path = named_weights.find("imagenet", tmp_path, "object", tmp_path, backbone=name)
    assert path == tmp_path / "MobileNetV3Small_imagenet.h5"
    named_weights.present("imagenet", path, name)
    assert weights.inspect(path).backbone == name
    monkeypatch.undo()
    image = keras.Input((None, None, 3))
    ours = keras.Model(
        image, application_graph.application_graph(name, image, stage5=True, train_bn=False)
    )
    report = weights.load(leaf_layers(ours), path, training=True)
    assert not report.missing and not report.unused
    picture = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    scale, offset = backbones.named(name).pixels(np.zeros(3))
    found = ours(picture * scale + offset)[-1]
    anyhow = keras.applications.MobileNetV3Small(weights=None, include_top=False)
    anyhow.set_weights(model.get_weights())
    np.testing.assert_allclose(found, anyhow(picture), atol=1e-4)


def test_weights_without_a_name_are_downloaded_too(tmp_path, monkeypatch):
    # LayerScale gives its gamma none; the count of its process goes on with each model.
    name = "ConvNeXtTiny"
    for _ in range(2):
        model = application_graph.keras_model(name, 3)
    monkeypatch.setattr(application_graph, "keras_model", lambda *_, **options: model)
    pretrained.present(name, tmp_path)
    monkeypatch.undo()
    image = keras.Input((None, None, 3))
    ours = keras.Model(
        image, application_graph.application_graph(name, image, stage5=True, train_bn=False)
    )
    (path,) = tmp_path.glob("*.h5")
    report = weights.load(leaf_layers(ours), path, training=True)
    assert not report.missing and not report.unused


def test_without_a_network_it_is_one_sentence(tmp_path, monkeypatch):
    def fail(name):
        raise Exception("URL fetch failure on https://x/y.h5: None -- no such host\nmore")

    monkeypatch.setattr(application_graph, "published", fail)
    with pytest.raises(download.DownloadError, match=r"MobileNet .* no such host\. You") as raised:
        pretrained.present("MobileNet", tmp_path)
    assert "\n" not in str(raised.value) and not list(tmp_path.iterdir())
