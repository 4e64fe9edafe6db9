"""What a training step costs, and what a run says about its device."""

import re

import pytest
from keras import layers

from mrcnn import devices
from mrcnn.config import Config
from mrcnn.nn.backbone import resnet_graph
from mrcnn.nn.blocks import leaf_layers


@pytest.mark.parametrize("backbone", ["resnet50", "resnet101"])
def test_the_work_of_the_stages_is_that_of_their_kernels(backbone):
    import keras

    image = layers.Input((64, 64, 3))
    model = keras.Model(image, resnet_graph(image, backbone, stage5=True))
    work = dict.fromkeys(range(1, 6), 0)
    for layer, _ in leaf_layers(model):
        match = re.match(r"(?:conv|res)(\d)", layer.name)
        if match and layer.weights:
            stage = int(match[1])
            # Stage 2 follows a pooling without a convolution of its own.
            pixels_a_cell = 4 ** max(stage, 1)
            work[stage] += layer.kernel.shape.num_elements() / pixels_a_cell
    assert list(work.values()) == list(devices.STAGE_WORK[backbone])


def test_what_learns_counts_three_times():
    fixed = 3 * (devices.PYRAMID_WORK * 10 + devices.ROI_WORK * 2)
    stages = devices.STAGE_WORK["resnet50"]
    heads = devices.step_work("resnet50", 10, 2, "mrcnn.*")
    assert heads == fixed + 10 * sum(stages)
    last = devices.step_work("resnet50", 10, 2, "res5.*|mrcnn.*")
    assert last - heads == 2 * 10 * stages[4]
    assert devices.step_work("resnet50", 10, 2, ".*") == fixed + 30 * sum(stages)


def test_a_backbone_of_ones_own_is_not_guessed():
    assert devices.step_work(len, 10, 2, ".*") is None


def test_expected_seconds_follow_the_speed_and_the_batch(monkeypatch):
    monkeypatch.setattr(devices, "measure_speed", lambda: 1e9 / devices.STEP_EFFICIENCY)
    work = devices.step_work("resnet101", 256 * 256, 200, ".*")
    seconds = devices.expected_step_seconds("resnet101", 256 * 256, 200, ".*", images=2)
    assert seconds == pytest.approx(2 * work / 1e9)


def test_this_machine_does_something():
    assert 1e8 < devices.measure_speed() < 1e14


def test_a_run_names_its_device(monkeypatch):
    config = type("SomeConfig", (Config,), {"BACKBONE": "resnet50"})()
    monkeypatch.setattr(devices, "gpu_names", lambda: ["NVIDIA GeForce RTX 3060"])
    assert devices.training_text(config, "heads") == "GPU: NVIDIA GeForce RTX 3060"
    monkeypatch.setattr(devices, "gpu_names", list)
    monkeypatch.setattr(devices, "measure_speed", lambda: 1e11)
    work = devices.step_work("resnet50", 1024**2, 200, "mrcnn.*")
    expected = f"{2 * work / 1e11 / devices.STEP_EFFICIENCY:.2g}"
    assert devices.training_text(config, "heads") == f"no GPU: expect about {expected} s a step"
