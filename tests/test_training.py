import csv
import functools
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from imgaug import augmenters as iaa

from mrcnn import anchors, boxes, settings
from mrcnn.data.images import read_image
from mrcnn.data.jitter import Jitter
from mrcnn.evaluation.per_image import compute_ap
from mrcnn.feeding import DataGenerator
from mrcnn.model import MaskRCNN
from mrcnn.nn.losses import LOSSES
from mrcnn.training import plan, run_files
from mrcnn.training.layers import HEADS, layer_pattern
from mrcnn.training.run import TrainingError, compile_model
from mrcnn.training.state import State, optimizer_variables
from tests.small import GREY, SIDE, Shapes, SmallConfig, backbone_shapes

SEED = 3


def weights_of(model):
    return {
        f"{layer.name}/{v.name}": np.asarray(v)
        for layer in model.get_trainable_layers()
        for v in layer.weights
    }


@pytest.fixture
def model(tmp_path, eager):
    keras.utils.set_random_seed(SEED)
    return MaskRCNN("training", SmallConfig(), tmp_path / "log")


# -- Which layers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "learning", "frozen"),
    [
        ("heads", ["fpn_p2", "rpn_class_raw", "mrcnn_mask_bn1"], ["res5c_branch2c", "bn_conv1"]),
        (
            "5+",
            ["res5a_branch1", "bn5c_branch2c", "mrcnn_mask"],
            ["res4f_branch2a", "bn4a_branch1"],
        ),
        ("4+", ["res4a_branch2a", "res5a_branch1"], ["res3d_branch2c", "conv1"]),
        ("3+", ["bn3a_branch2a", "res4a_branch2a"], ["res2c_branch2c", "conv1"]),
        ("all", ["conv1", "bn_conv1", "mrcnn_mask"], []),
        (r"mrcnn_mask.*", ["mrcnn_mask", "mrcnn_mask_conv1"], ["mrcnn_class_conv1", "fpn_p2"]),
    ],
)
def test_layer_words(layers, learning, frozen):
    pattern = re.compile(layer_pattern(layers))
    assert all(pattern.fullmatch(name) for name in learning)
    assert not any(pattern.fullmatch(name) for name in frozen)


def test_set_trainable_reaches_nested_layers(model):
    names = model.set_trainable("rpn_class_raw|mrcnn_class_bn1", verbose=0)
    assert sorted(names) == ["mrcnn_class_bn1", "rpn_class_raw"]
    learning = {variable.path.split("/")[-2] for variable in model.keras_model.trainable_variables}
    assert learning == {"rpn_class_raw", "mrcnn_class_bn1"}


