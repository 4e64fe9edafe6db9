"""The evaluation as files: what is in them, what replaces what, what cannot be written."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from mrcnn.atomic import write_bytes
from mrcnn.detections import Detections
from mrcnn.drawing import figures
from mrcnn.evaluation.evaluation import Evaluation
from mrcnn.evaluation.report import write_report

BOXES = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [20, 30, 36, 50]])


@pytest.fixture
def evaluation():
    """Two images with mistakes, one without, a class name that looks like a formula."""
    evaluation = Evaluation(["BG", "_$x$", "Blatt, grün"])
    empty = Detections.of([], [], [])
    some = Detections.of(BOXES, [1, 2, 2], [0.9, 0.8, 0.7])
    evaluation.add("photos/a b.jpg", Detections.of(BOXES[:1], [1]), some)
    evaluation.add(7, Detections.of(BOXES, [1, 2, 2]), empty)
    evaluation.add("right", Detections.of(BOXES, [1, 2, 2]), some)
    return evaluation


def _red(miss):
    return np.full((20, 30, 3), (200, 0, 0), np.uint8)


def test_every_file_is_there_and_readable(evaluation, tmp_path):
    folder = tmp_path / "new" / "report"
    written = write_report(evaluation, folder, draw=_red)
    names = [path.relative_to(folder).as_posix() for path in written]
    assert names == [
        "evaluation.json",
        "classes.csv",
        "precision_recall.png",
        "f1.png",
        "confusion.png",
        "worst/01_7.jpg",
        "worst/02_a_b.jpg",
    ]
    # Nothing half written is left beside them.
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(written)
    for path in written[2:5]:
        assert min(cv2.imread(str(path)).shape[:2]) > 300
    # The picture is RGB when it is drawn and in the file.
    picture = cv2.imread(str(written[-1]))[..., ::-1]
    np.testing.assert_allclose(picture[10, 10], (200, 0, 0), atol=3)


def test_json_holds_the_summary_and_the_worst_images(evaluation, tmp_path):
    write_report(evaluation, tmp_path)
    document = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    worst = document.pop("worst")
    assert document == evaluation.summary()
    assert [row["image_id"] for row in worst] == [7, "photos/a b.jpg"]
    assert worst[0] == {"image_id": 7, "false_negatives": 3, "false_positives": 0, "weight": 3}
    assert not (tmp_path / "worst").exists()


def test_csv_has_a_row_a_class(evaluation, tmp_path):
    write_report(evaluation, tmp_path)
    with open(tmp_path / "classes.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["_$x$", "Blatt, grün"]
    assert float(rows[0]["box_AP50"]) == evaluation.summary()["classes"][0]["box_AP50"]


def test_no_more_pictures_than_asked_for_and_none_of_an_earlier_report(evaluation, tmp_path):
    write_report(evaluation, tmp_path, draw=_red)
    mine = tmp_path / "worst" / "notes.txt"
    mine.write_text("kept")
    drawn = []
    write_report(evaluation, tmp_path, draw=lambda miss: drawn.append(miss) or _red(miss), worst=1)
    assert [miss.image_id for miss in drawn] == [7]
    assert sorted(os.listdir(tmp_path / "worst")) == ["01_7.jpg", "notes.txt"]


def test_the_numbers_are_written_before_a_drawing_fails(evaluation, tmp_path):
    def fail(miss):
        raise ValueError("a.jpg is gone")

    with pytest.raises(ValueError, match=r"a\.jpg is gone"):
        write_report(evaluation, tmp_path, draw=fail)
    assert (tmp_path / "confusion.png").exists()


def test_nothing_evaluated_is_a_report_too(tmp_path):
    written = write_report(Evaluation(["BG", "x"]), tmp_path, draw=_red)
    assert len(written) == 5
    assert json.loads(written[0].read_text())["box"]["AP"] is None


def test_a_folder_that_is_a_file_is_named(evaluation, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError, match=r"taken.*cannot be written"):
        write_report(evaluation, tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "a file"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    target = tmp_path / "numbers.json"
    write_bytes(target, b"old")
    monkeypatch.setattr(Path, "touch", lambda path, exist_ok: path.symlink_to("/dev/full"))
    with pytest.raises(OSError, match=r"numbers\.json cannot be written: No space left"):
        write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["numbers.json"]


# Figures


def _texts(figure: Figure):
    axes = figure.axes[0]
    legend = axes.get_legend()
    return [text.get_text() for text in (*axes.texts, *(legend.get_texts() if legend else ()))]


def test_no_report_needs_pyplot_or_the_network():
    check = (
        "import sys, mrcnn.evaluation.report;"
        "print({'matplotlib.pyplot', 'keras', 'tensorflow'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_precision_recall_names_the_classes_with_objects_best_first():
    recalls = np.linspace(0, 1, 101)
    precision = np.full((4, 101), np.nan)
    precision[1], precision[3] = 0.25, 0.75
    figure = figures.precision_recall(recalls, precision, ["BG", "_low", "absent", "high"])
    assert _texts(figure) == ["0.75  high", "0.25  _low"]
    assert len(figure.axes[0].lines) == 2


def test_a_name_is_never_read_as_a_formula():
    recalls, precision = np.linspace(0, 1, 101), np.full((2, 101), 0.5)
    figures.png(figures.precision_recall(recalls, precision, ["BG", r"$\frac$"]))
    figures.png(figures.confusion(np.eye(2, dtype=int), ["BG", r"$\frac$"], 0.5))


def test_many_classes_are_drawn_and_the_best_and_worst_named():
    precision = np.linspace(0, 1, 41)[:, None].repeat(101, axis=1)
    names = [f"class {k}" for k in range(41)]
    figure = figures.precision_recall(np.linspace(0, 1, 101), precision, names)
    assert len(figure.axes[0].lines) == 40
    assert len(_texts(figure)) == figures.NAMED_CLASSES
    assert _texts(figure)[0].endswith("class 40") and _texts(figure)[-1].endswith("class 1")


def test_f1_is_level_between_two_scores():
    points = np.array([0.8, 0.4]), np.array([1, 2 / 3])
    figure = figures.f1_over_threshold([None, points], points, (0.6, 1.0), ["BG", "x"])
    thresholds, f1 = figure.axes[0].lines[0].get_data()
    np.testing.assert_allclose(thresholds, [0, 0.4, 0.4, 0.8, 0.8, 1])
    np.testing.assert_allclose(f1, [2 / 3, 2 / 3, 1, 1, 0, 0])
    assert "best at 0.600, F1 1.00" in _texts(figure)


def test_confusion_counts_are_written_where_they_are():
    matrix = np.array([[0, 3, 0], [1, 5, 0], [0, 2, 7]])
    figure = figures.confusion(matrix, ["BG", "a", "b"], 0.5)
    axes = figure.axes[0]
    told = {text.get_position(): text.get_text() for text in axes.texts}
    assert told == {(1, 0): "3", (0, 1): "1", (1, 1): "5", (1, 2): "2", (2, 2): "7"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["background", "a", "b"]
    np.testing.assert_allclose(axes.images[0].get_array()[2], [0, 2 / 9, 7 / 9])
    assert not figures.confusion(np.eye(50, dtype=int), ["x"] * 50, 0.5).axes[0].texts
