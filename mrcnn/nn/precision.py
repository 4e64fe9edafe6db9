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
    capabilities = {"tensorflow": _of_tensorflow, "jax": _of_jax, "torch": _of_torch}
    found = capabilities[keras.backend.backend()]()
    if found:
        return all(capability >= CUDA_CAPABILITY for capability in found)
    if keras.backend.backend() == "jax":
        # XLA multiplies bfloat16 on a processor slower than float32, also where it could.
        return False
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return bool(CPU_FLAGS & set(flags.split()))


# The compute capability of each GPU, (0, 0) where it has none.


def _of_tensorflow():
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = map(tf.config.experimental.get_device_details, gpus)
    return [entry.get("compute_capability", (0, 0)) for entry in details]


def _of_jax():
    import jax

    # A TPU has nothing but bfloat16.
    told = {"gpu": lambda gpu: getattr(gpu, "compute_capability", "0.0"), "tpu": lambda _: "99.0"}
    found = [told[each.platform](each) for each in jax.local_devices() if each.platform in told]
    return [tuple(map(int, capability.split("."))) for capability in found]


def _of_torch():
    import torch

    return [torch.cuda.get_device_capability(gpu) for gpu in range(torch.cuda.device_count())]
