"""What scripts and notebooks written for the older package do, line by line of their calls.

The samples balloon, nucleus, shapes and coco, and the notebooks that inspect data, model and
weights, call the package in these ways; their code is not here.
"""

import json
import os
import warnings
from pathlib import Path
from types import SimpleNamespace

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

import custom_training
import maskrcnn_predict_for_images
import prediction_for_video
from mrcnn import model as modellib
from mrcnn import utils, visualize
from mrcnn.annotation.records import Region
from mrcnn.commands import photo_run, video_run
from mrcnn.commands.training_arguments import parse_arguments
from mrcnn.data.sources import find_images
from mrcnn.outlines import polygons_to_mask
from mrcnn.video import reading
from tests.golden import FOLDER
from tests.small import SIDE, Shapes, SmallConfig

ROOT = Path(custom_training.__file__).parent
API = json.loads((FOLDER / "api.json").read_text())
INPUTS = [
    "input_image",
    "input_image_meta",
    "input_rpn_match",
    "input_rpn_bbox",
    "input_gt_class_ids",
    "input_gt_boxes",
    "input_gt_masks",
]
LOSSES = [
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
]


class ResNetConfig(SmallConfig):
    """A ResNet, as the scripts have, on small images."""

    BACKBONE = "resnet50"


@pytest.fixture(scope="module")
def shapes():
    return Shapes(6)


@pytest.fixture(scope="module")
def model():
    return modellib.MaskRCNN(mode="inference", config=ResNetConfig(), model_dir="log")


@pytest.fixture
def trainer(tmp_path):
    made = modellib.MaskRCNN(mode="training", config=SmallConfig(), model_dir=str(tmp_path))
    made.set_trainable(".*", verbose=0)
    made.compile(0.001, 0.9)
    return made


# -- Batches as lists, in the older order ----------------------------------------------------------


def test_names_of_outputs_and_metrics(model, trainer):
    assert model.keras_model.output_names == [
        "mrcnn_detection",
        "mrcnn_class",
        "mrcnn_bbox",
        "mrcnn_mask",
        "ROI",
        "rpn_class",
        "rpn_bbox",
    ]
    assert trainer.keras_model.output_names == [
        "rpn_class_logits",
        "rpn_class",
        "rpn_bbox",
        "mrcnn_class_logits",
        "mrcnn_class",
        "mrcnn_bbox",
        "mrcnn_mask",
        "ROI",
        "output_rois",
        *LOSSES,
    ]
    trainer.compile(0.001, 0.9)
    assert trainer.keras_model.metrics_names == ["loss", *LOSSES]


def test_a_batch_as_a_list(shapes, trainer):
    inputs, outputs = next(modellib.data_generator(shapes, SmallConfig(), shuffle=False))
    assert len(inputs) == 7 and outputs == []
    network = trainer.keras_model
    before = network.test_on_batch(inputs, outputs)
    by_name = dict(zip(INPUTS, inputs, strict=True))
    np.testing.assert_allclose(before[1:3], network.test_on_batch(by_name)[1:3], rtol=1e-5)
    found = dict(zip(network.output_names, network.predict(inputs), strict=True))
    assert found["rpn_class"].shape == (1, *inputs[2].shape[1:2], 2)
    assert found["ROI"].shape == (1, SmallConfig.POST_NMS_ROIS_TRAINING, 4)
    assert found["output_rois"].shape == (1, SmallConfig.TRAIN_ROIS_PER_IMAGE, 4)
    np.testing.assert_allclose(found["rpn_class_loss"], before[1], rtol=1e-5)
    first = network.train_on_batch(inputs, outputs)
    assert len(first) == len(network.metrics_names) and np.isfinite(first).all()
    with pytest.raises(ValueError, match="6 arrays for a network of 7 inputs.*: input_image, inp"):
        network.train_on_batch(inputs[:6], outputs)


