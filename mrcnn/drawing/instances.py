"""Objects drawn onto pictures at native size: masks, outlines, boxes, labels, splash.

Functions from arrays to arrays; nothing is shown. Only `apply_mask` and `draw_box` change the
image they are given. Images are RGB, colours `(red, green, blue)` in 0..1, boxes
`(y1, x1, y2, x2)` in pixels with the end outside, masks `[H, W, N]`.

An instance never leaves its box: its fill, its outline and the box's own line lie inside.
Labels are the exception; they stand beside the box where there is room.
"""

import colorsys
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from mrcnn.drawing import lettering

# The first classes get colours chosen by hand: vivid, apart from each other, rare in photos.
FIRST_COLORS = ("008df2", "ff3b56", "35d060", "ffb01f", "a861ff", "00d5cc", "ff62d2", "b6e321")
PALETTE_SIZE = 96
# Steps in lightness (CIELAB units) and hue (degrees) that tell instances of one class apart.
TINTS = ((0, 0), (16, 8), (-14, -8), (8, -15), (-7, 15), (22, -4), (-20, 4))

GOLDEN_RATIO = (5**0.5 - 1) / 2
# Pixels for each 1000 pixels of the picture's side (the square root of its area), so that a
# picture looks the same whatever its resolution.
LINE_WIDTH = 2.2

# -- Colours -----------------------------------------------------------------------------------


def _to_lab(colors) -> np.ndarray:
    return cv2.cvtColor(np.asarray(colors, np.float32)[None], cv2.COLOR_RGB2Lab)[0]


@lru_cache(maxsize=1)
def _palette() -> tuple[tuple[float, float, float], ...]:
    """Return PALETTE_SIZE colours, each the one farthest in CIELAB from all before it."""
    first = [tuple(bytes.fromhex(code)) for code in FIRST_COLORS]
    grid = [
        colorsys.hsv_to_rgb(step / 48, saturation, value)
        for step in range(48)
        for saturation in (1, 0.8, 0.6)
        for value in (1, 0.85, 0.7)
    ]
    colors = np.concatenate([np.array(first) / 255, grid])
    lab = _to_lab(colors)
    # Dull and dark colours vanish on photos.
    usable = (lab[:, 0] > 45) & (np.hypot(lab[:, 1], lab[:, 2]) > 45)
    chosen = list(range(len(first)))
    distance = np.linalg.norm(lab[:, None] - lab[None, chosen], axis=-1).min(axis=1)
    while len(chosen) < PALETTE_SIZE:
        chosen.append(int(np.argmax(np.where(usable, distance, 0))))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[chosen[-1]], axis=1))
    return tuple(tuple(map(float, color)) for color in colors[chosen])


def class_color(class_id: int) -> tuple[float, float, float]:
    """Return the colour of a class, always the same; classes 1 to 96 all differ."""
    return _palette()[(int(class_id) - 1) % PALETTE_SIZE]


def _tint(color, lightness, degrees) -> tuple[float, float, float]:
    """Return `color` lighter and turned in hue, unchanged where both are 0."""
    if not (lightness or degrees):
        return color
    light, a, b = _to_lab([color])[0]
    hue, chroma = np.arctan2(b, a) + np.deg2rad(degrees), np.hypot(a, b)
    lab = np.float32([[[light + lightness, chroma * np.cos(hue), chroma * np.sin(hue)]]])
    return tuple(map(float, cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)[0, 0].clip(0, 1)))


def instance_colors(class_ids) -> list[tuple[float, float, float]]:
    """Return a colour for each of `class_ids` `[N]`: its class's, tinted from the second one on."""
    seen = Counter()
    colors = []
    for class_id in map(int, class_ids):
        colors.append(_tint(class_color(class_id), *TINTS[seen[class_id] % len(TINTS)]))
        seen[class_id] += 1
    return colors


def random_colors(N: int, bright: bool = True) -> list[tuple[float, float, float]]:
    """Return N different colours in 0..1, the same at every call; darker ones if not `bright`.

    Hues follow the golden ratio, so neighbours in the list look different and a longer list
    begins with the shorter one.
    """
    value = 1.0 if bright else 0.7
    return [colorsys.hsv_to_rgb(index * GOLDEN_RATIO % 1, 1, value) for index in range(N)]


