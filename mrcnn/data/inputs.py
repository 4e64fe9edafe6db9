"""The inputs of the training network: samples, with their RPN targets, padded and stacked."""

from collections.abc import Sequence

import numpy as np

from mrcnn import anchors as anchoring
from mrcnn.data.resizing import mold_image
from mrcnn.data.samples import Sample
from mrcnn.targets.rois import random_rois
from mrcnn.targets.rpn import rpn_targets


class Inputs:
    """Stacks samples. For the arguments and the arrays see `batches.DataGenerator`."""

    def __init__(
        self,
        max_instances: int,
        mean_pixel: Sequence[float],
        anchors: dict,
        targets: dict,
        num_rois: int,
    ):
        self.max_instances = max_instances
        self.mean_pixel = mean_pixel
        self.anchors = anchors
        self.targets = targets
        self.num_rois = num_rois
        self._pyramids: dict[tuple, np.ndarray] = {}

    def stack(self, samples: Sequence[tuple[Sample, np.random.Generator]]) -> dict[str, np.ndarray]:
        """Return the inputs of samples of one size, each with the generator for what is drawn."""
        batch = self._empty(len(samples), samples[0][0])
        for index, (sample, rng) in enumerate(samples):
            self._fill({name: array[index] for name, array in batch.items()}, sample, rng)
        return batch

    def _empty(self, count, sample):
        objects = self.max_instances
        anchors = len(self._pyramid(sample.image.shape))
        shapes = {
            "input_image": (sample.image.shape, np.float32),
            "input_image_meta": (sample.meta.shape, np.float32),
            "input_rpn_match": ((anchors, 1), np.int32),
            "input_rpn_bbox": ((self.targets["anchors_per_image"], 4), np.float32),
            "input_gt_class_ids": ((objects,), np.int32),
            "input_gt_boxes": ((objects, 4), np.int32),
            "input_gt_masks": ((*sample.masks.shape[:2], objects), bool),
        }
        if self.num_rois:
            shapes["input_rois"] = ((self.num_rois, 4), np.int32)
        return {name: np.zeros((count, *shape), dtype) for name, (shape, dtype) in shapes.items()}

    def _fill(self, row, sample, rng):
        """Write a sample into the inputs of one image, which are zeros."""
        row["input_image"][:] = mold_image(sample.image, self.mean_pixel)
        row["input_image_meta"][:] = sample.meta
        anchors = self._pyramid(sample.image.shape)
        row["input_rpn_match"][:, 0], row["input_rpn_bbox"][:] = rpn_targets(
            anchors, sample.class_ids, sample.boxes, **self.targets, rng=rng
        )
        chosen = np.arange(len(sample.class_ids))
        if len(chosen) > self.max_instances:
            chosen = np.sort(rng.choice(len(chosen), self.max_instances, replace=False))
        row["input_gt_class_ids"][: len(chosen)] = sample.class_ids[chosen]
        row["input_gt_boxes"][: len(chosen)] = sample.boxes[chosen]
        row["input_gt_masks"][..., : len(chosen)] = sample.masks[..., chosen]
        if self.num_rois:
            row["input_rois"][:] = random_rois(sample.image.shape, self.num_rois, sample.boxes, rng)

    def _pyramid(self, image_shape):
        if image_shape not in self._pyramids:
            anchors = anchoring.pyramid(image_shape, **self.anchors)
            # Column by column in memory, as `rpn_targets` reads them: 5 ms an image, not 12.
            self._pyramids[image_shape] = np.asfortranarray(anchors)
        return self._pyramids[image_shape]
