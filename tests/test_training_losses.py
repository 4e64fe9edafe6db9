"""The training network gives the older package's losses for one fixed batch."""

import keras
import pytest

from mrcnn.model import MaskRCNN
from mrcnn.nn.losses import LOSSES
from tests import golden as golden_files
from tests.small import SmallConfig


@pytest.fixture(scope="module")
def batch():
    return golden_files.training_batch()


@pytest.mark.engines
def test_golden_losses(batch, published_weights):
    golden, config, inputs = batch
    model = MaskRCNN("training", config(), "log")
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