@pytest.mark.parametrize("make", [modellib.data_generator, modellib.DataGenerator])
def test_fitting_on_generators(shapes, trainer, make, eager):
    network = trainer.keras_model
    frozen = np.asarray(network.get_layer("fpn_p2").kernel)
    history = network.fit(
        make(shapes, SmallConfig(), shuffle=True),
        epochs=2,
        steps_per_epoch=3,
        validation_data=make(shapes, SmallConfig(), shuffle=False),
        validation_steps=2,
        max_queue_size=100,
        workers=0,
        use_multiprocessing=False,
        verbose=0,
    )
    assert set(history.history) == {
        f"{p}{name}" for p in ("", "val_") for name in ["loss", *LOSSES]
    }
    assert np.isfinite(list(history.history.values())).all()
    assert (np.asarray(network.get_layer("fpn_p2").kernel) != frozen).any()
    losses = network.evaluate(make(shapes, SmallConfig()), steps=2, verbose=0)
    assert len(losses) == 6


def test_a_data_generators_places(shapes):
    generator = modellib.DataGenerator(shapes, SmallConfig(), shuffle=False)
    inputs, outputs = generator[0]
    again, _ = generator.__getitem__(idx=0)
    assert len(inputs) == 7 and outputs == [] and inputs[0].shape == (1, SIDE, SIDE, 3)
    for array, same in zip(inputs, again, strict=True):
        np.testing.assert_array_equal(array, same)


def test_an_augmenter_as_the_fourth_argument(shapes):
    from imgaug import augmenters as iaa

    plain = modellib.load_image_gt(shapes, SmallConfig(), 0, False)
    mirrored = modellib.load_image_gt(shapes, SmallConfig(), 0, iaa.Fliplr(1.0))
    np.testing.assert_array_equal(mirrored[0], plain[0][:, ::-1])
    np.testing.assert_array_equal(mirrored[4], plain[4][:, ::-1])


def test_settings_as_a_dict():
    class Own(SmallConfig):
        notes = "mine"

    settings = Own().to_dict()
    assert settings["notes"] == "mine" and settings["BATCH_SIZE"] == 1
    assert list(settings) == sorted(settings)
    assert "display" not in settings and "BACKBONE" not in settings  # a function, here


# -- Looking inside --------------------------------------------------------------------------------


def test_layers_within_have_outputs(model, shapes):
    names = ["conv1", "bn_conv1", "res2a_branch2a", "bn2a_branch2a", "mrcnn_class_conv1"]
    names += ["mrcnn_class_bn1", "mrcnn_mask_bn4", "res4f_out"]
    layers = {name: model.keras_model.get_layer(name) for name in names}
    assert layers["mrcnn_class_bn1"].layer.gamma.shape == (64,)
    image = shapes.load_image(0)
    found = model.run_graph([image], [(name, layers[name].output) for name in names])
    assert found["conv1"].shape == found["bn_conv1"].shape == (1, 64, 64, 64)
    rois = SmallConfig.POST_NMS_ROIS_INFERENCE
    assert found["mrcnn_class_conv1"].shape == found["mrcnn_class_bn1"].shape == (1, rois, 1, 1, 64)

    # Before norm and activation, and after the norm.
    conv, norm = layers["conv1"], layers["bn_conv1"]
    molded, metas, _ = model.mold_inputs([image])
    padded = np.pad(molded, [(0, 0), (3, 3), (3, 3), (0, 0)])
    raw = keras.ops.conv(padded, conv.kernel, 2, "valid") + conv.bias
    np.testing.assert_allclose(found["conv1"], raw, atol=1e-3)
    np.testing.assert_allclose(found["bn_conv1"], norm(raw, training=False), atol=1e-3)
    assert (found["conv1"] < 0).any() and (found["mrcnn_class_bn1"] < 0).any()

    # Nobody else's network changed by it.
    again = model.run_graph(molded, [("res4f_out", layers["res4f_out"].output)], metas)
    np.testing.assert_array_equal(again["res4f_out"], found["res4f_out"])


