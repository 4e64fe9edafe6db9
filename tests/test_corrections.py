"""A project of predictions is corrected, counted, and trained on beside what there was before."""

import copy
import csv
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import correction_loop
from mrcnn.annotation.read import read, read_folder
from mrcnn.annotation.records import AnnotatedImage, Corrections, Region
from mrcnn.atomic import write_json
from mrcnn.check.check import check_dataset
from mrcnn.commands.proposing import unannotated
from mrcnn.detections import Detections
from mrcnn.results.photos import PhotoResult, RunInfo
from mrcnn.results.via_project import ViaProject
from tests.annotated import make_subset, rect
from tests.photos import photo, saved

NAMES = ["BG", "mug", "pan"]


def squares(*corners, scores=None, class_ids=None, side=12):
    """Return detections of squares with these corners (y, x) on a photo of 60 x 80."""
    rois = np.array([[y, x, y + side, x + side] for y, x in corners], np.int32).reshape(-1, 4)
    count = len(rois)
    pieces = [np.ones((side, side), bool)] * count
    ids = np.array(class_ids or [1] * count, np.int32)
    scores = np.array([0.9] * count if scores is None else scores, np.float32)
    return Detections((60, 80), rois, ids, scores, pieces)


def project(path, found, **options):
    """Write photos with these detections, by name, and their project; return the writer."""
    paths = [path.parent / name for name in found]
    info = RunInfo(Path("some.h5"), NAMES, 0.7, paths, **options)
    writer = ViaProject(path, info)
    for place, (seed, detections) in zip(paths, enumerate(found.values()), strict=True):
        saved(place, photo(60, 80, seed))
        size = place.stat().st_size
        writer.add(PhotoResult(place, detections, place, size, photo(60, 80)))
    return writer


def document(path):
    return json.loads(path.read_text(encoding="utf-8"))


def names_of(text):
    return [entry["filename"] for entry in text["_via_img_metadata"].values()]


# -- The order ---------------------------------------------------------------------------------

SCORES = {"sure.png": [0.99], "torn.png": [0.7], "half.png": [0.85], "none.png": [], "x.png": []}


def found_by_scores():
    return {
        name: squares(*[(5, 5)] * len(scores), scores=scores) for name, scores in SCORES.items()
    }


def test_the_least_sure_come_first_and_equal_ones_in_their_order(tmp_path):
    path = tmp_path / "via.json"
    writer = project(path, found_by_scores())
    assert names_of(document(path)) == list(SCORES)
    writer.close()
    text = document(path)
    assert names_of(text) == list(SCORES)
    listed = [text["_via_img_metadata"][key]["filename"] for key in text["_via_image_id_list"]]
    assert listed == ["torn.png", "half.png", "sure.png", "none.png", "x.png"]
    torn = text["_via_img_metadata"][text["_via_image_id_list"][0]]
    assert torn["file_attributes"] == {"predicted": "1", "uncertainty": "1.000"}


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9])
def test_only_the_most_uncertain_are_left_in_the_end(tmp_path, count):
    path = tmp_path / "via.json"
    writer = project(path, found_by_scores(), uncertain=count)
    # A run that is killed leaves all that it has looked at.
    assert names_of(document(path)) == list(SCORES)
    writer.close()
    text = document(path)
    expected = ["torn.png", "half.png", "sure.png", "none.png", "x.png"][:count]
    assert sorted(names_of(text)) == sorted(expected)
    listed = [text["_via_img_metadata"][key]["filename"] for key in text["_via_image_id_list"]]
    assert listed == expected
    assert not list(tmp_path.glob(".*"))


# -- What was changed --------------------------------------------------------------------------


@pytest.fixture
def corrected(tmp_path):
    """Return a project of five regions in two photos, and a function that reads it again."""
    path = tmp_path / "via.json"
    found = {
        "a.png": squares((2, 2), (2, 30), (30, 2), (30, 30)),
        "b.png": squares((9, 9), class_ids=[2]),
    }
    project(path, found).close()
    text = document(path)
    first, second = (entry["regions"] for entry in text["_via_img_metadata"].values())

    def again(form=lambda text: text):
        write_json(path, form(text))
        return [image.corrections for image in read(path).images]

    return first, second, again


def test_what_nobody_touched_is_kept(corrected):
    *_, again = corrected
    assert again() == [Corrections(4, 0, 0, 0), Corrections(1, 0, 0, 0)]


