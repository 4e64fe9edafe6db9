"""Annotation files as people have them, cut to the point: each is read right, or says what to do.

The data set is what a file finds: photos of 60 x 50 pixels, one annotation file a subset.
"""

import base64
import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from custom_training import CustomDataset
from mrcnn.annotation.read import AnnotationError, read_folder
from mrcnn.annotation.shapes import bounds, region_mask
from mrcnn.check.check import check_dataset
from tests.annotated import picture, polygon, rect

WIDTH, HEIGHT = 60, 50
OUTLINE = ([10, 50, 50, 10], [10, 10, 40, 40])
FLAT = [10, 10, 50, 10, 50, 40, 10, 40]
CAT = polygon(*OUTLINE, **{"class": "cat"})


@pytest.fixture
def put(tmp_path):
    """A function: writes photos and an annotation file into a subset; returns the data set."""

    def write(content, *photos, subset="train", name="ann.json"):
        folder = tmp_path / subset
        folder.mkdir(exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text)
        for number, photo in enumerate(photos or ["a.png"]):
            path = folder / photo
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), picture(number + 9 * len(subset), WIDTH, HEIGHT))
        return tmp_path

    return write


def export(*regions, **others):
    """Return an export of VIA 2: the regions of a.png, or of each name in `others`."""
    images = others.get("images") or {"a.png": regions}
    return {
        f"{name}-1": {"filename": name, "size": -1, "regions": list(listed)}
        for name, listed in images.items()
    }


def coco(*annotations, categories=((1, "cut"),)):
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": key, "name": name} for key, name in categories],
        "annotations": [{"image_id": 1, "category_id": 1, **one} for one in annotations],
    }


