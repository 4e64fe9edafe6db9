import threading

import cv2
import imgaug.augmenters as iaa
import numpy as np
import pytest

from mrcnn import boxes as box_ops
from mrcnn import feeding, image_meta, settings
from mrcnn.anchors import pyramid
from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.masks import expand_mask, extract_bboxes, minimize_mask
from tests import golden

GOLDEN = golden.load("functions.npz")
TRAINING = golden.load("training_losses_resnet50.npz")


class SmallConfig(Config):
    NAME = "small"
    NUM_CLASSES = 3
    IMAGES_PER_GPU = 2
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    MAX_GT_INSTANCES = 4
    MINI_MASK_SHAPE = (28, 28)
    TRAIN_ROIS_PER_IMAGE = 20


def config_with(**settings):
    return type("OwnConfig", (SmallConfig,), settings)()


class Blocks(Dataset):
    """Images of bright blocks on black; `blocks[i]` are the (class id, box) of image i.

    A block's grey is 100 plus its number. `None` for an image that cannot be loaded.
    """

    def __init__(self, blocks, shape=(60, 90), source="blocks"):
        super().__init__()
        self.blocks, self.shape, self.loaded = blocks, shape, []
        self.add_class("blocks", 1, "one")
        self.add_class("blocks", 2, "two")
        for index in range(len(blocks)):
            self.add_image(source, f"image{index}", None)
        self.prepare()

    def load_image(self, image_id):
        self.loaded.append(int(image_id))
        if self.blocks[image_id] is None:
            raise OSError("the disk is gone")
        image = np.zeros((*self.shape, 3), np.uint8)
        for number, (_, (y1, x1, y2, x2)) in enumerate(self.blocks[image_id]):
            image[y1:y2, x1:x2] = 100 + number
        return image

    def load_mask(self, image_id):
        blocks = self.blocks[image_id]
        masks = np.zeros((*self.shape, len(blocks)), bool)
        for number, (_, (y1, x1, y2, x2)) in enumerate(blocks):
            masks[y1:y2, x1:x2, number] = True
        return masks, np.array([class_id for class_id, _ in blocks], np.int32)


ONE = [(1, (10, 20, 40, 60))]
TWO = [(2, (5, 5, 25, 30)), (1, (30, 50, 55, 85))]


def images_of(generator, epoch=None):
    """Return the image ids of an epoch in order."""
    generator.epoch = generator.epoch if epoch is None else epoch
    epoch = generator.epoch
    metas = [generator.batch(epoch, at)["input_image_meta"] for at in range(len(generator))]
    return np.concatenate(metas)[:, 0].astype(int).tolist()


# -- load_image_gt ---------------------------------------------------------------------------------


def test_load_image_gt_by_hand():
    # 60 x 90 becomes 64 x 96, 32 rows and 16 columns from the edges of the square.
    image, meta, class_ids, boxes, masks = feeding.load_image_gt(Blocks([TWO]), SmallConfig(), 0)
    assert image.shape == (128, 128, 3) and image.dtype == np.uint8
    assert masks.shape == (128, 128, 2) and masks.dtype == bool
    np.testing.assert_array_equal(class_ids, [2, 1])
    np.testing.assert_array_equal(boxes, extract_bboxes(masks))
    expected = np.array([[5, 5, 25, 30], [30, 50, 55, 85]]) * 64 / 60 + [32, 16, 32, 16]
    np.testing.assert_allclose(boxes, expected, atol=1)
    found = image_meta.parse(meta[None])
    np.testing.assert_array_equal(found["original_image_shape"], [[60, 90, 3]])
    np.testing.assert_array_equal(found["image_shape"], [[128, 128, 3]])
    np.testing.assert_array_equal(found["window"], [[32, 16, 96, 112]])
    np.testing.assert_array_equal(found["active_class_ids"], [[1, 1, 1]])
    # Nearest and bilinear resizing differ by a pixel at the edges.
    for index in range(2):
        ring = cv2.dilate(masks[..., index].astype(np.uint8), np.ones((5, 5))).astype(bool)
        core = cv2.erode(masks[..., index].astype(np.uint8), np.ones((5, 5))).astype(bool)
        assert (image[core] == 100 + index).all()
        assert not image[ring & ~masks.any(axis=-1)].max() > 101


