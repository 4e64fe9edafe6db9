"""Masks as polygons, and as the regions of VGG Image Annotator 2."""

import cv2
import numpy as np

from mrcnn.results.via_project import ATTRIBUTE

TOLERANCE_PX = 0.8
SMALLEST_PART = 0.03  # of the visible area: smaller splinters are left out
LABEL = "AC Remote"


def mask_to_polygon(mask):
    """Return the outline int `[n, 2]` (x, y) of a bool mask, or None for an empty one.

    VIA has one polygon to a region. Where something thin in front splits the object, its parts
    are joined by bridges 3 px wide across the gap, so that one object stays one region; splinters
    are dropped and holes are filled, as one would when annotating by hand.
    """
    mask = mask.astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if count < 2 or areas.max() < 12:
        return None
    order = np.argsort(-areas)
    kept = [i + 1 for i in order if areas[i] >= max(SMALLEST_PART * areas.sum(), 12)]
    joined = (labels == kept[0]).astype(np.uint8)
    for part in kept[1:]:
        piece = (labels == part).astype(np.uint8)
        start, end = _closest(joined, piece)
        cv2.line(joined, start, end, 1, 3)
        joined |= piece
    contours, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    for tolerance in (TOLERANCE_PX, 0.4):
        polygon = cv2.approxPolyDP(contour, tolerance, True)[:, 0]
        if len(polygon) >= 3 and is_simple(polygon):
            return polygon
    # One pixel wide necks make the outline touch itself: an opening removes them.
    opened = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return mask_to_polygon(opened) if 0 < opened.sum() < joined.sum() else None


def _closest(first, second):
    """Return the nearest pixels (x, y) of two masks."""
    distance = cv2.distanceTransform(1 - first, cv2.DIST_L2, 5)
    distance[second == 0] = np.inf
    end = np.unravel_index(np.argmin(distance), distance.shape)
    points = np.argwhere(first)
    start = points[np.argmin(((points - end) ** 2).sum(1))]
    return (int(start[1]), int(start[0])), (int(end[1]), int(end[0]))


def is_simple(polygon):
    """Return whether no two edges of the polygon `[n, 2]` cross or touch."""
    start, end = polygon.astype(float), np.roll(polygon, -1, 0).astype(float)

    def side(a, b, c):
        return np.sign(
            (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1])
            - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])
        )

    a, b, c, d = start[:, None], end[:, None], start[None], end[None]
    meet = (side(a, b, c) * side(a, b, d) <= 0) & (side(c, d, a) * side(c, d, b) <= 0)
    # Edges in one line meet only where they overlap.
    low1, high1 = np.minimum(a, b), np.maximum(a, b)
    low2, high2 = np.minimum(c, d), np.maximum(c, d)
    meet &= ((low1 <= high2) & (low2 <= high1)).all(-1)
    index = np.arange(len(polygon))
    gap = np.abs(index[:, None] - index[None])
    meet[(gap <= 1) | (gap == len(polygon) - 1)] = False
    return not meet.any() and len(np.unique(polygon, axis=0)) == len(polygon)


def via_regions(polygons):
    """Return VIA's regions of the polygons `[n, 2]` (x, y) of one image."""
    regions = []
    for polygon in polygons:
        xs, ys = polygon.T.tolist()
        shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
        regions.append({"shape_attributes": shape, "region_attributes": {ATTRIBUTE: LABEL}})
    return regions