def labelme(*shapes, name="a.png"):
    listed = [{"group_id": None, "flags": {}, **shape} for shape in shapes]
    document = {"version": "5.5.0", "flags": {}, "shapes": listed, "imagePath": name}
    return {**document, "imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH}


def checked(dataset, **options):
    """Return the report on the subset that was put."""
    return check_dataset(dataset, subsets=["train"], **options)


def told(report, kind):
    return [str(finding) for finding in report.findings if finding.kind == kind]


def labels(annotations):
    return [region.label for image in annotations.images for region in image.regions]


# -- Photos are found where the file says ---------------------------------------------------------


def test_photos_in_a_folder_below(put):
    report = checked(put(export(images={"images/a.png": [CAT]}), "images/a.png", "images/b.png"))
    (train,) = report.subsets
    assert not report.errors and (train.images, train.annotated, train.unlisted) == (2, 1, 1)


def test_addresses_and_absolute_paths_mean_their_last_part(put):
    names = ["C:\\Users\\someone\\pics\\a.png", "https://example.org/pics/b.png"]
    report = checked(put(export(images={name: [CAT] for name in names}), "a.png", "b.png"))
    assert not report.errors and report.subsets[0].annotated == 2
    (text,) = told(report, "other folder")
    assert "found by the end of their name alone: 2, as a.png for Users/someone/pics/a.png" in text


def via3(*files):
    """Return a project of VIA 3, a circle on each of the files, (name, address)."""
    told = {"type": 2, "loc": 2}
    return {
        "project": {"pid": "x"},
        "config": {},
        "attribute": {"1": {"aname": "class", "type": 3, "options": {"0": "cyl"}}},
        "file": {
            str(i): {"fid": i, "fname": name, "src": source, **told}
            for i, (name, source) in enumerate(files)
        },
        "view": {str(i): {"fid_list": [str(i)]} for i in range(len(files))},
        "metadata": {
            f"{i}_a": {"vid": str(i), "z": [], "xy": [3, 30, 25, 10], "av": {"1": "0"}}
            for i in range(len(files))
        },
    }


def test_via_3_has_a_name_beside_the_address(put):
    dataset = put(via3(("a.png", "https://example.org/images/a.png")))
    report = checked(dataset)
    assert not report.errors and not told(report, "other folder")
    assert list(report.subsets[0].regions) == ["a.png"]
    assert report.subsets[0].annotations.class_names == ("cyl",)


def test_via_3_names_that_stand_twice_are_told_apart_by_their_address(put):
    files = [("x.png", f"https://example.org/{place}/x.png") for place in (1, 51)]
    dataset = put(via3(*files), "1/x.png", "51/x.png", "x.png")
    (train,) = checked(dataset).subsets
    found = {path.relative_to(dataset / "train").as_posix() for path in train.paths.values()}
    assert found == {"1/x.png", "51/x.png"} and train.annotated == 2


def test_a_photo_of_the_same_name_in_another_folder_is_another_photo(put):
    report = checked(put(export(images={"b/1.png": [CAT], "c.png": [CAT]}), "c.png", "a/1.png"))
    assert list(report.subsets[0].regions) == ["c.png"]
    assert told(report, "missing") == [
        "train/b/1.png: no such image in the folder; a/1.png has its name, but lies in another one"
    ]


def test_file_prefixes_are_no_part_of_the_name(put):
    names = ["file:.\\set1\\1\\x.png", "file:.\\set1\\51\\x.png"]
    dataset = put(export(images={n: [CAT] for n in names}), "set1/1/x.png", "set1/51/x.png")
    report = checked(dataset)
    assert not report.errors and not told(report, "missing")
    paths = report.subsets[0].paths
    assert {n: p.relative_to(dataset / "train").as_posix() for n, p in paths.items()} == {
        "set1/1/x.png": "set1/1/x.png",
        "set1/51/x.png": "set1/51/x.png",
    }


# -- COCO ------------------------------------------------------------------------------------------

RLE = {"size": [HEIGHT, WIDTH], "counts": [110, 30, 20, 30, 2810]}


def test_a_file_of_crowds_alone_has_objects(put):
    """CVAT marks masks that were drawn with a brush so."""
    dataset = put(coco({"iscrowd": 1, "segmentation": RLE}))
    report = checked(dataset)
    assert "all regions are crowds (iscrowd 1): they are taken as objects" in report.text()
    data = CustomDataset()
    data.load_custom(dataset, "train", checked=report.subset("train"))
    data.prepare()
    masks, class_ids = data.load_mask(0)
    assert class_ids.tolist() == [1] and masks.sum() == 60


def test_crowds_beside_objects_are_counted(put):
    crowd = {"iscrowd": 1, "segmentation": RLE}
    two = ((1, "cut"), (2, "hole"))
    plain = {"segmentation": [FLAT]}
    report = checked(put(coco(crowd, plain, categories=two)))
    assert not report.errors
    assert "1 of 2 regions are crowds (iscrowd 1): not learned" in told(report, "crowds")[0]
    report = checked(put(coco({**crowd, "category_id": 2}, plain, categories=two)))
    assert told(report, "crowds only") == [
        "train: all regions of class 'hole' are crowds (iscrowd 1)"
    ]
    assert report.exit_code == 1


def test_a_box_without_an_outline_is_a_rectangle(put):
    boxed = {"segmentation": [], "bbox": [1, 1, 8, 8]}
    report = checked(put(coco({"segmentation": [FLAT], "bbox": [10, 10, 40, 30]}, boxed)))
    assert "boxes (bbox) without an outline, taken as rectangles: 1 of 2" in report.text()
    first, second = report.subsets[0].regions["a.png"]
    assert (first.area, second.area, second.box) == (1200, 64, (8, 8))
    (problem,) = read_folder(put(coco({"segmentation": []})) / "train").problems
    assert "neither an outline (segmentation) nor a box" in problem.reason


def test_a_part_without_an_area_does_not_lose_the_object(put):
    report = checked(put(coco({"segmentation": [FLAT, [1, 1, 2, 2]]})))
    assert not report.errors and report.subsets[0].regions["a.png"][0].area == 1200
    assert (
        "parts of outlines that have no area, left out: 1, as a.png, region 1: part 2 of 2: "
        "2 different points, an area needs 3"
    ) in report.text()


def test_a_category_that_is_not_listed(put):
    report = checked(put(coco({"segmentation": [FLAT], "category_id": 5})))
    assert told(report, "value") == [
        "train/a.png, region 1: category 5 is not among the categories (1: cut)"
    ]
    assert report.exit_code == 1
    unnamed = coco({"segmentation": [FLAT]}, categories=[(1, "")])
    assert told(checked(put(unnamed)), "value") == [
        "train/a.png, region 1: its category 1 has no name"
    ]


@pytest.mark.parametrize("compress", [False, True])
def test_run_lengths_plain_and_compressed_are_the_mask(put, compress):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:40, 10:50] = mask[2:4, 55:] = 1
    mask[20:30, 20:30] = 0
    rle = coco_mask.encode(np.asfortranarray(mask))
    changes = np.flatnonzero(np.diff(mask.ravel("F"), prepend=0, append=2)).tolist()
    counts = np.diff([0, *changes]).tolist()
    rle = {"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode() if compress else counts}
    annotations = read_folder(put(coco({"segmentation": rle})) / "train")
    (region,) = annotations.images[0].regions
    np.testing.assert_array_equal(region_mask(region, (HEIGHT, WIDTH)), mask > 0)


# -- Which attribute is the class ------------------------------------------------------------------


def test_one_attribute_for_each_class(put):
    regions = [
        polygon(*OUTLINE, scratch="scratch"),
        rect(5, 5, 20, 20, dent="dent"),
        rect(30, 5, 9, 9, scratch="scratch"),
    ]
    annotations = read_folder(put(export(*regions)) / "train")
    assert labels(annotations) == ["scratch", "dent", "scratch"] and not annotations.problems
    # What only `val` has is told with its name.
    val = [*regions, rect(40, 5, 9, 9, rear_bumper="rear bumper")]
    report = check_dataset(put(export(*val), subset="val"))
    assert told(report, "no label") == [
        "val/a.png, region 4: it has no label: it has no attribute 'scratch', 'dent', but "
        "'rear_bumper' is 'rear bumper'"
    ]


@pytest.mark.parametrize("default", ["car", "unknown"])
def test_a_choice_named_unknown_is_a_class_unless_via_fills_it_in(put, default):
    regions = [polygon(*OUTLINE, type="car"), rect(5, 5, 20, 20, type="unknown")]
    kind = {"type": "dropdown", "options": {"car": "", "unknown": ""}}
    kind["default_options"] = {default: True}
    project = {
        "_via_settings": {},
        "_via_img_metadata": export(*regions),
        "_via_attributes": {"region": {"type": kind}, "file": {}},
    }
    annotations = read_folder(put(project) / "train")
    if default == "car":
        assert labels(annotations) == ["car", "unknown"] and not annotations.problems
    else:
        assert [problem.reason for problem in annotations.problems] == [
            "it has no label: its 'type' is 'unknown', what VIA fills in"
        ]


def test_the_first_attribute_is_the_class_and_the_way_to_another_is_told(put):
    foods = {"ice cream": "sweet", "gulab jamun": "sweet", "chilli chicken": "spicy"}
    regions = [
        rect(5 + 15 * i, 5, 9, 9, food=food, taste=taste)
        for i, (food, taste) in enumerate(foods.items())
    ]
    folder = put(export(*regions)) / "train"
    annotations = read_folder(folder)
    assert labels(annotations) == list(foods) and annotations.attribute == "food"
    assert annotations.warnings == (
        "the class is read from 'food'; the regions also have 'taste' (values: 2); to read the "
        "class from another: --attribute taste",
    )
    assert labels(read_folder(folder, "taste")) == list(foods.values())
    with pytest.raises(AnnotationError, match="'colour': there are food, taste"):
        read_folder(folder, "colour")


def people(*told):
    return export(*(rect(5 + 15 * i, 5, 9, 9, **words) for i, words in enumerate(told)))


def test_train_and_val_are_read_by_one_attribute(put):
    slim, stout = {"Weight": "slim"}, {"Weight": "stout"}
    put(people({"Gender": "male", **slim}, {"Gender": "female", **stout}))
    # Read alone, a dropdown or a usual name would be the choice.
    listed = people({**slim, "Gender": "male"}, stout, {**slim, "Gender": "female"})
    dataset = put(listed, subset="val")
    why = "it has no label: it has no attribute 'Gender', but 'Weight' is 'stout'"
    for subsets in (["train", "val"], ["val"]):
        report = check_dataset(dataset, subsets=subsets)
        assert report.subset("val").annotations.attribute == "Gender"
        assert [str(error) for error in report.errors] == [f"val/a.png, region 2: {why}"]
    data = CustomDataset()
    data.load_custom(dataset, "val", ["female", "male"])
    assert [info["class_ids"] for info in data.image_info] == [[2, 1]]
    report = check_dataset(dataset, attribute="Weight")
    assert not report.errors and report.subset("val").annotations.class_names == ("slim", "stout")


def test_files_of_one_folder_are_read_by_one_attribute(put):
    both = people({"Gender": "male", "Weight": "slim"}, {"Gender": "female", "Weight": "stout"})
    put(both, name="a.json")
    other = rect(5, 5, 9, 9, Weight="stout", Gender="female")
    dataset = put(export(images={"b.png": [other]}), "a.png", "b.png", name="b.json")
    assert labels(read_folder(dataset / "train")) == ["male", "female", "female"]


def test_no_attribute_is_one_class_whose_name_is_made_up(put):
    regions = [polygon(*OUTLINE), rect(5, 5, 20, 20)]
    plain = [{**region, "region_attributes": {}} for region in regions]
    folder = put(export(*plain)) / "train"
    text = "no region has an attribute: all regions are one class, here called"
    assert read_folder(folder).warnings == (f"{text} 'object'",)
    assert read_folder(folder, None, "plate").warnings == (f"{text} 'plate'",)


# -- Parts of one object ---------------------------------------------------------------------------


def test_regions_with_one_value_of_part_of_are_one_object(put):
    regions = [
        rect(0, 0, 10, 10, object="mug", part_of="1"),
        rect(20, 0, 5, 10, object="mug", part_of="1"),
        rect(0, 20, 5, 5, object="pan", part_of="1"),
        rect(30, 20, 5, 5, object="mug"),
        rect(40, 20, 5, 5, object="mug", part_of=""),
    ]
    (train,) = checked(put(export(*regions))).subsets
    found = [(size.label, size.area) for size in train.regions["a.png"]]
    assert found == [("mug", 150), ("pan", 25), ("mug", 25), ("mug", 25)]
    assert train.annotations.attribute == "object" and not train.annotations.warnings


# -- Files of other tools, and damaged ones --------------------------------------------------------

CSV_HEADER = "filename,file_size,file_attributes,region_count,region_id,"
CSV_HEADER += "region_shape_attributes,region_attributes"
SHAPE = '"{""name"":""rect"",""x"":1,""y"":1,""width"":30,""height"":20}"'
LINE = f'a.png,100,"{{}}",1,0,{SHAPE},"{{""class"":""cat""}}"'


def test_a_csv_that_was_cut_off(put):
    text = f"{CSV_HEADER}\n{LINE}\n{LINE.replace('a.png', 'b.png')}"
    folder = put(text, name="ann.csv") / "train"
    assert labels(read_folder(folder)) == ["cat", "cat"]
    start = text.index("b.png")
    for end in range(start + 1, len(text)):
        put(text[:end], name="ann.csv")
        with pytest.raises(AnnotationError, match="the last line is cut off: export it again"):
            read_folder(folder)


def test_empty_lines_of_a_csv_are_nothing(put):
    assert labels(read_folder(put(f"{CSV_HEADER}\n\n{LINE}\n\n\n", name="a.csv") / "train")) == [
        "cat"
    ]


def test_a_csv_that_lost_lines(put):
    text = "\n".join([CSV_HEADER, LINE.replace(",1,0,", ",2,0,"), LINE.replace("a.png", "b.png")])
    (warning,) = read_folder(put(text, name="ann.csv") / "train").warnings
    assert warning == "lines are missing, by the count that stands in each: 'a.png' has 1 of 2"


def test_labelme_one_file_a_photo(put):
    png = cv2.imencode(".png", np.array([[0, 255, 255], [255, 255, 0]], np.uint8))[1]
    mask = base64.b64encode(png.tobytes()).decode()
    corners = [[1, 1], [20, 1], [20, 20]]
    put(
        labelme(
            {"label": "cat", "points": corners, "shape_type": "polygon"},
            {"label": "dog", "points": [[30, 20], [10, 5]], "shape_type": "rectangle"},
            {"label": "dog", "points": [[30, 30], [30, 40]], "shape_type": "circle"},
            {"label": "cat", "points": [[7, 8], [9, 9]], "shape_type": "mask", "mask": mask},
            {"label": "cat", "points": [[7, 8]], "shape_type": "point"},
        ),
        name="a.json",
    )
    dataset = put(labelme(name="..\\photos\\b.png"), "a.png", "b.png", name="b.json")
    annotations = read_folder(dataset / "train")
    assert (annotations.form, annotations.attribute) == ("labelme", "label")
    assert annotations.warnings == ("read together: a.json, b.json",) and not annotations.problems
    assert annotations.skipped == {"point": 1}
    first, second = annotations.images
    assert first.size == (HEIGHT, WIDTH) and second.filename == "photos/b.png"
    triangle, box, circle, brush = first.regions
    assert bounds(triangle) == (1, 1, 20, 20) and bounds(box) == (5, 10, 20, 30)
    assert bounds(circle) == pytest.approx((20, 20, 40, 40))
    rows, columns = np.nonzero(region_mask(brush, (HEIGHT, WIDTH)))
    assert list(zip(rows, columns, strict=True)) == [(8, 8), (8, 9), (9, 7), (9, 8)]
    assert not checked(dataset).errors


def test_labelme_joins_the_shapes_of_a_group(put):
    box = {"label": "cat", "shape_type": "rectangle"}
    shapes = [
        {**box, "points": [[0, 0], [10, 10]], "group_id": 3},
        {**box, "points": [[20, 0], [30, 10]], "group_id": 3},
        {**box, "points": [[40, 0], [45, 10]]},
    ]
    sizes = checked(put(labelme(*shapes))).subsets[0].regions["a.png"]
    assert [size.area for size in sizes] == [200, 50]


@pytest.mark.parametrize(
    "shape, reason",
    [
        ({"label": "", "points": [[0, 0], [5, 5], [0, 5]]}, "its attribute 'label' is empty"),
        ({"label": "cat", "points": [[0, 0], [5, "x"]]}, "its points are no list of x and y"),
        ({"label": "cat", "points": None}, "its points are no list of x and y"),
        ({"label": "cat", "points": [], "shape_type": "cuboid"}, "unknown shape 'cuboid'"),
        (
            {"label": "cat", "points": [[0, 0], [5, 5]], "shape_type": "mask", "mask": "AAAA"},
            "its mask is no picture with an area",
        ),
    ],
)
def test_what_is_wrong_in_labelme_is_named(put, shape, reason):
    (problem,) = read_folder(put(labelme(shape)) / "train").problems
    assert reason in str(problem) and str(problem).startswith("a.png, region 1: ")


def test_many_labelme_files_are_cut_with_their_number(tmp_path):
    shape = {"label": "cat", "points": [[1, 1], [20, 1], [20, 20]]}
    for number in range(1000):
        (tmp_path / f"{number}.json").write_text(json.dumps(labelme(shape, name=f"{number}.png")))
    summary = read_folder(tmp_path).summary()
    assert summary.startswith("0.json, 1.json, 10.json, 100.json, 101.json, ... (1000 in all): ")
    assert "labelme, images: 1000, regions: 1000" in summary


def test_label_studio_names_the_way(put):
    result = {"type": "polygonlabels", "original_width": WIDTH, "original_height": HEIGHT}
    result["value"] = {"points": [[1, 1], [20, 1], [20, 20]], "polygonlabels": ["cat"]}
    tasks = [{"id": 1, "annotations": [{"result": [result]}], "data": {"image": "/data/a.png"}}]
    with pytest.raises(AnnotationError, match=r"is Label Studio's JSON: export it .* as COCO"):
        read_folder(put(tasks) / "train")
