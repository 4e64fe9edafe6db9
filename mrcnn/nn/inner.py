"""Tensors within the layers that hold others, made when somebody asks for them.

The network's layers do at once what the published ones do one after another. Here a layer within
is called once more on what its holder gets, so that its output can be computed with the network's.
Legend: see blocks.py.
"""

import keras
from keras import layers, ops

from mrcnn.nn.blocks import ConvNorm, EachRoI
from mrcnn.nn.rpn import Proposals, candidates

KEPT = "rpn_non_max_suppression"


def layer_within(model, name, made):
    """Return the convolution or BatchNorm `name` that a layer of `model` holds, or None.

    Its `output` is that of the layer alone, before norm and activation. Of a head it is an
    `EachRoI`, whose `layer` it is: `[B, N, ...]`; `made` keeps these by name while they are used.
    """
    for holder in model.layers:
        pair = holder.layer if isinstance(holder, EachRoI) else holder
        if isinstance(pair, ConvNorm) and name in (pair.conv.name, pair.norm.name):
            conv, norm = pair.layers
            if pair is not holder:
                conv, norm = (made.setdefault(each.name, EachRoI(each)) for each in pair.layers)
            if not _has_output(conv):
                conv(holder.input)
            if not _has_output(norm):
                norm(conv.output, training=pair.train_bn)
            return conv if name == pair.conv.name else norm
    return None


def _has_output(layer):
    try:
        return layer.output is not None
    except AttributeError:
        return False


def ancestor(inputs, tensor, name):
    """Return the output of the layer `name` that `tensor` depends on, or None.

    `inputs` are those of the network. What is within the layer "ROI" has the older names, such as
    "ROI/refined_anchors:0": `pre_nms_anchors`, `refined_anchors` and `refined_anchors_clipped` are
    `[B, n, 4]`, fractions, the anchors that look most like an object; `rpn_non_max_suppression` is
    int `[m]`, which of those of the first image are proposals.
    """
    name, *within = name.split(":")[0].split("/")
    above = keras.Model(inputs, tensor).layers
    layer = next((layer for layer in above if layer.name == name), None)
    if layer is None or not within:
        return layer and layer.output
    if not isinstance(layer, Proposals):
        return None
    steps = dict(zip(Steps.NAMES, Steps(layer)(layer.input), strict=True))
    if within[0] == KEPT:
        return Kept(name=KEPT)([steps["refined_anchors_clipped"], layer.output])
    return steps.get(within[0])


class Steps(layers.Layer):
    """The candidates of a `Proposals` layer, in three steps: its inputs to three `[B, n, 4]`."""

    NAMES = ("pre_nms_anchors", "refined_anchors", "refined_anchors_clipped")

    def __init__(self, proposals):
        super().__init__(dtype="float32")
        self.limit, self.std_dev = proposals.pre_nms_limit, proposals.std_dev

    def call(self, inputs):
        probs, deltas, anchors = inputs
        std_dev = ops.convert_to_tensor(self.std_dev, dtype="float32")
        return candidates(probs[..., 1], deltas, anchors, std_dev, self.limit)[1:]

    def compute_output_shape(self, input_shape):
        return [(input_shape[0][0], None, 4)] * len(self.NAMES)


class Kept(layers.Layer):
    """`[candidates [B, n, 4], proposals [B, P, 4]]` to the places of the first image's proposals
    among its candidates, int `[m]`."""

    def call(self, inputs):
        boxes, proposals = (x[0] for x in inputs)
        filled = ops.any(proposals != 0, axis=-1)
        same = ops.all(proposals[:, None] == boxes[None], axis=-1)
        places = ops.argmax(ops.cast(same, "int32"), axis=-1)
        return ops.take(places, ops.nonzero(filled)[0])

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((None,), "int32")
