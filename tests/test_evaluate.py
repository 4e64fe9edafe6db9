"""Average precision and recall of one image: the older numbers, cases by hand, empty input."""

import json
from pathlib import Path

import numpy as np
import pytest

from mrcnn.evaluation import per_image as evaluate

CONFORMANCE = Path(__file__).parent / "conformance"


def _bits(golden, name):
    shape = golden[f"{name}_shape"]
    return np.unpackbits(golden[name])[: np.prod(shape)].reshape(shape).astype(bool)


@pytest.fixture(scope="module")
def golden():
    with np.load(CONFORMANCE / "functions.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def example(golden):
    """The arguments of the calls that the golden numbers came from."""
    return (
        golden["extract_bboxes"][:4],
        golden["ap_gt_class_ids"],
        _bits(golden, "masks")[..., :4],
        golden["ap_pred_boxes"],
        golden["ap_pred_class_ids"],
        golden["ap_pred_scores"],
        _bits(golden, "ap_pred_masks"),
    )


def _squares(*places):
    """Boxes, and masks on an 8 x 8 image, of squares of 2 pixels at (y, x)."""
    boxes = np.array([[y, x, y + 2, x + 2] for y, x in places], np.int32).reshape(-1, 4)
    masks = np.zeros((8, 8, len(places)), bool)
    for index, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, index] = True
    return boxes, masks


def _arguments(gt_places, gt_class_ids, pred_places, pred_class_ids, pred_scores):
    gt_boxes, gt_masks = _squares(*gt_places)
    pred_boxes, pred_masks = _squares(*pred_places)
    return (
        gt_boxes,
        np.array(gt_class_ids, int),
        gt_masks,
        pred_boxes,
        np.array(pred_class_ids, int),
        np.array(pred_scores, float),
        pred_masks,
    )


def test_matches_have_the_older_numbers(example, golden):
    gt_match, pred_match, overlaps = evaluate.compute_matches(*example)
    np.testing.assert_array_equal(gt_match, golden["gt_match"])
    np.testing.assert_array_equal(pred_match, golden["pred_match"])
    np.testing.assert_allclose(overlaps, golden["ap_overlaps"], atol=1e-6)


def test_ap_has_the_older_numbers(example, golden):
    ap, precisions, recalls, overlaps = evaluate.compute_ap(*example)
    assert ap == pytest.approx(float(golden["ap"]), abs=1e-6)
    np.testing.assert_allclose(precisions, golden["precisions"], atol=1e-6)
    np.testing.assert_allclose(recalls, golden["recalls"], atol=1e-6)
    np.testing.assert_allclose(overlaps, golden["ap_overlaps"], atol=1e-6)


def test_ap_range_has_the_older_number_and_prints_only_when_asked(example, golden, capsys):
    quiet = evaluate.compute_ap_range(*example, verbose=0)
    assert quiet == pytest.approx(float(golden["ap_range"]), abs=1e-6)
    assert capsys.readouterr().out == ""
    assert evaluate.compute_ap_range(*example) == quiet
    assert len(capsys.readouterr().out.splitlines()) == 11


def test_ap_range_takes_other_thresholds(example):
    alone = evaluate.compute_ap(*example, iou_threshold=0.6)[0]
    assert evaluate.compute_ap_range(*example, iou_thresholds=[0.6], verbose=0) == alone


def test_recall_has_the_older_number(golden):
    recall, positive_ids = evaluate.compute_recall(
        golden["ap_pred_boxes"], golden["extract_bboxes"][:4], 0.5
    )
    assert recall == pytest.approx(float(golden["recall"]), abs=1e-6)
    assert positive_ids.dtype.kind == "i"


def test_signatures_are_the_older_ones():
    import inspect

    published = json.loads((CONFORMANCE / "api.json").read_text())["mrcnn.utils"]
    for name in ("compute_matches", "compute_ap", "compute_ap_range", "compute_recall"):
        parameters = inspect.signature(getattr(evaluate, name)).parameters.values()
        bare = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
        assert str(inspect.Signature(bare)) == published[name]


