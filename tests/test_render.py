"""The sample data set's renderer (rendering/) and the sample it rendered."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.data.images import ImageError
from mrcnn.results.via_project import via_project
from rendering import camera, colors, hands, render, scenes, slabs
from rendering.annotations import LABEL, is_simple, mask_to_polygon, via_regions

DATASET = Path(__file__).resolve().parents[1] / "dataset"


def filled(polygon, shape):
    """Return the bool mask of a polygon, its outline's pixels included."""
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.asarray(polygon, np.int32)], 1)
    return canvas.astype(bool)


def iou(first, second):
    return (first & second).sum() / max((first | second).sum(), 1)


def job(output=Path("unused"), seed=5, size=160, **options):
    return render.Job(output, seed, (size, size), scenes.Options(**options))


@pytest.fixture(scope="module")
def pictures():
    return [render.render(job(size=288), number)[0] for number in range(1, 13)]


class TestPictures:
    def test_each_has_one_to_three_remotes_with_mask_and_polygon(self, pictures):
        for shot in pictures:
            assert shot.photo.dtype == np.uint8
            assert max(shot.photo.shape[:2]) == 288
            assert 1 <= len(shot.masks) == len(shot.polygons) <= 3
            assert all(mask.shape == shot.photo.shape[:2] for mask in shot.masks)

    def test_polygons_outline_the_visible_masks(self, pictures):
        overlaps = [
            iou(filled(polygon, mask.shape), mask)
            for shot in pictures
            for mask, polygon in zip(shot.masks, shot.polygons, strict=True)
        ]
        assert min(overlaps) > 0.9
        assert np.mean(overlaps) > 0.97

    def test_polygons_are_simple_and_inside_the_picture(self, pictures):
        for shot in pictures:
            height, width = shot.photo.shape[:2]
            for polygon in shot.polygons:
                assert is_simple(polygon)
                assert polygon.min() >= 0
                assert (polygon.max(0) < (width, height)).all()

    def test_masks_of_one_picture_do_not_overlap(self, pictures):
        for shot in pictures:
            assert np.sum(shot.masks, axis=0).max() == 1

    def test_remotes_differ_from_what_surrounds_them(self, pictures):
        """A mask that had slipped would have the same colours on both sides of its edge."""
        steps = []
        for shot in pictures:
            smooth = cv2.GaussianBlur(shot.photo, (0, 0), 1).astype(float)
            for mask in shot.masks:
                inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5)), borderValue=1)
                outer = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5)))
                ring_in, ring_out = mask & (inner == 0), (outer == 1) & ~mask
                steps.append(np.abs(smooth[ring_in].mean(0) - smooth[ring_out].mean(0)).max())
        assert np.median(steps) > 20

    def test_same_seed_same_pixels_and_annotation(self, pictures):
        again = render.render(job(size=288), 3)[0]
        np.testing.assert_array_equal(again.photo, pictures[2].photo)
        for first, second in zip(again.polygons, pictures[2].polygons, strict=True):
            np.testing.assert_array_equal(first, second)

    def test_no_two_alike(self, pictures):
        small = [cv2.resize(shot.photo, (16, 16)).astype(float) for shot in pictures]
        other = cv2.resize(render.render(job(seed=6, size=288), 1)[0].photo, (16, 16)).astype(float)
        small.append(other)
        for i in range(len(small)):
            for j in range(i):
                assert np.abs(small[i] - small[j]).mean() > 4

    def test_negatives_have_no_remote(self):
        for number in range(1, 5):
            shot = render.render(job(negatives=1.0, size=96), number)[0]
            assert shot.masks == shot.polygons == []

    def test_photos_serve_as_background(self):
        photo = np.zeros((80, 80, 3), np.uint8)
        photo[..., 1] = 200
        options = {"photos": (photo,), "photo_share": 1.0, "negatives": 1.0, "lookalikes": 0.0}
        greens = []
        for number in range(1, 7):
            red, green, blue = render.render(job(size=96, **options), number)[0].photo.mean((0, 1))
            greens.append(green > 1.5 * max(red, blue))
        assert sum(greens) >= 4

    @pytest.mark.parametrize("kind", scenes.PLACES)
    def test_every_kind_of_place(self, kind, monkeypatch):
        monkeypatch.setattr(scenes, "PLACES", {kind: 1})
        shot = render.render(job(size=200), 1)[0]
        assert shot.polygons
        assert shot.photo.std() > 5


