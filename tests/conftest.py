import os
import signal
import subprocess
import sys

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

from tests import golden as golden_files

# A shell starts what it runs in the background with Ctrl-C ignored, and programs pass that on.
signal.signal(signal.SIGINT, signal.default_int_handler)

# So does nohup with this one.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

RUNS = {"resnet50": "inference_resnet50_square.npz", "resnet101": "inference_resnet101_pad64.npz"}


@pytest.fixture(scope="session")
def golden():
    """The older package's inputs and outputs of its helpers."""
    return golden_files.load("functions.npz")


@pytest.fixture(scope="session")
def published_weights(tmp_path_factory):
    """A function: backbone -> the path of a file in the published layout, with made-up numbers."""
    folder = tmp_path_factory.mktemp("weights")

    def make(backbone):
        path = folder / f"{backbone}.h5"
        if not path.exists():
            script = golden_files.FOLDER / "make_weights.py"
            subprocess.run([sys.executable, script, backbone, path], check=True)
        return path

    return make


@pytest.fixture(scope="session")
def golden_runs(published_weights):
    """A function: backbone -> (arrays of its golden run, the model with its weights, images).

    Building a ResNet-101 takes a while, so all tests share one.
    """
    made = {}

    def run(backbone):
        if backbone not in made:
            from mrcnn.model import MaskRCNN

            arrays = golden_files.load(RUNS[backbone])
            model = MaskRCNN("inference", golden_files.config(arrays)(), "log")
            model.load_weights(published_weights(backbone), by_name=True)
            images = [arrays[name] for name in arrays if name.startswith("image_")]
            made[backbone] = arrays, model, images
        return made[backbone]

    return run


@pytest.fixture
def eager():
    """TensorFlow's functions run as they are: a step or two take less time than tracing a graph."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
