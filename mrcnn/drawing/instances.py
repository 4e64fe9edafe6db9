"""Objects drawn onto pictures at native size: masks, outlines, boxes, labels.

Functions from arrays to arrays; nothing is shown. Only `apply_mask` and `draw_box` change the
image they are given. Images are RGB, colours `(red, green, blue)` in 0..1, boxes
`(y1, x1, y2, x2)` in pixels with the end outside, masks `[H, W, N]`.

An instance never leaves its box: its fill, its outline and the box's own line lie inside.
Labels are the exception; they stand beside the box where there is room.
"""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from mrcnn.detections import Detections
from mrcnn.drawing import lettering
from mrcnn.drawing.colors import instance_colors, to_bytes
from mrcnn.masks import windows_of

# Pixels for each 1000 pixels of the picture's side (the square root of its area), so that a
# picture looks the same whatever its resolution.
LINE_WIDTH = 2.2
# How much a mask hides the picture: what is dark, or of the mask's colour, is still to be seen.
ALPHA = 0.35
# Below this mean brightness, 0..255, an outline has a light edge instead of a dark one.
DARK = 90

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


def _outline(canvas, mask, color, width, edge_color) -> None:
    """Draw the contours of `mask` uint8 `[h, w]`, anti-aliased, with an edge around them."""
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
    edge = round(width / 3)
    if edge:  # a line of one pixel would drown in it
        cv2.polylines(canvas, lines, True, edge_color, width + 2 * edge, cv2.LINE_AA, shift=4)
    cv2.polylines(canvas, lines, True, color, width, cv2.LINE_AA, shift=4)


