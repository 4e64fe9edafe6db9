"""The network learns and detects alike on TensorFlow, JAX and PyTorch.

`make test-engines` runs what is marked here on each; the numbers are those of TensorFlow.
"""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from unittest import mock

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from mrcnn import boxes as box_math
from mrcnn.data.images import read_image
from mrcnn.feeding import DataGenerator
from mrcnn.model import MaskRCNN
from mrcnn.nn import chosen_anchors, convolutions, heads, losses
from mrcnn.nn.blocks import leaf_layers
from mrcnn.nn.nms import suppress, suppress_portable
from mrcnn.nn.rpn import build_rpn_model
from mrcnn.training.hosts import Hosts
from tests.documents import ROOT
from tests.small import Shapes, SmallConfig

pytestmark = pytest.mark.engines

ENGINE = keras.backend.backend()
on_jax = pytest.mark.skipif(ENGINE != "jax", reason="JAX joins them")


class Pairs(SmallConfig):
    IMAGES_PER_GPU = 2


def draw_weights(network, seed=0):
    """Give a network weights that are the same on each engine."""
    rng = np.random.default_rng(seed)
    for leaf, _ in sorted(leaf_layers(network), key=lambda each: each[0].name):
        for variable in leaf.weights:
            shape = tuple(variable.shape)
            fan = max(int(np.prod(shape[:-1])), 1)
            drawn = rng.normal(0, (0.6 / fan) ** 0.5, shape) if len(shape) > 1 else np.zeros(shape)
            if variable.name in ("gamma", "moving_variance"):
                drawn = np.ones(shape)
            variable.assign(drawn.astype("float32"))


@pytest.fixture
def bit_by_bit(request):
    """TensorFlow's functions run as they are: five steps take less time than tracing them."""
    if ENGINE == "tensorflow":
        request.getfixturevalue("eager")


@pytest.fixture
def model(tmp_path, bit_by_bit):
    made = MaskRCNN("training", Pairs(), tmp_path / "log")
    draw_weights(made.keras_model)
    return made


# -- Learning --------------------------------------------------------------------------------------

# Of each step: loss, mrcnn_bbox_loss, mrcnn_class_loss, mrcnn_mask_loss, rpn_bbox_loss,
# rpn_class_loss.
FIRST_STEPS = [
    [3.96195, 0.0, 1.04946, 0.0, 1.51832, 1.39414],
    [3.47207, 0.0, 1.18529, 0.0, 0.97487, 1.31189],
    [6.13882, 1.92336, 1.21625, 0.70907, 1.01584, 1.27428],
    [2.89037, 0.0, 1.1262, 0.0, 0.756, 1.00815],
    [5.37919, 1.53934, 1.04495, 0.69997, 1.29539, 0.79951],
]


class AllDrawn(Pairs):
    # RoIs near the objects, of which all are drawn: which of more is up to the engine.
    USE_RPN_ROIS = False
    POST_NMS_ROIS_TRAINING = 40
    TRAIN_ROIS_PER_IMAGE, ROI_POSITIVE_RATIO = 1600, 0.025


def test_the_first_five_steps_have_the_losses_of_tensorflow(tmp_path, bit_by_bit):
    model = MaskRCNN("training", AllDrawn(), tmp_path)
    draw_weights(model.keras_model)
    batches = DataGenerator(Shapes(8), AllDrawn(), seed=1, shuffle=False)
    model.compile(0.001, 0.9)  # at 0.01 rounding alone comes to a thousandth in five steps
    found = []
    for step in range(5):
        batch = batches.batch(*divmod(step, len(batches)))
        batch["input_gt_masks"] = batch["input_gt_masks"].view(np.uint8)
        # Without noise many anchors score alike, and which of them counts is up to the engine.
        noise = np.random.default_rng(step).normal(0, 9, batch["input_image"].shape)
        batch["input_image"] += noise.astype(np.float32)
        losses = model.keras_model.train_on_batch(batch, return_dict=True)
        model.keras_model.reset_metrics()
        found.append([float(losses[name]) for name in sorted(losses)])
    np.testing.assert_allclose(found, FIRST_STEPS, rtol=1e-3, atol=1e-5)