def test_mini_masks_are_the_masks_cut_and_shrunk():
    dataset, config = Blocks([TWO]), SmallConfig()
    *_, boxes, masks = feeding.load_image_gt(dataset, config, 0)
    *_, mini = feeding.load_image_gt(dataset, config, 0, use_mini_mask=True)
    np.testing.assert_array_equal(mini, minimize_mask(boxes, masks, (28, 28)))


def test_mini_masks_golden():
    masks = golden.unpack(TRAINING["gt_masks"], TRAINING["gt_masks_shape"])
    mini = minimize_mask(TRAINING["gt_boxes"], masks, (56, 56))
    np.testing.assert_array_equal(mini, golden.unpack(TRAINING["mini_masks"], mini.shape))


def test_the_older_flag_flips_half_of_them():
    dataset, config = Blocks([ONE]), SmallConfig()
    straight = feeding.load_image_gt(dataset, config, 0)
    flips = 0
    for _ in range(40):
        flipped = feeding.load_image_gt(dataset, config, 0, augment=True)
        turned = (flipped.image != straight.image).any()
        flips += turned
        image, masks = (
            (array[:, ::-1] if turned else array) for array in (flipped.image, flipped.masks)
        )
        np.testing.assert_array_equal(image, straight.image)
        np.testing.assert_array_equal(masks, straight.masks)
    assert 8 <= flips <= 32


def test_a_random_cut_moves_image_and_masks_together():
    config = config_with(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=64)
    dataset, seen = Blocks([TWO], shape=(100, 140)), set()
    for _ in range(20):
        image, meta, class_ids, boxes, masks = feeding.load_image_gt(dataset, config, 0)
        assert image.shape == (64, 64, 3)
        for class_id, mask in zip(class_ids, np.moveaxis(masks, -1, 0), strict=True):
            np.testing.assert_array_equal(mask, image[..., 0] == {2: 100, 1: 101}[int(class_id)])
        np.testing.assert_array_equal(meta[7:11], [0, 0, 64, 64])
        seen.add(boxes.tobytes())
    assert len(seen) > 10


def test_images_without_objects_and_empty_masks():
    sample = feeding.load_image_gt(Blocks([[]]), SmallConfig(), 0, use_mini_mask=True)
    assert sample.masks.shape == (28, 28, 0) and sample.boxes.shape == (0, 4)
    empty = [(1, (5, 5, 5, 5)), (2, (10, 10, 30, 30))]
    sample = feeding.load_image_gt(Blocks([empty]), SmallConfig(), 0, use_mini_mask=True)
    np.testing.assert_array_equal(sample.class_ids, [2])
    assert sample.masks.shape == (28, 28, 1)


def returning(masks, class_ids):
    dataset = Blocks([ONE])
    dataset.load_mask = lambda image_id: (masks, class_ids)
    return dataset


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (returning(np.ones((60, 90, 2)), [1]), r"image0: load_mask returned masks \(60, 90, 2\)"),
        (
            returning(np.ones((60, 80, 1)), [1]),
            r"masks are 60 x 80, the image is 60 x 90.*width\)$",
        ),
        (returning(np.ones((90, 60, 1)), [1]), "before it was turned upright"),
        (returning(np.ones((60, 90, 1)), [3]), "the class id 3, the data set has the ids 1 to 2"),
        (returning(np.ones((60, 90, 1)), [0]), "the class id 0"),
        (Blocks([ONE], source="elsewhere"), "image0: no class of the source 'elsewhere'"),
    ],
)
def test_what_does_not_fit_is_named(dataset, reason):
    with pytest.raises(ValueError, match=reason):
        feeding.load_image_gt(dataset, SmallConfig(), 0)


def test_a_wrong_channel_count_is_named():
    config = config_with(IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=np.array([0.0]))
    with pytest.raises(ValueError, match="has 3 channels, IMAGE_CHANNEL_COUNT is 1"):
        feeding.load_image_gt(Blocks([ONE]), config, 0)
    grey = Blocks([ONE])
    grey.load_image = lambda image_id: Blocks.load_image(grey, image_id)[..., 0]
    assert feeding.load_image_gt(grey, config, 0).image.shape == (128, 128, 1)


