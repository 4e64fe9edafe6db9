"""Tiles: where they lie, and that what is found in them comes together."""

import numpy as np
import pytest

import maskrcnn_predict_for_images
from benchmarks import known_objects
from mrcnn.commands.arguments import detection_options
from mrcnn.detections import Detections
from mrcnn.masks import piece_overlaps
from mrcnn.merging import merge
from mrcnn.tiles import View, automatic_overlap, automatic_side, object_sides, views

SIDES = {"photo": [20.0, 80.0, 200.0], "molded": [10.0, 40.0, 100.0]}
NETWORK = {"network_side": 512, "object_sides": None}


def boxes_of(found):
    return np.array([view.box for view in found])


# -- Views -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(600, 1000), (1000, 999), (401, 4000), (2000, 3000)])
@pytest.mark.parametrize("overlap", [0, 0.1, 0.25, 0.5])
def test_tiles_cover_the_photo_and_overlap(shape, overlap):
    *tiles, whole = views(shape, 400, overlap, False, **NETWORK)
    assert whole.box == (0, 0, *shape) and whole.whole and whole.side is None
    seen = np.zeros(shape, int)
    for view in tiles:
        y1, x1, y2, x2 = view.box
        assert (y2 - y1, x2 - x1) == (400, 400) and view.side == 512 and not view.whole
        seen[y1:y2, x1:x2] += 1
    assert seen.min() == 1
    for axis in (0, 1):
        starts = np.unique(boxes_of(tiles)[:, axis])
        assert (400 - np.diff(starts) >= 400 * overlap).all()
        # Not more of them than that takes.
        assert len(starts) <= 1 + np.ceil((shape[axis] - 400) / np.floor(400 * (1 - overlap)))


def test_a_photo_that_fits_into_a_tile_is_looked_at_once():
    for tiles in (None, False, True, 512, 800):
        assert views((512, 300), tiles, None, False, **NETWORK) == [View((0, 0, 512, 300))]
    # A long one is cut along its length alone.
    *tiles, _ = views((100, 1200), True, 0.25, False, **NETWORK)
    assert boxes_of(tiles).tolist() == [[0, 0, 100, 512], [0, 344, 100, 856], [0, 688, 100, 1200]]


def test_mirrored_and_enlarged_views():
    found = views((300, 300), None, None, True, **NETWORK)
    assert [(view.side, view.flipped) for view in found] == [
        (None, False), (None, True), (640, False), (640, True)
    ]  # fmt: skip
    # With tiles there are two scales already.
    found = views((600, 512), True, None, True, **NETWORK)
    assert [(view.whole, view.flipped) for view in found] == [
        (False, False), (False, True), (False, False), (False, True), (True, False), (True, True)
    ]  # fmt: skip


def test_the_side_shows_objects_as_large_as_in_training():
    assert automatic_side(512, None) == 512
    assert automatic_side(512, SIDES) == 1024
    assert automatic_overlap(1024, None) == automatic_overlap(1024, SIDES) == 0.25
    assert automatic_overlap(500, SIDES) == 0.4 and automatic_overlap(256, SIDES) == 0.5
    *tiles, _ = views((1700, 1024), True, None, False, network_side=512, object_sides=SIDES)
    assert boxes_of(tiles).tolist() == [[0, 0, 1024, 1024], [676, 0, 1700, 1024]]


@pytest.mark.parametrize(
    ("photo", "molded", "side"),
    [
        (20, 13, 320),  # 32 px in place of 13
        (60, 30, 960),  # hardly larger
        (3, 3, 256),  # enlarged twice, no more
        (3, 90, 32),  # what is a tile at all
        (3, 18, 85),  # by as much as training did
    ],
)
def test_small_objects_are_shown_larger_than_in_training(photo, molded, side):
    assert automatic_side(512, {"photo": [1, photo, 9], "molded": [1, molded, 9]}) == side


def test_sides_of_objects():
    boxes = np.array([[0, 0, 10, 40], [5, 5, 45, 15], [0, 0, 30, 30]])
    sides = object_sides(boxes, [0.5, 0.5, 2])
    assert sides == {"photo": [20, 40, 40], "molded": [20, 20, 28]}
    assert object_sides(np.zeros((0, 4)), []) is None


@pytest.mark.parametrize(
    ("tiles", "overlap", "reason"),
    [(8, None, "tiles is 8, a tile has a side of 32"), (64, 0.6, "overlap is 0.6"), (64, -1, "-1")],
)
def test_what_is_no_tile(tiles, overlap, reason):
    with pytest.raises(ValueError, match=reason):
        views((100, 100), tiles, overlap, False, **NETWORK)


