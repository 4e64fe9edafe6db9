"""What feeds the training network, under the older names, which take a Config.

The work is done in `mrcnn.data` and `mrcnn.targets`. Importing this loads neither Keras nor
TensorFlow.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from mrcnn import anchors, image_meta, settings
from mrcnn.data import batches, resizing
from mrcnn.data.samples import Sample, load_resized, make_sample
from mrcnn.targets import rois as roi_targets
from mrcnn.targets.rpn import rpn_targets

__all__ = [
    "DataGenerator",
    "build_detection_targets",
    "build_rpn_targets",
    "compose_image_meta",
    "compute_backbone_shapes",
    "data_generator",
    "generate_random_rois",
    "load_image_gt",
    "mold_image",
    "parse_image_meta",
    "unmold_image",
]


compose_image_meta = image_meta.compose


def parse_image_meta(meta):
    """Split rows of image meta `[B, 12 + K]` into arrays by name; all int32 but `scale`."""
    fields = image_meta.parse(np.asarray(meta))
    return {
        name: value.astype(np.float32 if name == "scale" else np.int32)
        for name, value in fields.items()
    }


def mold_image(images, config):
    """Return float32 images less `config.MEAN_PIXEL`: what the network wants."""
    return resizing.mold_image(images, config.MEAN_PIXEL)


def unmold_image(normalized_images, config):
    """Undo `mold_image`: uint8 images."""
    return resizing.unmold_image(normalized_images, config.MEAN_PIXEL)


def compute_backbone_shapes(config, image_shape) -> np.ndarray:
    """Return the (height, width) of the pyramid's levels, int `[L, 2]`, for an image shape."""
    told = settings.anchors(config)
    return anchors.level_shapes(image_shape, told["strides"], told["compute"])


def load_image_gt(
    dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False
) -> Sample:
    """Return (image, image_meta, class_ids, boxes, masks) of an image; see `Sample`.

    Arguments:
        dataset: a prepared `Dataset`.
        config: says how images are resized and how large mini masks are.
        image_id: one of `dataset.image_ids`.
        augment: the older way to flip left and right every other time; better is `augmentation`,
            which may also stand here.
        augmentation: a `Jitter` or an imgaug augmenter, for image and masks together.
        use_mini_mask: cut the masks to their boxes and shrink them to `MINI_MASK_SHAPE`.

    Objects that are empty, or that augmentation moved out of the image, are left out. Raises
    ValueError, which names the image, where image and masks do not fit each other.
    """
    if augment is not None and not isinstance(augment, bool | int | np.bool_):
        augment, augmentation = False, augment
    rng = np.random.default_rng()
    reading = {"channels": config.IMAGE_CHANNEL_COUNT, "resizing": settings.resizing(config)}
    return make_sample(
        load_resized(dataset, image_id, **reading, rng=rng),
        mini_mask_shape=config.MINI_MASK_SHAPE if use_mini_mask else None,
        flip=augment,
        augmentation=augmentation,
        rng=rng,
    )


def build_rpn_targets(image_shape, anchors, gt_class_ids, gt_boxes, config):
    """Return (rpn_match int32 `[A]`, rpn_bbox `[RPN_TRAIN_ANCHORS_PER_IMAGE, 4]`) of an image.

    `targets.rpn.rpn_targets` says what they are; `image_shape` is not needed for it.
    """
    options = settings.batches(config)["rpn_targets"]
    rng = np.random.default_rng()
    return rpn_targets(anchors, gt_class_ids, gt_boxes, **options, rng=rng)


def generate_random_rois(image_shape, count, gt_class_ids, gt_boxes) -> np.ndarray:
    """Return random RoIs, int32 `[count, 4]` in pixels; see `targets.rois.random_rois`."""
    return roi_targets.random_rois(image_shape, count, gt_boxes, np.random.default_rng())


