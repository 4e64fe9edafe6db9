"""A new pyramid on a backbone that has learned alone: its inputs are as large as it expects."""

import numpy as np
import pytest
import skimage.data

from mrcnn.nn import network, scaling, weights_file
from mrcnn.nn.blocks import leaf_layers
from mrcnn.nn.fpn import LATERALS
from tests.small import SmallConfig


@pytest.fixture(scope="module")
def model():
    return network.build("training", SmallConfig())


def backbone_of(model):
    """Return the weights of the small backbone, as a file has them."""
    return {
        layer.name: {variable.name: np.array(variable) for variable in layer.weights}
        for layer, _ in leaf_layers(model)
        if layer.name.startswith("small")
    }


def deviations(model, image):
    import keras

    outputs = [model.get_layer(name).output for name in LATERALS]
    found = keras.Model(model.input["input_image"], outputs)(image[None])
    return [float(np.std(values)) for values in found]


def photo():
    return skimage.data.astronaut()[::4, ::4].astype(np.float32) - SmallConfig.MEAN_PIXEL


@pytest.mark.parametrize("size", [0.02, 1, 40])
def test_features_of_any_size_become_about_1(model, tmp_path, size):
    groups = backbone_of(model)
    groups["small1"]["kernel"] *= size
    weights_file.write(tmp_path / "backbone.h5", groups)
    report = model.load_published(tmp_path / "backbone.h5", training=True)
    assert "fpn_c2p2/kernel" in report.missing
    assert all(0.2 < each < 5 for each in deviations(model, photo())), deviations(model, photo())


def test_a_pyramid_that_the_file_has_stays_as_it_is(model, tmp_path):
    model.save_weights(tmp_path / "all.h5")
    before = [np.asarray(model.get_layer(name).kernel) for name in LATERALS]
    model.load_published(tmp_path / "all.h5", training=True)
    for name, kernel in zip(LATERALS, before, strict=True):
        np.testing.assert_array_equal(model.get_layer(name).kernel, kernel)


def test_silent_features_leave_the_weights(model):
    kernel = model.get_layer("small1").kernel
    before = np.asarray(kernel)
    kernel.assign(0 * before)
    assert scaling.scale_pyramid(model) == {}
    kernel.assign(before)
