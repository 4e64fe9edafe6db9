"""The backbones: one record each of all that the rest of the package must know of them.

Those of this package are BACKBONES; any model of Keras Applications is one too, by its name. A
backbone is a function `(image, stage5, train_bn) -> [C1, .. C5]`, as `Config.BACKBONE` may also
be. It is named "module:function", which is imported when it is asked for: this module needs neither
Keras nor TensorFlow.
"""

import functools
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrcnn.download import IMAGENET_WEIGHTS, LITE0_WEIGHTS, PackageFile, RemoteFile
from mrcnn.nn import applications
from mrcnn.nn.applications import APPLICATIONS

RGB = 3
# Keras Applications fetch their weights themselves.
KERAS = "Keras"


@dataclass(frozen=True)
class Backbone:
    """What is known of a backbone.

    Attributes:
        name: what `Config.BACKBONE` says.
        graph: "module:function" that builds it; see `function`.
        channels: of C2..C5.
        strides: pixels of the image per cell of C2..C5.
        stages: regular expression of the layers of some stages, whose numbers stand for {stages}.
        mark: a layer that tells it from the backbones before it in the list.
        mean_pixel: what its pretrained weights want subtracted from the pixels, RGB, 0..255; the
            network sees to it, whatever `Config.MEAN_PIXEL` subtracted before. None: just that.
        pixel_scale: what they want the pixels multiplied with after that, one number or one per
            channel; done in the network.
        pretrained: where weights to begin with come from: a file, or KERAS; None without any.
        settings: what suits a network that begins with them, where a Config does not say.
    """

    name: str
    graph: str
    channels: tuple[int, ...]
    stages: str
    mark: str
    strides: tuple[int, ...] = (4, 8, 16, 32)
    mean_pixel: tuple[float, ...] | None = None
    pixel_scale: float | tuple[float, ...] = 1.0
    pretrained: RemoteFile | PackageFile | str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)

    def function(self) -> Callable:
        """Import the function that builds it."""
        return resolve(self.graph)

    def pixels(self, subtracted: Sequence[float]) -> tuple[list[float], list[float]]:
        """Return (scale, offset) per channel of the image as a Config gives it.

        `subtracted` is its MEAN_PIXEL. Pretrained weights are for RGB: with other channels they do
        not fit, and the image is scaled alone.
        """
        subtracted = np.atleast_1d(subtracted)
        scale, offset = np.mean(self.pixel_scale), np.zeros(len(subtracted))
        if len(subtracted) == RGB:
            scale = np.asarray(self.pixel_scale)
            if self.mean_pixel:
                offset = (subtracted - self.mean_pixel) * scale
        scale = np.broadcast_to(scale, len(subtracted))
        return scale.tolist(), offset.tolist()


# A network small enough for a processor, for pictures of 512 px and objects of 24 to 384.
_SMALL = {
    "TOP_DOWN_PYRAMID_SIZE": 64,
    "RPN_CONV_LAYER_SIZE": 64,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 256,
    "MASK_CONV_LAYERS_SIZE": 64,
    "RPN_ANCHOR_SCALES": (24, 48, 96, 192, 384),
    "IMAGE_MIN_DIM": 512,
    "IMAGE_MAX_DIM": 512,
    "TRAIN_ROIS_PER_IMAGE": 96,
    "PRE_NMS_LIMIT": 2000,
    "POST_NMS_ROIS_TRAINING": 500,
    "POST_NMS_ROIS_INFERENCE": 200,
}

# A ResNet has all layers of those that are less deep, which therefore come first.
_ALL = (
    Backbone(
        name="resnet50",
        graph="mrcnn.nn.resnet:resnet50_graph",
        channels=(256, 512, 1024, 2048),
        stages="(res|bn)[{stages}].*",
        mark="res4f_branch2a",
        pretrained=IMAGENET_WEIGHTS,
    ),
    Backbone(
        name="resnet101",
        graph="mrcnn.nn.resnet:resnet101_graph",
        channels=(256, 512, 1024, 2048),
        stages="(res|bn)[{stages}].*",
        mark="res4w_branch2a",
    ),
    Backbone(
        name="efficientnet_lite0",
        graph="mrcnn.nn.efficientnet_lite:efficientnet_lite0_graph",
        channels=(24, 40, 112, 320),
        stages="lite[{stages}].*",
        mark="lite1_stem_conv",
        mean_pixel=(127.0, 127.0, 127.0),
        pixel_scale=1 / 128,
        pretrained=LITE0_WEIGHTS,
        settings=_SMALL,
    ),
)
BACKBONES = {backbone.name: backbone for backbone in _ALL}
# Where any network will do.
SMALLEST = min(_ALL, key=lambda backbone: sum(backbone.channels)).name


