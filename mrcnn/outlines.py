"""Masks as polygons and as run lengths, and back.

A mask is bool `[H, W]`, or a piece of one: what fills a window of the image. Points are `(x, y)`
and continuous: pixel (row, column) is the square from (column, row) to (column + 1, row + 1), so a
polygon along the pixels' edges has their area.
"""

import cv2
import numpy as np

from mrcnn.masks import MASK_THRESHOLD

# How far simple outlines may leave the exact ones, where the overlap allows it: a share of the
# object's side, from there down to pixels.
SIMPLER, FINEST_PX = 0.005, 0.25
# A part of more rings is noise, which gets no simpler but slower.
MOST_RINGS = 100


def mask_to_polygons(mask: np.ndarray, corner=(0, 0)) -> list[np.ndarray]:
    """Return the outlines of a mask `[H, W]`: one float polygon `[n, 2]` (x, y) a connected part.

    `corner` is the image's (row, column) where a piece begins.

    They run along the pixels' edges, so that their area is the mask's and `polygons_to_mask`
    gives the same mask back. Pixels that touch at a corner are connected. A hole is cut out by
    a slit: the polygon goes to the hole, round it and back the same way.
    """
    parts, origin = _parts(mask, corner)
    return [_cut_out(list(map(_square_corners, rings))) / 2 + origin for rings in parts]


def simple_polygons(
    mask: np.ndarray, corner=(0, 0), overlap: float = 0.99, tolerance: float | None = None
) -> list[np.ndarray]:
    """Return `mask_to_polygons` with few points.

    They leave the line through the middles of the pixels' edges, or that along the edges, by no
    more than `tolerance` pixels; by default it grows with the object, for a person to correct. The
    intersection over union of each polygon's pixels and its part's is above `overlap`, and so is
    that of all.
    """
    parts, origin = _parts(mask, corner)
    return [_simple(rings, overlap, tolerance) + origin for rings in parts]


def rings(mask: np.ndarray, tolerance: float = 0.75) -> list[np.ndarray]:
    """Return all outlines of a mask `[H, W]`, those of its holes too, for drawing.

    Each is a float ring `[n, 2]` (x, y), `tolerance` pixels off at most beside what a staircase is.
    """
    parts, origin = _parts(mask, (0, 0))
    return [
        _thinned(_edge_middles(ring), 2 * tolerance) / 2 + origin for part in parts for ring in part
    ]


def _parts(mask, corner):
    """Return the rings of each connected part, its outer one first, and where they begin (x, y).

    Rings are int `[n, 2]` (x, y), every point of the way along the pixels' edges, on a grid twice
    as fine as the pixels' and 8-connected.
    """
    mask = np.asarray(mask) > MASK_THRESHOLD
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return [], None
    origin = np.array([columns[0] + corner[1], rows[0] + corner[0]], np.float64)
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # OpenCV's contours join pixel centres. On a grid twice as fine, where each pixel covers its
    # centre, edges and corners, they join the corners.
    fine = np.zeros((2 * mask.shape[0] + 1, 2 * mask.shape[1] + 1), np.uint8)
    for dy in range(3):
        for dx in range(3):
            corner = fine[dy : dy + 2 * mask.shape[0] : 2, dx : dx + 2 * mask.shape[1] : 2]
            np.maximum(corner, mask, out=corner)
    contours, hierarchy = cv2.findContours(fine, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parents = hierarchy[0, :, 3]
    parts = {index: [contours[index][:, 0]] for index in np.flatnonzero(parents < 0)}
    for index in np.flatnonzero(parents >= 0):
        parts[parents[index]].append(contours[index][:, 0])
    return list(parts.values()), origin


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


def _edge_middles(ring):
    """Keep of a ring of the fine grid the middles of pixel edges: less of a staircase."""
    return ring[ring.sum(axis=1) % 2 == 1]


def _cut_out(rings):
    """Join the rings of a part to one; None where a hole's leftmost point is not within.

    A slit goes from there straight to the left, to the nearest edge. What is further left is
    joined before, so that no slit crosses anything.
    """
    outer, *holes = rings
    for hole in sorted(holes, key=lambda ring: ring[:, 0].min()):
        hole = np.roll(hole, -hole[:, 0].argmin(), axis=0)
        (x, y), (x1, y1), (x2, y2) = hole[0], outer.T, np.roll(outer, -1, axis=0).T
        meets = (y1 != y2) & (np.minimum(y1, y2) <= y) & (y <= np.maximum(y1, y2))
        cross = np.full(len(outer), -np.inf)
        cross[meets] = (x1 + (y - y1) / np.where(meets, y2 - y1, 1) * (x2 - x1))[meets]
        cross[cross > x] = -np.inf
        at = cross.argmax()
        if cross[at] == -np.inf:
            return None
        gate = [[cross[at], y]]
        outer = np.concatenate([outer[: at + 1], gate, hole, hole[:1], gate, outer[at + 1 :]])
    return outer[(outer != np.roll(outer, 1, axis=0)).any(axis=1)]


def _simple(rings, overlap, coarsest=None):
    """Return the polygon of a part's rings with the fewest points that `overlap` allows."""
    corner = rings[0].min(axis=0)
    kinds = [[keep(ring - corner) for ring in rings] for keep in (_square_corners, _edge_middles)]
    exact = _cut_out(kinds[0]) / 2
    shape = exact.max(axis=0).astype(int)[::-1]
    wanted = polygons_to_mask([exact], shape)
    coarsest = coarsest or max(1.0, SIMPLER * np.sqrt(np.count_nonzero(wanted)))
    polygons = [exact]
    for kind in kinds if len(rings) <= MOST_RINGS else ():
        tolerance = coarsest
        while tolerance > FINEST_PX:
            polygon = _cut_out([_thinned(ring, 2 * tolerance) for ring in kind])
            if polygon is not None:
                mask = polygons_to_mask([polygon / 2], shape)
                if np.count_nonzero(mask & wanted) > overlap * np.count_nonzero(mask | wanted):
                    polygons.append(polygon / 2)
                    break
            tolerance /= np.sqrt(2)
    return min(polygons, key=len) + corner / 2


def _thinned(ring, tolerance):
    thin = cv2.approxPolyDP(ring[:, None], tolerance, closed=True)[:, 0]
    return thin if len(thin) >= 3 else ring


def polygons_to_mask(polygons, shape) -> np.ndarray:
    """Return the bool mask `[H, W]` of the pixels whose centre lies in one of the polygons.

    `polygons` are `[n, 2]` (x, y) points in pixels of the mask. Parts outside it are cut off. Where
    a polygon crosses itself, all that it goes round is inside, as VIA and browsers fill it.

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


def encode_rle(mask: np.ndarray, corner=(0, 0), shape=None) -> dict:
    """Return a mask `[H, W]` as COCO's uncompressed run lengths, ready for JSON.

    `{"size": [H, W], "counts": [...]}`: column by column, background first, the lengths of the
    runs of background and mask in turn; of a piece with `corner` and the image's `shape`, those of
    the whole mask.
    """
    height, width = mask.shape if shape is None else shape
    steps = np.diff(np.asarray(mask, np.int8).T, prepend=0, append=0)
    column, row = np.nonzero(steps)
    changes = (corner[1] + column) * height + corner[0] + row
    # Where a run goes on in the next column, it does not end.
    ends, starts = changes[1:-1:2], changes[2::2]
    apart = np.repeat(ends != starts, 2)
    changes = np.concatenate([changes[:1], changes[1:-1][apart], changes[-1:]])
    changes = changes[changes < height * width]
    counts = np.diff(np.concatenate([[0], changes, [height * width]]))
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
