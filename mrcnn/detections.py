"""What was found in one image, or what is there by its annotation.

Boxes are `(y1, x1, y2, x2)` in pixels, the end outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrcnn import masks as mask_math

# Of what scored too little the best few tell a person why nothing was found.
BELOW = 5


@dataclass(frozen=True, eq=False)
class Detections:
    """N objects of an image of `shape` (height, width), the most certain first where scores are.

    `rois` int32 `[N, 4]` and `class_ids` int32 `[N]`; `scores` float32 `[N]`, or None where there
    are none, as of an annotation.

    A mask is kept as a piece: `pieces` are N bool arrays `[h, w]`, each filling its window, one of
    `windows` int `[N, 4]`, which lie inside the image: unless given the boxes, cut off at its rim.
    `pieces` is None where there are no masks.

    `below` holds (score, class id) of the best of what scored too little, by falling score.

    Raises ValueError for arrays that do not fit together.
    """

    shape: tuple[int, int]
    rois: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray | None = None
    pieces: Sequence[np.ndarray] | None = None
    below: tuple[tuple[float, int], ...] = ()
    windows: np.ndarray | None = None

    def __post_init__(self):
        if self.windows is None:
            object.__setattr__(self, "windows", mask_math.windows_of(self.rois, self.shape))
        parts = {name: getattr(self, name) for name in ("rois", "class_ids", "scores")}
        parts["masks"] = self.pieces
        counts = {name: len(part) for name, part in parts.items() if part is not None}
        if len({*counts.values(), len(self.windows)}) > 1:
            told = ", ".join(f"{count} {name}" for name, count in counts.items())
            raise ValueError(f"the arrays do not fit together: {told}")
        sides = self.windows[:, 2:] - self.windows[:, :2]
        for index, piece in enumerate(self.pieces or ()):
            if piece.shape != tuple(sides[index]):
                raise ValueError(
                    f"mask {index} is {piece.shape}, its window {tuple(sides[index].tolist())}"
                )

    @classmethod
    def of(cls, rois, class_ids, scores=None, masks=None, shape=None) -> Detections:
        """Make them of full-size arrays, such as the dicts of `MaskRCNN.detect`.

        Arguments:
            rois, class_ids, scores: boxes and scores keep their dtype.
            masks: `[H, W, N]`, bool, or numbers that count as mask above 0.5; or None. They may
                leave their boxes.
            shape: (height, width, ...) of the image, where there are no masks to tell it. Without
                either the image ends with the boxes.

        Raises ValueError for a box that is not of finite numbers.
        """
        rois, windows, pieces = np.asarray(rois).reshape(-1, 4), None, None
        if not np.isfinite(rois).all():
            raise ValueError("a coordinate of a box is not a finite number")
        if masks is not None:
            masks = np.asarray(masks)
            shape = masks.shape
            windows, pieces = mask_math.cut_out(masks)
        elif shape is None:
            shape = np.ceil(rois[:, 2:].max(axis=0, initial=0)).astype(int).tolist()
        scores = None if scores is None else np.asarray(scores)
        shape = int(shape[0]), int(shape[1])
        return cls(shape, rois, np.asarray(class_ids, np.int32), scores, pieces, windows=windows)

    @classmethod
    def of_masks(cls, masks: np.ndarray, class_ids) -> Detections:
        """Make them of the masks `[H, W, N]` of an annotation, with the masks' own boxes."""
        windows, pieces = mask_math.cut_out(np.asarray(masks))
        class_ids = np.asarray(class_ids, np.int32)
        return cls(masks.shape[:2], windows, class_ids, None, pieces, windows=windows)

    def __len__(self) -> int:
        return len(self.rois)

    @property
    def masks(self) -> np.ndarray | None:
        """Full-size masks bool `[H, W, N]`, made each time: N bytes a pixel of the image."""
        if self.pieces is None:
            return None
        return mask_math.place_pieces(self.pieces, self.windows, self.shape)

    @property
    def areas(self) -> np.ndarray | None:
        """The pixels of each mask, int `[N]`."""
        return None if self.pieces is None else mask_math.areas(self.pieces)

    def where(self, keep) -> Detections:
        """Return the objects that `keep` chooses: bool `[N]`, or indices in the order wanted."""
        rows = np.arange(len(self))[keep]
        return Detections(
            self.shape,
            self.rois[rows],
            self.class_ids[rows],
            None if self.scores is None else self.scores[rows],
            None if self.pieces is None else [self.pieces[row] for row in rows],
            self.below,
            self.windows[rows],
        )

    def as_dict(self) -> dict:
        """Return `rois`, `class_ids`, `scores` and full-size `masks` by name, for older scripts."""
        return {name: getattr(self, name) for name in ("rois", "class_ids", "scores", "masks")}