def test_what_the_region_proposals_came_from(model, shapes):
    pillar = model.keras_model.get_layer("ROI").output
    nms = model.ancestor(pillar, "ROI/rpn_non_max_suppression:0")
    if nms is None:
        nms = model.ancestor(pillar, "ROI/rpn_non_max_suppression/NonMaxSuppressionV2:0")
    rpn = model.run_graph(
        [shapes.load_image(0)],
        [
            ("rpn_class", model.keras_model.get_layer("rpn_class").output),
            ("pre_nms_anchors", model.ancestor(pillar, "ROI/pre_nms_anchors:0")),
            ("refined_anchors", model.ancestor(pillar, "ROI/refined_anchors:0")),
            ("refined_anchors_clipped", model.ancestor(pillar, "ROI/refined_anchors_clipped:0")),
            ("post_nms_anchor_ix", nms),
            ("proposals", pillar),
        ],
    )
    limit = SmallConfig.PRE_NMS_LIMIT
    best = np.argsort(-rpn["rpn_class"][0, :, 1], kind="stable")[:limit]
    anchors = utils.norm_boxes(model.anchors[best], (SIDE, SIDE))
    np.testing.assert_allclose(rpn["pre_nms_anchors"][0], anchors, atol=1e-6)
    refined, clipped = rpn["refined_anchors"][0], rpn["refined_anchors_clipped"][0]
    np.testing.assert_allclose(np.clip(refined, 0, 1), clipped, atol=1e-6)
    kept = clipped[rpn["post_nms_anchor_ix"]]
    assert 0 < len(kept) <= SmallConfig.POST_NMS_ROIS_INFERENCE
    np.testing.assert_array_equal(kept, rpn["proposals"][0, : len(kept)])
    assert not rpn["proposals"][0, len(kept) :].any()
    assert model.ancestor(pillar, "ROI/other:0") is None
    assert model.ancestor(pillar, "fpn_p2/BiasAdd:0") is None


# -- Names that came along -------------------------------------------------------------------------

CAME_ALONG = {
    "visualize": "np os sys random itertools colorsys find_contours plt patches lines Polygon"
    " utils",
    "utils": "np os sys math random tf scipy skimage urllib shutil warnings logging LooseVersion",
    "model": "np os random datetime re math logging OrderedDict multiprocessing tf keras K KL KE KM"
    " utils",
}


@pytest.mark.parametrize("module", CAME_ALONG)
def test_star_imports_bring_what_the_older_ones_did(module):
    names = {}
    exec(f"from mrcnn.{module} import *", names)
    assert not set(CAME_ALONG[module].split()) - names.keys()
    own = set(API[f"mrcnn.{module}"])
    assert not own - names.keys()
    assert names["np"] is np


def test_what_came_along_works():
    names = {}
    exec(
        "from mrcnn.utils import *\nfrom mrcnn.visualize import *\nfrom mrcnn.model import *", names
    )
    assert names["urllib"].request.urlopen and names["skimage"].color.gray2rgb
    assert names["skimage"].io.imread and names["skimage"].transform.resize
    assert names["LooseVersion"]("2.10") > names["LooseVersion"]("2.9")
    assert names["plt"].subplots and issubclass(names["Polygon"], names["patches"].Patch)
    assert issubclass(names["KE"].Layer, names["KL"].Layer) and names["KM"].Model is keras.Model
    assert modellib.utils is utils
    with pytest.raises(AttributeError, match="module 'mrcnn.utils' has no attribute 'nothing'"):
        utils.nothing  # noqa: B018


