"""Whether the anchors fit the objects: their sizes at training size against the anchor scales."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# An anchor reaches from its side divided by this to its side times this: half-way, as a ratio,
# to the next scale, where the overlap of two squares is still 0.5.
REACH = 2**0.5
# Of two that reach as many objects the first is taken: the smaller change.
FACTORS = (0.5, 2, 0.25, 4)
# Below this share of objects out of reach, other scales are not worth leaving the defaults.
TOLERATED = 0.05
BAR = 40


class AnchorFit(NamedTuple):
    """A histogram of object sizes. `counts` has one number more than `scales` at either end."""

    scales: tuple[float, ...]  # sides of square anchors in pixels of the molded image
    counts: tuple[int, ...]  # smaller than all anchors, one each, larger than all
    suggestion: str | None

    def lines(self) -> list[str]:
        """Return the histogram as lines of text."""
        total, peak = sum(self.counts), max(*self.counts, 1)
        edges = _edges(self.scales)
        names = [f"under {edges[0]:.0f} px"]
        names += [
            f"{low:.0f} to {high:.0f} px (anchor {scale:g})"
            for low, high, scale in zip(edges, edges[1:], self.scales, strict=False)
        ]
        names.append(f"over {edges[-1]:.0f} px")
        return [
            f"{name:>30} {count:6} {count / max(total, 1):4.0%} {'#' * round(BAR * count / peak)}"
            for name, count in zip(names, self.counts, strict=True)
        ]


def fit_anchors(sides: Sequence[float], scales: Sequence[float]) -> AnchorFit:
    """Compare object sizes with the anchors.

    Arguments:
        sides: the square root of each object's box area, in pixels of the molded image.
        scales: RPN_ANCHOR_SCALES, ascending.
    """
    sides = np.asarray(sides, np.float64)
    bins = np.digitize(sides, _edges(scales))
    counts = np.bincount(bins, minlength=len(scales) + 2)
    return AnchorFit(tuple(scales), tuple(counts.tolist()), _suggest(sides, scales, counts))


def _edges(scales):
    return [scales[0] / REACH] + [scale * REACH for scale in scales]


def _suggest(sides, scales, counts):
    """Return a sentence where many objects are out of the anchors' reach, else None."""
    if not len(sides) or (counts[0] + counts[-1]) / len(sides) <= TOLERATED:
        return None
    too_small = counts[0] >= counts[-1]
    share = (counts[0] if too_small else counts[-1]) / len(sides)
    beyond = "smaller than the smallest" if too_small else "larger than the largest"
    sentence = f"{share:.0%} of the objects are {beyond} anchor reaches"

    def covered(factor):
        edges = _edges([scale * factor for scale in scales])
        return np.mean((sides >= edges[0]) & (sides < edges[-1]))

    best = max(FACTORS, key=covered)
    now, then = covered(1), covered(best)
    advice = []
    if then > now + TOLERATED:
        better = ", ".join(f"{scale * best:g}" for scale in scales)
        advice.append(f"RPN_ANCHOR_SCALES = ({better}) reaches {then:.0%} instead of {now:.0%}")
    if too_small:
        advice.append("a larger IMAGE_MAX_DIM makes objects larger")
    return f"{sentence}: {'; or '.join(advice)}" if advice else sentence
