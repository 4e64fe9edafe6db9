"""Optimizers and learning rates, without a network."""

import dataclasses
import functools
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mrcnn.commands import planning
from mrcnn.commands.process import ROOT
from mrcnn.config import Config
from mrcnn.data.jitter import Jitter
from mrcnn.training import plan
from mrcnn.training.run import compile_model
from mrcnn.training.run_files import bytes_of
from mrcnn.training.state import State, optimizer_variables


def rate(optimizer):
    return float(np.asarray(optimizer.learning_rate))


def network(*shapes):
    """A stand-in for a network: it holds weights and is compiled."""
    model = SimpleNamespace(
        trainable_variables=[keras.Variable(np.ones(s, "float32")) for s in shapes],
        replicas=lambda: 1,
    )
    model.compile = lambda optimizer, *_: setattr(model, "optimizer", optimizer)
    return model


def compiled(model, of_plan, state=None, learning_rate=0.1, batches=10, accumulate=1):
    fits = compile_model(
        model,
        of_plan,
        learning_rate,
        batches=batches,
        accumulate=accumulate,
        clip_norm=5.0,
        loss_weights={},
        weight_decay=0.0,
        state=state,
    )
    return model.optimizer, fits


def state_of(optimizer, accumulate=1):
    variables = optimizer_variables(optimizer)
    return State(1, 0.5, 1, rate(optimizer), variables, "loss", accumulate=accumulate)


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


def test_the_backbone_learns_at_its_share_of_the_rate():
    names = "res4a_branch2a", "lite5a_bn", "fpn_c5p5", "rpn_model", "mrcnn_mask_conv1"
    layers = [keras.layers.Dense(2, use_bias=False, name=name) for name in names]
    for layer in layers:
        layer.build((None, 3))
    weights = [layer.kernel for layer in layers]
    before = [np.asarray(weight) for weight in weights]
    optimizer = plan.warm_cosine(0.5, 100, 5.0, warm_up=1, weight_decay=0, backbone=0.1)
    optimizer.apply([keras.ops.ones(w.shape) for w in weights], weights)
    # Adam's first step is of the rate, whatever the gradients are.
    moved = [(old - np.asarray(new)).mean() for old, new in zip(before, weights, strict=True)]
    assert moved == pytest.approx([0.05, 0.05, 0.5, 0.5, 0.5], rel=1e-4)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.backbone == 0.1 and isinstance(again, type(optimizer))


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


# -- Plans -----------------------------------------------------------------------------------------

OF_CONFIG = {
    "learning_rate": 0.002,
    "weight_decay": 1e-4,
    "momentum": 0.7,
    "loss_weights": {"rpn_bbox_loss": 0.5, "mrcnn_mask_loss": 2.0},
}


def settled(of_plan=None, kept=(), **given):
    return plan.settled(of_plan, given, dict(kept), **OF_CONFIG)


def test_what_is_given_wins_and_the_rest_is_the_plans():
    classic = settled()
    assert (classic.name, classic.layers, classic.epochs) == ("classic", "heads", 30)
    assert (classic.learning_rate, classic.weight_decay) == (0.002, 1e-4)
    assert classic.augmentation is None and classic.optimizer(0.1, 1, 5.0).momentum == 0.7
    few = settled("few", layers=None, learning_rate=None)
    assert (few.layers, few.learning_rate, few.weight_decay) == ("4+", 1e-3, 0.0)
    assert few.augmentation == Jitter()
    assert classic.loss_weights == OF_CONFIG["loss_weights"]
    assert few.loss_weights == {"rpn_bbox_loss": 0.025, "mrcnn_mask_loss": 2.0}
    given = settled("few", layers="all", learning_rate=0.0, epochs=3, augmentation=False)
    assert (given.layers, given.learning_rate, given.epochs) == ("all", 0.0, 3)
    assert given.augmentation is None and given.optimizer is plan.FEW.optimizer


