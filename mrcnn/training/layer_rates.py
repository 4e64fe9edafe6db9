"""AdamW (Loshchilov and Hutter 2019) by which the backbone learns at another rate than the heads.

What a few photos teach new heads at the rate that these need would overwrite what the backbone has
from a million others (discriminative fine-tuning, Howard and Ruder 2018).
"""

import re

import keras

from mrcnn.nn.blocks import registered
from mrcnn.training.layers import HEADS


@registered
class LayerRates(keras.optimizers.AdamW):
    """`keras.optimizers.AdamW`, at `backbone` times the rate for all that is not of the heads.

    A factor of the gradients would not do it: Adam divides by their size. Weights decay by the rate
    of the heads.
    """

    def __init__(self, *args, backbone: float = 1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.backbone = backbone

    def build(self, variables):
        self._shares = [
            1.0 if re.match(HEADS, variable.path) else self.backbone for variable in variables
        ]
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        share = self._shares[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * share)

    def get_config(self):
        return super().get_config() | {"backbone": self.backbone}
