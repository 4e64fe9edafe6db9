"""Operating points: by hand, and the best one against trying every threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.evaluation.operating_points import curve


def test_each_score_is_a_point():
    points = curve(np.array([0.5, 0.9, 0.7]), np.array([True, True, False]), objects=4)
    assert points.thresholds.tolist() == [0.9, 0.7, 0.5]
    np.testing.assert_allclose(points.precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(points.recall, [1 / 4, 1 / 4, 2 / 4])
    # Twice the hits over detections plus objects.
    np.testing.assert_allclose(points.f1, [2 / 5, 2 / 6, 4 / 7])


def test_equal_scores_pass_together():
    points = curve(np.array([0.9, 0.9, 0.5]), np.array([True, False, True]), objects=2)
    assert points.thresholds.tolist() == [0.9, 0.5]
    np.testing.assert_allclose(points.precision, [1 / 2, 2 / 3])


def test_the_best_threshold_lies_between_the_last_that_pass_and_the_next():
    best = curve(np.array([0.9, 0.8, 0.4]), np.array([True, True, False]), objects=2).best()
    assert best == pytest.approx((0.6, 1, 1, 1))
    # Below the last score nothing is known.
    assert curve(np.array([0.9]), np.array([True]), objects=1).best().threshold == 0.9


def test_of_equal_points_the_highest_threshold_is_best():
    found = np.array([True, False, False, True])
    points = curve(np.array([0.9, 0.8, 0.7, 0.6]), found, objects=2)
    np.testing.assert_allclose(points.f1[[0, 3]], 2 / 3)
    assert points.best().threshold == pytest.approx(0.85)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("detections", "objects", "known"), [(0, 0, None), (2, 0, None), (0, 3, 0), (2, 3, 0)]
)
def test_without_a_hit_no_threshold_is_best(detections, objects, known):
    best = curve(np.full(detections, 0.9), np.zeros(detections, bool), objects).best()
    assert np.isnan(best.threshold) and np.isnan(best.precision)
    if known is None:
        assert np.isnan(best.recall) and np.isnan(best.f1)
    else:
        assert best.recall == best.f1 == known


@given(
    st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=30),
    st.integers(0, 5),
)
def test_best_is_what_trying_every_threshold_finds(detections, missed):
    scores = np.array([score / 12 for score, _ in detections])
    found = np.array([hit for _, hit in detections])
    objects = int(found.sum()) + missed
    best = curve(scores, found, objects).best()
    tried = {}
    for threshold in np.unique(scores):
        kept = scores >= threshold
        tried[threshold] = 2 * found[kept].sum() / (kept.sum() + objects)
    if not found.any():
        assert np.isnan(best.threshold)
        return
    assert best.f1 == pytest.approx(max(tried.values()))
    # What it says of itself is true of the detections that pass.
    kept = scores >= best.threshold
    assert best.precision == pytest.approx(found[kept].sum() / kept.sum())
    assert best.recall == pytest.approx(found[kept].sum() / objects)
    assert best.f1 == pytest.approx(
        2 * best.precision * best.recall / (best.precision + best.recall)
    )
