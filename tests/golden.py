"""Reading the arrays of tests/conformance."""

import ast
from pathlib import Path

import numpy as np
from skimage import transform

from mrcnn.config import Config
from mrcnn.data.resizing import mold_image

FOLDER = Path(__file__).parent / "conformance"
# The layers whose features a run has, and which part of them.
_FINE, _COARSE = np.s_[:, ::2, ::2, ::32], np.s_[..., ::16]
FEATURES = {
    "res2c_out": _FINE,
    "res5c_out": _COARSE,
    "fpn_p2": _FINE,
    "fpn_p5": _COARSE,
    "fpn_p6": _COARSE,
}


def load(name):
    """Return the arrays of a file by name."""
    with np.load(FOLDER / name, allow_pickle=False) as arrays:
        return dict(arrays)


def unpack(bits, shape):
    """Return the boolean array that `numpy.packbits` packed."""
    shape = tuple(shape)
    return np.unpackbits(bits)[: int(np.prod(shape))].reshape(shape).astype(bool)


def overrides(arrays):
    """Return the Config attributes that a run was made with."""
    return ast.literal_eval(str(arrays["config"]))


def config(arrays):
    """Return the Config class that a run was made with."""
    return type("GoldenConfig", (Config,), overrides(arrays))


def mold(model, images):
    """Return what `mold_inputs` gives of the images, each pixel as the older package has it.

    A pixel may be a grey level off (its value is cut, and float64 rounds on either side of an
    integer), and the tolerance of the features is finer than that.
    """
    from mrcnn.model import unmold_image

    molded, metas, windows = model.mold_inputs(images)
    for row, (image, (y1, x1, y2, x2)) in enumerate(zip(images, windows, strict=True)):
        exact = transform.resize(
            image, (y2 - y1, x2 - x1), mode="constant", preserve_range=True, anti_aliasing=False
        ).astype(np.uint8)
        ours = unmold_image(molded[row, y1:y2, x1:x2], model.config)
        assert np.abs(ours.astype(int) - exact).max() <= 1
        molded[row, y1:y2, x1:x2] = mold_image(exact, model.config.MEAN_PIXEL)
    return molded, metas, windows


def training_batch():
    """Return (arrays, Config class, inputs) of the batch whose losses are known."""
    golden = load("training_losses_resnet50.npz")
    made = config(golden)
    slots = made.MAX_GT_INSTANCES
    count = len(golden["gt_class_ids"])
    masks = unpack(golden["mini_masks"], (56, 56, count))
    image = mold_image(golden["image"].astype(np.float32), made.MEAN_PIXEL)
    inputs = {
        "input_image": image,
        "input_image_meta": golden["image_meta"].astype(np.float32),
        "input_rpn_match": golden["rpn_match"].astype(np.int32)[:, None],
        "input_rpn_bbox": golden["rpn_bbox"].astype(np.float32),
        "input_gt_class_ids": np.pad(golden["gt_class_ids"], (0, slots - count)).astype(np.int32),
        "input_gt_boxes": np.pad(golden["gt_boxes"], ((0, slots - count), (0, 0))),
        "input_gt_masks": np.pad(masks, ((0, 0), (0, 0), (0, slots - count))),
        "input_rois": golden["input_rois"].astype(np.float32),
    }
    inputs["input_gt_boxes"] = inputs["input_gt_boxes"].astype(np.float32)
    return golden, made, {name: array[None] for name, array in inputs.items()}
