import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mrcnn.annotation.read import read
from mrcnn.annotation.shapes import region_mask
from mrcnn.atomic import write_json
from mrcnn.coco_classes import COCO_CLASS_NAMES
from mrcnn.detections import Detections
from mrcnn.outlines import decode_rle, polygons_to_mask
from mrcnn.results.formats import FORMATS
from mrcnn.results.photos import PhotoResult, RunInfo
from mrcnn.results.records import count_classes, counts_text, object_records
from mrcnn.results.via_project import via_project, via_regions

NAMES = ["BG", "AC Remote", "mug"]


def found(*masks, class_ids=None, scores=None):
    """Return detections with these masks, as a detector returns them."""
    boxes, pieces = [], []
    for mask in masks:
        ys, xs = np.nonzero(mask)
        y1, x1, y2, x2 = (
            [ys.min(), xs.min(), ys.max() + 1, xs.max() + 1] if len(ys) else [4, 5, 9, 7]
        )
        boxes.append([y1, x1, y2, x2])
        pieces.append(mask[y1:y2, x1:x2])
    return Detections(
        masks[0].shape,
        np.array(boxes, np.int32),
        np.array([1] * len(masks) if class_ids is None else class_ids, np.int32),
        np.array([0.9] * len(masks) if scores is None else scores, np.float32),
        pieces,
    )


def nothing(height=20, width=30):
    none = np.zeros(0, np.float32)
    return Detections((height, width), np.zeros((0, 4), np.int32), none.astype(int), none, [])


def blank(height=20, width=30):
    return np.zeros((height, width), bool)


def disc(height, width, x, y, radius):
    image = np.zeros((height, width), np.uint8)
    cv2.circle(image, (x, y), radius, 1, cv2.FILLED)
    return image.astype(bool)


def iou(first, second):
    return np.count_nonzero(first & second) / np.count_nonzero(first | second)


# -- Records -----------------------------------------------------------------------------------


def test_record_by_hand():
    mask = blank()
    mask[2:5, 10:14] = True
    (record,) = object_records(found(mask, class_ids=[2], scores=[0.75]), NAMES)
    polygons, rle = record.pop("polygons"), record.pop("rle")
    assert record == {
        "class": "mug",
        "class_id": 2,
        "score": 0.75,
        "box": {"y1": 2, "x1": 10, "y2": 5, "x2": 14},
        "area_px": 12,
        "area_share": 12 / 600,
    }
    assert {tuple(point) for point in polygons[0]} == {(10, 2), (14, 2), (14, 5), (10, 5)}
    assert len(polygons) == 1
    # Column by column: ten columns and two rows of background, then three of every twenty.
    assert rle == {"size": [20, 30], "counts": [202, 3, 17, 3, 17, 3, 17, 3, 335]}


def test_records_are_json_and_hold_the_whole_mask():
    masks = [disc(60, 80, 30, 30, 20), disc(60, 80, 30, 30, 9) | disc(60, 80, 65, 20, 8)]
    records = json.loads(json.dumps(object_records(found(*masks, class_ids=[1, 2]), NAMES)))
    assert [record["class"] for record in records] == ["AC Remote", "mug"]
    assert [len(record["polygons"]) for record in records] == [1, 2]
    for record, mask in zip(records, masks, strict=True):
        assert np.array_equal(polygons_to_mask(record["polygons"], mask.shape), mask)
        assert np.array_equal(decode_rle(record["rle"]), mask)
        assert record["area_px"] == mask.sum()


def test_nothing_and_an_empty_mask():
    assert object_records(nothing(), NAMES) == []
    (record,) = object_records(found(blank()), NAMES)
    assert (record["area_px"], record["area_share"], record["polygons"]) == (0, 0, [])


# -- VIA ---------------------------------------------------------------------------------------


def test_region_by_hand():
    mask = blank()
    mask[2:12, 10:24] = True
    (region,) = via_regions(found(mask), NAMES)
    assert region["region_attributes"] == {"object": "AC Remote"}
    shape = region["shape_attributes"]
    assert shape["name"] == "polygon"
    corners = set(zip(shape["all_points_x"], shape["all_points_y"], strict=True))
    assert corners == {(10, 2), (24, 2), (24, 12), (10, 12)}


@pytest.mark.parametrize("radius", [3, 8, 40, 400])
def test_outlines_are_simple_and_close(radius):
    side = 3 * radius
    mask = disc(side, side, side // 2, side // 2, radius)
    (region,) = via_regions(found(mask), NAMES)
    shape = region["shape_attributes"]
    points = np.column_stack([shape["all_points_x"], shape["all_points_y"]])
    assert 4 <= len(points) <= 40
    assert iou(polygons_to_mask([points], mask.shape), mask) > (0.75 if radius < 8 else 0.93)


def test_an_outline_has_no_holes_and_no_specks():
    mask = disc(100, 120, 50, 50, 40)
    ring = mask & ~disc(100, 120, 50, 50, 15)
    ring[2:4, 110:114] = True
    (region,) = via_regions(found(ring), NAMES)
    shape = region["shape_attributes"]
    points = np.column_stack([shape["all_points_x"], shape["all_points_y"]])
    assert iou(polygons_to_mask([points], mask.shape), mask) > 0.95


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (7, 1), (2, 2)])
def test_tiny_masks_keep_an_area(height, width):
    mask = blank()
    mask[3 : 3 + height, 5 : 5 + width] = True
    (region,) = via_regions(found(mask), NAMES)
    shape = region["shape_attributes"]
    assert shape["name"] == "polygon"
    points = np.column_stack([shape["all_points_x"], shape["all_points_y"]])
    assert np.array_equal(polygons_to_mask([points], mask.shape), mask)


