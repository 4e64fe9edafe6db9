"""Whether the anchors fit the objects: their sizes and shapes at training size."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mrcnn.boxes import overlaps

# An anchor reaches from its side divided by this to its side times this: half-way, as a ratio,
# to the next scale, where the overlap of two squares is still 0.5.
REACH = 2**0.5
LEAST_OVERLAP = 0.5
# Of two that reach as many objects the first is taken: the smaller change.
FACTORS = (0.5, 2, 0.25, 4)
# Width over height; as many as there are by default, so that the network keeps its layers.
RATIOS = tuple((1 / side, 1, side) for side in (3, 4, 5, 6, 8, 10, 12, 16, 20))
# Below this share of objects out of reach, other anchors are not worth leaving the defaults.
TOLERATED = 0.05
BAR = 40


class AnchorFit(NamedTuple):
    """A histogram of object sizes. `counts` has one number more than `scales` at either end."""

    scales: tuple[float, ...]  # sides of square anchors in pixels of the molded image
    counts: tuple[int, ...]  # smaller than all anchors, one each, larger than all
    thin: int  # of a size that anchors have, but longer and thinner than they reach
    suggestion: str | None

    def lines(self) -> list[str]:
        """Return the histogram as lines of text."""
        total, peak = max(sum(self.counts), 1), max(*self.counts, 1)
        edges = _edges(self.scales)
        names = [f"under {edges[0]:.0f} px"]
        names += [
            f"{low:.0f} to {high:.0f} px (anchor {scale:g})"
            for low, high, scale in zip(edges, edges[1:], self.scales, strict=False)
        ]
        names.append(f"over {edges[-1]:.0f} px")
        lines = [
            f"{name:>30} {count:6} {count / total:4.0%} {'#' * round(BAR * count / peak)}".rstrip()
            for name, count in zip(names, self.counts, strict=True)
        ]
        if self.thin:
            lines.append(f"{'longer than any anchor':>30} {self.thin:6} {self.thin / total:4.0%}")
        return lines


def fit_anchors(
    boxes: Sequence[tuple[float, float]],
    scales: Sequence[float],
    ratios: Sequence[float],
    tiled: bool = False,
    cut: bool = False,
) -> AnchorFit:
    """Compare the objects with the anchors, as if both had the same centre.

    Arguments:
        boxes: (height, width) of each object's box, in pixels of the molded image.
        scales: RPN_ANCHOR_SCALES, ascending.
        ratios: RPN_ANCHOR_RATIOS, width over height.
        tiled: whether tiles shall show the objects in another size: no other scales are suggested.
        cut: whether training cuts photos: a larger image then shows more, not larger objects.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 2)
    bins = np.digitize(np.sqrt(boxes.prod(axis=1)), _edges(scales))
    counts = np.bincount(bins, minlength=len(scales) + 2)
    inside = boxes[(bins > 0) & (bins <= len(scales))]
    thin = int(np.sum(~_reached(inside, scales, ratios)))
    other_scales = None if tiled else _other_scales(boxes, scales, counts, cut)
    advice = other_scales, _other_ratios(inside, scales, ratios, thin)
    suggestion = ". ".join(filter(None, advice)) or None
    return AnchorFit(tuple(scales), tuple(counts.tolist()), thin, suggestion)


def _edges(scales):
    return [scales[0] / REACH] + [scale * REACH for scale in scales]


def _reached(boxes, scales, ratios):
    """Tell of each box `[N, 2]` whether it overlaps enough with the best anchor, bool `[N]`."""
    scale, root = np.atleast_1d(scales)[:, None], np.sqrt(np.atleast_1d(ratios))
    sides = np.stack([scale / root, scale * root], axis=-1).reshape(-1, 2)
    around = [np.concatenate([-half, half], axis=1) for half in (boxes / 2, sides / 2)]
    return overlaps(*around).max(axis=1) >= LEAST_OVERLAP - 1e-6


def _other_scales(boxes, scales, counts, cut):
    """Return a sentence where many objects are of a size out of the anchors' reach, else None."""
    if not len(boxes) or (counts[0] + counts[-1]) / len(boxes) <= TOLERATED:
        return None
    too_small = counts[0] >= counts[-1]
    share = (counts[0] if too_small else counts[-1]) / len(boxes)
    beyond = "smaller than the smallest" if too_small else "larger than the largest"
    sentence = f"{share:.0%} of the objects are {beyond} anchor reaches"
    sides = np.sqrt(boxes.prod(axis=1))

    def covered(factor):
        edges = _edges([scale * factor for scale in scales])
        return np.mean((sides >= edges[0]) & (sides < edges[-1]))

    best = max(FACTORS, key=covered)
    now, then = covered(1), covered(best)
    advice = []
    if then > now + TOLERATED:
        better = ",".join(f"{scale * best:g}" for scale in scales)
        advice.append(
            f"--anchor-scales {better} (RPN_ANCHOR_SCALES) reaches {then:.0%} instead of {now:.0%}"
        )
    if too_small and not cut:
        advice.append("a larger --image-size (IMAGE_MAX_DIM) makes objects larger")
    return f"{sentence}: {'; or '.join(advice)}" if advice else sentence


def _other_ratios(boxes, scales, ratios, thin):
    """Return a sentence where many objects of an anchor's size have another shape, else None."""
    if not len(boxes) or thin / len(boxes) <= TOLERATED:
        return None
    sentence = f"{thin / len(boxes):.0%} of the objects are longer and thinner than any anchor"

    def covered(other):
        return np.mean(_reached(boxes, scales, other))

    best = max(RATIOS, key=covered)
    now, then = covered(ratios), covered(best)
    if then <= now + TOLERATED:
        return sentence
    better = ",".join(f"{ratio:.3g}" for ratio in best)
    return (
        f"{sentence}: --anchor-ratios {better} (RPN_ANCHOR_RATIOS) reaches {then:.0%} instead of "
        f"{now:.0%} "
        f"(an overlap of {LEAST_OVERLAP})"
    )
