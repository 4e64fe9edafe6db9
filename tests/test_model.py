import datetime
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn import boxes, detector, from_file
from mrcnn import model as modellib
from mrcnn.config import Config
from mrcnn.model import MaskRCNN
from mrcnn.nn.weights_file import WeightsInfo
from tests.small import SmallConfig


@pytest.fixture(scope="module")
def small():
    return MaskRCNN("inference", SmallConfig(), "log")


@pytest.fixture
def photos():
    rng = np.random.default_rng(0)
    sizes = [(100, 150), (150, 100), (128, 128), (300, 40)]
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


# -- Making a model --------------------------------------------------------------------------------


def test_a_wrong_mode_or_config_is_named():
    with pytest.raises(ValueError, match="mode is 'predict', it must be one of training, infer"):
        MaskRCNN("predict", SmallConfig(), "log")

    class Odd(SmallConfig):
        IMAGE_MAX_DIM = 100

    with pytest.raises(ValueError, match="Odd: IMAGE_MAX_DIM is 100"):
        MaskRCNN("inference", Odd(), "log")


def test_the_graph_has_the_older_names(small):
    outputs = [tuple(output.shape) for output in small.keras_model.outputs]
    assert outputs == [
        (None, 10, 6),
        (None, 50, 3),
        (None, 50, 3, 4),
        (None, 10, 28, 28, 3),
        (None, 50, 4),
        (None, None, 2),
        (None, None, 4),
    ]
    inputs = [tensor.name for tensor in small.keras_model.inputs]
    assert inputs == ["input_image", "input_image_meta", "input_anchors"]
    for name in ("ROI", "rpn_model", "rpn_class", "mrcnn_detection", "roi_align_mask", "fpn_p5"):
        assert small.keras_model.get_layer(name).name == name
    assert small.keras_model.get_layer("mrcnn_class_bn2").layer.gamma.shape == (64,)


def test_loading_names_the_settings_that_no_shape_shows(small, tmp_path, capsys):
    class Other(SmallConfig):
        MEAN_PIXEL = np.array([1.0, 2.0, 3.0])
        MASK_POOL_SIZE, MASK_SHAPE, MASK_CANONICAL_SIDE = 28, [56, 56], 448
        LEARNING_RATE = 0.5

    path = str(tmp_path / "other.h5")
    MaskRCNN("inference", Other(), tmp_path).save_weights(path)
    capsys.readouterr()
    small.load_weights(path)
    _, *told = capsys.readouterr().out.splitlines()
    assert told == [
        "  trained with MASK_SHAPE [56, 56], the Config has [28, 28]",
        "  trained with MASK_CANONICAL_SIDE 448, the Config has 224",
        "  trained with MEAN_PIXEL [1.0, 2.0, 3.0], the Config has [40, 40, 40]",
    ]


@pytest.mark.parametrize("odd", ["wide", None, {"a": 1}, [[1], [2, 3]], [1.0, 2.0]])
def test_settings_of_a_strange_file_are_named_too(odd):
    info = WeightsInfo(Path("odd.h5"), None, 2, None, {"MEAN_PIXEL": odd})
    (told,) = from_file.other_settings(info, SmallConfig())
    assert told == f"  trained with MEAN_PIXEL {odd}, the Config has [40, 40, 40]"


@pytest.mark.parametrize("stride", [1, 2])
def test_any_anchor_stride(stride, photos):
    class Strided(SmallConfig):
        RPN_ANCHOR_STRIDE = stride

    results = MaskRCNN("inference", Strided(), "log").detect(photos[:1])
    assert results[0]["masks"].shape[:2] == photos[0].shape[:2]


@pytest.mark.parametrize(
    ("channels", "mean"), [(1, [110.0]), (4, [110.0, 110.0, 110.0, 0.0])], ids=["grey", "four"]
)
def test_other_numbers_of_channels(channels, mean):
    class Channels(SmallConfig):
        IMAGE_CHANNEL_COUNT = channels
        MEAN_PIXEL = np.array(mean)

    model = MaskRCNN("inference", Channels(), "log")
    image = np.random.default_rng(0).integers(0, 256, (90, 120, channels), dtype=np.uint8)
    assert model.detect([image])[0]["masks"].shape[:2] == (90, 120)


