"""Non-maximum suppression of arrays; the network has its own, of tensors."""

import numpy as np

from mrcnn import boxes as box_ops


def non_max_suppression(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return the indices, int32 `[M]`, of the boxes that stay, the best score first.

    Arguments:
        boxes: `[N, 4]` (y1, x1, y2, x2), any unit.
        scores: `[N]`.
        threshold: a box goes when its IoU with a better one that stays is above it.

    Greedy: box by box, best first.
    """
    boxes, remaining = np.asarray(boxes, np.float64), np.argsort(scores)[::-1]
    kept = []
    while remaining.size:
        best, others = remaining[0], remaining[1:]
        kept.append(best)
        iou = box_ops.overlaps(boxes[best][None], boxes[others])[0]
        remaining = others[iou <= threshold]
    return np.array(kept, np.int32)
