"""Instance masks: cut to their box, pasted back, compared, drawn from polygons and written as such.

Many masks are one bool array `[H, W, N]`, the instance last; boxes are `(y1, x1, y2, x2)` in
pixels, the end outside. Points are `(x, y)` and continuous: pixel (row, column) is the square from
(column, row) to (column + 1, row + 1), so a polygon along the pixels' edges has their area.
"""

import cv2
import numpy as np

# A probability from here on is mask. Rounding, which the mini masks do, sends a tie to background.
MASK_THRESHOLD = 0.5


def extract_bboxes(mask: np.ndarray) -> np.ndarray:
    """Return the tightest boxes, int32 `[N, 4]` in pixels, of masks `[H, W, N]`.

    An empty mask has the box (0, 0, 0, 0).
    """
    boxes = np.zeros((mask.shape[-1], 4), np.int32)
    for index, box in enumerate(boxes):
        rows = np.flatnonzero(mask[..., index].any(axis=1))
        if rows.size:
            y1, y2 = rows[0], rows[-1] + 1
            columns = np.flatnonzero(mask[y1:y2, :, index].any(axis=0))
            box[:] = y1, columns[0], y2, columns[-1] + 1
    return boxes


def resize_mask(mask: np.ndarray, scale: float, padding, crop=None) -> np.ndarray:
    """Resize masks `[H, W, N]` as `resize_image` resized their image, which told the arguments.

    Arguments:
        mask: `[H, W, N]`, any dtype, which is kept.
        scale: the factor from old to new size.
        padding: ((top, bottom), (left, right), (0, 0)) in pixels, filled with zeros.
        crop: (y1, x1, height, width) to cut out in place of padding, or None.
    """
    rows, columns = (_nearest(size, scale) for size in mask.shape[:2])
    if crop is not None:
        top, left, height, width = crop
        rows, columns = rows[top : top + height], columns[left : left + width]
        padding = [(0, 0)] * 3
    (top, bottom), (left, right), _ = padding
    size = top + len(rows) + bottom, left + len(columns) + right
    # Instance by instance: rows of one mask are long runs of memory, its N numbers a pixel are not.
    resized = np.zeros((mask.shape[2], *size), mask.dtype)
    for index, target in enumerate(resized):
        inside = target[top : top + len(rows), left : left + len(columns)]
        inside[:] = mask[..., index][rows].take(columns, axis=1)
    return np.moveaxis(resized, 0, -1)


def _nearest(size: int, scale: float) -> np.ndarray:
    """Return the source index of each of the `round(size * scale)` target rows.

    The first and last rows map onto each other, as in `scipy.ndimage.zoom`.
    """
    if scale == 1:
        return np.arange(size)
    target = round(size * scale)
    step = (size - 1) / (target - 1) if target > 1 else 0.0
    return np.floor(np.arange(target) * step + 0.5).astype(np.intp)


def _linear_weights(target: int, source: int, start: int = 0, stop: int | None = None):
    """Return the weights `[stop - start, source]` of bilinear resizing to rows start..stop.

    Pixel centres lie on halves; beyond the first and last centre the image fades to zero.
    """
    stop = target if stop is None else stop
    position = (np.arange(start, stop) + 0.5) * (source / target) - 0.5
    return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(source)))


