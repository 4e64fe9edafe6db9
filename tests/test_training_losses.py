"""The training network gives the older package's losses for one fixed batch."""

import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.model import MaskRCNN, mold_image
from mrcnn.nn.losses import LOSSES
from tests import golden as golden_files
from tests.small import SmallConfig


@pytest.fixture(scope="module")
def batch():
    golden = golden_files.load("training_losses_resnet50.npz")
    config = type("GoldenConfig", (Config,), golden_files.overrides(golden))()
    slots = config.MAX_GT_INSTANCES
    count = len(golden["gt_class_ids"])
    mini = golden["mini_masks"]
    masks = np.unpackbits(mini)[: 56 * 56 * count].reshape(56, 56, count).astype(bool)
    inputs = {
        "input_image": mold_image(golden["image"].astype(np.float32), config),
        "input_image_meta": golden["image_meta"].astype(np.float32),
        "input_rpn_match": golden["rpn_match"].astype(np.int32)[:, None],
        "input_rpn_bbox": golden["rpn_bbox"].astype(np.float32),
        "input_gt_class_ids": np.pad(golden["gt_class_ids"], (0, slots - count)).astype(np.int32),
        "input_gt_boxes": np.pad(golden["gt_boxes"], ((0, slots - count), (0, 0))),
        "input_gt_masks": np.pad(masks, ((0, 0), (0, 0), (0, slots - count))),
        "input_rois": golden["input_rois"],
    }
    inputs["input_gt_boxes"] = inputs["input_gt_boxes"].astype(np.float32)
    inputs["input_rois"] = inputs["input_rois"].astype(np.float32)
    return golden, config, {name: array[None] for name, array in inputs.items()}


@pytest.mark.engines
def test_golden_losses(batch, published_weights):
    golden, config, inputs = batch
    model = MaskRCNN("training", config, "log")
    model.load_weights(published_weights("resnet50"), by_name=True)
    # JAX compiles a whole sooner than each of its parts.
    predict = model.keras_model.predict_on_batch
    losses = predict(inputs) if keras.backend.backend() == "jax" else model.keras_model(inputs)
    theirs = dict(zip(golden["loss_names"], golden["losses"], strict=True))
    assert set(theirs) == set(LOSSES)
    for name in LOSSES:
        assert float(losses[name]) == pytest.approx(theirs[name], rel=1e-3, abs=1e-5), name


def test_factors_of_losses_that_are_not_there_are_refused():
    class Typo(SmallConfig):
        LOSS_WEIGHTS = {"rpn_loss": 1.0}

    model = MaskRCNN("training", Typo(), "log")
    with pytest.raises(ValueError, match="LOSS_WEIGHTS has rpn_loss: the losses are"):
        model.compile(0.01, 0.9)
