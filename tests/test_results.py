import contextlib
import io
import json
import re
import sys
import tempfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mrcnn.annotation.read import read
from mrcnn.annotation.shapes import region_mask
from mrcnn.atomic import write_json
from mrcnn.coco_classes import COCO_CLASS_NAMES
from mrcnn.detections import Detections
from mrcnn.outlines import decode_rle, mask_to_polygons, polygons_to_mask
from mrcnn.results import via_project as via_project_module
from mrcnn.results.formats import FORMATS
from mrcnn.results.parquet_parts import arrow
from mrcnn.results.photos import PhotoResult, RunInfo
from mrcnn.results.records import MASKS, TOLERANCE_PX, count_classes, counts_text, object_records
from mrcnn.results.via_project import common_folder, via_project, via_regions

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
    (record,) = object_records(found(mask, class_ids=[2], scores=[0.75]), NAMES, "both")
    polygons, rle = record.pop("polygons"), record.pop("rle")
    assert record == {
        "class": "mug",
        "class_id": 2,
        "score": 0.75,
        "box": {"y1": 2, "x1": 10, "y2": 5, "x2": 14},
        "area_px": 12,
        "area_share": 0.02,
    }
    assert {tuple(point) for point in polygons[0]} == {(10, 2), (14, 2), (14, 5), (10, 5)}
    assert len(polygons) == 1
    # Column by column: ten columns and two rows of background, then three of every twenty.
    assert rle == {"size": [20, 30], "counts": [202, 3, 17, 3, 17, 3, 17, 3, 335]}


def test_records_are_json_and_hold_the_whole_mask():
    masks = [disc(60, 80, 30, 30, 20), disc(60, 80, 30, 30, 9) | disc(60, 80, 65, 20, 8)]
    detections = found(*masks, class_ids=[1, 2])
    records = json.loads(json.dumps(object_records(detections, NAMES, "both")))
    assert [record["class"] for record in records] == ["AC Remote", "mug"]
    assert [len(record["polygons"]) for record in records] == [1, 2]
    for record, mask in zip(records, masks, strict=True):
        assert iou(polygons_to_mask(record["polygons"], mask.shape), mask) > 0.99
        assert np.array_equal(decode_rle(record["rle"]), mask)
        assert record["area_px"] == mask.sum()


@pytest.mark.parametrize(
    ("masks", "kept"), [("polygons", {"polygons"}), ("rle", {"rle"}), ("both", {"polygons", "rle"})]
)
def test_a_mask_is_told_as_it_is_wanted(masks, kept):
    (record,) = object_records(found(disc(60, 80, 30, 30, 20)), NAMES, masks)
    assert record.keys() & {"polygons", "rle"} == kept
    assert object_records(found(blank()), NAMES)[0].keys() >= {"polygons"}


