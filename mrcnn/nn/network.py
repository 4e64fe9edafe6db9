"""The spine: the whole network, one call a stage, for training and for inference.

Legend: see blocks.py.
"""

import contextlib
import functools

import keras
from keras import layers, ops

from mrcnn import boxes as box_math
from mrcnn import image_meta as meta_rows
from mrcnn.nn import (
    backbones,
    chosen_anchors,
    engine,
    folding,
    fpn,
    heads,
    kernels,
    losses,
    precision,
    rpn,
)
from mrcnn.nn.blocks import registered
from mrcnn.nn.detection import Detections
from mrcnn.nn.keras_model import MaskRCNNModel
from mrcnn.nn.target_layer import DetectionTargets


def build(mode, config, random_weights=True):
    """Build the network that `config` describes.

    Arguments:
        mode: "training" or "inference".
        config: a `Config`.
        random_weights: False leaves kernels zero, where a file is going to bring them all.

    Returns a `MaskRCNNModel`. For inference its inputs are `[image [B, H, W, C], image_meta,
    anchors [B, A, 4]]` and its outputs `[detections, mrcnn_class, mrcnn_bbox, mrcnn_mask, rpn_rois,
    rpn_class, rpn_bbox]`; for training they are dicts, and the outputs are the losses and, before
    them, what they are computed of, by the older package's names.
    """
    with precision.computing_in(config.PRECISION), kernels.random(random_weights):
        return _build(mode, config)


def _build(mode, config):
    training = mode == "training"
    inputs = _inputs(mode, config)
    image, image_meta = inputs["input_image"], inputs["input_image_meta"]

    _, c2, c3, c4, c5 = _backbone(image, config)
    p2, p3, p4, p5, p6 = fpn.pyramid(c2, c3, c4, c5, config.TOP_DOWN_PYRAMID_SIZE)
    roi_maps = [p2, p3, p4, p5]
    rpn_model = _rpn_model(config)
    rpn_logits, rpn_probs, rpn_deltas = _rpn(rpn_model, [*roi_maps, p6])
    class_head, mask_head = _heads(roi_maps, image_meta, config)

    anchors = _anchors([image, *roi_maps, p6], config) if training else inputs["input_anchors"]
    proposals = rpn.Proposals(
        config.POST_NMS_ROIS_TRAINING if training else config.POST_NMS_ROIS_INFERENCE,
        config.RPN_NMS_THRESHOLD,
        config.PRE_NMS_LIMIT,
        config.RPN_BBOX_STD_DEV,
        name="ROI",
    )([rpn_probs, rpn_deltas, anchors])

    if not training:
        _, probs, deltas = class_head(proposals)
        detections = Detections(
            config.DETECTION_MAX_INSTANCES,
            config.DETECTION_MIN_CONFIDENCE,
            config.DETECTION_NMS_THRESHOLD,
            config.BBOX_STD_DEV,
            name="mrcnn_detection",
        )([proposals, probs, deltas, image_meta])
        masks = mask_head(detections[..., :4])
        outputs = [detections, probs, deltas, masks, proposals, rpn_probs, rpn_deltas]
        return MaskRCNNModel(list(inputs.values()), outputs, name="mask_rcnn")

    rois, class_ids, target_deltas, target_masks = _targets(proposals, inputs, config)
    logits, probs, deltas = class_head(rois)
    # Those that hold an object come first, and no other has a mask to learn.
    with_object = int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO)
    masks = mask_head(rois[:, :with_object])
    match, chosen_logits, chosen_deltas = inputs["input_rpn_match"], rpn_logits, rpn_deltas
    if config.RPN_ANCHOR_STRIDE == 1:  # of others the windows lie otherwise
        match, chosen_logits, chosen_deltas = chosen_anchors.predictions(
            rpn_model,
            [*roi_maps, p6],
            match,
            config.RPN_TRAIN_ANCHORS_PER_IMAGE,
            len(config.RPN_ANCHOR_RATIOS),
        )
    tensors = {
        "rpn_match": match,
        "rpn_class_logits": chosen_logits,
        "rpn_bbox": chosen_deltas,
        "target_rpn_bbox": inputs["input_rpn_bbox"],
        "target_class_ids": class_ids,
        "target_bbox": target_deltas,
        "target_masks": target_masks,
        "pred_class_logits": logits,
        "pred_bbox": deltas,
        "pred_masks": masks,
        "active_class_ids": meta_rows.active_class_ids(image_meta),
    }
    outputs = {
        "rpn_class_logits": rpn_logits,
        "rpn_class": rpn_probs,
        "rpn_bbox": rpn_deltas,
        "mrcnn_class_logits": logits,
        "mrcnn_class": probs,
        "mrcnn_bbox": deltas,
        "mrcnn_mask": masks,
        "ROI": proposals,
        "output_rois": layers.Identity(name="output_rois", dtype="float32")(rois),
    }
    return MaskRCNNModel(inputs, outputs | losses.of_tensors(tensors), name="mask_rcnn")


