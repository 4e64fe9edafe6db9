"""The evaluation of a data set: numbers by hand, its parts agree, input that does not fit."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mrcnn.detections import Detections
from mrcnn.evaluation.evaluation import Evaluation

SHAPE = (40, 60)
NAMES = ["BG", "remote", "leaf"]


def _side(objects, scores=None, masks=True, shape=SHAPE):
    """Objects (class id, y1, x1, y2, x2), masks that fill their boxes."""
    objects = np.array(objects, int).reshape(-1, 5)
    boxes = objects[:, 1:]
    scores = None if scores is None else np.array(scores, np.float32)
    pieces = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes] if masks else None
    return Detections(shape, boxes, objects[:, 0], scores, pieces)


A, B, C = (0, 0, 10, 10), (20, 0, 30, 10), (20, 30, 36, 50)


def _three_images(masks=True):
    evaluation = Evaluation(NAMES)
    # Right, and a false alarm of little certainty.
    gt = _side([(1, *A)], masks=masks)
    evaluation.add("one", gt, _side([(1, *B), (1, *A)], [0.3, 0.9], masks))
    # One of two leaves found; a remote taken for a leaf.
    gt = _side([(2, *A), (2, *B), (1, *C)], masks=masks)
    evaluation.add("two", gt, _side([(2, *A), (2, *C)], [0.8, 0.6], masks))
    # Nothing there, nothing found.
    evaluation.add("three", _side([], masks=masks), _side([], [], masks))
    return evaluation


@pytest.mark.parametrize("masks", [True, False])
def test_numbers_by_hand(masks):
    summary = _three_images(masks).summary()
    assert summary["images"] == 3
    assert summary["compared"] == ("mask" if masks else "box")
    # Each class: one of two objects found before any mistake, precision 1 up to recall 1/2.
    for kind in ("box", "mask") if masks else ("box",):
        assert summary[kind]["AP50"] == pytest.approx(51 / 101)
        assert summary[kind]["APlarge"] is None
    assert ("mask" in summary) == masks
    remote, leaf = summary["classes"]
    assert (remote["name"], remote["objects"], remote["detections"]) == ("remote", 2, 2)
    assert remote["threshold"] == pytest.approx(0.6)
    assert (remote["precision"], remote["recall"]) == (1, 0.5)
    assert remote["f1"] == pytest.approx(2 / 3)
    assert leaf["threshold"] == pytest.approx(0.7)
    assert leaf["box_AP50"] == pytest.approx(51 / 101)
    # All together, by falling score: right, right, wrong, wrong; four objects.
    overall = summary["overall"]
    assert (overall["objects"], overall["detections"]) == (4, 4)
    assert overall["threshold"] == pytest.approx(0.7)
    assert overall["f1"] == pytest.approx(4 / 6)


def test_confusion_at_the_best_threshold_and_at_another():
    evaluation = _three_images()
    assert evaluation.confusion().tolist() == [[0, 0, 0], [1, 1, 0], [1, 0, 1]]
    assert evaluation.confusion(0.0).tolist() == [[0, 1, 0], [0, 1, 1], [1, 0, 1]]
    told = evaluation.summary()["confusion"]
    assert told["names"] == ["background", "remote", "leaf"]
    assert told["matrix"] == evaluation.confusion().tolist()


def test_worst_images_come_first_and_right_ones_not_at_all():
    evaluation = _three_images()
    assert [miss.image_id for miss in evaluation.worst(5)] == ["two"]
    worst = evaluation.worst(5, threshold=0.0)
    assert [miss.image_id for miss in worst] == ["two", "one"]
    assert worst[0].weight == pytest.approx(2 + 0.6)
    assert worst[1].weight == pytest.approx(0.3)
    assert [miss.image_id for miss in evaluation.worst(1, threshold=0.0)] == ["two"]


def test_masks_and_boxes_are_told_apart():
    # The masks fill the same box from two sides: the box is right, the mask wrong.
    gt, found = _side([(1, 0, 0, 20, 20)]), _side([(1, 0, 0, 20, 20)], [0.9])
    corner = np.tri(20, dtype=bool)
    gt, found = replace(gt, pieces=[corner]), replace(found, pieces=[corner[::-1]])
    evaluation = Evaluation(NAMES)
    evaluation.add(1, gt, found)
    summary = evaluation.summary()
    assert summary["box"]["AP"] == 1 and summary["mask"]["AP"] == 0
    assert summary["overall"]["recall"] == 0
    assert evaluation.confusion().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_the_counts_agree_with_each_other():
    rng = np.random.default_rng(5)
    evaluation = Evaluation(NAMES)
    for image_id in range(25):
        places = rng.integers(0, 20, (rng.integers(0, 6), 2))
        gt = [(rng.integers(1, 3), y, x, y + 12, x + 12) for y, x in places]
        jitter = rng.integers(0, 5, (len(places), 2))
        found = [(rng.integers(1, 3), y, x, y + 12, x + 12) for y, x in places + jitter]
        evaluation.add(image_id, _side(gt), _side(found, rng.random(len(found))))
    summary = evaluation.summary()
    matrix = np.array(summary["confusion"]["matrix"])
    overall = summary["overall"]
    assert overall["recall"] == pytest.approx(matrix.trace() / matrix[1:].sum())
    assert overall["precision"] == pytest.approx(matrix.trace() / matrix[:, 1:].sum())
    assert matrix[1:].sum(axis=1).tolist() == [row["objects"] for row in summary["classes"]]
    wrong = evaluation.worst(100)
    assert sum(miss.false_negatives for miss in wrong) == matrix[1:].sum() - matrix.trace()
    recalls, precision = evaluation.precision_at_recalls()
    assert recalls.shape == (101,)
    assert precision[1].mean() == pytest.approx(summary["classes"][0]["mask_AP50"])


def test_a_crowd_is_no_object_and_no_mistake():
    evaluation = Evaluation(NAMES)
    evaluation.add("crowd", _side([(-1, *C), (1, *A)]), _side([(1, *C), (1, *A)], [0.9, 0.8]))
    summary = evaluation.summary()
    assert summary["mask"]["AP"] == 1
    assert summary["classes"][0]["objects"] == 1
    assert summary["overall"]["precision"] == 1
    assert evaluation.worst(9) == []


@pytest.mark.filterwarnings("error")
def test_nothing_at_all_is_none_and_still_a_table():
    evaluation = Evaluation(NAMES)
    summary = evaluation.summary()
    assert summary["images"] == 0 and summary["box"]["AP"] is None
    assert evaluation.confusion().tolist() == [[0] * 3] * 3
    assert "remote" in evaluation.text()
    json.dumps(summary, allow_nan=False)


def test_the_threshold_is_printed_as_it_can_be_typed():
    """Rounded up, what scores just so much would be lost by it."""
    evaluation = Evaluation(NAMES)
    evaluation.add("one", _side([(1, *A)]), _side([(1, *A), (1, *B)], [0.9236, 0.9231]))
    assert " 0.923 " in evaluation.text() and "0.924" not in evaluation.text()


def test_the_summary_is_plain_json():
    summary = _three_images().summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_text_shows_the_numbers():
    text = _three_images().text()
    lines = text.splitlines()
    assert "3 images" in lines[0]
    remote = next(line for line in lines if line.startswith("remote")).split()
    assert remote[:3] == ["remote", "2", "2"]
    assert remote[-4:] == ["0.600", "1.000", "0.500", "0.667"]
    assert any(line.startswith("all together") for line in lines)
    assert all(line == line.rstrip() for line in lines)
    assert max(map(len, lines)) <= 130


def test_text_shortens_names_and_lists_of_confusions():
    names = ["BG", *(f"a class with a very long name, number {k}" for k in range(30))]
    evaluation = Evaluation(names)
    gt = _side([(k, *A) for k in range(1, 31)], masks=False)
    evaluation.add(0, gt, _side([], [], masks=False))
    lines = evaluation.text().splitlines()
    assert not any("number" in line for line in lines)
    assert "10 most frequent of 30 kinds" in evaluation.text()


REFUSED = {
    "added before": (_side([]), _side([], []), "one", "was added"),
    "no scores": (_side([]), _side([]), "new", "predictions: no scores"),
    "unknown class": (_side([(3, *A)]), _side([], []), "new", "class id 3 is not one of 1 to 2"),
    "background": (_side([(0, *A)]), _side([], []), "new", "class id 0"),
    "a crowd found": (_side([]), _side([(-1, *A)], [0.5]), "new", "class id -1"),
    "masks of one side": (_side([]), _side([], [], masks=False), "new", "masks"),
    "masks of some": (_side([], masks=False), _side([], [], masks=False), "new", "always"),
    "nan": (_side([]), _side([(1, *A)], [np.nan]), "new", "not a finite number"),
    "sizes": (
        _side([(1, *A)]),
        _side([(1, *A)], [0.5], shape=(60, 40)),
        "new",
        r"\(40, 60\), predicted \(60, 40\)",
    ),
}


@pytest.mark.parametrize(("gt", "predictions", "name", "says"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_by_name_and_changes_nothing(gt, predictions, name, says):
    evaluation = _three_images()
    before = evaluation.summary()
    with pytest.raises(ValueError, match=says) as raised:
        evaluation.add(name, gt, predictions)
    assert repr(name) in str(raised.value)
    assert evaluation.summary() == before


@pytest.mark.parametrize("names", [[], ["BG"], "BG"])
def test_too_few_names_are_refused(names):
    with pytest.raises(ValueError, match="class_names"):
        Evaluation(names)
