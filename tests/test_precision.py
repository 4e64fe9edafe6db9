"""The compact backbone, and weights that bring their own sizes along."""

import keras
import numpy as np
import pytest

from mrcnn.commands.opening import open_model
from mrcnn.config import Config
from mrcnn.model import MaskRCNN
from mrcnn.nn import precision, weights
from mrcnn.nn.blocks import leaf_layers


class Compact(Config):
    NAME = "compact"
    BACKBONE = "compact"
    NUM_CLASSES = 2
    TOP_DOWN_PYRAMID_SIZE = 16
    RPN_CONV_LAYER_SIZE = 16
    FPN_CLASSIF_FC_LAYERS_SIZE = 32
    MASK_CONV_LAYERS_SIZE = 16
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
    POST_NMS_ROIS_INFERENCE = 50
    DETECTION_MAX_INSTANCES = 5
    DETECTION_MIN_CONFIDENCE = 0.0


@pytest.fixture(scope="module")
def model():
    # Of some random weights every RoI is background.
    keras.utils.set_random_seed(1)
    return MaskRCNN("inference", Compact(), "log")


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).integers(0, 256, (96, 128, 3), dtype=np.uint8)


def test_stages_have_the_strides_of_the_pyramid(model):
    shapes = [model.keras_model.get_layer(f"fpn_p{level}").output.shape for level in (2, 3, 4, 5)]
    assert {shape[-1] for shape in shapes} == {16}
    features = model.run_graph(
        [np.zeros((128, 128, 3), np.uint8)],
        [(name, model.keras_model.get_layer(name).output) for name in ("fpn_p2", "fpn_p5")],
    )
    assert features["fpn_p2"].shape == (1, 32, 32, 16)
    assert features["fpn_p5"].shape == (1, 4, 4, 16)


def test_a_file_says_which_network_it_belongs_to(model, image, tmp_path, capsys):
    path = tmp_path / "custom.h5"
    model.class_names = ["BG", "AC Remote"]
    model.save_weights(path)
    info = weights.inspect(path)
    assert info.backbone == "compact" and info.class_names == ["BG", "AC Remote"]
    again = open_model(path, min_confidence=0).detector
    for theirs, ours in zip(again.detect([image]), model.detect([image]), strict=True):
        assert len(ours["scores"])
        for name, array in theirs.as_dict().items():
            np.testing.assert_array_equal(ours[name], array)


def test_its_weights_fit_into_no_resnet(model, tmp_path):
    model.save_weights(tmp_path / "custom.h5")

    class Other(Compact):
        BACKBONE = "resnet50"

    with pytest.raises(weights.WeightsError, match="weights of compact, the config's BACKBONE is"):
        MaskRCNN("inference", Other(), "log").load_weights(tmp_path / "custom.h5")


def test_it_is_under_four_million_weights():
    class Shipped(Config):
        BACKBONE = "compact"
        NUM_CLASSES = 2
        TOP_DOWN_PYRAMID_SIZE = RPN_CONV_LAYER_SIZE = MASK_CONV_LAYERS_SIZE = 64
        FPN_CLASSIF_FC_LAYERS_SIZE = 256

    assert MaskRCNN("inference", Shipped(), "log").keras_model.count_params() * 4 < 16e6


# -- Precision -------------------------------------------------------------------------------------


def test_bfloat16_computes_in_it_and_keeps_weights_boxes_and_scores(model, image):
    class Half(Compact):
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
    import keras

    before = keras.config.dtype_policy().name
    with precision.computing_in("bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == before