def test_each_kind_of_correction_is_counted(corrected):
    first, second, again = corrected
    first[0]["shape_attributes"]["all_points_x"][0] += 1
    first[1]["region_attributes"]["object"] = "pan"
    # As VIA pastes it.
    pasted = copy.deepcopy(first[3])
    pasted["shape_attributes"]["all_points_x"] = [
        x + 5 for x in pasted["shape_attributes"]["all_points_x"]
    ]
    first[2:] = [first[3], pasted, rect(50, 40, 8, 8, object="mug")]
    second.clear()
    assert again() == [Corrections(1, 2, 1, 2), Corrections(0, 0, 1, 0)]


def test_other_attributes_are_no_correction(corrected):
    first, _, again = corrected
    first[0]["region_attributes"]["note"] = "dirty"
    assert again()[0] == Corrections(4, 0, 0, 0)


def test_exports_of_via_have_it_too(corrected, tmp_path):
    first, _, again = corrected
    first.pop()
    expected = [Corrections(3, 0, 1, 0), Corrections(1, 0, 0, 0)]
    assert again(lambda text: text["_via_img_metadata"]) == expected
    rows = io.StringIO()
    writer = csv.writer(rows)
    header = "filename file_size file_attributes region_count region_id region_shape_attributes"
    writer.writerow([*header.split(), "region_attributes"])
    for entry in document(tmp_path / "via.json").values():
        for index, region in enumerate(entry["regions"]):
            about = entry["filename"], entry["size"], json.dumps(entry["file_attributes"])
            words = region["shape_attributes"], region["region_attributes"]
            writer.writerow([*about, len(entry["regions"]), index, *map(json.dumps, words)])
    (tmp_path / "via.json").write_text(rows.getvalue())
    assert [image.corrections for image in read(tmp_path / "via.json").images] == expected


@pytest.mark.parametrize("count", ["", "-1", "many", "9" * 40, 3, None, {"1": True}])
def test_a_count_that_is_none_counts_nothing(corrected, count):
    *_, again = corrected

    def spoilt(text):
        for entry in text["_via_img_metadata"].values():
            entry["file_attributes"]["predicted"] = count
        return text

    assert again(spoilt) == [None, None]


@pytest.mark.parametrize("mark", ["", "other", 5, None, ["0.90 00000000"]])
def test_a_spoilt_mark_is_a_region_that_was_drawn_or_changed(corrected, mark):
    first, _, again = corrected
    first[0]["region_attributes"]["predicted"] = mark
    told = again()[0]
    # VIA gives regions drawn anew the empty text of an attribute that it knows.
    assert told == ((3, 1, 0, 0) if mark == "other" else (3, 0, 1, 1))


def test_marks_are_no_class(corrected, tmp_path):
    corrected[2]()
    annotations = read(tmp_path / "via.json")
    assert annotations.attribute == "object" and annotations.warnings == ()
    assert annotations.class_names == ("mug", "pan")


# -- In a data set -----------------------------------------------------------------------------


@pytest.fixture
def dataset(tmp_path):
    """A data set of two annotated photos, and three that have a proposal, corrected in part."""
    make_subset(tmp_path / "train", {"1.png": [rect(5, 5, 30, 20)], "2.png": []}, seed=70)
    make_subset(tmp_path / "val", {"v.png": [rect(5, 5, 30, 20)]}, seed=90)
    path = tmp_path / "train" / "round1.json"
    found = {"a.png": squares((2, 2)), "b.png": squares((9, 9), (30, 9)), "c.png": squares((1, 1))}
    project(path, found).close()
    return tmp_path


def correct(dataset):
    path = dataset / "train" / "round1.json"
    text = document(path)
    first, second, third = (entry["regions"] for entry in text["_via_img_metadata"].values())
    first[0]["shape_attributes"]["all_points_y"][1] += 2
    second.pop()
    third[:] = [rect(40, 30, 9, 9, object="mug")]
    write_json(path, text)


def test_a_corrected_project_trains_beside_the_annotation(dataset):
    correct(dataset)
    annotations = read_folder(dataset / "train")
    regions = {image.filename: len(image.regions) for image in annotations.images}
    assert regions == {"1.png": 1, "2.png": 0, "a.png": 1, "b.png": 1, "c.png": 1}
    report = check_dataset(dataset)
    assert not report.errors
    header, row = [
        line.split()
        for line in report.text().splitlines()
        if line.startswith(("proposed", "train  "))
    ][-2:]
    assert header[-6:] == ["photos", "regions", "kept", "changed", "deleted", "drawn"]
    assert row == ["train", "3", "4", "1", "1", "2", "1"]
    assert "did anybody look" not in report.text()


