"""Average precision and recall of one image, with the older package's names and numbers.

N ground-truth objects, M predictions. Boxes are (y1, x1, y2, x2) in pixels, masks bool
`[height, width, N]`. Rows of zeros are padding: they are left out, with their classes, scores
and masks, before anything is compared, and the indices returned count what is left.
"""

import numpy as np

from mrcnn import boxes
from mrcnn.masks import overlaps_masks

AP_RANGE = np.arange(0.5, 1.0, 0.05)


def _rows_with_a_box(boxes_, *others):
    """Drop the padding: rows of `boxes_` that are all zero, and the same entries of `others`."""
    boxes_ = np.reshape(boxes_, (-1, 4))
    # Indices, not flags: masks may come without the padding that the boxes have.
    kept = np.flatnonzero(boxes_.any(axis=1))
    return boxes_[kept], *(np.asarray(other)[..., kept] for other in others)


def _descending(values):
    # Of equal values the last comes first, as in the older package.
    return np.argsort(values, kind="stable")[::-1]


def compute_matches(
    gt_boxes, gt_class_ids, gt_masks,
    pred_boxes, pred_class_ids, pred_scores, pred_masks,
    iou_threshold: float = 0.5, score_threshold: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Match predictions, the most certain first, with the ground truth of one image.

    Each prediction takes the object of its class that is still free and that its mask
    overlaps most, when the two masks' intersection over union is `iou_threshold` or more.

    Arguments:
        gt_boxes, gt_class_ids, gt_masks: `[N, 4]`, `[N]`, `[height, width, N]`.
        pred_boxes, pred_class_ids, pred_scores, pred_masks: `[M, 4]`, `[M]`, `[M]`,
            `[height, width, M]`.
        iou_threshold: the least overlap of a match.
        score_threshold: a second least overlap. The name promises another thing, but this is
            what it has always been; choose predictions by score before the call.

    Returns:
        gt_match: float64 `[N]`, the index of the prediction that took the object, or -1.
        pred_match: float64 `[M]`, the index of the object that the prediction took, or -1.
        overlaps: float32 `[M, N]`.
        Predictions count in the order of falling scores.
    """
    gt_boxes, gt_class_ids, gt_masks = _rows_with_a_box(gt_boxes, gt_class_ids, gt_masks)
    pred_boxes, pred_class_ids, pred_scores, pred_masks = _rows_with_a_box(
        pred_boxes, pred_class_ids, pred_scores, pred_masks
    )
    order = _descending(pred_scores)
    pred_class_ids, pred_masks = pred_class_ids[order], pred_masks[..., order]

    overlaps = overlaps_masks(pred_masks, gt_masks)
    least = max(iou_threshold, score_threshold)
    gt_match = np.full(len(gt_boxes), -1.0)
    pred_match = np.full(len(pred_boxes), -1.0)
    for prediction, row in enumerate(overlaps):
        for gt in _descending(row):
            if row[gt] < least:
                break
            if gt_match[gt] < 0 and gt_class_ids[gt] == pred_class_ids[prediction]:
                gt_match[gt], pred_match[prediction] = prediction, gt
                break
    return gt_match, pred_match, overlaps


def compute_ap(
    gt_boxes, gt_class_ids, gt_masks,
    pred_boxes, pred_class_ids, pred_scores, pred_masks,
    iou_threshold: float = 0.5,
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return the average precision of one image at one IoU threshold, all classes together.

    The area under the precision envelope at every recall reached (Pascal VOC 2010).
    Arguments as in `compute_matches`.

    Returns:
        ap: 0..1; 0 where the image has no object (such an image says nothing of precision,
            so leave it out of a mean).
        precisions, recalls: float64 `[M + 2]`, from recall 0 to recall 1.
        overlaps: float32 `[M, N]`, predictions in the order of falling scores.
    """
    truth = gt_boxes, gt_class_ids, gt_masks
    found = pred_boxes, pred_class_ids, pred_scores, pred_masks
    gt_match, pred_match, overlaps = compute_matches(*truth, *found, iou_threshold)
    hits = np.cumsum(pred_match > -1)
    precisions = np.concatenate([[0.0], hits / (np.arange(len(hits)) + 1), [0.0]])
    # Recalls were float32 before they were padded; a curve compared by value needs it still.
    reached = hits.astype(np.float32) / max(len(gt_match), 1)
    recalls = np.concatenate([[0.0], reached, [1.0]])

    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    ap = float(np.sum(np.diff(recalls) * precisions[1:]))
    return ap, precisions, recalls, overlaps


def compute_ap_range(
    gt_box, gt_class_id, gt_mask,
    pred_box, pred_class_id, pred_score, pred_mask,
    iou_thresholds=None, verbose: int = 1,
) -> float:  # fmt: skip
    """Return the mean of `compute_ap` over `iou_thresholds` (0.5, 0.55 .. 0.95).

    `verbose` prints the average precision at each threshold.
    """
    truth = gt_box, gt_class_id, gt_mask
    found = pred_box, pred_class_id, pred_score, pred_mask
    thresholds = AP_RANGE if iou_thresholds is None else iou_thresholds
    aps = [compute_ap(*truth, *found, threshold)[0] for threshold in thresholds]
    mean = float(np.mean(aps))
    if verbose:
        for threshold, ap in zip(thresholds, aps, strict=True):
            print(f"AP @{threshold:.2f}:\t {ap:.3f}")
        print(f"AP @{thresholds[0]:.2f}-{thresholds[-1]:.2f}:\t {mean:.3f}")
    return mean


def compute_recall(
    pred_boxes: np.ndarray, gt_boxes: np.ndarray, iou: float
) -> tuple[float, np.ndarray]:
    """Return how much of the ground truth some box finds, whatever its class or score.

    A box stands for the one object that it overlaps most.

    Arguments:
        pred_boxes, gt_boxes: `[M, 4]`, `[N, 4]`.
        iou: the least intersection over union of a find.

    Returns:
        recall: 0..1, the found share of the N objects; 0 where there are none.
        positive_ids: int `[P]`, the indices of the boxes that found one.
    """
    overlaps = boxes.overlaps(np.reshape(pred_boxes, (-1, 4)), np.reshape(gt_boxes, (-1, 4)))
    if not overlaps.size:
        return 0.0, np.zeros(0, np.int64)
    positive_ids = np.flatnonzero(overlaps.max(axis=1) >= iou)
    found = np.unique(overlaps.argmax(axis=1)[positive_ids])
    return len(found) / overlaps.shape[1], positive_ids
