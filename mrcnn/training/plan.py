"""Plans of training: an optimizer, how the learning rate goes, and what holds by default.

`MaskRCNN.train(plan=...)` takes the name of one of PLANS, a `Plan`, or an optimizer function alone.
Such a function of

    learning_rate  the highest
    steps          of the whole training, those of an earlier part that is continued included
    clip_norm      the global norm that the gradients are clipped to

returns a Keras optimizer; `functools.partial` sets what else it takes. A learning rate that changes
is a Keras schedule: it follows from the optimizer's count of steps, which a run keeps in its state,
and so goes on where it was.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mrcnn.data.jitter import Jitter

# What decays no more than it should: only kernels are to be small.
UNDECAYED = ("bias", "gamma", "beta")


# -- Optimizers --------------------------------------------------------------------------------
# Keras is imported where one is made: what a plan says is wanted before an engine has started.


def classic(learning_rate: float, steps: int, clip_norm: float, momentum: float = 0.9):
    """SGD with momentum at a constant rate, as the original work fine-tunes."""
    import keras

    return keras.optimizers.SGD(learning_rate, momentum=momentum, global_clipnorm=clip_norm)


def warm_cosine(
    learning_rate: float,
    steps: int,
    clip_norm: float,
    warm_up: int = 200,
    end: float = 0.01,
    weight_decay: float = 0.02,
    backbone: float = 1.0,
):
    """AdamW (Loshchilov and Hutter 2019).

    The rate rises in a line for `warm_up` steps, half of all at the most, and falls along a cosine
    (Loshchilov and Hutter 2017) to the share `end` of the highest. The backbone learns at the share
    `backbone` of it, see `layer_rates`. Kernels decay, biases and BatchNorm do not.
    """
    import keras

    from mrcnn.training.layer_rates import LayerRates

    warm_up = max(min(warm_up, steps // 2), 1)
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate / warm_up,
        decay_steps=max(steps - warm_up, 1),
        alpha=end,
        warmup_target=learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = LayerRates(
        rate, weight_decay=weight_decay, global_clipnorm=clip_norm, backbone=backbone
    )
    optimizer.exclude_from_weight_decay(var_names=list(UNDECAYED))
    return optimizer


# -- Plans -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """How to train where nothing else is said.

    name: by which a run knows it again; None for one's own.
    summary: a few words on the optimizer and its rate.
    optimizer: an optimizer function, see above.
    layers, epochs: as of `MaskRCNN.train`.
    learning_rate, batch: the highest, and images a batch; None for those of the Config.
    augmentation: a `Jitter` or an imgaug augmenter; None leaves the images as they are.
    weight_decay: of the loss, None for the Config's; 0 where the optimizer lets weights decay.
    loss_weights: factors of losses by name, besides LOSS_WEIGHTS of the Config.
    """

    name: str | None
    summary: str
    optimizer: Callable
    layers: str = "heads"
    epochs: int = 30
    learning_rate: float | None = None
    batch: int | None = None
    augmentation: object = None
    weight_decay: float | None = None
    loss_weights: Mapping[str, float] = field(default_factory=dict)


CLASSIC = Plan("classic", "SGD at a constant rate", classic)
FEW = Plan(
    "few",
    "AdamW, its rate warming up and falling to near 0, a tenth of it for the backbone",
    functools.partial(warm_cosine, warm_up=40, end=0.01, weight_decay=0.02, backbone=0.1),
    layers="4+",
    epochs=30,
    learning_rate=1e-3,
    batch=4,
    augmentation=Jitter(),
    weight_decay=0.0,
    # The largest of the losses, it holds up the others where photos are few. Ren et al. 2015
    # (equation 1) take 10/2400 of its sum, not its mean over the few anchors with an object.
    loss_weights={"rpn_bbox_loss": 0.05},
)
PLANS = {plan.name: plan for plan in (CLASSIC, FEW)}


def named(name: str) -> Plan:
    """Return a plan by its name; raises ValueError for one that is not known."""
    if name not in PLANS:
        raise ValueError(f"plan is {name!r}, it must be one of {', '.join(PLANS)}")
    return PLANS[name]


def settled(
    plan,
    given: Mapping,
    kept: Mapping,
    *,
    learning_rate: float,
    weight_decay: float,
    momentum: float,
    loss_weights: Mapping[str, float],
) -> Plan:
    """Return the whole plan of a training.

    Arguments:
        plan: a name, a `Plan`, an optimizer function, or None.
        given: what replaces the plan's layers, epochs, learning_rate, augmentation, where it is not
            None; an augmentation of False is none.
        kept: what the state of a run that is resumed says of its `plan` and `highest_rate`, where
            it does.
        learning_rate, weight_decay, momentum: the Config's, where nothing else says them.
        loss_weights: the Config's, which the plan's are multiplied by.

    Raises ValueError for a name that is not known, and for another than that of the run.
    """
    before = kept.get("plan")
    if plan is None:
        plan = before or CLASSIC.name
    if isinstance(plan, str):
        plan = named(plan)
    elif not isinstance(plan, Plan):
        plan = dataclasses.replace(CLASSIC, name=None, summary="", optimizer=plan)
    refuse_another(plan.name, before)
    changes = {name: value for name, value in given.items() if value is not None}
    changes.setdefault("learning_rate", kept.get("highest_rate"))
    if changes.get("augmentation") is False:
        changes["augmentation"] = None
    if plan.optimizer is classic:
        changes["optimizer"] = functools.partial(classic, momentum=momentum)
    if changes["learning_rate"] is None:
        rate = plan.learning_rate
        changes["learning_rate"] = learning_rate if rate is None else rate
    if plan.weight_decay is None:
        changes["weight_decay"] = weight_decay
    own = {name: loss_weights.get(name, 1.0) * each for name, each in plan.loss_weights.items()}
    changes["loss_weights"] = {**loss_weights, **own}
    return dataclasses.replace(plan, **changes)


def refuse_another(name: str | None, kept: str | None) -> None:
    """Raise ValueError where a run of the plan `kept` shall be resumed with another."""
    if name and kept and name != kept:
        raise ValueError(
            f"the run was started with the plan {kept} and goes on with it: leave the plan {name} "
            "out, or start from the weights alone, without --resume"
        )