def _to_bytes(color) -> tuple[int, int, int]:
    rgb = np.asarray(color, float)[:3]
    if rgb.shape != (3,) or not (rgb.min() >= 0 and rgb.max() <= 1):
        raise ValueError(f"a colour is (red, green, blue) in 0..1, not {color!r}")
    return tuple(int(channel) for channel in np.rint(rgb * 255))


# -- Masks and outlines ------------------------------------------------------------------------


def as_rgb(image) -> np.ndarray:
    """Return a uint8 RGB copy `[H, W, 3]` of an image with values in 0..255.

    `[H, W]` and `[H, W, 1]` are grey, a fourth channel is dropped, other types are rounded and
    clipped. Raises ValueError for other shapes.
    """
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] not in (3, 4):
        raise ValueError(f"an image is [height, width, 3], not {list(image.shape)}")
    image = image[..., :3]
    if image.dtype != np.uint8:
        image = np.rint(np.clip(image, 0, 255))
    return np.array(image, np.uint8, order="C")


def _fill(canvas, mask, color, alpha) -> None:
    """Blend `color` over the pixels of `canvas` uint8 `[h, w, 3]` where `mask` uint8 is set."""
    values = np.arange(256)[:, None] * (1 - alpha) + np.array(color) * alpha
    blended = cv2.LUT(canvas, np.rint(values).astype(np.uint8)[None])
    cv2.copyTo(blended, mask, canvas)


