"""The check of a data set: each fault is found, named and judged."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from mrcnn.annotation.records import AnnotatedImage, Region
from mrcnn.check.anchor_fit import fit_anchors
from mrcnn.check.check import check_dataset
from mrcnn.check.duplicates import find_duplicates, fingerprint
from mrcnn.check.preview import Preview
from mrcnn.check.regions import measure
from tests.annotated import HEIGHT, WIDTH, make_subset, picture, polygon, rect

GOOD = [rect(10, 10, 30, 20)]
BOW_TIE = [(5, 5), (15, 15), (15, 5), (5, 15)]


@pytest.fixture
def dataset(tmp_path):
    """A good data set: five photos to train, one to validate."""
    make_subset(tmp_path / "train", {f"{i}.png": GOOD for i in range(5)}, seed=0)
    make_subset(tmp_path / "val", {"v.png": GOOD}, seed=50)
    return tmp_path


def kinds(report):
    return {finding.kind for finding in report.findings}


def only(report, kind):
    (finding,) = [finding for finding in report.findings if finding.kind == kind]
    return finding


def test_good_data(dataset):
    report = check_dataset(dataset)
    assert report.findings == [] and report.exit_code == 0
    train, val = report.subsets
    assert (train.images, train.annotated, train.empty, train.missing) == (5, 5, 0, 0)
    assert (val.images, val.annotated) == (1, 1)
    (size,) = val.regions["v.png"]
    assert (size.label, size.area, size.box) == ("mug", 600, (20, 30))
    # 90 pixels become 1024.
    assert val.object_boxes == [pytest.approx((20 * 1024 / 90, 30 * 1024 / 90))]
    assert "Verdict: fit for training." in report.text()


def test_faults_of_regions_are_named_and_judged(dataset):
    make_subset(
        dataset / "train",
        {
            **{f"{i}.png": GOOD for i in range(5)},
            "bad.png": [
                rect(200, 10, 20, 20),
                polygon([1, 5], [1, 5]),
                polygon([1, 5, 9], [1, 5, 9]),
                polygon([10, 40, 40, 10], [10, 40, 10, 40]),
                {**rect(1, 1, 5, 5), "shape_attributes": {"name": "blob"}},
                rect(10, 10, 5, 5, other="x"),
                rect(70, 10, 40, 20),
                rect(20.6, 20, 0.2, 30),
            ],
        },
    )
    report = check_dataset(dataset)
    found = {(f.kind, f.region): f.is_error for f in report.findings}
    assert found == {
        ("outside", 1): True,
        ("under 3 points", 2): False,
        ("zero area", 3): False,
        ("self-crossing", 4): False,
        ("unknown shape", 5): True,
        ("no label", 6): True,
        ("clipped", 7): False,
        ("zero area", 8): False,
    }
    assert report.exit_code == 1
    text = report.text()
    assert "train/bad.png, region 1: outside the image: x 200 to 220, y 10 to 30 of 90 x 60" in text
    assert "training would be wrong" in text
    (size,) = [size for size in report.subsets[0].regions["bad.png"] if size.area == 400]
    assert size.box == (20, 20)  # region 7, 40 x 20, cut at the rim


def test_regions_on_the_rim_are_inside(dataset):
    make_subset(dataset / "val", {"v.png": [rect(0, 0, WIDTH, HEIGHT), rect(-1, -1, 9, 9)]}, 50)
    assert kinds(check_dataset(dataset)) <= {"anchors"}


def test_photo_annotated_without_its_exif_orientation(dataset):
    upright = {"v.png": [rect(10, 70, 20, 15)]}  # y up to 85 of 60: fits 60 x 90 only
    make_subset(dataset / "val", upright, 50)
    report = check_dataset(dataset)
    finding = only(report, "swapped")
    assert finding.is_error and "fit the image (90 x 60) only turned" in finding.reason
    assert "no regions" in kinds(report)


def test_photo_is_read_upright(dataset):
    folder = make_subset(dataset / "val", {"v.jpg": [rect(10, 70, 20, 15)]}, 50)
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned by a quarter
    Image.fromarray(picture(50)).save(folder / "v.jpg", exif=exif)
    (folder / "v.png").unlink()
    assert kinds(check_dataset(dataset)) <= {"changed"}


def test_small_overhang_is_not_taken_for_a_turned_photo(dataset):
    make_subset(dataset / "val", {"v.png": [rect(10, 50, 20, 11.1)]}, 50)
    assert kinds(check_dataset(dataset)) == {"clipped"}


@pytest.mark.parametrize(
    "size, kind", [((WIDTH, HEIGHT), "swapped"), ((HEIGHT // 2, WIDTH // 2), "other size")]
)
def test_coco_sizes_are_compared(dataset, size, kind):
    folder = dataset / "val"
    (folder / "via.json").unlink()
    height, width = size
    box = [1, 1, 9, 1, 9, 9]
    document = {
        "images": [{"id": 1, "file_name": "v.png", "height": height, "width": width}],
        "categories": [{"id": 1, "name": "mug"}],
        "annotations": [{"image_id": 1, "category_id": 1, "segmentation": [box]}],
    }
    (folder / "coco.json").write_text(json.dumps(document))
    finding = only(check_dataset(dataset), kind)
    assert f"the file says {width} x {height}, the image is 90 x 60" in finding.reason


def test_one_crossing_part_of_many_is_enough():
    parts = tuple(np.array(p, float) for p in ([(0, 0), (4, 0), (4, 4)], BOW_TIE))
    region = Region(1, "segmentation", "mug", parts)
    sizes, faults = measure(AnnotatedImage("a.jpg", (region,)), 20, 20)
    assert [fault.kind for fault in faults] == ["self-crossing"] and len(sizes) == 1


def test_photos_are_counted(dataset):
    train = dataset / "train"
    photos = {f"{i}.png": GOOD for i in range(5)}
    make_subset(train, {**photos, "empty.png": [], "broken.png": GOOD, "gone.png": GOOD})
    (train / "gone.png").unlink()
    content = (train / "broken.png").read_bytes()
    (train / "broken.png").write_bytes(content[: len(content) // 2])
    cv2.imwrite(str(train / "extra.png"), picture(99))
    (train / "junk.jpg").write_text("no picture")
    report = check_dataset(dataset)
    counted = report.subsets[0]
    assert (counted.images, counted.annotated, counted.empty) == (9, 5, 1)
    assert (counted.unlisted, counted.unreadable, counted.missing) == (2, 2, 1)
    assert only(report, "unreadable").image == "broken.png"
    assert only(report, "unreadable, not listed").image == "junk.jpg"
    assert only(report, "missing").image == "gone.png"
    assert {f.kind for f in report.errors} == {"unreadable"}
    rows = {
        line.rsplit(maxsplit=2)[0].strip(): line.split()[-2:]
        for line in report.text().split("\n")[6:14]
    }
    assert rows["photos"] == ["9", "1"] and rows["unreadable"] == ["2", "0"]


def test_nothing_is_counted_by_annotations_that_cannot_be_read(dataset):
    report = check_dataset(dataset, attribute="nosuch")
    lines = report.text().split("\n")[3:11]
    cells = {line.rsplit(maxsplit=2)[0].strip(): line.split()[-2:] for line in lines}
    assert cells["photos"] == ["5", "1"] and cells["unreadable"] == ["0", "0"]
    del cells["photos"], cells["unreadable"]
    assert len(cells) == 6 and all(pair == ["-", "-"] for pair in cells.values())


def test_an_image_whose_regions_are_all_unusable_is_not_without_objects(dataset):
    make_subset(dataset / "val", {"v.png": GOOD, "b.png": [polygon([1, 5], [1, 5])]}, 50)
    val = check_dataset(dataset).subsets[1]
    assert (val.images, val.annotated, val.empty) == (2, 1, 0)


def test_two_entries_of_one_file(dataset):
    photos = {f"{i}.png": GOOD for i in range(5)}
    make_subset(dataset / "train", {**photos, "A.PNG": GOOD})
    entries = json.loads((dataset / "train" / "via.json").read_text())
    entries["again"] = {"filename": "a.png", "size": 1, "regions": GOOD}
    (dataset / "train" / "via.json").write_text(json.dumps(entries))
    assert "is the same file as 'A.PNG'" in only(check_dataset(dataset), "value").reason


def test_missing_folders_and_files(tmp_path):
    report = check_dataset(tmp_path / "nowhere")
    assert [f.kind for f in report.errors] == ["annotations", "annotations"]
    assert "no such folder" in report.text() and report.exit_code == 1
    (tmp_path / "train").mkdir()
    make_subset(tmp_path / "val", {"v.png": []})
    report = check_dataset(tmp_path)
    assert [f.kind for f in report.errors] == ["annotations", "no images", "no regions"]


def test_classes_of_both_sides(dataset):
    make_subset(dataset / "val", {"v.png": [rect(1, 1, 20, 20, object="Mug")]}, 50)
    report = check_dataset(dataset)
    assert only(report, "unknown class").reason == "class 'Mug' is not in train (mug)"
    assert only(report, "class not validated").reason == "class 'mug' of train is not in val"
    report = check_dataset(dataset, class_names=["mug", "pan"])
    finding = only(report, "unknown class")
    assert finding.subset == "val" and "none of those to find (mug, pan)" in finding.reason


def test_rare_class(dataset):
    photos = {f"{i}.png": GOOD for i in range(5)}
    photos["5.png"] = [rect(1, 1, 20, 20, object="mgu")]
    make_subset(dataset / "train", photos)
    assert "'mgu' has few regions (1)" in only(check_dataset(dataset), "few").reason


def test_more_objects_than_training_takes(dataset):
    make_subset(dataset / "val", {"v.png": [rect(20 * i, 9, 18, 14) for i in range(4)]}, 50)
    assert kinds(check_dataset(dataset, max_instances=4)) == set()
    finding = only(check_dataset(dataset, max_instances=3), "too many")
    assert finding.image == "v.png" and "4 objects, but MAX_GT_INSTANCES is 3" in finding.reason
    assert finding.reason.endswith("set it higher in the script's Config")


@pytest.mark.parametrize("label", ["mug", "pan"])
def test_a_region_that_was_drawn_twice(dataset, label):
    twice = [rect(10, 10, 30, 20), rect(50, 10, 30, 20), rect(11, 10, 30, 20, object=label)]
    other = polygon([10, 40, 40], [10, 10, 30])  # half of the box that all three share
    make_subset(
        dataset / "train", {f"{i}.png": GOOD for i in range(5)} | {"6.png": [*twice, other]}
    )
    finding = only(check_dataset(dataset), "drawn twice")
    assert (finding.image, finding.region, finding.is_error) == ("6.png", 3, False)
    like = "" if label == "mug" else ", there as 'mug'"
    assert finding.reason == f"covers the same as region 1{like}: was it drawn twice?"


def test_valid_is_val(dataset):
    """As Roboflow calls it; where both are there, `val` counts."""
    (dataset / "val").rename(dataset / "valid")
    (dataset / "valid" / "v.png").write_bytes((dataset / "train" / "1.png").read_bytes())
    report = check_dataset(dataset)
    assert report.subset("val").annotated == 1
    finding = only(report, "duplicate")
    assert str(finding).startswith("valid/v.png: is a copy of train/1.png")
    make_subset(dataset / "val", {"w.png": GOOD}, 60)
    assert list(check_dataset(dataset).subset("val").regions) == ["w.png"]


def test_many_classes_are_cut_with_their_number(dataset):
    boxes = [rect(2 * i, i, 9, 9, object=f"c{i:02}") for i in range(40)]
    make_subset(dataset / "train", {"0.png": boxes, "1.png": boxes})
    text = check_dataset(dataset, class_names=[f"x{i}" for i in range(40)]).text()
    assert "classes: c00, c01, c02, c03, c04, ... (40 in all)" in text
    assert "none of those to find (x0, x1, x2, x3, x4, ... (40 in all))" in text
    assert "and 10 more classes" in text and "c29" in text and "c30  train" not in text


def test_photo_that_changed_after_it_was_annotated(dataset):
    cv2.imwrite(str(dataset / "val" / "v.png"), picture(77))
    assert only(check_dataset(dataset), "changed").image == "v.png"


def test_copies_across_train_and_val(dataset):
    photos = {"same.png": GOOD, "similar.png": GOOD, "other.png": GOOD}
    val = make_subset(dataset / "val", photos, 50)
    (val / "same.png").write_bytes((dataset / "train" / "1.png").read_bytes())
    cv2.imwrite(str(val / "similar.png"), cv2.resize(picture(2), (180, 120)) // 8 * 8)
    (val / "unlisted.png").write_bytes((dataset / "train" / "3.png").read_bytes())
    report = check_dataset(dataset)
    found = {(f.kind, f.image): f.reason for f in report.findings if "duplicate" in f.kind}
    assert found == {
        ("duplicate", "same.png"): (
            "is a copy of train/1.png: validation tests what was trained on"
        ),
        ("duplicate", "similar.png"): (
            "looks like train/2.png: validation tests what was trained on"
        ),
        ("unused duplicate", "unlisted.png"): "is a copy of train/3.png: not annotated here",
    }


def test_different_pictures_are_no_duplicates(tmp_path):
    def prints(seeds):
        marks = []
        for seed in seeds:
            path = tmp_path / f"{seed}.png"
            cv2.imwrite(str(path), picture(seed))
            marks.append(fingerprint(path, picture(seed)))
        return marks

    first = prints(range(40))
    assert find_duplicates(first, prints(range(100, 140))) == []
    assert find_duplicates([], first) == [] and find_duplicates(first, []) == []
    same = find_duplicates(first, [first[3]])
    assert same[0].exact and same[0].first == first[3].path


def test_a_picture_whose_hash_differs_in_a_few_bits_is_found(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"a")
    (tmp_path / "b.png").write_bytes(b"bb")
    noise = np.random.default_rng(1).integers(-30, 31, (HEIGHT, WIDTH, 3))
    noisy = (picture(8) + noise).clip(0, 255).astype(np.uint8)
    one, other = fingerprint(path, picture(8)), fingerprint(tmp_path / "b.png", noisy)
    assert one.bits != other.bits
    (found,) = find_duplicates([one], [other])
    assert not found.exact and found.first == path


def test_shades_of_plain_grey_are_told_apart(tmp_path):
    """Plain pictures have no low frequencies that their hash could tell apart."""
    marks = []
    for name, grey in (("a", 40), ("b", 200)):
        image = np.full((20, 20, 3), grey, np.uint8)
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), image)
        marks.append(fingerprint(path, image))
    assert find_duplicates(marks[:1], marks[1:]) == []


def test_progress_and_threads_change_nothing(dataset):
    steps = []
    one = check_dataset(dataset, threads=1, progress=lambda done, of: steps.append((done, of)))
    assert steps == [(i, 6) for i in range(1, 7)]
    assert check_dataset(dataset, threads=4).text() == one.text()


def test_long_lists_are_shortened_in_the_text(dataset):
    make_subset(dataset / "train", {"0.png": [rect(200, y, 5, 5) for y in range(30)] + GOOD})
    text = check_dataset(dataset).text(limit=3)
    assert text.count("outside the image") == 3 and "and 27 more" in text


# -- Anchors ------------------------------------------------------------------------------------

SCALES, RATIOS = (32, 64, 128, 256, 512), (0.5, 1, 2)


def squares(*sides):
    return [(side, side) for side in sides]


def test_histogram_of_sizes():
    fit = fit_anchors(squares(5, 22.6, 22.7, 32, 45.2, 45.3, 500, 724, 725), SCALES, RATIOS)
    # Half-way between scales, as a ratio: 32 / 2 ** 0.5 is 22.63, then 45.25, ..., 724.08.
    assert fit.counts == (2, 3, 1, 0, 0, 2, 1)
    assert len(fit.lines()) == 7
    assert fit.lines()[0].split()[:4] == ["under", "23", "px", "2"]


def test_fitting_sizes_need_no_suggestion():
    assert fit_anchors(squares(30, 60, 120, 240, 480) * 5, SCALES, RATIOS).suggestion is None
    assert fit_anchors([], SCALES, RATIOS).suggestion is None


def test_small_objects_suggest_smaller_anchors():
    suggestion = fit_anchors(squares(14, 15, 16, 40), SCALES, RATIOS).suggestion
    assert "75% of the objects are smaller than the smallest anchor" in suggestion
    assert (
        "--anchor-scales 16,32,64,128,256 (RPN_ANCHOR_SCALES) reaches 100% instead of 25%"
        in suggestion
    )
    assert "larger --image-size" in suggestion
    cut = fit_anchors(squares(14, 15, 16, 40), SCALES, RATIOS, cut=True).suggestion
    assert "--anchor-scales" in cut and "--image-size" not in cut


def test_large_objects_suggest_larger_anchors():
    suggestion = fit_anchors(squares(900, 1000, 300), SCALES, RATIOS).suggestion
    assert "--anchor-scales 64,128,256,512,1024 " in suggestion and "--image-size" not in suggestion


def test_long_thin_objects_suggest_other_ratios():
    """Their area is an anchor's, their shape is not: 20 x 160 overlaps with 40 x 80 by a third."""
    fit = fit_anchors([(20, 160), (160, 20), (64, 64), (45, 90)], SCALES, RATIOS)
    assert fit.counts == (0, 0, 4, 0, 0, 0, 0) and fit.thin == 2
    assert "longer than any anchor      2  50%" in fit.lines()[-1]
    assert fit.suggestion == (
        "50% of the objects are longer and thinner than any anchor: "
        "--anchor-ratios 0.25,1,4 (RPN_ANCHOR_RATIOS) reaches 100% instead of 50% "
        "(an overlap of 0.5)"
    )
    assert fit_anchors([(20, 160), (160, 20), (64, 64)], SCALES, (0.25, 1, 4)).suggestion is None