@pytest.mark.parametrize(("layers", "sentence"), [("(", "not a regular"), ("vgg", "no layer")])
def test_layers_that_cannot_be_meant(model, layers, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.train(Shapes(1), None, 0.01, 1, layers)


def test_frozen_layers_stay_as_they_are(model):
    before = weights_of(model)
    model.train(Shapes(2), None, 0.01, 1, "heads", seed=SEED)
    after = weights_of(model)
    for name, array in before.items():
        backbone = name.startswith("small")
        statistics = "moving" in name
        if backbone or statistics:
            np.testing.assert_array_equal(after[name], array, name)
    assert not np.array_equal(before["rpn_class_raw/kernel"], after["rpn_class_raw/kernel"])
    assert not np.array_equal(before["mrcnn_class_bn1/gamma"], after["mrcnn_class_bn1/gamma"])


def test_train_bn_learns_its_statistics(tmp_path, eager):
    class Learning(SmallConfig):
        TRAIN_BN = None

    model = MaskRCNN("training", Learning(), tmp_path)
    before = weights_of(model)
    model.train(Shapes(2), None, 0.001, 1, "heads", seed=SEED)
    name = "mrcnn_mask_bn1/moving_mean"
    assert not np.array_equal(before[name], weights_of(model)[name])


# -- What is minimised -----------------------------------------------------------------------------


def test_losses_have_the_older_names_everywhere(model, tmp_path):
    history = model.train(Shapes(4), Shapes(2, seed=9), 0.01, 2, "all", seed=SEED)
    names = {"loss", *LOSSES}
    assert set(history.history) == names | {f"val_{name}" for name in names}
    with open(f"{model.log_dir}/losses.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and set(rows[0]) == {"epoch", "learning_rate", *history.history}
    events = list((tmp_path / "log").rglob("events.out*"))
    assert len(events) == 2


def test_the_total_is_the_weighted_sum_and_the_decay(tmp_path, eager):
    class Weighted(SmallConfig):
        LOSS_WEIGHTS = dict.fromkeys(LOSSES, 0.5) | {"mrcnn_mask_loss": 2.0}
        WEIGHT_DECAY = 0.01

    model = MaskRCNN("training", Weighted(), tmp_path)
    variables = {
        name: array
        for name, array in weights_of(model).items()
        if name.rsplit("/")[-1] in ("kernel", "bias")
    }
    decay = 0.01 * sum(np.mean(array**2) for array in variables.values())
    # A learning rate of nothing leaves the weights of the decay as they are.
    history = model.train(Shapes(1), None, 0.0, 1, "all", seed=SEED).history
    total = sum(history[name][0] for name in LOSSES)
    assert history["loss"][0] == pytest.approx(total + decay, rel=1e-4)


def test_the_global_norm_of_the_gradients_is_clipped(model):
    model.compile(0.01, 0.9)
    assert model.keras_model.optimizer.global_clipnorm == 5.0
    assert model.keras_model.optimizer.clipnorm is None
    assert float(np.asarray(model.keras_model.optimizer.momentum)) == pytest.approx(0.9)


def test_given_rois_take_the_place_of_proposals(tmp_path, eager):
    class Given(SmallConfig):
        USE_RPN_ROIS = False

    model = MaskRCNN("training", Given(), tmp_path)
    history = model.train(Shapes(2), None, 0.01, 1, "heads", seed=SEED)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64},
        {"USE_MINI_MASK": False},
        {"IMAGES_PER_GPU": 2},
    ],
    ids=str,
)
def test_other_ways_to_feed_it(tmp_path, eager, settings):
    config = type("Other", (SmallConfig,), settings)()
    model = MaskRCNN("training", config, tmp_path)
    flip = iaa.Fliplr(0.5)
    history = model.train(Shapes(4), None, 0.01, 1, "all", augmentation=flip, seed=SEED)
    assert np.isfinite(history.history["loss"]).all()


class Photos(Shapes):
    """Shapes on images of several sizes."""

    sizes = ((128, 192), (128, 192), (192, 128), (128, 128))

    def _draw(self, image_id):
        image, masks = super()._draw(image_id)
        height, width = self.sizes[image_id % len(self.sizes)]
        below = ((0, height - SIDE), (0, width - SIDE), (0, 0))
        return np.pad(image, below, constant_values=GREY), np.pad(masks, below)


@pytest.mark.parametrize("mini", [True, False])
@pytest.mark.parametrize(("mode", "images"), [("pad64", 1), ("none", 2)])
def test_images_of_any_size_teach_the_heads(tmp_path, eager, mode, images, mini):
    class Sizes(SmallConfig):
        IMAGE_RESIZE_MODE = mode
        IMAGES_PER_GPU = images
        USE_MINI_MASK = mini
        # Nothing but what is taught changes a weight.
        WEIGHT_DECAY = 0.0
        # So many proposals that some match before anything is learned.
        RPN_NMS_THRESHOLD = 0.9
        PRE_NMS_LIMIT = POST_NMS_ROIS_TRAINING = 1000

    keras.utils.set_random_seed(SEED)
    model = MaskRCNN("training", Sizes(), tmp_path)
    before = weights_of(model)
    history = model.train(Photos(8), Photos(4, seed=9), 0.01, 1, "all", seed=SEED).history
    for name in ("mrcnn_bbox_loss", "mrcnn_mask_loss"):
        assert history[name][0] > 0 and history[f"val_{name}"][0] > 0
    for head in ("mrcnn_bbox_fc", "mrcnn_mask", "mrcnn_mask_conv1"):
        assert not np.array_equal(weights_of(model)[f"{head}/kernel"], before[f"{head}/kernel"])