# -- The original scripts' command lines and data set ----------------------------------------------


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("--dataset D --weights coco train", {"dataset": Path("D"), "weights": "coco"}),
        ("--weights=coco train --dataset=D", {"dataset": Path("D"), "weights": "coco"}),
        ("--dataset train --weights last train", {"dataset": Path("train"), "weights": "last"}),
        ("--keep-negatives train --weights last", {"keep_negatives": True}),
        ("--image a.jpg --weights last splash", {"command": "splash", "image": "a.jpg"}),
        ("evaluate --subset train", {"command": "evaluate", "subset": "train"}),
    ],
)
def test_options_before_the_command(line, values):
    arguments = parse_arguments(line.split(), "", custom_training.CustomConfig)
    values = {"command": "train"} | values
    assert {name: getattr(arguments, name) for name in values} == values


def test_photos_without_a_name_are_the_sample(monkeypatch, capsys):
    taken = []
    monkeypatch.setattr(photo_run, "run", lambda arguments, _: taken.append(arguments.sources) or 0)
    assert maskrcnn_predict_for_images.main([]) == 0
    ((folder,),) = taken
    assert f"these are the sample photos, {folder}" in capsys.readouterr().out
    assert len(find_images(folder)) == 16


@pytest.mark.parametrize("display", [True, False])
def test_without_a_camera_the_sample_clip(monkeypatch, capsys, display):
    class NoCamera(reading.Video):
        def __init__(self, source):
            if source == 0:
                raise reading.VideoError("camera 0 cannot be opened")
            super().__init__(source)

    taken = []
    monkeypatch.setattr(reading, "Video", NoCamera)
    monkeypatch.setattr("mrcnn.commands.display.has_display", lambda: display)
    monkeypatch.setattr("mrcnn.commands.display.Window", lambda *_: SimpleNamespace(close=int))
    monkeypatch.setattr(
        video_run, "run", lambda arguments, _, video, window: taken.append((arguments, video)) or 0
    )
    assert prediction_for_video.main([]) == 0
    ((arguments, video),) = taken
    out = capsys.readouterr().out
    assert f"Camera 0 cannot be opened, so this is the sample clip: {video.source}\n" in out
    assert arguments.output == (None if display else Path("clip_masked.mp4"))
    assert display or "There is no display to show it on: see clip_masked.mp4" in out
    assert prediction_for_video.main(["0"]) == 1


def test_image_info_has_polygons():
    dataset = custom_training.CustomDataset()
    dataset.load_custom(ROOT / "dataset", "val")
    dataset.prepare()
    project = json.loads((ROOT / "dataset" / "val" / "via_project.json").read_text())
    written = {
        image["filename"]: [region["shape_attributes"] for region in image["regions"]]
        for image in project["_via_img_metadata"].values()
    }
    for info in dataset.image_info:
        assert len(info["polygons"]) == len(written[info["id"]])
        for polygon, shape in zip(info["polygons"], written[info["id"]], strict=True):
            assert polygon["all_points_x"] == shape["all_points_x"]
            assert polygon["all_points_y"] == shape["all_points_y"]


def test_a_polygon_of_several_parts_has_their_pixels():
    parts = [(2, 2, 6, 8), (10, 4, 14, 9), (3, 12, 8, 18)]
    squares = [np.array([[x, y], [w, y], [w, h], [x, h]], float) for x, y, w, h in parts]
    polygon = Region(1, "segmentation", "cup", tuple(squares)).polygon
    points = np.stack([polygon["all_points_x"], polygon["all_points_y"]], axis=1)
    expected = polygons_to_mask(squares, (20, 20))
    np.testing.assert_array_equal(polygons_to_mask([points], (20, 20)), expected)
    assert Region(1, "rle", "cup", rle={}).polygon["all_points_x"] == []


# -- The samples from beginning to end -------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_display():
    plt.switch_backend("Agg")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no display")
        yield
    plt.close("all")