# -- Batches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mini", [True, False])
def test_a_batch_holds_what_its_images_hold(mini):
    config = config_with(USE_MINI_MASK=mini)
    dataset = Blocks([ONE, TWO])
    batch = feeding.DataGenerator(dataset, config, shuffle=False, seed=3).batch(0, 0)
    shape = (28, 28) if mini else (128, 128)
    anchors = pyramid((128, 128), **settings.anchors(config))
    expected = {
        "input_image": ((2, 128, 128, 3), np.float32),
        "input_image_meta": ((2, 15), np.float32),
        "input_rpn_match": ((2, len(anchors), 1), np.int32),
        "input_rpn_bbox": ((2, 64, 4), np.float32),
        "input_gt_class_ids": ((2, 4), np.int32),
        "input_gt_boxes": ((2, 4, 4), np.int32),
        "input_gt_masks": ((2, *shape, 4), bool),
    }
    assert {name: (array.shape, array.dtype) for name, array in batch.items()} == expected
    np.testing.assert_array_equal(batch["input_gt_class_ids"], [[1, 0, 0, 0], [2, 1, 0, 0]])
    for index in range(2):
        image, _, class_ids, boxes, masks = feeding.load_image_gt(
            dataset, config, index, False, None, mini
        )
        count = len(class_ids)
        np.testing.assert_allclose(
            batch["input_image"][index], image - config.MEAN_PIXEL, rtol=1e-6, atol=1e-4
        )
        np.testing.assert_array_equal(batch["input_gt_boxes"][index, :count], boxes)
        np.testing.assert_array_equal(batch["input_gt_masks"][index, ..., :count], masks)
        assert not batch["input_gt_boxes"][index, count:].any()
        assert not batch["input_gt_masks"][index, ..., count:].any()
        match = batch["input_rpn_match"][index, :, 0]
        positive = np.flatnonzero(match == 1)
        assert len(positive) and (match != 0).sum() == 64
        deltas = batch["input_rpn_bbox"][index, : len(positive)] * config.RPN_BBOX_STD_DEV
        moved = box_ops.decode(anchors[positive], deltas)
        nearest = box_ops.overlaps(moved, boxes.astype(float)).max(axis=1)
        np.testing.assert_allclose(nearest, 1, atol=1e-5)


