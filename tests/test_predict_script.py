import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import maskrcnn_predict_for_images as script
from mrcnn.annotation import via
from mrcnn.atomic import write_json
from mrcnn.commands import image_progress
from mrcnn.data.images import read_image
from mrcnn.nn import weights_file
from mrcnn.outlines import decode_rle

ROOT = Path(script.__file__).parent


def photo(height=60, width=80, seed=0):
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (width, height))


def saved(path, image=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = photo() if image is None else image
    path.write_bytes(cv2.imencode(path.suffix, image[..., ::-1])[1].tobytes())
    return path


# -- A whole run -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(published_weights, tmp_path_factory):
    """One run over photos of many kinds: what it wrote, printed and returned."""
    folder = tmp_path_factory.mktemp("run")
    weights = published_weights("resnet50")
    saved(folder / "a b" / "ü 1.png", photo(60, 80))
    saved(folder / "a b" / "img2.jpg", photo(50, 120, 1))
    saved(folder / "a b" / "img10.jpg", photo(130, 70, 2))
    saved(folder / "c" / "img2.jpg", photo(40, 40, 3))
    saved(folder / "c" / "dot.png", photo(1, 1))
    (folder / "c" / "broken.jpg").write_bytes((folder / "c" / "img2.jpg").read_bytes()[:-300])
    inputs = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = script.main(
            ["c/broken.jpg", "a b", "c/*.[jp][pn]g", "a b/img2.jpg"]
            + ["--weights", str(weights), "--image-size", "128", "--max-instances", "6"]
            + ["--min-confidence", "0.01", "--json", "out/found.json", "--via", "via.json"]
        )
    return SimpleNamespace(
        folder=folder,
        code=code,
        inputs=inputs,
        out=out.getvalue(),
        err=err.getvalue(),
        json=json.loads((folder / "out" / "found.json").read_text(encoding="utf-8")),
        via=folder / "via.json",
    )


def test_the_broken_image_is_named_and_the_run_goes_on(run):
    assert run.code == 1
    assert f"[1/6] {Path('c', 'broken.jpg')}: broken image" in run.err
    assert run.json["failed"][0]["file"] == str(Path("c", "broken.jpg"))
    assert "truncated" in run.json["failed"][0]["reason"]


def test_images_come_once_and_in_order(run):
    files = [Path(image["file"]).as_posix() for image in run.json["images"]]
    assert files == ["a b/img2.jpg", "a b/img10.jpg", "a b/ü 1.png", "c/dot.png", "c/img2.jpg"]


def test_one_line_an_image_and_a_summary(run):
    lines = run.out.splitlines()
    lines = lines[next(i for i, line in enumerate(lines) if line.startswith("[")) :]
    assert lines[0].startswith("[2/6, ")
    assert f" left] {Path('a b', 'img2.jpg')}: " in lines[0]
    assert lines[4].startswith(f"[6/6] {Path('c', 'img2.jpg')}: ")
    assert "as many as --max-instances allows" in run.out
    total = sum(len(image["objects"]) for image in run.json["images"])
    words = lines[5].split(", ")
    assert words[0] == "5 images"
    assert sum(int(word.split()[0]) for word in words[1:-2]) == total
    assert words[-2].endswith("s each")
    assert words[-1] == "1 failed"
    assert len(lines) == 6


def test_pictures_have_names_of_their_own_and_the_size_of_the_photo(run):
    pictures = {image["file"]: Path(image["picture"]) for image in run.json["images"]}
    assert sorted(path.name for path in (run.folder / "predictions").iterdir()) == [
        "dot_predicted.png",
        "img10_predicted.jpg",
        "img2_predicted.jpg",
        "img2_predicted_2.jpg",
        "ü 1_predicted.png",
    ]
    for file, picture in pictures.items():
        source, drawn = read_image(run.folder / file), read_image(run.folder / picture)
        assert drawn.shape == source.shape
    changed = read_image(run.folder / pictures[str(Path("a b", "ü 1.png"))])
    assert (changed != photo(60, 80)).any()


def test_inputs_stay_as_they_are(run):
    assert {path: path.read_bytes() for path in run.inputs} == run.inputs


def test_json_tells_all_of_each_object(run):
    assert run.json["min_confidence"] == 0.01
    assert run.json["class_names"][66] == "remote"
    objects = [(image, thing) for image in run.json["images"] for thing in image["objects"]]
    assert objects
    for image, thing in objects:
        mask = decode_rle(thing["rle"])
        assert mask.shape == (image["height"], image["width"])
        assert thing["area_px"] == mask.sum()
        assert thing["score"] >= 0.01
        assert thing["class"] == run.json["class_names"][thing["class_id"]]
    assert all(len(image["objects"]) <= 6 for image in run.json["images"])


def test_the_via_project_reads_back(run):
    annotations = via.read(run.via)
    expected = {image["file"]: len(image["objects"]) for image in run.json["images"]}
    assert {image.filename: len(image.regions) for image in annotations.images} == {
        Path(file).as_posix(): count for file, count in expected.items()
    }
    assert annotations.problems == ()
    assert set(via.locate(run.folder, expected)) == set(expected)
    project = json.loads(run.via.read_text(encoding="utf-8"))
    assert project["_via_settings"]["core"]["default_filepath"] == f"{run.folder.as_uri()}/"
    size = (run.folder / "c" / "img2.jpg").stat().st_size
    assert f"c/img2.jpg{size}" in project["_via_img_metadata"]


# -- Mistakes, each one sentence ---------------------------------------------------------------


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a photo and the header of weights for one class, without its name."""
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "photo.jpg")
    layers = {"mrcnn_class_logits": {"mrcnn_class_logits/bias:0": np.zeros(2, np.float32)}}
    weights_file.write(
        "two.h5", layers | {"res4f_branch2a": {"res4f_branch2a/bias:0": np.zeros(1)}}
    )
    (tmp_path / "empty").mkdir()
    (tmp_path / "old.json").write_text("precious")
    return tmp_path


GOOD = ["photo.jpg", "--weights", "two.h5", "--classes", "mug"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["none.jpg"], "none.jpg: no such file or folder"),
        (["empty"], "empty: no images in this folder"),
        (["*.png"], "*.png: the pattern matches no images"),
        (["photo.jpg", "--weights", "none.h5"], "none.h5: no such weights file"),
        (["photo.jpg", "--weights", "photo.jpg"], "photo.jpg is not an HDF5 weights file"),
        (["photo.jpg", "--weights", "two.h5"], "1 class besides the background but does not tell"),
        ([*GOOD[:-1], "mug,cup"], "--classes mug,cup names 2 (mug, cup), but two.h5 has 1 class"),
        ([*GOOD, "--json", "photo.jpg"], "--json photo.jpg is another file of this run"),
        ([*GOOD, "--via", "two.h5"], "--via two.h5 is another file of this run"),
        ([*GOOD, "--via", "a.json", "--json", "./a.json"], "a.json is another file of this run"),
        ([*GOOD, "--json", "empty"], "--json empty is a folder"),
        ([*GOOD, "--json", "old.json"], "--json old.json exists already"),
        ([*GOOD, "--json", "photo.jpg", "--overwrite"], "another file of this run"),
        ([*GOOD, "--output", "photo.jpg"], "--output photo.jpg is no folder"),
        ([*GOOD, "--output", "photo.jpg/below"], "--output photo.jpg/below is no folder"),
        ([".", *GOOD[1:], "--output", "."], "--output . is a folder of photos to look at"),
    ],
)
def test_mistakes(place, capsys, arguments, reason):
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert script.main(arguments) == 1
    captured = capsys.readouterr()
    assert reason in captured.err
    assert captured.err.startswith("maskrcnn_predict_for_images.py: ")
    assert captured.err.count("\n") == 1
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "required: SOURCE"),
        (["a.jpg", "--min-confidence", "2"], "2 is not from 0 to 1"),
        (["a.jpg", "--max-instances", "0"], "0 is no whole number from 1 up"),
        (["a.jpg", "--image-size", "500"], "500 is not a multiple of 64: try 512"),
    ],
)
def test_mistakes_in_the_command_line(capsys, arguments, reason):
    with pytest.raises(SystemExit) as ended:
        script.main(arguments)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


def test_weights_of_another_layout_and_cut_short(place, capsys, published_weights):
    published = published_weights("resnet50")
    Path("cut.h5").write_bytes(published.open("rb").read(100_000))
    assert script.main(["photo.jpg", "--weights", "cut.h5"]) == 1
    assert "cut.h5 is damaged or cut short" in capsys.readouterr().err
    # Two layers of a network alone: nothing may stay random.
    assert script.main([*GOOD, "--image-size", "64"]) == 1
    assert "two.h5 lacks" in capsys.readouterr().err


@pytest.mark.parametrize(("extra", "expected"), [([], 0.7), (["--min-confidence", "0"], 0)])
def test_the_threshold_is_that_of_the_weights_unless_given(place, monkeypatch, extra, expected):
    asked = []

    def load_model(config, weights, min_confidence):
        asked.append(min_confidence)
        raise ValueError

    monkeypatch.setattr("mrcnn.commands.prediction.load_model", load_model)
    assert script.main([*GOOD, *extra]) == 1
    assert asked == [expected]


def python(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_help_loads_nothing_heavy():
    result = python(
        "import sys, maskrcnn_predict_for_images as script\n"
        "try:\n    script.main(['--help'])\n"
        "except SystemExit as ended:\n    assert not ended.code\n"
        "assert not {'cv2', 'keras', 'tensorflow', 'h5py'} & set(sys.modules)"
    )
    assert result.returncode == 0, result.stderr
    assert "--min-confidence SCORE" in result.stdout


def test_mistakes_are_found_before_tensorflow_starts(place):
    for arguments in (["none.jpg"], ["photo.jpg", "--weights", "two.h5"]):
        paths = [str(place / text) if "." in text else text for text in arguments]
        result = python(
            "import sys, maskrcnn_predict_for_images as script\n"
            f"assert script.main({paths}) == 1\n"
            "assert not {'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)"
        )
        assert result.returncode == 0, result.stderr


# -- Names of the pictures ---------------------------------------------------------------------


def test_picture_names(tmp_path):
    taken = set()
    names = [
        script.picture_path(Path(source), tmp_path, taken).name
        for source in ("a/x.jpg", "b/x.jpg", "a/X.JPEG", "a/x.png", "y.tif", "z.webp")
    ]
    assert names == [
        "x_predicted.jpg",
        "x_predicted_2.jpg",
        "X_predicted_3.jpg",
        "x_predicted.png",
        "y_predicted.png",
        "z_predicted.jpg",
    ]


def test_pictures_of_an_earlier_run_and_other_files_stay(tmp_path):
    saved(tmp_path / "x_predicted.jpg")
    (tmp_path / "x_predicted_2.jpg").symlink_to("nowhere")
    source = tmp_path / "x.jpg"
    assert script.picture_path(source, tmp_path, set()).name == "x_predicted_3.jpg"
    assert script.picture_path(source, tmp_path, set(), overwrite=True).name == "x_predicted.jpg"


def test_a_source_is_never_overwritten(tmp_path):
    source = saved(tmp_path / "x_predicted.jpg")
    taken = {script._key(source)}
    path = script.picture_path(tmp_path / "x.jpg", tmp_path, taken, overwrite=True)
    assert path.name == "x_predicted_2.jpg"


def test_pictures_are_written_as_they_are(tmp_path):
    script.write_picture(tmp_path / "new" / "ü.png", photo())
    assert np.array_equal(read_image(tmp_path / "new" / "ü.png"), photo())
    script.write_picture(tmp_path / "new" / "ü.jpg", photo())
    assert np.abs(read_image(tmp_path / "new" / "ü.jpg").astype(int) - photo()).mean() < 4
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_via_document_of_one_folder_has_plain_names(tmp_path):
    path = saved(tmp_path / "a b" / "x.jpg")
    project = script.via_document([{"path": path, "regions": []}], ["BG", "mug"], "name")
    (entry,) = project["_via_img_metadata"].values()
    assert entry["filename"] == "x.jpg"
    assert project["_via_settings"]["core"]["default_filepath"].endswith("/a%20b/")
    assert script.via_document([], ["BG", "mug"], "name")["_via_img_metadata"] == {}


# -- What is said ------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(time=100.0)
    monkeypatch.setattr(image_progress.time, "perf_counter", lambda: now.time)
    return now


def test_progress_in_a_file(clock, capsys):
    stream = io.StringIO()
    progress = script.Progress(5, stream)
    for seconds in (30, 2, 4):
        progress.start("name")
        clock.time += seconds
        progress.done("text")
    progress.start("bad")
    progress.fault("bad: reason")
    progress.end()
    assert stream.getvalue().splitlines() == [
        "[1/5, 2 min left] text",
        "[2/5, 48 s left] text",
        "[3/5, 8.0 s left] text",
    ]
    assert capsys.readouterr().err == "[4/5] bad: reason\n"
    assert progress.each() == 4


def test_progress_on_a_terminal_stays_on_one_line(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    progress = script.Progress(2, stream)
    progress.start("first.jpg")
    clock.time += 3
    progress.done("text " * 20)
    progress.start("second.jpg")
    progress.end()
    text = stream.getvalue()
    assert "\n" not in text
    lines = text.split(image_progress.CLEAR_LINE)
    assert lines[1] == "[1/2] first.jpg ..."
    assert lines[2].startswith("[1/2, 3.0 s left] text")
    assert len(lines[2]) == 29
    assert lines[-1] == ""


def test_durations():
    assert [script.duration(s) for s in (0.042, 0.84, 9.94, 12.4, 119, 150)] == [
        "0.04 s",
        "0.8 s",
        "9.9 s",
        "12 s",
        "119 s",
        "2 min",
    ]


class Finder:
    """A model that finds nothing."""

    config = SimpleNamespace(DETECTION_MAX_INSTANCES=9)
    dropped = ()

    def detect(self, images):
        shape = images[0].shape[:2]
        empty = {"rois": np.zeros((0, 4), int), "masks": np.zeros((*shape, 0), bool)}
        return [empty | {"class_ids": np.zeros(0, int), "scores": np.zeros(0)}]


def test_a_picture_that_cannot_be_written_leaves_the_others(place, capsys):
    long = saved(place / f"{'n' * 250}.jpg")  # its picture's name would be too long for a disk
    odd = saved(place / os.fsdecode(b"caf\xe9.jpg"))  # as unpacked from an old archive
    arguments = script.parse_arguments([str(place), "--json", "found.json"])
    sources = [long, odd, place / "photo.jpg"]
    script.escape_odd_letters()
    outcome = script.predict(Finder(), sources, ["BG", "mug"], arguments)
    assert [failed["file"] for failed in outcome.failed] == [str(long)]
    assert "cannot be written: File name too long" in capsys.readouterr().err
    assert [image["path"] for image in outcome.images] == sources[1:]
    assert script.summary_text(outcome, 0.7).splitlines()[0].endswith("1 failed")
    write_json(place / "found.json", script.json_document(outcome, ["BG", "mug"], "w.h5", 0.7))
    document = json.loads((place / "found.json").read_text(encoding="utf-8"))
    assert os.fsencode(document["images"][0]["file"]) == os.fsencode(odd)


def test_showing_needs_a_display_that_answers(monkeypatch):
    monkeypatch.setattr(script, "has_display", lambda: False)
    with pytest.raises(ValueError, match="--show needs a display"):
        script.check_display()


def test_ctrl_c_before_there_was_an_image(place, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("mrcnn.commands.prediction.load_model", interrupt)
    assert script.main(GOOD) == script.INTERRUPTED


def test_what_was_found():
    names = ["BG", "AC Remote", "mug"]
    result = {"class_ids": [1, 1, 2], "scores": [0.981, 0.912, 0.7]}
    expected = "a.jpg: 2 AC Remote, 1 mug (0.98, 0.91, 0.70)"
    assert script.found_text(Path("a.jpg"), result, names, 100) == expected
    assert script.found_text(Path("a.jpg"), result, names, 3).endswith("--max-instances allows")
    nothing = {"class_ids": [], "scores": []}
    assert script.found_text(Path("a.jpg"), nothing, names, 3) == "a.jpg: nothing"


def test_summaries():
    outcome = script.Outcome(images=[{}] * 12, counts=Counter({"AC Remote": 17}), seconds_each=0.84)
    assert script.summary_text(outcome, 0.7) == "12 images, 17 AC Remote, 0.8 s each"
    outcome = script.Outcome(failed=[{}])
    assert script.summary_text(outcome, 0.7) == "0 images, nothing, 0.0 s each, 1 failed"


def test_what_came_closest():
    outcome = script.Outcome(
        images=[{}], closest=[(0.64, "mug", Path("b.jpg")), (0.3, "cup", Path("a.jpg"))]
    )
    assert script.summary_text(outcome, 0.7).splitlines()[1:] == [
        "Nothing scored 0.7 or more. What came closest:",
        "  0.64 mug in b.jpg",
        "  0.30 cup in a.jpg",
        "To see it, add --min-confidence 0.58",
    ]
    assert "nothing but background" in script.summary_text(script.Outcome(images=[{}]), 0.7)


# -- Stand-ins for the network: what is hard to bring about ------------------------------------


class Model:
    """Finds nothing; the third image is interrupted."""

    config = SimpleNamespace(DETECTION_MAX_INSTANCES=100)

    def __init__(self):
        self.seen = 0

    def detect(self, images):
        self.seen += 1
        if self.seen == 3:
            raise KeyboardInterrupt
        self.dropped = [(0.1 * self.seen, 1)]
        masks = np.zeros((*images[0].shape[:2], 0), bool)
        return [{"rois": np.zeros((0, 4), int), "masks": masks, "class_ids": [], "scores": []}]


def test_an_interrupted_run_keeps_what_it_has(place, capsys):
    sources = [saved(place / f"{number}.png") for number in range(4)]
    arguments = script.parse_arguments(["x", "--via", "v.json"])
    outcome = script.predict(Model(), sources, ["BG", "mug"], arguments)
    assert outcome.stopped
    assert [image["path"] for image in outcome.images] == sources[:2]
    assert outcome.closest == [(0.2, "mug", sources[1]), (0.1, "mug", sources[0])]


def test_showing_needs_a_display(place, capsys, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert script.main([*GOOD, "--show"]) == 1
    assert "--show needs a display" in capsys.readouterr().err


@pytest.mark.parametrize(("key", "goes_on"), [(ord(" "), True), (ord("q"), False), (27, False)])
def test_showing(monkeypatch, key, goes_on):
    keys = iter([-1, -1, key])
    shown = []
    for name in ("namedWindow", "resizeWindow", "setWindowTitle", "destroyAllWindows"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    monkeypatch.setattr(cv2, "waitKey", lambda _: next(keys))
    monkeypatch.setattr(cv2, "imshow", lambda _, picture: shown.append(picture))
    assert script.show_picture(photo(), "title") is goes_on
    assert np.array_equal(shown[0], photo()[..., ::-1])


def test_a_closed_window_ends_the_show(monkeypatch):
    for name in ("namedWindow", "resizeWindow", "setWindowTitle", "destroyAllWindows", "imshow"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 0.0)
    assert script.show_picture(photo(), "title") is False
