"""Faults of the regions of one image that only the image's size brings to light."""

from typing import NamedTuple

import numpy as np

from mrcnn.annotation.records import REPEATED, AnnotatedImage, Region
from mrcnn.annotation.shapes import bounds, crossing, region_mask
from mrcnn.boxes import overlaps

# VIA rounds, and clicks at the rim land on it: so far out is still inside.
RIM_PX = 1.0
# An outline that sticks out this share of a side is no slip of the mouse.
FAR_OUT = 0.02
# Regions that overlap by this share of what both cover show one object.
SAME = 0.85
# Of the regions whose boxes overlap so much, the nearest are compared pixel by pixel.
CANDIDATES = 3


class RegionFault(NamedTuple):
    """What is wrong with a region (None: with the image as a whole), and at which (x, y)."""

    region: int | None
    kind: str  # as in `report.ERRORS`
    reason: str
    place: tuple[float, float] | None = None


class RegionSize(NamedTuple):
    """A usable region as it is on the image."""

    label: str
    area: int  # pixels of the mask
    box: tuple[int, int]  # (height, width) in pixels of the mask's box
    corner: tuple[int, int] = (0, 0)  # (row, column) where that box begins


def measure(
    annotated: AnnotatedImage, height: int, width: int
) -> tuple[list[RegionSize], list[RegionFault]]:
    """Return the sizes of the regions on an image of `height` x `width`, and their faults."""
    fault = _other_size(annotated, height, width)
    if fault is not None:
        return [], [fault]
    sizes, faults, placed = [], [], []
    for region in annotated.regions:
        y1, x1, y2, x2 = bounds(region)
        where = f"x {x1:.0f} to {x2:.0f}, y {y1:.0f} to {y2:.0f} of {width} x {height}"
        if x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
            faults.append(RegionFault(region.number, "outside", f"outside the image: {where}"))
            continue
        if min(x1, y1) < -RIM_PX or x2 > width + RIM_PX or y2 > height + RIM_PX:
            faults.append(RegionFault(region.number, "clipped", f"cut at the rim: {where}"))
        place = next(filter(None, map(crossing, region.outlines)), None)
        if place:
            reason = "its outline crosses itself"
            faults.append(RegionFault(region.number, "self-crossing", reason, place))
        size = _size(region, height, width)
        if size is None:
            reason = f"covers no pixel: {where}"
            faults.append(RegionFault(region.number, "zero area", reason))
        else:
            sizes.append(size)
            if not region.crowd:
                placed.append((region, size))
    return sizes, [*faults, *_drawn_twice(placed, height, width)]


def _size(region: Region, height, width):
    mask = region_mask(region, (height, width))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    box = int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
    corner = int(rows[0]), int(columns[0])
    return RegionSize(region.label, int(np.count_nonzero(mask)), box, corner)


def _drawn_twice(placed, height, width):
    """Yield a fault for each region that covers the same as one before it."""
    boxes = np.array([[*size.corner, *np.add(size.corner, size.box)] for _, size in placed], float)
    for index, (region, size) in enumerate(placed[1:], 1):
        near = overlaps(boxes[index : index + 1], boxes[:index])[0]
        for other in near.argsort()[::-1][:CANDIDATES]:
            if near[other] < SAME:
                break
            first, first_size = placed[other]
            masks = [region_mask(each, (height, width)) for each in (region, first)]
            both = np.count_nonzero(masks[0] & masks[1])
            if both >= SAME * (size.area + first_size.area - both):
                like = "" if first.label == region.label else f", there as {first.label!r}"
                reason = f"covers the same as region {first.number}{like}: was it drawn twice?"
                yield RegionFault(region.number, REPEATED, reason)
                break


def _other_size(annotated, height, width):
    """Return the fault of regions that were drawn on the image at another size or turned."""
    turned = "turned by a quarter: it was annotated without its EXIF orientation, or turned since"
    told = annotated.size
    if told is not None and told != (height, width):
        here = f"the file says {told[1]} x {told[0]}, the image is {width} x {height}"
        if told == (width, height):
            return RegionFault(None, "swapped", f"{here}: {turned}")
        return RegionFault(None, "other size", f"{here}: it was resized after it was annotated")
    boxes = [bounds(region) for region in annotated.regions if region.outlines]
    if not boxes or height == width:
        return None
    far_y, far_x = max(box[2] for box in boxes), max(box[3] for box in boxes)
    sticks_out = far_x > width * (1 + FAR_OUT) or far_y > height * (1 + FAR_OUT)
    if sticks_out and far_x <= height + RIM_PX and far_y <= width + RIM_PX:
        reason = (
            f"its regions reach to x {far_x:.0f}, y {far_y:.0f}, and fit the image "
            f"({width} x {height}) only {turned}"
        )
        return RegionFault(None, "swapped", reason)
    return None
