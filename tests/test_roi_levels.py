"""Which level of the pyramid the mask head cuts its RoIs from."""

import numpy as np
import pytest
from keras import ops

from mrcnn import image_meta
from mrcnn.config import Config
from mrcnn.nn import network
from mrcnn.nn.roi_align import LEVELS, PyramidROIAlign
from mrcnn.settings import to_detect

pytestmark = pytest.mark.engines
SIDE = 512


def level_of(align, side: float) -> int:
    """Return the level that a layer cuts a square RoI of `side` pixels from."""
    maps = [np.full((1, SIDE >> level, SIDE >> level, 1), level, np.float32) for level in LEVELS]
    shape, window = (SIDE, SIDE, 3), (0, 0, SIDE, SIDE)
    meta = image_meta.compose(0, shape, shape, window, 1, [1, 1])[None].astype(np.float32)
    roi = np.array([[[0.1, 0.1, 0.1 + side / SIDE, 0.1 + side / SIDE]]], np.float32)
    # Weights of bilinear samples add up to 1 but for rounding.
    (level,) = np.unique(ops.convert_to_numpy(align([roi, meta, *maps])).round(5))
    return int(level)


@pytest.mark.parametrize(("canonical_side", "levels"), [(224, (2, 3, 4, 5)), (448, (2, 2, 3, 4))])
def test_the_canonical_side_decides_the_level(canonical_side, levels):
    align = PyramidROIAlign((2, 2), canonical_side)
    assert tuple(level_of(align, side) for side in (60, 110, 220, 440)) == levels
    restored = PyramidROIAlign.from_config(align.get_config())
    assert tuple(level_of(restored, side) for side in (60, 110, 220, 440)) == levels


def test_the_setting_is_of_the_mask_head_alone_and_a_file_brings_it_along():
    stored = {"MASK_CANONICAL_SIDE": 448, "NUM_CLASSES": 2, "BACKBONE": "efficientnet_lite0"}
    config = to_detect(Config, stored, 64, BACKBONE="efficientnet_lite0")
    made = network.build("inference", config)
    sides = [made.get_layer(f"roi_align_{head}").canonical_side for head in ("classifier", "mask")]
    assert sides == [224, 448]
