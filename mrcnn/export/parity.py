"""Whether an exported network finds what the network finds that it was made of.

Both are functions as of `nn.network.compiled`, of one molded image at a time; N detections.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np

from mrcnn import boxes as box_math
from mrcnn.masks import MINI_MASK_SHAPE, paste_pieces, piece_overlaps, windows_of

# The most that boxes (fractions of the image), scores and mask probabilities may differ in float.
TOLERANCE = 1e-3
# Of an image so many of the best are compared whatever they score, and all that score so much.
FEWEST, LEAST = 10, 0.05
# Some detections hang on rounding: two boxes of nearly one score, of which the better one
# suppresses the other, or that overlap by nearly the threshold. They are those that the network
# finds otherwise itself, in one of so many images that differ by so little of a grey value.
VARIANTS, NOISE = 6, 1e-3
# Of all that would be compared this share may be such.
MOST_UNSETTLED = 0.3
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
        added: how many it has found beyond them.
        unsettled: how many hang on rounding and were not compared for that.
    """

    int8: bool = False
    photos: int = 0
    detections: int = 0
    boxes: float = 0.0
    scores: float = 0.0
    masks: float = 0.0
    lost: int = 0
    added: int = 0
    unsettled: int = 0

    def as_json(self) -> dict:
        """Return the numbers by name."""
        return asdict(self)

    @property
    def holds(self) -> bool:
        """Whether the exported network may stand for the other.

        Where nothing was compared, or too little that does not hang on rounding, nobody knows.
        """
        if self.unsettled > MOST_UNSETTLED * (self.detections + self.unsettled):
            return False
        if self.int8:
            allowed = (100 - KEPT) * self.detections
            return self.detections > 0 and 100 * max(self.lost, self.added) <= allowed
        return (
            self.detections > 0
            and not self.lost
            and not self.added
            and max(self.boxes, self.scores, self.masks) <= TOLERANCE
        )

    def text(self) -> str:
        """Return the worst differences in a line."""
        of = f"{self.detections} detections in {self.photos} photo{'s' * (self.photos != 1)}"
        kept = self.detections - self.lost
        more = f"; {self.added} more are found" if self.added else ""
        if self.int8:
            share = 100 * kept / max(self.detections, 1)
            return (
                f"{kept} of {of} are kept at mask IoU {SAME_MASK:g}, {share:.1f} % "
                f"({KEPT} % are asked for); scores differ by {self.scores:.2g} at most{more}"
            )
        lost = f"; {self.lost} of them are not found{more}" if self.lost else more
        if self.unsettled:
            lost += f"; {self.unsettled} hang on the rounding of a single number"
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
            again = functools.partial(_variants, functions[shape][0], image, meta)
            _measure(result, ours, theirs, again)
        result.photos += 1
        if enough and result.detections >= enough:
            break
    return result


def _measure(result, ours, theirs, variants):
    rows = ours[0]
    there = rows[:, 4] > 0
    wanted = there & ((rows[:, 5] >= LEAST) | (np.arange(len(rows)) < FEWEST))
    apart = _differences(ours, theirs)
    before = result.unsettled
    if (apart[wanted] > TOLERANCE).any():
        settled = np.ones(len(rows), bool)
        for variant in variants():
            settled &= (_differences(ours, variant) <= TOLERANCE).all(axis=1)
        result.unsettled += int((wanted & ~settled).sum())
        wanted &= settled
    known, others = (
        np.count_nonzero((each[:, 4] > 0) & (each[:, 5] >= LEAST + margin))
        for each, margin in ((rows, -TOLERANCE), (theirs[0], TOLERANCE))
    )
    result.added += max(0, others - known - (result.unsettled - before))
    found = apart[wanted]
    lost = np.isinf(found).any(axis=1)
    result.detections += len(found)
    result.lost += int(lost.sum())
    largest = found[~lost].max(axis=0, initial=0)
    for name, value in zip(("boxes", "scores", "masks"), largest, strict=True):
        setattr(result, name, max(getattr(result, name), float(value)))


def _variants(function, image, meta):
    """Yield what a function finds in images that are hardly others."""
    rng = np.random.default_rng(0)
    for _ in range(VARIANTS):
        noise = rng.uniform(-NOISE, NOISE, image.shape).astype(np.float32)
        yield [part[0] for part in function(image + noise, meta, LEAST)]


def _differences(ours, theirs):
    """Return of each of our detections how far the nearest of theirs is in box, score and mask.

    float `[N, 3]`, infinite where they have none of its class.
    """
    (rows, masks), (others, other_masks) = ours, theirs
    apart = np.full((len(rows), 3), np.inf)
    for index, row in enumerate(rows):
        same = np.flatnonzero(others[:, 4] == row[4])
        if not same.size:
            continue
        # What is no number is as far away as can be.
        distances = np.nan_to_num(np.abs(others[same] - row), nan=np.inf, posinf=np.inf)
        nearest = np.argmin(distances[:, :4].max(axis=1) + distances[:, 5])
        box, score = distances[nearest, :4].max(), distances[nearest, 5]
        # One that scores LEAST in one of them alone has no mask in the other.
        masked = min(row[5], others[same[nearest]][5]) >= LEAST
        mask = np.abs(masks[index] - other_masks[same[nearest]]).max() if masked else 0
        apart[index] = box, score, mask if np.isfinite(mask) else np.inf
    return apart


def _count_kept(result, ours, theirs, shape, least):
    rows, masks = (part[ours[0][:, 5] >= LEAST] for part in ours)
    others, other_masks = (part[theirs[0][:, 5] >= LEAST] for part in theirs)
    pieces = [_pieces(*each, shape) for each in ((rows, masks), (others, other_masks))]
    overlaps = piece_overlaps(*pieces[0], *pieces[1])
    overlaps[rows[:, None, 4] != others[None, :, 4]] = 0
    result.added += _alone(overlaps.T[others[:, 5] >= least])
    sure = rows[:, 5] >= least
    result.detections += int(sure.sum())
    for row, overlap in zip(rows[sure], overlaps[sure], strict=True):
        if overlap.max(initial=0) < SAME_MASK:
            result.lost += 1
        else:
            apart = abs(others[overlap.argmax()][5] - row[5])
            result.scores = max(result.scores, float(apart))


def _alone(overlaps):
    """Return how many rows of overlaps have no column of their own that they share half with."""
    free, alone = np.ones(overlaps.shape[1], bool), 0
    for overlap in overlaps:
        shared = overlap * free
        if shared.max(initial=0) < 0.5:
            alone += 1
        else:
            free[shared.argmax()] = False
    return alone


def _pieces(rows, masks, shape):
    boxes = box_math.denormalize(rows[:, :4], shape)
    return windows_of(boxes, shape), paste_pieces(masks, boxes, shape, MINI_MASK_SHAPE)
