"""Instance masks: cut to their box, pasted back and compared.

Many masks are one bool array `[H, W, N]`, the instance last; boxes are `(y1, x1, y2, x2)` in
pixels, the end outside. Where that array would be large they are pieces: N bool arrays `[h, w]`,
each with its window, a box inside the image that the piece fills; elsewhere there is no mask.
"""

import cv2
import numpy as np

# A probability from here on is mask. Rounding, which the mini masks do, sends a tie to background.
MASK_THRESHOLD = 0.5
# (height, width) of the mini masks that targets are cut from, by default.
MINI_MASK_SHAPE = (56, 56)


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


def _linear_weights(
    target: int, source: int, start: int = 0, stop: int | None = None, cut_from: int | None = None
):
    """Return the weights `[stop - start, source]` of bilinear resizing to rows start..stop.

    Pixel centres lie on halves, and beyond the first and last centre the image fades to zero.
    With `cut_from` the rows of the source are where training takes those of a target from: evenly
    from the first to the last of so many rows (`crop_and_resize`). Beyond them they stay.
    """
    centres = (np.arange(start, target if stop is None else stop) + 0.5) / target
    position = centres * source - 0.5
    if cut_from is not None:
        row = centres * cut_from - 0.5
        position = np.clip(row * (source - 1) / max(cut_from - 1, 1), 0, source - 1)
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
        down, across = map(_linear_weights, mini_shape, patch.shape)
        # Without anti-aliasing a large mask is only looked at here and there.
        rows, columns = (np.flatnonzero(weights.any(axis=0)) for weights in (down, across))
        seen = patch[np.ix_(rows, columns)].astype(bool).astype(np.float64)
        values = weighted_sum(down[:, rows], seen, across[:, columns])
        mini[..., index] = values > MASK_THRESHOLD
    return mini


def expand_mask(bbox: np.ndarray, mini_mask: np.ndarray, image_shape) -> np.ndarray:
    """Paste mini masks `[h, w, N]` into their boxes `[N, 4]`: bool `[H, W, N]`."""
    pieces = _paste(np.moveaxis(mini_mask, -1, 0), bbox, image_shape, np.greater, np.float64)
    return place_pieces(pieces, windows_of(bbox, image_shape), image_shape)


def paste_masks(masks: np.ndarray, boxes: np.ndarray, image_shape) -> np.ndarray:
    """Resize predicted masks to their boxes and paste them into the image: bool `[H, W, N]`."""
    pieces = paste_pieces(masks, boxes, image_shape)
    return place_pieces(pieces, windows_of(boxes, image_shape), image_shape)


def paste_pieces(
    masks: np.ndarray, boxes: np.ndarray, image_shape, cut_from: np.ndarray | None = None
) -> list[np.ndarray]:
    """Resize predicted masks to their boxes: the pieces of the image that `windows_of` tells.

    Arguments:
        masks: float `[N, h, w]`, probabilities.
        boxes: int `[N, 4]` in pixels; what lies outside the image is cut off.
        image_shape: (height, width, ...).
        cut_from: int `[2]` or `[N, 2]`, rows and columns of the objects' masks that the network's
            targets were cut from. None lays the outermost probabilities half a cell inside the box
            and lets them fall to half at its edge, as the older package does, which loses an
            object's last pixels.
    """
    return _paste(masks, boxes, image_shape, np.greater_equal, np.float32, cut_from)


def unmold_mask(mask: np.ndarray, bbox, image_shape) -> np.ndarray:
    """Paste one predicted mask, float `[h, w]`, into its box: bool `[H, W]`; see `paste_masks`."""
    return paste_masks(np.asarray(mask)[None], np.asarray(bbox)[None], image_shape)[..., 0]


