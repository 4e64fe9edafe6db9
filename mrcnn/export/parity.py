"""Whether an exported network finds what the network finds that it was made of.

Both are functions as of `nn.network.compiled`, of one molded image at a time; N detections.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np

from mrcnn import boxes as box_math
from mrcnn.masks import paste_pieces, piece_overlaps, windows_of

# The most that boxes (fractions of the image), scores and mask probabilities may differ in float.
TOLERANCE = 1e-3
# Of an image so many of the best are compared whatever they score, and all that score so much.
FEWEST, LEAST = 10, 0.05
# With int8 so many of 100 detections must be kept, at this overlap of their masks.
KEPT, SAME_MASK = 98, 0.9


@dataclass
class Parity:
    """What a comparison has come to.

    Attributes:
        photos, detections: how many were compared.
        boxes, scores, masks: the largest difference of those that both found: fractions of the
            image, and probabilities.
        lost: how many the exported network has not found.
    """

    int8: bool = False
    photos: int = 0
    detections: int = 0
    boxes: float = 0.0
    scores: float = 0.0
    masks: float = 0.0
    lost: int = 0

    def as_json(self) -> dict:
        """Return the numbers by name."""
        return asdict(self)

    @property
    def holds(self) -> bool:
        """Whether the exported network may stand for the other."""
        if self.int8:
            return 100 * (self.detections - self.lost) >= KEPT * self.detections
        return not self.lost and max(self.boxes, self.scores, self.masks) <= TOLERANCE

    def text(self) -> str:
        """Return the worst differences in a line."""
        of = f"{self.detections} detections in {self.photos} photo{'s' * (self.photos != 1)}"
        kept = self.detections - self.lost
        if self.int8:
            share = 100 * kept / max(self.detections, 1)
            return (
                f"{kept} of {of} are kept at mask IoU {SAME_MASK:g}, {share:.1f} % "
                f"({KEPT} % are asked for); scores differ by {self.scores:.2g} at most"
            )
        lost = f"; {self.lost} of them are not found" if self.lost else ""
        return (
            f"{of}, worst differences: boxes {self.boxes:.1e} of the image, scores "
            f"{self.scores:.1e}, masks {self.masks:.1e} ({TOLERANCE:g} is allowed){lost}"
        )


def compare(
    reference: Callable,
    exported: Callable,
    inputs: Iterable[tuple[np.ndarray, np.ndarray]],
    int8: bool,
    least: float,
    enough: int | None = None,
) -> Parity:
    """Compare what two functions find in molded images.

    Arguments:
        reference, exported: `(shape) -> function`, as of `runtimes.exported.Exported.compiled`.
        inputs: `(image [1, H, W, C], meta [1, 12 + K])` of each photo.
        int8: see `Parity.holds`; detections are those that score `least` then.
        enough: detections after which no more photos are looked at.
    """
    result, functions = Parity(int8), {}
    for image, meta in inputs:
        shape = image.shape[1:]
        if shape not in functions:
            functions[shape] = reference(shape), exported(shape)
        ours, theirs = (
            [part[0] for part in function(image, meta, LEAST)] for function in functions[shape]
        )
        if int8:
            _count_kept(result, ours, theirs, shape, least)
        else:
            _measure(result, ours, theirs)
        result.photos += 1
        if enough and result.detections >= enough:
            break
    return result


def _measure(result, ours, theirs):
    (rows, masks), (others, other_masks) = ours, theirs
    there = rows[:, 4] > 0
    wanted = np.flatnonzero(there & ((rows[:, 5] >= LEAST) | (np.arange(len(rows)) < FEWEST)))
    for index in wanted:
        row = rows[index]
        same = np.flatnonzero(others[:, 4] == row[4])
        result.detections += 1
        if not same.size:
            result.lost += 1
            continue
        apart = np.abs(others[same] - row)
        nearest = same[np.argmin(apart[:, :4].max(axis=1) + apart[:, 5])]
        apart = np.abs(others[nearest] - row)
        result.boxes = max(result.boxes, float(apart[:4].max()))
        result.scores = max(result.scores, float(apart[5]))
        # One that scores LEAST in one of them alone has no mask in the other.
        if min(row[5], others[nearest][5]) >= LEAST:
            mask = np.abs(masks[index] - other_masks[nearest]).max()
            result.masks = max(result.masks, float(mask))


def _count_kept(result, ours, theirs, shape, least):
    rows, masks = (part[ours[0][:, 5] >= least] for part in ours)
    others, other_masks = (part[theirs[0][:, 5] >= LEAST] for part in theirs)
    pieces = [_pieces(*each, shape) for each in ((rows, masks), (others, other_masks))]
    overlaps = piece_overlaps(*pieces[0], *pieces[1])
    overlaps[rows[:, None, 4] != others[None, :, 4]] = 0
    result.detections += len(rows)
    for row, overlap in zip(rows, overlaps, strict=True):
        if overlap.max(initial=0) < SAME_MASK:
            result.lost += 1
        else:
            apart = abs(others[overlap.argmax()][5] - row[5])
            result.scores = max(result.scores, float(apart))


def _pieces(rows, masks, shape):
    boxes = box_math.denormalize(rows[:, :4], shape)
    return windows_of(boxes, shape), paste_pieces(masks, boxes, shape, fade=False)