def test_a_shape_that_no_ratio_reaches_is_told_all_the_same():
    fit = fit_anchors([(4, 1024)] * 9, SCALES, RATIOS)
    assert fit.suggestion == "100% of the objects are longer and thinner than any anchor"


def test_training_size_decides(dataset):
    boxes = check_dataset(dataset, resizing={"mode": "none"}).subsets[1].object_boxes
    assert boxes == [(20, 30)]
    report = check_dataset(dataset, anchor_scales=(1000, 2000))
    assert only(report, "anchors").is_error is False


# -- Pictures -----------------------------------------------------------------------------------


def test_preview_draws_what_is_annotated_and_augmented(dataset, tmp_path):
    calls = []

    def draw(image, rois, masks, class_ids, class_names):
        calls.append((rois.tolist(), class_ids.tolist(), class_names, masks.shape))
        return image

    def shift(image, masks):
        return np.roll(image, 5, axis=1), np.roll(masks, 5, axis=1)

    folder = tmp_path / "pictures"
    check_dataset(dataset, preview=Preview(folder, draw, shift), threads=1)
    assert sorted(path.name for path in (folder / "val").iterdir()) == [
        "v.png.augmented.jpg",
        "v.png.jpg",
    ]
    assert len(list((folder / "train").iterdir())) == 10
    assert calls[-2] == ([[10, 10, 30, 40]], [1], ["BG", "mug"], (HEIGHT, WIDTH, 1))
    assert calls[-1] == ([[10, 15, 30, 45]], [1], ["BG", "mug"], (HEIGHT, WIDTH, 1))
    drawn = cv2.imread(str(folder / "val" / "v.png.jpg")).astype(int)
    assert np.abs(drawn - picture(50)).mean() < 10  # colours in their order


