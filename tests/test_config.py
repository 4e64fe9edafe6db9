"""The Config: what follows from settings, and how it is shown."""

import importlib.util
import re
from pathlib import Path

import pytest

import maskrcnn_predict_for_images as photos
from custom_training import SCRIPT
from mrcnn import rules
from mrcnn.commands import training_script
from mrcnn.config import Config


def run_training(words):
    return training_script.main(SCRIPT, words)


def make(**attributes):
    return type("MyConfig", (Config,), attributes)()


def test_sizes_follow_from_the_settings():
    config = make(IMAGES_PER_GPU=3, GPU_COUNT=2, NUM_CLASSES=5, IMAGE_MAX_DIM=512)
    assert config.BATCH_SIZE == 6
    assert config.IMAGE_SHAPE.tolist() == [512, 512, 3]
    assert config.IMAGE_META_SIZE == 12 + 5
    crop = make(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=256, IMAGE_MAX_DIM=512)
    assert crop.IMAGE_SHAPE.tolist() == [256, 256, 3]


def test_display_prints_every_setting(capsys):
    make(NAME="remote").display()
    printed = capsys.readouterr().out
    assert "NAME                           remote" in printed
    assert printed.count("\n") > 40


# -- The page about it -------------------------------------------------------------------------

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_settings", ROOT / "docs/make_settings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(maker):
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == maker.page(), "run python docs/make_settings.py"


def test_the_page_has_every_setting_and_says_all_of_it(maker):
    told = maker.settings()
    assert [name for _, name, *_ in told] == list(dict.fromkeys(name for _, name, *_ in told))
    assert (
        {name for _, name, *_ in told}
        == set(rules.RULES)
        == set(Config().settings()) - set(rules.COMPUTED)
    )
    assert all(meaning and change for _, _, meaning, _, change in told)
    units = {name: unit for _, name, _, unit, _ in told}
    assert (units["IMAGE_MAX_DIM"], units["DETECTION_MIN_CONFIDENCE"]) == ("px", "0..1")


def test_a_setting_must_say_when_to_change_it(maker, tmp_path, monkeypatch):
    source = tmp_path / "config.py"
    source.write_text("class Config:\n    # A thing. [px]\n    THING = 1\n")
    monkeypatch.setattr(maker, "SOURCE", source)
    with pytest.raises(ValueError, match="THING: its comment must say"):
        maker.settings()


def test_the_options_that_the_page_names_are_there(maker, capsys):
    helps = []
    for main, words in ((run_training, "train"), (run_training, "evaluate"), (photos.main, "")):
        with pytest.raises(SystemExit):
            main([*words.split(), "--help"])
        helps.append(capsys.readouterr().out)
    named = set(re.findall(r"`(--[a-z-]+)`", maker.page()))
    assert len(named) > 8
    assert not [option for option in named if f"{option} " not in " ".join(helps)]
