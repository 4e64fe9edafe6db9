"""What bfloat16 changes of a network, and what not."""

import keras
import numpy as np
import pytest

from mrcnn.model import MaskRCNN
from mrcnn.nn import precision
from mrcnn.nn.blocks import leaf_layers
from tests.small import SmallConfig


class Lite(SmallConfig):
    BACKBONE = "efficientnet_lite0"
    COMPUTE_BACKBONE_SHAPE = None


@pytest.fixture(scope="module")
def model():
    return MaskRCNN("inference", Lite(), "log")


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).integers(0, 256, (96, 128, 3), dtype=np.uint8)


def test_bfloat16_computes_in_it_and_keeps_weights_boxes_and_scores(model, image):
    class Half(Lite):
        PRECISION = "bfloat16"

    half = MaskRCNN("inference", Half(), "log")
    dtypes = {name: half.keras_model.get_layer(name).compute_dtype for name in ("fpn_p2", "ROI")}
    assert dtypes == {"fpn_p2": "bfloat16", "ROI": "float32"}
    for (ours, _), (theirs, _) in zip(
        leaf_layers(half.keras_model), leaf_layers(model.keras_model), strict=True
    ):
        for variable, array in zip(ours.weights, theirs.get_weights(), strict=True):
            assert variable.dtype == "float32"
            variable.assign(array)
    outputs = {output.dtype for output in half.keras_model.outputs}
    assert outputs == {"float32"}
    for name in ("fpn_p2", "rpn_bbox"):
        found, exact = (
            each.run_graph([image], [(name, each.keras_model.get_layer(name).output)])[name]
            for each in (half, model)
        )
        error = np.sqrt(np.mean((found.astype(np.float32) - exact) ** 2)) / exact.std()
        assert 0 < error < 0.03


def test_auto_is_one_of_the_two():
    assert precision.resolve("float32") == "float32"
    assert precision.resolve("auto") in ("float32", "bfloat16")


def test_the_policy_of_the_process_stays_as_it_was():
    before = keras.config.dtype_policy().name
    with precision.computing_in("bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == before