# -- Known objects -----------------------------------------------------------------------------

SHAPE = (2000, 3000)


class Config(known_objects.ExactConfig):
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 512


@pytest.fixture(scope="module")
def known():
    image = known_objects.photo(*SHAPE)
    return image, known_objects.objects(*SHAPE, 28)


def seen_whole(truth, looking):
    """Return how many objects some tile shows whole."""
    *tiles, _ = views(truth.shape, looking["tiles"], looking["overlap"], False, **NETWORK)
    rois = truth.rois
    inside = [
        (rois[:, :2] >= view.box[:2]).all(axis=1) & (rois[:, 2:] <= view.box[2:]).all(axis=1)
        for view in tiles
    ]
    return np.any(inside, axis=0).sum()


@pytest.mark.parametrize(
    ("looking", "mask_side", "least"),
    [
        ({"tiles": 512, "overlap": 0.25}, None, 0.9999),
        ({"tiles": 512, "overlap": 0.2, "tta": True}, None, 0.9999),
        ({"tiles": 512, "overlap": 0.1}, 28, 0.97),
    ],
)
def test_every_object_of_a_large_photo_is_found_once_and_whole(known, looking, mask_side, least):
    image, truth = known
    # Some are cut by every tile that shows them.
    assert seen_whole(truth, looking) < len(truth)
    detector = known_objects.ExactDetector(image, truth, Config(), mask_side)
    (found,) = detector.detect([image], **looking)
    assert len(found) == len(truth) and found.shape == SHAPE
    overlaps = piece_overlaps(truth.windows, truth.pieces, found.windows, found.pieces)
    best = overlaps.argmax(axis=1)
    assert sorted(best) == list(range(len(truth)))
    assert overlaps.max(axis=1).min() >= least
    np.testing.assert_array_equal(found.class_ids[best], truth.class_ids)
    # The boxes are those of whole objects too.
    np.testing.assert_allclose(found.rois[best], truth.rois, atol=3)
    assert (np.diff(found.scores) <= 0).all()


def test_small_objects_are_lost_without_tiles(known):
    image, truth = known
    detector = known_objects.ExactDetector(image, truth, Config())
    (found,) = detector.detect([image])
    assert len(found) < len(truth) and detector.views == 1
    detector.looking["tiles"] = 512
    assert len(detector.detect([image])[0]) == len(truth)
    assert len(detector.detect([image], tiles=False)[0]) == len(found)


# -- Merging -----------------------------------------------------------------------------------

LEFT, RIGHT = View((0, 0, 100, 100), False), View((0, 60, 100, 160), False)
WHOLE = View((0, 0, 100, 160))


def rectangles(*given):
    """Return `Detections` of (box, score) or (box, score, class id)."""
    rois = np.array([each[0] for each in given], np.int32).reshape(-1, 4)
    pieces = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in rois.tolist()]
    class_ids = np.array([(each[2:] or (1,))[0] for each in given], np.int32)
    scores = np.array([each[1] for each in given], np.float32)
    return Detections(WHOLE.box[2:], rois, class_ids, scores, pieces, ((0.1 * len(given), 1),))


def merged(*found):
    result = merge(WHOLE.box[2:], list(found))
    boxes = zip(result.rois.tolist(), result.scores.astype(float).round(2).tolist(), strict=True)
    return [(tuple(box), score) for box, score in boxes]


def test_a_double_goes_and_its_score_stays():
    found = merged(
        (LEFT, rectangles(((20, 65, 40, 85), 0.8))),
        (RIGHT, rectangles(((20, 64, 40, 85), 0.9))),
        (WHOLE, rectangles(((18, 62, 42, 88), 0.95))),
    )
    assert found == [((20, 64, 40, 85), 0.95)]


def test_an_object_that_both_tiles_cut_is_joined():
    left, right = ((20, 10, 40, 100), 0.7), ((20, 60, 40, 150), 0.9)
    found = merged((LEFT, rectangles(left)), (RIGHT, rectangles(right)))
    assert found == [((20, 10, 40, 150), 0.9)]
    # One of another class there is another object, and so is one that is not sure at all.
    other = merged((LEFT, rectangles(left)), (RIGHT, rectangles((*right, 2))))
    assert len(other) == 2
    unsure = merged((LEFT, rectangles((left[0], 0.3))), (RIGHT, rectangles(right)))
    assert unsure[0] == right