@pytest.mark.parametrize(
    ("mode", "sizes"),
    [("none", [(64, 128), (128, 64)]), ("pad64", [(100, 130), (64, 64)]), ("crop", [(200, 300)])],
)
def test_other_resize_modes(mode, sizes):
    class Mode(SmallConfig):
        IMAGE_RESIZE_MODE = mode
        IMAGE_MIN_DIM = 64

    model = MaskRCNN("inference", Mode(), "log")
    images = [np.full((*size, 3), 99, np.uint8) for size in sizes]
    for image, result in zip(images, model.detect(images), strict=True):
        assert result["masks"].shape[:2] == image.shape[:2]


# -- Detecting -------------------------------------------------------------------------------------


def test_detections_lie_in_their_image(small, photos):
    results = small.detect(photos)
    assert len(results) == len(photos)
    for image, result in zip(photos, results, strict=True):
        count = len(result["rois"])
        assert result["rois"].dtype == np.int32 and result["rois"].shape == (count, 4)
        assert result["class_ids"].dtype == np.int32 and (result["class_ids"] > 0).all()
        assert result["scores"].dtype == np.float32 and (np.diff(result["scores"]) <= 0).all()
        assert result["masks"].dtype == bool
        assert result["masks"].shape == (*image.shape[:2], count)
        height, width = image.shape[:2]
        assert (result["rois"] >= 0).all() and (result["rois"] <= [height, width] * 2).all()
        for (y1, x1, y2, x2), mask in zip(
            result["rois"], np.moveaxis(result["masks"], -1, 0), strict=True
        ):
            assert mask.sum() == mask[y1:y2, x1:x2].sum()


def test_one_compilation_an_image_shape(small, photos):
    small.detect(photos)
    functions = dict(small.detector._functions)
    small.detect([*photos, *photos])
    assert small.detector._functions == functions and len(functions) == 1


def test_a_bounded_number_of_shapes_is_kept(monkeypatch):
    monkeypatch.setattr(detector, "KEPT_SHAPES", 2)

    class Padded(SmallConfig):
        IMAGE_RESIZE_MODE = "pad64"
        IMAGE_MIN_DIM = 64

    model = MaskRCNN("inference", Padded(), "log")

    def shapes(width):
        model.detect([np.zeros((64, width, 3), np.uint8)])
        return [shape[1] for shape in model.detector._functions]

    assert [shapes(width) for width in (64, 128, 64, 192)] == [
        [64],
        [64, 128],
        [128, 64],
        [64, 192],
    ]
    assert [shape[1] for shape in model.detector._anchors] == [128, 192]


def test_weights_that_change_later_count(photos, tmp_path):
    first, second = (MaskRCNN("inference", SmallConfig(), "log") for _ in range(2))
    first.save_weights(tmp_path / "first.h5")
    second.save_weights(tmp_path / "second.h5")

    def outputs(model):
        molded, metas, _ = model.mold_inputs(photos[2:3])
        return model.detector._run(molded, metas, 0)[1]

    of_first, of_second = outputs(first), outputs(second)
    assert not np.array_equal(of_first, of_second)
    first.keras_model.set_weights(second.keras_model.get_weights())
    assert np.array_equal(outputs(first), of_second)
    first.load_weights(tmp_path / "first.h5")
    assert np.array_equal(outputs(first), of_first)
    first.keras_model.load_weights(tmp_path / "second.h5")
    assert np.array_equal(outputs(first), of_second)


@pytest.mark.parametrize("way", ["set_weights", "assign", "assign_add", "step"])
@pytest.mark.parametrize("part", ["conv", "norm"])
def test_whatever_changes_a_variable_counts_at_once(photos, way, part):
    keras.utils.set_random_seed(3)  # others may take all for background
    model = MaskRCNN("inference", SmallConfig(), "log")
    molded, metas, _ = model.mold_inputs(photos[2:3])

    def found():
        return (model.detector._run(molded, metas, 0)[0][..., 5] > 0.5).any()

    assert found()
    layer = model.keras_model.get_layer(f"mrcnn_class_{'conv' if part == 'conv' else 'bn'}1")
    layer = getattr(layer, "layer", layer)
    variable = layer.kernel if part == "conv" else layer.gamma
    # Without these the head has nothing to tell classes by: each scores a third.
    if way == "set_weights":
        layer.set_weights([0 * array for array in layer.get_weights()])
    elif way == "assign":
        variable.assign(0 * variable)
    elif way == "assign_add":
        variable.assign_add(-variable)
    else:
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build([variable])
        tf.function(lambda: optimizer.apply([1.0 * variable], [variable]))()
    assert not found()


