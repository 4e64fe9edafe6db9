"""The formats that a network is exported in, and which program runs each."""

import importlib
import importlib.util
from dataclasses import dataclass

# What every exported network gives.
OUTPUTS = ("boxes", "class_ids", "scores", "masks")


@dataclass(frozen=True)
class Format:
    """A format.

    file: what holds the network, in the folder of an export.
    title: the name in sentences.
    runs: the module of this room that runs it; None where no `--runtime` does.
    packages: what running and exporting it imports, besides Keras and TensorFlow.
    extra: what pip calls these packages together.
    dynamic: whether a file takes images of all sizes.
    """

    file: str
    title: str
    runs: str | None
    packages: tuple[str, ...]
    extra: str
    dynamic: bool = True


FORMATS = {
    "savedmodel": Format("1/saved_model.pb", "SavedModel", None, (), ""),
    "onnx": Format(
        "model.onnx",
        "ONNX Runtime",
        "mrcnn.runtimes.with_onnx",
        ("onnxruntime", "onnx", "tf2onnx"),
        "onnx",
    ),
    "openvino": Format(
        "model.xml", "OpenVINO", "mrcnn.runtimes.with_openvino", ("openvino",), "openvino"
    ),
    "litert": Format(
        "model.tflite",
        "LiteRT",
        "mrcnn.runtimes.with_litert",
        ("ai_edge_litert",),
        "litert",
        dynamic=False,
    ),
}
RUNTIMES = tuple(name for name, each in FORMATS.items() if each.runs)


def require(name: str, *further: str, running: bool = False) -> None:
    """Raise ValueError, with the pip line, where a package that a format needs is missing.

    `further` are packages that are needed too; to run a file the first of its own is enough.
    """
    form = FORMATS[name]
    needed = (*(form.packages[:1] if running else form.packages), *further)
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ValueError(
            f"{name} needs {' and '.join(missing)}, which {verb} not installed: "
            f'pip install ".[{form.extra}]"'
        )


def load(name: str):
    """Import the module that runs a format."""
    return importlib.import_module(FORMATS[name].runs)
