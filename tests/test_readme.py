"""The README speaks of what is there."""

import argparse
import contextlib
import re
import runpy
import shlex
import shutil
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from mrcnn.commands import process
from mrcnn.model import MaskRCNN
from mrcnn.nn.weights import WeightsError

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def tables():
    """Yield the rows of the README's tables, each as its cells."""
    for line in README.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_every_file_that_a_table_names_is_there():
    missing = []
    for cells in tables():
        beside = [ROOT]
        for name in re.findall(r"`([\w./-]+(?:\.py|\.h5|/))`", " ".join(cells)):
            # After `mrcnn/config.py` in one row, `model.py` stands beside it or in it.
            paths = [folder / name for folder in beside if (folder / name).exists()]
            if not paths:
                missing.append(name)
                continue
            beside = [ROOT, paths[0].parent, paths[0]]
    assert not missing


@pytest.mark.parametrize(
    "subject",
    ["backbone", "loss", "annotation format", "result format", "export", "plan", "drawing"],
)
def test_it_tells_where_to_add(subject):
    rows = [cells for cells in tables() if re.match(rf"an? {subject}", cells[0])]
    assert len(rows) == 1
    assert "`mrcnn/" in rows[0][1]


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


# -- Every block of code -----------------------------------------------------------------------


def blocks(language):
    """Return the fenced blocks of a language, "" for commands of a shell."""
    fenced = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", README, re.M | re.S)
    return [textwrap.dedent(text) for _, name, text in fenced if name == language]


def commands():
    """Return the lines of the README's commands, each whole and without its comment."""
    lines = "\n".join(blocks("")).replace("\\\n", " ").splitlines()
    parts = (each for line in lines for each in re.sub(r"\s+# .*", "", line).split("&&"))
    return [part.strip() for part in parts if part.strip()]


class Parsed(Exception):
    """A command line was understood."""


def understood(words, monkeypatch):
    """Parse the arguments of a script as it would; stop before it does anything."""
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self, *arguments, **options):
        parse(self, *arguments, **options)
        raise Parsed

    def stop(*_):
        raise Parsed

    if (ROOT / words[0]).parent == ROOT:
        monkeypatch.setattr(process, "run", stop)
    else:
        monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    monkeypatch.setattr(sys, "argv", [str(ROOT / words[0]), *words[1:]])
    with pytest.raises(Parsed):
        runpy.run_path(str(ROOT / words[0]), run_name="__main__")
    return True


def test_there_are_blocks_of_both_kinds_and_no_others():
    assert len(commands()) > 20 and blocks("python")
    assert len(re.findall(r"^ *```", README, re.M)) == 2 * (len(blocks("")) + len(blocks("python")))


@pytest.mark.parametrize("command", commands())
def test_a_command_is_one_that_is_understood(command, monkeypatch, capsys):
    program, *words = shlex.split(command)
    if program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.M)
    elif program in ("pip", "python3", "."):
        assert all((ROOT / word).exists() for word in words if word.endswith(".txt"))
    elif words[0] == "-m":
        assert (ROOT / words[1] / "__main__.py").exists()
    else:
        assert program == "python" and understood(words, monkeypatch)


@pytest.mark.parametrize(
    "words", [["custom_training.py", "train", "--epoch", "3"], ["video_mask.py"]]
)
def test_a_command_that_is_not_understood_is_found(words, monkeypatch):
    with pytest.raises(SystemExit):
        understood(words, monkeypatch)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """What the Python example leaves, run as it stands beside a photo and the weights that ship."""
    place = tmp_path_factory.mktemp("example")
    shutil.copy(ROOT / "dataset" / "val" / "remote_00004.jpg", place / "photo.jpg")
    (place / "log").mkdir()
    (place / "log" / "custom.h5").symlink_to(ROOT / "log" / "custom.h5")
    names = {}
    with contextlib.chdir(place):
        for block in blocks("python"):
            exec(block, names)
    return names


def test_the_python_example_runs_as_it_stands(example):
    result = example["result"]
    assert len(result["rois"]) == 1 and result["masks"].shape[2] == 1
    assert example["picture"].shape == example["image"].shape
    assert (example["picture"] != example["image"]).any()


# -- MaskRCNN.from_weights ---------------------------------------------------------------------


def test_a_model_of_a_file_has_its_settings_and_classes(example):
    model = example["model"]
    assert model.class_names == ["BG", "AC Remote"]
    config = model.config
    assert (config.BACKBONE, config.IMAGE_MAX_DIM, config.NUM_CLASSES) == ("compact", 512, 2)
    assert abs(config.DETECTION_MIN_CONFIDENCE - 0.985) < 1e-9
    assert model.mode == "inference" and len(model.detect([np.zeros((50, 60, 3), np.uint8)])) == 1


@pytest.mark.parametrize(
    ("file", "options", "error", "reason"),
    [
        ("log/custom.h5", {"class_names": ["BG"]}, ValueError, "has 1 names, .* has 2 classes"),
        ("log/custom.h5", {"image_size": 100}, ValueError, "multiple of 64"),
        ("log/none.h5", {}, WeightsError, "no such weights file"),
        ("README.md", {}, WeightsError, "not an HDF5 weights file"),
    ],
)
def test_a_file_that_no_model_can_be_made_of(file, options, error, reason):
    with pytest.raises(error, match=reason):
        MaskRCNN.from_weights(ROOT / file, **options)


def test_what_a_model_of_a_file_is_told_counts(monkeypatch):
    monkeypatch.setattr(MaskRCNN, "__init__", lambda self, mode, config, model_dir: made(config))
    monkeypatch.setattr(MaskRCNN, "load_weights", lambda *_, **__: None)
    configs = []
    made = configs.append
    options = {"min_confidence": 0.4, "image_size": 256, "class_names": ["BG", "cup"]}
    model = MaskRCNN.from_weights(ROOT / "log" / "custom.h5", precision="auto", **options)
    (config,) = configs
    assert model.class_names == ["BG", "cup"]
    assert (config.DETECTION_MIN_CONFIDENCE, config.IMAGE_MAX_DIM) == (0.4, 256)
    assert config.PRECISION == "auto"
