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
    `docs/make_settings.py` makes docs/settings.md of the comments: what a setting is, in brackets
    its unit, and after "Change:" when to change it.
    """

    # A short name; folders of runs and checkpoints carry it.
    # Change: for each kind of object, so that `last` and `best` find their own runs; `--name`.
    NAME = None

    # -- Devices and epochs --------------------------------------------------------------------
    # GPUs that share a batch.
    # Change: on a machine with several.
    GPU_COUNT = 1
    # Images of a batch on each GPU; a batch has GPU_COUNT * IMAGES_PER_GPU. One GPU of 12 GB takes
    # two of 1024 x 1024. [images]
    # Change: lower it where memory runs out, raise it with smaller images; `--batch`.
    IMAGES_PER_GPU = 2
    # Batches whose gradients, their mean, make a step of the optimizer. [batches]
    # Change: where larger batches would help and memory does not hold them; `--accumulate`.
    ACCUMULATE_BATCHES = 1
    # Batches an epoch; None is the whole data set. [batches]
    # Change: to None, unless epochs of another length are wanted; `--steps`.
    STEPS_PER_EPOCH = 1000
    # Batches of a validation; None is the whole validation set. [batches]
    # Change: to None, unless the validation set is so large that it takes too long.
    VALIDATION_STEPS = 50

    # -- Backbone and feature pyramid ----------------------------------------------------------
    # A name in mrcnn/nn/backbones.py, a model of Keras Applications by its name, or a function
    # (image, stage5, train_bn) -> [C1, .. C5].
    # Change: "resnet50" is faster, "efficientnet_lite0" much faster; `--backbone`.
    BACKBONE = "resnet101"
    # With a BACKBONE of your own: a function (image_shape) -> [[height, width] of P2..P6]. None:
    # they follow from BACKBONE_STRIDES.
    # Change: for a backbone whose levels are not of the image's side over the stride, rounded up.
    COMPUTE_BACKBONE_SHAPE = None
    # Pixels of the image per cell of P2..P6. [px]
    # Change: with a BACKBONE of your own that has other strides.
    BACKBONE_STRIDES = [4, 8, 16, 32, 64]
    # Channels of the pyramid's levels.
    # Change: smaller for a faster network; weights of another value do not fit.
    TOP_DOWN_PYRAMID_SIZE = 256
    # Channels of the RPN's shared convolution.
    # Change: smaller for a faster network; weights of another value do not fit.
    RPN_CONV_LAYER_SIZE = 512
    # Width of the two fully connected layers of the class head.
    # Change: smaller for a faster network and few classes; weights of another value do not fit.
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024
    # Channels of the convolutions of the mask head.
    # Change: smaller for a faster network; weights of another value do not fit.
    MASK_CONV_LAYERS_SIZE = 256
    # Classes, the background (id 0) included.
    # Change: always, to 1 and your classes; the commands set it to what the data set has.
    NUM_CLASSES = 1
    # What convolutions are computed in; weights, boxes, scores and losses are float32 always.
    # float32, bfloat16, or auto: bfloat16 where the device multiplies it faster. With float32 a GPU
    # that detects does not round to TensorFloat-32 either.
    # Change: to "auto" for speed; `--precision`.
    PRECISION = "float32"

    # -- Anchors and proposals -----------------------------------------------------------------
    # Side of a square anchor on each level of the pyramid. [px]
    # Change: where `check` says that objects are out of the anchors' reach; `--anchor-scales`.
    RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)
    # Width over height; 1 is square, 0.5 is a tall anchor.
    # Change: for long, thin objects, as `check` says; `--anchor-ratios`.
    RPN_ANCHOR_RATIOS = [0.5, 1, 2]
    # Anchors on every cell of a level for 1, on every other one for 2. [cells]
    # Change: to 2 for speed where objects do not stand close together.
    RPN_ANCHOR_STRIDE = 1
    # Proposals that overlap a better one by more than this are dropped. [0..1]
    # Change: higher where objects overlap much, which makes more proposals.
    RPN_NMS_THRESHOLD = 0.7
    # Anchors an image that the RPN is trained on.
    # Change: rarely; higher with hundreds of objects an image.
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    # Best anchors kept before non-maximum suppression.
    # Change: lower for speed, higher with hundreds of objects an image.
    PRE_NMS_LIMIT = 6000
    # Proposals kept after it while training.
    # Change: lower for speed; above TRAIN_ROIS_PER_IMAGE.
    POST_NMS_ROIS_TRAINING = 2000
    # Proposals kept after it while detecting.
    # Change: lower for speed, higher where objects are missed among hundreds.
    POST_NMS_ROIS_INFERENCE = 1000

    # -- Images and masks ----------------------------------------------------------------------
    # Train on masks cut to their box and shrunk to MINI_MASK_SHAPE: large images fit in memory.
    # Change: to False for fine outlines of few objects, with memory to spare.
    USE_MINI_MASK = True
    # (height, width) of such a mask. [px]
    # Change: larger for fine outlines, together with MASK_SHAPE.
    MINI_MASK_SHAPE = (56, 56)
    # none    no resizing, no padding: sides must be multiples of 64
    # square  resize to IMAGE_MIN_DIM..IMAGE_MAX_DIM, pad with zeros to IMAGE_MAX_DIM squared
    # pad64   resize to IMAGE_MIN_DIM or IMAGE_MIN_SCALE, pad to multiples of 64
    # crop    scale as above, then a random IMAGE_MIN_DIM squared cut; for training only
    # With none and pad64 a batch of training has the size of its largest image.
    # Change: "crop" where objects are small in large photos (`--crops`), "pad64" for photos that
    # are much longer than wide.
    IMAGE_RESIZE_MODE = "square"
    # The shorter side that images are enlarged to, as far as IMAGE_MAX_DIM allows. [px]
    # Change: together with IMAGE_MAX_DIM.
    IMAGE_MIN_DIM = 800
    # The longer side, that images are shrunk to. [px]
    # Change: smaller is faster and takes less memory, larger finds smaller objects; `--image-size`.
    IMAGE_MAX_DIM = 1024
    # Enlarge at least so many times, whatever IMAGE_MIN_DIM asks for; 0 is off.
    # Change: rarely; above 1 to train on enlarged crops (`--scale`).
    IMAGE_MIN_SCALE = 0
    # Channels: 3 is RGB, 1 is grey, 4 has one more. Anything but 3 needs a MEAN_PIXEL of that
    # length.
    # Change: for images that are not RGB, in a script of your own; the commands read RGB.
    IMAGE_CHANNEL_COUNT = 3
    # Subtracted from every pixel, in the order of the channels. [0..255]
    # Change: only with weights that were trained with another.
    MEAN_PIXEL = np.array([123.7, 116.8, 103.9])

    # -- Heads ---------------------------------------------------------------------------------
    # RoIs an image that the heads are trained on.
    # Change: lower for memory and speed, higher with very many objects an image.
    TRAIN_ROIS_PER_IMAGE = 200
    # The share of them that hold an object, at most. [0..1]
    # Change: rarely.
    ROI_POSITIVE_RATIO = 0.33
    # Side of the features cut out for the class head. [cells]
    # Change: rarely; weights of another value do not fit.
    POOL_SIZE = 7
    # Side of the features cut out for the mask head. [cells]
    # Change: larger, with MASK_SHAPE, for finer outlines of large objects; slower.
    MASK_POOL_SIZE = 14
    # (height, width) of a predicted mask: twice MASK_POOL_SIZE. [px of the mask]
    # Change: together with MASK_POOL_SIZE.
    MASK_SHAPE = [28, 28]
    # Side of the RoIs that are cut out of P4 for the mask head; of half of it, out of P3. [px]
    # Change: larger, for finer outlines of large objects; weights of another value fit less well.
    MASK_CANONICAL_SIDE = 224
    # Objects of one image that training uses; further ones are left out.
    # Change: higher where `check` says that photos have more.
    MAX_GT_INSTANCES = 100
    # What the deltas of boxes that the RPN learns are divided by: y, x, log height, log width.
    # Change: only with weights that were trained with others.
    RPN_BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])
    # What those that the box head learns are divided by.
    # Change: only with weights that were trained with others.
    BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])

    # -- Detections ----------------------------------------------------------------------------
    # Objects of an image that are kept, the most certain ones.
    # Change: higher for crowded images; `--max-instances`.
    DETECTION_MAX_INSTANCES = 100
    # Least score of an object. [0..1]
    # Change: to what `evaluate` measures, which `--keep-threshold` stores; `--min-confidence`.
    DETECTION_MIN_CONFIDENCE = 0.7
    # Detections of one class that overlap a better one by more than this are dropped. [0..1]
    # Change: higher where objects of one class overlap, lower where one is found twice.
    DETECTION_NMS_THRESHOLD = 0.3
    # The sides of the objects that were learned: {"photo": [small, middle, large], "molded": ...}.
    # A training tells it, and with it how large tiles must be; None: not known. [px]
    # Change: never by hand.
    OBJECT_SIDES = None

    # -- Training ------------------------------------------------------------------------------
    # The highest learning rate. The paper's 0.02 makes the weights explode in TensorFlow; with few
    # images less is better.
    # Change: lower where the loss is not finite or jumps; `--learning-rate`.
    LEARNING_RATE = 0.001
    # Momentum of SGD, of the plan `classic`. [0..1]
    # Change: rarely.
    LEARNING_MOMENTUM = 0.9
    # Weight decay of kernels and biases, of the plan `classic`; `few` has AdamW's own.
    # Change: higher where the validation loss rises early.
    WEIGHT_DECAY = 0.0001
    # How much each loss counts; one that is left out counts 1. The plan `few` takes a twentieth of
    # it for rpn_bbox_loss.
    # Change: higher where that part is what matters, such as mrcnn_mask_loss for outlines.
    LOSS_WEIGHTS = {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    }
    # False trains the heads on given RoIs instead of the RPN's proposals.
    # Change: to False to find out what the heads alone do.
    USE_RPN_ROIS = True
    # False: BatchNorm keeps its statistics (right for small batches). None: it learns them.
    # Change: to None with batches of 16 images and more on one GPU.
    TRAIN_BN = False
    # Gradients are scaled down together when their common norm exceeds this.
    # Change: lower where the loss jumps.
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
