"""Comparing what a model finds in the images of a data set with their annotation."""

from collections.abc import Callable, Sequence

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.data.samples import load_annotated
from mrcnn.detections import Detections
from mrcnn.evaluation.confusion import Scene
from mrcnn.evaluation.evaluation import Evaluation


def evaluate(
    detector,
    dataset: Dataset,
    progress: Callable[[int, int], None] = lambda done, total: None,
    image_ids: Sequence[int] | None = None,
    channels: int = 3,
    each: Callable[[Scene, np.ndarray, Detections, Detections], None] = lambda *_: None,
) -> Evaluation:
    """Compare what a `Detector` finds in the images of a prepared `Dataset` with their annotation.

    For average precision it should keep detections of low scores too; the classes of both have the
    same ids. `progress` is called with (images done, of how many). `image_ids` are all of them
    unless given; they are known to the Evaluation by `dataset.image_reference`, with
    `channels`. `each` is given what the evaluation keeps of an image, the image, its objects and
    what was found. Raises ValueError, which names the image, for one that cannot be read or whose
    masks do not fit.
    """
    image_ids = dataset.image_ids if image_ids is None else image_ids
    evaluation = Evaluation(dataset.class_names)
    for done, image_id in enumerate(image_ids, start=1):
        image, truth = load_truth(dataset, image_id, channels)
        (found,) = detector.detect([image])
        scene = evaluation.add(dataset.image_reference(image_id), truth, found)
        each(scene, image, truth, found)
        progress(done, len(image_ids))
    return evaluation


def load_truth(dataset: Dataset, image_id: int, channels: int = 3) -> tuple[np.ndarray, Detections]:
    """Return an image and its objects; those of crowds have negative class ids."""
    image, truth = load_annotated(dataset, image_id, channels)
    # An object that lies outside the image can neither be found nor missed.
    return image, truth.where(truth.areas > 0)