def _outline(canvas, mask, color, width) -> None:
    """Draw the contours of `mask` uint8 `[h, w]`, anti-aliased, with a dark edge around them."""
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    lines = []
    reach = 2
    for contour in contours:
        points = contour[:, 0].astype(np.float32)
        if len(points) > 4 * reach:
            # A running mean turns the staircase of pixels into a line.
            ring = np.concatenate([points[-reach:], points, points[:reach]])
            points = cv2.blur(ring, (1, 2 * reach + 1))[reach:-reach]
            # A third of a pixel cannot be seen, and every point costs drawing time.
            points = cv2.approxPolyDP(points, 0.3, True)[:, 0]
        lines.append(np.rint(points * 16).astype(np.int32))
    dark = tuple(channel // 4 for channel in color)
    edge = round(width / 3)
    if edge:  # a line of one pixel would drown in it
        cv2.polylines(canvas, lines, True, dark, width + 2 * edge, cv2.LINE_AA, shift=4)
    cv2.polylines(canvas, lines, True, color, width, cv2.LINE_AA, shift=4)


def _frame(canvas, color, width) -> None:
    """Draw a border of `width` pixels just inside `canvas`."""
    canvas[:width] = canvas[-width:] = color
    canvas[:, :width] = canvas[:, -width:] = color


def apply_mask(image: np.ndarray, mask: np.ndarray, color, alpha: float = 0.5) -> np.ndarray:
    """Blend `color` (0..1) into `image` `[H, W, 3]` (0..255) where `mask` `[H, W]` is set.

    Changes `image` itself and returns it; `alpha` 1 hides the picture. Fractions are cut off
    in an image of integers.
    """
    inside = np.asarray(mask, bool)
    tint = alpha * 255 * np.asarray(color, float)[:3]
    image[inside, :3] = image[inside, :3] * (1 - alpha) + tint
    return image


def draw_box(image: np.ndarray, box, color) -> np.ndarray:
    """Draw a border of two pixels along `box` into `image` itself, which is returned.

    `color` has the image's own values, 0..255 for uint8. The border lies inside the box at its
    top and left and outside at its end, as far as the image reaches.
    """
    y1, x1, y2, x2 = (max(int(edge), 0) for edge in box)
    for row in (y1, y2):
        image[row : row + 2, x1:x2] = color
    for column in (x1, x2):
        image[y1:y2, column : column + 2] = color
    return image


# -- Pictures ----------------------------------------------------------------------------------


def default_captions(class_ids, class_names: Sequence[str], scores=None) -> list[str]:
    """Return "name 0.97" (or "name" without scores) for each instance.

    Raises ValueError for a class id that `class_names` has no name for.
    """
    captions = []
    for index, class_id in enumerate(map(int, class_ids)):
        if not 0 <= class_id < len(class_names):
            raise ValueError(
                f"class id {class_id} has no name: class_names holds {len(class_names)}, "
                'the first of them for the background ("BG")'
            )
        score = "" if scores is None else f" {scores[index]:.2f}"
        captions.append(f"{class_names[class_id]}{score}")
    return captions


def _check(shape, boxes, masks, lists) -> None:
    count = len(boxes)
    if not np.isfinite(boxes).all():
        raise ValueError("a box has a coordinate that is not a finite number")
    # Without objects, `detect` and data sets return masks of various empty shapes.
    if masks is not None and count and (*shape, count) != np.shape(masks):
        raise ValueError(
            f"masks are {list(np.shape(masks))}, expected {[*shape, count]}: "
            "the picture's height and width, and one mask a box"
        )
    for name, values in lists.items():
        if values is not None and len(values) != count:
            raise ValueError(f"{name} holds {len(values)} values for {count} boxes")


def draw_instances(
    image: np.ndarray,
    rois: np.ndarray,
    masks: np.ndarray | None,
    class_ids: np.ndarray,
    class_names: Sequence[str],
    scores: np.ndarray | None = None,
    colors: Sequence | None = None,
    captions: Sequence[str] | None = None,
    alpha: float = 0.5,
    show_mask: bool = True,
    show_bbox: bool = True,
) -> np.ndarray:
    """Return a picture of the detected objects, uint8 RGB `[H, W, 3]`; `image` stays as it is.

    Arguments:
        image: `[H, W, 3]`, or grey, or with a fourth channel; values 0..255.
        rois: `[N, 4]` boxes in pixels; parts outside the picture are cut off, empty ones skipped.
        masks: bool `[H, W, N]`; None draws the boxes alone. Only pixels inside the box count.
        class_ids: int `[N]`, places in `class_names`, whose first name is the background's.
        scores: `[N]` in 0..1, or None.
        colors: N colours `(red, green, blue)` in 0..1; one fixed colour per class by default.
        captions: N texts instead of class and score; None or "" leaves one object's label out.
        alpha: how much a mask hides the picture, 0..1.

    Raises ValueError where the lengths or sizes do not agree.
    """
    canvas = as_rgb(image)
    shape, boxes = canvas.shape[:2], np.asarray(rois, float).reshape(-1, 4)
    lists = {"class_ids": class_ids, "scores": scores, "colors": colors, "captions": captions}
    _check(shape, boxes, masks, lists)
    if captions is None:
        captions = default_captions(class_ids, class_names, scores)
    colors = [_to_bytes(c) for c in (instance_colors(class_ids) if colors is None else colors)]
    boxes = np.clip(np.rint(boxes), 0, (*shape, *shape)).astype(int)
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    visible = [index for index in range(len(boxes)) if areas[index] > 0]
    line = max(1, round(LINE_WIDTH * np.sqrt(shape[0] * shape[1]) / 1000))

    # Small objects last, so that none is hidden by the one it lies on.
    for index in sorted(visible, key=lambda index: -areas[index]):
        y1, x1, y2, x2 = boxes[index]
        inside = canvas[y1:y2, x1:x2]
        width = max(1, min(line, min(inside.shape[:2]) // 16))
        if show_mask and masks is not None:
            mask = np.ascontiguousarray(masks[y1:y2, x1:x2, index], bool).view(np.uint8)
            _fill(inside, mask, colors[index], alpha)
            _outline(inside, mask, colors[index], width)
        if show_bbox:
            _frame(inside, colors[index], max(1, width // 2))

    labelled = [index for index in visible if captions[index]]
    texts = lettering.texts([str(captions[index]) for index in labelled], shape)
    taken = np.zeros((0, 4), int)
    for index, text in zip(labelled, texts, strict=True):
        place = lettering.place(boxes[index], text.shape, shape, boxes[visible], taken)
        taken = np.concatenate([taken, place[None]])
        lettering.draw(canvas, place, text, colors[index])
    return canvas


def draw_splash(image: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return `image` in grey, its objects in colour: uint8 RGB `[H, W, 3]`.

    `masks` is bool `[H, W, N]`; without objects (N = 0) the whole picture is grey. Raises
    ValueError where `masks` has another height or width than the image.
    """
    color = as_rgb(image)
    if np.shape(masks)[:2] != color.shape[:2]:
        raise ValueError(
            f"masks are {list(np.shape(masks))} for a picture of {list(color.shape[:2])}"
        )
    splash = cv2.cvtColor(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    objects = np.zeros(color.shape[:2], bool)
    for mask in np.moveaxis(np.asarray(masks, bool), -1, 0):
        objects |= mask  # nine times faster than np.any over the last axis, for five objects
    return cv2.copyTo(color, objects.view(np.uint8), splash)