def test_preview_of_large_and_empty_images_is_small(dataset, tmp_path):
    make_subset(dataset / "val", {"v.png": GOOD, "e.png": []}, 50)
    cv2.imwrite(str(dataset / "val" / "v.png"), picture(50, 4000, 2000))
    seen = []

    def draw(image, rois, masks, class_ids, class_names):
        seen.append((image.shape[:2], masks.shape[2]))
        return image

    check_dataset(dataset, preview=Preview(tmp_path / "p", draw))
    assert ((800, 1600), 1) in seen and ((HEIGHT, WIDTH), 0) in seen


def test_photos_with_a_fault_come_first_and_it_is_marked_where_it_is(dataset, tmp_path):
    bow_tie = polygon([10, 50, 10, 50], [10, 10, 50, 50])
    regions = [*GOOD, bow_tie, polygon([-90, -80, -80], [5, 5, 9]), polygon([1, 2], [1, 2])]
    make_subset(dataset / "val", {"v.png": GOOD, "bad.png": regions}, 50)
    marked = []

    def mark(image, marks):
        marked.extend(marks)
        return np.full_like(image, 255)

    folder = tmp_path / "pictures"
    preview = Preview(folder, lambda image, *_: image, mark=mark)
    check_dataset(dataset, preview=preview)
    assert [path.name for path in (folder / "faulty" / "val").iterdir()] == ["bad.png.jpg"]
    assert [path.name for path in (folder / "val").iterdir()] == ["v.png.jpg"]
    first, crossed, outside = marked
    assert first[0] is None and first[1].startswith("region 4: 2 different points")
    assert crossed == ((10, 10, 50, 50), "region 2: self-crossing", (30, 30))
    assert outside == ((5, -90, 9, -80), "region 3: outside", None)
    assert cv2.imread(str(folder / "faulty" / "val" / "bad.png.jpg")).min() > 250
    # Once it is mended, it is no more among the faulty ones.
    make_subset(dataset / "val", {"v.png": GOOD, "bad.png": GOOD}, 50)
    check_dataset(dataset, preview=preview)
    assert not any((folder / "faulty").rglob("*.jpg"))
    assert len(list((folder / "val").iterdir())) == 2


def test_nothing_of_the_network_is_loaded():
    code = (
        "import sys, mrcnn.check.check, mrcnn.annotation.read\n"
        "assert not {'keras', 'tensorflow', 'matplotlib'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=sys.path[0] or None)
