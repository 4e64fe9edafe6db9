import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn import boxes


@st.composite
def box_arrays(draw):
    count = draw(st.integers(1, 6))
    side = st.floats(2, 100, width=32)  # less than what `decode` lets a side grow
    place = st.floats(-100, 100, width=32)
    rows = draw(st.lists(st.tuples(place, place, side, side), min_size=count, max_size=count))
    return np.array([(y, x, y + h, x + w) for y, x, h, w in rows], np.float64)


def test_overlaps_by_hand():
    first = np.array([[0, 0, 10, 10], [0, 0, 4, 4], [3, 3, 3, 3]])
    second = np.array([[0, 0, 10, 10], [5, 5, 15, 15], [20, 20, 30, 30]])
    expected = [[1, 25 / 175, 0], [16 / 100, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(boxes.overlaps(first, second), expected)


def test_overlaps_of_nothing():
    empty = np.zeros((0, 4))
    assert boxes.overlaps(empty, np.ones((3, 4))).shape == (0, 3)
    assert boxes.overlaps(np.zeros((1, 4)), np.zeros((1, 4))) == 0


@given(box_arrays())
def test_a_box_overlaps_itself_and_overlap_is_symmetric(rows):
    overlap = boxes.overlaps(rows, rows)
    np.testing.assert_allclose(np.diag(overlap), 1, rtol=1e-6)
    np.testing.assert_allclose(overlap, overlap.T, atol=1e-9)
    assert overlap.min() >= 0 and overlap.max() <= 1 + 1e-9


def test_encode_by_hand():
    # Half a side down, a quarter to the left, twice as tall, as wide as before.
    deltas = boxes.encode(np.array([0.0, 0, 10, 20]), np.array([0.0, -5, 20, 15]))
    np.testing.assert_allclose(deltas, [0.5, -0.25, np.log(2), 0])


@given(box_arrays(), st.randoms(use_true_random=False))
def test_decode_undoes_encode(rows, random):
    shuffled = rows[random.sample(range(len(rows)), len(rows))]
    deltas = boxes.encode(rows, shuffled)
    np.testing.assert_allclose(boxes.decode(rows, deltas), shuffled, atol=1e-6)


@pytest.mark.parametrize("delta", [90.0, 1e4, 3e38])
def test_a_side_grows_to_1000_from_16_pixels_at_the_most(delta):
    rows = np.array([[10, 20, 26, 36]], np.float32)
    grown = boxes.decode(rows, np.array([[0, 0, delta, delta]], np.float32))
    np.testing.assert_allclose(grown, [[-482, -472, 518, 528]], rtol=1e-5)
    moved = boxes.decode(rows / 100, np.array([[delta] * 4], np.float32))
    assert np.isfinite(moved).all()
    shrunk = boxes.decode(rows, np.array([[0, 0, -delta, -delta]], np.float32))
    np.testing.assert_allclose(shrunk, [[18, 28, 18, 28]])


def test_clip_by_hand():
    rows = np.array([[-5.0, -5, 5, 5], [50, 60, 200, 300], [500, 500, 600, 600]])
    clipped = boxes.clip(rows, np.array([0.0, 0, 100, 200]))
    np.testing.assert_array_equal(clipped, [[0, 0, 5, 5], [50, 60, 100, 200], [100, 200, 100, 200]])


@given(box_arrays(), st.integers(2, 2000), st.integers(2, 2000))
def test_denormalize_undoes_normalize(rows, height, width):
    pixels = rows.round().astype(np.int32)
    fractions = boxes.normalize(pixels, (height, width))
    assert fractions.dtype == np.float32
    np.testing.assert_array_equal(boxes.denormalize(fractions, (height, width)), pixels)


def test_the_whole_image_is_0_to_1():
    np.testing.assert_array_equal(
        boxes.normalize(np.array([0, 0, 100, 200]), (100, 200)), [0, 0, 1, 1]
    )


@pytest.mark.parametrize("name", ["overlaps", "encode", "decode", "clip"])
def test_tensors_give_the_numbers_of_arrays(name):
    from keras import ops

    rng = np.random.default_rng(0)
    corner, size = rng.uniform(0, 0.5, (2, 5, 2)), rng.uniform(0.1, 0.5, (2, 5, 2))
    first = np.concatenate([corner, corner + size], axis=-1).astype("float32")
    second = {"clip": first[:, 0], "decode": first[::-1] / 4}.get(name, first[::-1].copy())
    array = getattr(boxes, name)(first, second)
    tensor = getattr(boxes, name)(ops.convert_to_tensor(first), ops.convert_to_tensor(second), ops)
    np.testing.assert_allclose(tensor, array, atol=1e-6)


def test_batched_overlaps_are_those_of_each_image():
    rng = np.random.default_rng(1)
    first, second = rng.uniform(0, 1, (3, 4, 4)), rng.uniform(0, 1, (3, 6, 4))
    together = boxes.overlaps(first, second)
    for row in range(3):
        np.testing.assert_array_equal(together[row], boxes.overlaps(first[row], second[row]))