def test_a_plan_of_ones_own():
    slower = dataclasses.replace(plan.FEW, name=None, learning_rate=1e-4)
    assert settled(slower).learning_rate == 1e-4
    # An optimizer function alone leaves the rest as it was.
    own = settled(plan.warm_cosine)
    assert (own.name, own.layers, own.learning_rate) == (None, "heads", 0.002)
    assert own.optimizer is plan.warm_cosine and own.weight_decay == 1e-4
    with pytest.raises(ValueError, match="plan is 'many', it must be one of classic, few"):
        settled("many")


def test_a_run_that_is_resumed_keeps_its_plan_and_its_highest_rate():
    kept = {"plan": "few", "highest_rate": 5e-4}
    assert settled(kept=kept).name == "few" and settled(kept=kept).learning_rate == 5e-4
    assert settled("few", kept).learning_rate == 5e-4
    assert settled("few", kept, learning_rate=1e-5).learning_rate == 1e-5
    with pytest.raises(ValueError, match="started with the plan few and goes on with it: leave"):
        settled("classic", kept)
    # A run of an optimizer of one's own does not tell.
    assert settled("few", {"plan": None, "highest_rate": 0.1}).learning_rate == 0.1


def started(path="weights.h5", of_imagenet=None, classes=3, known=None, config=Config, **arguments):
    """A stand-in for what a training starts from."""
    names = ("layers", "epochs", "batch", "learning_rate")
    arguments = dict.fromkeys(names) | {"resume": False, "no_augmentation": False} | arguments
    info = SimpleNamespace(num_classes=classes, class_names=known and ["BG", *known])
    script = SimpleNamespace(config=config, dataset=SimpleNamespace(CLASSES=("leaf", "twig")))
    return SimpleNamespace(
        path=Path(path),
        of_imagenet=of_imagenet,
        info=info,
        script=script,
        arguments=Namespace(**arguments),
    )


def test_which_plan_is_taken_and_why():
    assert planning.choose(started(), None) == (plan.CLASSIC, "the default from these weights")
    assert planning.choose(started(), "few") == (plan.FEW, "as --plan says")
    shipped = started(ROOT / "log" / "custom.h5")
    assert planning.choose(shipped, None) == (plan.FEW, "the default from log/custom.h5")
    assert planning.choose(shipped, "classic")[0] is plan.CLASSIC
    for start in (started(of_imagenet="resnet50", classes=None), started(classes=None)):
        assert planning.choose(start, None)[0] is plan.FEW


def test_a_run_that_is_resumed_keeps_its_layers_and_epochs(tmp_path):
    kept = State(2, None, None, 0.1, {}, plan="few", layers="3+", epochs=60)
    kept.save(tmp_path)
    start = started(tmp_path / "mask_rcnn_object_0002.h5", resume=True)
    arguments = planning.completed(start, plan.FEW)
    assert (arguments.layers, arguments.epochs) == ("3+", 60)
    start.arguments.epochs = 70
    assert planning.completed(start, plan.FEW).epochs == 70


def test_the_options_of_a_plan():
    arguments = planning.completed(started(), plan.FEW)
    found = arguments.layers, arguments.epochs, arguments.batch, arguments.learning_rate
    assert found == ("4+", 30, 4, 1e-3)
    assert planning.text(plan.FEW, "as --plan says", arguments) == (
        "Plan: few, as --plan says: AdamW, its rate warming up and falling to near 0, a tenth "
        "of it for the backbone, at most 0.001, layers 4+, "
        "30 epochs, photos changed each time they are seen"
    )
    arguments = planning.completed(started(layers="5+", batch=1), plan.FEW)
    assert (arguments.layers, arguments.epochs, arguments.batch) == ("5+", 30, 1)
    # Weights that know the classes keep what they know.
    assert planning.completed(started(known=["leaf", "twig"]), plan.FEW).learning_rate == 1e-4
    for known in (["twig", "leaf"], ["leaf", "bud"]):
        assert planning.completed(started(known=known), plan.FEW).learning_rate == 1e-3
    given = started(known=["leaf", "twig"], learning_rate=0.01)
    assert planning.completed(given, plan.FEW).learning_rate == 0.01
    own = type("Own", (Config,), {"IMAGES_PER_GPU": 8, "LEARNING_RATE": 0.1})
    for start in (started(config=own), started(resume=True)):
        arguments = planning.completed(start, plan.FEW)
        assert (arguments.batch, arguments.learning_rate) == (None, None)
    # Config's own value counts too where a script writes it down.
    own = type("Own", (Config,), {"IMAGES_PER_GPU": Config.IMAGES_PER_GPU})
    assert planning.completed(started(config=own), plan.FEW).batch is None
    arguments = planning.completed(started(), plan.CLASSIC)
    found = arguments.layers, arguments.epochs, arguments.batch, arguments.learning_rate
    assert found == ("heads", 30, None, None)