def test_shapes_are_trained_in_two_stages_and_measured(tmp_path, shapes, capsys, eager):
    """The notebook train_shapes, and the calls of balloon.py and nucleus.py for training."""
    from imgaug import augmenters as iaa

    class TrainConfig(SmallConfig):
        STEPS_PER_EPOCH, VALIDATION_STEPS = 2, 1

    class InferenceConfig(TrainConfig):
        DETECTION_MIN_CONFIDENCE = 0.0

    config = TrainConfig()
    config.display()
    start = tmp_path / "mask_rcnn_coco.h5"
    model = modellib.MaskRCNN(mode="training", config=config, model_dir=str(tmp_path))
    model.keras_model.save_weights(str(start))
    heads = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
    model.load_weights(str(start), by_name=True, exclude=heads)
    rate = config.LEARNING_RATE
    model.train(shapes, shapes, learning_rate=rate, epochs=1, layers="heads")
    flip = iaa.SomeOf((0, 2), [iaa.Fliplr(0.5), iaa.Flipud(0.5)])
    model.train(shapes, shapes, learning_rate=rate / 10, epochs=2, augmentation=flip, layers="all")
    path = os.path.join(tmp_path, "mask_rcnn_shapes.h5")
    model.keras_model.save_weights(path)

    # Tutorials take the last name of the run's folder, or look for it themselves.
    run = model.log_dir
    names = sorted(os.listdir(run))
    assert names[-1] == sorted(filter(lambda name: name.startswith("mask_rcnn"), names))[-1]
    assert int(names[-1][-7:-3]) == 2

    model = modellib.MaskRCNN("inference", InferenceConfig(), str(tmp_path))
    assert model.find_last() == os.path.join(run, names[-1])
    model.load_weights(path, by_name=True)
    image, meta, class_ids, boxes, masks = modellib.load_image_gt(
        shapes, InferenceConfig(), 0, use_mini_mask=False
    )
    modellib.log("original_image", image)
    result = model.detect([image], verbose=1)[0]
    found = [result[name] for name in ("rois", "class_ids", "scores", "masks")]
    assert "original_image" in capsys.readouterr().out
    ap, precisions, recalls, overlaps = utils.compute_ap(boxes, class_ids, masks, *found)
    assert 0 <= ap <= 1 and len(precisions) == len(recalls)
    assert overlaps.shape == (len(result["rois"]), len(boxes))
    assert 0 <= utils.compute_ap_range(boxes, class_ids, masks, *found, verbose=0) <= 1
    molded = np.expand_dims(modellib.mold_image(image, config), 0)
    assert molded.shape == (1, *image.shape)
    windowed = model.detect_molded(molded, np.expand_dims(meta, 0), verbose=0)
    np.testing.assert_array_equal(windowed[0]["class_ids"], result["class_ids"])

    # Two pictures, side by side with the truth, and what the notebook shows beside.
    _, axes = plt.subplots(1, 2)
    visualize.display_instances(
        image, result["rois"], result["masks"], result["class_ids"], shapes.class_names,
        result["scores"], ax=axes[0], title="Predictions",
    )  # fmt: skip
    visualize.display_instances(image, boxes, masks, class_ids, shapes.class_names, ax=axes[1])
    assert len(axes[0].texts) == len(result["rois"]) and len(axes[1].texts) == len(boxes)
    visualize.display_differences(
        image, boxes, class_ids, masks, result["rois"], result["class_ids"], result["scores"],
        result["masks"], shapes.class_names,
    )  # fmt: skip
    visualize.plot_overlaps(
        class_ids, result["class_ids"], result["scores"], overlaps, shapes.class_names
    )
    visualize.plot_precision_recall(ap, precisions, recalls)
    assert len(plt.get_fignums()) == 4


