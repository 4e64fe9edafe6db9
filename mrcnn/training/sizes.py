"""How large the objects are that a training learns."""

from collections.abc import Callable

import keras
import numpy as np

from mrcnn import image_meta
from mrcnn.tiles import object_sides

# Batches of the first epoch that are looked at: thousands of objects tell as much as millions.
MOST_BATCHES = 1000


class ObjectSides(keras.callbacks.Callback):
    """Tells the sides of the objects after the first epoch, before its weights are written.

    Arguments:
        batches: the `Batches` of the training.
        tell: called with what `tiles.object_sides` returns.
    """

    def __init__(self, batches, tell: Callable[[dict | None], None]):
        super().__init__()
        self.batches, self.tell, self.seen = batches, tell, {}
        batches.watch = self._note

    def _note(self, index, batch):
        if index < MOST_BATCHES and index not in self.seen:
            there = batch["input_gt_class_ids"] > 0
            scale = image_meta.parse(batch["input_image_meta"])["scale"].reshape(-1, 1)
            scales = np.broadcast_to(scale, there.shape)[there]
            self.seen[index] = batch["input_gt_boxes"][there], scales

    def on_epoch_end(self, epoch, logs=None):
        if self.batches.watch is None:
            return
        self.batches.watch = None
        boxes, scales = zip(*(self.seen[index] for index in sorted(self.seen)), strict=True)
        self.tell(object_sides(np.concatenate(boxes), np.concatenate(scales)))
