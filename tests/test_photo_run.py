"""A run over photos: what it says, and what is left of one that goes wrong."""

import errno
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import maskrcnn_predict_for_images as script
from custom_training import CustomConfig
from mrcnn import pictures
from mrcnn.atomic import naming
from mrcnn.commands import photo_run, process
from mrcnn.commands.outcome import Outcome, found_text, stopped_text, summary_text
from mrcnn.commands.searching import Photos
from mrcnn.detections import Detections
from mrcnn.results.formats import FORMATS
from mrcnn.results.photos import RunInfo
from tests.pages import embedded
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
    photos = Photos(sources, arguments, [])
    list(photos.harmed())
    with process.stop_on_signal() as stop:
        return photo_run.predict(detector, photos, ["BG", "mug"], writers, arguments, stop)


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
    assert (outcome.done, outcome.failed) == (2, 1)
    error = capsys.readouterr().err
    assert error.startswith("[1/3] ") and "cannot be written: File name too long" in error
    assert summary_text(outcome, 0.7).splitlines()[0].endswith("1 failed")
    writer.close()
    document = json.loads((place / "found.json").read_text(encoding="utf-8"))
    assert [failed["file"] for failed in document["failed"]] == [str(long)]
    files = [os.fsencode(image["file"]) for image in document["images"]]
    assert files == [os.fsencode(odd), os.fsencode(last)]


def documents(place, sources):
    """Return a writer of each format, by its name; the files are `<name>.json` of whatever form."""
    info = RunInfo(place / "w.h5", ["BG", "mug"], 0.7, sources)
    return {name: make(place / f"{name}.json", info) for name, make in FORMATS.items()}


def in_files(place):
    """Return the photos that stand in the files of `documents`, by the format's name."""
    texts = {
        name: (place / f"{name}.json").read_text() for name in ("json", "jsonl", "via", "html")
    }
    images = json.loads(texts["json"])["images"]
    entries = json.loads(texts["via"])["_via_img_metadata"].values()
    return {
        "json": [Path(image["file"]).name for image in images],
        "jsonl": [Path(line["file"]).name for line in map(json.loads, texts["jsonl"].splitlines())],
        "via": [entry["filename"] for entry in entries],
        "html": [photo["name"] for photo in embedded(texts["html"], 'class="photo"')],
    }


def too_wide(path):
    """Write a PNG that is wider than a JPEG can be, named as one."""
    path.write_bytes(pictures.encode(np.zeros((8, 65600, 3), np.uint8), ".png"))
    return path


def test_the_fault_of_one_photo_is_that_photos(place, capsys):
    good = [saved(place / f"{number}.png") for number in range(5)]
    wide, broken = too_wide(place / "wide.jpg"), place / "empty.jpg"
    broken.touch()
    sources = [good[0], wide, *good[1:4], broken, good[4]]

    def happens(call):
        if call == 3:
            good[1].unlink()  # it has been looked at, and its record is not written yet
        if call == 4:
            raise RuntimeError("out of memory\nand much more")
        if call == 5:
            good[4].unlink()  # it has not been looked at

    writers = documents(place, sources)
    with photo_run.closing(writers.values()):
        outcome = run(Finder(happens), sources, writers=writers.values())
    assert (outcome.done, outcome.failed) == (3, 4)
    failures = json.loads((place / "json.json").read_text())["failed"]
    reasons = {Path(failed["file"]).name: failed["reason"] for failed in failures}
    assert list(reasons) == ["wide.jpg", "2.png", "empty.jpg", "4.png"]
    assert f"{wide}: " in reasons["wide.jpg"] and "cannot be written as .jpg" in reasons["wide.jpg"]
    assert reasons["2.png"] == f"{good[2]}: RuntimeError: out of memory"
    assert reasons["empty.jpg"] == f"{broken}: the file is empty"
    assert reasons["4.png"] == f"{good[4]}: no such file"
    assert len(capsys.readouterr().err.splitlines()) == 4
    done = {
        name: [name for name in names if name in ("0.png", "1.png", "3.png")]
        for name, names in in_files(place).items()
    }
    assert done == {name: ["0.png", "1.png", "3.png"] for name in done}
    lines = [json.loads(line) for line in (place / "jsonl.json").read_text().splitlines()]
    assert [line["failed"] for line in lines if "failed" in line] == list(reasons.values())
    rows = list(FORMATS["parquet"].photos_in(place / "parquet.json"))
    assert [Path(file).name for file, _ in rows] == [Path(line["file"]).name for line in lines]
    assert summary_text(outcome, 0.7).splitlines()[0].endswith("4 failed")


