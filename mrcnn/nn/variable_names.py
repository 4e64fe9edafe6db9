"""What the variables of a layer are called: in a network, and in weights files of every Keras."""

import re
from collections.abc import Collection, Iterator

# Keras 1 wrote `conv1_W_1:0` and Keras 2 `conv1/kernel:0`.
_ALIASES = {
    "W": "kernel",
    "b": "bias",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
}
COMMON = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
_NUMBERED = re.compile(rf"({'|'.join((*COMMON, *_ALIASES))})(?:_\d+)?")
_KERAS1 = re.compile(rf"(?:^|_){_NUMBERED.pattern}$")


def in_network(layer) -> Iterator[tuple[str, object]]:
    """Yield (name, variable) of a layer's weights.

    Where a layer gives its variables no names Keras makes some up, with a number that depends on
    what was built before; here they are numbered within the layer.
    """
    unnamed = 0
    for variable in layer.weights:
        name = variable.name
        if re.fullmatch(r"variable(_\d+)?", name):
            unnamed += 1
            name = f"variable_{unnamed}"
        yield name, variable


def in_file(dataset: str, beside: Collection[str]) -> str | None:
    """Return what today's Keras calls the variable of a dataset, None where that cannot be told.

    `dataset` is such as "conv1/kernel:0"; `beside` are all those listed with it.
    """
    parent, _, last = dataset.rpartition("/")
    last, colon, index = last.partition(":")
    known = _NUMBERED.fullmatch(last)
    if not known and (not parent or last.startswith(f"{parent.rpartition('/')[2]}_")):
        known = _KERAS1.search(last)
    if known:
        return _ALIASES.get(known[1], known[1])
    # Keras 2 told a depthwise kernel from others, today's Keras does in a separable layer alone.
    if last == "depthwise_kernel" and f"{parent}/pointwise_kernel{colon}{index}" not in beside:
        return "kernel"
    return last if parent else None
