"""A Mask R-CNN small enough to build, train and run in seconds, and images for it."""

import cv2
import numpy as np

from mrcnn.config import Config
from mrcnn.utils import Dataset

SIDE = 128
GREY = 40


def backbone(image, stage5=False, train_bn=False):
    """Five convolutions of stride 2; C1 is left out of the pyramid, as in a ResNet."""
    from keras import layers

    stages = []
    for index, channels in enumerate((8, 16, 32, 48, 64), start=1):
        image = layers.Conv2D(
            channels, 3, strides=2, padding="same", activation="relu", name=f"small{index}"
        )(image)
        stages.append(image)
    return stages


def backbone_shapes(image_shape):
    return np.array([[-(-side // stride) for side in image_shape[:2]] for stride in STRIDES])


STRIDES = (4, 8, 16, 32, 64)


class SmallConfig(Config):
    NAME = "small"
    NUM_CLASSES = 1 + 2
    IMAGES_PER_GPU = 1
    BACKBONE = staticmethod(backbone)
    COMPUTE_BACKBONE_SHAPE = staticmethod(backbone_shapes)
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIDE
    MEAN_PIXEL = np.array([GREY, GREY, GREY])
    TOP_DOWN_PYRAMID_SIZE = 32
    RPN_CONV_LAYER_SIZE = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 64
    MASK_CONV_LAYERS_SIZE = 32
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_TRAINING = 100
    POST_NMS_ROIS_INFERENCE = 50
    TRAIN_ROIS_PER_IMAGE = 32
    MAX_GT_INSTANCES = 8
    DETECTION_MAX_INSTANCES = 10
    DETECTION_MIN_CONFIDENCE = 0.5
    STEPS_PER_EPOCH = VALIDATION_STEPS = None
    LEARNING_RATE = 0.02


class Shapes(Dataset):
    """Bright squares and discs, one or two on a grey image."""

    def __init__(self, count, seed=0):
        super().__init__()
        self.add_class("shapes", 1, "square")
        self.add_class("shapes", 2, "disc")
        rng = np.random.default_rng(seed)
        for index in range(count):
            objects = [
                (
                    int(rng.integers(1, 3)),
                    tuple(rng.integers(30, 98, 2).tolist()),
                    int(rng.integers(12, 24)),
                    rng.integers(120, 255, 3).tolist(),
                )
                for _ in range(rng.integers(1, 3))
            ]
            self.add_image("shapes", index, f"shape{index}.png", objects=objects)
        self.prepare()

    def _draw(self, image_id):
        image = np.full((SIDE, SIDE, 3), GREY, np.uint8)
        masks = []
        for class_id, (y, x), half, color in self.image_info[image_id]["objects"]:
            mask = np.zeros((SIDE, SIDE), np.uint8)
            if class_id == 1:
                cv2.rectangle(mask, (x - half, y - half), (x + half, y + half), 1, -1)
            else:
                cv2.circle(mask, (x, y), half, 1, -1)
            image[mask > 0] = color
            for other in masks:
                other[mask > 0] = 0
            masks.append(mask)
        return image, np.stack(masks, axis=-1).astype(bool)

    def load_image(self, image_id):
        return self._draw(image_id)[0]

    def load_mask(self, image_id):
        class_ids = [o[0] for o in self.image_info[image_id]["objects"]]
        return self._draw(image_id)[1], np.array(class_ids, np.int32)