def compiled(model, image_shape, anchors):
    """Return an inference `model` as a function of arrays, compiled for one molded image shape.

    Arguments:
        model: a `MaskRCNNModel`; its weights count as they are when the function is called.
        image_shape: `(H, W, C)`.
        anchors: `[A, 4]` of that shape.

    The function takes `(image, image_meta, min_confidence=0.0)` of any number of images and returns
    arrays `(detections [B, N, 6], masks [B, N, h, w])`: of each detection the mask of its own
    class, zeros for one that scores less than `min_confidence`. (`keras.Model.predict` costs 50 ms
    more a call, and copying the masks of all classes of 100 objects, 25 MB, as much again.)
    """
    anchors, folds = ops.convert_to_tensor(anchors, "float32"), folding.of(model)
    # The mask head apart from the rest: it is given those detections alone that need a mask.
    rois, image_meta, *maps = model.get_layer("roi_align_mask").input
    detecting = keras.Function(model.inputs, [model.outputs[0], *maps])
    masking = keras.Function([rois, image_meta, *maps], model.outputs[3])

    def run(image, image_meta, min_confidence):
        each = ops.broadcast_to(anchors, (ops.shape(image)[0], *anchors.shape))
        with folds.used() if folds else contextlib.nullcontext():
            detections, *maps = detecting([image, image_meta, each])
            wanted = (detections[..., 4] > 0) & (detections[..., 5] >= min_confidence)
            rows = detections[:, : _rows_with(wanted)]
            masks = masking([rows[..., :4], image_meta, *maps])
        masks = heads.of_own_class(masks, ops.cast(rows[..., 4], "int32"), axis=4)
        below = ops.shape(detections)[1] - ops.shape(rows)[1]
        masks = ops.pad(masks, [[0, 0], [0, below], [0, 0], [0, 0]])
        return detections, ops.where(wanted[..., None, None], masks, 0.0)

    shapes = (None, *image_shape), (None, *image_meta.shape[1:]), ()
    compiled = engine.function(run, model, shapes)

    def function(image, image_meta, min_confidence=0.0):
        if folds:
            folds.refresh()
        return compiled(image, image_meta, min_confidence)

    return function


def _rows_with(wanted):
    """Return after how many rows none of `wanted` `[B, N]`, true ones first, is true; 1 at least.

    All rows where shapes must not depend on values.
    """
    if not engine.has_shapes_of_values():
        return wanted.shape[1]
    return ops.maximum(ops.max(ops.sum(ops.cast(wanted, "int32"), axis=1)), 1)


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
    mask_shape = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else (None, None)
    inputs |= {
        "input_rpn_match": make("input_rpn_match", None, 1, dtype="int32"),
        "input_rpn_bbox": make("input_rpn_bbox", None, 4),
        "input_gt_class_ids": make("input_gt_class_ids", None, dtype="int32"),
        "input_gt_boxes": make("input_gt_boxes", None, 4),
        "input_gt_masks": make("input_gt_masks", *mask_shape, None, dtype="uint8"),
    }
    if not config.USE_RPN_ROIS:
        inputs["input_rois"] = make("input_rois", config.POST_NMS_ROIS_TRAINING, 4)
    return inputs


def _backbone(image, config):
    """Return C1..C5."""
    if callable(config.BACKBONE):
        return config.BACKBONE(image, stage5=True, train_bn=config.TRAIN_BN)
    backbone = backbones.named(config.BACKBONE)
    scale, offset = backbone.pixels(config.MEAN_PIXEL)
    if scale != [1] * len(scale) or any(offset):
        image = layers.Rescaling(scale, offset, name="input_image_scaled")(image)
    return backbone.function()(image, stage5=True, train_bn=config.TRAIN_BN)


def _anchors(image_and_maps, config):
    return rpn.Anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
        name="anchors",
    )(image_and_maps)


def _rpn_model(config):
    return rpn.build_rpn_model(
        config.RPN_ANCHOR_STRIDE,
        len(config.RPN_ANCHOR_RATIOS),
        config.TOP_DOWN_PYRAMID_SIZE,
        config.RPN_CONV_LAYER_SIZE,
    )


def _rpn(model, feature_maps):
    """One model for all levels; logits, probabilities and deltas of all anchors, P2's first."""
    per_level = zip(*(model(features) for features in feature_maps), strict=True)
    names = ("rpn_class_logits", "rpn_class", "rpn_bbox")
    return [
        layers.Concatenate(axis=1, name=name, dtype="float32")(list(outputs))
        for name, outputs in zip(names, per_level, strict=True)
    ]


def _heads(feature_maps, image_meta, config):
    """Return the class head and the mask head, each a function of RoIs."""
    common = {
        "feature_maps": feature_maps,
        "image_meta": image_meta,
        "num_classes": config.NUM_CLASSES,
        "train_bn": config.TRAIN_BN,
    }
    return (
        functools.partial(
            heads.fpn_classifier_graph,
            pool_size=config.POOL_SIZE,
            fc_layers_size=config.FPN_CLASSIF_FC_LAYERS_SIZE,
            **common,
        ),
        functools.partial(
            heads.build_fpn_mask_graph,
            pool_size=config.MASK_POOL_SIZE,
            conv_layers_size=config.MASK_CONV_LAYERS_SIZE,
            canonical_side=config.MASK_CANONICAL_SIDE,
            **common,
        ),
    )


def _targets(proposals, inputs, config):
    """Return the RoIs that the heads are trained on, and their classes, deltas and masks."""
    normalize = Normalize(name="input_gt_boxes_norm", dtype="float32")
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


@registered
class Normalize(layers.Layer):
    """`[boxes_px [B, N, 4], image_meta]` to boxes in fractions of the molded image."""

    def call(self, inputs):
        boxes_px, image_meta = inputs
        return box_math.normalize(boxes_px, meta_rows.molded_shape(image_meta), ops)

    def compute_output_shape(self, input_shape):
        return input_shape[0]
