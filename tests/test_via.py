"""Annotation files of every form, recognised by content, and what is said of broken ones."""

import copy
import json
import math
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mrcnn.annotation import formats
from mrcnn.annotation.filenames import locate, relative_name
from mrcnn.annotation.read import AnnotationError, read, read_folder
from mrcnn.annotation.shapes import bounds

SQUARE = {"name": "polygon", "all_points_x": [1, 9, 9, 1], "all_points_y": [1, 1, 9, 9]}
RECT = {"name": "rect", "x": 3, "y": 4, "width": 5, "height": 6}


def words(shape, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes}


def export(*regions, name="a.jpg", size=100):
    return {
        f"{name}{size}": {
            "filename": name,
            "size": size,
            "regions": list(regions),
            "file_attributes": {},
        }
    }


VIA2 = export(words(SQUARE, object="mug"), words(RECT, object="pan"))
VIA1 = {
    "a.jpg100": {
        "fileref": "",
        "size": 100,
        "filename": "a.jpg",
        "base64_img_data": "",
        "file_attributes": {},
        "regions": {"0": words(SQUARE, object="mug"), "1": words(RECT, object="pan")},
    }
}
PROJECT = {
    "_via_settings": {"core": {"default_filepath": "/home/someone/photos/"}},
    "_via_img_metadata": VIA2,
    "_via_attributes": {"region": {"object": {"type": "dropdown", "options": {}}}, "file": {}},
}
VIA3 = {
    "project": {"pid": "x", "vid_list": ["1"]},
    "config": {},
    "attribute": {
        "1": {"aname": "object", "type": 3, "options": {"0": "mug", "1": "pan"}},
        "2": {"aname": "quality", "type": 2, "options": {"0": "good", "1": "sharp"}},
    },
    "file": {"1": {"fid": "1", "fname": "a.jpg", "type": 2, "loc": 1, "src": ""}},
    "view": {"1": {"fid_list": ["1"]}},
    "metadata": {
        "1_a": {"vid": "1", "z": [], "xy": [7, 1, 1, 9, 1, 9, 9, 1, 9], "av": {"1": "0"}},
        "1_b": {"vid": "1", "z": [], "xy": [2, 3, 4, 5, 6], "av": {"1": "1", "2": "0,1"}},
        "1_c": {"vid": "1", "z": [], "xy": [], "av": {"1": "0"}},
    },
}
COCO = {
    "images": [{"id": 7, "file_name": "a.jpg", "width": 20, "height": 10}],
    "categories": [{"id": 1, "name": "mug"}, {"id": 2, "name": "pan"}],
    "annotations": [
        {"id": 1, "image_id": "7", "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9, 1, 9]]},
        {"id": 2, "image_id": 7, "category_id": 2, "segmentation": [3, 4, 8, 4, 8, 10, 3, 10]},
    ],
}

LABELME = {
    "version": "5.5.0",
    "flags": {},
    "shapes": [
        {"label": "mug", "points": [[1, 1], [9, 1], [9, 9], [1, 9]], "shape_type": "polygon"},
        {"label": "pan", "points": [[8, 10], [3, 4]], "group_id": 1, "shape_type": "rectangle"},
    ],
    "imagePath": "a.jpg",
    "imageHeight": 10,
    "imageWidth": 20,
}


def csv_field(value):
    return '"' + json.dumps(value).replace('"', '""') + '"'


def via2_csv(delimiter=",", hash_sign=""):
    header = "filename,file_size,file_attributes,region_count,region_id"
    header += ",region_shape_attributes,region_attributes"
    lines = [hash_sign + header.replace(",", delimiter)]
    for number, (shape, label) in enumerate([(SQUARE, "mug"), (RECT, "pan")]):
        fields = ["a.jpg", "100", '"{}"', "2", str(number), csv_field(shape)]
        lines.append(delimiter.join([*fields, csv_field({"object": label})]))
    return "\n".join(lines)


OLD_CSV = """#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,\
region_attributes
a.jpg,100,"",2,0,"name=polygon;all_points_x=[1:9:9:1];all_points_y=[1:1:9:9];","object=mug;"
a.jpg,100,"",2,1,"name=rect;x=3;y=4;width=5;height=6;","object=pan;"
"""


def via3_csv():
    lines = [
        "# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)",
        f"# ATTRIBUTE = {json.dumps(VIA3['attribute'])}",
        "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,"
        "metadata",
    ]
    for key, metadata in VIA3["metadata"].items():
        fields = [csv_field(["a.jpg"]), "0"]
        fields += [csv_field(metadata[part]) for part in ("z", "xy", "av")]
        lines.append(",".join([f'"{key}"', *fields]))
    return "\n".join(lines)


def write(folder, content, name="whatever.txt"):
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_module_of_a_format_is_listed_and_leaves_what_it_does_not_know():
    folder = Path(formats.__file__).parent
    listed = {Path(module.__file__) for module in formats.FORMATS}
    assert listed == {
        path for path in folder.glob("*.py") if re.search(r"^FORMS = ", path.read_text(), re.M)
    }
    for module in formats.FORMATS:
        for content in (None, [], {}, {"a": 1}, "", "a,b", 5):
            assert module.read(content) is None


# -- Every form says the same -------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, form",
    [
        (VIA1, "VIA 1 export"),
        (VIA2, "VIA 2 export"),
        (list(VIA2.values()), "VIA 2 export"),
        (PROJECT, "VIA 2 project"),
        (VIA3, "VIA 3 project"),
        (via2_csv(), "VIA CSV"),
        (via2_csv(";", "#"), "VIA CSV"),
        (OLD_CSV, "VIA CSV"),
        (via3_csv(), "VIA 3 CSV"),
        (COCO, "COCO"),
        (LABELME, "labelme"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_every_form_gives_the_same_regions(tmp_path, content, form):
    annotations = read(write(tmp_path, content))
    assert annotations.form == form
    assert annotations.class_names == ("mug", "pan")
    names = {"COCO": "category", "labelme": "label"}
    assert annotations.attribute == names.get(form, "object")
    assert not annotations.problems
    (image,) = annotations.images
    assert image.filename == "a.jpg"
    first, second = image.regions
    assert (first.number, first.label, bounds(first)) == (1, "mug", (1, 1, 9, 9))
    assert (second.number, second.label, bounds(second)) == (2, "pan", (4, 3, 10, 8))


def test_csv_fields_that_are_no_json(tmp_path):
    """VIA writes `undefined` for what was never set; what else is damaged is named."""
    text = via2_csv()
    annotations = read(write(tmp_path, text.replace('""mug""', '""mug"",""side"":undefined')))
    assert annotations.class_names == ("mug", "pan") and not annotations.problems
    damaged = text.replace('""mug""}', '""mug').replace('"{""name"": ""rect""', '"{""name"": ""')
    annotations = read(write(tmp_path, damaged))
    assert [str(problem) for problem in annotations.problems] == [
        "a.jpg, region 1: its region_attributes are text, not named values",
        "a.jpg, region 2: its shape is text, not a shape of VIA",
    ]


def test_coco_knows_sizes_crowds_and_run_lengths(tmp_path):
    document = copy.deepcopy(COCO)
    rle = {"size": [10, 20], "counts": [5, 5, 190]}
    document["annotations"].append(
        {"image_id": 7, "category_id": 1, "iscrowd": 1, "segmentation": rle}
    )
    (image,) = read(write(tmp_path, document)).images
    assert image.size == (10, 20)
    assert [region.crowd for region in image.regions] == [False, False, True]
    assert image.regions[2].rle == rle


def test_coco_run_lengths_of_another_size_are_a_problem(tmp_path):
    document = copy.deepcopy(COCO)
    document["annotations"][0]["segmentation"] = {"size": [20, 10], "counts": [5, 195]}
    (problem,) = read(write(tmp_path, document)).problems
    assert "its mask is 10 x 20, the image 20 x 10" in str(problem)


def test_coco_annotation_of_an_unlisted_image(tmp_path):
    document = copy.deepcopy(COCO)
    document["annotations"][1]["image_id"] = 99
    (problem,) = read(write(tmp_path, document)).problems
    assert "image '99', which is not listed" in str(problem)


def test_shapes_without_area_are_skipped_and_counted(tmp_path):
    point = words({"name": "point", "cx": 1, "cy": 2})
    annotations = read(write(tmp_path, export(point, point, words(SQUARE))))
    assert annotations.skipped == {"point": 2}
    assert [region.number for region in annotations.images[0].regions] == [3]


def test_via_3_frames_lines_and_videos(tmp_path):
    document = copy.deepcopy(VIA3)
    document["metadata"]["1_d"] = {"vid": "1", "z": [2.5], "xy": [2, 3, 4, 5, 6], "av": {}}
    document["metadata"]["1_e"] = {"vid": "1", "z": [], "xy": [5, 0, 0, 5, 5], "av": {}}
    document["metadata"]["1_f"] = {"vid": "1", "z": [1, 2], "xy": [], "av": {}}
    document["metadata"]["1_g"] = {"vid": "1", "z": [], "xy": [99, 0], "av": {"1": "0"}}
    annotations = read(write(tmp_path, document))
    assert annotations.skipped == {"video frame": 1, "line": 1, "time segment": 1}
    assert [problem.kind for problem in annotations.problems] == ["unknown shape"]
    document["file"]["1"]["type"] = 4
    with pytest.raises(AnnotationError, match="it is a video"):
        read(write(tmp_path, document))


def test_via_3_checkbox_gives_the_names_of_its_options(tmp_path):
    document = copy.deepcopy(VIA3)
    document["metadata"]["1_a"]["av"]["2"] = "1"
    annotations = read(write(tmp_path, document), attribute="quality")
    assert annotations.class_names == ("sharp",)
    assert "it has 2 labels (good, sharp)" in str(annotations.problems[0])


def test_polylines_are_closed_with_a_warning(tmp_path):
    lines = ({**SQUARE, "name": "polyline", "all_points_x": xs} for xs in ([1, 9, 5], [2, 9, 5]))
    lines = (words({**line, "all_points_y": [1, 1, 9]}) for line in lines)
    annotations = read(write(tmp_path, export(*lines)), default_class="plate")
    assert annotations.num_regions == 2
    assert "here called 'plate'" in annotations.warnings[0]
    assert annotations.warnings[1:] == ("polylines closed to polygons: 2",)


def test_without_attribute_there_is_one_class(tmp_path):
    annotations = read(write(tmp_path, export(words(SQUARE))), default_class="plate")
    assert (annotations.attribute, annotations.class_names) == (None, ("plate",))


def test_unlabelled_region_beside_labelled_ones_is_a_problem(tmp_path):
    annotations = read(write(tmp_path, export(words(SQUARE, bsf="larvae"), words(RECT))))
    assert [str(problem) for problem in annotations.problems] == [
        "a.jpg, region 2: it has no label: it has no attribute 'bsf'"
    ]


def test_attribute_can_be_named(tmp_path):
    path = write(tmp_path, export(words(SQUARE, object="mug", colour="red")))
    assert read(path, attribute="colour").class_names == ("red",)
    with pytest.raises(AnnotationError, match="'size': there are colour, object"):
        read(path, attribute="size")


def test_image_without_regions_is_kept(tmp_path):
    document = {**export(words(SQUARE)), **export(name="empty.jpg")}
    document["b"] = {"filename": "none.jpg", "size": 5}
    annotations = read(write(tmp_path, document))
    assert [(i.filename, len(i.regions)) for i in annotations.images] == [
        ("a.jpg", 1),
        ("empty.jpg", 0),
        ("none.jpg", 0),
    ]


def test_an_image_that_stands_twice_is_joined_with_a_warning(tmp_path):
    document = {**export(words(SQUARE, kind="a")), **export(words(RECT, kind="a"), size=7)}
    annotations = read(write(tmp_path, document))
    assert len(annotations.images) == 1 and annotations.num_regions == 2
    assert "a.jpg stands twice" in annotations.warnings[0]
    # What both entries say is there once.
    document[next(iter(document))]["regions"].append(words(RECT, kind="a"))
    assert read(write(tmp_path, document)).num_regions == 2


def test_a_region_that_repeats_another_counts_once(tmp_path):
    """Else a network that finds the object would be said to miss one of two."""
    line = words({**SQUARE, "name": "polyline"}, kind="a")
    other, moved = words(SQUARE, kind="b"), words({**RECT, "x": 3.5}, kind="a")
    document = export(words(SQUARE, kind="a"), words(RECT, kind="a"), line, other, moved)
    annotations = read(write(tmp_path, document, "a.json"))
    assert [region.number for region in annotations.images[0].regions] == [1, 2, 4, 5]
    (problem,) = annotations.problems
    said = "a.jpg, region 3: the outline and class of region 1 again: it counts once"
    assert (problem.kind, str(problem)) == ("drawn twice", said)
    assert annotations.summary().endswith("left out: 1")
    # A file beside it that has the region once says the same.
    write(tmp_path, export(words(SQUARE, kind="a"), words(RECT, kind="a"), other, moved), "b.json")
    assert read_folder(tmp_path).num_regions == 4


# -- What is wrong is named ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{", "damaged JSON"),
        (json.dumps(VIA2)[:100].encode(), "damaged JSON"),
        (b"hello", "neither JSON nor a CSV of VIA: it starts with 'hello'"),
        (b"\xff\xd8\xff\xe0 a photo", "neither JSON"),
        (b"a,b\n1,2", "neither JSON"),
        (b"{}", "holds nothing"),
        (b"[]", "no annotation of VIA, COCO or labelme"),
        (b'{"a": 1, "b": {}}', "holds 'a', 'b'"),
        (b'{"_via_img_metadata": {}}', "VIA 2 project without images"),
        (b'{"_via_img_metadata": 3}', "_via_img_metadata of the VIA 2 project is a number"),
        (
            b'{"images": {}, "annotations": []}',
            "'images' of the COCO file is a group of named values",
        ),
        (b'{"images": [], "annotations": [4]}', "names no image: 4"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": {"regions": [], "filename": "x.jpg"}, "a": {}}', "key 'a' stands 2 times"),
        (b'{"a": ' + b"9" * 5000 + b"}", "damaged JSON"),
        (
            b'{"a": {"regions": [], "filename": "../"}}',
            "without a usable image: ../: '../' names no file",
        ),
    ],
)
def test_unusable_files_are_refused_in_one_sentence(tmp_path, content, reason):
    path = tmp_path / "notes.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(AnnotationError, match="no such file"):
        read(tmp_path / "gone.json")
    with pytest.raises(AnnotationError, match="cannot be read"):
        read(tmp_path)
    with pytest.raises(AnnotationError, match=r"no such file|cannot be read"):
        read("a\0b")


def test_nan_and_wrong_types_name_image_and_region(tmp_path):
    bad = {**SQUARE, "all_points_x": [1, math.nan, 9, 1]}
    document = export(words(SQUARE), words(bad), "region", words(RECT))
    document["x"] = {"filename": 5, "regions": []}
    document["y"] = {"filename": "b.jpg", "regions": "none"}
    document["z"] = "entry"
    document["a.jpg100"]["regions"].append({"shape_attributes": RECT, "region_attributes": []})
    annotations = read(write(tmp_path, document))
    assert {str(problem) for problem in annotations.problems} == {
        "a.jpg, region 2: all_points_x[1] is nan, which is no place in an image",
        "a.jpg, region 3: it has no shape",
        "a.jpg, region 5: its region_attributes are a list, not named values",
        "image 2 of the file: it has no file name",
        "b.jpg: its regions are text, not a list",
        "image 4 of the file: its entry is text, not an image",
    }
    assert annotations.num_regions == 2


def test_encodings(tmp_path):
    document = json.dumps(export(words(SQUARE, object="Tür"), name="für.jpg"), ensure_ascii=False)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path = tmp_path / "a.json"
        path.write_bytes(document.encode(encoding))
        annotations = read(path)
        assert annotations.images[0].filename == "für.jpg" and not annotations.warnings
    path.write_bytes(document.encode("latin-1"))
    annotations = read(path)
    assert annotations.class_names == ("Tür",)
    assert "not UTF-8" in annotations.warnings[0]


@pytest.mark.parametrize(
    "name, reason",
    [
        ("data:image/png;base64,AA", "holds the picture itself"),
        ("a\x00.jpg", "unprintable"),
        ("a\n.jpg", "unprintable"),
        ("\ud800.jpg", "unprintable"),
        ("", "no file name"),
        ("./", "names no file"),
        ("a/..", "names no file"),
        ("C:\\", "names no file"),
        (None, "no file name"),
        (7, "no file name"),
    ],
)
def test_what_is_no_name_is_refused(name, reason):
    with pytest.raises(AnnotationError, match=reason):
        relative_name(name)


def test_plain_names_stay():
    assert relative_name("images (4).jpeg") == "images (4).jpeg"
    assert relative_name(".\\sub\\b.jpg") == "sub/b.jpg"
    assert relative_name("a..b.jpg") == "a..b.jpg"


@pytest.mark.parametrize(
    "name, relative",
    [
        ("../a.jpg", "a.jpg"),
        ("a/../../b/c.jpg", "b/c.jpg"),
        ("..\\a.jpg", "a.jpg"),
        ("/home/me/a.jpg", "home/me/a.jpg"),
        ("\\\\server\\a.jpg", "server/a.jpg"),
        ("C:\\photos\\a.jpg", "photos/a.jpg"),
        ("c:a.jpg", "a.jpg"),
        ("http://host/set/a.jpg?size=1#x", "host/set/a.jpg"),
        ("file:///home/a.jpg", "home/a.jpg"),
        ("file:///C:/photos/a.jpg", "photos/a.jpg"),
        ("file:.\\set\\a.jpg", "set/a.jpg"),
    ],
)
def test_of_paths_elsewhere_the_part_remains_that_could_lie_in_the_folder(name, relative):
    assert relative_name(name) == relative


def test_locate_is_helpful_but_never_guesses(tmp_path):
    files = ("Photo.JPG", "my cat.jpg", "sub/deep.png", "one/x.jpg", "two/x.jpg", "twin.jpg")
    files += ("here.jpg", "flat.jpg", "top.jpg", "in/under/low.jpg")
    accented = unicodedata.normalize("NFC", "für.jpg")
    for name in (*files, "Twin.jpg", accented):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    decomposed = unicodedata.normalize("NFD", accented)
    names = ["photo.jpg", "my%20cat.jpg", "x.jpg", "one/x.jpg", decomposed]
    names += ["deep.png", "C/photos/here.jpg", "under/low.jpg"]
    # In another folder, of two names or beside the one that is meant exactly: another photo.
    wrong = ["images/deep.png", "three/x.jpg", "a/flat.jpg", "b/flat.jpg", "top.jpg", "old/top.jpg"]
    found = locate(tmp_path, [*names, *wrong, "twin.jpg", "gone.jpg", "%2e%2e/secret"])
    assert {name: path.relative_to(tmp_path).as_posix() for name, path in found.items()} == {
        "photo.jpg": "Photo.JPG",
        "my%20cat.jpg": "my cat.jpg",
        "deep.png": "sub/deep.png",
        "C/photos/here.jpg": "here.jpg",
        "under/low.jpg": "in/under/low.jpg",
        "top.jpg": "top.jpg",
        "one/x.jpg": "one/x.jpg",
        decomposed: accented,
        "twin.jpg": "twin.jpg",
    }


# -- Folders ------------------------------------------------------------------------------------


def test_folder_takes_any_name_and_leaves_other_files(tmp_path):
    write(tmp_path, VIA2, "remote_dataset.json")
    write(tmp_path, "shopping list", "notes.txt")
    write(tmp_path, {"epochs": 3}, "settings.json")
    annotations = read_folder(tmp_path)
    assert [path.name for path in annotations.paths] == ["remote_dataset.json"]
    assert len(annotations.warnings) == 1 and "settings.json" in annotations.warnings[0]


def test_of_files_that_say_the_same_the_project_is_taken(tmp_path):
    for name, content in {"a.json": VIA2, "b.csv": via2_csv(), "c.json": PROJECT}.items():
        write(tmp_path, content, name)
    coco = copy.deepcopy(COCO)
    coco["categories"][0]["name"] = "lost"
    write(tmp_path, coco, "d.json")
    annotations = read_folder(tmp_path)
    assert [path.name for path in annotations.paths] == ["c.json"]
    assert len(annotations.warnings) == 3
    assert all("c.json (VIA 2 project) says the same" in text for text in annotations.warnings)


def test_files_about_different_images_are_merged(tmp_path):
    write(tmp_path, export(words(SQUARE, object="mug"), name="a.jpg"), "a.json")
    write(tmp_path, export(words(RECT, object="pan"), name="b.jpg"), "b.json")
    annotations = read_folder(tmp_path)
    assert [image.filename for image in annotations.images] == ["a.jpg", "b.jpg"]
    assert annotations.class_names == ("mug", "pan")
    assert "read together: a.json, b.json" in annotations.warnings


def test_files_that_contradict_each_other_are_refused(tmp_path):
    write(tmp_path, export(words(SQUARE)), "a.json")
    write(tmp_path, export(words(RECT)), "b.json")
    with pytest.raises(AnnotationError, match=r"a\.json and b\.json both annotate a\.jpg"):
        read_folder(tmp_path)


def test_a_file_whose_regions_are_all_faulty_is_not_passed_over(tmp_path):
    write(tmp_path, export(words(RECT)), "a.json")
    odd = words({"name": "spiral"})
    write(tmp_path, export(odd, name="b.jpg"), "b.json")
    annotations = read_folder(tmp_path)
    assert [problem.image for problem in annotations.problems] == ["b.jpg"]
    write(tmp_path, export(odd, name="a.jpg"), "b.json")
    assert [problem.image for problem in read_folder(tmp_path).problems] == ["a.jpg"]


def test_a_file_of_empty_images_is_not_passed_over(tmp_path):
    write(tmp_path, export(words(RECT)), "a.json")
    write(tmp_path, export(name="b.jpg"), "b.json")
    assert [image.filename for image in read_folder(tmp_path).images] == ["a.jpg", "b.jpg"]


def test_a_damaged_file_beside_a_good_one_is_refused(tmp_path):
    good = export(words(RECT))
    write(tmp_path, good, "a.json")
    text = json.dumps(export(words(RECT), name="b.jpg"))
    (tmp_path / "b.json").write_text(text[:-9])
    with pytest.raises(AnnotationError, match=r"b\.json: is damaged JSON .* export it again"):
        read_folder(tmp_path)


def test_folder_without_annotations(tmp_path):
    with pytest.raises(AnnotationError, match="no annotation file"):
        read_folder(tmp_path)
    with pytest.raises(AnnotationError, match="no such folder"):
        read_folder(tmp_path / "train")
    write(tmp_path, json.dumps(VIA2)[:-30], "via.json")
    with pytest.raises(AnnotationError, match=r"via\.json: is damaged"):
        read_folder(tmp_path)


# -- Nothing but AnnotationError, whatever comes ------------------------------------------------

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["polygon", "rect", "a.jpg", "1", 7, -1, 1e308, "\ud800", "../x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "x", "0", "filename", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(document, path=()):
    """Yield the path to every value of a document."""
    yield path
    pairs = document.items() if isinstance(document, dict) else ()
    if isinstance(document, list):
        pairs = enumerate(document)
    for key, value in pairs:
        yield from places(value, (*path, key))


def replaced(document, path, value):
    if not path:
        return value
    copied = copy.deepcopy(document)
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copied


MASKED = {"shape_type": "mask", "label": "pan", "points": [[2, 3], [4, 5]], "mask": "iVBORw0KGgo="}
GROUPED = {**LABELME, "shapes": [*LABELME["shapes"], {**LABELME["shapes"][1]}, MASKED]}
DOCUMENTS = [VIA1, VIA2, PROJECT, VIA3, COCO, GROUPED]
PLACES = [(document, path) for document in DOCUMENTS for path in places(document)]
QUICK = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_or_refuse(path):
    try:
        annotations = read(path)
    except AnnotationError as error:
        assert str(error).startswith(str(path))
        return
    for image in annotations.images:
        assert ".." not in image.filename.split("/") and not image.filename.startswith("/")
        for region in image.regions:
            assert region.label in annotations.class_names
            assert all(map(math.isfinite, bounds(region)))
    assert annotations.summary().isprintable()
    assert all(str(problem).isprintable() for problem in annotations.problems)


@QUICK
@given(st.sampled_from(PLACES), JUNK)
@example((VIA3, ("file", "1", "type")), [4])
@example((COCO, ("annotations", 0, "segmentation")), {"size": [1, 1], "counts": ""})
def test_any_value_in_any_place(tmp_path, place, junk):
    document, where = place
    path = tmp_path / "fuzz.json"
    path.write_text(json.dumps(replaced(document, where, junk)), encoding="utf-8")
    read_or_refuse(path)


@QUICK
@given(
    st.sampled_from([json.dumps(d) for d in DOCUMENTS] + [via2_csv(), OLD_CSV, via3_csv()]),
    st.data(),
)
def test_any_damage_to_the_bytes(tmp_path, text, data):
    content = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        cut = data.draw(st.integers(0, 6))
        content[at : at + cut] = data.draw(st.binary(max_size=6))
    path = tmp_path / "fuzz.bin"
    path.write_bytes(content)
    read_or_refuse(path)
