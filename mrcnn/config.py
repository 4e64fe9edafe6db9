"""The settings of a network and its training.

Subclass `Config`, override class attributes, make one instance and pass it to `MaskRCNN`:

    class RemoteConfig(Config):
        NAME = "remote"
        NUM_CLASSES = 1 + 1     # background and the object
        IMAGES_PER_GPU = 1
"""

import contextlib
import json

import numpy as np

from mrcnn import image_meta

BACKBONES = ("resnet50", "resnet101", "compact")
PRECISIONS = ("float32", "bfloat16", "auto")
RESIZE_MODES = ("none", "square", "pad64", "crop")
LOSS_NAMES = (
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)
WHOLE_NUMBERS = (
    "GPU_COUNT",
    "IMAGES_PER_GPU",
    "NUM_CLASSES",
    "RPN_ANCHOR_STRIDE",
    "RPN_TRAIN_ANCHORS_PER_IMAGE",
    "PRE_NMS_LIMIT",
    "POST_NMS_ROIS_TRAINING",
    "POST_NMS_ROIS_INFERENCE",
    "TRAIN_ROIS_PER_IMAGE",
    "MAX_GT_INSTANCES",
    "DETECTION_MAX_INSTANCES",
)
# Of the feature pyramid, P2 to P6.
LEVELS = 5
COMPUTED = ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE")
SET_BEFORE = "it follows when the Config is made, so set the others as class attributes"
# The FPN halves the image six times, so sides that are not multiples of 64 do not line up again
# on the way back.
SIZE_MULTIPLE = 2**6


