"""Starting Keras and its engine, without TensorFlow's notes on the error stream, which no setting
turns off."""

import contextlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path

# Notes of the level "info", and one on how early they come.
NOTES = re.compile(rb"I\d{4} \d|WARNING: All log messages before absl::InitializeLog")

# What Keras may run on, and how that is installed.
ENGINES = {
    "tensorflow": "pip install -r requirements.txt",
    "jax": 'pip install ".[jax]"',
    "torch": 'pip install ".[torch]"',
}


def engine() -> str:
    """Return the engine that Keras runs on, or will: that of KERAS_BACKEND or of its own file."""
    folder = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    try:
        kept = json.loads((folder / "keras.json").read_text()).get("backend")
    except (OSError, ValueError):
        kept = None
    return os.environ.get("KERAS_BACKEND") or kept or "tensorflow"


def start_keras(device: str | None = None) -> None:
    """Import Keras and its engine; what they write to standard error is passed on but for NOTES.

    `device` is "cpu", "gpu" or "gpu:1", the GPU of that number alone, counted from 0; None takes
    what is there. Does nothing where Keras is imported already. Raises ValueError where the engine
    that KERAS_BACKEND names is not known or not installed.
    """
    if "keras" in sys.modules:
        return
    if device == "cpu":
        # Of CUDA's libraries, whichever backend calls them; JAX asks for no GPU only so.
        os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    elif device and ":" in device:
        os.environ["CUDA_VISIBLE_DEVICES"] = device.partition(":")[2]
    # JAX takes most of a GPU's memory at once unless it is told not to.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    with _caught_stderr() as caught:
        _import_keras()
    lines = [line for line in caught if not NOTES.match(line)]
    os.write(2, b"".join(lines))


def check_engine() -> None:
    """Raise ValueError where Keras knows no engine of the name that is asked for."""
    if engine() not in ENGINES:
        raise ValueError(f"KERAS_BACKEND is {engine()}, it must be one of {', '.join(ENGINES)}")


def _import_keras():
    check_engine()
    try:
        import keras  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name not in ENGINES:
            raise
        raise ValueError(
            f"Keras runs on {error.name} here, which is not installed: {ENGINES[error.name]}, or "
            "set KERAS_BACKEND to the engine that is"
        ) from error


@contextlib.contextmanager
def _caught_stderr():
    """Yield a list that holds, once the body is done, the lines it wrote to file descriptor 2."""
    lines = []
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            lines += file.readlines()