def test_backbone_shapes_follow_from_strides_or_from_a_function():
    shapes = feeding.compute_backbone_shapes(SmallConfig(), (128, 192, 3))
    np.testing.assert_array_equal(shapes, GOLDEN["backbone_shapes"])
    own = {"BACKBONE": len, "COMPUTE_BACKBONE_SHAPE": lambda shape: [[shape[0] // 8, 5]]}
    config = config_with(**{name: staticmethod(function) for name, function in own.items()})
    np.testing.assert_array_equal(feeding.compute_backbone_shapes(config, (128, 192)), [[16, 5]])


def test_rpn_targets_golden():
    config = config_with()
    anchors = pyramid((128, 128), **settings.anchors(config))
    match, deltas = feeding.build_rpn_targets(
        (128, 128, 3), anchors, GOLDEN["rpn_gt_class_ids"], GOLDEN["rpn_gt_boxes"], config
    )
    np.testing.assert_array_equal(np.flatnonzero(match == 1), GOLDEN["rpn_match_positive"])
    np.testing.assert_allclose(deltas[:4], GOLDEN["rpn_bbox_targets"], atol=1e-5)


def test_an_epoch_takes_every_image_once_and_fills_the_last_batch():
    generator = feeding.DataGenerator(Blocks([ONE] * 7), SmallConfig(), seed=0)
    assert len(generator) == 4
    orders = [images_of(generator, epoch) for epoch in range(2)]
    for order in orders:
        assert len(order) == 8
    assert sorted(orders[0][:7]) == list(range(7))
    assert orders[0][:7] != list(range(7)) and orders[0] != orders[1]
    # 8 places an epoch, 7 images: over 7 epochs each comes 8 times.
    counts = np.bincount(np.concatenate([images_of(generator, epoch) for epoch in range(7)]))
    np.testing.assert_array_equal(counts, [8] * 7)
    with pytest.raises(IndexError, match="batch 4 of an epoch of 4"):
        generator[4]


def test_without_shuffling_every_epoch_is_the_same():
    generator = feeding.DataGenerator(Blocks([ONE] * 3), SmallConfig(), shuffle=False)
    assert images_of(generator) == [0, 1, 2, 0]
    generator.on_epoch_end()
    assert generator.epoch == 1 and images_of(generator) == [0, 1, 2, 0]


def test_an_order_is_drawn_once_a_turn_and_others_only_for_an_image_that_failed(monkeypatch):
    keys, real = [], np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda key: keys.append(key) or real(key))
    for blocks, others in (([ONE] * 6, 0), ([ONE, ONE, None, ONE, ONE, ONE], 1)):
        keys.clear()
        images_of(feeding.DataGenerator(Blocks(blocks), SmallConfig(), seed=0))
        # (seed, turn), (seed, epoch, place) and, for what is drawn in a sample, its attempt too.
        assert [sum(len(key) == size for key in keys) for size in (2, 3)] == [1, others]


def test_any_batch_of_any_epoch_can_be_asked_for():
    generator = feeding.DataGenerator(Blocks([ONE, None, TWO, ONE, TWO]), SmallConfig(), seed=2)
    generator.epoch = 3
    for index in range(3):
        batch, running = generator.batch(3, index), generator[index][0]
        for array, same in zip(batch.values(), running, strict=True):
            np.testing.assert_array_equal(array, same)
        ids = batch["input_image_meta"][:, 0].astype(int)
        assert generator.images_of(3, index) == [f"image{image_id}" for image_id in ids]


PIPELINE = iaa.Sequential(
    [
        iaa.Fliplr(0.5),
        iaa.Affine(rotate=(-20, 20)),
        iaa.PiecewiseAffine(0.01),
        iaa.Multiply((0.8, 1)),
    ]
)


def test_seed_epoch_and_place_decide_whatever_the_thread():
    def build(seed=5):
        dataset = Blocks([ONE, TWO, None, [], TWO * 4, ONE, ONE])
        return feeding.DataGenerator(dataset, SmallConfig(), augmentation=PIPELINE, seed=seed)

    generator, threaded = build(), build()
    expected = [generator.batch(0, index) for index in range(len(generator))]
    found = {}

    def work(first):
        for index in range(first, -1, -1):
            found.setdefault(index, threaded.batch(0, index))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(generator))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, batch in enumerate(expected):
        for name, array in batch.items():
            np.testing.assert_array_equal(found[index][name], array)
            np.testing.assert_array_equal(generator.batch(0, index)[name], array)
    assert (build(6).batch(0, 0)["input_image"] != expected[0]["input_image"]).any()
    assert (generator.batch(1, 0)["input_image"] != expected[0]["input_image"]).any()


def test_augmentation_moves_both_and_spares_named_sources():
    dataset = Blocks([ONE] * 4)
    plain = feeding.DataGenerator(dataset, SmallConfig(), shuffle=False).batch(0, 0)
    pipeline = iaa.Fliplr(1.0)
    augmented = feeding.DataGenerator(dataset, SmallConfig(), shuffle=False, augmentation=pipeline)
    moved = augmented.batch(0, 0)
    np.testing.assert_array_equal(moved["input_image"], plain["input_image"][:, :, ::-1])
    np.testing.assert_array_equal(
        moved["input_gt_boxes"][:, 0, 1], 128 - plain["input_gt_boxes"][:, 0, 3]
    )
    spared = feeding.DataGenerator(
        dataset,
        SmallConfig(),
        shuffle=False,
        augmentation=pipeline,
        augment=True,
        no_augmentation_sources=["blocks"],
    ).batch(0, 0)
    np.testing.assert_array_equal(spared["input_image"], plain["input_image"])


# -- What is not as it should be -------------------------------------------------------------------


def test_a_bad_image_is_named_once_and_another_takes_its_place():
    said = []
    dataset = Blocks([ONE, None, TWO, ONE])
    generator = feeding.DataGenerator(dataset, SmallConfig(), report=said.append, seed=0)
    for epoch in range(3):
        order = images_of(generator, epoch)
        assert len(order) == 4 and 1 not in order
    assert said == ["image1: the disk is gone"]
    assert generator.unusable == {1: "image1: the disk is gone"}
    assert generator.summary() == "1 of 4 images cannot be used"
    assert dataset.loaded.count(1) == 1


def test_a_data_set_of_bad_images_stops():
    generator = feeding.DataGenerator(Blocks([None, None, ONE]), SmallConfig(), shuffle=False)
    with pytest.raises(
        ValueError, match="2 of 3 images cannot be used; the last: the disk is gone"
    ):
        generator[0]


def test_images_without_objects_are_left_out_and_counted():
    said = []
    generator = feeding.DataGenerator(
        Blocks([[], ONE, [(-1, (5, 5, 30, 30))]]), SmallConfig(), report=said.append, seed=0
    )
    assert set(images_of(generator)) == {1}
    assert sorted(said) == ["image0: no objects", "image2: no objects"]
    assert generator.summary() == "2 of 3 images have no objects and were left out"
    only = feeding.DataGenerator(Blocks([[], []]), SmallConfig())
    with pytest.raises(
        ValueError, match=r"no image of the Blocks gives.*: 2 of 2.*image\d: no obj"
    ):
        only[0]


def test_images_without_objects_are_kept_on_request():
    generator = feeding.DataGenerator(
        Blocks([[], ONE]), SmallConfig(), shuffle=False, keep_negatives=True
    )
    batch = generator.batch(0, 0)
    np.testing.assert_array_equal(batch["input_gt_class_ids"][:, 0], [0, 1])
    match = batch["input_rpn_match"][0]
    assert (match == -1).sum() == 64 and not (match == 1).any()
    assert generator.summary() == ""


def test_objects_moved_out_are_counted():
    generator = feeding.DataGenerator(
        Blocks([ONE, TWO]), SmallConfig(), augmentation=iaa.TranslateX(px=500)
    )
    with pytest.raises(ValueError, match="2 of 2 images lost all their objects at least once"):
        generator[0]
    assert not generator.without_objects and len(generator.emptied) == 2


def test_too_many_objects_are_cut_down_at_random_and_counted():
    said = []
    many = [(1 + i % 2, (5 * i, 5 * i, 5 * i + 5, 5 * i + 9)) for i in range(10)]
    generator = feeding.DataGenerator(
        Blocks([many]), config_with(IMAGES_PER_GPU=1), report=said.append, seed=0
    )
    choices = set()
    for epoch in range(5):
        batch = generator.batch(epoch, 0)
        assert (batch["input_gt_class_ids"] > 0).all()
        choices.add(batch["input_gt_boxes"].tobytes())
    assert len(choices) > 1
    assert said == ["image0: 10 objects, a random 4 are used each time (MAX_GT_INSTANCES)"]
    assert generator.summary() == "1 of 1 images have more than 4 objects"


def test_objects_beyond_what_the_heads_learn_at_once_are_told():
    said = []
    many = [(1, (5 * i, 5 * i, 5 * i + 5, 5 * i + 9)) for i in range(10)]
    config = config_with(IMAGES_PER_GPU=1, MAX_GT_INSTANCES=9, TRAIN_ROIS_PER_IMAGE=20)
    images = Blocks([many, many[:7], many[:6]])
    generator = feeding.DataGenerator(images, config, report=said.append)
    for index in range(3):
        generator.batch(0, index)
    setting = "TRAIN_ROIS_PER_IMAGE * ROI_POSITIVE_RATIO"
    heads = f"the heads learn at most 6 of these each time ({setting})"
    assert sorted(said) == [
        f"image0: 10 objects, a random 9 are used each time (MAX_GT_INSTANCES), {heads}",
        f"image1: 7 objects, {heads}",
    ]
    assert generator.summary() == "2 of 3 images have more than 6 objects"


def test_crowds_are_neither_object_nor_background():
    generator = feeding.DataGenerator(
        Blocks([[(1, (0, 0, 20, 20)), (-2, (25, 30, 60, 90))]]), SmallConfig(), batch_size=1
    )
    batch = generator.batch(0, 0)
    np.testing.assert_array_equal(batch["input_gt_class_ids"][0, :2], [1, -2])
    anchors = pyramid((128, 128, 3), **settings.anchors(SmallConfig()))
    crowd = batch["input_gt_boxes"][0, 1:2].astype(float)
    background = batch["input_rpn_match"][0, :, 0] == -1
    assert box_ops.overlaps(anchors[background], crowd).max() < 0.001


@pytest.mark.parametrize("mini", [True, False])
def test_a_batch_of_several_sizes_has_the_largest(mini):
    sizes = [(64, 192), (128, 64)]
    dataset = Blocks([ONE, ONE])
    dataset.load_image = lambda image_id: np.full((*sizes[image_id], 3), 90, np.uint8)
    dataset.load_mask = lambda image_id: (np.ones((*sizes[image_id], 1), bool), [1])
    config = config_with(IMAGE_RESIZE_MODE="none", USE_MINI_MASK=mini)
    generator = feeding.DataGenerator(dataset, config, shuffle=False, seed=0)
    batch = generator.batch(0, 0)
    assert not generator.one_size
    images = feeding.unmold_image(batch["input_image"], config)
    assert images.shape == (2, 128, 192, 3)
    fields = feeding.parse_image_meta(batch["input_image_meta"])
    np.testing.assert_array_equal(fields["image_shape"], [[128, 192, 3]] * 2)
    pyramid_of = pyramid((128, 192, 3), **settings.anchors(config))
    assert batch["input_rpn_match"].shape[1] == len(pyramid_of)
    for row, (height, width) in enumerate(sizes):
        assert (images[row, :height, :width] == 90).all()
        assert images[row].sum() == 90 * 3 * height * width
        np.testing.assert_array_equal(fields["window"][row], [0, 0, height, width])
        np.testing.assert_array_equal(batch["input_gt_boxes"][row, 0], [0, 0, height, width])
        mask = batch["input_gt_masks"][row, ..., 0]
        assert mask.shape == ((28, 28) if mini else (128, 192))
        assert mask.sum() == (mask.size if mini else height * width)
    for name, array in generator.batch(0, 0).items():
        np.testing.assert_array_equal(array, batch[name])


def test_an_empty_data_set_and_a_wrong_pipeline_are_refused():
    with pytest.raises(ValueError, match="the Blocks has no images"):
        feeding.DataGenerator(Blocks([]), SmallConfig())
    with pytest.raises(TypeError, match="must be an imgaug augmenter"):
        feeding.DataGenerator(Blocks([ONE]), SmallConfig(), augmentation="flip")


# -- RoIs and their targets ------------------------------------------------------------------------


def test_random_rois_lie_in_the_image_and_most_near_objects():
    objects = np.array([[10, 10, 30, 40], [60, 70, 90, 95]])
    rois = feeding.generate_random_rois((100, 120, 3), 200, np.array([1, 2]), objects)
    assert rois.shape == (200, 4) and rois.dtype == np.int32
    assert (rois >= 0).all() and (rois <= [100, 120, 100, 120]).all()
    assert (rois[:, 2:] > rois[:, :2]).all()
    size = objects[:, 2:] - objects[:, :2]
    for first, (y1, x1, y2, x2), (down, right) in zip((0, 90), objects, size, strict=True):
        near = rois[first : first + 90]
        assert (near >= [max(y1 - down, 0), max(x1 - right, 0)] * 2).all()
        assert (near <= [y2 + down, x2 + right] * 2).all()
    assert rois[180:, 2].max() > 90 - 30
    nothing = feeding.generate_random_rois((8, 8, 3), 5, np.zeros(0, int), np.zeros((0, 4), int))
    assert nothing.shape == (5, 4)


def test_use_rpn_rois_false_asks_for_rois():
    config = config_with(USE_RPN_ROIS=False, POST_NMS_ROIS_TRAINING=30)
    batch = feeding.DataGenerator(Blocks([ONE, TWO]), config).batch(0, 0)
    assert batch["input_rois"].shape == (2, 30, 4) and batch["input_rois"].dtype == np.int32


@pytest.mark.parametrize("mini", [True, False])
def test_detection_targets_by_hand(mini):
    config = config_with(USE_MINI_MASK=mini)
    gt_boxes = np.array([[20, 20, 60, 60], [70, 60, 110, 120], [0, 0, 0, 0]])
    masks = np.zeros((128, 128, 3), bool)
    masks[20:60, 20:40, 0] = masks[70:110, 60:120, 1] = True
    given = minimize_mask(gt_boxes[:2], masks[..., :2], (28, 28)) if mini else masks[..., :2]
    given = np.concatenate([given, np.zeros((*given.shape[:2], 1), bool)], axis=-1)
    rois = np.array([[20, 20, 60, 60], [72, 60, 108, 120], [0, 0, 10, 10], [0, 0, 0, 0]])
    found, class_ids, bboxes, targets = feeding.build_detection_targets(
        rois, np.array([2, 1, 0]), gt_boxes, given, config
    )
    assert found.shape == (20, 4) and bboxes.shape == (20, 3, 4)
    assert targets.shape == (20, 28, 28, 3) and targets.dtype == np.float32
    for roi, class_id, bbox, target in zip(found, class_ids, bboxes, targets, strict=True):
        expected = {20: 2, 72: 1, 0: 0}[int(roi[0])]
        assert class_id == expected
        assert not np.delete(bbox, class_id, axis=0).any() or class_id == 0
        if class_id == 0:
            assert not bbox.any() and not target.any()
            continue
        box = gt_boxes[0 if class_id == 2 else 1]
        moved = box_ops.decode(roi.astype(float), bbox[class_id] * config.BBOX_STD_DEV)
        np.testing.assert_allclose(moved, box, atol=1e-4)
        whole = expand_mask(roi[None], target[..., class_id : class_id + 1] > 0.5, (128, 128))
        real = masks[..., 0 if class_id == 2 else 1]
        inside = np.zeros_like(real)
        inside[roi[0] : roi[2], roi[1] : roi[3]] = True
        overlap = (whole[..., 0] & real).sum() / (whole[..., 0] | (real & inside)).sum()
        assert overlap > 0.9
    assert (class_ids > 0).sum() == 2 and (class_ids == 0).sum() == 18


def test_positive_rois_stay_within_their_share():
    rois = np.repeat([[20, 20, 60, 60]], 40, axis=0)
    rois[30:] = [0, 0, 9, 9]
    _, class_ids, _, _ = feeding.build_detection_targets(
        rois, np.array([1]), rois[:1], np.ones((28, 28, 1), bool), SmallConfig()
    )
    assert (class_ids == 1).sum() == int(20 * 0.33)
    with pytest.raises(ValueError, match="40 RoIs and 0 objects"):
        feeding.build_detection_targets(
            rois, np.array([0]), rois[:1], np.ones((28, 28, 1), bool), SmallConfig()
        )


# -- The older generator ---------------------------------------------------------------------------


def test_data_generator_goes_round_for_ever():
    generator = feeding.data_generator(Blocks([ONE, TWO, ONE]), SmallConfig(), shuffle=False)
    seen = []
    for _ in range(7):
        inputs, outputs = next(generator)
        assert len(inputs) == 7 and outputs == []
        assert len(inputs[0]) == 1
        seen.append(int(inputs[1][0, 0]))
    assert seen == [0, 1, 2, 0, 1, 2, 0]


def test_data_generator_with_rois_and_their_targets():
    config = SmallConfig()
    generator = feeding.data_generator(
        Blocks([ONE, TWO]), config, random_rois=50, batch_size=2, detection_targets=True
    )
    inputs, (class_ids, bboxes, masks) = next(generator)
    assert [array.shape for array in inputs[7:]] == [(2, 50, 4), (2, 20, 4)]
    assert class_ids.shape == (2, 20, 1) and bboxes.shape == (2, 20, 3, 4)
    assert masks.shape == (2, 20, 28, 28, 3)
    with pytest.raises(ValueError, match="say how many with random_rois"):
        feeding.data_generator(Blocks([ONE]), config, detection_targets=True)