def test_batches_give_what_single_images_give(photos):
    class Batched(SmallConfig):
        IMAGES_PER_GPU = 3
        DETECTION_MIN_CONFIDENCE = 0.0

    model = MaskRCNN("inference", Batched(), "log")
    together = model.detect(photos)
    for image, result in zip(photos, together, strict=True):
        (alone,) = model.detect([image])
        np.testing.assert_allclose(result["scores"], alone["scores"], atol=1e-5)
        np.testing.assert_allclose(result["rois"], alone["rois"], atol=1)


@pytest.mark.parametrize(
    "shape", [(100, 100), (100, 100, 4), (0, 100, 3), (3,)], ids=["grey", "alpha", "empty", "row"]
)
def test_an_array_that_is_no_image_is_named(small, shape):
    with pytest.raises(ValueError, match=r"an image has shape .*\[height, width, 3\]"):
        small.detect([np.zeros(shape, np.uint8)])


def test_detecting_needs_an_inference_model():
    model = MaskRCNN("training", SmallConfig(), "log")
    with pytest.raises(ValueError, match='make one with mode="inference"'):
        model.detect([np.zeros((10, 10, 3), np.uint8)])


def test_verbose_prints_shapes(small, photos, capsys):
    small.detect(photos[:1], verbose=1)
    printed = capsys.readouterr().out
    assert "Processing 1 images" in printed and "(1, 128, 128, 3)" in printed
    small.detect(photos[:1])
    assert not capsys.readouterr().out


def test_images_of_unlike_molded_size_make_no_batch(photos):
    class Padded(SmallConfig):
        IMAGE_RESIZE_MODE = "pad64"
        IMAGE_MIN_DIM = None

    model = MaskRCNN("inference", Padded(), "log")
    with pytest.raises(ValueError, match="3 sizes once molded"):
        model.mold_inputs([photos[0], photos[1], photos[3]])


def test_unmold_detections_by_hand(small):
    # A 100 x 200 image fills the middle of a 128 x 128 one: rows 32 to 96.
    window = np.array([32, 0, 96, 128])
    inside = boxes.normalize(np.array([[48.0, 32, 80, 96], [48, 32, 48, 96]]), (128, 128))
    detections = np.zeros((10, 6), np.float32)
    detections[:2, :4], detections[:2, 4], detections[:2, 5] = inside, [2, 1], [0.9, 0.8]
    masks = np.zeros((10, 28, 28, 3), np.float32)
    masks[0, :14, :, 2] = 1
    rois, class_ids, scores, full = small.unmold_detections(
        detections, masks, (100, 200, 3), (128, 128, 3), window
    )
    # The second is empty and left out.
    np.testing.assert_allclose(rois, [[25, 50, 75, 150]], atol=1)
    assert class_ids.tolist() == [2] and scores.tolist() == [np.float32(0.9)]
    y1, x1, y2, x2 = rois[0]
    middle = (y1 + y2) // 2
    assert full[y1 + 2 : middle - 2, x1 + 2 : x2 - 2].all()
    assert not full[middle + 2 :].any() and not full[:y1].any()


def test_unmold_without_detections(small):
    rois, class_ids, scores, masks = small.unmold_detections(
        np.zeros((10, 6), np.float32),
        np.zeros((10, 28, 28, 3)),
        (50, 60, 3),
        (128, 128, 3),
        np.array([0, 0, 128, 128]),
    )
    assert rois.shape == (0, 4) and masks.shape == (50, 60, 0)
    assert not len(class_ids) and not len(scores)


# -- Looking inside --------------------------------------------------------------------------------


