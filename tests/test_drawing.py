"""Pictures of objects: what is drawn where, in which colour, and what stays untouched."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.detections import Detections
from mrcnn.drawing import colors, lettering
from mrcnn.drawing import instances as drawing
from mrcnn.drawing.instances import draw_splash
from mrcnn.drawing.marks import RED, draw_marks
from mrcnn.drawing.styles import STYLES

NAMES = ["BG", "remote", "пульт"]


def disc(height, width, box):
    mask = np.zeros((height, width), np.uint8)
    y1, x1, y2, x2 = box
    center, axes = ((x1 + x2) // 2, (y1 + y2) // 2), ((x2 - x1) // 2 - 1, (y2 - y1) // 2 - 1)
    cv2.ellipse(mask, center, axes, 0, 0, 360, 1, -1)
    return mask.astype(bool)


def picture(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def lab_distances(colors):
    lab = cv2.cvtColor(np.float32(colors)[None], cv2.COLOR_RGB2Lab)[0]
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return distances[~np.eye(len(lab), dtype=bool)]


# -- Colours -----------------------------------------------------------------------------------


def test_class_colors_are_fixed_and_far_apart():
    palette = [colors.class_color(i) for i in range(1, 97)]
    assert palette[0] == tuple(c / 255 for c in (0x00, 0x8D, 0xF2))
    assert np.min(palette) >= 0 and np.max(palette) <= 1
    assert len(set(map(colors.to_bytes, palette))) == 96
    # 2.3 in CIELAB is a difference one can just notice.
    assert lab_distances(palette[:10]).min() > 25
    assert lab_distances(palette[:80]).min() > 12


def test_instances_of_a_class_are_tinted_and_stay_near_their_class():
    tinted = colors.instance_colors([1, 2, 1, 1, 1])
    assert tinted[0] == colors.class_color(1)
    assert tinted[1] == colors.class_color(2)
    ones = [tinted[i] for i in (0, 2, 3, 4)]
    assert lab_distances(ones).min() > 8
    assert lab_distances(ones).max() < lab_distances(tinted[:2]).min()
    assert colors.instance_colors([]) == []


def test_random_colors_are_distinct_reproducible_and_extend():
    many = colors.random_colors(300)
    assert len({tuple(np.rint(np.array(c) * 1e4)) for c in many}) == 300
    assert many == colors.random_colors(300)
    assert many[:5] == colors.random_colors(5)
    assert all(max(c) == 1.0 for c in many)
    assert all(max(c) == 0.7 for c in colors.random_colors(9, bright=False))
    assert colors.random_colors(0) == []


# -- Single marks ------------------------------------------------------------------------------


def test_apply_mask_blends_in_place():
    image = np.full((2, 2, 3), 100, np.uint8)
    mask = np.array([[1, 0], [0, 1]])
    result = drawing.apply_mask(image, mask, (1.0, 0.0, 0.2), alpha=0.5)
    assert result is image
    # 100 * 0.5 + 0.5 * 255 * (1, 0, 0.2) = 177.5, 50, 75.5, cut off to integers
    np.testing.assert_array_equal(image[0, 0], [177, 50, 75])
    np.testing.assert_array_equal(image[1, 1], [177, 50, 75])
    np.testing.assert_array_equal(image[0, 1], [100, 100, 100])


def test_apply_mask_leaves_a_fourth_channel():
    image = np.full((1, 1, 4), 8, np.uint8)
    drawing.apply_mask(image, np.ones((1, 1)), (0, 0, 0), alpha=1)
    np.testing.assert_array_equal(image[0, 0], [0, 0, 0, 8])


def test_draw_box_borders_in_place():
    image = np.zeros((12, 12, 3), np.uint8)
    assert drawing.draw_box(image, np.array([2, 3, 8, 9]), (7, 8, 9)) is image
    expected = np.zeros((12, 12), bool)
    expected[2:4, 3:9] = expected[8:10, 3:9] = True
    expected[2:8, 3:5] = expected[2:8, 9:11] = True
    np.testing.assert_array_equal(image[..., 0] == 7, expected)
    drawing.draw_box(image, [-5, -5, 40, 40], (1, 1, 1))
    assert (image[0] == 1).all()


# -- Instances ---------------------------------------------------------------------------------


def test_image_is_not_written_and_only_boxes_and_labels_change():
    image = picture(200, 300)
    before = image.copy()
    boxes = np.array([[60, 40, 120, 140], [100, 180, 180, 260]])
    masks = np.stack([disc(200, 300, box) for box in boxes], axis=-1)
    drawn = drawing.draw_instances(image, boxes, masks, [1, 2], NAMES, captions=["", None])
    np.testing.assert_array_equal(image, before)
    assert drawn.dtype == np.uint8 and drawn.shape == image.shape
    outside = np.ones((200, 300), bool)
    for y1, x1, y2, x2 in boxes:
        outside[y1:y2, x1:x2] = False
    np.testing.assert_array_equal(drawn[outside], image[outside])
    assert (drawn[~outside] != image[~outside]).any()


def test_fill_is_blended_with_the_class_color():
    image = np.full((100, 100, 3), 200, np.uint8)
    box = np.array([[10, 10, 90, 90]])
    mask = disc(100, 100, box[0])[..., None]
    drawn = drawing.draw_instances(image, box, mask, [1], NAMES, alpha=0.25, captions=[""])
    expected = 200 * 0.75 + 255 * 0.25 * np.array(colors.class_color(1))
    np.testing.assert_allclose(drawn[50, 50], expected, atol=1)
    corner = drawn[12, 12]  # in the box, outside mask and lines
    np.testing.assert_array_equal(corner, [200, 200, 200])


def test_outline_is_antialiased():
    image = np.zeros((300, 300, 3), np.uint8)
    box = np.array([[10, 10, 290, 290]])
    mask = disc(300, 300, box[0])[..., None]
    red = [(1.0, 0.0, 0.0)]
    drawn = drawing.draw_instances(
        image, box, mask, [1], NAMES, colors=red, alpha=0, captions=[""], show_bbox=False
    )
    levels = np.unique(drawn[..., 0])
    assert {0, 255} <= set(levels.tolist()) and len(levels) > 20
    # The line follows the mask's edge within a few pixels.
    edge = mask[..., 0] ^ cv2.erode(mask[..., 0].astype(np.uint8), np.ones((3, 3))).astype(bool)
    near = cv2.dilate(edge.astype(np.uint8), np.ones((7, 7))).astype(bool)
    assert not drawn[~near].any()


def test_masks_and_boxes_can_be_left_out():
    image = picture(80, 80)
    box, mask = np.array([[10, 10, 60, 60]]), disc(80, 80, (10, 10, 60, 60))[..., None]
    nothing = drawing.draw_instances(
        image, box, mask, [1], NAMES, captions=[""], show_mask=False, show_bbox=False
    )
    np.testing.assert_array_equal(nothing, image)
    framed = drawing.draw_instances(image, box, None, [1], NAMES, captions=[""])
    np.testing.assert_array_equal(framed[11:59, 11:59], image[11:59, 11:59])
    color = np.rint(255 * np.array(colors.class_color(1)))
    for side in (framed[10, 10:60], framed[59, 10:60], framed[10:60, 10], framed[10:60, 59]):
        np.testing.assert_array_equal(side, np.tile(color, (50, 1)))


def test_small_object_lies_on_the_large_one():
    image = np.zeros((100, 100, 3), np.uint8)
    boxes = np.array([[40, 40, 60, 60], [0, 0, 100, 100]])
    drawn = drawing.draw_instances(
        image, boxes, np.ones((100, 100, 2), bool), [1, 1], NAMES,
        colors=[(1, 0, 0), (0, 1, 0)], captions=["", ""], alpha=1,
    )  # fmt: skip
    np.testing.assert_array_equal(drawn[50, 50], [255, 0, 0])


def test_each_instance_has_its_own_mask():
    image = np.zeros((40, 40, 3), np.uint8)
    masks = np.zeros((40, 40, 2), bool)
    masks[:20, :, 0] = masks[20:, :, 1] = True
    drawn = drawing.draw_instances(
        image, [[0, 0, 40, 40]] * 2, masks, [1, 1], NAMES,
        colors=[(1, 0, 0), (0, 1, 0)], captions=["", ""], alpha=1,
    )  # fmt: skip
    np.testing.assert_array_equal(drawn[10, 20], [255, 0, 0])
    np.testing.assert_array_equal(drawn[30, 20], [0, 255, 0])


@pytest.mark.parametrize("boxes, masks", [
    (np.zeros((0, 4)), np.zeros((20, 30, 0), bool)),
    (np.zeros((0, 4)), np.zeros((0,))),
    ([], None),
    (np.zeros((1, 4)), np.ones((20, 30, 1), bool)),
    ([[5, 5, 5, 9]], np.ones((20, 30, 1), bool)),
    ([[50, 50, 70, 90]], np.ones((20, 30, 1), bool)),
    ([[9, 9, 3, 3]], np.ones((20, 30, 1), bool)),
])  # fmt: skip
def test_nothing_to_draw_returns_the_picture(boxes, masks):
    image = picture(20, 30)
    ids = [1] * len(boxes)
    drawn = drawing.draw_instances(image, boxes, masks, ids, NAMES, scores=[0.9] * len(boxes))
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    corners=st.lists(st.integers(-10, 50), min_size=4, max_size=4),
    seed=st.integers(0, 9),
)
def test_any_box_on_any_picture(size, corners, seed):
    image = picture(*size)
    mask = np.random.default_rng(seed).random((*size, 1)) > 0.5
    box = np.array([corners])
    plain = drawing.draw_instances(image, box, mask, [1], NAMES, captions=[""], alpha=1)
    y1, x1, y2, x2 = np.clip(corners, 0, [*size, *size])
    inside = np.zeros(size, bool)
    inside[y1:y2, x1:x2] = True
    np.testing.assert_array_equal(plain[~inside], image[~inside])
    if inside.any():
        color = np.rint(255 * np.array(colors.class_color(1)))
        np.testing.assert_array_equal(plain[y1, x1:x2], np.tile(color, (x2 - x1, 1)))
    labelled = drawing.draw_instances(image, box, mask, [1], NAMES, scores=[0.5])
    assert labelled.shape == (*size, 3)


def test_other_images_become_uint8_rgb():
    grey = np.array([[0, 300], [-4, 99.6]])
    expected = np.repeat(np.array([[0, 255], [0, 100]], np.uint8)[..., None], 3, axis=2)
    np.testing.assert_array_equal(drawing.as_rgb(grey), expected)
    np.testing.assert_array_equal(drawing.as_rgb(grey[..., None]), expected)
    four = np.zeros((2, 3, 4), np.uint8)
    four[..., :3] = (1, 2, 3)
    np.testing.assert_array_equal(drawing.as_rgb(four), np.tile([1, 2, 3], (2, 3, 1)))
    with pytest.raises(ValueError, match=r"\[2, 3, 2\]"):
        drawing.as_rgb(four[..., :2])


@pytest.mark.parametrize("change, message", [
    ({"masks": np.zeros((20, 30, 2), bool)}, r"masks are \[20, 30, 2\], expected \[20, 30, 1\]"),
    ({"masks": np.zeros((30, 20, 1), bool)}, r"expected \[20, 30, 1\]"),
    ({"class_ids": [1, 2]}, "class_ids holds 2 values for 1 boxes"),
    ({"scores": []}, "scores holds 0 values for 1 boxes"),
    ({"captions": ["a", "b"]}, "captions holds 2"),
    ({"colors": [(0, 160, 255)]}, r"in 0\.\.1"),
    ({"colors": [(0, 1)]}, r"in 0\.\.1"),
    ({"class_ids": [3]}, "class id 3 has no name: class_names holds 3"),
    ({"class_ids": [-1]}, "class id -1 has no name"),
    ({"rois": [[0, 0, np.nan, 4]]}, "not a finite number"),
])  # fmt: skip
def test_refusals(change, message):
    good = {"rois": [[2, 2, 9, 9]], "masks": np.ones((20, 30, 1), bool), "class_ids": [1]}
    with pytest.raises(ValueError, match=message):
        drawing.draw_instances(picture(20, 30), class_names=NAMES, **(good | change))


def test_detections_are_drawn_as_their_arrays_are():
    image = picture(200, 300)
    boxes = np.array([[60, -9, 120, 140], [100, 180, 230, 260], [10, 10, 90, 90]], np.int32)
    # Masks that leave their boxes, lie in a part of them, and are empty.
    masks = np.stack([disc(200, 300, box) for box in ((20, 40, 160, 200), (110, 190, 150, 250))])
    masks = np.concatenate([masks, np.zeros((1, 200, 300), bool)]).transpose(1, 2, 0)
    ids, scores = np.array([1, 2, 1]), np.array([0.9, 0.8, 0.7], np.float32)
    expected = drawing.draw_instances(image, boxes, masks, ids, NAMES, scores)
    whole = Detections.of(boxes, ids, scores, masks)
    windows = np.clip(boxes, 0, (200, 300, 200, 300))
    cut = [masks[y1:y2, x1:x2, i] for i, (y1, x1, y2, x2) in enumerate(windows)]
    for found in (whole, Detections((200, 300), boxes, ids, scores, cut)):
        np.testing.assert_array_equal(drawing.draw_detections(image, found, NAMES), expected)
    assert (expected[100:118, 20:138] != image[100:118, 20:138]).any(axis=-1).mean() > 0.5
    for draw in (lambda: drawing.draw_detections(image[1:], whole, NAMES),
                 lambda: draw_splash(image[1:], whole)):  # fmt: skip
        with pytest.raises(ValueError, match=r"found on a picture of \[200, 300\], this one"):
            draw()
    with pytest.raises(ValueError, match="captions holds 1 values for 3 boxes"):
        drawing.draw_detections(image, whole, NAMES, captions=["a"])


# -- Labels ------------------------------------------------------------------------------------


def test_default_captions():
    assert drawing.default_captions([2, 1], NAMES, [0.987, 0.5]) == ["пульт 0.99", "remote 0.50"]
    assert drawing.default_captions(np.array([1]), NAMES) == ["remote"]


def test_labels_grow_with_the_picture_and_shrink_in_a_crowd():
    (small,), (large,) = (
        lettering.texts(["remote"], (1000, 1000)),
        lettering.texts(["remote"], (3000, 3000)),
    )
    assert large.shape[0] == pytest.approx(3 * small.shape[0], rel=0.1)
    crowd = lettering.texts(["remote"] * 200, (3000, 3000))
    assert crowd[0].shape[0] < 0.7 * large.shape[0]


def test_label_fits_a_small_picture():
    (text,) = lettering.texts(["remote 0.97"], (60, 60))
    assert text.shape[0] <= 60 and text.shape[1] <= 60
    assert not text[:, -1].any()  # made smaller, not cut
    (text,) = lettering.texts(["remote"], (3, 4))
    assert text.shape == (3, 4)


@pytest.mark.parametrize("word", ["Remote", "пульт", "τηλεχειριστήριο", "étui", "ریموت"])
def test_letters_of_many_scripts_are_drawn(word):
    text, missing = lettering.texts([word, "\U0010ffff" * len(word)], (1000, 1000))
    assert text.max() > 200
    assert text.shape != missing.shape or (text != missing).any()
    # Each letter of its own, not one box repeated: columns of ink differ.
    assert len(np.unique(text, axis=1).T) > 10


def test_letters_that_no_font_has_are_told(monkeypatch):
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: [])
    lettering._font_for.cache_clear()
    with pytest.warns(UserWarning, match="no font on this machine has the letters モリ"):
        lettering._font_for(frozenset("リモ"))
    lettering._font_for.cache_clear()


def test_line_breaks_become_spaces():
    broken, plain = lettering.texts(["AC\n Remote ", "AC Remote"], (1000, 1000))
    np.testing.assert_array_equal(broken, plain)


def test_label_stands_above_its_box_or_below_at_the_top_edge():
    none = np.zeros((0, 4), int)
    box = np.array([50, 20, 90, 60])
    np.testing.assert_array_equal(
        lettering.place(box, (10, 30), (100, 200), box[None], none), [40, 20, 50, 50]
    )
    box = np.array([0, 20, 40, 60])
    np.testing.assert_array_equal(
        lettering.place(box, (10, 30), (100, 200), box[None], none), [40, 20, 50, 50]
    )
    # The whole picture: inside, there is no other room.
    box = np.array([0, 0, 100, 200])
    assert lettering.place(box, (10, 30), (100, 200), box[None], none).tolist() == [0, 0, 10, 30]


def test_label_leaves_a_small_neighbour_visible():
    box, neighbour = np.array([50, 20, 90, 60]), np.array([41, 20, 49, 45])
    place = lettering.place(
        box, (10, 30), (100, 200), np.array([box, neighbour]), np.zeros((0, 4), int)
    )
    assert place.tolist() == [90, 20, 100, 50]


def test_labels_do_not_lie_on_each_other_where_there_is_room():
    boxes = np.array([[100, 100, 160, 160], [102, 102, 162, 162], [98, 110, 158, 170]])
    taken = np.zeros((0, 4), int)
    for box in boxes:
        place = lettering.place(box, (20, 80), (300, 300), boxes, taken)
        assert (place >= 0).all() and (place[2:] <= 300).all()
        apart = (
            (taken[:, 2] <= place[0]) | (taken[:, 0] >= place[2])
            | (taken[:, 3] <= place[1]) | (taken[:, 1] >= place[3])
        )  # fmt: skip
        assert apart.all()
        taken = np.concatenate([taken, place[None]])


@pytest.mark.parametrize("color, expected", [
    ((255, 255, 0), (16, 16, 16)), ((0, 0, 128), (255, 255, 255)), ((0, 0x8D, 0xF2), (255,) * 3),
])  # fmt: skip
def test_text_contrasts_with_its_plate(color, expected):
    canvas = np.zeros((2, 2, 3), np.uint8)
    coverage = np.array([[255, 0], [0, 0]], np.uint8)
    lettering.draw(canvas, (0, 0, 2, 2), coverage, color)
    np.testing.assert_array_equal(canvas[0, 0], expected)
    np.testing.assert_array_equal(canvas[1, 1], color)


def test_every_class_color_carries_readable_text():
    def luminance(color):
        linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
        return linear @ (0.2126, 0.7152, 0.0722)

    for class_id in range(1, 97):
        plate = np.zeros((1, 1, 3), np.uint8)
        color = np.rint(255 * np.array(colors.class_color(class_id)))
        lettering.draw(plate, (0, 0, 1, 1), np.full((1, 1), 255, np.uint8), tuple(color))
        light, dark = sorted([luminance(plate[0, 0] / 255), luminance(color / 255)], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3


# -- Splash ------------------------------------------------------------------------------------


def test_splash_keeps_colour_on_objects_alone():
    image = picture(30, 40)
    masks = np.zeros((30, 40, 2), bool)
    masks[2:9, 3:9, 0] = masks[20:25, 30:40, 1] = True
    masks[2:6, 3:6, 0] = False
    before = image.copy()
    splash = draw_splash(image, masks)
    np.testing.assert_array_equal(image, before)
    found = Detections.of_masks(masks, [1, 1])
    np.testing.assert_array_equal(draw_splash(image, found), splash)
    objects = masks.any(axis=-1)
    np.testing.assert_array_equal(splash[objects], image[objects])
    grey = splash[~objects]
    assert (grey == grey[:, :1]).all()
    # Luma of BT.601: 0.299 R + 0.587 G + 0.114 B
    np.testing.assert_allclose(grey[:, 0], image[~objects] @ (0.299, 0.587, 0.114), atol=1)


def test_splash_without_objects_is_grey_and_other_sizes_are_refused():
    splash = draw_splash(picture(5, 6), np.zeros((5, 6, 0), bool))
    assert (splash == splash[..., :1]).all()
    with pytest.raises(ValueError, match=r"on a picture of \[6, 5\]"):
        draw_splash(picture(5, 6), np.zeros((6, 5, 1), bool))


def test_styles_draw_detections_on_pictures():
    found = Detections.of_masks(disc(30, 40, (5, 5, 20, 20))[..., None], [1])
    for style in STYLES:
        drawn = style.load()(picture(30, 40), found)
        assert drawn.dtype == np.uint8 and drawn.shape == (30, 40, 3) and style.help
    assert [style.name for style in STYLES] == ["splash"]
    np.testing.assert_array_equal(drawn, draw_splash(picture(30, 40), found))


# -- What is dark, or of the mask's colour -----------------------------------------------------


@pytest.mark.parametrize(("brightness", "lighter"), [(20, True), (230, False)])
def test_an_outline_stands_out_from_dark_and_from_bright_objects(brightness, lighter):
    image = np.full((900, 900, 3), brightness, np.uint8)
    mask = np.zeros((900, 900, 1), bool)
    mask[200:700, 200:700] = True
    blue = np.array(drawing.instance_colors([1])[0]) * 255
    drawn = drawing.draw_instances(
        image, [[150, 150, 750, 750]], mask, [1], NAMES, captions=[""], show_bbox=False
    )
    across = drawn[450, 190:215].astype(float)
    edge = across.max() if lighter else across[:, 2].min()
    assert (edge > blue.max() + 5) if lighter else (edge < blue[2] / 2)


def test_a_fill_leaves_two_thirds_of_the_contrast():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (200, 200, 3), np.uint8)
    mask = np.ones((200, 200, 1), bool)
    drawn = drawing.draw_instances(image, [[0, 0, 200, 200]], mask, [1], NAMES, captions=[""])
    inside = slice(20, 180), slice(20, 180)
    contrast = drawn[inside].std(axis=(0, 1)) / image[inside].std(axis=(0, 1))
    assert (contrast > 0.6).all() and (contrast < 0.7).all()


def test_labels_grow_with_the_photo():
    heights = [lettering.texts(["mug 0.97"], (side, side))[0].shape[0] for side in (1000, 4000)]
    assert heights[1] == pytest.approx(4 * heights[0], rel=0.05)
    # Looked at on a screen of 1200 pixels it is large enough to read.
    assert heights[1] * 1200 / 4000 > 30


# -- Marks -------------------------------------------------------------------------------------


def test_marks_are_where_the_fault_is():
    image = np.full((300, 400, 3), 128, np.uint8)
    drawn = draw_marks(image, [((100, 150, 200, 250), "region 1: drawn twice", (200, 150))])
    red = (drawn == RED).all(axis=-1)
    assert (image == 128).all()
    assert red[100, 160:240].all() and red[199, 160:240].all() and red[110:190, 150].all()
    assert red[140:160, 190:210].any() and not red[150, 165:185].any()
    assert (drawn[260:] == 128).all()


@pytest.mark.parametrize(
    "box", [(-90, -80, -10, -20), (50, 500, 60, 700), (400, 10, 500, 20), (10, 10, 10, 10)]
)
def test_a_mark_outside_the_picture_is_at_its_rim(box):
    image = np.full((300, 400, 3), 128, np.uint8)
    rows, columns = np.nonzero((draw_marks(image, [(box, "", None)]) == RED).all(axis=-1))
    near = np.clip([box[0], box[1], box[2], box[3]], 0, (300, 400, 300, 400))
    assert np.ptp(rows) >= 10 and np.ptp(columns) >= 10
    assert abs(rows.mean() - (near[0] + near[2]) / 2) < 20
    assert abs(columns.mean() - (near[1] + near[3]) / 2) < 20


def test_faults_without_a_place_are_said_at_the_top():
    image = np.full((60, 80, 3), 128, np.uint8)
    drawn = draw_marks(image, [(None, f"region {number}: no label", None) for number in range(9)])
    assert (drawn[:6] != 128).any() and drawn.shape == image.shape
    assert draw_marks(image, []).tolist() == image.tolist()
