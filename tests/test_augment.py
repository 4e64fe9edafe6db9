import imgaug.augmenters as iaa
import numpy as np
import pytest

from mrcnn.data import augment, piecewise
from mrcnn.data.jitter import Jitter

SIDE = 96

# A value changer moves nothing; the masks must come back as they were.
VALUE_CHANGERS = {
    "multiply": iaa.Multiply((0.7, 1.3)),
    "noise": iaa.AdditiveGaussianNoise(scale=(5, 20)),
    "blur": iaa.GaussianBlur((0.5, 2.0)),
    "sharpen": iaa.Sharpen(0.5),
    "contrast": iaa.LinearContrast((0.8, 1.2)),
    "dropout": iaa.CoarseDropout(0.1, size_percent=0.1),
    "brightness": iaa.AddToBrightness((20, 30)),
}
MOVERS = {
    "crop": iaa.Crop(percent=(0.05, 0.25)),
    "crop_and_pad": iaa.CropAndPad(percent=(-0.2, 0.2)),
    "rot90": iaa.Rot90((1, 3)),
    "fliplr": iaa.Fliplr(1.0),
    "flipud": iaa.Flipud(1.0),
    "affine": iaa.Affine(
        scale=(0.8, 1.2), translate_percent=(-0.1, 0.1), rotate=(-30, 30), shear=(-8, 8)
    ),
    "piecewise": iaa.PiecewiseAffine(scale=(0.02, 0.04)),
    "perspective": iaa.PerspectiveTransform(scale=(0.05, 0.12)),
    "elsewhere": iaa.TranslateX(px=(5, 30)),
    "one_of": iaa.OneOf([iaa.Fliplr(1.0), iaa.Rot90(1), iaa.Affine(rotate=40)]),
    "some_of": iaa.SomeOf(2, [iaa.Flipud(1.0), iaa.Crop(px=9), iaa.Multiply(0.9)]),
    "sometimes": iaa.Sometimes(0.7, iaa.Affine(rotate=(20, 60))),
    "sequential": iaa.Sequential(
        [
            iaa.Sometimes(0.5, iaa.PiecewiseAffine(scale=(0.01, 0.02))),
            iaa.Multiply((0.9, 1.1)),
            iaa.Crop(percent=(0, 0.1)),
            iaa.Affine(rotate=(-45, 45)),
        ],
        random_order=True,
    ),
    "resized_back": iaa.Sequential(
        [iaa.Rot90(1, keep_size=False), iaa.Crop(px=8, keep_size=False)]
    ),
}


@pytest.fixture
def scene():
    """A dark image with a bright blob, and the blob's mask."""
    y, x = np.mgrid[:SIDE, : SIDE + 32]
    inside = (y - 50) ** 2 + (x - 40) ** 2 < 22**2
    inside |= (np.abs(y - 40) < 8) & (x > 30) & (x < 90)
    image = np.where(inside, 230, 20).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2), inside[..., None]


def iou(mask, other):
    return (mask & other).sum() / max((mask | other).sum(), 1)


@pytest.mark.parametrize("name", MOVERS)
def test_image_and_mask_move_together(scene, name):
    image, masks = scene
    moves = 0
    for seed in range(8):
        moved, found = augment.augment(image, masks, MOVERS[name], np.random.default_rng(seed))
        assert moved.shape == image.shape and moved.dtype == np.uint8
        assert found.shape == masks.shape and found.dtype == bool
        assert iou(found[..., 0], moved[..., 0] > 110) > 0.93
        moves += iou(found, masks) < 0.95
    assert moves >= 3


@pytest.mark.parametrize("name", VALUE_CHANGERS)
def test_changing_values_leaves_masks_alone(scene, name):
    image, masks = scene
    for seed in range(3):
        moved, found = augment.augment(
            image, masks, VALUE_CHANGERS[name], np.random.default_rng(seed)
        )
        np.testing.assert_array_equal(found, masks)
    assert (moved != image).any()