class TestPolygon:
    def test_rectangle_gives_its_corners(self):
        mask = np.zeros((20, 30), bool)
        mask[4:10, 5:25] = True
        assert sorted(mask_to_polygon(mask).tolist()) == [[5, 4], [5, 9], [24, 4], [24, 9]]

    def test_outline_stays_within_a_pixel(self):
        y, x = np.mgrid[:120, :120]
        mask = np.hypot(y - 60, (x - 60) * 0.7) < 38
        polygon = mask_to_polygon(mask)
        contour = cv2.findContours(mask.astype(np.uint8), 0, cv2.CHAIN_APPROX_NONE)[0][0][:, 0]
        outline = polygon.astype(np.float32)
        far = [abs(cv2.pointPolygonTest(outline, p.tolist(), True)) for p in contour]
        assert max(far) <= 1.0
        assert len(polygon) < len(contour) / 3

    def test_parts_behind_a_cable_stay_one_region(self):
        mask = np.zeros((60, 100), bool)
        mask[20:40, 10:90] = True
        mask[:, 47:53] = False
        polygon = mask_to_polygon(mask)
        assert is_simple(polygon)
        drawn = filled(polygon, mask.shape)
        assert drawn[mask].mean() > 0.99
        assert 0 < (drawn & ~mask).sum() <= 6 * 6

    def test_splinters_are_dropped_and_holes_filled(self):
        mask = np.zeros((60, 100), bool)
        mask[20:40, 10:80] = True
        mask[25:30, 30:35] = False
        mask[50:53, 90:94] = True
        drawn = filled(mask_to_polygon(mask), mask.shape)
        assert drawn[25:30, 30:35].all()
        assert not drawn[50:53].any()

    def test_object_that_fills_the_picture(self):
        polygon = mask_to_polygon(np.ones((8, 9), bool))
        assert sorted(polygon.tolist()) == [[0, 0], [0, 7], [8, 0], [8, 7]]

    @pytest.mark.parametrize("area", [0, 3])
    def test_nothing_to_outline(self, area):
        mask = np.zeros((10, 10), bool)
        mask[4, :area] = True
        assert mask_to_polygon(mask) is None

    # None is a splinter by itself, of which any share of the whole may be dropped.
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(4, 25)] * 2), min_size=1, max_size=5
        )
    )
    def test_any_mask_gives_a_simple_polygon_or_none(self, boxes):
        mask = np.zeros((64, 64), bool)
        for y, x, height, width in boxes:
            mask[y : y + height, x : x + width] = True
        polygon = mask_to_polygon(mask)
        if polygon is None:
            return
        assert is_simple(polygon)
        assert filled(polygon, mask.shape)[mask].mean() > 0.75

    @pytest.mark.parametrize(
        ("points", "simple"),
        [
            ([[0, 0], [4, 0], [4, 4], [0, 4]], True),
            ([[0, 0], [4, 4], [4, 0], [0, 4]], False),
            ([[0, 0], [4, 0], [4, 4], [2, 0], [0, 4]], False),
            ([[0, 0], [4, 0], [0, 0], [0, 4]], False),
            ([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], True),
        ],
    )
    def test_is_simple(self, points, simple):
        assert is_simple(np.array(points)) == simple