def _plain(value):
    """Return a NumPy value as JSON has it; raises TypeError for what is none."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError


def from_settings(settings: dict) -> "Config":
    """Return a Config with the attributes of `settings`, as `to_json` made them.

    Names that no Config has are passed over, so that files of later versions can be read; a value
    of another kind than Config's own raises ValueError.
    """
    attributes = {}
    for name, value in settings.items():
        if name in COMPUTED or not hasattr(Config, name) or not name.isupper():
            continue
        default = getattr(Config, name)
        if isinstance(default, np.ndarray):
            value = np.asarray(value, np.float64)
        kinds = (list, tuple) if isinstance(default, list | tuple) else (type(default),)
        if isinstance(default, int | float) and not isinstance(default, bool):
            kinds = (int, float)
        if default is not None and value is not None and not isinstance(value, kinds):
            raise ValueError(f"the setting {name} is {value!r}, it cannot be used")
        attributes[name] = value
    return type("StoredConfig", (Config,), attributes)()


class Config:
    """Settings with their defaults; those of the published COCO weights.

    Sizes are in pixels of the molded image unless said otherwise. `BATCH_SIZE`, `IMAGE_SHAPE` and
    `IMAGE_META_SIZE` are computed when an instance is made; `check()` names values that cannot
    work and runs when a network is built.
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
    # "resnet50", "resnet101", "compact", or a function (image, stage5, train_bn) -> [C1, .. C5].
    BACKBONE = "resnet101"
    # With a BACKBONE of your own: a function (image_shape) -> [[height, width] of P2..P6].
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
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    # Enlarge at least this much, whatever IMAGE_MIN_DIM asks for; 0 is off.
    IMAGE_MIN_SCALE = 0
    # 3 is RGB, 1 is grey, 4 has one more. Anything but 3 needs a MEAN_PIXEL of that length.
    IMAGE_CHANNEL_COUNT = 3
    # Subtracted from every pixel, in the order of the channels.
    MEAN_PIXEL = np.array([123.7, 116.8, 103.9])

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
    LOSS_WEIGHTS = dict.fromkeys(LOSS_NAMES, 1.0)
    # False trains the heads on given RoIs instead of the RPN's proposals.
    USE_RPN_ROIS = True
    # False: BatchNorm keeps its statistics (right for small batches). None: it learns them.
    TRAIN_BN = False
    # Gradients are scaled down together when their common norm exceeds this.
    GRADIENT_CLIP_NORM = 5.0

    def __init__(self):
        self.BATCH_SIZE = self.IMAGES_PER_GPU * self.GPU_COUNT
        side = self.IMAGE_MIN_DIM if self.IMAGE_RESIZE_MODE == "crop" else self.IMAGE_MAX_DIM
        self.IMAGE_SHAPE = np.array([side, side, self.IMAGE_CHANNEL_COUNT])
        self.IMAGE_META_SIZE = image_meta.size(self.NUM_CLASSES)

    def settings(self) -> dict:
        """Return every setting by name, alphabetically."""
        names = (name for name in dir(self) if name.isupper() and not name.startswith("_"))
        return {name: getattr(self, name) for name in names}

    def to_json(self) -> dict:
        """Return the settings of every Config that JSON can hold; functions are left out."""
        settings = {}
        for name, value in self.settings().items():
            with contextlib.suppress(TypeError, ValueError):
                if name in COMPUTED or hasattr(Config, name):
                    settings[name] = json.loads(json.dumps(value, default=_plain))
        return settings

    def display(self):
        """Print every setting."""
        print("\nConfigurations:")
        for name, value in self.settings().items():
            print(f"{name:30} {value}")
        print()

    def check(self):
        """Raise ValueError naming every setting that cannot work, and what would."""
        faults = list(self._faults())
        if faults:
            raise ValueError(f"{type(self).__name__}: " + "; ".join(faults))

    def _faults(self):
        for name in WHOLE_NUMBERS:
            value = getattr(self, name)
            if not value >= 1 or value % 1:
                yield f"{name} is {value!r}, it must be a whole number, 1 or more"
        expected = self.IMAGES_PER_GPU * self.GPU_COUNT
        if expected != self.BATCH_SIZE:
            yield (
                f"BATCH_SIZE is {self.BATCH_SIZE} but GPU_COUNT * IMAGES_PER_GPU is {expected}: "
                f"{SET_BEFORE}"
            )
        if image_meta.size(self.NUM_CLASSES) != self.IMAGE_META_SIZE:
            yield (
                f"IMAGE_META_SIZE is {self.IMAGE_META_SIZE} but {self.NUM_CLASSES} classes make "
                f"it {image_meta.size(self.NUM_CLASSES)}: {SET_BEFORE}"
            )
        if not callable(self.BACKBONE) and self.BACKBONE not in BACKBONES:
            yield (
                f"BACKBONE is {self.BACKBONE!r}, it must be one of {', '.join(BACKBONES)} "
                "or a function"
            )
        if self.PRECISION not in PRECISIONS:
            yield f"PRECISION is {self.PRECISION!r}, it must be one of {', '.join(PRECISIONS)}"
        if callable(self.BACKBONE) and not callable(self.COMPUTE_BACKBONE_SHAPE):
            yield "BACKBONE is a function, so COMPUTE_BACKBONE_SHAPE must be one too"
        yield from self._image_faults()
        yield from self._length_faults()
        for name in (
            "RPN_NMS_THRESHOLD",
            "DETECTION_MIN_CONFIDENCE",
            "DETECTION_NMS_THRESHOLD",
            "ROI_POSITIVE_RATIO",
        ):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                yield f"{name} is {value!r}, it must be from 0 to 1"
        if self.ROI_POSITIVE_RATIO == 0:
            yield "ROI_POSITIVE_RATIO is 0, it must be more: the heads learn from positive RoIs"
        unknown = [name for name in self.LOSS_WEIGHTS if name not in LOSS_NAMES]
        if unknown:
            yield f"LOSS_WEIGHTS has {', '.join(unknown)}: the losses are {', '.join(LOSS_NAMES)}"

    def _image_faults(self):
        mode = self.IMAGE_RESIZE_MODE
        if mode not in RESIZE_MODES:
            yield f"IMAGE_RESIZE_MODE is {mode!r}, it must be one of {', '.join(RESIZE_MODES)}"
        # Which setting fixes the side of the molded image depends on the mode.
        sided = {"square": ("IMAGE_MAX_DIM",), "pad64": ("IMAGE_MIN_DIM",)}
        for name in sided.get(mode, ("IMAGE_MIN_DIM",) if mode == "crop" else ()):
            value = getattr(self, name)
            missing = not value and mode != "pad64"  # pad64 may leave the scale as it is
            if missing or (value and (value < 0 or value % SIZE_MULTIPLE)):
                near = max(SIZE_MULTIPLE, round((value or 0) / SIZE_MULTIPLE) * SIZE_MULTIPLE)
                yield f"{name} is {value!r}, it must be a multiple of {SIZE_MULTIPLE}: try {near}"
        side = {"square": self.IMAGE_MAX_DIM, "crop": self.IMAGE_MIN_DIM}.get(mode)
        if side and list(self.IMAGE_SHAPE[:2]) != [side, side]:
            shape = np.asarray(self.IMAGE_SHAPE).tolist()
            yield f"IMAGE_SHAPE is {shape} but images have {side} px: {SET_BEFORE}"
        if len(np.atleast_1d(self.MEAN_PIXEL)) != self.IMAGE_CHANNEL_COUNT:
            yield (
                f"MEAN_PIXEL has {len(np.atleast_1d(self.MEAN_PIXEL))} numbers but "
                f"IMAGE_CHANNEL_COUNT is {self.IMAGE_CHANNEL_COUNT}"
            )

    def _length_faults(self):
        if len(self.RPN_ANCHOR_SCALES) != len(self.BACKBONE_STRIDES):
            yield (
                f"RPN_ANCHOR_SCALES has {len(self.RPN_ANCHOR_SCALES)} numbers but "
                f"BACKBONE_STRIDES has {len(self.BACKBONE_STRIDES)}: one scale a level"
            )
        if len(self.BACKBONE_STRIDES) != LEVELS:
            yield (
                f"BACKBONE_STRIDES has {len(self.BACKBONE_STRIDES)} numbers, it must have "
                f"{LEVELS}: the pyramid has the levels P2 to P6"
            )
        lengths = {"RPN_BBOX_STD_DEV": 4, "BBOX_STD_DEV": 4, "MINI_MASK_SHAPE": 2}
        for name, length in lengths.items():
            if len(getattr(self, name)) != length:
                yield f"{name} has {len(getattr(self, name))} numbers, it must have {length}"
        if not len(self.RPN_ANCHOR_RATIOS):
            yield "RPN_ANCHOR_RATIOS is empty, it must have one number or more"
        side = 2 * self.MASK_POOL_SIZE
        if list(self.MASK_SHAPE) != [side, side]:
            yield (
                f"MASK_SHAPE is {list(self.MASK_SHAPE)} but the mask head makes "
                f"{[side, side]}: twice MASK_POOL_SIZE"
            )