def test_run_graph(small, photos):
    tensors = [(n, small.keras_model.get_layer(n).output) for n in ("fpn_p3", "ROI")]
    arrays = small.run_graph(photos[:2], [*tensors, ("nothing", None)])
    assert list(arrays) == ["fpn_p3", "ROI"]
    assert arrays["fpn_p3"].shape == (2, 16, 16, 32)
    assert small.run_graph(photos[:1], tensors[:1])["fpn_p3"].shape == (1, 16, 16, 32)
    molded, metas, _ = small.mold_inputs(photos[:2])
    again = small.run_graph(molded, tensors, metas)
    np.testing.assert_array_equal(again["ROI"], arrays["ROI"])


def test_ancestor(small):
    detections = small.keras_model.get_layer("mrcnn_detection").output
    assert small.ancestor(detections, "ROI") is small.keras_model.get_layer("ROI").output
    assert small.ancestor(detections, "ROI:0") is small.keras_model.get_layer("ROI").output
    assert small.ancestor(detections, "ROI/refined_anchors:0").shape == (None, None, 4)
    assert small.ancestor(detections, "mrcnn_mask") is None


def test_trainable_layers(small):
    names = [layer.name for layer in small.get_trainable_layers()]
    assert {"small1", "fpn_p2", "rpn_conv_shared", "mrcnn_class_bn1", "mrcnn_mask"} <= set(names)
    wrapper = next(layer for layer in small.keras_model.layers if layer.name == "mrcnn_mask")
    assert type(small.find_trainable_layer(wrapper)).__name__ == "Conv2D"


# -- Images and meta -------------------------------------------------------------------------------


def test_image_meta_round_trip():
    meta = modellib.compose_image_meta(
        7, (83, 121, 3), (128, 128, 3), (10, 0, 118, 128), 1.25, [1, 0, 1]
    )
    fields = modellib.parse_image_meta(meta[None])
    assert fields["image_id"].tolist() == [7]
    assert fields["original_image_shape"].tolist() == [[83, 121, 3]]
    assert fields["image_shape"].tolist() == [[128, 128, 3]]
    assert fields["window"].tolist() == [[10, 0, 118, 128]]
    assert fields["scale"].tolist() == [1.25]
    assert fields["active_class_ids"].tolist() == [[1, 0, 1]]


def test_golden_image_meta_and_mold(golden):
    meta = modellib.compose_image_meta(
        3, (83, 121, 3), (128, 128, 3), (10, 0, 118, 128), 1.25, [1, 0, 1, 1, 0]
    )
    np.testing.assert_array_equal(meta, golden["meta"])
    config = Config()
    molded = modellib.mold_image(golden["resize_in"].astype(np.float32), config)
    np.testing.assert_allclose(molded, golden["mold"], atol=1e-4)
    np.testing.assert_allclose(modellib.unmold_image(molded, config), golden["resize_in"], atol=1)


# -- Runs and checkpoints --------------------------------------------------------------------------


def test_find_last(tmp_path):
    model = MaskRCNN("inference", SmallConfig(), tmp_path)
    with pytest.raises(FileNotFoundError, match="no checkpoint of 'small' under"):
        model.find_last()
    for run, epochs in {
        "small20260101T0900": (1, 2),
        "small20260301T0900": (1, 12, 9),
        "small20260401T0900": (),
        "smaller20260501T0900": (1,),
    }.items():
        folder = tmp_path / run
        folder.mkdir()
        for epoch in epochs:
            (folder / f"mask_rcnn_small_{epoch:04d}.h5").touch()
        (folder / "best_mask_rcnn_small.h5").touch()
    expected = tmp_path / "small20260301T0900" / "mask_rcnn_small_0012.h5"
    assert model.find_last() == str(expected)


def test_the_log_dir_continues_a_run_or_starts_one(tmp_path):
    model = MaskRCNN("inference", SmallConfig(), tmp_path)
    today = datetime.date.today().strftime("%Y%m%d")
    assert os.path.basename(model.log_dir).startswith(f"small{today}T") and model.epoch == 0
    assert not os.path.exists(model.log_dir)
    checkpoint = tmp_path / "small20260101T0900" / "mask_rcnn_small_0012.h5"
    model.set_log_dir(checkpoint)
    assert (model.epoch, model.log_dir) == (12, str(checkpoint.parent))
    model.set_log_dir(tmp_path / "mask_rcnn_coco.h5")
    assert model.epoch == 0 and os.path.basename(model.log_dir).startswith(f"small{today}T")
