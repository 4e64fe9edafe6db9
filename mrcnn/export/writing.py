"""Writing a network in a format, by Keras's own export and the converter behind it."""

import contextlib
import io
import logging
import warnings
from pathlib import Path

from mrcnn.export import forms
from mrcnn.export.network import ExportedNetwork
from mrcnn.runtimes.formats import FORMATS

# What Keras calls the formats.
KERAS_NAMES = {"savedmodel": "tf_saved_model"}
# Of ONNX's operations; tf2onnx knows none later.
OPSET = 18


def write(name: str, network, anchors: dict, image_shape, folder: Path) -> Path:
    """Write a network; return the file that holds it.

    Arguments:
        name: of FORMATS.
        network, anchors: as `ExportedNetwork` takes them.
        image_shape: (height, width) of the molded images, or None for any.
        folder: where to; it is there and empty.
    """
    import tensorflow as tf

    forms.check_engine()
    form = FORMATS[name]
    exported = ExportedNetwork(network, anchors, all_masks=not form.dynamic)
    path = folder / form.file
    # A SavedModel is a folder, named by its version as TensorFlow Serving wants it.
    target = path.parent if name == "savedmodel" else path
    signature = [
        tf.TensorSpec((1, *(image_shape or (None, None)), 3), tf.float32, name="image"),
        tf.TensorSpec((1, 4), tf.float32, name="window"),
        tf.TensorSpec((1,), tf.float32, name="min_confidence"),
    ]
    options = {"opset_version": OPSET} if name == "onnx" else {}
    with _silence():
        exported.export(
            str(target),
            format=KERAS_NAMES.get(name, name),
            input_signature=signature,
            verbose=False,
            **options,
        )
    return path


@contextlib.contextmanager
def _silence():
    """Keep the converters' notes to themselves; their errors are raised."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
