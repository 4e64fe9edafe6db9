"""Batches: samples, with their RPN targets, padded and stacked to the inputs of the network.

`DataGenerator` makes any batch of an epoch by its number, from any thread: all that is drawn for a
sample depends on the seed, the epoch and the sample's place in it alone.
"""

import itertools
import threading
from collections.abc import Callable, Iterator

import numpy as np

from mrcnn.data import augment as augmenting
from mrcnn.data.anchors import compute_backbone_shapes, generate_pyramid_anchors, rpn_targets
from mrcnn.data.images import mold_image
from mrcnn.data.samples import (
    Sample,
    image_name,
    load_annotated,
    load_image_gt,
    make_sample,
    resizing_of,
)
from mrcnn.targets.rois import (
    build_detection_targets,
    detection_targets,
    generate_random_rois,
    random_rois,
)

__all__ = [
    "DataGenerator",
    "build_detection_targets",
    "build_rpn_targets",
    "data_generator",
    "generate_random_rois",
    "load_image_gt",
]


def build_rpn_targets(image_shape, anchors, gt_class_ids, gt_boxes, config):
    """Return (rpn_match int32 `[A]`, rpn_bbox `[RPN_TRAIN_ANCHORS_PER_IMAGE, 4]`) of an image.

    `mrcnn.data.anchors.rpn_targets` says what they are; `image_shape` is not needed for it.
    """
    return _rpn_targets(anchors, gt_class_ids, gt_boxes, config, np.random.default_rng())


def _rpn_targets(anchors, gt_class_ids, gt_boxes, config, rng):
    return rpn_targets(
        anchors,
        gt_class_ids,
        gt_boxes,
        anchors_per_image=config.RPN_TRAIN_ANCHORS_PER_IMAGE,
        bbox_std_dev=config.RPN_BBOX_STD_DEV,
        rng=rng,
    )