class TestProject:
    def test_layout_is_that_of_via_2(self):
        polygon = np.array([[1, 2], [30, 4], [9, 40]])
        images = [("a.jpg", 1234, via_regions([polygon])), ("b.webp", 99, via_regions([]))]
        project = via_project(images, ["BG", LABEL], "mine")
        assert list(project["_via_img_metadata"]) == ["a.jpg1234", "b.webp99"]
        assert project["_via_image_id_list"] == ["a.jpg1234", "b.webp99"]
        assert {"_via_settings", "_via_attributes"} < set(project)
        assert list(project["_via_attributes"]["region"]["object"]["options"]) == ["AC Remote"]
        region = project["_via_img_metadata"]["a.jpg1234"]["regions"][0]
        assert region == {
            "shape_attributes": {
                "name": "polygon", "all_points_x": [1, 30, 9], "all_points_y": [2, 4, 40],
            },
            "region_attributes": {"object": "AC Remote"},
        }  # fmt: skip
        assert json.loads(json.dumps(project)) == project


class TestFolder:
    def test_workers_and_count_change_no_picture(self, tmp_path):
        first, second = tmp_path / "first", tmp_path / "second"
        words = ["--seed", "8", "--size", "96"]
        assert render.main([*words, "--output", str(first), "--count", "3", "--workers", "1"]) == 0
        assert render.main([*words, "--output", str(second), "--count", "4", "--workers", "2"]) == 0
        before = json.loads((first / render.PROJECT_NAME).read_text())["_via_img_metadata"]
        after = json.loads((second / render.PROJECT_NAME).read_text())["_via_img_metadata"]
        assert before == dict(list(after.items())[:3])
        for entry in before.values():
            data = (first / entry["filename"]).read_bytes()
            assert len(data) == entry["size"]
            assert data == (second / entry["filename"]).read_bytes()
        assert not list(tmp_path.rglob("*.part"))

    def test_folder_with_content_is_refused(self, tmp_path, capsys):
        (tmp_path / "holiday.jpg").write_bytes(b"mine")
        assert render.main(["--output", str(tmp_path), "--count", "1"]) == 1
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert str(tmp_path) in message and "--overwrite" in message
        assert render.main(["--output", str(tmp_path), "--count", "1", "--overwrite"]) == 1
        assert "holiday.jpg" in capsys.readouterr().err
        assert (tmp_path / "holiday.jpg").read_bytes() == b"mine"

    def test_overwrite_leaves_nothing_of_the_earlier_run(self, tmp_path):
        for name in ("remote_00009.webp", render.PROJECT_NAME):
            (tmp_path / name).write_bytes(b"old")
        words = ["--output", str(tmp_path), "--count", "1", "--size", "96", "--overwrite"]
        assert render.main(words) == 0
        assert len(list(tmp_path.iterdir())) == 2
        assert not (tmp_path / "remote_00009.webp").exists()

    @pytest.mark.parametrize(
        "words",
        [
            ["--size", "9"], ["--size", "800-400"], ["--size", "big"], ["--count", "0"],
            ["--negatives", "1.5"], ["--workers", "0"],
        ],
    )  # fmt: skip
    def test_senseless_options_are_refused(self, words, tmp_path, capsys):
        with pytest.raises(SystemExit) as stop:
            render.main(["--output", str(tmp_path / "new"), *words])
        assert stop.value.code == 2
        assert words[1] in capsys.readouterr().err
        assert not (tmp_path / "new").exists()

    def test_file_in_place_of_the_folder(self, tmp_path, capsys):
        (tmp_path / "file").write_text("")
        assert render.main(["--output", str(tmp_path / "file")]) == 1
        assert "is a file" in capsys.readouterr().err

    def test_photos(self, tmp_path):
        cv2.imwrite(str(tmp_path / "wall.png"), np.full((20, 30, 3), (10, 20, 200), np.uint8))
        (photo,) = render.read_photos([str(tmp_path)])
        assert photo.shape == (20, 30, 3)
        assert photo[0, 0].tolist() == [200, 20, 10]
        (tmp_path / "broken.jpg").write_bytes(b"no image")
        with pytest.raises(ImageError, match=r"broken\.jpg: not an image"):
            render.read_photos([str(tmp_path)])
        with pytest.raises(render.RenderError, match=r"no photos .* in .*none"):
            render.read_photos([str(tmp_path), str(tmp_path / "none")])

    def test_what_a_killed_run_was_writing_goes(self, tmp_path):
        part = tmp_path / ".remote_00003.jpg.cdc38edd.part"
        part.touch()
        render.prepare_folder(tmp_path, overwrite=True)
        assert not part.exists()
        (tmp_path / ".others.jpg.cdc38edd.part").touch()
        with pytest.raises(render.RenderError, match="files of others"):
            render.prepare_folder(tmp_path, overwrite=True)

    def test_a_worker_that_dies(self, tmp_path):
        class Deadly:
            def __reduce__(self):
                return os._exit, (1,)

        options = scenes.Options(0, 0, (Deadly(),), 1)
        with pytest.raises(render.RenderError, match="a worker died"):
            render.render_folder(render.Job(tmp_path, 1, (64, 64), options), 2, 1)
        assert not list(tmp_path.iterdir())

    def test_photos_of_scikit_image(self):
        assert len(render.read_photos([])) >= 5


