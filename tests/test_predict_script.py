import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import maskrcnn_predict_for_images as script
from mrcnn.annotation.filenames import locate
from mrcnn.annotation.read import read
from mrcnn.annotation.records import REPEATED
from mrcnn.commands import process
from mrcnn.commands.opening import Opened
from mrcnn.data.images import read_image
from mrcnn.nn import weights_file
from mrcnn.outlines import decode_rle
from tests.photos import Finder, photo, saved

ROOT = Path(script.__file__).parent


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
            + [
                "--min-confidence",
                "0.01",
                "--json",
                "out/found.json",
                "--json-masks",
                "rle",
                "--via",
                "via.json",
            ]
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
    assert f"[1/6] {Path('c', 'broken.jpg')}: truncated" in run.err
    assert run.json["failed"][0]["file"] == str(Path("c", "broken.jpg"))
    assert "truncated" in run.json["failed"][0]["reason"]


def test_images_come_once_and_in_order(run):
    files = [Path(image["file"]).as_posix() for image in run.json["images"]]
    assert files == ["a b/img2.jpg", "a b/img10.jpg", "a b/ü 1.png", "c/dot.png", "c/img2.jpg"]


def test_one_line_an_image_and_a_summary(run):
    lines = run.out.splitlines()
    lines = lines[next(i for i, line in enumerate(lines) if line.startswith("[")) :]
    assert lines[0].startswith(f"[2/6] {Path('a b', 'img2.jpg')}: ")
    assert lines[1].startswith("[3/6] ") and lines[2].startswith("[4/6, ")
    assert f"{Path('a b', 'img10.jpg')}: " in lines[1] and " left] " in lines[2]
    assert lines[4].startswith(f"[6/6] {Path('c', 'img2.jpg')}: ")
    assert "as many as --max-instances allows" in run.out
    total = sum(len(image["objects"]) for image in run.json["images"])
    words = lines[5].split(", ")
    assert words[0] == "5 images"
    assert sum(int(word.split()[0]) for word in words[1:-2]) == total
    assert words[-2].endswith("s each")
    assert words[-1] == "1 failed"
    written = f"{Path('out', 'found.json')}, via.json (5 photos)"
    assert lines[6:] == [f"Written: {written}"]


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
    annotations = read(run.via)
    expected = {image["file"]: len(image["objects"]) for image in run.json["images"]}
    # Of several detections of the one pixel of a photo one is left.
    left = Counter(problem.image for problem in annotations.problems)
    assert {(each.image, each.kind) for each in annotations.problems} == {("c/dot.png", REPEATED)}
    found = {each.filename: len(each.regions) + left[each.filename] for each in annotations.images}
    assert found == {Path(file).as_posix(): count for file, count in expected.items()}
    assert set(locate(run.folder, expected)) == set(expected)
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
        ([*GOOD, "--jsonl", "s3://b/a.jsonl"], "--jsonl s3:/b/a.jsonl is an address"),
        ([*GOOD, "--output", "gs://b/found"], "--output gs:/b/found is an address"),
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
        (["a.jpg", "--min-confidence", "2"], "2 is not from 0 to 1"),
        (["a.jpg", "--max-instances", "0"], "0 is no whole number from 1 up"),
        (["a.jpg", "--image-size", "500"], "500 is not a multiple of 64: try 512"),
        (["a.jpg", "--backbone", "small"], "small is no function: write module:function"),
        (
            ["a.jpg", "--uncertain", "9"],
            "--uncertain chooses what --via FILE writes: name that file",
        ),
        (["a.jpg", "--uncertain", "0", "--via", "b.json"], "0 is no whole number from 1 up"),
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

    def detector(opened):
        asked.append(opened.min_confidence)
        raise ValueError

    monkeypatch.setattr(Opened, "detector", property(detector))
    assert script.main([*GOOD, *extra]) == 1
    assert asked == [expected]


def test_ctrl_c_before_there_was_an_image(place, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Opened, "detector", property(interrupt))
    assert script.main(GOOD) == process.INTERRUPTED


def test_a_style_takes_the_place_of_masks_and_boxes(place, monkeypatch):
    monkeypatch.setattr(Opened, "detector", Finder())
    assert script.main([*GOOD, "--splash"]) == 0
    splash = read_image(place / "predictions" / "photo_predicted.jpg").astype(int)
    assert np.ptp(splash, axis=-1).max() < 16


def python(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_help_loads_nothing_heavy():
    result = python(
        "import sys, maskrcnn_predict_for_images as script\n"
        "try:\n    script.main(['--help'])\n"
        "except SystemExit as ended:\n    assert not ended.code\n"
        "assert not {'keras', 'tensorflow', 'h5py', 'matplotlib', 'scipy'} & set(sys.modules)"
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
