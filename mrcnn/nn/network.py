"""The spine: the whole network, one call a stage, for training and for inference.

Legend: see blocks.py.
"""

import keras
from keras import layers, ops

from mrcnn import boxes as box_math
from mrcnn import image_meta as meta_rows
from mrcnn.nn import backbones, fpn, heads, losses, precision, rpn
from mrcnn.nn.detection import Detections
from mrcnn.nn.keras_model import Network
from mrcnn.nn.targets import DetectionTargets


def build(mode, config, anchors=None):
    """Build the network that `config` describes.

    Arguments:
        mode: "training" or "inference".
        config: a `Config`.
        anchors: `[A, 4]`, fractions of an image of `config.IMAGE_SHAPE`; for training only.

    Returns a `Network`. For inference its inputs are `[image [B, H, W, C], image_meta, anchors
    [B, A, 4]]` and its outputs `[detections, mrcnn_class, mrcnn_bbox, mrcnn_mask, rpn_rois,
    rpn_class, rpn_bbox]`; for training they are dicts, and the outputs are the losses by name.
    """
    with precision.computing_in(config.PRECISION):
        return _build(mode, config, anchors)


def _build(mode, config, anchors):
    inputs = _inputs(mode, config)
    image, image_meta = inputs["input_image"], inputs["input_image_meta"]

    _, c2, c3, c4, c5 = _backbone(image, config)
    p2, p3, p4, p5, p6 = fpn.pyramid(c2, c3, c4, c5, config.TOP_DOWN_PYRAMID_SIZE)
    roi_maps = [p2, p3, p4, p5]
    rpn_logits, rpn_probs, rpn_deltas = _rpn([*roi_maps, p6], config)

    training = mode == "training"
    if training:
        anchors = _ConstantAnchors(anchors, name="anchors", dtype="float32")(image)
    else:
        anchors = inputs["input_anchors"]
    proposals = rpn.Proposals(
        config.POST_NMS_ROIS_TRAINING if training else config.POST_NMS_ROIS_INFERENCE,
        config.RPN_NMS_THRESHOLD,
        config.PRE_NMS_LIMIT,
        config.RPN_BBOX_STD_DEV,
        name="ROI",
    )([rpn_probs, rpn_deltas, anchors])

    if not training:
        _, probs, deltas = _class_head(proposals, roi_maps, image_meta, config)
        detections = Detections(
            config.DETECTION_MAX_INSTANCES,
            config.DETECTION_MIN_CONFIDENCE,
            config.DETECTION_NMS_THRESHOLD,
            config.BBOX_STD_DEV,
            name="mrcnn_detection",
        )([proposals, probs, deltas, image_meta])
        rows = heads.RowsWithMask(name="mrcnn_mask_rows", dtype="float32")(detections)
        masks = _mask_head(rows[..., :4], roi_maps, image_meta, config)
        pad = heads.PadRows(
            config.DETECTION_MAX_INSTANCES, name="mrcnn_mask_padded", dtype="float32"
        )
        masks = pad(masks)
        outputs = [detections, probs, deltas, masks, proposals, rpn_probs, rpn_deltas]
        return Network(list(inputs.values()), outputs, name="mask_rcnn")

    rois, class_ids, target_deltas, target_masks = _targets(proposals, inputs, config)
    logits, _, deltas = _class_head(rois, roi_maps, image_meta, config)
    # Those that hold an object come first, and no other has a mask to learn.
    with_object = int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO)
    masks = _mask_head(rois[:, :with_object], roi_maps, image_meta, config)
    target_masks = target_masks[:, :with_object]
    targets = class_ids, target_deltas, target_masks
    outputs = _losses(inputs, rpn_logits, rpn_deltas, logits, deltas, masks, *targets)
    return Network(inputs, outputs, name="mask_rcnn")


def compiled(model, image_shape, anchors):
    """Return an inference `model` as a function of arrays, compiled for one molded image shape.

    Arguments:
        model: a `Network`; the function has its weights of this moment, BatchNorm folded in.
        image_shape: `(H, W, C)`.
        anchors: `[A, 4]` of that shape.

    The function takes `(image, image_meta)` of any number of images and returns the model's
    outputs. (`keras.Model.predict` costs 50 ms more a call.)
    """
    anchors = ops.convert_to_tensor(anchors, "float32")

    def run(image, image_meta):
        each = ops.broadcast_to(anchors, (ops.shape(image)[0], *anchors.shape))
        return model([image, image_meta, each], training=False)

    model.fold()
    if keras.backend.backend() != "tensorflow":
        return lambda *inputs: run(*(ops.convert_to_tensor(x, "float32") for x in inputs))
    import tensorflow as tf

    shapes = [image_shape, tuple(model.inputs[1].shape[1:])]
    signature = [tf.TensorSpec((None, *shape), tf.float32) for shape in shapes]
    function = tf.function(run, input_signature=signature, autograph=False)
    return lambda *inputs: function(*(tf.cast(x, tf.float32) for x in inputs))


