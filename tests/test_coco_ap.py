"""COCO's average precision: hand-computed cases, and pycocotools' numbers where it is installed."""

import contextlib
import io

import numpy as np
import pytest

from mrcnn.detections import Detections
from mrcnn.evaluation import coco_ap
from mrcnn.evaluation.coco_ap import CocoAP, box_overlaps, mask_overlaps, match

NO_CROWD = np.zeros(0, bool)
COCO_ORDER = [
    "AP",
    "AP50",
    "AP75",
    "APsmall",
    "APmedium",
    "APlarge",
    "AR1",
    "AR10",
    "AR100",
    "ARsmall",
    "ARmedium",
    "ARlarge",
]


def _rectangle(shape, y1, x1, y2, x2):
    mask = np.zeros(shape, bool)
    mask[y1:y2, x1:x2] = True
    return mask


def _of_masks(masks):
    return Detections.of_masks(masks, np.ones(masks.shape[-1]))


# Overlaps


def test_box_overlap_is_intersection_over_union_and_over_the_box_for_a_crowd():
    pred = [[0, 0, 2, 4]]  # 8 px, of which 4 lie in the other: 4 / (8 + 8 - 4), or 4 / 8.
    gt = [[0, 2, 2, 6], [0, 2, 2, 6], [5, 5, 6, 6]]
    overlaps = box_overlaps(pred, gt, np.array([False, True, False]))
    np.testing.assert_allclose(overlaps, [[1 / 3, 1 / 2, 0]])


def test_mask_overlap_looks_at_pixels_not_at_boxes():
    frame = _rectangle((6, 6), 0, 0, 6, 6)
    frame[1:5, 1:5] = False  # 20 px
    whole, inside = _rectangle((6, 6), 0, 0, 6, 6), _rectangle((6, 6), 1, 1, 5, 5)
    pred = _of_masks(np.stack([frame], axis=-1))
    gt = _of_masks(np.stack([whole, inside, whole, np.zeros((6, 6), bool)], axis=-1))
    overlaps = mask_overlaps(pred, gt, np.array([False, False, True, False]))
    np.testing.assert_allclose(overlaps, [[20 / 36, 0, 1, 0]])
    assert gt.areas.tolist() == [36, 16, 36, 0]


@pytest.mark.filterwarnings("error")
def test_empty_and_degenerate_overlaps_are_zero():
    assert box_overlaps(np.zeros((0, 4)), np.ones((3, 4)), np.zeros(3, bool)).shape == (0, 3)
    assert box_overlaps([[1, 1, 1, 1]], [[1, 1, 1, 1]], np.array([True])).tolist() == [[0]]
    masks, none = _of_masks(np.zeros((4, 4, 2), bool)), _of_masks(np.zeros((0, 0, 0), bool))
    assert mask_overlaps(masks, masks, np.array([True, False])).tolist() == [[0, 0], [0, 0]]
    # Some data sets give an image without objects masks without a size.
    assert mask_overlaps(masks, none, NO_CROWD).shape == (2, 0)


# Matching


def _match(overlaps, ignored=None, crowd=None, thresholds=(0.5,)):
    overlaps = np.array(overlaps, float)
    gts = overlaps.shape[1]
    ignored = np.zeros((1, gts), bool) if ignored is None else np.array([ignored], bool)
    crowd = np.zeros(gts, bool) if crowd is None else np.array(crowd, bool)
    return match(overlaps, ignored, crowd, np.array(thresholds))[0].tolist()


def test_each_object_is_taken_once_by_the_first_that_overlaps_enough():
    assert _match([[0.6, 0.8], [0.7, 0.9], [0.9, 0.9]]) == [[1, 0, -1]]


def test_the_threshold_is_included():
    assert _match([[0.5]]) == [[0]]
    assert _match([[0.49999]]) == [[-1]]


