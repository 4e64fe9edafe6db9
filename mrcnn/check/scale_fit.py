"""Whether photos should be cut into parts for training, and into tiles for detecting."""

import math
from collections.abc import Sequence

import numpy as np

from mrcnn.tiles import MOST_SCALE, WANTED

# Objects of so many pixels and more can be learned as the network sees them; at 14 little is left.
SMALL = 20
# Fewer objects do not tell what is usual.
FEWEST = 10
# The side of a cut, in pixels as the network sees it.
CUT = 512
# Pixels of the photo that a smaller picture has lost, as a ratio of sides, before it matters.
SHRUNK = 1.25


def advise_crops(
    trained: Sequence[tuple[float, float]], photo: Sequence[tuple[float, float]], resizing
) -> str | None:
    """Return a sentence where training on cuts would show objects larger, else None.

    Arguments:
        trained: (height, width) of each object's box, in pixels of the molded image.
        photo: the same in pixels of the photo.
        resizing: how photos are resized in training, the keywords of `resizing.fit_image`.
    """
    if len(trained) < FEWEST or resizing.get("mode") == "crop":
        return None
    now, own = (float(np.median(np.sqrt(np.prod(boxes, axis=1)))) for boxes in (trained, photo))
    if now >= SMALL:
        return None
    scale = 1 if own >= SMALL else min(MOST_SCALE, math.ceil(2 * WANTED / own) / 2)
    if scale * own < SHRUNK * now:
        return None
    options = f"--crops {min(CUT, resizing['max_dim'])}" + (f" --scale {scale:g}" * (scale > 1))
    return (
        f"objects are {now:.0f} px at training size, {own:.0f} px in the photos (half of them are "
        f"smaller): train on crops ({options}), predict with --tiles"
    )
