import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.detections import Detections
from mrcnn.masks import windows_of
from mrcnn.video.tracking import Tracker

SHAPE = (120, 200)


def objects(*boxes, class_ids=None, masks=None):
    """Return detections of filled boxes, or with masks bool `[H, W, N]`."""
    boxes = np.array(boxes, int).reshape(-1, 4)
    windows = windows_of(boxes, SHAPE)
    if masks is None:
        pieces = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in windows]
    else:
        pieces = [masks[y1:y2, x1:x2, i] for i, (y1, x1, y2, x2) in enumerate(windows)]
    class_ids = np.ones(len(boxes), int) if class_ids is None else np.array(class_ids)
    return Detections(SHAPE, boxes, class_ids, None, pieces)


def square(y, x, side=20):
    return (y, x, y + side, x + side)


def test_numbers_begin_at_one_and_stay():
    tracker = Tracker(memory=5)
    assert tracker.update(0, objects(square(0, 0), square(50, 100))).tolist() == [1, 2]
    # The network's order is that of the scores and changes from frame to frame.
    assert tracker.update(1, objects(square(51, 103), square(2, 1))).tolist() == [2, 1]


def test_another_class_is_another_object():
    tracker = Tracker(memory=5)
    tracker.update(0, objects(square(0, 0), class_ids=[1]))
    assert tracker.update(1, objects(square(0, 0), class_ids=[2])).tolist() == [2]


def test_the_greatest_overlap_in_all_decides():
    # Both old ones overlap the first new one; only 1 overlaps the second.
    tracker = Tracker(memory=5)
    tracker.update(0, objects(square(0, 0), square(0, 12)))
    assert tracker.update(1, objects(square(0, 10), square(0, -4))).tolist() == [2, 1]


def test_masks_count_and_not_boxes():
    # Two diagonals in one and the same box, drawn the other way round in the next frame.
    rows = np.arange(20)
    masks = np.zeros((*SHAPE, 2), bool)
    for step in range(3):
        masks[rows, np.clip(rows + step, 0, 19), 0] = True
        masks[rows, np.clip(19 - rows + step, 0, 19), 1] = True
    boxes = [square(0, 0)] * 2
    tracker = Tracker(memory=5)
    tracker.update(0, objects(*boxes, masks=masks))
    assert tracker.update(1, objects(*boxes, masks=masks[..., ::-1])).tolist() == [2, 1]


def test_a_gap_is_bridged_where_the_object_would_be():
    tracker = Tracker(memory=5)
    for frame in range(3):
        tracker.update(frame, objects(square(0, 10 * frame)))
    assert tracker.update(3, objects()).tolist() == []
    # Ten pixels a frame: 70 at frame 7. Where it was last, at 20, there is another one now.
    assert tracker.update(7, objects(square(0, 20), square(0, 70))).tolist() == [2, 1]


@pytest.mark.parametrize(("frame", "number"), [(5, 1), (6, 2)])
def test_the_memory_ends(frame, number):
    tracker = Tracker(memory=5)
    tracker.update(0, objects(square(0, 0)))
    assert tracker.update(frame, objects(square(0, 0))).tolist() == [number]


def test_where_frames_are_far_apart_updates_count():
    tracker = Tracker(memory=5, updates=2)
    for frame in (0, 40, 80):
        assert tracker.update(frame, objects(square(0, 0))).tolist() == [1]
    tracker.update(120, objects())
    assert tracker.update(160, objects(square(0, 0))).tolist() == [1]
    tracker.update(200, objects())
    tracker.update(240, objects())
    assert tracker.update(280, objects(square(0, 0))).tolist() == [2]


def test_fast_objects_need_not_overlap():
    tracker = Tracker(memory=30)
    assert tracker.update(0, objects(square(40, 0))).tolist() == [1]
    # 25 pixels to the right: no overlap, but nearer than a box's diagonal, 28.
    assert tracker.update(10, objects(square(40, 25))).tolist() == [1]
    # Now that its speed is known, it may go on by any way.
    assert tracker.update(30, objects(square(40, 75))).tolist() == [1]


@pytest.mark.parametrize("box", [square(40, 30), square(40, 0, 50)], ids=["too far", "too big"])
def test_what_cannot_be_the_same_is_new(box):
    tracker = Tracker(memory=30)
    tracker.update(0, objects((40, 0, 60, 20)))
    # Nothing overlaps: only the boxes count.
    masks_apart = np.zeros((*SHAPE, 1), bool)
    assert tracker.update(1, objects(box, masks=masks_apart)).tolist() == [2]


def test_degenerate_objects():
    tracker = Tracker(memory=2)
    assert tracker.update(0, objects()).shape == (0,)
    # A box that leaves the picture, one without area.
    odd = objects((-5, -5, 4, 4), (10, 10, 10, 30))
    assert tracker.update(1, odd).tolist() == [1, 2]
    assert tracker.update(2, odd).tolist() == [1, 2]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(-10, 110), st.integers(-10, 190), st.integers(1, 3)), max_size=5
        ),
        max_size=6,
    )
)
def test_any_objects_have_numbers_of_their_own(frames):
    tracker, seen, classes = Tracker(memory=2), 0, {}
    for frame, found in enumerate(frames):
        ids = [class_id for _, _, class_id in found]
        boxes = [square(y, x) for y, x, _ in found]
        numbers = tracker.update(frame, objects(*boxes, class_ids=ids)).tolist()
        assert len(set(numbers)) == len(numbers) == len(found)
        # New numbers follow on without gaps, and a number never changes its class.
        new = sorted(number for number in numbers if number > seen)
        assert new == list(range(seen + 1, seen + 1 + len(new)))
        seen += len(new)
        for number, class_id in zip(numbers, ids, strict=True):
            assert classes.setdefault(number, class_id) == class_id
