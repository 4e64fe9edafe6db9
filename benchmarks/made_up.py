"""Networks, photos and objects to measure with: their content is made up, their sizes are not."""

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mrcnn import pictures
from mrcnn.config import Config
from mrcnn.data.dataset import Dataset

NUM_CLASSES = 81
PRECISIONS = ("float32", "bfloat16")
RESNETS = ("resnet50", "resnet101")
SMALL = "efficientnet_lite0"
# The ResNets have the widths of the published weights.
SMALL_WIDTHS = {
    "TOP_DOWN_PYRAMID_SIZE": 64,
    "RPN_CONV_LAYER_SIZE": 64,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 256,
    "MASK_CONV_LAYERS_SIZE": 64,
}
CLASS_NAMES = ["BG", *(f"thing {number}" for number in range(1, NUM_CLASSES))]


@contextlib.contextmanager
def weights_folder(given: Path | None = None) -> Iterator[Path]:
    """Yield the folder of weights: the given one, or one that is removed afterwards."""
    if given:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def weights(folder: Path, backbone: str) -> Path | None:
    """Return a file of the published layout, made where it is missing; None for `SMALL`.

    Its numbers are made up, but scaled so that values stay what they are in a trained network and
    there are proposals and detections. (Made so, the file is the same on every machine.)
    """
    if backbone not in RESNETS:
        return None
    from tests.conformance import make_weights

    path = folder / f"{backbone}.h5"
    if not path.exists():
        make_weights.write(backbone, path, NUM_CLASSES)
    return path


def config(backbone: str, precision: str, side: int, **settings) -> Config:
    """Return the Config of a network for one square image of `side` pixels a batch.

    It detects whatever it sees, up to `DETECTION_MAX_INSTANCES`.
    """
    attributes = {
        "NAME": "benchmark",
        "BACKBONE": backbone,
        "PRECISION": precision,
        "NUM_CLASSES": NUM_CLASSES,
        "IMAGES_PER_GPU": 1,
        "IMAGE_MIN_DIM": side,
        "IMAGE_MAX_DIM": side,
        "DETECTION_MIN_CONFIDENCE": 0,
        **(SMALL_WIDTHS if backbone == SMALL else {}),
        **settings,
    }
    return type("BenchmarkConfig", (Config,), attributes)()


def model(mode: str, network_config: Config, folder: Path):
    """Return a `MaskRCNN` with made-up weights; see `weights`."""
    from mrcnn.model import MaskRCNN

    made = MaskRCNN(mode, network_config, str(folder))
    path = weights(folder, network_config.BACKBONE)
    if path:
        with contextlib.redirect_stdout(io.StringIO()):
            made.load_weights(str(path), by_name=True)
    return made


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return a picture, uint8 RGB `[height, width, 3]`, with about the detail of a photo.

    It is noise of all scales, the finer the fainter, as in photos; a JPEG of it has 1 to 2 bits a
    pixel.
    """
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 128, np.float32)
    strength, cells = 60.0, 4
    while cells < min(height, width):
        rows = max(2, cells * height // min(height, width))
        columns = max(2, cells * width // min(height, width))
        noise = rng.standard_normal((rows, columns, 3), np.float32) * strength
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
        strength, cells = strength * 0.7, cells * 2
    return np.clip(picture, 0, 255).astype(np.uint8)


def write_photo(path: Path, height: int, width: int, seed: int = 0) -> Path:
    """Write a `photo` as the JPEG that a camera makes."""
    return pictures.write(path, photo(height, width, seed), quality=92)


def boxes(count: int, seed: int = 0) -> np.ndarray:
    """Return boxes float `[count, 4]` in fractions of an image, sides from 1/30 to 1/3."""
    rng = np.random.default_rng(seed)
    sides = 1 / 3 * 10 ** -rng.random((count, 2))
    origins = rng.random((count, 2)) * (1 - sides)
    return np.concatenate([origins, origins + sides], axis=1)


def network_output(count: int, mask_side: int = 28, seed: int = 0):
    """Return `(detections [count, 6], masks [count, side, side])` as `nn.network.compiled` does."""
    rng = np.random.default_rng(seed)
    class_ids = rng.integers(1, NUM_CLASSES, count)
    scores = np.sort(rng.uniform(0.7, 1, count))[::-1]
    detections = np.concatenate([boxes(count, seed), class_ids[:, None], scores[:, None]], axis=1)
    axis = np.linspace(-1, 1, mask_side)
    # 1 at the centre, 0.5 near the border: an ellipse that fills its box, wavy as masks are.
    ellipse = 1 - 0.55 * (axis[:, None] ** 2 + axis**2)
    masks = np.clip(ellipse + rng.normal(0, 0.05, (count, mask_side, mask_side)), 0, 1)
    return detections.astype(np.float32), masks.astype(np.float32)


class Things(Dataset):
    """Made-up photos of `side` pixels with `objects` ellipses each, kept in memory."""

    def __init__(self, count: int, side: int, objects: int = 3):
        super().__init__()
        self.side, self.objects = side, objects
        for class_id, name in enumerate(CLASS_NAMES[1:], start=1):
            self.add_class("things", class_id, name)
        for number in range(count):
            self.add_image("things", number, f"thing{number}.png")
        self.prepare()

    def load_image(self, image_id):
        return photo(self.side, self.side, int(image_id))

    def load_mask(self, image_id):
        masks = np.zeros((self.objects, self.side, self.side), np.uint8)
        for mask, box in zip(masks, boxes(self.objects, int(image_id)), strict=True):
            y1, x1, y2, x2 = (box * self.side).tolist()
            ellipse = (((x1 + x2) / 2, (y1 + y2) / 2), (x2 - x1, y2 - y1), 0)
            cv2.ellipse(mask, ellipse, 1, cv2.FILLED)
        class_ids = np.arange(self.objects, dtype=np.int32) % (NUM_CLASSES - 1) + 1
        return np.moveaxis(masks.astype(bool), 0, -1), class_ids
