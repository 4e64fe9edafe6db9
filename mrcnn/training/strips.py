"""The same few validation photos after every epoch, with what the network finds in them."""

import re
from pathlib import Path

import keras
import numpy as np

from mrcnn import pictures
from mrcnn.data.images import ImageError, read_image
from mrcnn.drawing import strips
from mrcnn.training import run_files
from mrcnn.training.callbacks import MASK_AP, Once

# What scores less is not drawn.
LEAST_SCORE = 0.5
# So many epochs, evenly spaced, are in the one picture.
MOST_ROWS = 12
ROW = re.compile(r"epoch_(\d{4,})\.jpg")
QUALITY = 90


class Strips(keras.callbacks.Callback):
    """Draws a strip of photos an epoch, and the annotation and the strips so far as one picture.

    The strips stay in the run's folder, so that a run that goes on has those of before. A fault is
    said once and ends nothing.

    Arguments:
        folder: of the run.
        class_names: the background's first.
        console: has `line(sentence)`.
        board: gets the strips too, a `TensorBoard`, or None.
    """

    def __init__(self, folder: str | Path, class_names: list[str], console, board=None):
        super().__init__()
        self.folder, self.class_names, self.board = Path(folder), class_names, board
        self.guard = Once(console, "What is found in validation photos cannot be drawn")
        self.cells = []

    def see(self, image, truth, found) -> None:
        """Take a photo of this epoch, its objects and what was found in it."""
        with self.guard:
            self.cells.append(strips.cell(image, truth, found, LEAST_SCORE))

    def on_epoch_begin(self, epoch, logs=None):
        self.cells = []

    def on_epoch_end(self, epoch, logs=None):
        if not self.cells:
            return
        with self.guard:
            self._draw(epoch, (logs or {}).get(MASK_AP))

    def _draw(self, epoch, score):
        words = [f"epoch {epoch + 1}", *([] if score is None else [f"AP {score:.3f}"])]
        photos = [(cell.image, cell.found) for cell in self.cells]
        strip = strips.strip(words, photos, self.class_names)
        folder = self.folder / run_files.STRIPS_FOLDER
        pictures.write(folder / f"epoch_{epoch + 1:04d}.jpg", strip, QUALITY)
        photos = [(cell.image, cell.truth) for cell in self.cells]
        rows = [strips.strip(["annotated"], photos, self.class_names)]
        for path in _evenly(_epochs(folder, epoch + 1)):
            try:
                rows.append(read_image(path))
            except ImageError:
                continue
        whole = strips.below_one_another(rows)
        pictures.write(self.folder / run_files.STRIPS_FILE, whole, QUALITY)
        if self.board:
            self.board.picture("validation photos", strip, epoch)


def _epochs(folder, last):
    """Return the strips of the epochs up to `last`, in their order."""
    matches = ((ROW.fullmatch(path.name), path) for path in folder.iterdir())
    numbered = sorted((int(match[1]), path) for match, path in matches if match)
    return [path for epoch, path in numbered if epoch <= last]


def _evenly(paths):
    count = min(len(paths), MOST_ROWS)
    return [paths[index] for index in np.linspace(0, len(paths) - 1, count).round().astype(int)]