# What `Config.BACKBONE` may say, in words.
WORDS = f"{', '.join(BACKBONES)}, or a model of Keras Applications such as EfficientNetV2B0"


@dataclass(frozen=True)
class Application(Backbone):
    """A model of Keras Applications; its channels are not known before it is built."""

    graph: str = "mrcnn.nn.application_graph:application_graph"
    channels: tuple[int, ...] = ()
    stages: str = applications.STAGES
    mark: str = ""
    pretrained: str = KERAS

    def function(self):
        return functools.partial(super().function(), self.name)


def is_known(name: object) -> bool:
    """Tell whether a backbone has this name."""
    return isinstance(name, str) and (name in BACKBONES or name in APPLICATIONS)


def fits(name: str, weights: str) -> bool:
    """Tell whether weights of one backbone are for another one, whole: a deeper ResNet's are."""
    order = list(BACKBONES)
    if name not in order or weights not in order:
        return name == weights
    same_layers = BACKBONES[name].stages == BACKBONES[weights].stages
    return same_layers and order.index(name) <= order.index(weights)


def named(name: str) -> Backbone:
    """Return the record of a backbone; raises ValueError for a name that none has."""
    if name in BACKBONES:
        return BACKBONES[name]
    if name not in APPLICATIONS:
        raise ValueError(f"backbone {name!r} is not known: use one of {WORDS}")
    mean, scale, _ = APPLICATIONS[name]
    return Application(name, mean_pixel=mean, pixel_scale=scale)


def of_layers(layer_names: Iterable[str]) -> str | None:
    """Return which backbone layers of these names belong to, None for none that is known."""
    layer_names = set(layer_names)
    found = [name for name, backbone in BACKBONES.items() if backbone.mark in layer_names]
    found += [*filter(None, map(applications.of_layer, layer_names))][:1]
    return found[-1] if found else None


def stage_pattern(first: int) -> str:
    """Return the regular expression of the layers of stage `first` to 5, of whichever backbone."""
    stages = "".join(map(str, range(first, 6)))
    patterns = {backbone.stages for backbone in BACKBONES.values()} | {applications.STAGES}
    return "|".join(sorted(pattern.format(stages=stages) for pattern in patterns))


def spell(backbone: Callable) -> str | None:
    """Return "module:function" of a function that can be imported again by it, else None."""
    module = getattr(backbone, "__module__", None)
    name = getattr(backbone, "__qualname__", None)
    try:
        found = functools.reduce(getattr, name.split("."), sys.modules[module])
    except (AttributeError, KeyError):
        return None
    if found is not backbone:
        return None
    if module == "__main__":
        main = sys.modules[module]
        if getattr(main, "__file__", None) is None:
            return None
        module = main.__spec__.name if main.__spec__ else Path(main.__file__).stem
    return f"{module}:{name}"


def resolve(text: str) -> Callable:
    """Return the function that "module:function" names; raises ValueError where there is none.

    Importing a module runs it: never do so with a text out of a file that somebody else wrote.
    """
    module, _, name = text.partition(":")
    try:
        if not module or not name:
            raise ValueError("it must be module:function")
        found = functools.reduce(getattr, name.split("."), importlib.import_module(module))
        if not callable(found):
            raise ValueError("it is no function")
    except Exception as error:  # a module of the user's may raise whatever it likes
        raise ValueError(
            f"the backbone {text} cannot be imported ({error}): name a function of a module in "
            "this folder or on PYTHONPATH"
        ) from error
    return found
