"""The models of Keras Applications, by name, and the pixels that their ImageNet weights want.

The names are listed so that a Config is checked, and `--help` answers, without Keras.
`application_graph.py` builds them.
"""

from typing import NamedTuple


class Pixels(NamedTuple):
    """(RGB - mean) * scale per channel, of 0..255; `bgr`: then with the channels turned round."""

    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    bgr: bool = False


# As Keras names the modes of `preprocess_input`.
_TF = Pixels((127.5,) * 3, (1 / 127.5,) * 3)
_TORCH = Pixels(
    (0.485 * 255, 0.456 * 255, 0.406 * 255),
    (1 / (0.229 * 255), 1 / (0.224 * 255), 1 / (0.225 * 255)),
)
_CAFFE = Pixels((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), bgr=True)
_CENTRED = Pixels((128.0,) * 3, (1 / 128,) * 3)

APPLICATIONS: dict[str, Pixels] = {
    **dict.fromkeys(("ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge"), _TORCH),
    "ConvNeXtXLarge": _TORCH,
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), _TORCH),
    **{f"EfficientNetB{size}": _TORCH for size in range(8)},
    **{f"EfficientNetV2B{size}": _TORCH for size in range(4)},
    **dict.fromkeys(("EfficientNetV2S", "EfficientNetV2M", "EfficientNetV2L"), _CENTRED),
    **dict.fromkeys(("InceptionResNetV2", "InceptionV3"), _TF),
    **dict.fromkeys(("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"), _TF),
    **dict.fromkeys(("NASNetMobile", "NASNetLarge"), _TF),
    **dict.fromkeys(("ResNet50", "ResNet101", "ResNet152"), _CAFFE),
    **dict.fromkeys(("ResNet50V2", "ResNet101V2", "ResNet152V2"), _TF),
    **dict.fromkeys(("VGG16", "VGG19"), _CAFFE),
    "Xception": _TF,
}


def layer_name(application: str, stage: int, name: str) -> str:
    """Return what a layer of an application is called here; `stage` is 1 to 5."""
    return f"{application}_c{stage}_{name}"


# Of the layers of some stages, as `Backbone.stages` has it.
STAGES = "[A-Z][A-Za-z0-9]*_c[{stages}]_.*"


def of_layer(name: str) -> str | None:
    """Return which application a layer of this name belongs to, or None."""
    application, _, rest = name.partition("_c")
    return application if application in APPLICATIONS and rest[1:2] == "_" else None