class Rpn(keras.Model):
    """Outputs match, logits and deltas, whose losses it learns from."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        match, logits, deltas = y_pred
        return losses.rpn_class_loss(match, logits) + losses.rpn_bbox_loss(x[1], match, deltas)


@pytest.mark.parametrize("count", [300, 70])
def test_the_rpn_learns_from_chosen_anchors_what_it_learns_from_all(count):
    rng = np.random.default_rng(0)
    sides, depth, ratios = ((8, 12), (4, 6), (2, 3), (1, 2), (1, 1)), 5, 3
    anchors = ratios * sum(height * width for height, width in sides)
    match = np.zeros((2, anchors, 1), np.int32)
    for row in match:
        row[rng.choice(anchors, 70, replace=False), 0] = rng.choice([-1, 1], 70)
    targets = rng.normal(size=(2, 70, 4)).astype("float32")
    batch = [match, targets, *(rng.normal(size=(2, *side, depth)).astype("f4") for side in sides)]

    model = build_rpn_model(1, ratios, depth, 7)
    given = [keras.Input(each.shape[1:], dtype=each.dtype.name) for each in batch]
    # The maps are learned too, as where they come from is.
    maps = [keras.layers.Conv2D(depth, 1)(each) for each in given[2:]]
    per_level = zip(*map(model, maps), strict=True)
    logits, _, deltas = (keras.layers.Concatenate(axis=1)(list(each)) for each in per_level)
    chosen = chosen_anchors.predictions(model, maps, given[0], count, ratios)
    learned = []
    for outputs in ((given[0], logits, deltas), chosen):
        rpn = Rpn(given, outputs)
        before = rpn.get_weights()
        rpn.compile(keras.optimizers.SGD(1.0), jit_compile=False)
        rpn.train_on_batch(batch)
        learned.append([new - old for new, old in zip(rpn.get_weights(), before, strict=True)])
        rpn.set_weights(before)
    assert sum(change.any() for change in learned[0]) >= 14  # a level may have no chosen anchor
    for one, other in zip(*learned, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def arrays_of(path):
    """Return the weights in a file by name."""
    arrays = {}

    def take(name, node):
        if isinstance(node, h5py.Dataset) and node.dtype == np.float32:
            arrays[name] = node[()]

    with h5py.File(path) as file:
        file.visititems(take)
    return arrays


# Of the file that `draw_weights` gives.
DIGEST = "c60fa05a6b3bee350e912912d3439176177b92ada8dbee6b779385014e10cf5a"


def test_a_weights_file_has_the_bits_that_it_has_of_tensorflow(model, tmp_path):
    path = tmp_path / "weights.h5"
    model.save_weights(str(path))
    arrays = arrays_of(path)
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    assert digest.hexdigest() == DIGEST
    before = [np.array(variable) for variable in model.keras_model.weights]
    draw_weights(model.keras_model, seed=1)
    model.load_weights(str(path))
    for variable, array in zip(model.keras_model.weights, before, strict=True):
        np.testing.assert_array_equal(variable, array)


@pytest.mark.skipif(ENGINE == "tensorflow", reason="test_training.py does that")
def test_a_run_is_resumed(model, tmp_path):
    data = Shapes(4), Shapes(2, seed=1)
    history = model.train(*data, 0.005, 1, "heads", seed=1)
    again = MaskRCNN("training", Pairs(), tmp_path / "log")
    again.load_weights(again.find_last())
    further = again.train(*data, None, 2, "heads", seed=1, resume=True)
    assert history.epoch == [0] and further.epoch == [1]
    assert np.isfinite(further.history["val_loss"]).all()
    folder = next((tmp_path / "log").iterdir())
    assert len((folder / "losses.csv").read_text().splitlines()) == 3
    assert (folder / "mask_rcnn_small_0002.h5").exists() and (folder / "losses.png").exists()
    assert list((folder / "events").glob("*/events*"))


def test_the_matrix_product_of_a_deconvolution_is_it():
    rng = np.random.default_rng(0)
    given, kernel, bias = (
        rng.normal(size=shape).astype("float32") for shape in ((3, 5, 4, 6), (2, 2, 7, 6), (7,))
    )
    outputs = []
    for kind in (heads.Conv2DTranspose, keras.layers.Conv2DTranspose):
        layer = kind(7, 2, strides=2, activation="relu")
        layer.build(given.shape)
        layer.set_weights([kernel, bias])
        outputs.append(ops.convert_to_numpy(layer(given)))
    np.testing.assert_allclose(*outputs, atol=1e-5)


@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from([1, 3, 5]),
    st.sampled_from([1, 2]),
    st.sampled_from(["same", "valid"]),
)
@settings(deadline=None, max_examples=25)
def test_the_sum_of_products_of_a_depthwise_convolution_is_it(size, side, stride, padding):
    if padding == "valid" and min(size) < side:
        return
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, *size, 3)).astype("float32")
    kernel = rng.normal(size=(side, side, 3, 1)).astype("float32")
    arguments = ops.convert_to_tensor(images), ops.convert_to_tensor(kernel), (stride, stride)
    with mock.patch.object(convolutions, "_by_xla_on_processor", lambda: True):
        summed = convolutions.depthwise_conv(*arguments, padding)
    whole = ops.depthwise_conv(*arguments, padding)
    np.testing.assert_allclose(ops.convert_to_numpy(summed), ops.convert_to_numpy(whole), atol=1e-5)


# -- Detecting -------------------------------------------------------------------------------------


def test_the_weights_that_ship_find_what_they_find_on_tensorflow():
    detecting = MaskRCNN.from_weights(ROOT / "log" / "custom.h5", min_confidence=0.5)
    images = [read_image(ROOT / "dataset" / "val" / f"remote_0000{n}.jpg") for n in (4, 5)]
    one, two = detecting.detect(images)
    for found, box, score, area in (
        (one, [214, 195, 409, 408], 0.96122, 16819),
        (two, [14, 215, 503, 559], 0.96678, 46262),
    ):
        assert len(found["rois"]) == 1 and np.abs(found["rois"] - [box]).max() <= 1
        np.testing.assert_allclose(found["scores"], [score], atol=1e-3)
        assert found["masks"].sum() == pytest.approx(area, rel=1e-3)


# -- Suppression -----------------------------------------------------------------------------------


def greedy(boxes, scores, class_ids, limit, count):
    """What `suppress` means, box by box, of one image."""
    kept, order = [], np.argsort(-scores, kind="stable")
    for index in order[scores[order] >= 0]:
        same = [each for each in kept if class_ids[each] == class_ids[index]]
        shared = box_math.overlaps(boxes[index][None], boxes[same]) if same else np.zeros((1, 1))
        if shared.max() <= limit:
            kept.append(index)
    kept = kept[:count]
    below = count - len(kept)
    rows = boxes[kept], scores[kept], class_ids[kept]
    return [np.concatenate([x, np.zeros((below, *x.shape[1:]), x.dtype)]) for x in rows]


@pytest.mark.parametrize("total", [1, 40, 128, 129, 400])
def test_suppression_in_blocks_is_the_greedy_one(total):
    rng, limit, count, classes = np.random.default_rng(total), 0.4, 50, 3
    corner, size = rng.integers(0, 20, (2, total, 2)), rng.integers(1, 12, (2, total, 2))
    boxes = (np.concatenate([corner, corner + size], axis=-1) / 32).astype("float32")
    scores = (rng.integers(-4, 30, (2, total)) / 32).astype("float32")
    class_ids = rng.integers(0, classes, (2, total)).astype("int32")
    tensors = [ops.convert_to_tensor(x) for x in (boxes, scores, class_ids)]
    found = [ops.convert_to_numpy(x) for x in suppress_portable(*tensors, limit, count)]
    for image in range(2):
        wanted = greedy(boxes[image], scores[image], class_ids[image], limit, count)
        for ours, theirs in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(ours[image], theirs)
    if ENGINE != "tensorflow":
        chosen = suppress(*tensors, classes, limit, count)
        for ours, theirs in zip(found, chosen, strict=True):
            np.testing.assert_array_equal(ours, ops.convert_to_numpy(theirs))


coordinates = st.integers(0, 8)
some_boxes = st.lists(
    st.tuples(coordinates, coordinates, st.integers(1, 8), st.integers(1, 8), st.integers(0, 1)),
    min_size=1,
    max_size=12,
)


@pytest.mark.skipif(ENGINE != "tensorflow", reason="TensorFlow's kernel is compared with")
@settings(max_examples=30, deadline=None, derandomize=True)
@given(some_boxes, st.sampled_from([0.1, 0.3, 0.5, 0.7]), st.integers(1, 12), st.randoms())
def test_suppression_in_blocks_is_that_of_the_kernel(rows, limit, count, random):
    y, x, height, width, class_ids = np.array(rows, np.float32).T
    boxes = np.stack([y, x, y + height, x + width], axis=-1)[None] / 16
    # Of equal scores the kernel keeps either.
    scores = np.array(random.sample(range(1, 60), len(rows)), np.float32)[None] / 64
    class_ids = class_ids.astype(np.int32)[None]
    kernel = suppress(boxes, scores, class_ids, 2, limit, count)
    tensors = [ops.convert_to_tensor(each) for each in (boxes, scores, class_ids)]
    for ours, theirs in zip(suppress_portable(*tensors, limit, count), kernel, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# -- Several processes -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a", "a:1,2", "a:1,2,2", "a:x,2,0", ":1,2,0", "a,2,0"])
def test_hosts_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="is not ADDRESS:PORT,COUNT,RANK"):
        Hosts.of(text)


def test_hosts_of_a_line_and_of_who_started_them():
    assert Hosts.of("10.0.0.1:7777,3,2") == Hosts("10.0.0.1:7777", 3, 2)
    slurm = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"}
    assert Hosts.started(slurm) is None
    assert Hosts.started(slurm | {"KERAS_BACKEND": "jax"}) == Hosts(None, 4, 3)
    alone = {"KERAS_BACKEND": "jax", "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}
    assert Hosts.started(alone) is None


PROGRAM = textwrap.dedent(
    """
    import os, sys
    devices, text, folder, epochs, resumed = sys.argv[1:]
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
    from mrcnn.training import hosts

    together = hosts.Hosts.of(text) if text else None
    with hosts.joined(together, "cpu"):
        import numpy as np
        from mrcnn.model import MaskRCNN
        from tests.small import Shapes
        from tests.test_engines import AllDrawn, draw_weights

        class Some(AllDrawn):
            GPU_COUNT, IMAGES_PER_GPU = int(devices), 2 // int(devices)

        model = MaskRCNN("training", Some(), folder)
        draw_weights(model.keras_model)
        if resumed:
            model.load_weights(model.find_last())
        history = model.train(
            Shapes(4), None, None if resumed else 0.005, int(epochs), "all", seed=1,
            resume=bool(resumed),
        )
        weights = np.concatenate([np.array(each).ravel() for each in model.keras_model.weights])
        rank = hosts.place()[0]
        np.savez(f"{folder}/found{rank}.npz", weights=weights, losses=history.history["loss"])
    """
)


def start(tmp_path, name, devices=1, hosts="", epochs=2, resumed=""):
    """Start a training in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    # What one test has compiled another need not.
    environment["JAX_COMPILATION_CACHE_DIR"] = str(tmp_path.parent / "compiled")
    words = [str(devices), hosts, str(tmp_path / name), str(epochs), resumed]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_two(tmp_path, name, **options):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines = [f"127.0.0.1:{port},2,{rank}" for rank in range(2)]
    return [start(tmp_path, name, hosts=line, **options) for line in lines]


