"""Whether photos should be looked at in tiles, and cut into parts for training."""

from collections.abc import Sequence

import numpy as np

from mrcnn.tiles import MOST_SCALE

# Smaller objects, in pixels as the network sees whole photos, are found better in tiles.
SMALL = 20
# Fewer objects do not tell what is usual.
FEWEST = 10
# The side of a cut, in pixels as the network sees it.
CUT = 512
# By how much a photo must be shrunk in training, as a ratio of sides, before cuts teach more.
SHRUNK = 2


def advise_tiles(
    trained: Sequence[tuple[float, float]], photo: Sequence[tuple[float, float]], resizing
) -> str | None:
    """Return a sentence where objects are small and tiles would show them larger, else None.

    Arguments:
        trained: (height, width) of each object's box, in pixels of the molded image.
        photo: the same in pixels of the photo.
        resizing: how photos are resized in training, the keywords of `resizing.fit_image`.
    """
    if len(trained) < FEWEST or resizing.get("mode") == "crop":
        return None
    now, own = (float(np.median(np.sqrt(np.prod(boxes, axis=1)))) for boxes in (trained, photo))
    if now >= min(SMALL, MOST_SCALE * own):
        return None
    crops = f"train on crops (--crops {min(CUT, resizing['max_dim'])}), "
    return (
        f"objects are {now:.0f} px at training size, {own:.0f} px in the photos (half of them are "
        f"smaller): {crops if own >= SHRUNK * now else ''}predict with --tiles"
    )
