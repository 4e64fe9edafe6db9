"""The score by which the best epoch of a training is chosen: mask AP of the validation set."""

import copy
import time
from collections.abc import Callable

import keras
import numpy as np

from mrcnn import devices
from mrcnn.detector import Detector
from mrcnn.evaluation.coco_ap import LEAST_SCORE
from mrcnn.evaluation.measure import evaluate
from mrcnn.nn import network
from mrcnn.nn.blocks import leaf_layers
from mrcnn.progress import duration

BEST_BY = ("ap", "loss")
# Of fewer images a mean says little.
FEWEST_IMAGES = 20
TIMED_IMAGES = 3
WATCHED_IMAGES = 5


def make(best_by: str, trained, config, dataset, say: Callable[[str], None]):
    """Return the `MaskAP` that decides which epoch is best; None where the loss does.

    Arguments:
        best_by: one of BEST_BY, else ValueError.
        trained, config, say: as of `MaskAP`.
        dataset: a prepared `Dataset` to validate on, or None.
    """
    if best_by not in BEST_BY:
        raise ValueError(f"best_by is {best_by!r}, it must be one of {', '.join(BEST_BY)}")
    return MaskAP(trained, config, dataset, say) if best_by == "ap" and dataset else None


class MaskAP:
    """Mask average precision, as COCO defines it, of a network that is being trained.

    Arguments:
        trained: the training network.
        config: its Config.
        dataset: the prepared `Dataset` to validate on.
        say: called with a sentence where not all of its images are taken.

    Where all images would take longer than an epoch's steps, an evenly spaced part of them is
    taken, FEWEST_IMAGES at least. `count` is how many, None until the first call has measured it:
    whoever goes on with a run sets it, since scores of other images cannot be compared. `watch` is
    called with image, objects and detections of a few of them, always the same.
    """

    def __init__(self, trained, config, dataset, say: Callable[[str], None]):
        self.trained, self.dataset, self.say = trained, dataset, say
        self.config = copy.copy(config)
        self.config.GPU_COUNT = self.config.IMAGES_PER_GPU = self.config.BATCH_SIZE = 1
        self.config.DETECTION_MIN_CONFIDENCE = LEAST_SCORE
        # Random cuts are for training; who learned from them looks at tiles.
        self.learning, self.tiles = config, config.IMAGE_RESIZE_MODE == "crop"
        if self.tiles:
            self.config.IMAGE_RESIZE_MODE = "square"
            self.config.IMAGE_MAX_DIM = config.IMAGE_MIN_DIM
        self.count = None
        self.detector = None
        self.watch = lambda image, truth, found: None

    def __call__(self, seconds: float) -> float | None:
        """Return the AP of the weights of this moment, 0..1; None where no image has an object.

        `seconds` is what an epoch's steps take. Raises ValueError for what cannot be measured.
        """
        with devices.alone():
            return self._score(seconds)

    def _score(self, seconds):
        if self.detector is None:
            # All its weights are copied.
            model = network.build("inference", self.config, random_weights=False)
            self.detector = Detector(model, self.config, fade=False)
            self.detector.looking["tiles"] = self.tiles
        copy_weights(self.trained, self.detector.network)
        # Known after the first epoch; the side of a tile follows from it.
        self.config.OBJECT_SIDES = self.learning.OBJECT_SIDES
        image_ids = self.dataset.image_ids
        if self.count is None:
            self.count = self._affordable(seconds)
        count = min(self.count, len(image_ids))
        image_ids = image_ids[_evenly(len(image_ids), count)]
        few = image_ids[_evenly(count, min(count, WATCHED_IMAGES))]
        watched = {self.dataset.image_reference(image_id) for image_id in few}

        def each(scene, image, truth, found):
            if scene.image_id in watched:
                self.watch(image, truth, found)

        return self._evaluate(image_ids, each=each).summary()["mask"]["AP"]

    def _evaluate(self, image_ids, **options):
        options["channels"] = self.config.IMAGE_CHANNEL_COUNT
        return evaluate(self.detector, self.dataset, image_ids=image_ids, **options)

    def _affordable(self, seconds):
        """Return how many images are detected in that time."""
        total = len(self.dataset.image_ids)
        if total <= FEWEST_IMAGES:
            return total
        image_ids = self.dataset.image_ids[_evenly(total, TIMED_IMAGES)]
        # The first time compiles.
        self._evaluate(image_ids)
        start = time.perf_counter()
        self._evaluate(image_ids)
        each = (time.perf_counter() - start) / TIMED_IMAGES
        count = int(min(total, max(FEWEST_IMAGES, seconds / each)))
        if count < total:
            self.say(
                f"The validation AP is that of {count} of {total} images, evenly spaced: an image "
                f"takes {duration(each)}, and all would take longer than an epoch's steps"
            )
        return count


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Give a network the weights of another one of the same Config; ValueError where it is not."""
    of_source = {names: leaf.weights for leaf, names in leaf_layers(source)}
    for leaf, names in leaf_layers(target):
        if leaf.weights and names not in of_source:
            raise ValueError(
                f"the layer {leaf.name} has another name each time that it is built: give the "
                "layers of the backbone names"
            )
        for own, theirs in zip(leaf.weights, of_source.get(names, ()), strict=True):
            own.assign(np.asarray(theirs))


def _evenly(total, count):
    return np.linspace(0, total - 1, count).round().astype(int)
