"""What a training step costs, and what a run says about its device."""

import re

import pytest

from mrcnn import devices
from mrcnn.config import Config
from mrcnn.nn import network
from mrcnn.nn.blocks import leaf_layers
from mrcnn.training.run import layer_pattern
from tests.small import SmallConfig

STAGE = re.compile(r"(?:conv|res|compact)(\d)")


def make_config(**settings):
    """Settings at which a ResNet and its heads are quick to build."""
    settings = {"IMAGE_MIN_DIM": 128, "IMAGE_MAX_DIM": 128, "NUM_CLASSES": 2} | settings
    return type("SomeConfig", (Config,), settings)()


@pytest.mark.parametrize(
    "settings",
    [
        {"BACKBONE": "resnet50"},
        {"BACKBONE": "resnet101", "FPN_CLASSIF_FC_LAYERS_SIZE": 256, "POOL_SIZE": 5},
        {
            "BACKBONE": "compact",
            "TOP_DOWN_PYRAMID_SIZE": 64,
            "RPN_CONV_LAYER_SIZE": 96,
            "MASK_CONV_LAYERS_SIZE": 48,
        },
    ],
    ids=lambda settings: settings["BACKBONE"],
)
def test_the_work_is_that_of_the_kernels(settings):
    config = make_config(**settings)
    kernels = {
        layer.name: layer.kernel.shape.num_elements()
        for layer, _ in leaf_layers(network.build("inference", config))
        if hasattr(layer, "kernel")
    }
    stages = dict.fromkeys(range(1, 6), 0)
    for name, size in kernels.items():
        if match := STAGE.match(name):
            stage = int(match[1])
            # conv1 has a stride of 2, as has the first of the compact stem; C2 one of 4.
            cells_a_pixel = 4.0 ** -(1 if name in ("conv1", "compact1a_conv") else max(stage, 2))
            stages[stage] += size * cells_a_pixel
    assert list(stages.values()) == list(devices.STAGE_WORK[config.BACKBONE])

    levels = [4.0**-stage for stage in (2, 3, 4, 5, 6)]
    pyramid = kernels["rpn_conv_shared"] * sum(levels) + sum(
        (kernels[f"fpn_c{stage}p{stage}"] + kernels[f"fpn_p{stage}"]) * 4.0**-stage
        for stage in (2, 3, 4, 5)
    )
    assert devices.pyramid_work(config) == pytest.approx(pyramid)

    classify = kernels["mrcnn_class_conv1"] + kernels["mrcnn_class_conv2"]
    convolutions = [kernels[f"mrcnn_mask_conv{index}"] for index in (1, 2, 3, 4)]
    mask = config.MASK_POOL_SIZE**2 * (sum(convolutions) + kernels["mrcnn_mask_deconv"])
    assert devices.heads_work(config) == pytest.approx(200 * classify + 66 * mask)


@pytest.mark.parametrize(
    ("backbone", "layer"), [("resnet50", "res5a_branch2a"), ("compact", "compact5a1_conv")]
)
def test_what_learns_counts_three_times(backbone, layer):
    config = make_config(BACKBONE=backbone)
    pixels, stages = 128 * 128, devices.STAGE_WORK[backbone]
    fixed = 3 * (devices.pyramid_work(config) * pixels + devices.heads_work(config))
    heads = devices.step_work(config, layer_pattern("heads"))
    assert heads == pytest.approx(fixed + pixels * sum(stages))
    last = devices.step_work(config, layer_pattern("5+"))
    assert last - heads == pytest.approx(2 * pixels * stages[4])
    assert devices.step_work(config, layer) == pytest.approx(last)
    assert devices.step_work(config, ".*") == pytest.approx(fixed + 3 * pixels * sum(stages))


def test_a_backbone_of_ones_own_is_not_guessed():
    assert devices.step_work(SmallConfig(), ".*") is None


def test_expected_seconds_follow_the_speed_and_the_batch(monkeypatch):
    measured = []

    def speed(dtype):
        measured.append(dtype)
        return 1e9 / devices.STEP_EFFICIENCY

    monkeypatch.setattr(devices, "measure_speed", speed)
    config = make_config(IMAGES_PER_GPU=3, PRECISION="bfloat16")
    work = devices.step_work(config, ".*")
    assert devices.expected_step_seconds(config, ".*") == pytest.approx(3 * work / 1e9)
    assert measured == ["bfloat16"]


def test_this_machine_does_something():
    assert 1e8 < devices.measure_speed() < 1e14


def test_a_run_names_its_device(monkeypatch):
    config = make_config(BACKBONE="compact")
    monkeypatch.setattr(devices, "gpu_names", lambda: ["NVIDIA GeForce RTX 3060"])
    assert devices.training_text(config, "heads") == "GPU: NVIDIA GeForce RTX 3060"
    monkeypatch.setattr(devices, "gpu_names", list)
    monkeypatch.setattr(devices, "measure_speed", lambda dtype: 1e11)
    seconds = devices.expected_step_seconds(config, layer_pattern("heads"))
    assert devices.training_text(config, "heads") == (
        f"no GPU: expect about {seconds:.2g} s a step"
    )
    assert devices.training_text(SmallConfig(), "heads") == "no GPU: expect slow steps"