def test_an_ignored_object_is_taken_only_where_no_other_will_do():
    assert _match([[0.9, 0.6]], ignored=[True, False]) == [[1]]
    assert _match([[0.9, 0.4]], ignored=[True, False]) == [[0]]


def test_a_crowd_is_never_used_up():
    assert _match([[0.9]] * 3, ignored=[True], crowd=[True]) == [[0, 0, 0]]
    assert _match([[0.9]] * 3, ignored=[True], crowd=[False]) == [[0, -1, -1]]


def test_of_equal_overlaps_the_last_is_taken():
    assert _match([[0.7, 0.7], [0.7, 0.7]]) == [[1, 0]]


def test_matching_nothing():
    assert match(np.zeros((2, 0)), np.zeros((4, 0), bool), NO_CROWD, np.ones(3)).shape == (4, 3, 2)
    assert match(np.zeros((0, 2)), np.zeros((4, 2), bool), NO_CROWD, np.ones(3)).shape == (4, 3, 0)


# The whole, by hand


def _one_class(overlaps, scores, gt_class_ids, area=50.0):
    ap = CocoAP(num_classes=2)
    detections, gts = len(scores), len(gt_class_ids)
    ap.add(
        np.array(overlaps, float).reshape(detections, gts),
        np.array(scores, float),
        np.ones(detections, int),
        np.full(detections, area),
        np.array(gt_class_ids, int),
        np.full(gts, area),
    )
    return ap.summary()


def test_a_perfect_detection_is_one():
    summary = _one_class([[1.0]], [0.9], [1])
    assert list(summary) == COCO_ORDER
    for name in ("AP", "AP50", "AP75", "APsmall", "AR1", "AR100", "ARsmall"):
        assert summary[name] == 1.0, name
    for name in ("APmedium", "APlarge", "ARmedium", "ARlarge"):
        assert np.isnan(summary[name]), name


def test_an_object_on_the_edge_of_two_sizes_belongs_to_both():
    summary = _one_class([[1.0]], [0.9], [1], area=32.0**2)
    assert summary["APsmall"] == summary["APmedium"] == 1.0
    summary = _one_class([[1.0]], [0.9], [1], area=96.0**2)
    assert summary["APmedium"] == summary["APlarge"] == 1.0


def test_half_the_objects_found_after_a_false_alarm():
    # The second detection is right: precision 1/2 up to recall 1/2, 51 of the 101 recalls.
    summary = _one_class([[0, 0], [0.77, 0]], [0.9, 0.8], [1, 1])
    assert summary["AP50"] == pytest.approx(51 / 101 / 2)
    assert summary["AP75"] == summary["AP50"]
    # 0.77 is enough for six of the ten thresholds.
    assert summary["AP"] == pytest.approx(0.6 * summary["AP50"])
    assert summary["AR1"] == 0
    assert summary["AR10"] == pytest.approx(0.6 / 2)


def test_detections_in_a_crowd_do_not_count():
    assert _one_class([[1, 0], [0, 0.96], [0, 0.96]], [0.5, 0.9, 0.8], [1, -1])["AP"] == 1.0


@pytest.mark.parametrize(("detections", "objects"), [(0, 0), (2, 0), (0, 2)])
@pytest.mark.filterwarnings("error")
def test_nothing_to_find_is_nan_and_nothing_found_is_zero(detections, objects):
    summary = _one_class(np.zeros((detections, objects)), [0.9] * detections, [1] * objects)
    assert summary["AP"] == 0.0 if objects else np.isnan(summary["AP"])
    assert summary["AR100"] == 0.0 if objects else np.isnan(summary["AR100"])


@pytest.mark.filterwarnings("error")
def test_no_image_at_all_is_nan():
    assert all(np.isnan(value) for value in CocoAP(num_classes=3).summary().values())


def test_only_the_hundred_most_certain_detections_of_a_class_count():
    overlaps = np.zeros((101, 1))
    overlaps[100] = 1.0
    assert _one_class(overlaps, np.linspace(0.9, 0.1, 101), [1])["AR100"] == 0
    assert _one_class(overlaps[1:], np.linspace(0.9, 0.1, 100), [1])["AR100"] == 1