def test_of_two_thin_parts_the_longer_one_counts():
    mask = blank()
    mask[2, 3] = mask[9, 5:14] = mask[15, 20] = True
    shape = via_regions(found(mask), NAMES)[0]["shape_attributes"]
    assert (min(shape["all_points_x"]), max(shape["all_points_x"])) == (5, 14)


def test_an_empty_mask_becomes_its_box():
    (region,) = via_regions(found(blank()), NAMES)
    expected = {"name": "rect", "x": 5, "y": 4, "width": 2, "height": 5}
    assert region["shape_attributes"] == expected


def test_project_is_read_back(tmp_path):
    masks = [disc(100, 120, 40, 50, 30), disc(100, 120, 90, 50, 20)]
    regions = via_regions(found(*masks, class_ids=[2, 1]), NAMES)
    images = [("Foto ü 1.jpg", 1234, regions), ("leer.png", 77, [])]
    project = via_project(images, NAMES, name="mugs", folder="file:///photos/")

    assert list(project["_via_img_metadata"]) == ["Foto ü 1.jpg1234", "leer.png77"]
    assert project["_via_image_id_list"] == list(project["_via_img_metadata"])
    # VIA passes over entries without these four.
    for entry in project["_via_img_metadata"].values():
        assert set(entry) == {"filename", "size", "regions", "file_attributes"}
    attribute = project["_via_attributes"]["region"]["object"]
    assert attribute["type"] == "dropdown"
    assert list(attribute["options"]) == ["AC Remote", "mug"]
    assert project["_via_settings"]["core"]["default_filepath"] == "file:///photos/"
    assert project["_via_settings"]["project"]["name"] == "mugs"

    path = write_json(tmp_path / "new folder" / "mugs.json", project)
    annotations = read(path)
    assert annotations.form == "VIA 2 project"
    assert annotations.attribute == "object"
    assert (annotations.problems, annotations.warnings) == ((), ())
    first, second = annotations.images
    assert (first.filename, second.filename) == ("Foto ü 1.jpg", "leer.png")
    assert [region.label for region in first.regions] == ["mug", "AC Remote"]
    assert second.regions == ()
    for region, mask in zip(first.regions, masks, strict=True):
        assert iou(region_mask(region, mask.shape), mask) > 0.93


# -- Words and files ---------------------------------------------------------------------------


def test_counts():
    counts = count_classes([2, 1, 1], NAMES)
    assert counts == {"AC Remote": 2, "mug": 1}
    assert counts_text(counts) == "2 AC Remote, 1 mug"
    assert counts_text(count_classes([], NAMES)) == "nothing"


def test_coco_class_names():
    assert len(COCO_CLASS_NAMES) == len(set(COCO_CLASS_NAMES)) == 81
    # Places that scripts for the published weights rely on.
    places = {
        0: "BG",
        1: "person",
        3: "car",
        40: "bottle",
        57: "chair",
        66: "remote",
        80: "toothbrush",
    }
    assert {place: COCO_CLASS_NAMES[place] for place in places} == places


def test_json_keeps_letters_and_replaces_whole_files(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": list(range(1000))})
    write_json(path, {"class": "リモコン"})
    assert path.read_bytes() == '{"class":"リモコン"}'.encode()
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(TypeError):
        write_json(path, object())
    assert path.read_text() == "1"
    with pytest.raises(OSError, match="cannot be written"):
        write_json(path / "below.json", 1)


# -- Formats -----------------------------------------------------------------------------------


def written(name, folder, photos, failed=()):
    """Return the document that a format makes of photos."""
    path = folder / f"{name}.json"
    writer = FORMATS[name](path, RunInfo(Path("some.h5"), NAMES, 0.5))
    assert (writer.name, bool(writer.help)) == (name, True)
    for photo in photos:
        writer.add(photo)
    assert not path.exists()
    writer.close(list(failed))
    return json.loads(path.read_text())


@pytest.fixture
def photos(tmp_path):
    """Two photos in two folders: one with a mug, one with nothing."""
    paths = [tmp_path / "a" / "one.jpg", tmp_path / "b" / "ü.jpg"]
    for size, path in enumerate(paths, start=5):
        path.parent.mkdir()
        path.write_bytes(b"x" * size)
    results = found(disc(20, 30, 12, 9, 6), class_ids=[2]), nothing(8, 9)
    return [
        PhotoResult(path, result, Path("predictions", path.name))
        for path, result in zip(paths, results, strict=True)
    ]


def test_the_json_file_has_everything(tmp_path, photos):
    failed = [{"file": "c.jpg", "reason": "it is empty"}]
    document = written("json", tmp_path, photos, failed)
    first, second = document.pop("images")
    assert document == {
        "weights": "some.h5",
        "class_names": NAMES,
        "min_confidence": 0.5,
        "failed": failed,
    }
    assert first == {
        "file": str(photos[0].path),
        "height": 20,
        "width": 30,
        "picture": str(photos[0].picture),
        "objects": object_records(photos[0].detections, NAMES),
    }
    assert (second["height"], second["width"], second["objects"]) == (8, 9, [])


def test_the_via_project_finds_the_photos_from_their_common_folder(tmp_path, photos):
    document = written("via", tmp_path, photos)
    first, second = document["_via_img_metadata"].values()
    assert (first["filename"], first["size"]) == ("a/one.jpg", 5)
    assert (second["filename"], second["size"]) == ("b/ü.jpg", 6)
    assert first["regions"] == via_regions(photos[0].detections, NAMES)
    assert second["regions"] == []
    assert document["_via_settings"]["project"]["name"] == "via"
    core = document["_via_settings"]["core"]
    assert core["default_filepath"] == f"{tmp_path.as_uri()}/"


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_without_photos_is_a_document_too(name, tmp_path):
    assert written(name, tmp_path, [])