def test_what_is_found_is_on_the_disk_after_each_photo(place):
    """Whatever happens to the program in a photo, the results of those before are there."""
    sources = [saved(place / f"{number}.png") for number in range(6)]
    seen = []

    def look(call):
        if call > 2:  # the picture of the one before this one is still being made
            seen.append({name: len(photos) for name, photos in in_files(place).items()})

    writers = documents(place, sources)
    with photo_run.closing(writers.values()):
        run(Finder(look), sources, writers=writers.values())
    for before, there in enumerate(seen, start=1):
        assert min(there.values()) >= before


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("name", ["json", "jsonl", "coco_results", "picture"])
def test_a_disk_that_is_full_is_no_photos_fault(place, monkeypatch, name):
    """The run ends with what it had; no photo is written down as failed."""
    sources = [saved(place / f"{number}.png") for number in range(6)]
    info = RunInfo(place / "w.h5", ["BG", "mug"], 0.7, sources)
    kind = "jsonl" if name == "picture" else name
    writer = FORMATS[kind](place / "found", info)
    full = OSError(errno.ENOSPC, "No space left on device")

    def after(call):
        if call == 4:
            module, function = (pictures, "write") if name == "picture" else (writer, "add")
            monkeypatch.setattr(module, function, failing)

    def failing(path, *_):
        with naming(path):
            raise full

    with pytest.raises(OSError, match="cannot be written: No space left"):
        run(Finder(after), sources, writers=[writer])
    writer.close()
    text = (place / "found").read_text()
    assert "No space" not in text
    if kind == "jsonl":
        # The third may still be at work in its thread.
        files = [line["file"] for line in lines_of(place / "found")]
        assert files in (list(map(str, sources[:2])), list(map(str, sources[:3])))


def test_photos_of_a_folder_that_is_gone_are_left(place, capsys):
    """They are in no result, so that `--resume` looks at them."""
    kept = [saved(place / "kept" / f"{number}.png") for number in range(2)]
    lost = [saved(place / "lost" / f"{number}.png") for number in range(4)]
    writer = FORMATS["jsonl"](place / "found", RunInfo(place / "w.h5", ["BG", "mug"], 0.7, []))

    def after(call):
        if call == 1:
            (place / "lost").rename(place / "away")

    outcome = run(Finder(after), [lost[0], kept[0], *lost[1:], kept[1]], writers=[writer])
    writer.close()
    names = [Path(line["file"]) for line in lines_of(place / "found")]
    assert names == [lost[0], *kept] and outcome.unreached == {str(place / "lost"): 3}
    assert "3 images, nothing" in summary_text(outcome, 0.7)
    assert summary_text(outcome, 0.7).splitlines()[0].endswith("s each, 3 not reached")
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        line
        == f"{lost[1]}: no such file: {place / 'lost'} cannot be reached, what is left of "
        + ("it stays to be done")
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_run_keeps_what_it_said(place):
    """Killed in any photo it has whole documents with all photos that it said are done."""
    sources = [saved(place / f"{number:02}.png") for number in range(40)]
    script = place / "killed.py"
    script.write_text(
        "import pathlib, tests.test_photo_run as t\n"
        "from tests.photos import Finder\n"
        "place = pathlib.Path.cwd()\n"
        "sources = sorted(place.glob('*.png'))\n"
        "writers = t.documents(place, sources).values()\n"
        "t.run(Finder(), sources, writers=writers)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    pipes = {"cwd": place, "env": environment, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-u", str(script)], **pipes) as child:
        said = [child.stdout.readline() for _ in range(15)]
        child.kill()
        said += child.stdout.read().splitlines()
    count = sum(line.startswith(b"[") and b" -> " in line for line in said)
    assert 15 <= count < len(sources)
    for name, found in in_files(place).items():
        assert found[:count] == [path.name for path in sources[:count]], name
        assert len(found) <= count + 2


