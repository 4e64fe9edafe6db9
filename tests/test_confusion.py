"""Confusions and misses: by hand, and the sums that always hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.evaluation.confusion import Scene, assign, confusion_matrix, miss


def _scene(overlaps, class_ids, gt_class_ids, scores=None):
    """`scores` fall from 0.9 on where they are not given."""
    detections, gts = len(class_ids), len(gt_class_ids)
    scores = 0.9 - 0.1 * np.arange(detections) if scores is None else np.array(scores, float)
    return Scene(
        "an image",
        np.array(overlaps, float).reshape(detections, gts),
        scores,
        np.array(class_ids, int),
        np.array(gt_class_ids, int),
    )


def test_right_wrong_class_invented_and_missed():
    overlaps = [[0.9, 0, 0], [0, 0.8, 0], [0, 0, 0.3]]
    scene = _scene(overlaps, class_ids=[1, 2, 1], gt_class_ids=[1, 1, 2])
    assert confusion_matrix(scene, 3).tolist() == [
        [0, 1, 0],  # the third overlaps too little: nothing was there
        [0, 1, 1],  # one class 1 found, one taken for class 2
        [1, 0, 0],  # class 2 missed
    ]
    # Taken for another class: missed and a false alarm; scores 0.8 and 0.7.
    assert miss(scene) == ("an image", 2, 2, pytest.approx(2 + 0.8 + 0.7))


def test_its_own_class_goes_first_whatever_overlaps_more():
    scene = _scene([[0.9], [0.6]], class_ids=[2, 1], gt_class_ids=[1])
    assert assign(scene)[0].tolist() == [-1, 0]
    assert confusion_matrix(scene, 3).tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_a_detection_that_is_right_stands_for_no_other_object():
    scene = _scene([[0.6, 0.9]], class_ids=[1], gt_class_ids=[1, 2])
    assert assign(scene)[0].tolist() == [0]


def test_of_other_classes_the_largest_overlap_goes_first():
    scene = _scene([[0.6, 0.7], [0.9, 0.8]], class_ids=[2, 2], gt_class_ids=[1, 1])
    assert assign(scene)[0].tolist() == [1, 0]


def test_a_second_detection_of_an_object_is_of_nothing():
    scene = _scene([[0.9], [0.9]], class_ids=[1, 1], gt_class_ids=[1])
    assert confusion_matrix(scene, 2).tolist() == [[0, 1], [0, 1]]
    assert miss(scene)[1:3] == (0, 1)


def test_a_crowd_and_what_lies_in_it_do_not_count():
    scene = _scene([[0.9, 0], [0.9, 0], [0, 0]], class_ids=[1, 1, 1], gt_class_ids=[-1, 2])
    assert assign(scene)[1].tolist() == [False, False, True]
    assert confusion_matrix(scene, 3).tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert miss(scene)[1:3] == (1, 1)


def test_a_crowd_of_another_class_hides_nothing():
    scene = _scene([[0.9]], class_ids=[1], gt_class_ids=[-2])
    assert confusion_matrix(scene, 3)[0].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("class_ids", "gt_class_ids", "matrix"),
    [([], [], [[0, 0], [0, 0]]), ([1], [], [[0, 1], [0, 0]]), ([], [1], [[0, 0], [1, 0]])],
)
def test_empty_sides(class_ids, gt_class_ids, matrix):
    scene = _scene(np.zeros((len(class_ids), len(gt_class_ids))), class_ids, gt_class_ids)
    assert confusion_matrix(scene, 2).tolist() == matrix
    assert miss(scene)[1:3] == (matrix[1][0], matrix[0][1])


def test_above_keeps_the_threshold_itself():
    scene = _scene([[0.9], [0.9], [0.9]], [1, 1, 1], [1], scores=[0.9, 0.5, 0.4]).above(0.5)
    assert scene.scores.tolist() == [0.9, 0.5] and scene.overlaps.shape == (2, 1)


@given(st.data())
def test_everything_that_counts_counts_once(data):
    classes = 4
    class_ids = data.draw(st.lists(st.integers(1, classes - 1), max_size=6))
    gt_class_ids = data.draw(st.lists(st.sampled_from([1, 2, 3, -1, -2, -3]), max_size=5))
    count = len(class_ids) * len(gt_class_ids)
    overlaps = data.draw(
        st.lists(st.sampled_from([0, 0.3, 0.5, 0.7, 1]), min_size=count, max_size=count)
    )
    scene = _scene(overlaps, class_ids, gt_class_ids)
    objects, counted = assign(scene)
    matrix = confusion_matrix(scene, classes)
    for class_id in range(1, classes):
        assert matrix[class_id].sum() == (scene.gt_class_ids == class_id).sum()
        assert matrix[:, class_id].sum() == (scene.class_ids[counted] == class_id).sum()
    assert matrix[0, 0] == 0
    taken = objects[counted & (objects >= 0)]
    assert len(np.unique(taken)) == len(taken)
    assert all(scene.overlaps[d, g] >= 0.5 for d, g in enumerate(objects) if g >= 0)
    wrong = miss(scene)
    diagonal = matrix.trace()
    assert wrong.false_negatives == matrix[1:].sum() - diagonal
    assert wrong.false_positives == matrix[:, 1:].sum() - diagonal
