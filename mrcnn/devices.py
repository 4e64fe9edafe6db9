"""The device that the network runs on."""

import contextlib
import re
import shutil
import time

import keras
import numpy as np

from mrcnn.nn.precision import resolve
from mrcnn.training.run import layer_pattern

# Multiply-adds of one forward pass for each pixel of the image, stage by stage, and the channels of
# C2..C5. He et al. 2015 give a ResNet's layers, nn/compact.py the others.
STAGE_WORK = {
    "resnet50": (2352, 13312, 18944, 27648, 14592),
    "resnet101": (2352, 13312, 18944, 101632, 14592),
    "compact": (396, 1152, 2048, 3200, 1212),
}
RESNET_CHANNELS = (256, 512, 1024, 2048)
STAGE_CHANNELS = {
    "resnet50": RESNET_CHANNELS,
    "resnet101": RESNET_CHANNELS,
    "compact": (32, 64, 128, 192),
}
# What learns is passed backward too: once for its input, once for its weights.
LEARNING = 3
# A layer like the mask head's, which does most of the work, and how long it is measured.
PROBE_SHAPE, PROBE_CHANNELS = (32, 14, 14), 256
PROBE_SECONDS = 0.3
# What a whole step, with its small and its memory-bound layers, reaches of that layer's speed:
# 0.75 to 0.85 with both ResNets at 256 to 1024 pixels, 0.6 to 0.75 with the compact backbone.
STEP_EFFICIENCY = 0.7


UNSEEN_GPU = (
    "there is an NVIDIA GPU but TensorFlow does not see it: "
    'pip install "tensorflow[and-cuda]>=2.21,<2.22"'
)


def prepare(exact: bool):
    """Let TensorFlow take GPU memory as it needs it, not all at once.

    `exact` keeps a GPU from rounding what it multiplies to the 10 bits of TensorFloat-32.
    """
    if keras.backend.backend() != "tensorflow":
        return
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

        details = map(
            tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU")
        )
        return [detail.get("device_name", "unknown") for detail in details]
    if backend == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform == "gpu"]
    import torch

    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


def is_gpu_unseen() -> bool:
    """Return whether the machine has an NVIDIA GPU that Keras cannot use."""
    return not gpu_names() and shutil.which("nvidia-smi") is not None


def strategy(count: int):
    """Return a `tf.distribute.MirroredStrategy` over `count` devices, None for one.

    The devices are GPUs, or logical CPUs where those were set up. Raises ValueError where there
    are fewer, or where Keras does not run on TensorFlow.
    """
    if count == 1:
        return None
    if keras.backend.backend() != "tensorflow":
        raise ValueError(f"GPU_COUNT is {count}: several devices need Keras on TensorFlow")
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


def describe() -> str:
    """Return "GPU: <name>", "<n> GPUs: <names>" or "no GPU"."""
    names = gpu_names()
    if not names:
        return f"no GPU ({UNSEEN_GPU})" if is_gpu_unseen() else "no GPU"
    return f"GPU: {names[0]}" if len(names) == 1 else f"{len(names)} GPUs: {', '.join(names)}"


def step_work(config, pattern: str) -> float | None:
    """Return the multiply-adds that training on one image takes.

    `pattern` is the regular expression of the layers that learn; the pyramid, the RPN and the heads
    count as learning. None for a backbone of one's own.
    """
    if callable(config.BACKBONE):
        return None
    first = "compact{}a{}_conv" if config.BACKBONE == "compact" else "res{}a_branch2a"
    layers = [first.format(stage, 1) for stage in (2, 3, 4, 5)]
    layers.insert(0, "compact1a_conv" if config.BACKBONE == "compact" else "conv1")
    stages = sum(
        work * (LEARNING if re.fullmatch(pattern, layer) else 1)
        for work, layer in zip(STAGE_WORK[config.BACKBONE], layers, strict=True)
    )
    pixels = int(np.prod(config.IMAGE_SHAPE[:2]))
    return pixels * (stages + LEARNING * pyramid_work(config)) + LEARNING * heads_work(config)


def pyramid_work(config) -> float:
    """Return the multiply-adds of the feature pyramid and the RPN for each pixel of the image."""
    channels, hidden = config.TOP_DOWN_PYRAMID_SIZE, config.RPN_CONV_LAYER_SIZE
    cells = [1 / stride**2 for stride in config.BACKBONE_STRIDES]
    lateral = sum(
        cell * width * channels
        for cell, width in zip(cells, STAGE_CHANNELS[config.BACKBONE], strict=False)
    )
    smooth = sum(cells[:4]) * 9 * channels**2
    return lateral + smooth + sum(cells) * 9 * channels * hidden


def heads_work(config) -> float:
    """Return the multiply-adds of the class and the mask head for the RoIs of one image."""
    channels, wide = config.TOP_DOWN_PYRAMID_SIZE, config.FPN_CLASSIF_FC_LAYERS_SIZE
    classify = wide * (config.POOL_SIZE**2 * channels + wide)
    narrow = config.MASK_CONV_LAYERS_SIZE
    # Four convolutions and the doubling.
    mask = config.MASK_POOL_SIZE**2 * narrow * (9 * channels + 27 * narrow + 4 * narrow)
    rois = config.TRAIN_ROIS_PER_IMAGE
    # Only RoIs with an object have a mask to learn.
    return rois * classify + int(rois * config.ROI_POSITIVE_RATIO) * mask


def measure_speed(dtype: str = "float32") -> float:
    """Return how many multiply-adds a second this machine does now, in a layer like the heads'."""
    features = np.ones((*PROBE_SHAPE, PROBE_CHANNELS), np.float32)
    kernel = np.ones((3, 3, PROBE_CHANNELS, PROBE_CHANNELS), np.float32)
    features, kernel = (keras.ops.convert_to_tensor(x, dtype) for x in (features, kernel))

    def run():
        return keras.ops.convert_to_numpy(keras.ops.conv(features, kernel, padding="same"))

    run()  # The first call chooses a kernel.
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < PROBE_SECONDS:
        run()
        count += 1
    work = np.prod(PROBE_SHAPE) * 9 * PROBE_CHANNELS**2
    return count * work / (time.perf_counter() - start)


def expected_step_seconds(config, pattern: str) -> float | None:
    """Return about how long a training step takes on this machine's CPU.

    The machine is measured for a moment, as busy as it is now. Arguments and None as of
    `step_work`.
    """
    work = step_work(config, pattern)
    if work is None:
        return None
    speed = measure_speed(resolve(config.PRECISION))
    return config.BATCH_SIZE * work / (STEP_EFFICIENCY * speed)


def training_text(config, layers: str) -> str:
    """Return the GPU's name, or "no GPU: expect about 12 s a step".

    `layers` is what is trained, as `MaskRCNN.train` takes it.
    """
    text = describe()
    if gpu_names():
        return text
    seconds = expected_step_seconds(config, layer_pattern(layers))
    return f"{text}: expect " + (
        "slow steps" if seconds is None else f"about {seconds:.2g} s a step"
    )
