"""The helpers people import as `mrcnn.utils`, under their older names and signatures.

The work is done in `mrcnn.boxes` and `mrcnn.data`; what a function takes and returns is said
there, and here where it differs. Boxes are `(y1, x1, y2, x2)`, the end outside. Importing this
loads neither Keras nor TensorFlow.
"""

import numpy as np

from mrcnn import anchors, borrowed
from mrcnn import boxes as box_ops
from mrcnn.boxes import non_max_suppression
from mrcnn.data.dataset import Dataset
from mrcnn.data.resizing import resize, resize_image, resize_mask
from mrcnn.download import COCO_WEIGHTS, download, fetch
from mrcnn.evaluation.per_image import compute_ap, compute_ap_range, compute_matches, compute_recall
from mrcnn.masks import expand_mask, extract_bboxes, minimize_mask, unmold_mask
from mrcnn.masks import overlaps_masks as compute_overlaps_masks

__all__ = [
    "COCO_MODEL_URL",
    "Dataset",
    "apply_box_deltas",
    "batch_slice",
    "box_refinement",
    "box_refinement_graph",
    "compute_ap",
    "compute_ap_range",
    "compute_iou",
    "compute_matches",
    "compute_overlaps",
    "compute_overlaps_masks",
    "compute_recall",
    "denorm_boxes",
    "download_trained_weights",
    "expand_mask",
    "extract_bboxes",
    "generate_anchors",
    "generate_pyramid_anchors",
    "minimize_mask",
    "mold_mask",
    "non_max_suppression",
    "norm_boxes",
    "resize",
    "resize_image",
    "resize_mask",
    "trim_zeros",
    "unmold_mask",
    *borrowed.installed(borrowed.UTILS),
]

__getattr__ = borrowed.getter(__name__, borrowed.UTILS)

COCO_MODEL_URL = COCO_WEIGHTS.url

# -- Boxes, arrays ---------------------------------------------------------------------------------


def compute_iou(box, boxes, box_area, boxes_area):
    """Return the IoU `[N]` of one box `[4]` with many `[N, 4]`, whose areas are known."""
    overlap = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    intersection = np.maximum(overlap, 0).prod(axis=1)
    union = box_area + boxes_area - intersection
    return np.divide(intersection, union, out=np.zeros(len(boxes)), where=union > 0)


def compute_overlaps(boxes1, boxes2):
    """Return the IoU of every pair, float64 `[N, M]`, of boxes `[N, 4]` and `[M, 4]`."""
    return box_ops.overlaps(np.asarray(boxes1, np.float64), np.asarray(boxes2, np.float64))


def apply_box_deltas(boxes, deltas):
    """Return boxes `[N, 4]` moved by deltas (dy, dx, log(dh), log(dw)), float32 `[N, 4]`."""
    return box_ops.decode(np.asarray(boxes, np.float32), np.asarray(deltas)).astype(np.float32)


def box_refinement(box, gt_box):
    """Return the deltas, float32 `[N, 4]`, that move boxes `[N, 4]` onto `gt_box` `[N, 4]`."""
    return box_ops.encode(np.asarray(box, np.float32), np.asarray(gt_box, np.float32))


def norm_boxes(boxes, shape):
    """Return pixel boxes `[N, 4]` as fractions, float32, of an image of `shape` (height, width)."""
    return box_ops.normalize(np.asarray(boxes), shape)


def denorm_boxes(boxes, shape):
    """Return fraction boxes `[N, 4]` in pixels, int32, of an image of `shape` (height, width)."""
    return box_ops.denormalize(np.asarray(boxes), shape)


def trim_zeros(x):
    """Return `[N, M]` without its rows of zeros, which pad."""
    return x[np.any(x != 0, axis=1)]


def generate_anchors(scales, ratios, shape, feature_stride, anchor_stride):
    """See `anchors.generate_anchors`."""
    return anchors.generate_anchors(scales, ratios, shape, feature_stride, anchor_stride)


def generate_pyramid_anchors(scales, ratios, feature_shapes, feature_strides, anchor_stride):
    """See `anchors.generate_pyramid_anchors`."""
    return anchors.generate_pyramid_anchors(
        scales, ratios, feature_shapes, feature_strides, anchor_stride
    )


def mold_mask(mask, config):
    """Return masks `[H, W, N]` as training takes them: mini masks if `USE_MINI_MASK`."""
    if not config.USE_MINI_MASK:
        return mask
    return minimize_mask(extract_bboxes(mask), mask, config.MINI_MASK_SHAPE)


# -- Tensors ---------------------------------------------------------------------------------------


def box_refinement_graph(box, gt_box):
    """`box_refinement` of tensors: float32 `[N, 4]`."""
    from keras import ops

    return box_ops.encode(ops.cast(box, "float32"), ops.cast(gt_box, "float32"), xp=ops)


def batch_slice(inputs, graph_fn, batch_size, names=None):
    """Call `graph_fn` image by image and stack what it returns.

    Arguments:
        inputs: a tensor `[B, ...]` or a list of them; `graph_fn` gets one image's part of each.
        graph_fn: returns one tensor or several.
        batch_size: B.
        names: kept for older calls; tensors have no names of their own any more.

    Returns one tensor `[B, ...]`, or a list where `graph_fn` returns several.
    """
    from keras import ops

    inputs = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    images = [graph_fn(*(tensor[index] for tensor in inputs)) for index in range(batch_size)]
    if not isinstance(images[0], (list, tuple)):
        return ops.stack(images)
    return [ops.stack(parts) for parts in zip(*images, strict=True)]


# -- Weights ---------------------------------------------------------------------------------------


def download_trained_weights(coco_model_path, verbose=1):
    """Download the published COCO weights (258 MB) to `coco_model_path`, telling so if `verbose`.

    Raises `mrcnn.download.DownloadError` (an OSError) with the address where it cannot.
    """
    (fetch if verbose > 0 else download)(COCO_WEIGHTS, coco_model_path)
