"""The plan of a training: the optimizer, and how the learning rate goes.

A plan is a function of

    learning_rate  the highest
    steps          of the whole training, those of an earlier part that is continued included
    clip_norm      the global norm that the gradients are clipped to

that returns a Keras optimizer, for `MaskRCNN.train(plan=...)`; `functools.partial` sets what else a
plan takes. A learning rate that changes is a Keras schedule: it follows from the optimizer's
count of steps, which a run keeps in its state, and so goes on where it was.
"""

from collections.abc import Callable

import keras

Plan = Callable[[float, int, float], keras.optimizers.Optimizer]
# What decays no more than it should: only kernels are to be small.
UNDECAYED = ("bias", "gamma", "beta")


def classic(
    learning_rate: float, steps: int, clip_norm: float, momentum: float = 0.9
) -> keras.optimizers.Optimizer:
    """SGD with momentum at a constant rate, as the original work fine-tunes."""
    return keras.optimizers.SGD(learning_rate, momentum=momentum, global_clipnorm=clip_norm)


def warm_cosine(
    learning_rate: float,
    steps: int,
    clip_norm: float,
    warm_up: int = 200,
    end: float = 0.01,
    weight_decay: float = 0.02,
) -> keras.optimizers.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), for training from random weights.

    The rate rises in a line for `warm_up` steps and falls along a cosine (Loshchilov and Hutter
    2017) to the share `end` of the highest. Kernels decay, biases and BatchNorm do not.
    """
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate / warm_up,
        decay_steps=max(steps - warm_up, 1),
        alpha=end,
        warmup_target=learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=weight_decay, global_clipnorm=clip_norm)
    optimizer.exclude_from_weight_decay(var_names=list(UNDECAYED))
    return optimizer