def test_check_asks_where_nobody_changed_anything(dataset):
    text = check_dataset(dataset).text()
    assert "train: all are as predicted: did anybody look at them?" in text
    # Where nothing was found, nothing was to be changed.
    path = dataset / "train" / "round1.json"
    project(path, {"a.png": squares(), "b.png": squares()}).close()
    text = check_dataset(dataset).text()
    assert "proposed by a network" in text and "did anybody look" not in text
    (dataset / "train" / "round1.json").unlink()
    assert "proposed by a network" not in check_dataset(dataset).text()


def test_who_is_annotated_or_corrected_is_not_proposed_again(dataset):
    folder = dataset / "train"
    cv2.imwrite(str(folder / "new.png"), photo(60, 80, 99))
    photos = sorted(folder.glob("*.png"))

    def left(project, named=(str(folder),)):
        return [path.name for path in unannotated(photos, named, folder / project)]

    # One without regions in the first annotation may not have been annotated yet.
    assert left("round2.json") == ["2.png", "new.png"]
    # The file that is written anew does not count.
    assert left("round1.json", [*map(str, photos)]) == [
        "2.png",
        "a.png",
        "b.png",
        "c.png",
        "new.png",
    ]
    text = document(folder / "round1.json")
    for entry in text["_via_img_metadata"].values():
        entry["regions"] = []
    write_json(folder / "round1.json", text)
    (folder / "notes.json").write_text("{}")
    (folder / "damaged.json").write_text('{"a": ')
    assert left("round2.json") == ["2.png", "new.png"]
    photos = [path for path in photos if path.stem in "abc"]
    with pytest.raises(ValueError, match="all 3 photos are annotated already"):
        left("round2.json")


def test_photos_in_a_folder_below_are_known_by_the_annotation_above(dataset):
    below = dataset / "train" / "more"
    below.mkdir()
    (dataset / "train" / "a.png").rename(below / "a.png")
    photos = [below / "a.png", saved(below / "d.png")]
    assert unannotated(photos, [dataset / "train"], Path("p.json")) == [below / "d.png"]
    assert unannotated(photos, [below], Path("p.json")) == photos


# -- Without a person --------------------------------------------------------------------------


def test_the_annotation_stands_in_for_a_person(tmp_path):
    """Of five proposals one fits, one nearly, one has the wrong class, and two show nothing."""
    path = tmp_path / "via.json"
    corners = (2, 2), (2, 30), (30, 2), (30, 60), (44, 30)
    project(path, {"a.png": squares(*corners)}).close()

    def annotated(number, label, y, x):
        points = np.array([[x, y], [x + 12, y], [x + 12, y + 12], [x, y + 12]], float)
        return Region(number, "polygon", label, (points,))

    places = ("mug", 2, 2), ("mug", 4, 31), ("pan", 30, 2), ("mug", 2, 60), ("mug", 45, 60)
    truth = AnnotatedImage("a.png", tuple(annotated(i, *each) for i, each in enumerate(places, 1)))
    told = correction_loop.correct(path, tmp_path, {"a.png": truth}, 0.85)
    assert told == (1, 1, 2, 2, 2)
    (image,) = read(path).images
    assert [region.label for region in image.regions] == ["mug", "mug", "pan", "mug", "mug"]
    moved = image.regions[1].outlines[0]
    assert np.array_equal(moved, truth.regions[1].outlines[0])


def test_parts_of_an_object_are_corrected_together(tmp_path):
    path, mask = tmp_path / "via.json", np.zeros((30, 30), bool)
    mask[:, :10] = mask[:, 20:] = True
    rois, ids = np.array([[5, 5, 35, 35]], np.int32), np.array([1], np.int32)
    found = Detections((60, 80), rois, ids, np.array([0.9], np.float32), [mask])
    project(path, {"a.png": found}).close()
    (truth,) = read(path).images
    assert correction_loop.correct(path, tmp_path, {"a.png": truth}, 0.85)[1:] == (2, 0, 0, 0)
    # A whole one takes the place of both.
    whole = truth.regions[0]._replace(outlines=(np.array([[5, 5], [35, 5], [35, 35], [5, 35.0]]),))
    truth = truth._replace(regions=(whole,))
    assert correction_loop.correct(path, tmp_path, {"a.png": truth}, 0.85)[1:] == (0, 1, 1, 0)
    assert len(read(path).images[0].regions) == 1


def test_the_first_annotation_may_name_the_class_by_another_attribute(dataset):
    """VIA projects of predictions have it in `object`."""
    folder = dataset / "train"
    text = document(folder / "via.json")
    for entry in text.values():
        for region in entry["regions"]:
            region["region_attributes"] = {"sort": "mug", "note": str(len(text))}
    write_json(folder / "via.json", text)
    annotations = read_folder(folder)
    assert annotations.num_regions == 5 and annotations.class_names == ("mug",)
    assert not annotations.problems