@pytest.mark.parametrize("side", [(192, 288), (128, 192)])
def test_the_networks_anchors_are_those_of_the_targets(tmp_path, side):
    """On images that are not IMAGE_SHAPE."""
    config = type("Padded", (SmallConfig,), {"IMAGE_RESIZE_MODE": "pad64"})()
    model = MaskRCNN("training", config, tmp_path).keras_model
    layer = model.get_layer("anchors")
    maps = [np.zeros((2, *shape, 1), np.float32) for shape in backbone_shapes(side)]
    found = np.asarray(layer([np.zeros((2, *side, 3), np.float32), *maps]))
    expected = boxes.normalize(anchors.pyramid(side, **settings.anchors(config)), side)
    np.testing.assert_allclose(found, [expected, expected], atol=1e-6)


class Specks(Shapes):
    """A speck on each image, a sixteenth of the smallest anchor."""

    def _draw(self, image_id):
        mask = np.zeros((SIDE, SIDE, 1), bool)
        mask[60:62, 60:62] = True
        return np.where(mask, np.uint8(200), np.uint8(GREY)).repeat(3, axis=2), mask

    def load_mask(self, image_id):
        return self._draw(image_id)[1], np.array([1], np.int32)


def test_an_epoch_whose_proposals_miss_every_object_is_said(model, capsys):
    model.train(Specks(3), None, 0.0, 1, "all", seed=SEED)
    (line,) = re.findall(r"No proposal .*", capsys.readouterr().out)
    assert line.startswith(
        "No proposal for the 3 images of epoch 1 overlaps an object by half: mrcnn_bbox_loss and "
        "mrcnn_mask_loss 0, the box and mask heads learned nothing."
    )
    model.train(Shapes(2, seed=9), Specks(4), 0.0, 2, "all", seed=SEED)
    line = re.findall(r"No proposal .*", capsys.readouterr().out)[-1]
    assert "for the 4 validation images of epoch 2 " in line and "were not measured" in line