class TestGeometry:
    def test_camera_straight_above(self):
        view = camera.look_at((0, 0, 0), 200.0, 0, 0, 0, 400.0, (100, 160))
        pixels, depth = camera.project(view, np.array([[0, 0, 0], [10, 5, 0], [10, 5, 100]]))
        np.testing.assert_allclose(pixels, [[80, 50], [100, 40], [120, 30]])
        np.testing.assert_allclose(depth, [200, 200, 100])

    def test_tilted_camera_sees_far_things_higher_and_smaller(self):
        view = camera.look_at((0, 0, 0), 500.0, 50, 0, 0, 600.0, (400, 400))
        pixels, depth = camera.project(view, np.array([[0, 0, 0], [0, 100, 0], [0, 0, 40]]))
        np.testing.assert_allclose(pixels[0], [200, 200], atol=1e-9)
        assert pixels[1, 1] < 200 and pixels[2, 1] < 200
        assert depth[1] > depth[0] > depth[2]

    def test_an_arm_that_passes_the_camera_is_cut_off(self):
        above = camera.look_at((0, 0, 0), 300, 0, 0, 0, 500, (200, 300))
        arm = np.array([[0.0, 0, 0, 10], [0, 0, 200, 20], [0, 0, 600, 60], [90, 0, 100, 10]])
        seen = hands._before_camera(above, arm)
        assert seen[:, 2].tolist() == pytest.approx([0, 200, 240, 240, 100])
        assert seen[:, 3].tolist() == pytest.approx([10, 20, 24, 24, 10])
        assert np.array_equal(hands._before_camera(above, arm[:2]), arm[:2])
        assert hands._before_camera(above, arm[2:3]).shape == (0, 4)

    def test_homography_agrees_with_projection(self):
        view = camera.look_at((5, -3, 0), 300.0, 35, 20, 5, 500.0, (300, 400))
        rotation = camera.axis_rotation(2, 30) @ camera.axis_rotation(0, 20)
        pose = camera.Pose(rotation, np.array([12.0, 8.0, 30.0]))
        points = np.array([[0, 0, 7.0], [20, 40, 7], [-15, 33, 7]])
        expected, _ = camera.project(view, camera.place(pose, points))
        mapped = (
            np.column_stack([points[:, :2], np.ones(3)])
            @ camera.plane_homography(view, pose, 7.0).T
        )
        np.testing.assert_allclose(mapped[:, :2] / mapped[:, 2:], expected)

    def test_layers_hide_what_lies_below(self):
        canvas = slabs.Canvas(np.full((4, 6, 3), 0.5))
        layer = np.zeros((2, 3, 4), np.float32)
        layer[...] = [0.2, 0.2, 0.2, 1.0]
        canvas.lay(layer, (1, 1), instance=True)
        half = np.zeros((2, 1, 4), np.float32)
        half[...] = [0.0, 0.3, 0.0, 0.75]
        canvas.lay(half, (1, 1))
        np.testing.assert_allclose(canvas.color[1, 1], [0.05, 0.35, 0.05], rtol=1e-6)
        np.testing.assert_allclose(canvas.color[1, 2], 0.2)
        np.testing.assert_allclose(canvas.color[0, 0], 0.5)
        assert canvas.whole == [6.0]
        np.testing.assert_allclose(canvas.visible[0][1:3, 1:4], [[0.25, 1, 1]] * 2)

    def test_footprints_apart(self):
        square = np.array([[0, 0], [2, 0], [2, 2], [0, 2.0]])
        diamond = np.array([[3, 1], [4, 2], [3, 3], [2, 2.0]])
        assert not scenes._apart(square, square + 1)
        assert not scenes._apart(square, diamond)
        assert scenes._apart(square, diamond + [0.1, 0.1])
        assert scenes._apart(square, square + [0, 2.5])

    def test_linear_light(self):
        expected = [0.0, ((128 / 255 + 0.055) / 1.055) ** 2.4, 1.0]
        np.testing.assert_allclose(colors.linear("#0080ff"), expected, rtol=1e-6)
        np.testing.assert_allclose(colors.linear((10, 300, -4))[[1, 2]], [1, 0])