@pytest.mark.parametrize(
    ("of_plan", "accumulate", "numbers"),
    [(plan.classic, 1, 1), (plan.warm_cosine, 1, 2), (plan.warm_cosine, 2, 3)],
)
def test_the_room_for_a_state_is_known_before_the_first_step(of_plan, accumulate, numbers):
    optimizer, _ = compiled(network((100, 100)), of_plan, accumulate=accumulate)
    assert bytes_of(optimizer.variables) == pytest.approx(numbers * 40_000, abs=100)


# -- Steps of several batches ----------------------------------------------------------------------


def test_a_schedule_counts_steps_not_batches():
    short = functools.partial(plan.warm_cosine, warm_up=4)
    model = network((2, 3))
    whole, _ = compiled(model, short, batches=20)
    several, _ = compiled(model, short, batches=60, accumulate=3)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(several))
    for batch in range(62):
        whole.iterations.assign(batch // 3)
        for optimizer in (several, again):
            optimizer.build(model.trainable_variables)
            optimizer_variables_of(optimizer)["iteration"].assign(batch)
            assert rate(optimizer) == pytest.approx(rate(whole), rel=1e-5), batch


def optimizer_variables_of(optimizer):
    return {variable.name: variable for variable in optimizer.variables}


def gradients_applied(optimizer, model, gradients):
    for gradient in gradients:
        arrays = [keras.ops.full(v.shape, gradient) for v in model.trainable_variables]
        optimizer.apply(arrays, model.trainable_variables)
    return [np.asarray(variable) for variable in model.trainable_variables]


def test_weights_decay_and_gradients_are_clipped_once_a_step():
    """Gradients of +9 and -7 cancel to 1 before they are clipped."""
    own = functools.partial(plan.warm_cosine, warm_up=1, weight_decay=0.5)
    one, several = network((2, 2)), network((2, 2))
    (expected,) = gradients_applied(compiled(one, own)[0], one, [1.0])
    (found,) = gradients_applied(compiled(several, own, accumulate=2)[0], several, [9.0])
    np.testing.assert_array_equal(found, np.ones((2, 2)))
    optimizer, _ = compiled(several, own, accumulate=2)
    (found,) = gradients_applied(optimizer, several, [9.0, -7.0])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    sgd, clipped = network((2, 2)), network((2, 2))
    (expected,) = gradients_applied(compiled(sgd, plan.classic)[0], sgd, [90.0])
    optimizer, _ = compiled(clipped, plan.classic, accumulate=3)
    (found,) = gradients_applied(optimizer, clipped, [300.0, -60.0, 30.0])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert expected[0, 0] == pytest.approx(1 - 0.1 * 5 / 2)


def test_an_incomplete_group_is_part_of_the_state():
    whole, part = network((2, 3)), network((2, 3))
    optimizer, _ = compiled(whole, plan.classic, accumulate=3, batches=6)
    gradients = [0.1, 0.5, 0.9, -0.3, 0.2, 0.7]
    (expected,) = gradients_applied(optimizer, whole, gradients)
    optimizer, _ = compiled(part, plan.classic, accumulate=3, batches=6)
    gradients_applied(optimizer, part, gradients[:4])
    optimizer, fits = compiled(part, plan.classic, state_of(optimizer, 3), accumulate=3, batches=2)
    assert fits
    (found,) = gradients_applied(optimizer, part, gradients[4:])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    # Steps of other batches begin anew.
    assert not compiled(part, plan.classic, state_of(optimizer, 3), accumulate=2)[1]
