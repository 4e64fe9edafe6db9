"""A run over photos: what it says, and what is left of one that goes wrong."""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import maskrcnn_predict_for_images as script
from mrcnn.commands import photo_run, process
from mrcnn.detections import Detections
from mrcnn.results.formats import FORMATS
from mrcnn.results.photos import RunInfo
from tests.photos import Finder, saved


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def detections(class_ids, scores):
    rois = np.zeros((len(class_ids), 4), int)
    return Detections.of(rois, np.array(class_ids, int), np.array(scores), shape=(9, 9))


def run(detector, sources, arguments=(), writers=()):
    arguments = script.parse_arguments([*map(str, sources), *arguments])
    arguments.output.mkdir(exist_ok=True)
    with process.stop_on_signal() as stop:
        return photo_run.predict(detector, sources, ["BG", "mug"], writers, arguments, stop)


def test_a_picture_that_cannot_be_written_leaves_the_others(place, capsys):
    long = saved(place / f"{'n' * 250}.jpg")  # its picture's name would be too long for a disk
    odd = saved(place / os.fsdecode(b"caf\xe9.jpg"))  # as unpacked from an old archive
    last = saved(place / "photo.jpg")
    info = RunInfo(place / "w.h5", ["BG", "mug"], 0.7, [long, odd, last])
    writer = FORMATS["json"](place / "found.json", info)
    outcomes = []

    def body():
        outcomes.append(run(Finder(), [long, odd, last], writers=[writer]))
        return 0

    assert process.run(body) == 0
    (outcome,) = outcomes
    assert [failed["file"] for failed in outcome.failed] == [str(long)]
    error = capsys.readouterr().err
    assert error.startswith("[1/3] ") and "cannot be written: File name too long" in error
    assert outcome.done == [odd, last]
    assert photo_run.summary_text(outcome, 0.7).splitlines()[0].endswith("1 failed")
    writer.close()
    document = json.loads((place / "found.json").read_text(encoding="utf-8"))
    assert os.fsencode(document["images"][0]["file"]) == os.fsencode(odd)


@pytest.mark.parametrize("number", process.SIGNALS)
def test_an_interrupted_run_keeps_what_it_has(place, number):
    def interrupt(calls):
        if calls == 2:
            os.kill(os.getpid(), number)

    sources = [saved(place / f"{number}.png") for number in range(4)]
    outcome = run(Finder(interrupt), sources, ["--via", "v.json"])
    assert outcome.done == sources[:2]
    assert outcome.closest == [(0.2, "mug", sources[1]), (0.1, "mug", sources[0])]


def test_after_q_no_picture_is_shown(place, monkeypatch):
    shown = []

    def show_picture(picture, title):
        shown.append((picture.shape, title))
        return len(shown) < 2

    monkeypatch.setattr(photo_run, "show_picture", show_picture)
    sources = [saved(place / f"{number}.png") for number in range(4)]
    assert run(Finder(), sources, ["--show"]).done == sources
    assert shown == [((60, 80, 3), str(source)) for source in sources[:2]]


def test_what_was_found():
    names = ["BG", "AC Remote", "mug"]
    result = detections([1, 1, 2], [0.981, 0.912, 0.7])
    expected = "a.jpg: 2 AC Remote, 1 mug (0.98, 0.91, 0.70)"
    assert photo_run.found_text(Path("a.jpg"), result, names, 100) == expected
    assert photo_run.found_text(Path("a.jpg"), result, names, 3).endswith("--max-instances allows")
    nothing = detections([], [])
    assert photo_run.found_text(Path("a.jpg"), nothing, names, 3) == "a.jpg: nothing"


def test_summaries():
    outcome = photo_run.Outcome(
        done=[Path()] * 12, counts=Counter({"AC Remote": 17}), seconds_each=0.84
    )
    assert photo_run.summary_text(outcome, 0.7) == "12 images, 17 AC Remote, 0.8 s each"
    outcome = photo_run.Outcome(failed=[{}])
    assert photo_run.summary_text(outcome, 0.7) == "0 images, nothing, 0.00 s each, 1 failed"


def test_what_came_closest():
    outcome = photo_run.Outcome(
        done=[Path()], closest=[(0.64, "mug", Path("b.jpg")), (0.3, "cup", Path("a.jpg"))]
    )
    assert photo_run.summary_text(outcome, 0.7).splitlines()[1:] == [
        "Nothing scored 0.7 or more. What came closest:",
        "  0.64 mug in b.jpg",
        "  0.30 cup in a.jpg",
        "To see it, add --min-confidence 0.58",
    ]
    assert "nothing but background" in photo_run.summary_text(photo_run.Outcome(done=[Path()]), 0.7)