# Against pycocotools


def _random_scene(rng, classes, detections, objects, shape=(150, 180), crowds=True):
    """Ground truth and detections of one image: boxes, masks, classes and scores.

    Detections are moved, recoloured or invented objects; places are whole pixels and scores
    come from few values, so that there are ties of every kind.
    """
    height, width = shape

    def box():
        # From tiny to nearly the whole image, so that every size range is met.
        h, w = (int(np.clip(rng.lognormal(3.5, 1.0), 1, side - 2)) for side in (height, width))
        y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
        return np.array([y, x, y + h, x + w])

    def mask(box):
        inside = _rectangle(shape, *box)
        if rng.random() < 0.5:
            inside &= rng.random(shape) < 0.9
            inside[box[0], box[1]] = True
        return inside

    gt_boxes = np.array([box() for _ in range(objects)]).reshape(-1, 4)
    gt_masks = np.zeros((*shape, objects), bool)
    for index, gt_box in enumerate(gt_boxes):
        gt_masks[..., index] = mask(gt_box)
    gt_class_ids = rng.integers(1, classes, objects)
    if crowds:
        gt_class_ids = np.where(rng.random(objects) < 0.2, -gt_class_ids, gt_class_ids)

    pred_boxes, pred_masks, pred_class_ids = [], [], []
    for _ in range(detections):
        if objects and rng.random() < 0.7:
            source = rng.integers(objects)
            moved = gt_boxes[source] + rng.integers(-3, 4, 4)
            moved = np.clip(moved, 0, [height - 1, width - 1, height, width])
            moved[2:] = np.maximum(moved[2:], moved[:2] + 1)
            known = rng.random() < 0.8
            pred_class_ids.append(abs(gt_class_ids[source]) if known else rng.integers(1, classes))
        else:
            moved = box()
            pred_class_ids.append(rng.integers(1, classes))
        pred_boxes.append(moved)
        pred_masks.append(mask(moved))
    return {
        "gt": Detections.of(gt_boxes, gt_class_ids, masks=gt_masks),
        "predictions": Detections.of(
            pred_boxes,
            pred_class_ids,
            rng.integers(1, 20, detections) / 20,
            np.stack(pred_masks, axis=-1) if detections else np.zeros((*shape, 0), bool),
        ),
    }


def _ours(scenes, classes, kind):
    ap = CocoAP(classes)
    for scene in scenes:
        gt, found = scene["gt"], scene["predictions"]
        crowd = gt.class_ids < 0
        if kind == "segm":
            overlaps, areas = mask_overlaps(found, gt, crowd), found.areas
        else:
            overlaps = box_overlaps(found.rois, gt.rois, crowd)
            areas = np.prod(found.rois[:, 2:] - found.rois[:, :2], axis=1)
        ap.add(overlaps, found.scores, found.class_ids, areas, gt.class_ids, gt.areas)
    return ap


def _theirs(scenes, classes, kind):
    """Return pycocotools' evaluation object after all its steps."""
    pytest.importorskip("pycocotools")
    from pycocotools import mask as rle
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def entries(side, image_id):
        masks = side.masks
        for index, (y1, x1, y2, x2) in enumerate(side.rois.tolist()):
            mask = masks[..., index]
            yield {
                "image_id": image_id,
                "category_id": int(abs(side.class_ids[index])),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "segmentation": rle.encode(np.asfortranarray(mask, np.uint8)),
                "area": int(mask.sum()),
                "iscrowd": int(side.class_ids[index] < 0),
            }

    annotations, results = [], []
    for image_id, scene in enumerate(scenes, start=1):
        annotations += entries(scene["gt"], image_id)
        scores = scene["predictions"].scores.tolist()
        found = list(entries(scene["predictions"], image_id))
        for result, score in zip(found, scores, strict=True):
            # A result with a box would be sized by its box in the mask evaluation too.
            del result["bbox" if kind == "segm" else "segmentation"]
            results.append({**result, "score": score})
    for index, annotation in enumerate(annotations, start=1):
        annotation["id"] = index
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [
            {"id": i, "height": s["gt"].shape[0], "width": s["gt"].shape[1]}
            for i, s in enumerate(scenes, start=1)
        ],
        "categories": [{"id": k, "name": str(k)} for k in range(1, classes)],
        "annotations": annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def _scenes(name):
    rng = np.random.default_rng(sorted(CASES).index(name))
    return CASES[name](rng)