# -- A whole run -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of 72 epochs, stopped after 60 and resumed by another model.

    It ends with small steps, so that where it ends does not hang on the last batches: sums differ
    with the threads that make them, and after hundreds of steps so do the weights.
    """
    folder = tmp_path_factory.mktemp("run")
    keras.utils.set_random_seed(SEED)

    class FastConfig(SmallConfig):
        IMAGES_PER_GPU = 2
        TRAIN_ROIS_PER_IMAGE = 50

    first = MaskRCNN("training", FastConfig(), folder)
    images, others = Shapes(24), Shapes(4, seed=9)
    steps = keras.callbacks.LearningRateScheduler(lambda epoch: 0.02 if epoch < 50 else 0.002)
    options = {"layers": "all", "custom_callbacks": [steps], "seed": SEED}
    before = first.train(images, others, 0.02, 60, **options).history
    second = MaskRCNN("training", FastConfig(), folder)
    second.load_weights(second.find_last(), by_name=True)
    after = second.train(images, others, 0.02, 72, **options, resume=True).history
    return FastConfig, folder, images, before, after, second


def test_the_loss_falls(trained):
    *_, before, after, _ = trained
    assert after["loss"][-1] < 0.4 * before["loss"][0]
    for name in LOSSES:
        # A batch without a proposal on an object has nothing to lose: the first ones are low.
        assert after[name][-1] < 0.4 * max(before[name]), name


def test_a_resumed_run_continues_the_curve(trained):
    _, folder, _, before, after, second = trained
    assert len(before["loss"]) == 60 and len(after["loss"]) == 12
    assert second.epoch == 72
    # A start anew would be near the first loss, not near the last.
    assert after["loss"][0] < before["loss"][-1] + 0.25 * (before["loss"][0] - before["loss"][-1])
    (run,) = folder.iterdir()
    names = {path.name for path in run.glob("*.h5")}
    assert {f"mask_rcnn_small_{epoch:04d}.h5" for epoch in range(1, 73)} < names
    assert {"best_mask_rcnn_small.h5", "last_mask_rcnn_small.h5"} < names
    # Many scripts take the last of them, or those that begin with mask_rcnn.
    assert sorted(path.name for path in run.iterdir())[-1] == "mask_rcnn_small_0072.h5"
    with open(run / "losses.csv") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == [str(i) for i in range(1, 73)]
    height, width = read_image(run / "losses.png").shape[:2]
    assert width > height > 300
    state = State.load(run, 72)
    scores = before["val_loss"] + after["val_loss"]
    assert state.epoch == 72
    assert state.best == pytest.approx(min(scores), rel=1e-5)
    assert state.best_epoch == 1 + int(np.argmin(scores))
    assert (run / run_files.CLASSES_FILE).read_text() == "square\ndisc\n"


def test_it_finds_what_it_was_shown(trained):
    config, _, images, *_, second = trained
    model = MaskRCNN("inference", config(), "log")
    model.load_weights(second.find_last(), by_name=True)
    assert model.class_names == ["BG", "square", "disc"]
    scores = []
    for image_id in images.image_ids:
        (found,) = model.detect([images.load_image(image_id)])
        masks, class_ids = images.load_mask(image_id)
        from mrcnn.utils import extract_bboxes

        ap, *_ = compute_ap(
            extract_bboxes(masks),
            class_ids,
            masks,
            found["rois"],
            found["class_ids"],
            found["scores"],
            found["masks"],
        )
        scores.append(ap)
    assert np.mean(scores) > 0.8


def test_parts_of_a_run_may_log_other_things(model):
    class Warmth(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["warmth"] = 0.5

    model.train(Shapes(1), None, 0.001, 1, "heads", custom_callbacks=[Warmth()], seed=SEED)
    model.train(Shapes(1), Shapes(1), 0.001, 2, "heads", seed=SEED)
    model.train(Shapes(1), None, 0.001, 3, "heads", seed=SEED)
    with open(f"{model.log_dir}/losses.csv") as file:
        first, second, third = csv.DictReader(file)
    assert [first["warmth"], second["warmth"]] == ["0.5", ""]
    assert first["val_loss"] == third["val_loss"] == "" and float(second["val_loss"]) > 0
    assert float(first["loss"]) > 0 and float(third["loss"]) > 0
    assert read_image(f"{model.log_dir}/losses.png").size


def test_a_later_part_keeps_the_best_of_the_earlier(model):
    class Score(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["loss"] = [0.5, 0.9, 0.4][epoch]

    def best_is(epoch):
        folder = Path(model.log_dir)
        best = (folder / "best_mask_rcnn_small.h5").read_bytes()
        return best == (folder / f"mask_rcnn_small_{epoch:04d}.h5").read_bytes()

    for epoch, best in ((1, 1), (2, 1), (3, 3)):
        model.train(Shapes(1), None, 0.001, epoch, "heads", custom_callbacks=[Score()], seed=SEED)
        assert best_is(best)


def test_an_earlier_epoch_goes_on_in_a_folder_of_its_own(model, tmp_path, capsys):
    model.train(Shapes(1), None, 0.001, 2, "heads", seed=SEED)
    folder = Path(model.log_dir)
    before = {path: path.read_bytes() for path in folder.glob("*.h5")}
    again = MaskRCNN("training", SmallConfig(), tmp_path / "log")
    again.load_weights(folder / "mask_rcnn_small_0001.h5")
    again.train(Shapes(1), None, 0.001, 2, "heads", seed=SEED + 1)
    assert "has epochs up to 2: they stay" in capsys.readouterr().out
    assert again.log_dir != str(folder)
    assert (Path(again.log_dir) / "mask_rcnn_small_0002.h5").exists()
    assert {path: path.read_bytes() for path in folder.glob("*.h5")} == before


@pytest.mark.parametrize("other", ["leaf20260101T0000", "small20260101T0000"])
def test_weights_of_a_run_elsewhere_start_a_run_of_their_own(model, tmp_path, other):
    path = tmp_path / ("log" if other.startswith("leaf") else "downloads") / other
    path = path / f"mask_rcnn_{other[:-13]}_0030.h5"
    model.save_weights(path)
    model.load_weights(path)
    assert model.epoch == 0
    assert Path(model.log_dir).parent == tmp_path / "log" and Path(model.log_dir) != path.parent


def test_epochs_are_a_total(trained, capsys):
    *_, second = trained
    assert second.train(Shapes(1), None, 0.01, 72, "all") is None
    assert "72 epochs are done already" in capsys.readouterr().out


# -- Resuming --------------------------------------------------------------------------------------


def test_resuming_keeps_optimizer_and_learning_rate(model, tmp_path):
    model.train(Shapes(2), None, 0.005, 1, "heads", seed=SEED)
    kept = optimizer_variables(model.keras_model.optimizer)
    assert any(array.any() for name, array in kept.items() if "rpn_class_raw_kernel" in name)
    other = MaskRCNN("training", SmallConfig(), tmp_path / "log")
    other.load_weights(other.find_last())
    state = State.load(other.log_dir, 1)
    assert state.learning_rate == pytest.approx(0.005)
    other.set_trainable(HEADS, verbose=0)
    assert compile_model(
        other.keras_model,
        plan.classic,
        0.1,
        batches=2,
        clip_norm=5.0,
        loss_weights={},
        weight_decay=0.0,
        state=state,
    )
    assert float(other.keras_model.optimizer.learning_rate) == pytest.approx(0.005)
    restored = optimizer_variables(other.keras_model.optimizer)
    assert restored.keys() == kept.keys()
    for name, array in kept.items():
        np.testing.assert_array_equal(restored[name], array)


def test_a_rate_that_changes_goes_on_where_it_was(model, tmp_path):
    """Two steps of warming up and two of falling, an epoch each, in one go and in two."""
    rates = []

    class Rates(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            rates.append(float(np.asarray(self.model.optimizer.learning_rate)))

    options = {
        "plan": functools.partial(plan.warm_cosine, warm_up=2),
        "custom_callbacks": [Rates()],
        "seed": SEED,
    }
    model.train(Shapes(1), None, 0.01, 4, "heads", **options)
    whole, rates[:] = rates[:], []
    assert whole == pytest.approx([0.005, 0.0075, 0.01, 0.00505])

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    first = MaskRCNN("training", SmallConfig(), tmp_path / "stopped")
    stop = options | {"custom_callbacks": [Rates(), Stop()]}
    first.train(Shapes(1), None, 0.01, 4, "heads", **stop)
    second = MaskRCNN("training", SmallConfig(), tmp_path / "stopped")
    second.load_weights(second.find_last())
    second.train(Shapes(1), None, 0.01, 4, "heads", resume=True, **options)
    assert rates == pytest.approx(whole)
    assert isinstance(second.keras_model.optimizer, keras.optimizers.AdamW)


def test_a_state_of_another_epoch_is_refused(model):
    model.train(Shapes(1), None, 0.01, 2, "heads", seed=SEED)
    model.load_weights(model.checkpoint_path.format(epoch=1))
    with pytest.raises(ValueError, match="is of epoch 2, the weights of 1"):
        model.train(Shapes(1), None, 0.01, 4, "heads", resume=True)


def test_a_spoilt_state_is_refused(tmp_path):
    path = tmp_path / run_files.STATE_FILE
    path.write_bytes(b"no")
    assert run_files.read_header(tmp_path) == {}
    with pytest.raises(ValueError, match=r"_state\.hdf5 is not the state of a training run"):
        State.load(tmp_path, 1)
    with h5py.File(path, "w") as file:
        file.attrs["state"] = json.dumps({"epoch": 1})
    with pytest.raises(ValueError, match="is not the state"):
        State.load(tmp_path, 1)


def test_patience_stops_a_run_that_does_not_improve(model, capsys):
    # Without learning nothing improves after the first epoch.
    history = model.train(Shapes(1), Shapes(1), 0.0, 9, "heads", seed=SEED, patience=2)
    assert 2 <= len(history.history["loss"]) < 9
    assert "for 2 epochs: stopping" in capsys.readouterr().out
    assert model.epoch == len(history.history["loss"])


# -- When it goes wrong ----------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_with_the_image(model):
    images = Shapes(1)
    model.train(images, None, 0.01, 1, "heads", seed=SEED)
    checkpoint = Path(model.checkpoint_path.format(epoch=1))
    good = checkpoint.read_bytes()
    kernel = model.keras_model.get_layer("mrcnn_class_logits").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(TrainingError, match=r"mrcnn_class_loss .* not finite .*shape0"):
        model.train(images, None, 0.01, 3, "heads", seed=SEED)
    assert checkpoint.read_bytes() == good


def test_weights_that_are_not_finite_are_not_saved(model):
    class Spoil(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                bias = self.model.get_layer("mrcnn_class_logits").bias
                bias.assign(np.full(bias.shape, np.nan))

    with pytest.raises(TrainingError, match="a weight is not finite after epoch 2"):
        model.train(Shapes(1), None, 0.001, 3, "heads", custom_callbacks=[Spoil()], seed=SEED)
    assert [p.name for p in sorted(Path(model.log_dir).glob("*.h5"))] == [
        "best_mask_rcnn_small.h5",
        "last_mask_rcnn_small.h5",
        "mask_rcnn_small_0001.h5",
    ]


def test_a_photo_that_is_gone_is_one_sentence(model):
    class Vanishing(Shapes):
        def load_image(self, image_id):
            if image_id > 3:
                raise OSError(f"shape{image_id}.png is gone")
            return super().load_image(image_id)

    with pytest.raises(TrainingError, match=r"shape\d+\.png is gone") as caught:
        model.train(Vanishing(12), None, 0.001, 1, "heads", seed=SEED)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_too_little_memory_says_what_to_lower(model, monkeypatch):
    class ResourceExhaustedError(Exception):
        pass

    def fail(*_, **__):
        raise ResourceExhaustedError("OOM when allocating tensor")

    monkeypatch.setattr(model.keras_model, "fit", fail)
    with pytest.raises(TrainingError, match="too little memory: lower IMAGES_PER_GPU"):
        model.train(Shapes(1), None, 0.01, 1, "heads")


def test_downloads_do_not_look_like_a_run(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "mrcnn.nn.pretrained.fetch", lambda remote, path: path.write_bytes(b"x") and path
    )
    path = Path(model.get_imagenet_weights())
    assert path.parent == tmp_path and path.name.endswith("_notop.h5")
    monkeypatch.setattr("mrcnn.nn.pretrained.fetch", None)
    assert model.get_imagenet_weights() == str(path)
    assert not list((tmp_path / "log").rglob("*.h5"))


def test_training_needs_a_training_model():
    model = MaskRCNN("inference", SmallConfig(), "log")
    with pytest.raises(ValueError, match='make one with mode="training"'):
        model.train(Shapes(1), None, 0.01, 1, "heads")


def test_progress_is_told_without_a_terminal(model, capsys):
    model.train(Shapes(4), None, 0.01, 1, "heads", seed=SEED)
    printed = capsys.readouterr().out
    assert re.search(r"^A step takes about [\d.]+ s: [\d.]+ s of steps to epoch 1$", printed, re.M)
    assert "epoch 1/1: " in printed and "sets the pace" in printed


# -- Several devices -------------------------------------------------------------------------------


def test_two_devices_give_the_losses_of_one(tmp_path):
    # Logical devices must be made before TensorFlow starts: in a process of their own.
    program = textwrap.dedent(
        """
        import sys, keras, numpy as np, tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
        from mrcnn.nn.losses import LOSSES
        from mrcnn.model import MaskRCNN
        from mrcnn.parallel_model import ParallelModel
        from tests.small import Shapes, SmallConfig

        class Two(SmallConfig):
            # Which RoIs the heads learn from is drawn on each device, so they do not learn here.
            LOSS_WEIGHTS = {name: float(name.startswith("rpn")) for name in LOSSES}
            GPU_COUNT, IMAGES_PER_GPU = (2, 1) if sys.argv[1] == "two" else (1, 2)

        keras.utils.set_random_seed(1)
        model = MaskRCNN("training", Two(), sys.argv[2])
        if sys.argv[1] == "two":
            ParallelModel(model.keras_model, 2).summary(print_fn=lambda *_, **__: None)
        # The same pair of images twice: what a mean over the batch is on one device is the mean
        # of two means on two.
        images = Shapes(1)
        history = model.train(images, None, 0.01, 3, "all", seed=1, workers=1)
        print("LOSSES", *(history.history["rpn_class_loss"]), *(history.history["rpn_bbox_loss"]))
        """
    )
    printed = {}
    for devices in ("one", "two"):
        run = subprocess.run(
            [sys.executable, "-c", program, devices, str(tmp_path / devices)],
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr[-3000:]
        line = next(line for line in run.stdout.splitlines() if line.startswith("LOSSES"))
        printed[devices] = np.array(line.split()[1:], float)
    assert len(printed["one"]) == 6
    np.testing.assert_allclose(printed["two"], printed["one"], rtol=0.02)


def test_more_devices_than_there_are_is_said(tmp_path):
    class Many(SmallConfig):
        GPU_COUNT = 7

    with pytest.raises(ValueError, match="GPU_COUNT is 7 but this machine has 0 GPUs"):
        MaskRCNN("training", Many(), tmp_path)


def test_a_plan_says_what_is_not_given(model, monkeypatch):
    changed = []

    def change(self, image, masks, rng):
        changed.append(self)
        return image, masks

    monkeypatch.setattr(Jitter, "__call__", change)
    model.train(Shapes(2), None, epochs=1, layers="heads", plan="few", seed=SEED)
    assert set(changed) == {Jitter()}
    assert isinstance(model.keras_model.optimizer, keras.optimizers.AdamW)
    assert model.keras_model.weight_decay == 0.0
    assert model.keras_model.loss_weights["rpn_bbox_loss"] == 0.05
    header = run_files.read_header(model.log_dir)
    assert (header["plan"], header["highest_rate"]) == ("few", 1e-3)


def test_a_training_of_too_few_batches_for_a_step_is_refused(tmp_path):
    class Accumulating(SmallConfig):
        ACCUMULATE_BATCHES = 9

    model = MaskRCNN("training", Accumulating(), tmp_path)
    with pytest.raises(ValueError, match="ACCUMULATE_BATCHES is 9, but [0-9]+ batches are all"):
        model.train(Shapes(4), None, 0.01, 1, "heads", plan="classic")
    assert not list(tmp_path.iterdir())


def test_two_batches_of_one_make_the_step_of_a_batch_of_two(tmp_path, eager):
    """Of the RPN's class loss, of which every image has as many anchors."""

    def trained(accumulate, batches):
        class Accumulating(SmallConfig):
            IMAGES_PER_GPU = 2
            LOSS_WEIGHTS = dict.fromkeys(LOSSES, 0.0) | {"rpn_class_loss": 1.0}
            ACCUMULATE_BATCHES = accumulate

        keras.utils.set_random_seed(SEED)
        model = MaskRCNN("training", Accumulating(), tmp_path)
        model.set_trainable(r"rpn_.*|fpn_.*", verbose=0)
        model.compile(0.05, 0.9)
        before = weights_of(model)
        for batch in batches:
            model.keras_model.train_on_batch(batch)
        return before, weights_of(model)

    generator = DataGenerator(Shapes(2), SmallConfig(), batch_size=2, seed=SEED)
    whole = generator.batch(0, 0)
    parts = [{name: array[i : i + 1] for name, array in whole.items()} for i in range(2)]
    before, expected = trained(1, [whole])
    _, found = trained(2, parts)
    _, after_one = trained(2, parts[:1])
    for name, array in expected.items():
        np.testing.assert_array_equal(after_one[name], before[name], name)
        np.testing.assert_allclose(found[name], array, atol=1e-6, err_msg=name)
    name = "rpn_class_raw/kernel"
    assert not np.allclose(expected[name], before[name], atol=1e-4)