class TestSample:
    @pytest.mark.parametrize(("subset", "least"), [("train", 24), ("val", 8)])
    def test_sample_is_whole(self, subset, least):
        folder = DATASET / subset
        project = json.loads((folder / render.PROJECT_NAME).read_text())
        entries = project["_via_img_metadata"]
        assert len(entries) >= least
        suffixes = set()
        for key, entry in entries.items():
            path = folder / entry["filename"]
            assert key == f"{entry['filename']}{entry['size']}"
            assert path.stat().st_size == entry["size"]
            suffixes.add(path.suffix)
            height, width = cv2.imread(str(path)).shape[:2]
            assert entry["regions"]
            for region in entry["regions"]:
                shape = region["shape_attributes"]
                polygon = np.stack([shape["all_points_x"], shape["all_points_y"]], 1)
                assert region["region_attributes"] == {"object": "AC Remote"}
                assert is_simple(polygon)
                assert polygon.min() >= 0 and (polygon.max(0) < (width, height)).all()
        assert suffixes == {".jpg", ".webp"}
        assert {p.name for p in folder.iterdir()} == {
            render.PROJECT_NAME, *(e["filename"] for e in entries.values())
        }  # fmt: skip

    def test_sample_is_about_five_megabytes_at_most(self):
        files = [p for s in ("train", "val") for p in (DATASET / s).iterdir()]
        assert sum(p.stat().st_size for p in files) < 6e6

    def test_sample_is_what_its_command_renders(self):
        made = render.Job(DATASET / "train", 3, (640, 1024), scenes.Options())
        shot, _ = render.render(made, 1)
        project = json.loads((DATASET / "train" / render.PROJECT_NAME).read_text())
        entry = next(iter(project["_via_img_metadata"].values()))
        stored = cv2.imread(str(DATASET / "train" / entry["filename"]))[..., ::-1]
        assert np.abs(stored.astype(float) - shot.photo).mean() < 5
        for region, polygon in zip(entry["regions"], shot.polygons, strict=True):
            shape = region["shape_attributes"]
            stored_polygon = np.stack([shape["all_points_x"], shape["all_points_y"]], 1)
            masks = [filled(points, shot.photo.shape[:2]) for points in (stored_polygon, polygon)]
            assert iou(*masks) > 0.97
