"""The README and the pages of docs/ lead to what is there and say what runs."""

import json
import os
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from tests.documents import PAGES, ROOT, blocks, commands, headings, holds, languages, links
from tests.documents import understood as is_understood

ALL = [(page, command) for page in PAGES for command in commands(page)]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_its_heading(page):
    missing = []
    for link in links(page):
        path, _, heading = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        name = os.path.relpath(target, ROOT)
        if not target.exists() or (heading and name in PAGES and heading not in headings(name)):
            missing.append(link)
    assert not missing


def test_the_readme_leads_to_every_page():
    pages = {link.partition("#")[0] for link in links("README.md")}
    assert {page for page in PAGES if page != "README.md"} <= pages


def test_pictures_are_small_and_all_are_shown():
    shown = {os.path.normpath(Path(page).parent / link) for page in PAGES for link in links(page)}
    for picture in (ROOT / "docs").glob("*.jpg"):
        assert picture.stat().st_size < 200_000 and f"docs/{picture.name}" in shown


def test_there_are_commands_and_no_blocks_of_unknown_kinds():
    assert len(commands("README.md")) > 20 and len(commands("docs/first_model.md")) > 10
    assert languages("README.md") == {"", "python"}


@pytest.mark.parametrize(("page", "command"), ALL)
def test_a_command_is_one_that_is_understood(page, command, monkeypatch, capsys):
    assert holds(page, command, monkeypatch)


@pytest.mark.parametrize(
    "words", [["custom_training.py", "train", "--epoch", "3"], ["video_mask.py"]]
)
def test_a_command_that_is_not_understood_is_found(words, monkeypatch):
    with pytest.raises(SystemExit):
        is_understood(words, monkeypatch)


# -- From the older package ------------------------------------------------------------------------

SESSION = ("from keras.backend", "session_config", "set_session")


def test_the_script_of_the_older_package_needs_no_more_than_the_page_says(tmp_path):
    script, *_ = blocks("docs/from_the_older_package.md", "python")
    (difference,) = blocks("docs/from_the_older_package.md", "diff")
    taken_out = [line[1:] for line in difference.splitlines()]
    lines = script.splitlines()
    assert taken_out == [line for line in lines if line.startswith(SESSION)]
    rest = "\n".join(line for line in lines if line not in taken_out)
    names = {"__name__": "remotes"}
    exec(rest, names)
    config = names["RemoteConfig"]()
    config.check()
    dataset = names["RemoteDataset"]()
    dataset.load_remotes(str(ROOT / "dataset"), "val")
    dataset.prepare()
    masks, class_ids = dataset.load_mask(0)
    image = dataset.load_image(0)
    assert masks.dtype == bool and masks.shape[:2] == image.shape[:2] and set(class_ids) == {1}
    splash = names["color_splash"](image, masks)
    there = masks.any(axis=-1)
    np.testing.assert_array_equal(splash[there], image[there])
    assert np.ptp(splash[~there].astype(int), axis=-1).max() <= 1


@pytest.mark.parametrize(
    "line",
    [
        "from keras.backend.tensorflow_backend import set_session",
        "import tensorflow as tf; tf.ConfigProto()",
    ],
)
def test_what_the_page_takes_out_cannot_run(line):
    with pytest.raises((ModuleNotFoundError, AttributeError)) as error:
        exec(line, {})
    assert str(error.value) in PAGES["docs/from_the_older_package.md"]


# -- The notebook ----------------------------------------------------------------------------------

NOTEBOOK = ROOT / "docs" / "first_model.ipynb"
# As cheap as it goes.
CHEAP = {"EPOCHS": 1, "STEPS": 1, "IMAGE_SIZE": 128, "LAYERS": "heads"}


def parameters(notebook):
    """Return the cell of a notebook that holds what may be changed."""
    (cell,) = (each for each in notebook.cells if "parameters" in each.metadata.get("tags", []))
    return cell


def few_photos(folder):
    """Write a part of the sample data set."""
    for subset, count in (("train", 4), ("val", 2)):
        (folder / subset).mkdir(parents=True)
        project = json.loads((ROOT / "dataset" / subset / "via_project.json").read_text())
        images = dict(list(project["_via_img_metadata"].items())[-count:])
        for image in images.values():
            shutil.copy(ROOT / "dataset" / subset / image["filename"], folder / subset)
        project |= {"_via_img_metadata": images, "_via_image_id_list": list(images)}
        (folder / subset / "via_project.json").write_text(json.dumps(project))
    return folder


def test_the_notebook_has_no_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and not any(cell.outputs or cell.execution_count for cell in code)
    names = {}
    exec(parameters(notebook).source, names)
    assert CHEAP.keys() <= names.keys()


def test_the_notebook_runs_from_top_to_bottom(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    values = CHEAP | {"DATASET": str(few_photos(tmp_path / "photos")), "OUTPUT": str(tmp_path)}
    cell = parameters(notebook)
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in values.items())
    # One step takes less time than tracing a graph of it.
    cell.source += "\nimport tensorflow as tf\ntf.config.run_functions_eagerly(True)"
    place = {"metadata": {"path": NOTEBOOK.parent}}
    NotebookClient(notebook, timeout=300, resources=place).execute()
    assert len(list((tmp_path / "found").iterdir())) == 2
    assert all((tmp_path / f"found.{ending}").exists() for ending in ("html", "json"))
    (evaluated,) = tmp_path.glob("log/*/evaluation/index.html")
    assert (evaluated.parent.parent / "losses.png").exists()
