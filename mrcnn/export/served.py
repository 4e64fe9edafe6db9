"""Running a SavedModel in TensorFlow, to compare it; elsewhere TensorFlow Serving does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mrcnn.runtimes.formats import FORMATS, OUTPUTS


class Runner:
    """A network in a SavedModel, as the runners of `runtimes`."""

    def __init__(self, folder: Path):
        import tensorflow as tf

        # Kept: its function does not keep its variables alive.
        self._loaded = tf.saved_model.load(str((folder / FORMATS["savedmodel"].file).parent))
        self._run = self._loaded.signatures["serving_default"]

    def compiled(self, shape: tuple[int, int, int]) -> Callable:
        """Return the network as a function of (image, window, min_confidence)."""
        import tensorflow as tf

        def function(image, window, min_confidence):
            found = self._run(
                image=tf.constant(image),
                window=tf.constant(window),
                min_confidence=tf.constant(min_confidence),
            )
            return [np.asarray(found[name]) for name in OUTPUTS]

        return function