def wavy(size, hole=0.08):
    """Return a mask of an object with a smooth outline, a hole and a part of its own."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    radius, angle = np.hypot(y, x), np.arctan2(y, x)
    ring = (radius < 0.3 + 0.05 * np.sin(5 * angle)) & (radius > hole)
    return ring | (np.hypot(y - 0.42, x - 0.42) < 0.07)


@pytest.mark.parametrize("size", [20, 60, 300])
def test_polygons_are_half_a_pixel_off_and_no_staircase(size):
    mask = wavy(size)
    (record,) = object_records(found(mask), NAMES)
    polygons = [np.array(part) for part in record["polygons"]]
    assert iou(polygons_to_mask(polygons, mask.shape), mask) > 0.99
    whole = wavy(size, hole=-1)
    (record,) = object_records(found(whole), NAMES)
    polygons = [np.array(part, np.float32) for part in record["polygons"]]
    exact = np.concatenate(mask_to_polygons(whole))
    # The corners of a staircase are up to 0.36 px from the line through the middles of its sides.
    for point in exact:
        off = min(abs(cv2.pointPolygonTest(part, point, True)) for part in polygons)
        assert off <= TOLERANCE_PX + 0.5**0.5 / 2 + 1e-6
    assert sum(map(len, polygons)) < (1 if size < 100 else 0.3) * len(exact)


def test_nothing_and_an_empty_mask():
    assert object_records(nothing(), NAMES) == []
    (record,) = object_records(found(blank()), NAMES)
    assert (record["area_px"], record["area_share"], record["polygons"]) == (0, 0, [])


# -- VIA ---------------------------------------------------------------------------------------


def test_region_by_hand():
    mask = blank()
    mask[2:12, 10:24] = True
    (region,) = via_regions(found(mask), NAMES)
    attributes = region["region_attributes"]
    assert attributes.pop("predicted").startswith("0.90 ")
    assert attributes == {"object": "AC Remote"}
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
    assert iou(polygons_to_mask([points], mask.shape), mask) > 0.99


def read_back(folder, masks, **options):
    """Return the regions of the one photo of a project, as the annotation reader has them."""
    regions = via_regions(found(*masks, **options), NAMES)
    path = write_json(folder / "a.json", via_project([("a.jpg", 9, regions)], NAMES))
    annotations = read(path)
    assert annotations.attribute == "object"
    assert (annotations.problems, annotations.warnings) == ((), ())
    return annotations.images[0].regions


def test_all_parts_and_holes_are_kept(tmp_path):
    ring = disc(100, 150, 50, 50, 40) & ~disc(100, 150, 50, 50, 15)
    ring[60:65, 40:45] = False
    ring[2:4, 110:114] = ring[80:95, 100:140] = True
    whole = disc(100, 150, 120, 40, 20)
    masks = [ring, whole, ring[:, ::-1], disc(100, 150, 20, 20, 9)]
    regions = via_regions(found(*masks, class_ids=[1, 2, 1, 2]), NAMES)
    parts = [region["region_attributes"].get("part_of") for region in regions]
    assert parts == ["1", "1", "1", None, "3", "3", "3", None]
    back = read_back(tmp_path, masks, class_ids=[1, 2, 1, 2])
    assert [region.label for region in back] == ["AC Remote", "mug", "AC Remote", "mug"]
    assert [len(region.outlines) for region in back] == [3, 1, 3, 1]
    for region, mask in zip(back, masks, strict=True):
        assert iou(region_mask(region, mask.shape), mask) > 0.99


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
@example(23035061)  # the ends of its slits, rounded, moved edges that run through centres of pixels
def test_masks_of_any_kind_come_back(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(5, 120, 2).tolist()
    noise = rng.normal(rng.uniform(-0.5, 1), size=(3, *rng.integers(3, 20, 2)))
    masks = [cv2.resize(each, (width, height)) > 0 for each in noise]
    masks = [mask for mask in masks if mask.any()] or [np.ones((height, width), bool)]
    with tempfile.TemporaryDirectory() as folder:
        back = read_back(Path(folder), masks)
    assert len(back) == len(masks)
    for region, mask in zip(back, masks, strict=True):
        assert iou(region_mask(region, mask.shape), mask) > 0.99


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (7, 1), (2, 2)])
def test_tiny_masks_keep_an_area(height, width):
    mask = blank()
    mask[3 : 3 + height, 5 : 5 + width] = True
    (region,) = via_regions(found(mask), NAMES)
    shape = region["shape_attributes"]
    assert shape["name"] == "polygon"
    points = np.column_stack([shape["all_points_x"], shape["all_points_y"]])
    assert np.array_equal(polygons_to_mask([points], mask.shape), mask)


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
    assert project["_via_attributes"]["region"]["part_of"]["default_value"] == ""
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
        assert iou(region_mask(region, mask.shape), mask) > 0.99


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
    """Return the document that a format makes of photos, and those before each of the photos."""
    path = folder / f"{name}.json"
    info = RunInfo(Path("some.h5"), NAMES, 0.5, [photo.path for photo in photos])
    writer = FORMATS[name](path, info)
    assert (writer.name, bool(writer.help)) == (name, True)
    for failure in failed:
        writer.fail(failure)
    before = []
    for photo in photos:
        writer.add(photo)
        before.append(json.loads(path.read_text(encoding="utf-8")))
    writer.close()
    assert not list(folder.glob(".*"))
    return json.loads(path.read_text(encoding="utf-8")), before


@pytest.fixture
def photos(tmp_path):
    """Two photos in two folders: one with a mug, one with nothing."""
    paths = [tmp_path / "a" / "one.jpg", tmp_path / "b" / "ü.jpg"]
    for size, path in enumerate(paths, start=5):
        path.parent.mkdir()
        path.write_bytes(b"x" * size)
    results = found(disc(20, 30, 12, 9, 6), class_ids=[2]), nothing(8, 9)
    return [
        PhotoResult(
            path,
            result,
            Path("predictions", path.name),
            path.stat().st_size,
            np.zeros((*result.shape, 3), np.uint8),
        )
        for path, result in zip(paths, results, strict=True)
    ]


def test_the_json_file_has_everything(tmp_path, photos):
    failed = [{"file": "c.jpg", "reason": "it is empty"}]
    document, before = written("json", tmp_path, photos, failed)
    assert before[1] == document
    assert before[0] == document | {"images": document["images"][:1]}
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
    for photo in photos:
        photo.path.unlink()  # the size is that of the photo that was looked at
    document, before = written("via", tmp_path, photos)
    images = document["_via_img_metadata"]
    assert document["_via_image_id_list"] == list(images)
    assert [list(each["_via_img_metadata"]) for each in before] == [list(images)[:1], list(images)]
    # VIA lists the images itself then.
    assert "_via_image_id_list" not in before[1]
    first, second = images.values()
    assert (first["filename"], first["size"]) == ("a/one.jpg", 5)
    assert (second["filename"], second["size"]) == ("b/ü.jpg", 6)
    assert first["regions"] == via_regions(photos[0].detections, NAMES)
    assert second["regions"] == []
    assert document["_via_settings"]["project"]["name"] == "via"
    core = document["_via_settings"]["core"]
    assert core["default_filepath"] == f"{tmp_path.as_uri()}/"


@pytest.mark.parametrize("name", ["json", "via"])
def test_a_run_without_photos_is_a_document_too(name, tmp_path):
    document, _ = written(name, tmp_path, [])
    assert document


@pytest.mark.parametrize(
    ("paths", "folder", "address"),
    [
        (["/a/b/x.jpg", "/a/c/d/y.jpg"], "/a", "file:///a/"),
        (["/a/b/x.jpg"], "/a/b", "file:///a/b/"),
        (["/x.jpg", "/a/y.jpg"], "/", "file:///"),
        (["C:/Fotos/b/x.jpg", "c:/fotos/y z.jpg"], "C:/Fotos", "file:///C:/Fotos/"),
        (["C:/x.jpg", "C:/a/y.jpg"], "C:/", "file:///C:/"),
        (["C:/a/x.jpg", "D:/a/x.jpg"], None, "file:///"),
        (["C:/a/x.jpg", "//server/share/x.jpg"], None, "file:///"),
    ],
)
def test_the_folder_that_photos_share(paths, folder, address):
    kind = PurePosixPath if paths[0].startswith("/") else PureWindowsPath
    found, told = common_folder([kind(path) for path in paths])
    assert (found, told) == (folder and kind(folder), address)


def test_photos_on_two_drives_have_their_whole_paths(tmp_path, photos, monkeypatch):
    drives = {
        photos[0].path: PureWindowsPath("C:/a/x.jpg"),
        photos[1].path: PureWindowsPath("D:/x.jpg"),
    }
    monkeypatch.setattr(via_project_module, "_whole", drives.get)
    document, _ = written("via", tmp_path, photos)
    core = document["_via_settings"]["core"]
    images = document["_via_img_metadata"].values()
    addresses = [core["default_filepath"] + image["filename"] for image in images]
    assert addresses == ["file:///C:/a/x.jpg", "file:///D:/x.jpg"]


def test_coco_takes_the_results(tmp_path, photos):
    from pycocotools import mask as coco_masks
    from pycocotools.coco import COCO

    path = tmp_path / "results.json"
    writer = FORMATS["coco_results"](path, RunInfo(Path("some.h5"), NAMES, 0.5, ()))
    mask = wavy(60)
    numbered = photos[0]._replace(path=Path("000042.jpg"), detections=found(mask, class_ids=[2]))
    for photo in (photos[1], numbered, photos[0]):
        writer.add(photo)
    writer.close()
    records = json.loads(path.read_text())
    assert [record["image_id"] for record in records] == [42, "one"]
    assert np.array_equal(coco_masks.decode(records[0]["segmentation"]), mask)
    assert records[0]["bbox"] == list(coco_masks.toBbox(records[0]["segmentation"]))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": [{"id": 42}, {"id": "one"}], "categories": [], "info": {}}
        truth.dataset |= {"annotations": []}
        truth.createIndex()
        assert truth.loadRes(str(path)).anns[1]["image_id"] == 42


def test_without_pyarrow_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ValueError, match=r'--parquet needs pyarrow: pip install "\.\[parquet\]"$'):
        arrow()


def test_parquet_has_what_json_lines_have(tmp_path, photos):
    table = pytest.importorskip("pyarrow.parquet")
    info = RunInfo(Path("some.h5"), NAMES, 0.5, (), masks="both")
    for name in ("jsonl", "parquet"):
        writer = FORMATS[name](tmp_path / name, info)
        for photo in photos:
            writer.add(photo)
        writer.fail({"file": "caf\udce9.jpg", "reason": "it is empty"})
        writer.close()
    rows = table.read_table(tmp_path / "parquet").to_pylist()
    lines = [json.loads(line) for line in (tmp_path / "jsonl").read_text().splitlines()]
    assert rows[:2] == [line | {"failed": None} for line in lines[:2]]
    files = [
        [file for file, _ in FORMATS[name].photos_in(tmp_path / name)]
        for name in ("jsonl", "parquet")
    ]
    assert files[0] == files[1] and files[0][2] == "caf\udce9.jpg"


# -- The page about it -------------------------------------------------------------------------


def test_the_page_names_every_field(tmp_path, photos):
    page = (Path(__file__).parent.parent / "docs" / "results.md").read_text(encoding="utf-8")
    fields = re.findall(r"^\| (`[^|]*) \|", page, re.M)
    told = {name for row in fields for name in re.findall(r"`(\w+)`", row)}
    document, _ = written("json", tmp_path, photos)
    image = document["images"][0]
    objects = object_records(photos[0].detections, NAMES, "both")
    for names in (document, image, objects[0], objects[0]["box"], objects[0]["rle"]):
        missing = [name for name in names if name not in told and f"`{name}`" not in page]
        assert not missing
    of_video = {"video", "frames_per_second", "frames", "counted"}
    assert told == document.keys() | image.keys() | objects[0].keys() | of_video


@pytest.mark.parametrize("masks", MASKS)
def test_the_code_of_the_page_gives_the_mask_back(tmp_path, photos, monkeypatch, masks):
    page = (Path(__file__).parent.parent / "docs" / "results.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    info = RunInfo(Path("some.h5"), NAMES, 0.5, [photo.path for photo in photos], masks=masks)
    writer = FORMATS["json"](tmp_path / "found.json", info)
    writer.add(photos[0])
    writer.close()
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    assert iou(names["mask"], photos[0].detections.masks[..., 0]) > 0.99
