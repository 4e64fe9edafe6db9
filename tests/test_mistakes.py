"""What becomes of each detection and each object, by hand and at every threshold."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.evaluation.confusion import Scene, confusion_matrix, pairs
from mrcnn.evaluation.mistakes import MISTAKES, count, judge


def scene(overlaps, class_ids, gt_class_ids):
    shape = len(class_ids), len(gt_class_ids)
    scores = np.linspace(0.9, 0.1, shape[0])
    overlaps = np.array(overlaps, float).reshape(shape)
    ids = np.array(class_ids, int), np.array(gt_class_ids, int)
    return Scene("an image", overlaps, scores, *ids)


def test_each_kind_by_hand():
    verdicts = judge(
        scene(
            [
                [0.9, 0, 0, 0, 0, 0],
                [0.8, 0, 0, 0, 0, 0],  # the first object a second time
                [0, 0.7, 0, 0, 0, 0],  # taken for class 2
                [0, 0, 0.3, 0, 0, 0],  # covers too little
                [0, 0, 0, 0.09, 0, 0],  # beside it
                [0, 0, 0, 0, 0.6, 0],  # in a crowd
            ],
            [1, 1, 2, 1, 1, 1],
            [1, 1, 1, 1, -1, 2],
        )
    )
    assert verdicts.detections == ["right", "false", "wrong_class", "poor", "false", "ignored"]
    assert verdicts.objects == ["right", "wrong_class", "poor", "missed", "ignored", "missed"]


def test_of_two_that_cover_too_little_the_better_one_stands_for_the_object():
    verdicts = judge(scene([[0.2], [0.4]], [1, 1], [1]))
    assert verdicts == (["false", "poor"], ["poor"])


def test_another_class_goes_before_a_poor_mask():
    verdicts = judge(scene([[0.4], [0.6]], [1, 2], [1]))
    assert verdicts == (["false", "wrong_class"], ["wrong_class"])


def test_beyond_the_hundredth_detection_of_a_class_nothing_counts():
    verdicts = judge(scene(np.zeros((102, 0)), [1] * 102, []))
    assert Counter(verdicts.detections) == {"false": 100, "ignored": 2}


@pytest.mark.parametrize("sides", [(0, 0), (0, 2), (2, 0)])
def test_empty_sides(sides):
    detections, objects = sides
    counts = count(scene(np.zeros(sides), [1] * detections, [1] * objects))
    assert (counts["false"], counts["missed"]) == (detections, objects)


@st.composite
def scenes(draw):
    detections, objects = draw(st.integers(0, 6)), draw(st.integers(0, 5))
    levels = st.sampled_from([0.0, 0.05, 0.2, 0.4, 0.5, 0.6, 0.9])
    overlaps = draw(st.lists(levels, min_size=30, max_size=30))[: detections * objects]
    ids = draw(st.lists(st.integers(1, 2), min_size=6, max_size=6))
    gts = draw(st.lists(st.sampled_from([1, 2, 1, 2, -1]), min_size=5, max_size=5))
    return scene(overlaps, ids[:detections], gts[:objects])


@given(scenes(), st.floats(0, 1))
def test_the_pairs_hold_at_every_threshold(whole, threshold):
    """Those of the detections above it are what is found when the others are not there."""
    part = whole.above(threshold)
    kept = len(part.scores)
    expected, found = pairs(part), pairs(whole)
    assert found.matched[:kept].tolist() == expected.matched.tolist()
    assert found.counted[:kept].tolist() == expected.counted.tolist()
    for name in ("other_class", "near"):
        places = getattr(found, name)
        assert places[places[:, 0] < kept].tolist() == getattr(expected, name).tolist()


@given(scenes())
def test_what_is_counted_agrees_with_the_confusions(whole):
    matrix, counts = confusion_matrix(whole, 3), count(whole)
    assert counts["right"] == np.trace(matrix)
    assert counts["wrong_class"] == matrix[1, 2] + matrix[2, 1]
    # An object that is covered too little is missed there, and its detection of nothing.
    assert counts["false"] + counts["poor"] == matrix[0].sum()
    assert counts["missed"] + counts["poor"] == matrix[:, 0].sum()
    assert set(counts) <= {"right", *MISTAKES}
