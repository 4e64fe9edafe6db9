"""What pip installs: the same code as the scripts, from any folder, without the checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mrcnn import pictures
from mrcnn.commands import process

pytestmark = pytest.mark.skipif(os.name == "nt", reason="environments are laid out otherwise")
ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SCRIPTS = PROJECT["project"]["scripts"]
MODULES = PROJECT["tool"]["setuptools"]["py-modules"]
NEEDED = ["pyproject.toml", "README.md", "LICENSE", "requirements.txt"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy: building leaves files where the source is."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in [*NEEDED, *(f"{module}.py" for module in MODULES)]:
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / "mrcnn", source / "mrcnn", ignore=shutil.ignore_patterns("__pycache__", "*.tmp")
    )
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the wheel, which sees the packages of this one; its programs."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    paths = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "needed.pth").write_text("\n".join(paths))
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install"]
    options = ["--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*pip, *options, wheel], check=True)
    return folder / "bin"


def ran(*command, cwd):
    """Run a program as a user in another folder does; return what it says and its exit code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True)
    return done.stdout + done.stderr, done.returncode


def test_the_wheel_has_all_files_and_no_weights(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    files = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.glob("mrcnn/**/*.*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files - names == set()
    others = {name for name in names - files if ".dist-info/" not in name}
    assert others == {f"{module}.py" for module in MODULES}


def test_all_scripts_are_installed():
    scripts = {path.stem for path in ROOT.glob("*.py")}
    assert set(MODULES) == scripts
    entries = {name: target.partition(":")[0] for name, target in SCRIPTS.items()}
    assert set(entries) == {"mrcnn", *process.COMMANDS.values()}
    assert all(
        process.COMMANDS.get(module, name) == name or module == "mrcnn.__main__"
        for name, module in entries.items()
    )


def test_commands_answer_from_another_folder(installed, tmp_path):
    code = "import mrcnn, custom_training as c; print(mrcnn.__file__, c.__file__, c.main)"
    said, _ = ran(installed / "python", "-c", code, cwd=tmp_path)
    assert said.count(str(installed.parent)) == 2 and str(ROOT) not in said
    for name in ("mrcnn-train", "mrcnn-predict", "mrcnn-video"):
        said, result = ran(installed / name, "--help", cwd=tmp_path)
        assert result == 0 and said.startswith(f"usage: {name}")
        assert f"    {name} " in said and not re.search(r"\w+\.py\b", said)
    assert not list(tmp_path.iterdir())


def test_without_weights_it_names_the_way(installed, tmp_path):
    pictures.write(tmp_path / "photo.png", np.zeros((8, 8, 3), np.uint8))
    said, result = ran(installed / "mrcnn-predict", "photo.png", cwd=tmp_path)
    assert result == 1 and said.count("\n") == 1
    assert said.startswith("mrcnn-predict: no checkpoint of 'object' under log: train first, or")
    assert "log/custom.h5 of the project's folder" in said
    said, _ = ran(installed / "mrcnn-predict", cwd=tmp_path)
    assert said == ("mrcnn-predict: there are no sample photos here: name photos or their folder\n")
    # A command is told of commands, not of scripts that are elsewhere.
    said, _ = ran(installed / "mrcnn-video", "photo.png", cwd=tmp_path)
    assert said == "mrcnn-video: photo.png is a photo: mrcnn-predict photo.png looks at it\n"
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("{}", True),  # pip install .
        ("{}/dist/mrcnn-1.0.0-py3-none-any.whl", True),
        ("file:///elsewhere/mrcnn-1.0.0-py3-none-any.whl", False),
        ("https://files.example/mrcnn-1.0.0-py3-none-any.whl", False),
        (None, False),  # from an index
    ],
)
def test_files_of_the_checkout_that_pip_installed_from(tmp_path, monkeypatch, url, found):
    checkout, notes, here = (tmp_path / name for name in ("the checkout", "notes", "here"))
    for folder in (checkout / "log", checkout / "dist", notes, here):
        folder.mkdir(parents=True)
    (checkout / "custom_training.py").touch()
    (checkout / "log" / "custom.h5").touch()
    if url:
        note = {"url": url.format(checkout.as_uri())}
        (notes / "direct_url.json").write_text(json.dumps(note))
    monkeypatch.setattr(process, "_NOTES", notes)
    process._installed_from.cache_clear()
    monkeypatch.chdir(here)
    try:
        shipped = process.of_checkout("log", "custom.h5", root=Path())
        own = Path("log", "custom.h5")
        assert shipped == (checkout / own if found else own)
        assert process.of_checkout("log", "other.h5", root=Path()) == Path("log", "other.h5")
        own.parent.mkdir()
        own.touch()  # the user is in a checkout, or has put it there
        assert process.of_checkout("log", "custom.h5", root=Path()) == own
    finally:
        process._installed_from.cache_clear()


def test_a_checkout_keeps_to_itself():
    assert process.ROOT == ROOT and process.LOG_FOLDER == ROOT / "log"
    assert process._installed_from() is None


def test_mrcnn_video_masks_files_and_shows_cameras(monkeypatch):
    import prediction_for_video
    import video_mask

    called = []
    for script in (video_mask, prediction_for_video):
        monkeypatch.setattr(script, "main", lambda argv, name=script.__name__: called.append(name))
    for source in (["clip.mp4"], ["0"], [], ["rtsp://host/live"], ["gone.mp4", "--every", "2"]):
        video_mask.command(source)
    live, masked = "prediction_for_video", "video_mask"
    assert called == [masked, live, live, live, masked]