def test_a_source_without_photos_does_not_stop_the_others(place, monkeypatch, capsys):
    """It is named at the beginning, and counts at the end."""
    saved(place / "album" / "below" / "photo.jpg")
    opened = SimpleNamespace(detector=Finder(), class_names=["BG", "mug"], min_confidence=0.7)
    monkeypatch.setattr(photo_run, "open_model", lambda *_, **__: opened)
    arguments = ["nowhere", "album", "--weights", str(place / "album"), "--via", "v.json"]
    monkeypatch.setattr(photo_run.weights, "find", lambda *_, **__: place / "w.h5")
    monkeypatch.setattr(photo_run.weights, "present", lambda *_: None)
    assert photo_run.run(script.parse_arguments(arguments), CustomConfig) == 1
    captured = capsys.readouterr()
    assert captured.err == "nowhere: no such file or folder\n"
    assert "album: no images in the folder itself, 1 in those below\n" in captured.out
    assert "1 image, nothing" in captured.out
    assert len(json.loads((place / "v.json").read_text())["_via_img_metadata"]) == 1


@pytest.mark.parametrize("number", process.SIGNALS)
def test_an_interrupted_run_keeps_what_it_has(place, number):
    def interrupt(calls):
        if calls == 2:
            os.kill(os.getpid(), number)

    sources = [saved(place / f"{number}.png") for number in range(4)]
    outcome = run(Finder(interrupt), sources, ["--via", "v.json"])
    assert (outcome.done, outcome.left, outcome.following) == (2, 2, sources[2])
    said = f"Stopped: 2 images from {sources[2]} on are left."
    assert stopped_text(outcome, False) == said
    assert outcome.closest == [(0.2, "mug", sources[1]), (0.1, "mug", sources[0])]


def test_after_q_no_picture_is_shown(place, monkeypatch):
    shown = []

    def show_picture(picture, title):
        shown.append((picture.shape, title))
        return len(shown) < 2

    monkeypatch.setattr(photo_run, "show_picture", show_picture)
    sources = [saved(place / f"{number}.png") for number in range(4)]
    assert run(Finder(), sources, ["--show"]).done == len(sources)
    assert shown == [((60, 80, 3), str(source)) for source in sources[:2]]


def test_what_was_found():
    names = ["BG", "AC Remote", "mug"]
    result = detections([1, 1, 2], [0.981, 0.912, 0.7])
    expected = "a.jpg: 2 AC Remote, 1 mug (0.98, 0.91, 0.70)"
    assert found_text(Path("a.jpg"), result, names, 100) == expected
    assert found_text(Path("a.jpg"), result, names, 3).endswith("--max-instances allows")
    nothing = detections([], [])
    assert found_text(Path("a.jpg"), nothing, names, 3) == "a.jpg: nothing"


def test_summaries():
    outcome = Outcome(done=12, counts=Counter({"AC Remote": 17}), seconds_each=0.84)
    assert summary_text(outcome, 0.7) == "12 images, 17 AC Remote, 0.8 s each"
    outcome = Outcome(failed=1)
    assert summary_text(outcome, 0.7) == "0 images, nothing, 0.00 s each, 1 failed"


def test_what_came_closest():
    outcome = Outcome(done=1, closest=[(0.64, "mug", Path("b.jpg")), (0.3, "cup", Path("a.jpg"))])
    assert summary_text(outcome, 0.7).splitlines()[1:] == [
        "Nothing scored 0.7 or more. What came closest:",
        "  0.64 mug in b.jpg",
        "  0.30 cup in a.jpg",
        "To see it, add --min-confidence 0.58",
    ]
    assert "nothing but background" in summary_text(Outcome(done=1), 0.7)


# -- Going on --------------------------------------------------------------------------------------


