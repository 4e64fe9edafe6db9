"""Which layers learn: what the words of `layers` mean, and how layers are told."""

import re

from mrcnn.nn.backbones import stage_pattern
from mrcnn.nn.blocks import leaf_layers

HEADS = r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)"
FIRST_STAGES = {"3+": 3, "4+": 4, "5+": 5}


def layer_pattern(layers: str) -> str:
    """Return the regular expression of the layers to train.

    `layers` is "heads", "3+", "4+", "5+" (that stage of the backbone, what follows it, and the
    heads), "all", or a regular expression that must match a layer's whole name.
    """
    if layers in FIRST_STAGES:
        return f"{stage_pattern(FIRST_STAGES[layers])}|{HEADS}"
    return {"heads": HEADS, "all": ".*"}.get(layers, layers)


def set_trainable(model, pattern: str) -> list[str]:
    """Let the layers learn whose whole name matches `pattern`, and no others; return their names.

    Raises ValueError where none matches or `pattern` is no regular expression.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"layers {pattern!r} is not a regular expression: {error}") from error
    names = []
    for leaf, _ in leaf_layers(model):
        if leaf.weights:
            leaf.trainable = bool(expression.fullmatch(leaf.name))
            if leaf.trainable:
                names.append(leaf.name)
    if not names:
        raise ValueError(
            f"layers {pattern!r} matches no layer: use heads, 3+, 4+, 5+, all or the name of a "
            "layer such as mrcnn_mask"
        )
    return names
