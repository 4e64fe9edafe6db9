"""Box arithmetic, written once for NumPy arrays and for tensors.

A box is `(y1, x1, y2, x2)`; `y2` and `x2` lie outside it, so a box of one pixel is
`(y, x, y + 1, x + 1)`. The unit is pixels or the image's fraction (0..1); every function
says which, and where it says nothing the unit only has to be the same throughout.

Each function takes the array library as `xp`: `numpy` (the default) or `keras.ops`,
which share the names used here.
"""

import math

import numpy as np

# A delta's logarithm of a side is not taken to be more: from 16 pixels, a cell of C4, to 1000, the
# larger side of an image, as in Detectron of the paper's authors (BBOX_XFORM_CLIP). A network that
# is not trained yet gives any number, and its exponential is infinite from 89 on.
MOST_GROWTH = math.log(1000 / 16)


def split(boxes):
    """Split `[..., 4]` into its four coordinates, each `[...]`."""
    return boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]


def area(boxes):
    """Return the area `[...]` of boxes `[..., 4]`; negative sides are not mended."""
    y1, x1, y2, x2 = split(boxes)
    return (y2 - y1) * (x2 - x1)


def shared_areas(boxes1, boxes2, xp=np):
    """Return the area that every pair of `[..., N, 4]` and `[..., M, 4]` shares, `[..., N, M]`."""
    first, second = boxes1[..., :, None, :], boxes2[..., None, :, :]
    y1 = xp.maximum(first[..., 0], second[..., 0])
    x1 = xp.maximum(first[..., 1], second[..., 1])
    y2 = xp.minimum(first[..., 2], second[..., 2])
    x2 = xp.minimum(first[..., 3], second[..., 3])
    return xp.maximum(y2 - y1, 0) * xp.maximum(x2 - x1, 0)


def overlaps(boxes1, boxes2, xp=np):
    """Return the intersection over union of every pair, `[..., N, M]`; see `shared_areas`.

    Two boxes whose union is empty overlap by 0, never by NaN.
    """
    intersection = shared_areas(boxes1, boxes2, xp)
    union = area(boxes1)[..., :, None] + area(boxes2)[..., None, :] - intersection
    empty = union <= 0
    return xp.where(empty, xp.zeros_like(union), intersection / xp.where(empty, 1.0, union))


def centers_and_sizes(boxes, xp=np):
    """Return `(center_y, center_x, height, width)`, each `[...]`, of boxes `[..., 4]`."""
    y1, x1, y2, x2 = split(boxes)
    height, width = y2 - y1, x2 - x1
    return y1 + 0.5 * height, x1 + 0.5 * width, height, width


def encode(boxes, gt_boxes, xp=np):
    """Return the deltas `[..., 4]` that move `boxes` onto `gt_boxes`, both `[..., 4]`.

    `(dy, dx, log(dh), log(dw))` of R-CNN (Girshick et al. 2014, appendix C): shifts are
    fractions of the box's own sides. Both boxes must have positive sides.
    """
    y, x, height, width = centers_and_sizes(boxes, xp)
    gt_y, gt_x, gt_height, gt_width = centers_and_sizes(gt_boxes, xp)
    deltas = [
        (gt_y - y) / height,
        (gt_x - x) / width,
        xp.log(gt_height / height),
        xp.log(gt_width / width),
    ]
    return xp.stack(deltas, axis=-1)


def decode(boxes, deltas, xp=np):
    """Return `boxes` `[..., 4]` moved and scaled by `deltas` `[..., 4]`; undoes `encode`.

    A side grows to `exp(MOST_GROWTH)` times itself at the most.
    """
    y, x, height, width = centers_and_sizes(boxes, xp)
    y = y + deltas[..., 0] * height
    x = x + deltas[..., 1] * width
    height = height * xp.exp(xp.minimum(deltas[..., 2], MOST_GROWTH))
    width = width * xp.exp(xp.minimum(deltas[..., 3], MOST_GROWTH))
    y1, x1 = y - 0.5 * height, x - 0.5 * width
    return xp.stack([y1, x1, y1 + height, x1 + width], axis=-1)


def clip(boxes, window, xp=np):
    """Clip boxes `[..., N, 4]` to `window` `[..., 4]` or `[4]` (y1, x1, y2, x2)."""
    low, high = window[..., None, :2], window[..., None, 2:]
    corners = boxes[..., :2], boxes[..., 2:]
    clipped = [xp.maximum(xp.minimum(corner, high), low) for corner in corners]
    return xp.concatenate(clipped, axis=-1)


# In pixels a box ends outside itself, in fractions its end is the last pixel's: an image of
# H rows spans 0..H-1, and the end coordinates are shifted by one. This is the convention that
# the published weights were trained with.


def _scale_and_shift(height, width, xp):
    if xp is np:
        scale = np.array([height - 1, width - 1, height - 1, width - 1], np.float32)
        return scale, np.array([0, 0, 1, 1], np.float32)
    height, width = xp.cast(height, "float32"), xp.cast(width, "float32")
    scale = xp.stack([height, width, height, width]) - 1.0
    return scale, xp.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")


def normalize(boxes, shape, xp=np):
    """Return float32 fractions `[..., 4]` of pixel boxes of an image of `shape` (height, width)."""
    scale, shift = _scale_and_shift(shape[0], shape[1], xp)
    fractions = (boxes - shift) / scale
    return fractions.astype(np.float32) if xp is np else fractions


def denormalize(boxes, shape, xp=np):
    """Return int32 pixels `[..., 4]` of boxes in fractions of an image of `shape`."""
    scale, shift = _scale_and_shift(shape[0], shape[1], xp)
    pixels = xp.round(boxes * scale + shift)
    return pixels.astype(np.int32) if xp is np else xp.cast(pixels, "int32")


def non_max_suppression(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return the indices, int32 `[M]`, of the boxes that stay, the best score first.

    Arguments:
        boxes: `[N, 4]` (y1, x1, y2, x2), any unit.
        scores: `[N]`.
        threshold: a box goes when its IoU with a better one that stays is above it.

    Greedy, of arrays alone; the network has its own, of tensors (`mrcnn.nn.nms`).
    """
    boxes, remaining = np.asarray(boxes, np.float64), np.argsort(scores)[::-1]
    kept = []
    while remaining.size:
        best, others = remaining[0], remaining[1:]
        kept.append(best)
        iou = overlaps(boxes[best][None], boxes[others])[0]
        remaining = others[iou <= threshold]
    return np.array(kept, np.int32)