def test_what_the_whole_photo_shows_completes_a_piece_and_does_not_blur_all_of_it():
    piece = ((20, 10, 40, 100), 0.9)
    whole = (WHOLE, rectangles(((18, 8, 42, 150), 0.8)))
    assert merged((LEFT, rectangles(piece)), whole) == [((18, 8, 42, 150), 0.9)]
    both = (LEFT, rectangles(piece)), (RIGHT, rectangles(((20, 60, 40, 150), 0.9)))
    assert merged(*both, whole) == [((20, 10, 40, 150), 0.9)]


def test_neighbours_stay_apart():
    # They touch in the overlap, and the mask of one leaks over the other's.
    left, right = ((20, 70, 40, 81), 0.9), ((20, 80, 40, 95), 0.8)
    found = merged((LEFT, rectangles(left)), (RIGHT, rectangles(right)))
    assert found == [left, right]
    # A view that tells two keeps them, whatever they share.
    two = rectangles(((20, 10, 40, 40), 0.9), ((22, 12, 38, 38), 0.8))
    assert len(merged((LEFT, two))) == 2


def test_a_part_becomes_one_with_the_larger_and_surer_object_around_it():
    part, around = ((20, 65, 30, 75), 0.6), ((15, 62, 45, 95), 0.9)
    assert merged((LEFT, rectangles(part)), (RIGHT, rectangles(around))) == [around]
    # A faint cloud around what is sure changes nothing in it.
    cloud = rectangles(((0, 0, 100, 160), 0.1))
    assert merged((LEFT, rectangles(part)), (WHOLE, cloud))[0] == part


def test_a_group_that_the_whole_photo_takes_for_one_object_is_left_out():
    members = ((20, 10, 40, 30), 0.8), ((20, 32, 40, 52), 0.7)
    blurred = rectangles(((18, 8, 42, 54), 0.6))
    assert merged((LEFT, rectangles(*members)), (WHOLE, blurred)) == list(members)


def test_an_object_bent_around_a_border_is_one():
    # The left tile sees two legs, the right one what joins them.
    legs = rectangles(((10, 40, 20, 100), 0.8), ((60, 40, 70, 100), 0.7))
    bow = rectangles(((10, 60, 70, 130), 0.9))
    bow.pieces[0][10:50, :55] = False
    assert merged((LEFT, legs), (RIGHT, bow)) == [((10, 40, 70, 130), 0.9)]


def test_nothing_found_and_what_came_closest():
    result = merge((100, 160), [(LEFT, rectangles()), (WHOLE, rectangles())])
    assert len(result) == 0 and result.masks.shape == (100, 160, 0)
    result = merge((100, 160), [(LEFT, rectangles()), (WHOLE, rectangles(((1, 1, 5, 5), 0.9)))])
    assert result.below == ((0.1, 1), (0.0, 1))


def test_a_mirrored_view_is_turned_back():
    image = np.arange(100 * 160 * 3, dtype=np.uint8).reshape(100, 160, 3)
    view = RIGHT._replace(flipped=True)
    part = view.cut(image)
    np.testing.assert_array_equal(part, image[:, 60:160][:, ::-1])
    assert part.base is not None
    mask = np.zeros((100, 100, 1), bool)
    mask[5:15, 10:30, 0], mask[5, 10, 0] = True, False
    found = Detections.of([[5, 10, 15, 30]], [1], [0.9], mask)
    placed = view.place(found, (100, 160))
    assert placed.rois.tolist() == [[5, 130, 15, 150]]
    expected = np.zeros((100, 160), bool)
    expected[:, 60:160] = mask[:, ::-1, 0]
    np.testing.assert_array_equal(placed.masks[..., 0], expected)


# -- Options -----------------------------------------------------------------------------------


def test_options():
    parse = maskrcnn_predict_for_images.parse_arguments
    arguments = parse(["a.jpg", "--tiles"])
    assert (arguments.tiles, arguments.overlap, arguments.tta) == (True, None, False)
    arguments = parse(["--tiles", "640", "--overlap", "0.3", "--tta", "a.jpg"])
    assert (arguments.tiles, arguments.overlap, arguments.tta) == (640, 0.3, True)
    assert parse(["--tiles", "auto", "a.jpg"]).tiles is True
    assert {"tiles": 640, "tta": True}.items() <= detection_options(arguments).items()


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["--tiles", "a.jpg"], "a.jpg is no side of a tile: write --tiles auto"),
        (["--tiles", "8"], "from 32 up"),
        (["--overlap", "0.9"], "0.9 is not from 0 to 0.5"),
        (["--overlap", "much"], "much is no number"),
    ],
)
def test_wrong_options(argv, reason, capsys):
    with pytest.raises(SystemExit):
        maskrcnn_predict_for_images.parse_arguments(argv)
    assert reason in capsys.readouterr().err
