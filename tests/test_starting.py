"""What a training starts from: the same for `check` and `train`."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from custom_training import SCRIPT, CustomConfig, CustomDataset
from mrcnn import devices, settings
from mrcnn.commands import planning, starting, weights
from mrcnn.commands.starting import starting_point
from mrcnn.commands.train_command import _stopped_text
from mrcnn.commands.training_arguments import parse_arguments
from mrcnn.config import Config
from mrcnn.download import COCO_WEIGHTS
from mrcnn.nn.backbones import BACKBONES
from mrcnn.nn.weights_file import inspect
from mrcnn.training import run_files
from mrcnn.training.state import State

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "log" / "custom.h5"


def start(words):
    return starting_point(SCRIPT, parse_arguments(words.split(), "", CustomConfig))


def test_without_weights_the_start_follows_from_what_is_here_and_the_classes(tmp_path):
    remotes, cups = (lambda: ["AC Remote"]), (lambda: ["cup"])
    small = str(BACKBONES["efficientnet_lite0"].pretrained.path())
    assert weights.default_start(tmp_path, remotes) == small
    (tmp_path / "log").mkdir()
    ours = tmp_path / "log" / "custom.h5"
    ours.write_bytes(SHIPPED.read_bytes())
    for classes, backbone, taken in (
        (remotes, None, str(ours)),
        (lambda: None, None, str(ours)),
        (cups, None, small),
        (lambda: ["AC Remote", "cup"], None, small),
        (cups, "efficientnet_lite0", small),
        (remotes, "resnet50", "imagenet"),
        (remotes, "EfficientNetV2B0", "imagenet"),
        (remotes, "resnet101", "coco"),
        (cups, "own:backbone", str(ours)),
    ):
        assert weights.default_start(tmp_path, classes, backbone) == taken
    (tmp_path / COCO_WEIGHTS.name).touch()
    assert weights.default_start(tmp_path, cups) == "coco"


@pytest.mark.parametrize("own", [None, ("cup",)])
def test_the_annotations_or_the_script_name_the_classes_to_start_with(tmp_path, monkeypatch, own):
    for module in (starting, planning):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "custom.h5").write_bytes(SHIPPED.read_bytes())
    monkeypatch.setattr(CustomDataset, "CLASSES", own)
    begun = start(f"train --dataset {ROOT / 'dataset'}")
    assert (begun.path.name == "custom.h5") == (own is None)
    plan, why = planning.choose(begun, None)
    said = {None: "log/custom.h5", ("cup",): "a backbone's weights"}[own]
    assert (plan.name, why) == ("few", f"the default from {said}")
    assert begun.text(begun.config()).endswith("; efficientnet_lite0, 512 px")


def test_a_backbone_that_a_script_sets_is_started_from(tmp_path, monkeypatch):
    monkeypatch.setattr(starting, "ROOT", tmp_path)

    class Own(CustomConfig):
        BACKBONE = "resnet50"

    script = dataclasses.replace(SCRIPT, config=Own)
    words = f"train --dataset {ROOT / 'dataset'}"
    begun = starting_point(script, parse_arguments(words.split(), "", Own))
    assert (begun.wanted, begun.of_imagenet) == ("imagenet", "resnet50")
    assert begun.config().BACKBONE == "resnet50"


def test_what_is_taken_is_said(monkeypatch):
    monkeypatch.setattr(weights, "default_start", lambda *asked: str(SHIPPED))
    begun = start("train")
    said = f"Weights to start from (none are named): {SHIPPED}; efficientnet_lite0, 512 px"
    assert begun.text(begun.config()) == said
    named = start(f"train --weights {SHIPPED} --image-size 256")
    assert named.text(named.config()).endswith(f"from: {SHIPPED}; efficientnet_lite0, 256 px")


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--image-size 256",
        "--anchor-scales 16,32,64,128,256.5 --anchor-ratios 0.25,1,4",
        "--weights coco",
    ],
)
def test_check_judges_the_network_that_train_takes(options):
    options = options or f"--weights {SHIPPED}"
    checked, trained = (start(f"{command} {options}").config() for command in ("check", "train"))
    assert settings.stored(checked) == settings.stored(trained)


def test_batches_that_make_a_step_are_an_option():
    for command in ("train", "crossval"):
        words = f"{command} --weights {SHIPPED} --accumulate 4"
        assert start(words).config().ACCUMULATE_BATCHES == 4


def test_imagenet_weights_that_are_still_to_come_say_their_network(tmp_path, monkeypatch):
    monkeypatch.setattr(starting, "ROOT", tmp_path)
    for option, network in (
        ("", "resnet50, 1024 px"),
        (" --backbone EfficientNetV2B0", "EfficientNetV2B0, 1024 px"),
    ):
        begun = start(f"train --weights imagenet{option}")
        assert begun.text(begun.config()).endswith(f", to be downloaded; {network}")


def test_what_a_script_sets_counts_whatever_it_is():
    class Own(CustomConfig):
        IMAGE_MAX_DIM = CustomConfig.IMAGE_MAX_DIM
        RPN_ANCHOR_SCALES = np.array([16, 32, 64, 128, 256])

    names = ("IMAGE_MAX_DIM", "IMAGE_MIN_DIM", "RPN_ANCHOR_SCALES", "NAME")
    assert starting.left_alone(Own, names) == ["IMAGE_MIN_DIM"]
    assert starting.left_alone(Config, names) == list(names)


def test_a_backbone_that_is_known_no_more_is_said():
    info = inspect(SHIPPED)
    info = dataclasses.replace(info, backbone=None, settings={"BACKBONE": "compact"})
    reason = "custom.h5 has the backbone compact, which this version does not know: train anew"
    with pytest.raises(ValueError, match=reason):
        weights.backbone_settings(info, None)


def test_anchors_are_options():
    words = f"train --weights {SHIPPED} --anchor-scales 16,32,64,128,256.5 --anchor-ratios 0.25,1,4"
    config = start(words).config()
    assert config.RPN_ANCHOR_SCALES == (16, 32, 64, 128, 256.5)
    assert config.RPN_ANCHOR_RATIOS == (0.25, 1, 4)
    two = start(f"train --weights {SHIPPED} --anchor-ratios 1,2")
    with pytest.raises(ValueError, match="--anchor-ratios has 2 numbers, the network of .* for 3"):
        two.config()


@pytest.mark.parametrize(
    ("theirs", "asked", "other"),
    [
        ("efficientnet_lite0", "resnet101", "coco"),
        ("resnet50", "resnet101", "coco"),
        ("resnet101", "efficientnet_lite0", "imagenet"),
        ("own:graph", "resnet50", "imagenet"),
        ("EfficientNetV2B0", "EfficientNetV2B1", "imagenet"),
    ],
)
def test_a_backbone_that_the_weights_are_not_of_is_refused_by_its_option(theirs, asked, other):
    begun = start(f"train --weights {SHIPPED} --backbone {asked}")
    begun.info = dataclasses.replace(begun.info, backbone=theirs)
    with pytest.raises(ValueError) as refused:
        begun.config()
    assert str(refused.value) == (
        f"--backbone {asked}: {SHIPPED} has weights of {theirs}, leave --backbone out or start "
        f"from --weights {other}"
    )


@pytest.mark.parametrize("asked", ["resnet50", "resnet101"])
def test_the_weights_of_a_deeper_backbone_are_a_start(asked):
    begun = start(f"train --weights {SHIPPED} --backbone {asked}")
    begun.info = dataclasses.replace(begun.info, backbone="resnet101")
    assert settings.backbone(begun.config()) == asked


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("--anchor-scales 1,2,3", "1,2,3 is not 5 numbers"),
        ("--anchor-scales 5,4,3,2,1", "the smallest first"),
        ("--anchor-ratios 1,x", "x is no number"),
        ("--device tpu", "tpu is none of cpu, gpu"),
        ("--name a/b", "no name that a folder can have"),
        ("--layers headz", "there is no headz: did you mean heads?"),
        ("--layers 3", "did you mean 3+?"),
        ("--layers ((", "no regular expression"),
    ],
)
def test_values_that_no_training_can_have(capsys, words, reason):
    with pytest.raises(SystemExit):
        start(f"train {words}")
    assert reason in capsys.readouterr().err


def test_layers_that_no_network_has_are_found_before_one_is_built():
    begun = start(f"train --weights {SHIPPED}")
    for layers in ("heads", "3+", "all", "mrcnn_.*", "fpn_p2", "lite4.*"):
        begun.check_layers(layers)
    with pytest.raises(ValueError, match="--layers mrcnn_masc matches no layer: there are heads"):
        begun.check_layers("mrcnn_masc")


def test_a_name_tells_runs_apart(tmp_path):
    for name in ("object", "mug"):
        folder = tmp_path / f"{name}20260101T0000"
        folder.mkdir()
        (folder / f"mask_rcnn_{name}_0001.h5").write_bytes(SHIPPED.read_bytes())
    for options, name in (("", "object"), (" --name mug", "mug")):
        begun = start(f"train --weights last --logs {tmp_path}{options}")
        assert begun.path.parent.name == f"{name}20260101T0000"
        assert settings.name(begun.config()) == name
        assert run_files.run_of(begun.path, tmp_path, name)


def test_what_cannot_be_resumed_is_said_before_anything_starts(tmp_path):
    folder = tmp_path / "log" / "cups20260101T0000"
    folder.mkdir(parents=True)
    checkpoint = folder / "mask_rcnn_cups_0001.h5"
    checkpoint.write_bytes(SHIPPED.read_bytes())
    resume = f"train --resume --weights {checkpoint} --logs"
    with pytest.raises(ValueError, match=rf"add --name cups --logs {tmp_path / 'log'}"):
        start(f"{resume} {tmp_path / 'log'}")
    with pytest.raises(ValueError, match=r"add --name cups --logs"):
        start(f"{resume} {tmp_path} --name cups")
    # Killed after the weights of the first epoch were written and before its state.
    with pytest.raises(ValueError, match=r"state\.hdf5 is not the state .* without --resume"):
        start(f"{resume} {tmp_path / 'log'} --name cups")
    state = State(1, 0.5, 1, 1e-3, {}, "loss", plan="few")
    state.save(folder)
    assert start(f"{resume} {tmp_path / 'log'} --name cups").path == checkpoint


def test_what_is_left_of_a_run_that_was_stopped_is_said(tmp_path):
    folder = tmp_path / "cups20260101T0000"
    folder.mkdir()
    assert "nothing is left to go on from" in _stopped_text(folder)
    (folder / "mask_rcnn_cups_0001.h5").touch()
    text = _stopped_text(folder)
    assert "--resume cannot go on" in text and "mask_rcnn_cups_0001.h5 is a start" in text
    State(1, 0.5, 1, 1e-3, {}, "loss").save(folder)
    assert "--weights last --resume" in _stopped_text(folder)


@pytest.mark.parametrize(
    ("device", "seen"), [(None, "None"), ("gpu", "None"), ("cpu", "-1"), ("gpu:1", "1")]
)
def test_the_device_is_chosen_before_an_engine_starts(tmp_path, device, seen):
    code = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'))"
    (tmp_path / "keras.py").write_text(code)
    command = f"from mrcnn.quiet import start_keras; start_keras({device!r})"
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{ROOT}"
    done = subprocess.run(
        [sys.executable, "-c", command], env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == seen, done.stderr


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(devices, "gpu_names", lambda: [])
    for device in (None, "cpu"):
        devices.require(device)
    with pytest.raises(ValueError, match="--device gpu:1: Keras has no such GPU here"):
        devices.require("gpu:1")
