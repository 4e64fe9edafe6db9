"""The Keras model saves itself and loads again: the same detections, the same losses."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import anchors, boxes, image_meta
from mrcnn.nn import network
from mrcnn.nn.blocks import BatchNorm, leaf_layers
from mrcnn.nn.losses import LOSSES
from tests.small import SIDE, SmallConfig

SHAPE = (SIDE, SIDE, 3)


class Lite(SmallConfig):
    BACKBONE = "efficientnet_lite0"
    COMPUTE_BACKBONE_SHAPE = None
    DETECTION_MIN_CONFIDENCE = 0


class GivenRoIs(Lite):
    USE_RPN_ROIS = False


def grid(config):
    shapes = anchors.level_shapes(SHAPE, config.BACKBONE_STRIDES)
    anchors_px = anchors.generate_pyramid_anchors(
        config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS, shapes, config.BACKBONE_STRIDES, 1
    )
    return boxes.normalize(anchors_px, SHAPE)


def images(count=2):
    rng = np.random.default_rng(0)
    meta = image_meta.compose(0, SHAPE, SHAPE, (0, 0, SIDE, SIDE), 1, [1, 1, 1])
    pixels = rng.uniform(-100, 100, (count, *SHAPE))
    return pixels.astype(np.float32), np.stack([meta] * count).astype(np.float32)


def batch(config):
    """Two images with a square each, and anchors that know nothing of it."""
    pixels, metas = images()
    objects, count = config.MAX_GT_INSTANCES, len(grid(config))
    rng = np.random.default_rng(1)
    gt_boxes = np.zeros((2, objects, 4), np.float32)
    gt_boxes[:, 0] = 30, 30, 90, 90
    class_ids = np.zeros((2, objects), np.int32)
    class_ids[:, 0] = 2
    inputs = {
        "input_image": pixels,
        "input_image_meta": metas,
        "input_rpn_match": rng.integers(-1, 2, (2, count, 1)).astype(np.int32),
        "input_rpn_bbox": rng.normal(size=(2, 64, 4)).astype(np.float32),
        "input_gt_class_ids": class_ids,
        "input_gt_boxes": gt_boxes,
        "input_gt_masks": np.ones((2, *config.MINI_MASK_SHAPE, objects), np.uint8),
    }
    if not config.USE_RPN_ROIS:
        moved = rng.uniform(-40, 40, (2, config.POST_NMS_ROIS_TRAINING, 4))
        inputs["input_rois"] = (gt_boxes[:, :1] + moved).astype(np.float32)
    return inputs


def set_all_weights(model):
    """Give also the BatchNorms statistics and factors of their own."""
    rng = np.random.default_rng(2)
    for layer, _ in leaf_layers(model):
        if isinstance(layer, BatchNorm):
            for variable in layer.weights:
                variable.assign(rng.uniform(0.5, 1.5, variable.shape))


def outputs(model):
    pixels, metas = images()
    each = np.broadcast_to(grid(Lite()), (2, *grid(Lite()).shape))
    return model.predict_on_batch([pixels, metas, each])


@pytest.fixture(scope="module")
def inference():
    keras.utils.set_random_seed(3)
    model = network.build("inference", Lite())
    set_all_weights(model)
    return model


def training(config):
    keras.utils.set_random_seed(4)
    model = network.build("training", config)
    set_all_weights(model)
    return model


def losses(model, config):
    outputs = model(batch(config))
    return {name: float(outputs[name]) for name in LOSSES}


def saved(model, path):
    model.save(path)
    return keras.models.load_model(path)


def from_json(model):
    again = keras.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    return again


# -- For inference ---------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["file", "json", "config"])
def test_what_is_loaded_again_detects_the_same(inference, tmp_path, way):
    if way == "file":
        again = saved(inference, tmp_path / "model.keras")
    elif way == "json":
        again = from_json(inference)
    else:
        again = type(inference).from_config(inference.get_config())
        again.set_weights(inference.get_weights())
    assert type(again) is type(inference) and again.name == inference.name
    expected = outputs(inference)
    assert (expected[0][..., 5] > 0).any()
    for ours, theirs in zip(outputs(again), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [v.name for v in again.weights] == [v.name for v in inference.weights]


def test_what_is_loaded_again_is_compiled_as_any(inference, tmp_path):
    again = saved(inference, tmp_path / "model.keras")
    found = [
        network.compiled(model, SHAPE, grid(Lite()))(*images()) for model in (again, inference)
    ]
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weight_files_of_the_published_layout_fit_what_is_loaded(inference, tmp_path):
    again = keras.models.model_from_json(inference.to_json())
    inference.save_weights(str(tmp_path / "weights.h5"))
    again.load_weights(str(tmp_path / "weights.h5"))
    for ours, theirs in zip(outputs(again), outputs(inference), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_another_process_loads_it(inference, tmp_path):
    inference.save(tmp_path / "model.keras")
    code = (
        "import keras, mrcnn.nn.network\n"
        f"model = keras.models.load_model({str(tmp_path / 'model.keras')!r})\n"
        "print(type(model).__name__, len(model.outputs))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["MaskRCNNModel", "7"]


def test_a_backbone_of_ones_own_is_saved_too(tmp_path):
    model = network.build("inference", SmallConfig())
    again = saved(model, tmp_path / "model.keras")
    for ours, theirs in zip(outputs(again), outputs(model), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_bfloat16_stays_bfloat16():
    class Half(Lite):
        PRECISION = "bfloat16"

    again = keras.models.model_from_json(network.build("inference", Half()).to_json())
    names = "fpn_p2", "lite2a_expand_conv", "ROI"
    dtypes = [again.get_layer(name).compute_dtype for name in names]
    assert dtypes == ["bfloat16", "bfloat16", "float32"]


# -- For training ----------------------------------------------------------------------------------


def random_state(model):
    return model.get_layer("proposal_targets").random.state


@pytest.mark.parametrize("way", ["file", "json"])
@pytest.mark.parametrize("config", [Lite, GivenRoIs])
def test_what_is_loaded_again_has_the_same_losses(tmp_path, config, way):
    model = training(config())
    again = saved(model, tmp_path / "model.keras") if way == "file" else from_json(model)
    # Which RoIs are drawn is no weight, and a network that is loaded draws anew.
    for each in (model, again):
        random_state(each).assign([7, 0])
    expected = losses(model, config())
    assert losses(again, config()) == expected
    assert expected["rpn_class_loss"] > 0 and expected["rpn_bbox_loss"] > 0
    if config is GivenRoIs:
        assert all(value > 0 for value in expected.values())
        random_state(again).assign([8, 0])
        assert losses(again, config()) != expected


def test_training_goes_on_from_a_file(tmp_path):
    model = training(Lite())
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9, global_clipnorm=5.0)
    model.compile(optimizer, {"mrcnn_mask_loss": 2.0}, 1e-4)
    model.train_on_batch(batch(Lite()))
    again = saved(model, tmp_path / "model.keras")
    assert (again.loss_weights, again.weight_decay) == ({"mrcnn_mask_loss": 2.0}, 1e-4)
    assert again.optimizer.global_clipnorm == 5.0
    ours, theirs = again.optimizer.variables, model.optimizer.variables
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.isfinite(again.train_on_batch(batch(Lite()), return_dict=True)["loss"])


def test_anchors_are_told_by_what_they_are_made_from():
    class Large(Lite):
        IMAGE_MIN_DIM = IMAGE_MAX_DIM = 1024

    assert len(network.build("training", Large(), random_weights=False).to_json()) < 200_000


# -- Without random numbers ------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["inference", "training"])
def test_no_random_kernels_where_a_file_brings_them_all(mode, monkeypatch):
    def draw(*_, **__):
        raise AssertionError("a random number was drawn")

    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", draw)
    model = network.build(mode, Lite(), random_weights=False)
    kernels = [v for v in model.weights if v.name == "kernel"]
    assert kernels and not any(ops.convert_to_numpy(v).any() for v in kernels)
    with pytest.raises(AssertionError, match="a random number was drawn"):
        network.build(mode, Lite())


# -- The compiled function -------------------------------------------------------------------------


def test_the_compiled_function_gives_the_mask_of_each_detections_class(inference):
    detections, _, _, per_class, *_ = outputs(inference)
    found, masks = network.compiled(inference, SHAPE, grid(Lite()))(*images())
    np.testing.assert_allclose(found, detections, atol=1e-4)
    class_ids = detections[..., 4].astype(int)
    own = np.take_along_axis(per_class, class_ids[..., None, None, None], axis=-1)[..., 0]
    np.testing.assert_allclose(masks, own * (class_ids > 0)[..., None, None], atol=2e-3)


def test_no_mask_is_computed_of_what_scores_too_little(inference):
    function = network.compiled(inference, SHAPE, grid(Lite()))
    everything, masks = map(np.asarray, function(*images()))
    scores = everything[..., 5]
    least = np.sort(scores, axis=None)[-3]
    assert 0 < (scores >= least).sum() < (scores > 0).sum()
    some, fewer = map(np.asarray, function(*images(), least))
    np.testing.assert_array_equal(some, everything)
    wanted = (scores >= least)[..., None, None]
    np.testing.assert_allclose(fewer, masks * wanted, atol=1e-5)
    assert not np.asarray(function(*images(), 2.0)[1]).any()


def test_one_function_serves_any_number_of_images(inference):
    function = network.compiled(inference, SHAPE, grid(Lite()))
    pixels, metas = images()
    together = function(pixels, metas)
    alone = function(pixels[1:], metas[1:])
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one[0], other[1], atol=1e-4)
