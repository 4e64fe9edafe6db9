"""The settings of a network and its training.

Subclass `Config`, override class attributes, make one instance and pass it to `MaskRCNN`:

    class RemoteConfig(Config):
        NAME = "remote"
        NUM_CLASSES = 1 + 1     # background and the object
        IMAGES_PER_GPU = 1
"""

import numpy as np

from mrcnn import rules, settings


class Config:
    """Settings with their defaults; those of the published COCO weights.

    Sizes are in pixels of the molded image unless said otherwise. `BATCH_SIZE`, `IMAGE_SHAPE` and
    `IMAGE_META_SIZE` are computed when an instance is made; `check()` names values that cannot
    work and runs when a network is built. What each must be stands in `mrcnn/rules.py`.
    """

    # A short name; log folders and checkpoints carry it.
    NAME = None

    # -- Devices and epochs --------------------------------------------------------------------
    GPU_COUNT = 1
    # A batch has GPU_COUNT * IMAGES_PER_GPU images. One 12 GB GPU takes two 1024 x 1024 images.
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 1000
    VALIDATION_STEPS = 50

    # -- Backbone and feature pyramid ----------------------------------------------------------
    # A name in mrcnn/nn/backbones.py, or a function (image, stage5, train_bn) -> [C1, .. C5].
    BACKBONE = "resnet101"
    # With a BACKBONE of your own: a function (image_shape) -> [[height, width] of P2..P6]. None:
    # they follow from BACKBONE_STRIDES.
    COMPUTE_BACKBONE_SHAPE = None
    # Pixels of the image per cell of P2..P6.
    BACKBONE_STRIDES = [4, 8, 16, 32, 64]
    # Channels of the pyramid's levels.
    TOP_DOWN_PYRAMID_SIZE = 256
    # Channels of the RPN's shared convolution.
    RPN_CONV_LAYER_SIZE = 512
    # Width of the two fully connected layers of the class head.
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024
    # Channels of the convolutions of the mask head.
    MASK_CONV_LAYERS_SIZE = 256
    # Classes, the background (id 0) included.
    NUM_CLASSES = 1
    # What convolutions are computed in; weights, boxes, scores and losses are float32 always.
    # float32, bfloat16, or auto: bfloat16 where the device multiplies it faster. With float32 a GPU
    # that detects does not round to TensorFloat-32 either.
    PRECISION = "float32"

    # -- Anchors and proposals -----------------------------------------------------------------
    # Side of a square anchor on each level of the pyramid.
    RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)
    # Width over height; 1 is square, 0.5 is a tall anchor.
    RPN_ANCHOR_RATIOS = [0.5, 1, 2]
    # 1: anchors on every cell of a level, 2: on every other one.
    RPN_ANCHOR_STRIDE = 1
    # Proposals that overlap a better one by more than this are dropped.
    RPN_NMS_THRESHOLD = 0.7
    # Anchors an image that the RPN is trained on.
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    # Best anchors kept before non-maximum suppression, and proposals after it.
    PRE_NMS_LIMIT = 6000
    POST_NMS_ROIS_TRAINING = 2000
    POST_NMS_ROIS_INFERENCE = 1000

    # -- Images and masks ----------------------------------------------------------------------
    # Train on masks cut to their box and shrunk to MINI_MASK_SHAPE: large images fit in memory.
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)  # (height, width)
    # none    no resizing, no padding: sides must be multiples of 64
    # square  resize to IMAGE_MIN_DIM..IMAGE_MAX_DIM, pad with zeros to IMAGE_MAX_DIM squared
    # pad64   resize to IMAGE_MIN_DIM or IMAGE_MIN_SCALE, pad to multiples of 64
    # crop    scale as above, then a random IMAGE_MIN_DIM squared cut; for training only
    # With none and pad64 a batch of training has the size of its largest image.
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    # Enlarge at least this much, whatever IMAGE_MIN_DIM asks for; 0 is off.
    IMAGE_MIN_SCALE = 0
    # 3 is RGB, 1 is grey, 4 has one more. Anything but 3 needs a MEAN_PIXEL of that length.
    IMAGE_CHANNEL_COUNT = 3
    # Subtracted from every pixel, in the order of the channels.
    MEAN_PIXEL = np.array([123.7, 116.8, 103.9])
    # The sides of the objects that were learned, in pixels: {"photo": [small, middle, large],
    # "molded": ...}. A training tells it, and with it how large tiles must be; None: not known.
    OBJECT_SIDES = None

    # -- Heads ---------------------------------------------------------------------------------
    # RoIs an image that the heads are trained on, and the share of them that hold an object.
    TRAIN_ROIS_PER_IMAGE = 200
    ROI_POSITIVE_RATIO = 0.33
    # Side of the features cut out for the class head and for the mask head.
    POOL_SIZE = 7
    MASK_POOL_SIZE = 14
    # (height, width) of a predicted mask: twice MASK_POOL_SIZE.
    MASK_SHAPE = [28, 28]
    # Objects of one image that training uses; further ones are left out.
    MAX_GT_INSTANCES = 100
    # The deltas that the RPN and the box head learn are divided by these.
    RPN_BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])
    BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])

    # -- Detections ----------------------------------------------------------------------------
    DETECTION_MAX_INSTANCES = 100
    DETECTION_MIN_CONFIDENCE = 0.7
    # Detections of one class that overlap a better one by more than this are dropped.
    DETECTION_NMS_THRESHOLD = 0.3

    # -- Training ------------------------------------------------------------------------------
    # The paper's 0.02 makes the weights explode in TensorFlow; with few images less is better.
    LEARNING_RATE = 0.001
    LEARNING_MOMENTUM = 0.9
    WEIGHT_DECAY = 0.0001
    # One that is left out counts 1.
    LOSS_WEIGHTS = {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    }
    # False trains the heads on given RoIs instead of the RPN's proposals.
    USE_RPN_ROIS = True
    # False: BatchNorm keeps its statistics (right for small batches). None: it learns them.
    TRAIN_BN = False
    # Batches whose gradients, their mean, make a step of the optimizer.
    ACCUMULATE_BATCHES = 1
    # Gradients are scaled down together when their common norm exceeds this.
    GRADIENT_CLIP_NORM = 5.0

    def __init__(self):
        for name, value in rules.computed(self).items():
            setattr(self, name, value)

    def settings(self) -> dict:
        """Return every setting by name, alphabetically."""
        names = (name for name in dir(self) if name.isupper() and not name.startswith("_"))
        return {name: getattr(self, name) for name in names}

    def to_dict(self) -> dict:
        """Return every attribute that is no function, lower-case ones too, alphabetically."""
        values = {name: getattr(self, name) for name in dir(self) if not name.startswith("__")}
        return {name: value for name, value in values.items() if not callable(value)}

    def to_json(self) -> dict:
        """Return the settings as JSON has them; see `settings.stored`."""
        return settings.stored(self)

    def display(self):
        """Print every setting."""
        print("\nConfigurations:")
        for name, value in self.settings().items():
            print(f"{name:30} {value}")
        print()

    def check(self):
        """Raise ValueError naming every setting that cannot work, and what would."""
        rules.check(self)
