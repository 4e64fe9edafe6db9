"""What is tried to see whether the network works here: one training step on one image."""

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.feeding import DataGenerator
from mrcnn.nn import network
from mrcnn.nn.backbones import SMALLEST
from mrcnn.settings import with_settings


class OneObject(Dataset):
    """One image with one object in its middle."""

    def __init__(self, image):
        super().__init__()
        self.image = image
        self.add_class("trial", 1, "object")
        self.add_image("trial", 0, "image")
        self.prepare()

    def load_image(self, image_id):
        return self.image

    def load_mask(self, image_id):
        height, width = self.image.shape[:2]
        mask = np.zeros((height, width, 1), bool)
        mask[height // 4 : height * 3 // 4, width // 4 : width * 3 // 4] = True
        return mask, np.array([1], np.int32)


def train_a_step(image: np.ndarray, image_size: int) -> float:
    """Train a small network of random weights on an image; return the loss.

    Whole programs take JAX alone little time; the other engines go through it bit by bit.
    """
    settings = {"IMAGES_PER_GPU": 1, "BACKBONE": SMALLEST, "NUM_CLASSES": 2}
    config = with_settings(Config, settings, image_size)
    model = network.build("training", config)
    eager = keras.backend.backend() != "jax"
    model.compile(keras.optimizers.SGD(1e-4), {}, 1e-4, run_eagerly=eager)
    batch = DataGenerator(OneObject(image), config).batch(0, 0)
    batch["input_gt_masks"] = batch["input_gt_masks"].view(np.uint8)
    return float(model.train_on_batch(batch, return_dict=True)["loss"])
