"""The older names of the network's functions and layers, with the older signatures.

`mrcnn.model` re-exports them for scripts and notebooks written for the older package. What takes
a `Config` there takes plain keywords in `mrcnn.nn`; this module stands between.
"""

from keras import ops

from mrcnn import boxes as box_math
from mrcnn import image_meta
from mrcnn.nn import detection, losses, rpn
from mrcnn.nn.blocks import BatchNorm
from mrcnn.nn.heads import build_fpn_mask_graph, fpn_classifier_graph
from mrcnn.nn.losses import smooth_l1_loss
from mrcnn.nn.resnet import conv_block, identity_block, resnet_graph
from mrcnn.nn.roi_align import PyramidROIAlign, log2_graph
from mrcnn.nn.rpn import build_rpn_model, rpn_graph
from mrcnn.nn.target_layer import DetectionTargets

__all__ = [
    "BatchNorm",
    "DetectionLayer",
    "DetectionTargetLayer",
    "ProposalLayer",
    "PyramidROIAlign",
    "apply_box_deltas_graph",
    "batch_pack_graph",
    "build_fpn_mask_graph",
    "build_rpn_model",
    "clip_boxes_graph",
    "conv_block",
    "denorm_boxes_graph",
    "detection_targets_graph",
    "fpn_classifier_graph",
    "identity_block",
    "log2_graph",
    "mrcnn_bbox_loss_graph",
    "mrcnn_class_loss_graph",
    "mrcnn_mask_loss_graph",
    "norm_boxes_graph",
    "overlaps_graph",
    "parse_image_meta_graph",
    "refine_detections_graph",
    "resnet_graph",
    "rpn_bbox_loss_graph",
    "rpn_class_loss_graph",
    "rpn_graph",
    "smooth_l1_loss",
    "trim_zeros_graph",
]


# -- Boxes -----------------------------------------------------------------------------------------


def apply_box_deltas_graph(boxes, deltas):
    """Move boxes `[N, 4]` by deltas `[N, 4]`."""
    return box_math.decode(boxes, deltas, ops)


def clip_boxes_graph(boxes, window):
    """Clip boxes `[N, 4]` to window `[4]`."""
    return box_math.clip(boxes, ops.convert_to_tensor(window), ops)


def overlaps_graph(boxes1, boxes2):
    """Return the IoU `[N, M]` of boxes `[N, 4]` with boxes `[M, 4]`."""
    return box_math.overlaps(boxes1, boxes2, ops)


def norm_boxes_graph(boxes, shape):
    """Turn pixel boxes `[..., 4]` of an image of `shape` (height, width) into fractions."""
    boxes = ops.cast(boxes, "float32")
    return box_math.normalize(boxes, (shape[0], shape[1]), ops)


def denorm_boxes_graph(boxes, shape):
    """Turn boxes `[..., 4]` in fractions into int32 pixels of an image of `shape`."""
    return box_math.denormalize(boxes, (shape[0], shape[1]), ops)


def trim_zeros_graph(boxes, name="trim_zeros"):
    """Return `(boxes without the rows that are all zero, bool [N] of the rows kept)`.

    The number of rows depends on their values: for eager use.
    """
    kept = ops.any(boxes != 0, axis=1)
    return ops.take(boxes, ops.nonzero(kept)[0], axis=0), kept


def batch_pack_graph(x, counts, num_rows):
    """Return the first `counts[i]` rows of each `x[i]`, one after another; for eager use.

    `x` is `[B, rows, ...]`, `counts` `[B]`; `num_rows` is B.
    """
    return ops.concatenate([x[i, : int(counts[i])] for i in range(num_rows)], axis=0)


def parse_image_meta_graph(meta):
    """Split rows of image meta `[B, 12 + K]` into tensors by name; see `image_meta.py`."""
    return image_meta.parse(meta)


# -- Proposals, targets, detections ----------------------------------------------------------------


class ProposalLayer(rpn.Proposals):
    """`[rpn_class, rpn_bbox, anchors]` to proposals `[B, proposal_count, 4]`, in fractions."""

    def __init__(self, proposal_count, nms_threshold, config=None, **kwargs):
        super().__init__(
            proposal_count, nms_threshold, config.PRE_NMS_LIMIT, config.RPN_BBOX_STD_DEV, **kwargs
        )
        self.config = config


class DetectionLayer(detection.Detections):
    """`[rois, mrcnn_class, mrcnn_bbox, image_meta]` to detections `[B, count, 6]`."""

    def __init__(self, config=None, **kwargs):
        super().__init__(
            config.DETECTION_MAX_INSTANCES,
            config.DETECTION_MIN_CONFIDENCE,
            config.DETECTION_NMS_THRESHOLD,
            config.BBOX_STD_DEV,
            **kwargs,
        )
        self.config = config


class DetectionTargetLayer(DetectionTargets):
    """`[proposals, gt_class_ids, gt_boxes, gt_masks]` to what the heads are trained on."""

    def __init__(self, config, **kwargs):
        super().__init__(
            config.TRAIN_ROIS_PER_IMAGE,
            config.ROI_POSITIVE_RATIO,
            config.BBOX_STD_DEV,
            config.MASK_SHAPE,
            config.USE_MINI_MASK,
            **kwargs,
        )
        self.config = config

    def compute_mask(self, inputs, mask=None):
        return [None, None, None, None]


def detection_targets_graph(proposals, gt_class_ids, gt_boxes, gt_masks, config):
    """`DetectionTargetLayer` for one image: proposals `[P, 4]`, masks `[H, W, G]`."""
    inputs = (proposals, gt_class_ids, gt_boxes, gt_masks)
    batch = [ops.convert_to_tensor(x)[None] for x in inputs]
    return [x[0] for x in DetectionTargetLayer(config)(batch)]


def refine_detections_graph(rois, probs, deltas, window, config):
    """Detections `[count, 6]` of one image; see `nn.detection.refine`."""
    batch = (ops.convert_to_tensor(x)[None] for x in (rois, probs, deltas, window))
    return detection.refine(
        *batch,
        std_dev=ops.convert_to_tensor(config.BBOX_STD_DEV, dtype="float32"),
        min_confidence=config.DETECTION_MIN_CONFIDENCE,
        iou_threshold=config.DETECTION_NMS_THRESHOLD,
        count=config.DETECTION_MAX_INSTANCES,
    )[0]


# -- Losses ----------------------------------------------------------------------------------------


def rpn_class_loss_graph(rpn_match, rpn_class_logits):
    """See `nn.losses.rpn_class_loss`."""
    return losses.rpn_class_loss(rpn_match, rpn_class_logits)


def rpn_bbox_loss_graph(config, target_bbox, rpn_match, rpn_bbox):
    """See `nn.losses.rpn_bbox_loss`; nothing of `config` is needed."""
    return losses.rpn_bbox_loss(target_bbox, rpn_match, rpn_bbox)


def mrcnn_class_loss_graph(target_class_ids, pred_class_logits, active_class_ids):
    """See `nn.losses.mrcnn_class_loss`."""
    return losses.mrcnn_class_loss(target_class_ids, pred_class_logits, active_class_ids)


def mrcnn_bbox_loss_graph(target_bbox, target_class_ids, pred_bbox):
    """See `nn.losses.mrcnn_bbox_loss`."""
    return losses.mrcnn_bbox_loss(target_bbox, target_class_ids, pred_bbox)


def mrcnn_mask_loss_graph(target_masks, target_class_ids, pred_masks):
    """See `nn.losses.mrcnn_mask_loss`."""
    return losses.mrcnn_mask_loss(target_masks, target_class_ids, pred_masks)
