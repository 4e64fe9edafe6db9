"""BatchNorms are folded once, and again when a variable has changed; test_model.py detects."""

import numpy as np
import pytest

from mrcnn.nn import folding, network
from mrcnn.nn.blocks import conv_norms
from tests.small import SmallConfig


@pytest.fixture
def model():
    return network.build("inference", SmallConfig())


@pytest.fixture
def folds(model, monkeypatch):
    """Those of the model; `times` counts how often they were folded."""
    folds = folding.of(model)
    folds.times = 0
    fold = folds._fold

    def counted():
        folds.times += 1
        fold()

    monkeypatch.setattr(folds, "_fold", counted)
    return folds


def test_nothing_is_folded_again_until_a_variable_changes(model, folds):
    for _ in range(3):
        folds.refresh()
    assert folds.times == 0
    layer = next(conv_norms(model))
    values = layer.norm.get_weights()
    for times in (1, 2):
        # The same numbers twice: what counts is that they were written.
        layer.norm.set_weights([2 * array for array in values])
        folds.refresh()
        folds.refresh()
        assert folds.times == times
    for kept, expected in zip(folds.folded[0], layer.fold(), strict=True):
        np.testing.assert_array_equal(kept, expected)


def test_an_edit_of_one_number_counts(model, folds):
    folds.refresh()
    variable = next(conv_norms(model)).conv.kernel.value
    variable[0, 0, 0, 0].assign(7.0)
    folds.refresh()
    assert folds.times == 1


def test_a_model_has_one_and_takes_it_only_where_it_is_refreshed(model, folds):
    assert folding.of(model) is folds
    layers = list(conv_norms(model))
    with folds.used():
        assert all(layer.folded is not None for layer in layers)
    assert all(layer.folded is None for layer in layers)