def _inputs(mode, config):
    """Return the inputs by name; the names are those of the older package."""

    def make(name, *shape, dtype="float32"):
        return layers.Input(shape, name=name, dtype=dtype)

    inputs = {
        "input_image": make("input_image", None, None, config.IMAGE_CHANNEL_COUNT),
        "input_image_meta": make("input_image_meta", config.IMAGE_META_SIZE),
    }
    if mode == "inference":
        return inputs | {"input_anchors": make("input_anchors", None, 4)}
    side = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else config.IMAGE_SHAPE[:2]
    inputs |= {
        "input_rpn_match": make("input_rpn_match", None, 1, dtype="int32"),
        "input_rpn_bbox": make("input_rpn_bbox", None, 4),
        "input_gt_class_ids": make("input_gt_class_ids", None, dtype="int32"),
        "input_gt_boxes": make("input_gt_boxes", None, 4),
        "input_gt_masks": make("input_gt_masks", int(side[0]), int(side[1]), None, dtype="uint8"),
    }
    if not config.USE_RPN_ROIS:
        inputs["input_rois"] = make("input_rois", config.POST_NMS_ROIS_TRAINING, 4)
    return inputs


def _backbone(image, config):
    """Return C1..C5."""
    if callable(config.BACKBONE):
        return config.BACKBONE(image, stage5=True, train_bn=config.TRAIN_BN)
    backbone = backbones.named(config.BACKBONE)
    if backbone.pixel_scale != 1:
        image = layers.Rescaling(backbone.pixel_scale, name="input_image_scaled")(image)
    return backbones.resolve(backbone.graph)(image, stage5=True, train_bn=config.TRAIN_BN)


def _rpn(feature_maps, config):
    """One model for all levels; logits, probabilities and deltas of all anchors, P2's first."""
    model = rpn.build_rpn_model(
        config.RPN_ANCHOR_STRIDE,
        len(config.RPN_ANCHOR_RATIOS),
        config.TOP_DOWN_PYRAMID_SIZE,
        config.RPN_CONV_LAYER_SIZE,
    )
    per_level = zip(*(model(features) for features in feature_maps), strict=True)
    names = ("rpn_class_logits", "rpn_class", "rpn_bbox")
    return [
        layers.Concatenate(axis=1, name=name, dtype="float32")(list(outputs))
        for name, outputs in zip(names, per_level, strict=True)
    ]


def _class_head(rois, feature_maps, image_meta, config):
    return heads.fpn_classifier_graph(
        rois,
        feature_maps,
        image_meta,
        config.POOL_SIZE,
        config.NUM_CLASSES,
        train_bn=config.TRAIN_BN,
        fc_layers_size=config.FPN_CLASSIF_FC_LAYERS_SIZE,
    )


def _mask_head(rois, feature_maps, image_meta, config):
    return heads.build_fpn_mask_graph(
        rois,
        feature_maps,
        image_meta,
        config.MASK_POOL_SIZE,
        config.NUM_CLASSES,
        train_bn=config.TRAIN_BN,
        conv_layers_size=config.MASK_CONV_LAYERS_SIZE,
    )


def _targets(proposals, inputs, config):
    """Return the RoIs that the heads are trained on, and their classes, deltas and masks."""
    normalize = _Normalize(name="input_gt_boxes_norm", dtype="float32")
    if not config.USE_RPN_ROIS:
        proposals = normalize([inputs["input_rois"], inputs["input_image_meta"]])
    gt_boxes = normalize([inputs["input_gt_boxes"], inputs["input_image_meta"]])
    return DetectionTargets(
        config.TRAIN_ROIS_PER_IMAGE,
        config.ROI_POSITIVE_RATIO,
        config.BBOX_STD_DEV,
        config.MASK_SHAPE,
        config.USE_MINI_MASK,
        name="proposal_targets",
    )([proposals, inputs["input_gt_class_ids"], gt_boxes, inputs["input_gt_masks"]])


def _losses(
    inputs,
    rpn_logits,
    rpn_deltas,
    logits,
    deltas,
    masks,
    class_ids,
    target_deltas,
    target_masks,
):
    match, active = inputs["input_rpn_match"], inputs["input_image_meta"]
    arguments = {
        losses.rpn_class_loss: [match, rpn_logits],
        losses.rpn_bbox_loss: [inputs["input_rpn_bbox"], match, rpn_deltas],
        losses.mrcnn_class_loss: [class_ids, logits, active[:, meta_rows.size(0) :]],
        losses.mrcnn_bbox_loss: [target_deltas, class_ids, deltas],
        losses.mrcnn_mask_loss: [target_masks, class_ids[:, : masks.shape[1]], masks],
    }
    return {loss.__name__: _Loss(loss)(values) for loss, values in arguments.items()}


class _Loss(layers.Layer):
    """A function of losses.py as a layer of its name; a scalar."""

    def __init__(self, function):
        super().__init__(name=function.__name__, dtype="float32")
        self.function = function

    def call(self, inputs):
        return self.function(*inputs)

    def compute_output_shape(self, input_shape):
        return ()


class _Normalize(layers.Layer):
    """`[boxes_px [B, N, 4], image_meta]` to boxes in fractions of the molded image."""

    def call(self, inputs):
        boxes_px, image_meta = inputs
        return box_math.normalize(boxes_px, (image_meta[0, 4], image_meta[0, 5]), ops)

    def compute_output_shape(self, input_shape):
        return input_shape[0]


class _ConstantAnchors(layers.Layer):
    """The same anchors for every image of a batch: `[B, ...]` to `[B, A, 4]`."""

    def __init__(self, anchors, **kwargs):
        super().__init__(**kwargs)
        self.anchors = anchors

    def call(self, image):
        anchors = ops.convert_to_tensor(self.anchors, dtype="float32")
        return ops.broadcast_to(anchors[None], (ops.shape(image)[0], *anchors.shape))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.anchors.shape)