def _edge_color(canvas, mask, color) -> tuple[int, int, int]:
    """Return `color` much darker, or much lighter where `mask` lies on what is dark."""
    if np.mean(cv2.mean(canvas, mask)[:3]) < DARK:
        return tuple(255 - (255 - channel) // 4 for channel in color)
    return tuple(channel // 4 for channel in color)


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


def check_lengths(count, **lists) -> None:
    """Raise ValueError where one of `lists` is not None and has not `count` values."""
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
    alpha: float = ALPHA,
    show_mask: bool = True,
    show_bbox: bool = True,
) -> np.ndarray:
    """Return a picture of the detected objects, uint8 RGB `[H, W, 3]`; `image` stays as it is.

    Arguments:
        image: `[H, W, 3]`, or grey, or with a fourth channel; values 0..255.
        rois: `[N, 4]`; parts outside the picture are cut off, empty ones skipped.
        masks: bool `[H, W, N]`; None draws the boxes alone. Only pixels inside the box count.
        class_ids: int `[N]`, places in `class_names`, whose first name is the background's.
        scores: `[N]` in 0..1, or None.
        colors: N colours; one fixed colour per class by default.
        captions: N texts instead of class and score; None or "" leaves one object's label out.
        alpha: how much a mask hides the picture, 0..1.

    Raises ValueError where the lengths or sizes do not agree.
    """
    found = checked(image, rois, masks, class_ids, scores)
    if captions is None:
        captions = default_captions(class_ids, class_names, scores)
    if not show_mask:
        found = dataclasses.replace(found, pieces=None)
    return draw_detections(image, found, class_names, colors, captions, alpha, show_bbox)


def checked(image, rois, masks, class_ids, scores=None) -> Detections:
    """Return the objects that `draw_instances` is given; raises ValueError as it does."""
    shape, boxes = as_rgb(image).shape[:2], np.asarray(rois, float).reshape(-1, 4)
    if not np.isfinite(boxes).all():
        raise ValueError("a box has a coordinate that is not a finite number")
    # Without objects, `detect` and data sets return masks of various empty shapes.
    masks = None if masks is None or not len(boxes) else np.asarray(masks, bool)
    if masks is not None and masks.shape != (*shape, len(boxes)):
        raise ValueError(
            f"masks are {list(masks.shape)}, expected {[*shape, len(boxes)]}: "
            "the picture's height and width, and one mask a box"
        )
    check_lengths(len(boxes), class_ids=class_ids, scores=scores)
    boxes = np.clip(np.rint(boxes), 0, (*shape, *shape)).astype(int)
    return Detections.of(boxes, class_ids, scores, masks, shape)


def draw_detections(
    image: np.ndarray,
    detections: Detections,
    class_names: Sequence[str],
    colors: Sequence | None = None,
    captions: Sequence[str] | None = None,
    alpha: float = ALPHA,
    show_bbox: bool = True,
) -> np.ndarray:
    """Return a picture of detections; `draw_instances` tells the other arguments."""
    canvas = as_rgb(image)
    shape = canvas.shape[:2]
    check_shape(detections, shape)
    check_lengths(len(detections), colors=colors, captions=captions)
    if captions is None:
        captions = default_captions(detections.class_ids, class_names, detections.scores)
    if colors is None:
        colors = instance_colors(detections.class_ids)
    colors = [to_bytes(color) for color in colors]
    boxes = windows_of(np.rint(detections.rois), shape)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    visible = np.flatnonzero(areas)
    line = max(1, round(LINE_WIDTH * np.sqrt(shape[0] * shape[1]) / 1000))

    # Small objects last, so that none is hidden by the one it lies on.
    for index in sorted(visible, key=lambda index: -areas[index]):
        y1, x1, y2, x2 = boxes[index]
        inside = canvas[y1:y2, x1:x2]
        width = max(1, min(line, min(inside.shape[:2]) // 16))
        if detections.pieces is not None:
            mask = _cut(detections.pieces[index], detections.windows[index], boxes[index])
            edge_color = _edge_color(inside, mask, colors[index])
            _fill(inside, mask, colors[index], alpha)
            _outline(inside, mask, colors[index], width, edge_color)
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


def draw_splash(image: np.ndarray, objects: Detections | np.ndarray) -> np.ndarray:
    """Return `image` in grey, its objects in colour: uint8 RGB `[H, W, 3]`.

    `objects` are masks bool `[H, W, N]`, or detections, those without masks with their whole
    boxes; without objects the whole picture is grey. Raises ValueError where they are of another
    height or width than the image.
    """
    color = as_rgb(image)
    shape = color.shape[:2]
    if not isinstance(objects, Detections):
        masks = np.asarray(objects, bool)
        objects = Detections.of_masks(masks, np.zeros(masks.shape[-1]))
    check_shape(objects, shape)
    inside = np.zeros(shape, bool)
    pieces = [True] * len(objects) if objects.pieces is None else objects.pieces
    for piece, (y1, x1, y2, x2) in zip(pieces, objects.windows, strict=True):
        inside[y1:y2, x1:x2] |= piece
    splash = cv2.cvtColor(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.copyTo(color, inside.view(np.uint8), splash)


def check_shape(detections: Detections, shape) -> None:
    """Raise ValueError where `detections` are not of a picture of `shape` (height, width)."""
    if tuple(detections.shape) != tuple(shape):
        raise ValueError(
            f"the objects were found on a picture of {list(detections.shape)}, "
            f"this one is {list(shape)}"
        )


def _cut(piece, window, box) -> np.ndarray:
    """Return what lies in `box` of the piece of a mask that fills `window`, uint8 `[h, w]`."""
    if (window == box).all():
        return np.ascontiguousarray(piece).view(np.uint8)
    mask = np.zeros(box[2:] - box[:2], np.uint8)
    low = np.maximum(window[:2], box[:2])
    size = np.maximum(np.minimum(window[2:], box[2:]) - low, 0)
    (y, x), (top, left), (height, width) = low - box[:2], low - window[:2], size
    mask[y : y + height, x : x + width] = piece[top : top + height, left : left + width]
    return mask