def build_detection_targets(rpn_rois, gt_class_ids, gt_boxes, gt_masks, config):
    """Draw RoIs for the heads and return what the heads shall say of them.

    Arguments:
        rpn_rois: int `[M, 4]`; rows of zeros are padding.
        gt_class_ids: int `[G]`, positive; zeros are padding.
        gt_boxes: int `[G, 4]`.
        gt_masks: bool `[height, width, G]`, or mini masks `[h, w, G]` if `USE_MINI_MASK`.

    Returns, with N = `TRAIN_ROIS_PER_IMAGE`:
        rois: int32 `[N, 4]`.
        class_ids: int32 `[N]`, 0 where a RoI holds no object.
        bboxes: float32 `[N, K, 4]`, the deltas to the object, in the row of its class.
        masks: float32 `[N, *MASK_SHAPE, K]`, 0 or 1, likewise.
    """
    truth = gt_class_ids, gt_boxes, gt_masks
    return _detection_targets(rpn_rois, truth, config.IMAGE_SHAPE, config, np.random.default_rng())


def _detection_targets(rois, truth, image_shape, config, rng):
    return roi_targets.detection_targets(
        rois,
        *truth,
        num_classes=config.NUM_CLASSES,
        count=config.TRAIN_ROIS_PER_IMAGE,
        positive_ratio=config.ROI_POSITIVE_RATIO,
        bbox_std_dev=config.BBOX_STD_DEV,
        mask_shape=config.MASK_SHAPE,
        mini_masks_in=image_shape if config.USE_MINI_MASK else None,
        rng=rng,
    )


class DataGenerator(batches.DataGenerator):
    """`batches.DataGenerator` with the settings of a Config, its batches as of `data_generator`.

    `random_rois`, `batch_size`: the Config's where they are not given. `augment` is the older way
    to flip left and right every other time.
    """

    def __init__(
        self,
        dataset,
        config,
        shuffle=True,
        augmentation=None,
        random_rois=0,
        no_augmentation_sources=None,
        *,
        augment=False,
        batch_size=None,
        **options,
    ):
        given = {"batch_size": batch_size, "random_rois": random_rois}
        keywords = settings.batches(config) | {name: n for name, n in given.items() if n}
        super().__init__(
            dataset,
            **keywords,
            shuffle=shuffle,
            augmentation=augmentation,
            no_augmentation_sources=no_augmentation_sources or (),
            flip=augment,
            **options,
        )

    def __getitem__(self, idx: int) -> tuple[list[np.ndarray], list]:
        """Return batch `idx` of the running epoch, its arrays in the order of the class above, and
        no outputs."""
        return list(self.batch(self.epoch, idx).values()), []


def data_generator(
    dataset,
    config,
    shuffle=True,
    augment=False,
    augmentation=None,
    random_rois=0,
    batch_size=1,
    detection_targets=False,
    no_augmentation_sources=None,
) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Yield (inputs, outputs) without end; the arrays of `DataGenerator` as lists, in its order.

    With `random_rois` the inputs end with that many RoIs an image; with `detection_targets` in
    addition with the RoIs drawn from them, and the outputs are the class ids `[B, N, 1]`, deltas
    `[B, N, K, 4]` and masks `[B, N, h, w, K]` of these (see `build_detection_targets`).
    Raises ValueError for `detection_targets` without `random_rois`.
    """
    if detection_targets and not random_rois:
        raise ValueError("detection_targets are made for RoIs: say how many with random_rois")
    wanted = dataset, config, shuffle, augmentation, random_rois, no_augmentation_sources
    generator = DataGenerator(*wanted, augment=augment, batch_size=batch_size)
    return _endless(generator, config if detection_targets else None)


def _endless(generator, config):
    for epoch in itertools.count():
        for index in range(len(generator)):
            samples = generator.samples(epoch, index)
            inputs, outputs = generator.inputs(samples), []
            if config is not None:
                targets = []
                for (sample, rng), rois in zip(samples, inputs["input_rois"], strict=True):
                    truth = sample.class_ids, sample.boxes, sample.masks
                    shape = sample.image.shape
                    targets.append(_detection_targets(rois, truth, shape, config, rng))
                inputs["rois"], class_ids, *outputs = map(np.stack, zip(*targets, strict=True))
                # Keras wants as many dimensions in an output as in its target.
                outputs.insert(0, class_ids[..., None])
            yield list(inputs.values()), outputs
