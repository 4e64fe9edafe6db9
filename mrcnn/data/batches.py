"""Batches: the samples of an epoch, in order, as the inputs of the network.

`DataGenerator` makes any batch of an epoch by its number, from any thread: all that is drawn for a
sample depends on the seed, the epoch and the sample's place in it alone.
"""

import functools
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from mrcnn.data import augment as augmenting
from mrcnn.data.dataset import Dataset, image_name
from mrcnn.data.inputs import Inputs
from mrcnn.data.resizing import ONE_SIZE
from mrcnn.data.samples import Sample, enlarged, load_resized, make_sample


class DataGenerator:
    """The batches of an epoch: `generator[i]` is a dict of arrays by the names of the inputs.

    With B images, A anchors and room for G objects, rows of zeros below them:

        input_image        float32 [B, height, width, C], the mean pixel subtracted
        input_image_meta   float32 [B, 12 + classes]
        input_rpn_match    int32 [B, A, 1]
        input_rpn_bbox     float32 [B, anchors_per_image, 4]
        input_gt_class_ids int32 [B, G]
        input_gt_boxes     int32 [B, G, 4], pixels
        input_gt_masks     bool [B, h, w, G], mini masks where they are asked for
        input_rois         int32 [B, N, 4], pixels; only with random RoIs

    An epoch has as many batches as take the data set once; the last one is filled up. With
    `shuffle` the images go round in random order without a break between epochs, so that each is
    used equally often; without it every epoch starts at the first image.

    A batch is as high and wide as its images at the most; smaller ones get zeros below and to the
    right. `one_size` tells that all batches have the same size.

    What is not as it should be is never passed over in silence. These dicts have the sentence by
    image id, and `report` is called with each sentence once:

        unusable          an image that cannot be loaded, and why; another one takes its place
        without_objects   an image left out because it has no objects (see `keep_negatives`)
        emptied           an image whose objects were all empty, or cut off or moved out by
                          augmentation, at least once; another took its place that time
        cut_down          an image with more objects than can be used; a random choice is each time
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        batch_size: int,
        channels: int,
        resizing: dict,
        mini_mask_shape: Sequence[int] | None,
        max_instances: int,
        max_positives: int,
        mean_pixel: Sequence[float],
        anchors: dict,
        rpn_targets: dict,
        random_rois: int = 0,
        shuffle: bool = True,
        augmentation=None,
        no_augmentation_sources: Sequence[str] = (),
        flip: bool = False,
        keep_negatives: bool = False,
        seed: int | None = None,
        share: tuple[int, int] = (0, 1),
        report: Callable[[str], None] = lambda sentence: None,
    ):
        """Make batches of a prepared `dataset`.

        Arguments:
            batch_size: images a batch, B.
            channels: of the images, C.
            resizing: keywords of `fit_image`.
            mini_mask_shape: (h, w), or None for masks of the image's size.
            max_instances: G.
            max_positives: the RoIs of an image that can teach the heads an object each.
            mean_pixel: `[C]`.
            anchors: keywords of `anchors.pyramid`.
            rpn_targets: keywords of `targets.rpn.rpn_targets`.
            random_rois: how many RoIs take the place of the RPN's proposals, if any.
            augmentation: a `Jitter`, an imgaug augmenter, or None.
            no_augmentation_sources: sources whose images are not augmented.
            flip: the older way to augment: left and right are swapped every other time.
            keep_negatives: train on images without objects too.
            seed: an int; by default every generator draws otherwise.
            share: (number from 0, how many): batches have that of so many equal parts of their
                images alone.

        Raises ValueError for a data set without images, TypeError for another pipeline.
        """
        if not len(dataset.image_ids):
            raise ValueError(f"the {type(dataset).__name__} has no images")
        if batch_size % share[1]:
            raise ValueError(f"a batch of {batch_size} images has no {share[1]} equal parts")
        if augmentation is not None:
            augmenting.check_pipeline(augmentation)
        self.dataset = dataset
        self.batch_size = batch_size
        self.resizing = {"channels": channels, "resizing": resizing, "empty_cuts": keep_negatives}
        self.mini_mask_shape = mini_mask_shape
        self.one_size = resizing["mode"] in ONE_SIZE
        self.max_instances, self.max_positives = max_instances, max_positives
        self.shuffle = shuffle
        self.augmentation = augmentation
        self.no_augmentation_sources = frozenset(no_augmentation_sources)
        self.flip = flip
        self.keep_negatives = keep_negatives
        self.share = share
        self.seed = np.random.SeedSequence().entropy if seed is None else seed
        self.report = report
        self.epoch = 0
        self.unusable: dict[int, str] = {}
        self.without_objects: dict[int, str] = {}
        self.emptied: dict[int, str] = {}
        self.cut_down: dict[int, str] = {}
        self._inputs = Inputs(max_instances, mean_pixel, anchors, rpn_targets, random_rois)
        self._noting = threading.Lock()
        # Of a turn and the next one, since batches are made ahead.
        self._order = functools.lru_cache(maxsize=2)(self._draw_order)

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

        Raises IndexError past the end of the epoch, and ValueError where no image can be used, and
        where more than half cannot be loaded.
        """
        return self.inputs(self.samples(epoch, index))

    def images_of(self, epoch: int, index: int) -> list[str]:
        """Return the names of the images of a batch; it loads them once more."""
        samples = self.samples(epoch, index)
        return [image_name(self.dataset, int(sample.meta[0])) for sample, _ in samples]

    def samples(self, epoch: int, index: int) -> list[tuple[Sample, np.random.Generator]]:
        """Return the samples of a batch, each with the generator for what is still drawn.

        Their images have one size.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of an epoch of {len(self)}")
        number, parts = self.share
        size = self.batch_size // parts
        first = index * self.batch_size + number * size
        found = [self._sample(epoch, place) for place in range(first, first + size)]
        size = np.max([sample.image.shape[:2] for sample, _ in found], axis=0)
        whole = self.mini_mask_shape is None
        return [(enlarged(sample, *size.tolist(), whole), rng) for sample, rng in found]

    def inputs(self, samples) -> dict[str, np.ndarray]:
        """Stack samples, each with its generator, to the inputs of the network."""
        for sample, _ in samples:
            count = len(sample.class_ids)
            sentence = f"{count} objects"
            if count > self.max_instances:
                sentence += f", a random {self.max_instances} are used each time (MAX_GT_INSTANCES)"
            if min(count, self.max_instances) > self.max_positives:
                sentence += (
                    f", the heads learn at most {self.max_positives} of these each time "
                    "(TRAIN_ROIS_PER_IMAGE * ROI_POSITIVE_RATIO)"
                )
            if count > min(self.max_instances, self.max_positives):
                self._note(self.cut_down, int(sample.meta[0]), sentence)
        return self._inputs.stack(samples)

    def summary(self) -> str:
        """Say in a sentence how many images were left out or cut down; empty if none."""
        total = len(self.dataset.image_ids)
        counts = [
            (self.unusable, "cannot be used"),
            (self.without_objects, "have no objects and were left out"),
            (self.emptied, "lost all their objects at least once"),
            (
                self.cut_down,
                f"have more than {min(self.max_instances, self.max_positives)} objects",
            ),
        ]
        return ", ".join(
            f"{len(images)} of {total} images {what}" for images, what in counts if images
        )

    # -- Samples -------------------------------------------------------------------------------

    def _sample(self, epoch, place):
        """Return the sample at a place of the epoch, or of the first other image that has one."""
        for attempt, image_id in enumerate(self._candidates(epoch, place)):
            if image_id in self.unusable or image_id in self.without_objects:
                continue
            # Its own generator an attempt: what threads have noted so far must not matter.
            rng = np.random.default_rng((self.seed, epoch, place, attempt))
            sample = self._load(int(image_id), rng)
            if sample is not None:
                return sample, rng
        noted = self.unusable | self.without_objects | self.emptied
        raise ValueError(
            f"no image of the {type(self.dataset).__name__} gives a sample with an object: "
            f"{self.summary()}; the first: {next(iter(noted.values()))}"
        )

    def _candidates(self, epoch, place) -> Iterator[int]:
        """Yield the image at a place of the epoch, then, where it is asked, all in random order."""
        image_ids = self.dataset.image_ids
        if self.shuffle:
            turn, at = divmod(epoch * len(self) * self.batch_size + place, len(image_ids))
            yield image_ids[self._order(turn)[at]]
        else:
            yield image_ids[place % len(image_ids)]
        yield from image_ids[
            np.random.default_rng((self.seed, epoch, place)).permutation(len(image_ids))
        ]

    def _draw_order(self, turn):
        return np.random.default_rng((self.seed, turn)).permutation(len(self.dataset.image_ids))

    def _load(self, image_id, rng):
        """Return the sample of an image, or None, with the reason noted."""
        augmented = self.dataset.image_info[image_id]["source"] not in self.no_augmentation_sources
        try:
            resized = load_resized(self.dataset, image_id, **self.resizing, rng=rng)
            if not self.keep_negatives and not (resized.class_ids > 0).any():
                self._note(self.without_objects, image_id, "no objects")
                return None
            sample = make_sample(
                resized,
                mini_mask_shape=self.mini_mask_shape,
                flip=self.flip and augmented,
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
