"""What convolutions are computed in: float32, or bfloat16 where the device is faster at it.

Weights stay float32 in either; so do boxes, scores, masks and losses, whose layers say so.
"""

import contextlib
from pathlib import Path

import keras

# Instructions that multiply bfloat16, as Linux names them.
CPU_FLAGS = {"amx_bf16", "avx512_bf16"}
# The first CUDA devices that do: Ampere.
CUDA_CAPABILITY = (8, 0)


def resolve(precision: str) -> str:
    """Return "float32" or "bfloat16" for a `Config.PRECISION`, which may be "auto"."""
    if precision != "auto":
        return precision
    return "bfloat16" if _multiplies_bfloat16() else "float32"


@contextlib.contextmanager
def computing_in(precision: str):
    """Layers that are made meanwhile compute in `precision`; see `resolve`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(
        "mixed_bfloat16" if resolve(precision) == "bfloat16" else "float32"
    )
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _multiplies_bfloat16() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = (tf.config.experimental.get_device_details(gpu) for gpu in gpus)
        return all(entry.get("compute_capability", (0, 0)) >= CUDA_CAPABILITY for entry in details)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return bool(CPU_FLAGS & set(flags.split()))