def test_the_notebook_that_inspects_data(shapes):
    config = SmallConfig()
    image_id = shapes.image_ids[2]
    assert shapes.image_reference(image_id) is not None
    assert {"id", "path", "source"} <= shapes.image_info[image_id].keys()
    image, (mask, class_ids) = shapes.load_image(image_id), shapes.load_mask(image_id)
    visualize.display_top_masks(image, mask, class_ids, shapes.class_names, limit=1)
    small, window, scale, padding, crop = utils.resize_image(
        image, min_dim=64, max_dim=64, mode="square"
    )
    resized = utils.resize_mask(mask, scale, padding, crop)
    assert small.shape == (64, 64, 3) and resized.shape == (64, 64, mask.shape[-1])
    assert len(utils.extract_bboxes(resized)) == len(class_ids) and window == (0, 0, 64, 64)
    *_, boxes, mini = modellib.load_image_gt(
        shapes, config, image_id, augment=True, use_mini_mask=True
    )
    assert mini.shape[:2] == config.MINI_MASK_SHAPE
    assert utils.expand_mask(boxes, mini, image.shape).shape == mask.shape

    levels = modellib.compute_backbone_shapes(config, config.IMAGE_SHAPE)
    anchors = utils.generate_pyramid_anchors(
        config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS, levels, config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
    )  # fmt: skip
    generator = modellib.data_generator(
        shapes, config, shuffle=True, random_rois=16, batch_size=4, detection_targets=True
    )
    inputs, outputs = next(generator)
    images, metas, rpn_match, rpn_bbox, _, _, _, rpn_rois, rois = inputs
    target_ids, target_deltas, target_masks = outputs
    assert images.shape[0] == 4 and rpn_match.shape[1] == len(anchors)
    assert set(modellib.parse_image_meta(metas)["image_id"]) <= set(shapes.image_ids)
    positive = np.where(rpn_match[0] == 1)[0]
    refined = utils.apply_box_deltas(
        anchors[positive], rpn_bbox[0, : len(positive)] * config.RPN_BBOX_STD_DEV
    )
    sample = modellib.unmold_image(images[0], config)
    visualize.draw_boxes(sample, boxes=anchors[positive], refined_boxes=refined)
    ids = target_ids[0].reshape(-1)
    deltas = target_deltas[0][np.arange(len(ids)), ids] * config.BBOX_STD_DEV
    refined = utils.apply_box_deltas(rois[0].astype(np.float32), deltas)
    masks = target_masks[0][np.arange(len(ids)), :, :, ids]
    visualize.draw_rois(sample, rois[0], refined, masks, ids, shapes.class_names, limit=10)
    recall, found = utils.compute_recall(rpn_rois[0], boxes, 0.5)
    assert 0 <= recall <= 1 and len(found) <= len(boxes)
    visualize.display_images(np.transpose(mask, [2, 0, 1]), cols=4, cmap="Blues")


def test_the_notebook_that_inspects_weights(model):
    kinds = {layer.__class__.__name__ for layer in model.get_trainable_layers()}
    assert {"Conv2D", "Dense", "Conv2DTranspose", "BatchNorm"} <= kinds
    for layer in model.get_trainable_layers():
        for variable, array in zip(layer.weights, layer.get_weights(), strict=True):
            assert variable.name and array.shape == tuple(variable.shape)
    visualize.display_weight_stats(model)


def test_what_coco_and_nucleus_do_with_a_dataset():
    class Coco(utils.Dataset):
        def load_mask(self, image_id):
            info = self.image_info[image_id]
            if info["source"] != "coco":
                return super().load_mask(image_id)
            ids = [self.map_source_class_id(f"coco.{each}") for each in info["annotations"]]
            if not ids or not ids[0]:
                return super().load_mask(image_id)
            masks = np.ones((info["height"], info["width"], len(ids)), bool)
            return masks, np.array(ids, np.int32)

    dataset = Coco()
    for class_id, name in ((1, "person"), (18, "dog")):
        dataset.add_class("coco", class_id, name)
    size = {"width": 8, "height": 6, "path": None}
    for image_id, annotations in enumerate(([18], [])):
        dataset.add_image("coco", image_id=image_id, annotations=annotations, **size)
    dataset.prepare()
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (6, 8, 1) and class_ids.tolist() == [2]
    assert dataset.load_mask(1)[0].shape[-1] == 0
    assert dataset.get_source_class_id(2, "coco") == 18
    assert dataset.class_names == ["BG", "person", "dog"] and dataset.num_classes == 3
