"""Weights between files and networks, with an account of every one of them.

`weights_file.py` tells the layout. Weights are matched by the names of layer and variable.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrcnn.nn import backbones, variable_names, weights_file
from mrcnn.nn.weights_file import WeightsError, WeightsInfo, inspect

__all__ = ["LoadReport", "WeightsError", "WeightsInfo", "inspect", "load", "save"]

# The layers whose shape depends on the number of classes.
CLASS_LAYERS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")
# What makes a file more than a backbone trained to classify.
_DETECTOR_LAYERS = re.compile(r"mrcnn_|rpn_|fpn_")


@dataclass
class LoadReport:
    """What became of each weight, as `layer/variable`."""

    path: Path
    loaded: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    zero_biases: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    # A sentence about a file of another backbone that has all that this one needs.
    deeper: str | None = None

    def __str__(self):
        lines = [f"{self.path}: {len(self.loaded)} weights of {_layers(self.loaded)} loaded"]
        notes = {
            "excluded": "left out as asked, new in the network",
            "zero_biases": "not in the file, set to zero",
            "missing": "not in the file, new in the network",
            "unused": "in the file, not in the network",
        }
        for name, note in notes.items():
            entries = getattr(self, name)
            if entries:
                lines.append(f"  {_layers(entries)} {note}: {_some(entries)}")
        if self.deeper:
            lines.append(f"  {self.deeper}")
        if self.unknown:
            lines.append(f"  exclude names what the network does not have: {_some(self.unknown)}")
        return "\n".join(lines)


def _layer_names(entries):
    return list(dict.fromkeys(entry.split("/")[0] for entry in entries))


def _layers(entries):
    count = len(_layer_names(entries))
    return f"{count} layer{'s' if count != 1 else ''}"


def _some(entries, count=4):
    names = _layer_names(entries)
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


def load(leaves, path, exclude=(), training=False) -> LoadReport:
    """Assign the arrays of a file to the variables of the same layer and name.

    Arguments:
        leaves: `(layer, names)` pairs, as `blocks.leaf_layers` yields them.
        path: the file.
        exclude: names of layers, or of models that hold them, to leave as they are.
        training: whether the network is about to be trained. Only then may layers be excluded,
            and may a file that holds nothing but a backbone leave the others new.

    Backbone biases that a file lacks beside their kernel count as zeros. A deeper backbone's file
    starts a training where it has all layers of the network's. Raises WeightsError, before anything
    is assigned, where a weight of the network would stay random unasked.
    """
    leaves, exclude = list(leaves), set(exclude or ())
    report = LoadReport(Path(path))
    report.unknown = sorted(exclude.difference(*(names for _, names in leaves)))
    leaves = [(layer, names) for layer, names in leaves if layer.weights]
    assignments = []
    with weights_file.contents(path) as (datasets, _):
        in_file = {layer for layer, _ in datasets}
        for layer, names in leaves:
            for name, variable in variable_names.in_network(layer):
                key = layer.name, name
                entry = "/".join(key)
                dataset = datasets.get(key)
                if exclude & set(names):
                    report.excluded.append(entry)
                elif dataset is not None and dataset.shape != tuple(variable.shape):
                    report.mismatched.append(entry)
                elif dataset is not None:
                    assignments.append((variable, dataset))
                    report.loaded.append(entry)
                elif _may_lack(layer.name, name) and (layer.name, "kernel") in datasets:
                    assignments.append((variable, None))
                    report.zero_biases.append(entry)
                else:
                    report.missing.append(entry)
        used = {layer.name for layer, _ in leaves}
        report.unused = ["/".join(key) for key in datasets if key[0] not in used]
        _refuse_other_layers(report, in_file, used, training)
        _refuse_other_shapes(report, datasets, leaves)
        for variable, dataset in assignments:
            variable.assign(
                np.zeros(variable.shape) if dataset is None else weights_file.array(dataset)
            )
    return report


def _may_lack(layer, variable):
    """Some old files were saved from backbones whose convolutions have no bias."""
    return variable == "bias" and not _DETECTOR_LAYERS.match(layer)


def _refuse_other_layers(report, in_file, used, training):
    path = report.path
    theirs, ours = backbones.of_layers(in_file), backbones.of_layers(used)
    others = bool(theirs and ours and theirs != ours)
    # A part of a backbone detects nothing, but it is a start.
    if others and (report.missing or not training):
        raise WeightsError(
            f"{path} has weights of {theirs}, the config's BACKBONE is {ours}: "
            f"set BACKBONE = {theirs!r} or take another file"
        )
    if others:
        report.deeper = (
            f"the file is of {theirs}, which has all layers of {ours} and more: let the backbone "
            'learn too (layers "4+" or "all"), it never worked without the others'
        )
    if not report.loaded and not report.mismatched:
        raise WeightsError(f"{path} has none of the network's layers (it has {_some(in_file)})")
    if report.excluded and not training:
        raise WeightsError(
            f"{path}: exclude={_layer_names(report.excluded)} would leave these layers random, and "
            "so the detections; exclude is for training, load everything to detect"
        )
    only_backbone = not any(_DETECTOR_LAYERS.match(name) for name in in_file)
    if report.missing and not (training and only_backbone):
        raise WeightsError(
            f"{path} lacks {_layers(report.missing)} of the network, which would stay random: "
            f"{_some(report.missing)}"
            + ("; name them in exclude to train them anew" if training else "")
        )


def _refuse_other_shapes(report, datasets, leaves):
    if not report.mismatched:
        return
    shapes = {
        (leaf.name, name): tuple(v.shape)
        for leaf, _ in leaves
        for name, v in variable_names.in_network(leaf)
    }
    logits = "mrcnn_class_logits", "bias"
    if logits in datasets and datasets[logits].shape != shapes.get(logits):
        raise WeightsError(
            f"the file has {datasets[logits].shape[0]} classes, the config "
            f"{shapes[logits][0]}: set NUM_CLASSES = {datasets[logits].shape[0]} (with the "
            "background), or to train for other classes leave the class layers out with "
            f"exclude={list(CLASS_LAYERS)} ({report.path})"
        )
    entry = report.mismatched[0]
    key = tuple(entry.split("/"))
    raise WeightsError(
        f"{report.path}: {entry} has shape {datasets[key].shape}, the network's has {shapes[key]}"
        f"; {_layers(report.mismatched)} differ, so the file was trained with another Config"
    )


def save(leaves, path, metadata=None) -> None:
    """Write all weights of a model in the published layout; see `load` and `weights_file.write`."""
    groups = {}
    for layer, names in _published_order((layer, names) for layer, names in leaves):
        group = groups.setdefault(names[-1], {})
        for name, variable in variable_names.in_network(layer):
            group[f"{layer.name}/{name}:0"] = np.asarray(variable, np.float32)
    weights_file.write(path, groups, metadata)


# The order of the published file, after the backbone.
_PARTS = ("fpn_", "rpn_", "mrcnn_class", "mrcnn_bbox", "mrcnn_mask")


def _published_order(leaves):
    """Order layers with weights as Keras 2 did, so that the older package also loads by position.

    It sorted layers by depth: where a block's shortcut is projected, both convolutions come before
    both norms.
    """

    def part(leaf):
        return next((i for i, start in enumerate(_PARTS) if leaf[0].name.startswith(start)), -1)

    ordered = sorted(((layer, names) for layer, names in leaves if layer.weights), key=part)
    for index, (layer, _) in enumerate(ordered[:-1]):
        following = ordered[index + 1][0].name
        if re.fullmatch(r"bn.*_branch2c", layer.name) and re.fullmatch(r"res.*_branch1", following):
            ordered[index : index + 2] = ordered[index + 1], ordered[index]
    return ordered