def found(tmp_path, name, rank=0):
    with np.load(tmp_path / name / f"found{rank}.npz") as arrays:
        return dict(arrays)


@on_jax
def test_two_processes_and_two_devices_learn_what_one_learns(tmp_path):
    processes = [start(tmp_path, "one"), start(tmp_path, "devices", devices=2)]
    processes += start_two(tmp_path, "two")
    for process in processes:
        said, _ = process.communicate()
        assert process.returncode == 0, said[-3000:]
    one = found(tmp_path, "one")
    for name, rank in (("devices", 0), ("two", 0), ("two", 1)):
        other = found(tmp_path, name, rank)
        for part, array in one.items():
            np.testing.assert_allclose(other[part], array, rtol=1e-4, atol=1e-6, err_msg=name)
    # The second writes nothing.
    (folder,) = (each for each in (tmp_path / "two").iterdir() if each.is_dir())
    assert sorted(path.name for path in folder.glob("mask*.h5")) == [
        "mask_rcnn_small_0001.h5",
        "mask_rcnn_small_0002.h5",
    ]


@on_jax
@pytest.mark.parametrize("killed", [0, 1])
def test_where_one_is_killed_the_other_ends_and_one_alone_goes_on(tmp_path, killed):
    processes = start_two(tmp_path, "two", epochs=1000)
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("two/*/last_state.hdf5")):
        assert time.monotonic() < deadline and all(each.poll() is None for each in processes)
        time.sleep(0.2)
    processes[killed].send_signal(signal.SIGKILL)
    said, _ = processes[1 - killed].communicate(timeout=60)
    assert processes[1 - killed].returncode == 1
    assert said.splitlines()[-1].startswith(f"Process {killed} of 2 is gone, so all end here")
    assert "Traceback" not in said
    processes[killed].communicate()
    if killed == 0:
        return
    (folder,) = (each for each in (tmp_path / "two").iterdir() if each.is_dir())
    epochs = len(list(folder.glob("mask_rcnn_small_*.h5")))
    again = start(tmp_path, "two", epochs=epochs + 1, resumed="resumed")
    said, _ = again.communicate()
    assert again.returncode == 0, said[-3000:]
    rows = (folder / "losses.csv").read_text().splitlines()
    assert [int(row.split(",")[0]) for row in rows[1:]] == list(range(1, len(rows)))


def test_tensorflow_is_not_there_where_another_engine_is():
    assert ENGINE == "tensorflow" or "tensorflow" not in sys.modules
