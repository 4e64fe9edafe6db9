"""Steps of several batches: an optimizer that takes the mean of their gradients, for little memory.

Keras clips and decays weights once a step. The gradients of a group that is not yet complete are
among the optimizer's variables, and so in the state of a run: at the end of an epoch the group goes
on into the next.
"""

import keras
from keras import ops

from mrcnn.nn.blocks import registered


@registered
class OfSteps(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of steps for an optimizer that counts batches, `batches` to a step."""

    def __init__(self, schedule, batches: int):
        self.schedule, self.batches = schedule, batches

    def __call__(self, step):
        return self.schedule(ops.floor_divide(step, self.batches))

    def get_config(self):
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule, "batches": self.batches}

    @classmethod
    def from_config(cls, config):
        schedule = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(schedule, config["batches"])


def refuse_no_step(batches: int, accumulate: int) -> None:
    """Raise ValueError where all batches of a training are too few for a step."""
    if batches < accumulate:
        raise ValueError(
            f"ACCUMULATE_BATCHES is {accumulate}, but {batches} batches are all of this training: "
            "it would make no step; lower it (--accumulate)"
        )


def accumulating(optimizer, batches: int):
    """Let a Keras optimizer that has made no step yet take one every `batches` batches."""
    if batches > 1:
        optimizer.gradient_accumulation_steps = batches
        rate = optimizer.get_config()["learning_rate"]
        if isinstance(rate, dict):
            schedule = keras.optimizers.schedules.deserialize(rate)
            optimizer.learning_rate = OfSteps(schedule, batches)
    return optimizer