def test_overlapping_masks_are_kept_apart():
    masks = np.zeros((40, 50, 4), bool)
    masks[5:20, 5:20, 0] = masks[10:30, 10:30, 1] = masks[30:38, 40:48, 2] = True
    masks[12:14, 12:14, 3] = True
    image = np.zeros((40, 50, 3), np.uint8)
    _, found = augment.augment(image, masks, iaa.Fliplr(1.0), np.random.default_rng(0))
    np.testing.assert_array_equal(found, masks[:, ::-1])
    labels, layer_of = augment._paint_labels(masks)
    assert layer_of == [0, 1, 0, 2] and labels.shape == (40, 50, 3)


def test_many_objects_take_one_layer():
    masks = np.zeros((64, 64, 300), bool)
    for index in range(300):
        masks[3 * (index // 20), 3 * (index % 20), index] = True
    image = np.zeros((64, 64, 3), np.uint8)
    _, found = augment.augment(image, masks, iaa.Flipud(1.0), np.random.default_rng(0))
    np.testing.assert_array_equal(found, masks[::-1])
    assert augment._paint_labels(masks)[0].shape[2] == 1


def test_no_objects_and_objects_moved_out(scene):
    image, masks = scene
    rng = np.random.default_rng(0)
    _, found = augment.augment(image, masks[..., :0], iaa.Affine(rotate=30), rng)
    assert found.shape == (*masks.shape[:2], 0)
    _, found = augment.augment(image, masks, iaa.TranslateX(px=400), rng)
    assert found.shape == masks.shape and not found.any()


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channel_counts(scene, channels):
    image, masks = scene
    image = np.repeat(image[..., :1], channels, axis=2)
    pipeline = iaa.Sequential([MOVERS["affine"], MOVERS["piecewise"], MOVERS["resized_back"]])
    moved, found = augment.augment(image, masks, pipeline, np.random.default_rng(0))
    assert moved.shape == image.shape
    assert iou(found[..., 0], moved[..., -1] > 110) > 0.93


def test_the_generator_decides_and_the_pipeline_keeps_its_state(scene):
    pipeline = MOVERS["sequential"]
    first, again, other = (
        augment.augment(*scene, pipeline, np.random.default_rng(seed))[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert not any(
        isinstance(child, piecewise.QuickPiecewiseAffine)
        for child in pipeline.get_all_children(flat=True)
    )


def test_what_is_no_pipeline_is_refused(scene):
    with pytest.raises(TypeError, match=r"must be an imgaug augmenter.* not True"):
        augment.augment(*scene, True, np.random.default_rng(0))


def test_flip(scene):
    image, masks = augment.flip(*scene)
    np.testing.assert_array_equal(masks[..., 0], image[..., 0] > 110)
    assert (masks != scene[1]).any()


# -- The quick PiecewiseAffine ---------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:`estimate` is deprecated")
def test_quick_piecewise_affine_is_close_to_imgaugs(scene):
    image, _ = scene
    slow = iaa.PiecewiseAffine(scale=0.03, seed=4)
    quick = piecewise.quicken(slow.deepcopy())
    assert type(quick) is piecewise.QuickPiecewiseAffine
    moved, expected = quick(image=image)[..., 0] > 110, slow(image=image)[..., 0] > 110
    assert iou(moved, expected) > 0.93
    assert iou(expected, image[..., 0] > 110) < 0.87


def test_points_of_the_grid_move_as_drawn():
    # 3 x 3 points on 64 x 32 pixels; the middle one, at row 32 and column 16, looks 8 rows down.
    augmenter = piecewise.quicken(iaa.PiecewiseAffine(scale=0.1, nb_rows=3, nb_cols=3))
    samples = augmenter._draw_samples(1, augmenter.random_state)
    samples.jitter = [np.zeros((9, 2))]
    samples.jitter[0][4] = [8 / 64, 0]
    rows, columns = augmenter._sources((64, 32), samples, 0)
    assert rows[32, 16] == pytest.approx(40) and columns[32, 16] == pytest.approx(16)
    assert rows[16, 16] == pytest.approx(20) and rows[32, 8] == pytest.approx(36)
    assert rows[0, 0] == 0 and columns[0, 8] == pytest.approx(8)


# -- Jitter ----------------------------------------------------------------------------------------

STILL = {"flip": 0, "scale": (1, 1), "shift": 0, "turn": 0}
SAME_COLOURS = {"brightness": (1, 1), "tint": 0, "saturation": (1, 1), "gamma": (1, 1)}


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_jitter_moves_image_and_masks_together(scene, channels):
    image, masks = scene
    image = np.repeat(image[..., :1], channels, axis=2)
    jitter = Jitter(brightness=(0.9, 1.1), gamma=(0.9, 1.1))
    overlaps = []
    for seed in range(20):
        moved, found = augment.augment(image, masks, jitter, np.random.default_rng(seed))
        assert moved.shape == image.shape and moved.dtype == np.uint8
        assert found.shape == masks.shape and found.dtype == bool
        assert iou(found[..., 0], moved[..., 0] > 110) > 0.95
        overlaps.append(iou(found, masks))
    assert np.mean(overlaps) < 0.6


def test_each_part_of_jitter_does_what_it_says(scene):
    image, masks = scene

    def jittered(**options):
        jitter = Jitter(**STILL | SAME_COLOURS | options)
        return augment.augment(image, masks, jitter, np.random.default_rng(2))

    def middle_and_area(found):
        rows, columns = np.nonzero(found[..., 0])
        return rows.mean(), columns.mean(), rows.size

    same, found = jittered()
    np.testing.assert_array_equal(found, masks)
    np.testing.assert_allclose(same.astype(int), image, atol=1)
    mirrored, found = jittered(flip=1)
    np.testing.assert_array_equal(found, masks[:, ::-1])
    np.testing.assert_array_equal(mirrored, same[:, ::-1])
    y, x, area = middle_and_area(masks)
    _, found = jittered(scale=(0.5, 0.5))
    centre = (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2
    half = (centre[0] + y) / 2, (centre[1] + x) / 2, area / 4
    assert middle_and_area(found) == pytest.approx(half, rel=0.05)
    _, found = jittered(shift=0.1)
    moved = middle_and_area(found)
    assert moved[2] == pytest.approx(area, rel=0.02)
    assert 1 < np.hypot(moved[0] - y, moved[1] - x) < 0.1 * np.hypot(*image.shape[:2])
    _, found = jittered(turn=20)
    assert middle_and_area(found)[2] == pytest.approx(area, rel=0.02)
    assert 0.5 < iou(found, masks) < 0.95
    for colours in ({"brightness": (0.5, 0.5)}, {"tint": 0.3}, {"gamma": (2, 2)}):
        other, found = jittered(**colours)
        np.testing.assert_array_equal(found, masks)
        assert (other != image).any()


def test_jitter_makes_colours_grey_and_leaves_black_black():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:2] = 200, 100, 50
    masks = np.zeros((4, 4, 0), bool)
    grey = Jitter(**STILL | SAME_COLOURS | {"saturation": (0, 0)})
    found, _ = grey(image, masks, np.random.default_rng(0))
    assert found[0, 0].tolist() == [124] * 3 and not found[2:].any()
    for seed in range(5):
        assert not Jitter(**STILL)(image, masks, np.random.default_rng(seed))[0][2:].any()


def test_jitter_keeps_an_object_in_the_image():
    masks = np.zeros((60, 80, 2), bool)
    masks[:3, :3, 0] = True  # in the corner; the other object is empty
    image = np.zeros((60, 80, 3), np.uint8)
    jitter = Jitter(scale=(1.2, 2), shift=0.4)
    kept = [jitter(image, masks, np.random.default_rng(seed))[1] for seed in range(40)]
    assert all(found[..., 0].any() and not found[..., 1].any() for found in kept)
    assert len({found.tobytes() for found in kept}) > 5


def test_jitter_is_decided_by_the_generator(scene):
    first, again, other = (Jitter()(*scene, np.random.default_rng(s))[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