@pytest.fixture
def start(place, monkeypatch):
    """A function that runs the command on the folder `photos`; it returns what it looked at."""
    weights = place / "w.h5"
    weights.write_bytes(b"weights")
    monkeypatch.setattr(photo_run.weights, "find", lambda *_, **__: weights)
    monkeypatch.setattr(photo_run.weights, "present", lambda *_: None)

    def start(*options, kills=None, least=0.7):
        def interrupt(call):
            if call == kills:
                os.kill(os.getpid(), process.SIGNALS[0])

        finder = Finder(interrupt)
        opened = SimpleNamespace(detector=finder, class_names=["BG", "mug"], min_confidence=least)
        monkeypatch.setattr(photo_run, "open_model", lambda *_, **__: opened)
        code = photo_run.run(script.parse_arguments(["photos", *options]), CustomConfig)
        return code, finder.seen

    for number in range(7):
        saved(place / "photos" / f"{number}.png")
    (place / "photos" / "3.png").write_bytes(b"")
    return start


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_a_run_that_was_stopped_goes_on(place, start, capsys, name):
    result = place / "found"
    options = [f"--{name}", str(result), "--resume"]
    assert start(*options, kills=2) == (process.INTERRUPTED, 2)
    assert "with --resume goes on" in capsys.readouterr().out
    if name == "jsonl":
        with open(result, "ab") as file:
            file.write(b'{"file":"photos/2.p')  # as a kill leaves it
    # The picture that the kill left without a line is made again, one of another run stays.
    saved(place / "predictions" / "2_predicted.png")
    old = saved(place / "predictions" / "4_predicted.png")
    os.utime(old, (0, 0))
    with pytest.raises(ValueError, match="another --min-confidence, 0.7 and not 0.6: give the sam"):
        start(*options, least=0.6)
    assert start(*options) == (1, 4)
    assert "2 photos are in " in capsys.readouterr().out
    assert start(*options) == (0, 0)
    found = list(FORMATS[name].photos_in(result))
    assert [Path(file).name for file, _ in found] == [f"{number}.png" for number in range(7)]
    names = [picture and Path(picture).name for _, picture in found]
    assert names[2:5] == ["2_predicted.png", None, "4_predicted_2.png"]
    assert len(list((place / "predictions").iterdir())) == 7
    with pytest.raises(ValueError, match="exists already: .* or go on with --resume"):
        start(*options[:2])


def test_no_pictures_are_drawn(place, start):
    assert start("--jsonl", "a.jsonl", "--json", "a.json", "--no-pictures") == (1, 6)
    assert not (place / "predictions").exists()
    images = json.loads((place / "a.json").read_text())["images"]
    lines = [json.loads(line) for line in (place / "a.jsonl").read_text().splitlines()]
    assert [line for line in lines if "failed" not in line] == images
    assert {image["picture"] for image in images} == {None}


def test_each_file_that_was_written_is_named_at_the_end(place, start, capsys):
    options = ["--json", "a.json", "--via", "out/via.json", "--html", "a.html", "--uncertain", "2"]
    assert start(*options, "--jsonl", "a.jsonl", "--coco-results", "c.json", "--no-pictures")[0]
    said = "Written: a.json, a.jsonl, c.json, a.html, out/via.json (2 photos)"
    assert capsys.readouterr().out.splitlines()[-1] == said
    assert start("--via", "b.json", "--uncertain", "1", "--no-pictures")[0]
    assert capsys.readouterr().out.splitlines()[-1] == "Written: b.json (1 photo)"
    # Pictures are named with their photos.
    assert start()[0]
    assert "Written" not in capsys.readouterr().out
    assert start("--jsonl", "b.jsonl", kills=2)[0] == process.INTERRUPTED
    assert capsys.readouterr().out.splitlines()[-2] == "Written: b.jsonl"


def test_a_run_with_nothing_left_needs_no_network(place, start, monkeypatch, capsys):
    options = ["--jsonl", "a.jsonl", "--no-pictures", "--resume"]
    assert start(*options)[0] == 1
    capsys.readouterr()

    def load(*_):
        raise AssertionError("the network is loaded")

    monkeypatch.setattr(photo_run.run, "__defaults__", (load,))
    assert start(*options) == (0, 0)
    assert capsys.readouterr().out == "Nothing is left to do: a.jsonl has all photos (7)\n"
    saved(place / "photos" / "9.png")
    with pytest.raises(AssertionError, match="is loaded"):
        start(*options)
    assert capsys.readouterr().out == "7 photos are in a.jsonl already\n"


def test_a_damaged_result_is_not_gone_on_with(place, start):
    options = ["--jsonl", "a.jsonl", "--no-pictures", "--resume"]
    start(*options)
    lines = (place / "a.jsonl").read_text()
    (place / "a.jsonl").write_text("x" + lines)
    with pytest.raises(ValueError, match="a.jsonl: line 1 is no photo of --jsonl"):
        start(*options)
    (place / "a.jsonl.run.json").unlink()
    with pytest.raises(ValueError, match="run.json, which tells how a.jsonl was made, is not th"):
        start(*options)
