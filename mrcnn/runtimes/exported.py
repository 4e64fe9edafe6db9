"""An exported network in the place of the one that Keras built."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mrcnn import image_meta
from mrcnn.runtimes.description import read
from mrcnn.runtimes.formats import FORMATS, load, require


class Exported:
    """What a `Detector` takes where it takes a network; it needs neither Keras nor TensorFlow.

    Arguments:
        path: the `model.json` of an export.
        device: "cpu", "gpu", "gpu:1", or None for the processor.
        precision: "float32", "bfloat16" or "auto", where the runtime has a choice.
        max_instances: the most objects of an image, where those of the file are too many.
        runner: what runs it, where that is no module of this room.

    Raises `description.ExportError`, or ValueError where a package or a device is missing.
    """

    def __init__(
        self,
        path: str | Path,
        device: str | None = None,
        precision: str = "auto",
        max_instances: int | None = None,
        runner: object | None = None,
    ):
        path = Path(path)
        self.description = read(path)
        self._count = max_instances
        form = FORMATS[self.description.format]
        if runner:
            self._runner = runner
            return
        if form.runs is None:
            raise ValueError(
                f"{path.parent} is a {form.title}, which is for TensorFlow Serving: here use the "
                "weights that it was made of"
            )
        require(self.description.format, running=True)
        self._runner = load(self.description.format).Runner(
            path.parent / form.file, device, precision
        )

    @property
    def name(self) -> str:
        """What runs it, and on what."""
        return self._runner.name

    def compiled(self, shape: tuple[int, int, int]) -> Callable:
        """Return it as a function of arrays for one molded shape; see `nn.network.compiled`."""
        fixed = self.description.image_shape
        if fixed and list(shape[:2]) != fixed:
            raise ValueError(
                f"this exported network takes images of {fixed[0]} x {fixed[1]}, not "
                f"{shape[0]} x {shape[1]}: export one with --image-size"
            )
        run = self._runner.compiled(shape)

        def function(images, image_metas, min_confidence=0.0):
            windows = image_meta.window(np.asarray(image_metas)).astype(np.float32)
            least = np.array([min_confidence], np.float32)
            images = np.asarray(images, np.float32)
            each = [
                _rows(*run(image[None], window[None], least), least, self._count)
                for image, window in zip(images, windows, strict=True)
            ]
            return tuple(np.stack(part) for part in zip(*each, strict=True))

        return function


def _rows(boxes, class_ids, scores, masks, min_confidence, count):
    """Return the detections `[N, 6]` and masks `[N, h, w]` of one image from what a file gives.

    It gives masks of the best objects alone, those that score `min_confidence`.
    """
    columns = boxes[0], class_ids[0][:, None], scores[0][:, None]
    rows = np.concatenate(columns, axis=1).astype(np.float32)[:count]
    own = np.zeros((len(rows), *masks.shape[2:]), np.float32)
    wanted = np.flatnonzero((rows[:, 4] > 0) & (rows[:, 5] >= min_confidence))
    own[wanted] = masks[0][wanted]
    return rows, own