def weighted_sum(down: np.ndarray, values: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return `down @ values @ across.T` of arrays of one float dtype, none of them empty.

    OpenCV's product, because NumPy's starts threads of its own, which get in the way of those
    that prepare batches: 5 ms against 30 on a busy machine for a map of 1024 x 1024.
    """
    rows = cv2.gemm(down, values, 1, None, 0)
    return cv2.gemm(rows, across, 1, None, 0, flags=cv2.GEMM_2_T)


def minimize_mask(bbox: np.ndarray, mask: np.ndarray, mini_shape) -> np.ndarray:
    """Cut masks `[H, W, N]` to their boxes and resize them to `mini_shape`: bool `[h, w, N]`.

    Small masks let large images fit into memory; `expand_mask` undoes it, with some loss.
    Raises ValueError for a box without area.
    """
    mini = np.zeros((*mini_shape, mask.shape[-1]), bool)
    for index, (y1, x1, y2, x2) in enumerate(np.asarray(bbox)[: mask.shape[-1], :4]):
        patch = mask[y1:y2, x1:x2, index]
        if patch.size == 0:
            raise ValueError(
                f"mask {index} has the box {(int(y1), int(x1), int(y2), int(x2))}, which has no "
                "area: leave out empty masks first"
            )
        down, across = (
            _linear_weights(*sizes) for sizes in zip(mini_shape, patch.shape, strict=True)
        )
        # Without anti-aliasing a large mask is only looked at here and there.
        rows, columns = (np.flatnonzero(weights.any(axis=0)) for weights in (down, across))
        seen = patch[np.ix_(rows, columns)].astype(bool).astype(np.float64)
        values = weighted_sum(down[:, rows], seen, across[:, columns])
        mini[..., index] = values > MASK_THRESHOLD
    return mini


def expand_mask(bbox: np.ndarray, mini_mask: np.ndarray, image_shape) -> np.ndarray:
    """Paste mini masks `[h, w, N]` into their boxes `[N, 4]`: bool `[H, W, N]`."""
    return _paste(np.moveaxis(mini_mask, -1, 0), bbox, image_shape, np.greater, np.float64)


def paste_masks(masks: np.ndarray, boxes: np.ndarray, image_shape) -> np.ndarray:
    """Resize predicted masks to their boxes and paste them into the image: bool `[H, W, N]`.

    Arguments:
        masks: float `[N, h, w]`, probabilities.
        boxes: int `[N, 4]` in pixels; what lies outside the image is cut off.
        image_shape: (height, width, ...).

    Only the pixels of each box are computed. The array lies instance by instance in memory.
    """
    return _paste(masks, boxes, image_shape, np.greater_equal, np.float32)


def unmold_mask(mask: np.ndarray, bbox, image_shape) -> np.ndarray:
    """Paste one predicted mask, float `[h, w]`, into its box: bool `[H, W]`; see `paste_masks`."""
    return paste_masks(np.asarray(mask)[None], np.asarray(bbox)[None], image_shape)[..., 0]


def _paste(masks, boxes, image_shape, compare, dtype):
    height, width = image_shape[:2]
    pasted = np.zeros((len(masks), height, width), bool)
    for mask, box, target in zip(masks, np.asarray(boxes).astype(int), pasted, strict=True):
        y1, x1, y2, x2 = box.tolist()
        top, bottom = max(y1, 0), min(y2, height)
        left, right = max(x1, 0), min(x2, width)
        if top >= bottom or left >= right:
            continue
        down = _linear_weights(y2 - y1, mask.shape[0], top - y1, bottom - y1).astype(dtype)
        across = _linear_weights(x2 - x1, mask.shape[1], left - x1, right - x1).astype(dtype)
        values = weighted_sum(down, mask.astype(dtype), across)
        compare(values, MASK_THRESHOLD, out=target[top:bottom, left:right])
    return np.moveaxis(pasted, 0, -1)


def overlaps_masks(masks1: np.ndarray, masks2: np.ndarray) -> np.ndarray:
    """Return the intersection over union of every pair, float32 `[N, M]`.

    Arguments:
        masks1: `[H, W, N]`, bool, or numbers that count as mask above 0.5.
        masks2: `[H, W, M]`.

    Two empty masks overlap by 0, never by NaN.
    """
    overlaps = np.zeros((masks1.shape[-1], masks2.shape[-1]), np.float32)
    first, second = _cut_out(masks1), _cut_out(masks2)
    for row, (box1, patch1, area1) in enumerate(first):
        for column, (box2, patch2, area2) in enumerate(second):
            y1, x1 = np.maximum(box1[:2], box2[:2])
            y2, x2 = np.minimum(box1[2:], box2[2:])
            if y1 >= y2 or x1 >= x2:
                continue
            here = [
                patch[y1 - box[0] : y2 - box[0], x1 - box[1] : x2 - box[1]]
                for box, patch in ((box1, patch1), (box2, patch2))
            ]
            intersection = np.count_nonzero(here[0] & here[1])
            overlaps[row, column] = intersection / (area1 + area2 - intersection)
    return overlaps


def _cut_out(masks):
    """Return (box, the mask inside it, its area) of each of the masks `[H, W, N]`."""
    masks = masks if masks.dtype == bool else masks > MASK_THRESHOLD
    boxes = extract_bboxes(masks)
    patches = [
        np.ascontiguousarray(masks[y1:y2, x1:x2, index])
        for index, (y1, x1, y2, x2) in enumerate(boxes)
    ]
    return [
        (box, patch, np.count_nonzero(patch)) for box, patch in zip(boxes, patches, strict=True)
    ]


def mask_to_polygons(mask: np.ndarray) -> list[np.ndarray]:
    """Return the outlines of a mask `[H, W]`: one float polygon `[n, 2]` (x, y) a connected part.

    They run along the pixels' edges, so that their area is the mask's and `polygons_to_mask`
    gives the same mask back. Pixels that touch at a corner are connected. A hole is cut out by
    a slit: the polygon goes to the hole, round it and back the same way.
    """
    mask = np.asarray(mask) > MASK_THRESHOLD
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return []
    origin = np.array([columns[0], rows[0]], np.float64)
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # OpenCV's contours join pixel centres. On a grid twice as fine, where each pixel covers its
    # centre, edges and corners, they join the corners.
    fine = np.zeros((2 * mask.shape[0] + 1, 2 * mask.shape[1] + 1), np.uint8)
    for dy in range(3):
        for dx in range(3):
            corner = fine[dy : dy + 2 * mask.shape[0] : 2, dx : dx + 2 * mask.shape[1] : 2]
            np.maximum(corner, mask, out=corner)
    contours, hierarchy = cv2.findContours(fine, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = [_square_corners(contour[:, 0]) for contour in contours]
    polygons = {}
    for index, (*_, parent) in enumerate(hierarchy[0]):
        if parent < 0:
            polygons[index] = rings[index]
    for index, (*_, parent) in enumerate(hierarchy[0]):
        if parent >= 0:
            polygons[parent] = _join_hole(polygons[parent], rings[index])
    return [polygon / 2.0 + origin for polygon in polygons.values()]


def _square_corners(ring):
    """Give an 8-connected ring of the fine grid its inner corners back and keep only corners."""
    after = np.roll(ring, -1, axis=0)
    diagonal = (ring != after).all(axis=1)
    # The contour cuts an inner corner by a diagonal step; corners of pixels have even coordinates.
    aside = np.stack([ring[:, 0], after[:, 1]], axis=1)
    other = np.stack([after[:, 0], ring[:, 1]], axis=1)
    cut = np.where((aside % 2 == 0).all(axis=1, keepdims=True), aside, other)
    points = np.stack([ring, cut], axis=1).reshape(-1, 2)
    points = points[np.stack([np.ones_like(diagonal), diagonal], axis=1).ravel()]
    before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    return points[(before != after).all(axis=1)]


def _join_hole(outer, hole):
    """Insert the ring `hole` into `outer` where two of their corners are close."""
    distance = np.abs(outer[:, None] - hole[None, :1]).sum(axis=2)[:, 0]
    at = int(distance.argmin())
    there = int(np.abs(hole - outer[at]).sum(axis=1).argmin())
    round_trip = np.concatenate([hole[there:], hole[: there + 1]])
    return np.concatenate([outer[: at + 1], round_trip, outer[at:]])


def polygons_to_mask(polygons, shape) -> np.ndarray:
    """Return the bool mask `[H, W]` of the pixels whose centre lies in one of the polygons.

    Arguments:
        polygons: a list of `[n, 2]` (x, y) points in pixels of the mask; scale them to the
            size that is needed. Parts outside the mask are cut off. Where a polygon crosses
            itself, all that it goes round is inside, as VIA and browsers fill it.
        shape: (height, width, ...).

    Raises ValueError for points that are not `[n, 2]` finite numbers.
    """
    height, width = shape[:2]
    mask = np.zeros((height, width), bool)
    for polygon in polygons:
        points = np.asarray(polygon, np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise ValueError(f"a polygon must be [n, 2] finite numbers (x, y), not {polygon!r:.80}")
        _fill(mask, points)
    return mask


def _fill(mask, points):
    """Set the pixels of `mask` whose centre has a winding number other than zero."""
    height, width = mask.shape
    # Every edge is taken from its upper end: polygons that share an edge share its rounding too.
    after = np.roll(points, -1, axis=0)
    downward = (after[:, 1] > points[:, 1])[:, None]
    (x1, y1), (x2, y2) = np.where(downward, points, after).T, np.where(downward, after, points).T
    # 1. The rows whose centre line each edge crosses: the upper end counts, the lower does not.
    first = np.clip(np.ceil(y1 - 0.5), 0, height).astype(int)
    count = np.clip(np.ceil(y2 - 0.5), 0, height).astype(int) - first
    if not count.any():
        return
    # 2. One entry a crossing: its row and the first column with the centre to its right.
    edge = np.repeat(np.arange(len(points)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    along = (row + 0.5 - y1[edge]) / (y2 - y1)[edge]
    cross = x1[edge] + along * (x2 - x1)[edge]
    column = np.clip(np.ceil(cross - 0.5), 0, width).astype(int)
    # 3. Sum the directions from the left, inside the box of the crossings alone.
    top, left = row.min(), column.min()
    rows, columns = row.max() + 1 - top, column.max() + 1 - left
    turns = np.bincount(
        (row - top) * columns + column - left,
        np.where(downward[:, 0], 1, -1)[edge],
        minlength=rows * columns,
    ).reshape(rows, columns)
    inside = np.cumsum(turns, axis=1)[:, :-1] != 0
    mask[top : top + rows, left : left + columns - 1] |= inside


def encode_rle(mask: np.ndarray) -> dict:
    """Return a mask `[H, W]` as COCO's uncompressed run lengths, ready for JSON.

    `{"size": [H, W], "counts": [...]}`: column by column, background first, the lengths of the
    runs of background and mask in turn.
    """
    height, width = mask.shape
    flat = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(np.diff(flat, prepend=False)) if flat.size else np.zeros(0, int)
    counts = np.diff(np.concatenate([[0], changes, [flat.size]]))
    return {"size": [height, width], "counts": counts.tolist()}


def decode_rle(rle: dict) -> np.ndarray:
    """Return the bool mask `[H, W]` of COCO's uncompressed run lengths; undoes `encode_rle`.

    Raises ValueError where the runs do not fill the size.
    """
    height, width = rle["size"]
    counts = np.asarray(rle["counts"], np.int64)
    if (counts < 0).any() or counts.sum() != height * width:
        raise ValueError(
            f"run lengths of a mask {height} x {width} must be positive and sum to "
            f"{height * width}, not {counts.sum()}"
        )
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape((height, width), order="F")