def _paste(masks, boxes, image_shape, compare, dtype, cut_from=None):
    pieces = []
    boxes, windows = np.asarray(boxes).astype(int), windows_of(boxes, image_shape)
    sources = np.broadcast_to([None, None] if cut_from is None else cut_from, (len(boxes), 2))
    for mask, *places, (rows, columns) in zip(masks, boxes, windows, sources, strict=True):
        (y1, x1, y2, x2), (top, left, bottom, right) = (place.tolist() for place in places)
        if top >= bottom or left >= right:
            pieces.append(np.zeros((bottom - top, right - left), bool))
            continue
        down = _linear_weights(y2 - y1, mask.shape[0], top - y1, bottom - y1, rows)
        across = _linear_weights(x2 - x1, mask.shape[1], left - x1, right - x1, columns)
        values = weighted_sum(down.astype(dtype), mask.astype(dtype), across.astype(dtype))
        pieces.append(compare(values, MASK_THRESHOLD))
    return pieces


def windows_of(boxes: np.ndarray, image_shape) -> np.ndarray:
    """Return boxes `[N, 4]` cut off at the image's rim, int; those outside have no area."""
    height, width = image_shape[:2]
    windows = np.clip(np.asarray(boxes).astype(int), 0, [height, width, height, width])
    windows[:, 2:] = np.maximum(windows[:, :2], windows[:, 2:])
    return windows


def place_pieces(pieces, windows: np.ndarray, image_shape) -> np.ndarray:
    """Return the masks bool `[H, W, N]` of pieces; undoes `cut_out`."""
    placed = np.zeros((len(pieces), *image_shape[:2]), bool)
    for target, piece, (y1, x1, y2, x2) in zip(placed, pieces, windows.tolist(), strict=True):
        target[y1:y2, x1:x2] = piece
    return np.moveaxis(placed, 0, -1)


def cut_out(masks: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the windows int32 `[N, 4]` and the pieces of masks `[H, W, N]`, as tight as can be.

    Masks that are not bool count from above 0.5 on.
    """
    masks = masks if masks.dtype == bool else masks > MASK_THRESHOLD
    windows = extract_bboxes(masks)
    pieces = [
        np.ascontiguousarray(masks[y1:y2, x1:x2, index])
        for index, (y1, x1, y2, x2) in enumerate(windows)
    ]
    return windows, pieces


def areas(pieces) -> np.ndarray:
    """Return the pixels that are mask, int `[N]`."""
    return np.array([np.count_nonzero(piece) for piece in pieces], int)


def shared_pixels(windows1, pieces1, windows2, pieces2) -> np.ndarray:
    """Return how many pixels each of N pieces shares with each of M others, int `[N, M]`.

    Windows are int `[N, 4]` and `[M, 4]` in the pixels of one image, which need not hold them.
    """
    shared = np.zeros((len(pieces1), len(pieces2)), int)
    if not shared.size:
        return shared
    starts = np.maximum(windows1[:, None, :2], windows2[None, :, :2])
    ends = np.minimum(windows1[:, None, 2:], windows2[None, :, 2:])
    for row, column in np.argwhere((starts < ends).all(axis=-1)):
        (y1, x1), (y2, x2) = starts[row, column], ends[row, column]
        (top1, left1), (top2, left2) = windows1[row, :2], windows2[column, :2]
        first = pieces1[row][y1 - top1 : y2 - top1, x1 - left1 : x2 - left1]
        second = pieces2[column][y1 - top2 : y2 - top2, x1 - left2 : x2 - left2]
        shared[row, column] = np.count_nonzero(first & second)
    return shared


def piece_overlaps(windows1, pieces1, windows2, pieces2) -> np.ndarray:
    """Return the intersection over union of every pair, float64 `[N, M]`; of two empty masks 0."""
    shared = shared_pixels(windows1, pieces1, windows2, pieces2)
    return shared / np.maximum(areas(pieces1)[:, None] + areas(pieces2) - shared, 1)


def overlaps_masks(masks1: np.ndarray, masks2: np.ndarray) -> np.ndarray:
    """Return the `piece_overlaps` of masks `[H, W, N]` and `[H, W, M]`, float32 `[N, M]`."""
    return piece_overlaps(*cut_out(masks1), *cut_out(masks2)).astype(np.float32)