CASES = {
    "several classes and crowds": lambda rng: (
        4,
        [_random_scene(rng, 4, rng.integers(1, 25), rng.integers(1, 9)) for _ in range(12)],
    ),
    "one class, like a small project": lambda rng: (
        2,
        [_random_scene(rng, 2, rng.integers(1, 4), rng.integers(1, 4)) for _ in range(20)],
    ),
    "empty images among others": lambda rng: (
        3,
        [
            _random_scene(rng, 3, detections, objects)
            for detections, objects in [(0, 0), (3, 0), (0, 3), (4, 4), (0, 0), (2, 2)]
        ],
    ),
    "more than a hundred detections": lambda rng: (
        3,
        [_random_scene(rng, 3, 260, 12), _random_scene(rng, 2, 130, 4)],
    ),
    "a class that never occurs": lambda rng: (
        6,
        [_random_scene(rng, 3, 8, 4, crowds=False) for _ in range(4)],
    ),
}


@pytest.mark.parametrize("kind", ["bbox", "segm"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_numbers_are_those_of_pycocotools(name, kind):
    classes, scenes = _scenes(name)
    theirs = _theirs(scenes, classes, kind)
    ours = _ours(scenes, classes, kind)
    # -1 is pycocotools' word for a number that there is none of.
    numbers = [-1 if np.isnan(value) else value for value in ours.summary().values()]
    np.testing.assert_allclose(numbers, theirs.stats, atol=1e-6)
    # [T, R, K, A, M] and [T, K, A, M] there; with K from 1.
    precision = np.nan_to_num(ours.precision()[1:], nan=-1).transpose(2, 3, 0, 1)
    np.testing.assert_allclose(precision, theirs.eval["precision"][..., -1], atol=1e-6)
    recall = np.nan_to_num(ours.recall()[1:], nan=-1).transpose(3, 0, 1, 2)
    np.testing.assert_allclose(recall, theirs.eval["recall"], atol=1e-6)


def test_the_scenes_meet_every_size_and_tie():
    _, scenes = _scenes("several classes and crowds")
    areas = np.concatenate([scene["gt"].areas for scene in scenes])
    assert (areas < 32**2).any() and (areas > 96**2).any()
    assert ((areas > 32**2) & (areas < 96**2)).any()
    assert any((scene["gt"].class_ids < 0).any() for scene in scenes)
    scores = np.concatenate([scene["predictions"].scores for scene in scenes])
    assert len(np.unique(scores)) < len(scores) / 2


def test_the_memory_of_an_image_does_not_depend_on_its_size():
    def kept(side):
        ap = CocoAP(2)
        masks = _of_masks(np.ones((side, side, 3), bool))
        overlaps = mask_overlaps(masks, masks, np.zeros(3, bool))
        ones = np.ones(3, int)
        ap.add(overlaps, ones * 0.5, ones, masks.areas, ones, masks.areas)
        return sum(array.nbytes for array in ap.detections(1))

    assert kept(8) == kept(256) < 1000


def test_area_ranges_are_those_of_the_names():
    assert len(coco_ap.AREA_NAMES) == len(coco_ap.AREA_RANGES)
    assert coco_ap.AREA_RANGES[1, 1] == 1024 and coco_ap.AREA_RANGES[2, 1] == 9216
