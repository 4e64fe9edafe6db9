"""Any model of Keras Applications as a backbone, and its ImageNet weights.

The model is taken as Keras builds it, up to its last feature map. C1..C5 are the last tensors at
strides 2, 4, 8, 16, 32 that all that follows goes through. Four things are changed:
- its layers carry names that tell the application and the stage;
- its own preprocessing is left out: the network has done that, see `applications.Pixels`;
- convolutions and poolings that lose a border ("valid") keep it, so that a map has half the side
  of the one before, which the pyramid relies on;
- BatchNorm does as `TRAIN_BN` says, and nothing is dropped at random.

Legend: see blocks.py.
"""

import math
import re
import warnings

import keras
import numpy as np
from keras import layers, ops

from mrcnn.nn import kernels, variable_names
from mrcnn.nn.applications import APPLICATIONS, layer_name
from mrcnn.nn.blocks import BatchNorm, registered

# Pixels; large enough that the strides can be told from the shapes.
SIDE = 512
STAGES = range(1, 6)


@registered
class StagedBatchNorm(BatchNorm):
    """A `BatchNorm` that knows `Config.TRAIN_BN`: None, False or True; see `ConvNorm`."""

    def __init__(self, train_bn=False, **kwargs):
        super().__init__(**kwargs)
        self.train_bn = train_bn

    def get_config(self):
        return super().get_config() | {"train_bn": self.train_bn}

    def call(self, inputs, training=None, mask=None):
        training = training if self.train_bn is None else bool(self.train_bn)
        return super().call(inputs, training=training, mask=mask)


def application_graph(name, image, stage5=False, train_bn=True):
    """Build the application `name` on `image` `[B, H, W, C]`, pixels as `Pixels` has them.

    Returns `[C1, C2, C3, C4, C5]`; C5 is None without `stage5`.
    """
    model = keras_model(name, image.shape[-1])
    stages, ends = _stages(model)
    names = _names(name, stages)
    padded = _padded(model)

    def clone(operation):
        if not isinstance(operation, layers.Layer):
            return operation
        if isinstance(operation, layers.Normalization | layers.Rescaling):
            return layers.Identity(name=f"{name}_{operation.name}")
        return _changed(operation, names, operation not in padded, train_bn)

    wanted = keras.Model(model.input, ends if stage5 else ends[:-1], name=name)
    anew = layers.Input((None, None, image.shape[-1]), name=f"{name}_input")
    body = keras.models.clone_model(wanted, anew, clone_function=clone)
    if APPLICATIONS[name].bgr:
        image = ops.flip(image, axis=-1)
    outputs = body(image)
    return outputs if stage5 else [*outputs, None]


def published(name) -> dict[str, dict[str, np.ndarray]]:
    """Return the ImageNet weights of an application, as `weights_file.write` takes them.

    Keras downloads them, to its own folder; what it raises where it cannot is passed on.
    """
    with warnings.catch_warnings():
        # Some were trained on photos of several sizes, and Keras says which it takes.
        warnings.simplefilter("ignore")
        model = keras_model(name, 3, weights="imagenet")
    stages, _ = _stages(model)
    return {
        ours: {
            f"{ours}/{called}:0": np.asarray(variable, np.float32)
            for called, variable in variable_names.in_network(layer)
        }
        for layer, ours in _names(name, stages).items()
    }


def keras_model(name, channels, weights=None):
    """Return an application as Keras builds it, without its classifier, for a SIDE x SIDE image."""
    make = getattr(keras.applications, name)
    return make(weights=weights, include_top=False, input_shape=(SIDE, SIDE, channels))


def _flat(tensors):
    return tensors if isinstance(tensors, list | tuple) else [tensors]


def _stages(model):
    """Return ({operation: its stage, 1 to 5}, [C1..C5]) of a model of a SIDE x SIDE image.

    C5 is what the model ends with. A stage has what its tensor needs and those before it do not.
    """
    operations = [op for op in model.operations if not isinstance(op, layers.InputLayer)]
    ends, stages = _ends(operations), {}
    for stage, end in enumerate(ends, start=1):
        needed = {id(end)}
        for operation in reversed(operations):
            if id(operation.output) in needed and operation not in stages:
                stages[operation] = stage
                needed.update(id(tensor) for tensor in _flat(operation.input))
    return {op: stages[op] for op in operations if op in stages}, ends


def _ends(operations):
    """Return C1..C5. Where no tensor has stride 2, C1 is C2.

    A tensor that all that follows goes through is one after which no earlier one is used. NASNet,
    whose cells look back past the one before, has none: there it is what a cell puts together.
    """
    users = {id(x): place for place, op in enumerate(operations) for x in _flat(op.input)}
    through, joined, last = {}, {}, 0
    for place, operation in enumerate(operations):
        tensor = operation.output
        # A border belongs to what follows.
        if len(tensor.shape) == 4 and not isinstance(operation, layers.ZeroPadding2D):
            stage = round(math.log2(SIDE / tensor.shape[1]))
            if last <= place:
                through[stage] = tensor
            if isinstance(operation, layers.Concatenate):
                joined[stage] = tensor
        last = max(last, users.get(id(tensor), 0))
    ends = joined | through
    return [ends.get(stage, ends[2]) for stage in STAGES]


def _names(name, stages):
    """Return `{layer: its name here}` of all layers with weights.

    Where Keras has made up a name, with a number that depends on what was built before, the layer
    gets one by its place.
    """
    counts, names = {}, {}
    for operation, stage in stages.items():
        for layer in operation.layers if isinstance(operation, keras.Sequential) else [operation]:
            if not isinstance(layer, layers.Layer) or not layer.weights:
                continue
            kind, own = _snake(type(layer).__name__), layer.name
            if re.fullmatch(rf"{kind}(_\d+)?", own):
                counts[kind] = counts.get(kind, 0) + 1
                own = f"{kind}_{counts[kind]}"
            names[layer] = layer_name(name, stage, own)
    return names


def _snake(kind):
    """Return how Keras begins the name that it makes up for a layer of a class."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()


def _padded(model):
    """Return the operations that a layer of padding of their own comes before."""
    pads = [op for op in model.operations if isinstance(op, layers.ZeroPadding2D)]
    tensors = {id(pad.output) for pad in pads}
    return {op for op in model.operations if any(id(x) in tensors for x in _flat(op.input))}


def _changed(layer, names, keep_border, train_bn):
    """Return a new layer like `layer`, as the head of this module says."""
    if isinstance(layer, keras.Sequential):
        inner = [_changed(each, names, keep_border, train_bn) for each in layer.layers]
        return keras.Sequential(inner, name=layer.name)
    config = layer.get_config()
    config["name"] = names.get(layer, layer.name)
    kernel_size = config.get("kernel_size", config.get("pool_size", 1))
    if keep_border and config.get("padding") == "valid" and kernel_size != (1, 1):
        config["padding"] = "same"
    for rate in {"rate", "drop_path_rate"} & config.keys():
        config[rate] = 0.0
    if kernels.initializer() == "zeros":
        for each in {"kernel_initializer", "depthwise_initializer", "pointwise_initializer"}:
            if each in config:
                config[each] = "zeros"
    if isinstance(layer, layers.BatchNormalization):
        return StagedBatchNorm.from_config(config | {"train_bn": train_bn})
    return type(layer).from_config(config)
