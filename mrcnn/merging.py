"""What was found in several views of a photo becomes one result: each object once, in one piece.

Greedy merging by the intersection over the smaller area, of masks. Objects that a view shows whole
come first, those of tiles before those of the whole photo, by falling score. Pieces that the
border of their tile cuts are joined where they agree on what both tiles show. What the objects so
far cover by half or more adds nothing; what lies by half or more in a larger and surer one, or was
cut, becomes part of it. Two detections of one view are never taken for one object: the network said
that they are two.

Pairs are looked for in a grid, and masks stay pieces, so that time and memory grow with what there
is to see and not with its square, nor with objects times the photo.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from mrcnn.detections import BELOW, Detections
from mrcnn.masks import shared_pixels
from mrcnn.tiles import View

# The share of the smaller one of two that both must cover.
SAME = 0.5
# Two pieces of an object share so much of the smaller one at the least: a thin leak of one mask
# over the border of another does not join them.
LEAST_SHARED = 0.05
# A detection less sure than this share of another one's score changes nothing in it: with a low
# threshold there is one around, or across, most objects.
AS_SURE = 0.5
# Joined pieces that cover less of what the whole photo shows are not all of the object.
COMPLETE = 0.8
# A box ends at the border of its tile where it is this close: a share of the tile, of the box.
NEAR_TILE, NEAR_BOX = 0.01, 0.1
# Cells of the grid to a side of the smallest view.
CELLS = 4


class _Object:
    """An object, as far as it is known."""

    def __init__(self, class_id, score, roi, window, piece, view, cut, rank):
        self.class_id, self.score = class_id, score
        self.roi, self.window, self.piece = roi, window, piece
        self.views, self.cut, self.rank = {view}, cut, rank
        self.area = np.count_nonzero(piece)

    def join(self, others):
        """Take in the masks, boxes and best scores of others."""
        every = [self, *others]
        self.score = max(each.score for each in every)
        self.roi, window = (_around([getattr(each, name) for each in every]) for name in BOXES)
        piece = np.zeros(window[2:] - window[:2], bool)
        for each in every:
            y1, x1, y2, x2 = (each.window - window[[0, 1, 0, 1]]).tolist()
            piece[y1:y2, x1:x2] |= each.piece
            self.views |= each.views
        self.window, self.piece, self.area = window, piece, np.count_nonzero(piece)

    def area_in(self, box) -> int:
        """Return the pixels of it that lie in a box."""
        top, left = self.window[:2].tolist()
        y1, x1, y2, x2 = box
        rows = slice(max(0, y1 - top), max(0, y2 - top))
        return np.count_nonzero(self.piece[rows, max(0, x1 - left) : max(0, x2 - left)])


BOXES = ("roi", "window")


class _Grid:
    """Objects by the cells that their windows touch."""

    def __init__(self, cell: int):
        self.cell, self.cells = cell, defaultdict(dict)

    def _touched(self, window):
        y1, x1, y2, x2 = window.tolist()
        for row in range(y1 // self.cell, (y2 - 1) // self.cell + 1):
            for column in range(x1 // self.cell, (x2 - 1) // self.cell + 1):
                yield row, column

    def add(self, each: _Object):
        for place in self._touched(each.window):
            self.cells[place][id(each)] = each

    def remove(self, each: _Object):
        for place in self._touched(each.window):
            self.cells[place].pop(id(each), None)

    def near(self, each: _Object) -> list[_Object]:
        """Return those of its class whose windows may share pixels with it, itself left out."""
        found = {}
        for place in self._touched(each.window):
            if place in self.cells:
                found |= self.cells[place]
        y1, x1, y2, x2 = each.window.tolist()
        return [
            other
            for other in found.values()
            if other is not each
            and other.class_id == each.class_id
            and other.window[0] < y2
            and other.window[1] < x2
            and other.window[2] > y1
            and other.window[3] > x1
        ]


def merge(shape: tuple[int, int], found: Sequence[tuple[View, Detections]]) -> Detections:
    """Return one `Detections` of a photo of `shape` (height, width).

    `found` is what was found in each view, in the photo's pixels, as `View.place` returns it.
    """
    objects = [each for index in range(len(found)) for each in _objects(*found[index], index)]
    boxes = [view.box for view, _ in found]
    sides = [max(y2 - y1, x2 - x1) for y1, x1, y2, x2 in boxes]
    cell = max(1, min(sides, default=1) // CELLS)
    whole = [each for each in objects if not each.cut]
    accepted = _Accepted(cell)
    for each in sorted((each for each in whole if each.rank == 0), key=_order):
        accepted.offer(each)
    for each in _joined([each for each in objects if each.cut], boxes, cell):
        accepted.offer(each)
    for each in sorted((each for each in whole if each.rank), key=_order):
        accepted.offer(each)

    kept = sorted(accepted.objects.values(), key=_order)
    below = sorted((entry for _, each in found for entry in each.below), reverse=True)[:BELOW]
    rois, windows = (
        np.array([getattr(each, name) for each in kept], np.int32).reshape(-1, 4) for name in BOXES
    )
    return Detections(
        (int(shape[0]), int(shape[1])),
        rois,
        np.array([each.class_id for each in kept], np.int32),
        np.array([each.score for each in kept], np.float32),
        [each.piece for each in kept],
        tuple(below),
        windows,
    )


def _order(each):
    return -each.score, *each.roi.tolist()


def _around(boxes):
    """Return the smallest box around boxes."""
    stacked = np.stack(boxes)
    return np.concatenate([stacked[:, :2].min(axis=0), stacked[:, 2:].max(axis=0)])


def _objects(view, found, index):
    """Yield the objects of a view; those without a pixel are left out."""
    shape = found.shape
    box = np.array(view.box)
    inner = np.array([box[0] > 0, box[1] > 0, box[2] < shape[0], box[3] < shape[1]])
    sides = np.tile(box[2:] - box[:2], 2)
    for row in range(len(found)):
        roi, piece = found.rois[row], found.pieces[row]
        near = np.maximum(NEAR_TILE * sides, NEAR_BOX * np.tile(roi[2:] - roi[:2], 2))
        cut = bool((inner & (np.abs(roi - box) <= near)).any())
        window, class_id = found.windows[row], int(found.class_ids[row])
        score, rank = float(found.scores[row]), int(view.whole)
        each = _Object(class_id, score, roi, window, piece, index, cut, rank)
        if each.area:
            yield each


def _joined(pieces, boxes, cell):
    """Yield the objects that pieces cut by the borders of their tiles make, the best first."""
    grid = _Grid(cell)
    for each in pieces:
        grid.add(each)
    for seed in sorted(pieces, key=_order):
        if seed.piece is None:
            continue
        grid.remove(seed)
        members = [seed]
        for member in members:
            for other in grid.near(member):
                apart = not other.views & member.views
                if apart and _comparable(member, other) and _agree(member, other, boxes):
                    grid.remove(other)
                    members.append(other)
        if members[1:]:
            seed.join(members[1:])
        for other in members[1:]:
            other.piece = None
        yield seed


def _comparable(one, other):
    return min(one.score, other.score) >= AS_SURE * max(one.score, other.score)


def _agree(one, other, boxes):
    """Tell whether two cut pieces are of one object, by what both of their tiles show."""
    shared = _shared(one, [other])[0]
    if shared < max(1, LEAST_SHARED * min(one.area, other.area)):
        return False
    (view,), (other_view,) = one.views, other.views
    return shared >= SAME * min(one.area_in(boxes[other_view]), other.area_in(boxes[view]))


def _shared(one, others):
    windows = np.array([each.window for each in others]).reshape(-1, 4)
    pieces = [each.piece for each in others]
    return shared_pixels(one.window[None], [one.piece], windows, pieces)[0]


class _Accepted:
    """The objects so far, by their identity, none of which is another one's double."""

    def __init__(self, cell):
        self.objects, self.grid = {}, _Grid(cell)

    def offer(self, new):
        """Take in an object: as one of its own, or into those that are there."""
        others = [each for each in self.grid.near(new) if each.views != new.views]
        shared = _shared(new, others) if others else np.zeros(0, int)
        if shared.sum() >= SAME * new.area:
            self._cover(new, others, shared)
            return
        inside = [
            each for each, count in zip(others, shared, strict=True) if count >= SAME * each.area
        ]
        # What is surer than what is around it is one of a group, or more than a part.
        inside = [
            each
            for each in inside
            if each.score <= new.score or (each.cut and _comparable(each, new))
        ]
        for each in inside:
            self._remove(each)
        if inside:
            new.join(inside)
        self._add(new)

    def _cover(self, new, others, shared):
        """Enter what `new` tells of the object that covers most of it."""
        best = others[int(shared.argmax())]
        if shared.max() < SAME * best.area:
            return
        best.score = max(best.score, new.score)
        if best.cut and not new.cut and _comparable(best, new):
            if shared.max() < COMPLETE * new.area:
                self._remove(best)
                best.join([new])
                self._add(best)
            best.cut = False

    def _add(self, each):
        self.objects[id(each)] = each
        self.grid.add(each)

    def _remove(self, each):
        del self.objects[id(each)]
        self.grid.remove(each)
