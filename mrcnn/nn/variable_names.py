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
# What Keras makes up where a layer gives a variable no name.
_UNNAMED = re.compile(r"variable(?:_(\d+))?")
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
        if _UNNAMED.fullmatch(name):
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
    if parent and _UNNAMED.fullmatch(last):
        return f"variable_{1 + _unnamed(parent, {dataset, *beside}).index(dataset)}"
    # Keras 2 told a depthwise kernel from others, today's Keras does in a separable layer alone.
    if last == "depthwise_kernel" and f"{parent}/pointwise_kernel{colon}{index}" not in beside:
        return "kernel"
    return last if parent else None


def _unnamed(parent, beside):
    """Return the datasets of a layer whose variables have numbers for names, by the number."""
    numbers = {
        dataset: int(_UNNAMED.fullmatch(last)[1] or 0)
        for dataset in beside
        if dataset.rpartition("/")[0] == parent
        and _UNNAMED.fullmatch(last := dataset.rpartition("/")[2].partition(":")[0])
    }
    return sorted(numbers, key=numbers.get)
