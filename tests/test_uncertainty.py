"""Which photo's correction teaches most."""

import numpy as np
import pytest

from mrcnn.detections import Detections
from mrcnn.results.uncertainty import closeness, uncertainty


def found(scores, class_ids=None, boxes=None, below=(), masks=True):
    """Return detections of these scores, side by side unless their boxes are given."""
    count = len(scores)
    boxes = [[0, 10 * i, 9, 10 * i + 9] for i in range(count)] if boxes is None else boxes
    rois = np.array(boxes, np.int32).reshape(-1, 4)
    pieces = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in rois] if masks else None
    ids = np.array([1] * count if class_ids is None else class_ids, np.int32)
    return Detections((50, 100), rois, ids, np.array(scores, np.float32), pieces, below)


def test_closeness_by_hand():
    scores = np.array([0, 0.35, 0.7, 0.85, 1])
    np.testing.assert_allclose(closeness(scores, 0.7), [0, 0.5, 1, 0.5, 0])
    np.testing.assert_allclose(closeness(np.array([0.0, 1.0]), 0.0), [1, 0])
    np.testing.assert_allclose(closeness(np.array([0.0, 1.0]), 1.0), [0, 1])


def test_all_candidates_count_those_below_too():
    assert uncertainty(found([]), 0.7) == 0
    assert uncertainty(found([1.0, 1.0]), 0.7) == 0
    assert uncertainty(found([0.85, 0.85]), 0.7) == pytest.approx(1)
    assert uncertainty(found([], below=((0.63, 1), (0.07, 1))), 0.7) == pytest.approx(1)
    assert uncertainty(found([0.7], below=((0.35, 2),)), 0.7) == pytest.approx(1.5)


@pytest.mark.parametrize("masks", [True, False])
def test_one_object_with_two_names_is_a_doubt(masks):
    same = [[0, 0, 20, 20], [0, 0, 20, 18]]
    apart = [[0, 0, 20, 20], [20, 20, 40, 40]]
    for boxes, ids, doubt in ((same, [1, 2], 0.9), (same, [1, 1], 0), (apart, [1, 2], 0)):
        detections = found([1.0, 0.9], ids, boxes, masks=masks)
        own = closeness(np.array([0.9]), 0.7)[0]
        assert uncertainty(detections, 0.7) == pytest.approx(own + doubt, abs=1e-6)
