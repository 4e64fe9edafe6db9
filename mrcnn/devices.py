"""The device that the network runs on."""

import contextlib
import ctypes
import shutil
from pathlib import Path

import keras

# What brings the GPU along, by engine.
FOR_GPU = {
    "tensorflow": "tensorflow[and-cuda]>=2.21,<2.22",
    "jax": "jax[cuda13]>=0.10,<0.11",
    "torch": "torch>=2.14,<2.15",
}
# What JAX compiled stays here for later runs, unless JAX_COMPILATION_CACHE_DIR says otherwise.
COMPILED = Path.home() / ".cache" / "mrcnn" / "jax"
# Options of mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def engine() -> str:
    """Return the name of the engine that Keras runs on."""
    return NAMES[keras.backend.backend()]


def prepare(exact: bool):
    """Let the engine take GPU memory as it needs it, not all at once; see also `quiet`.

    `exact` keeps a GPU from rounding what it multiplies to the 10 bits of TensorFloat-32.
    """
    {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()](exact)


def _jax(exact):
    import jax

    jax.config.update("jax_default_matmul_precision", "highest" if exact else None)
    if not jax.config.jax_compilation_cache_dir:
        jax.config.update("jax_compilation_cache_dir", str(COMPILED))
    _keep_memory()


def _keep_memory():
    """Let the process keep what it frees.

    XLA asks for its memory anew in each call, and where the C library gives that back meanwhile, a
    third of a call goes into getting it.
    """
    # Another C library than that of Linux has no such function, Windows no such library.
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _torch(exact):
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = not exact


def _tensorflow(exact):
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(not exact)
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            # The GPU is in use already: whoever started TensorFlow has chosen.
            return


def gpu_names() -> list[str]:
    """Return the name of each GPU that the network can use, such as "NVIDIA GeForce RTX 3060"."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        details = map(tf.config.experimental.get_device_details, gpus)
        return [detail.get("device_name", "unknown") for detail in details]
    if backend == "jax":
        import jax

        return [device.device_kind for device in jax.local_devices() if device.platform == "gpu"]
    import torch

    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


def require(device: str | None) -> None:
    """Raise ValueError where "gpu" or "gpu:1" was asked for and there is none."""
    if device and device.startswith("gpu") and not gpu_names():
        reason = f": {unseen_gpu()}" if shutil.which("nvidia-smi") else ""
        raise ValueError(f"--device {device}: Keras has no such GPU here{reason}")


def unseen_gpu() -> str:
    """Say how the engine gets to see the machine's NVIDIA GPU."""
    package = FOR_GPU[keras.backend.backend()]
    return f'there is an NVIDIA GPU but {engine()} does not see it: pip install "{package}"'


def is_gpu_unseen() -> bool:
    """Return whether the machine has an NVIDIA GPU that Keras cannot use."""
    return not gpu_names() and shutil.which("nvidia-smi") is not None


def strategy(count: int):
    """Return what spreads batches over `count` devices, None for one.

    On TensorFlow that is a `tf.distribute.MirroredStrategy`, on JAX a
    `keras.distribution.DataParallel`; of joined processes it has all devices, whatever `count` is.
    The devices are GPUs, or logical CPUs where those were set up. Raises ValueError where there
    are fewer, and on PyTorch.
    """
    backend = keras.backend.backend()
    if backend == "jax" and _joined():
        return keras.distribution.DataParallel(auto_shard_dataset=False)
    if count == 1:
        return None
    if backend == "torch":
        raise ValueError(
            f"GPU_COUNT is {count}: on PyTorch this trains on one GPU, several take TensorFlow or "
            "JAX (KERAS_BACKEND)"
        )
    if backend == "jax":
        devices = keras.distribution.list_devices()
        if len(devices) >= count:
            chosen = devices[:count]
            return keras.distribution.DataParallel(devices=chosen, auto_shard_dataset=False)
    else:
        import tensorflow as tf

        for kind in ("GPU", "CPU"):
            devices = tf.config.list_logical_devices(kind)
            if len(devices) >= count:
                return tf.distribute.MirroredStrategy([device.name for device in devices[:count]])
    raise ValueError(
        f"GPU_COUNT is {count} but this machine has {len(gpu_names())} GPUs: set GPU_COUNT to 1 "
        "and IMAGES_PER_GPU to the batch you want"
    )


def scope(strategy):
    """Return the context in which the variables of a strategy are made; a plain one for None."""
    return strategy.scope() if strategy is not None else contextlib.nullcontext()


def _joined():
    import jax

    return jax.process_count() > 1


def spreading(strategy):
    """Return the context to train in: JAX asks for its distribution then too."""
    return scope(strategy if keras.backend.backend() == "jax" else None)


@contextlib.contextmanager
def alone():
    """What is made meanwhile is on this process's own device, whatever training spreads."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def describe() -> str:
    """Return "GPU: <name>", "<n> GPUs: <names>" or "no GPU"."""
    names = gpu_names()
    if not names:
        return f"no GPU ({unseen_gpu()})" if is_gpu_unseen() else "no GPU"
    return f"GPU: {names[0]}" if len(names) == 1 else f"{len(names)} GPUs: {', '.join(names)}"
