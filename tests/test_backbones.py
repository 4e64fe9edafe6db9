"""What is recorded of a backbone is what is built, and it stands in one place."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mrcnn.nn import backbones
from tests import small

PACKAGE = Path(backbones.__file__).parent.parent
NAMES = list(backbones.BACKBONES)


@pytest.fixture(scope="module")
def built():
    """A function: name -> (the record, a Keras model from the image to C1..C5)."""
    import keras

    from mrcnn.nn import kernels

    made = {}

    def build(name):
        if name not in made:
            record = backbones.named(name)
            image = keras.Input((128, 192, 3))
            with kernels.random(False):
                stages = backbones.resolve(record.graph)(image, stage5=True, train_bn=False)
            made[name] = record, keras.Model(image, stages)
        return made[name]

    return build


def leaves(model):
    from mrcnn.nn.blocks import leaf_layers

    return [leaf.name for leaf, _ in leaf_layers(model) if leaf.weights]


@pytest.mark.parametrize("name", NAMES)
def test_channels_and_strides_are_those_of_the_graph(built, name):
    record, model = built(name)
    shapes = [output.shape for output in model.outputs[1:]]
    assert tuple(shape[-1] for shape in shapes) == record.channels
    sides = [(128 // stride, 192 // stride) for stride in record.strides]
    assert [shape[1:3] for shape in shapes] == sides


@pytest.mark.parametrize("name", NAMES)
def test_the_layers_of_a_stage_are_those_that_only_the_later_outputs_need(built, name):
    import keras

    _, model = built(name)
    for stage in (3, 4, 5):
        before = keras.Model(model.inputs, model.outputs[: stage - 1])
        later = [layer for layer in leaves(model) if layer not in leaves(before)]
        pattern = re.compile(backbones.stage_pattern(stage))
        assert [layer for layer in leaves(model) if pattern.fullmatch(layer)] == later
        assert later


def test_layers_tell_the_backbone(built):
    for name in NAMES:
        assert backbones.of_layers([*leaves(built(name)[1]), "fpn_p2"]) == name
    assert backbones.of_layers(["small1"]) is None


def test_pixels_are_made_what_a_backbone_wants():
    from mrcnn.config import Config

    pixel = np.array([10.0, 100.0, 200.0])
    for mean in (Config.MEAN_PIXEL, np.array([1.0, 2.0, 3.0])):

        def given(name, mean=mean):
            scale, offset = backbones.named(name).pixels(mean)
            return (pixel - mean) * scale + offset

        # The older package's take what MEAN_PIXEL leaves, whatever that is.
        for name in ("resnet50", "resnet101"):
            np.testing.assert_allclose(given(name), pixel - mean)
        np.testing.assert_allclose(given("efficientnet_lite0"), (pixel - 127) / 128)
    # Weights fit no other channels: these are scaled alone.
    assert backbones.named("efficientnet_lite0").pixels(7.0) == ([1 / 128], [0.0])


def test_pixels_are_scaled_in_the_network(monkeypatch):
    import dataclasses

    from mrcnn.nn import network

    record = backbones.named("efficientnet_lite0")

    class Lite(small.SmallConfig):
        BACKBONE = record.name
        MEAN_PIXEL = np.array(record.mean_pixel)

    plain = network.build("inference", Lite())
    half = dataclasses.replace(record, pixel_scale=record.pixel_scale / 2)
    monkeypatch.setitem(backbones.BACKBONES, record.name, half)
    scaled = network.build("inference", Lite())
    scaled.set_weights(plain.get_weights())
    image = np.random.default_rng(0).uniform(-100, 100, (1, 128, 128, 3)).astype(np.float32)

    def features(model, image):
        import keras

        return keras.Model(model.inputs[0], model.get_layer("fpn_p2").output)(image)

    np.testing.assert_allclose(features(scaled, image), features(plain, image / 2), atol=1e-4)


def test_an_unknown_name_is_said():
    with pytest.raises(
        ValueError, match="backbone 'vgg' is not known: use one of resnet50, .* Keras Applications"
    ):
        backbones.named("vgg")


@pytest.mark.parametrize(
    ("name", "weights", "fit"),
    [
        ("resnet50", "resnet101", True),
        ("resnet101", "resnet50", False),
        ("resnet101", "resnet101", True),
        ("efficientnet_lite0", "resnet101", False),
        ("resnet50", "efficientnet_lite0", False),
        ("EfficientNetV2B0", "EfficientNetV2B0", True),
        ("EfficientNetV2B0", "EfficientNetV2B1", False),
        ("resnet50", "own:graph", False),
    ],
)
def test_whose_weights_a_backbone_can_take_whole(name, weights, fit):
    assert backbones.fits(name, weights) == fit


def test_no_other_module_names_a_backbone():
    allowed = {"nn/backbones.py", "nn/resnet.py"}
    names = "|".join(NAMES)
    for path in PACKAGE.rglob("*.py"):
        code = re.sub(r"#.*", "", path.read_text())
        spelled = re.findall(rf"""["'](?:{names})["']""", code)
        if str(path.relative_to(PACKAGE)) == "config.py":
            assert spelled == ['"resnet101"'], path
        elif str(path.relative_to(PACKAGE)) not in allowed:
            assert not spelled, path


def test_no_engine_is_needed_to_know_them():
    code = "import sys, mrcnn.nn.backbones; print({'keras', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# -- Backbones of one's own ------------------------------------------------------------------------


def test_a_function_is_spelled_and_found_again():
    text = backbones.spell(small.backbone)
    assert text == "tests.small:backbone"
    assert backbones.resolve(text) is small.backbone


class Holder:
    @staticmethod
    def backbone(image, stage5, train_bn):
        return []

    def method(self, image, stage5, train_bn):
        return []


def test_a_static_method_is_spelled_too():
    text = backbones.spell(Holder.backbone)
    assert backbones.resolve(text) is Holder.backbone


def test_what_cannot_be_imported_again_has_no_spelling():
    def closure(image, stage5, train_bn):
        return []

    import functools

    odd = [lambda *_: [], closure, Holder().method, functools.partial(small.backbone)]
    assert [backbones.spell(each) for each in odd] == [None] * 4


def test_a_function_of_the_script_is_spelled_by_its_file(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from mrcnn.nn import backbones\n"
        "def graph(image, stage5, train_bn):\n    return []\n"
        "if __name__ == '__main__':\n    print(backbones.spell(graph))\n"
    )
    environment = {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, tmp_path / "mine.py"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout.strip() == "mine:graph"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("graph", "it must be module:function"),
        (":graph", "it must be module:function"),
        ("no_such_module:graph", "No module named 'no_such_module'"),
        ("tests.small:nothing", "has no attribute 'nothing'"),
        ("tests.small:SIDE", "it is no function"),
    ],
)
def test_what_cannot_be_found_is_one_sentence(text, reason):
    with pytest.raises(ValueError, match=rf"^the backbone {text} cannot be imported \(.*{reason}"):
        backbones.resolve(text)


def test_a_module_that_fails_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "failing_backbone.py").write_text("raise RuntimeError('no such GPU')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"failing_backbone:graph cannot .* \(no such GPU\)"):
        backbones.resolve("failing_backbone:graph")