class DataGenerator:
    """The batches of an epoch: `generator[i]` is a dict of arrays by the names of the inputs.

    With B images, A anchors and G = `MAX_GT_INSTANCES`, rows of zeros below the objects:

        input_image        float32 [B, height, width, C], the mean pixel subtracted
        input_image_meta   float32 [B, 12 + classes]
        input_rpn_match    int32 [B, A, 1]
        input_rpn_bbox     float32 [B, RPN_TRAIN_ANCHORS_PER_IMAGE, 4]
        input_gt_class_ids int32 [B, G]
        input_gt_boxes     int32 [B, G, 4], pixels
        input_gt_masks     bool [B, h, w, G], mini masks if `USE_MINI_MASK`
        input_rois         int32 [B, N, 4], pixels; only with random RoIs

    An epoch has as many batches as take the data set once; the last one is filled up. With
    `shuffle` the images go round in random order without a break between epochs, so that each is
    used equally often; without it every epoch starts at the first image.

    What is not as it should be is never passed over in silence. These dicts have the sentence by
    image id, and `report` is called with each sentence once:

        unusable          an image that cannot be loaded, and why; another one takes its place
        without_objects   an image left out because it has no objects (see `keep_negatives`)
        emptied           an image whose objects were all empty, or cut off or moved out by
                          augmentation, at least once; another took its place that time
        cut_down          an image with more than `MAX_GT_INSTANCES` objects; a random choice is
                          used each time
    """

    def __init__(
        self,
        dataset,
        config,
        shuffle: bool = True,
        augmentation=None,
        random_rois: int = 0,
        no_augmentation_sources=None,
        *,
        augment: bool = False,
        batch_size: int | None = None,
        keep_negatives: bool = False,
        seed: int | None = None,
        report: Callable[[str], None] = lambda sentence: None,
    ):
        """Make batches of a prepared `dataset`.

        Arguments:
            augmentation: an imgaug augmenter, or None.
            random_rois: how many RoIs take the place of the RPN's proposals; where it is 0 and
                `USE_RPN_ROIS` is False, `POST_NMS_ROIS_TRAINING`.
            no_augmentation_sources: sources whose images are not augmented.
            augment: the older way to flip left and right every other time.
            batch_size: images a batch, `config.BATCH_SIZE` by default.
            keep_negatives: train on images without objects too.
            seed: an int; by default every generator draws otherwise.

        Raises ValueError for a data set without images, TypeError for a pipeline not imgaug's.
        """
        if not len(dataset.image_ids):
            raise ValueError(f"the {type(dataset).__name__} has no images")
        if augmentation is not None:
            augmenting.check_pipeline(augmentation)
        if not random_rois and not config.USE_RPN_ROIS:
            random_rois = config.POST_NMS_ROIS_TRAINING
        self.dataset = dataset
        self.config = config
        self.shuffle = shuffle
        self.augmentation = augmentation
        self.random_rois = random_rois
        self.no_augmentation_sources = frozenset(no_augmentation_sources or ())
        self.augment = augment
        self.batch_size = batch_size or config.BATCH_SIZE
        self.keep_negatives = keep_negatives
        self.seed = np.random.SeedSequence().entropy if seed is None else seed
        self.report = report
        self.epoch = 0
        self.unusable: dict[int, str] = {}
        self.without_objects: dict[int, str] = {}
        self.emptied: dict[int, str] = {}
        self.cut_down: dict[int, str] = {}
        self._noting = threading.Lock()
        self._anchors: dict[tuple, np.ndarray] = {}

    def __len__(self) -> int:
        """The batches of an epoch."""
        return -(-len(self.dataset.image_ids) // self.batch_size)

    def on_epoch_end(self):
        """Go on to the next epoch; or set `epoch`."""
        self.epoch += 1

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Return batch `index` of the running epoch; IndexError past its end."""
        return self.batch(self.epoch, index)

    def batch(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        """Return batch `index` of an epoch, the same each time.

        Raises IndexError past the end of the epoch, and ValueError where images of one batch
        differ in size, where no image can be used, and where more than half cannot be loaded.
        """
        return self.inputs(self.samples(epoch, index))

    def images_of(self, epoch: int, index: int) -> list[str]:
        """Return the names of the images of a batch; it loads them once more."""
        samples = self.samples(epoch, index)
        return [image_name(self.dataset, int(sample.meta[0])) for sample, _ in samples]

    def samples(self, epoch: int, index: int) -> list[tuple[Sample, np.random.Generator]]:
        """Return the samples of a batch, each with the generator for what is still drawn."""
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of an epoch of {len(self)}")
        first = index * self.batch_size
        return [self._sample(epoch, place) for place in range(first, first + self.batch_size)]

    def inputs(self, samples) -> dict[str, np.ndarray]:
        """Stack samples, each with its generator, to the inputs of the network."""
        shapes = {sample.image.shape for sample, _ in samples}
        if len(shapes) > 1:
            raise ValueError(
                f"the images of one batch have the sizes {sorted(shapes)}: use IMAGE_RESIZE_MODE "
                '"square", or IMAGES_PER_GPU = 1'
            )
        batch = self._empty_inputs(len(samples), samples[0][0])
        for index, (sample, rng) in enumerate(samples):
            self._fill({name: array[index] for name, array in batch.items()}, sample, rng)
        return batch

    def summary(self) -> str:
        """Say in a sentence how many images were left out or cut down; empty if none."""
        total = len(self.dataset.image_ids)
        counts = [
            (self.unusable, "cannot be used"),
            (self.without_objects, "have no objects and were left out"),
            (self.emptied, "lost all their objects at least once"),
            (self.cut_down, f"have more than {self.config.MAX_GT_INSTANCES} objects"),
        ]
        return ", ".join(
            f"{len(images)} of {total} images {what}" for images, what in counts if images
        )

    # -- Samples -------------------------------------------------------------------------------

    def _sample(self, epoch, place):
        """Return the sample at a place of the epoch, or of the first other image that has one."""
        image_ids = self.dataset.image_ids
        key = (self.seed, epoch, place)
        others = np.random.default_rng(key).permutation(len(image_ids))
        candidates = itertools.chain([self._image_at(epoch, place)], (image_ids[i] for i in others))
        for attempt, image_id in enumerate(candidates):
            if image_id in self.unusable or image_id in self.without_objects:
                continue
            # Its own generator an attempt: what threads have noted so far must not matter.
            rng = np.random.default_rng((*key, attempt))
            sample = self._load(int(image_id), rng)
            if sample is not None:
                return sample, rng
        noted = self.unusable | self.without_objects | self.emptied
        raise ValueError(
            f"no image of the {type(self.dataset).__name__} gives a sample with an object: "
            f"{self.summary()}; the first: {next(iter(noted.values()))}"
        )

    def _image_at(self, epoch, place):
        image_ids = self.dataset.image_ids
        if not self.shuffle:
            return image_ids[place % len(image_ids)]
        place += epoch * len(self) * self.batch_size
        turn, place = divmod(place, len(image_ids))
        order = np.random.default_rng((self.seed, turn)).permutation(len(image_ids))
        return image_ids[order[place]]

    def _load(self, image_id, rng):
        """Return the sample of an image, or None, with the reason noted."""
        config = self.config
        augmented = self.dataset.image_info[image_id]["source"] not in self.no_augmentation_sources
        try:
            annotated = load_annotated(self.dataset, image_id, config.IMAGE_CHANNEL_COUNT)
            if not self.keep_negatives and not (annotated[2] > 0).any():
                self._note(self.without_objects, image_id, "no objects")
                return None
            sample = make_sample(
                self.dataset,
                image_id,
                *annotated,
                resizing=resizing_of(config),
                mini_mask_shape=config.MINI_MASK_SHAPE if config.USE_MINI_MASK else None,
                flip=self.augment and augmented,
                augmentation=self.augmentation if augmented else None,
                rng=rng,
            )
        # Whatever a data set of the user's own raises for one image must not end a long training;
        # when it does so for most of them, it is the program that is wrong.
        except Exception as error:
            self._note(self.unusable, image_id, str(error) or type(error).__name__)
            if 2 * len(self.unusable) > len(self.dataset.image_ids):
                raise ValueError(f"{self.summary()}; the last: {error}") from error
            return None
        if not self.keep_negatives and not (sample.class_ids > 0).any():
            self._note(self.emptied, image_id, "its objects were empty, cut off or moved out")
            return None
        return sample

    def _note(self, notes, image_id, sentence):
        name = image_name(self.dataset, image_id)
        sentence = sentence if name in sentence else f"{name}: {sentence}"
        with self._noting:
            if image_id in notes:
                return
            notes[image_id] = sentence
        self.report(sentence)

    # -- Inputs --------------------------------------------------------------------------------

    def _empty_inputs(self, count, sample):
        config = self.config
        objects = config.MAX_GT_INSTANCES
        anchors = len(self._anchors_of(sample.image.shape))
        shapes = {
            "input_image": (sample.image.shape, np.float32),
            "input_image_meta": (sample.meta.shape, np.float32),
            "input_rpn_match": ((anchors, 1), np.int32),
            "input_rpn_bbox": ((config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4), np.float32),
            "input_gt_class_ids": ((objects,), np.int32),
            "input_gt_boxes": ((objects, 4), np.int32),
            "input_gt_masks": ((*sample.masks.shape[:2], objects), bool),
        }
        if self.random_rois:
            shapes["input_rois"] = ((self.random_rois, 4), np.int32)
        return {name: np.zeros((count, *shape), dtype) for name, (shape, dtype) in shapes.items()}

    def _fill(self, row, sample, rng):
        """Write a sample into the inputs of one image, which are zeros."""
        config = self.config
        row["input_image"][:] = mold_image(sample.image, config.MEAN_PIXEL)
        row["input_image_meta"][:] = sample.meta
        row["input_rpn_match"][:, 0], row["input_rpn_bbox"][:] = _rpn_targets(
            self._anchors_of(sample.image.shape), sample.class_ids, sample.boxes, config, rng
        )
        chosen = self._choose(sample, rng)
        row["input_gt_class_ids"][: len(chosen)] = sample.class_ids[chosen]
        row["input_gt_boxes"][: len(chosen)] = sample.boxes[chosen]
        row["input_gt_masks"][..., : len(chosen)] = sample.masks[..., chosen]
        if self.random_rois:
            row["input_rois"][:] = random_rois(
                sample.image.shape, self.random_rois, sample.boxes, rng
            )

    def _choose(self, sample, rng):
        """Return the indices of the objects to train on, at most `MAX_GT_INSTANCES`."""
        count, limit = len(sample.class_ids), self.config.MAX_GT_INSTANCES
        if count <= limit:
            return np.arange(count)
        sentence = f"{count} objects, a random {limit} are used each time (MAX_GT_INSTANCES)"
        self._note(self.cut_down, int(sample.meta[0]), sentence)
        return np.sort(rng.choice(count, limit, replace=False))

    def _anchors_of(self, image_shape):
        if image_shape not in self._anchors:
            config = self.config
            anchors = generate_pyramid_anchors(
                config.RPN_ANCHOR_SCALES,
                config.RPN_ANCHOR_RATIOS,
                compute_backbone_shapes(config, image_shape),
                config.BACKBONE_STRIDES,
                config.RPN_ANCHOR_STRIDE,
            )
            # Column by column in memory, as `rpn_targets` reads them: 5 ms an image, not 12.
            self._anchors[image_shape] = np.asfortranarray(anchors)
        return self._anchors[image_shape]


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
    generator = DataGenerator(
        dataset,
        config,
        shuffle,
        augmentation,
        random_rois,
        no_augmentation_sources,
        augment=augment,
        batch_size=batch_size,
    )
    return _endless(generator, detection_targets)


def _endless(generator, with_targets):
    for epoch in itertools.count():
        for index in range(len(generator)):
            samples = generator.samples(epoch, index)
            inputs = generator.inputs(samples)
            outputs = []
            if with_targets:
                targets = [
                    _targets(sample, rois, generator.config, rng)
                    for (sample, rng), rois in zip(samples, inputs["input_rois"], strict=True)
                ]
                rois, class_ids, *outputs = (np.stack(part) for part in zip(*targets, strict=True))
                inputs["rois"] = rois
                # Keras wants as many dimensions in an output as in its target.
                outputs.insert(0, class_ids[..., None])
            yield list(inputs.values()), outputs


def _targets(sample, rois, config, rng):
    return detection_targets(
        rois,
        sample.class_ids,
        sample.boxes,
        sample.masks,
        num_classes=config.NUM_CLASSES,
        count=config.TRAIN_ROIS_PER_IMAGE,
        positive_ratio=config.ROI_POSITIVE_RATIO,
        bbox_std_dev=config.BBOX_STD_DEV,
        mask_shape=config.MASK_SHAPE,
        mini_masks_in=sample.image.shape if config.USE_MINI_MASK else None,
        rng=rng,
    )