def test_each_object_is_matched_once_by_the_most_certain_prediction():
    # Two predictions on one object: the later in the list is the more certain.
    arguments = _arguments([(0, 0), (4, 4)], [1, 1], [(0, 0), (0, 0)], [1, 1], [0.6, 0.9])
    gt_match, pred_match, _ = evaluate.compute_matches(*arguments)
    assert gt_match.tolist() == [0, -1]
    assert pred_match.tolist() == [0, -1]
    # Recall 1/2 at precision 1, then nothing more: the area is 1/2.
    ap, precisions, recalls, _ = evaluate.compute_ap(*arguments)
    assert ap == 0.5
    assert precisions.tolist() == [1, 1, 0.5, 0]
    assert recalls.tolist() == [0, 0.5, 0.5, 1]


def test_another_class_never_matches():
    arguments = _arguments([(0, 0)], [1], [(0, 0)], [2], [0.9])
    assert evaluate.compute_matches(*arguments)[1].tolist() == [-1]
    assert evaluate.compute_ap(*arguments)[0] == 0


def test_iou_threshold_is_included_and_score_threshold_is_a_second_one():
    # Squares of 4 pixels that share 2: IoU 2 / 6.
    arguments = _arguments([(0, 0)], [1], [(0, 1)], [1], [0.1])
    assert evaluate.compute_matches(*arguments, iou_threshold=0.33)[0].tolist() == [0]
    assert evaluate.compute_matches(*arguments, iou_threshold=0.34)[0].tolist() == [-1]
    assert evaluate.compute_matches(*arguments, 0.33, 0.34)[0].tolist() == [-1]
    exact = np.float32(2) / np.float32(6)
    assert evaluate.compute_matches(*arguments, iou_threshold=exact)[0].tolist() == [0]


def test_padding_rows_are_left_out_wherever_they_stand():
    plain = _arguments([(0, 0), (4, 4)], [1, 2], [(4, 4), (0, 0)], [2, 1], [0.5, 0.9])
    padded = (
        np.insert(plain[0], 1, 0, axis=0),
        np.insert(plain[1], 1, 0),
        np.insert(plain[2], 1, False, axis=2),
        np.append(plain[3], np.zeros((3, 4), int), axis=0),
        np.append(plain[4], [0, 0, 0]),
        np.append(plain[5], [0, 0, 0]),
        np.append(plain[6], np.zeros((8, 8, 3), bool), axis=2),
    )
    for bare, with_padding in zip(
        evaluate.compute_matches(*plain), evaluate.compute_matches(*padded), strict=True
    ):
        np.testing.assert_array_equal(bare, with_padding)


@pytest.mark.parametrize(
    ("gt_places", "pred_places", "ap"),
    [([], [], 0.0), ([], [(0, 0)], 0.0), ([(0, 0)], [], 0.0)],
    ids=["nothing", "no object", "no prediction"],
)
@pytest.mark.filterwarnings("error")
def test_empty_sides_are_finite(gt_places, pred_places, ap):
    gt_ids, pred_ids = [1] * len(gt_places), [1] * len(pred_places)
    arguments = _arguments(gt_places, gt_ids, pred_places, pred_ids, [0.9] * len(pred_places))
    gt_match, pred_match, overlaps = evaluate.compute_matches(*arguments)
    assert gt_match.tolist() == [-1] * len(gt_places)
    assert pred_match.tolist() == [-1] * len(pred_places)
    assert overlaps.shape == (len(pred_places), len(gt_places))
    value, precisions, recalls, _ = evaluate.compute_ap(*arguments)
    assert value == ap
    assert np.isfinite(precisions).all() and np.isfinite(recalls).all()
    assert evaluate.compute_ap_range(*arguments, verbose=0) == ap


def test_recall_counts_an_object_once():
    gt_boxes, _ = _squares((0, 0), (4, 4))
    pred_boxes, _ = _squares((0, 0), (6, 0), (0, 0))
    recall, positive_ids = evaluate.compute_recall(pred_boxes, gt_boxes, 0.5)
    assert recall == 0.5
    assert positive_ids.tolist() == [0, 2]


@pytest.mark.parametrize(("preds", "gts"), [(0, 2), (2, 0), (0, 0)])
def test_recall_of_nothing_is_zero(preds, gts):
    boxes, _ = _squares((0, 0), (4, 4))
    recall, positive_ids = evaluate.compute_recall(boxes[:preds], boxes[:gts], 0.5)
    assert recall == 0 and positive_ids.tolist() == []
