"""Optimizers and learning rates, without a network."""

import functools
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mrcnn.training import plan
from mrcnn.training.run import compile_model
from mrcnn.training.state import State, optimizer_variables


def rate(optimizer):
    return float(np.asarray(optimizer.learning_rate))


def network(*shapes):
    """A stand-in for a network: it holds weights and is compiled."""
    model = SimpleNamespace(trainable_variables=[keras.Variable(np.ones(s)) for s in shapes])
    model.compile = lambda optimizer, *_: setattr(model, "optimizer", optimizer)
    return model


def compiled(model, of_plan, state=None, learning_rate=0.1, batches=10):
    fits = compile_model(
        model,
        of_plan,
        learning_rate,
        batches=batches,
        clip_norm=5.0,
        loss_weights={},
        weight_decay=0.0,
        state=state,
    )
    return model.optimizer, fits


def state_of(optimizer):
    return State(1, 0.5, 1, rate(optimizer), optimizer_variables(optimizer), "loss")


def test_the_classic_plan():
    optimizer = plan.classic(0.02, 100, 2.5, momentum=0.8)
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert (rate(optimizer), optimizer.momentum) == (pytest.approx(0.02), 0.8)
    assert optimizer.global_clipnorm == 2.5 and optimizer.clipnorm is None


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine():
    optimizer = plan.warm_cosine(1e-3, 1200, 5.0)
    rates = []
    for step in (0, 100, 200, 700, 1200, 5000):
        optimizer.iterations.assign(step)
        rates.append(rate(optimizer))
    assert rates == pytest.approx([5e-6, 5.025e-4, 1e-3, 5.05e-4, 1e-5, 1e-5], rel=1e-4)
    assert optimizer.global_clipnorm == 5.0


def test_a_training_shorter_than_its_warm_up():
    optimizer = plan.warm_cosine(1e-3, 3, 5.0)
    rates = []
    for step in range(4):
        optimizer.iterations.assign(step)
        rates.append(rate(optimizer))
    assert rates == pytest.approx([1e-3, 1e-3, 5.05e-4, 1e-5], rel=1e-4)


def test_only_kernels_decay():
    layer = keras.layers.Dense(2, name="dense")
    norm = keras.layers.BatchNormalization()
    layer.build((None, 3)), norm.build((None, 2))
    weights = [layer.kernel, layer.bias, norm.gamma, norm.beta]
    for weight in weights:
        weight.assign(np.ones(weight.shape))
    optimizer = plan.warm_cosine(1.0, 100, 5.0, warm_up=1, weight_decay=0.1)
    optimizer.apply([keras.ops.zeros(w.shape) for w in weights], weights)
    assert [float(np.asarray(w).flat[0]) for w in weights] == pytest.approx([0.9, 1, 1, 1])


def test_a_constant_rate_is_the_one_of_the_state():
    model = network((2, 3))
    optimizer, _ = compiled(model, plan.classic)
    optimizer.build(model.trainable_variables)
    optimizer.learning_rate = 0.025  # by a callback
    optimizer, fits = compiled(model, plan.classic, state_of(optimizer))
    assert fits and rate(optimizer) == pytest.approx(0.025)


def test_a_rate_that_changes_follows_from_the_steps_done():
    short = functools.partial(plan.warm_cosine, warm_up=4)
    model = network((2, 3))
    whole, _ = compiled(model, short, batches=20)
    whole.build(model.trainable_variables)
    whole.iterations.assign(12)
    part, fits = compiled(model, short, state_of(whole), batches=8)
    assert fits and int(part.iterations) == 12 and rate(part) == pytest.approx(rate(whole))
    part.iterations.assign(20)
    assert rate(part) == pytest.approx(0.1 * 0.01)


def test_other_layers_start_the_optimizer_anew():
    short = functools.partial(plan.warm_cosine, warm_up=4)
    before = network((2, 3))
    optimizer, _ = compiled(before, short, batches=20)
    optimizer.build(before.trainable_variables)
    optimizer.iterations.assign(12)
    optimizer, fits = compiled(network((2, 3), (7,)), short, state_of(optimizer), batches=8)
    assert not fits and int(optimizer.iterations) == 0
    optimizer.iterations.assign(8)
    assert rate(optimizer) == pytest.approx(0.1 * 0.01)
