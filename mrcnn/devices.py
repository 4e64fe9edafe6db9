"""The device that the network runs on."""

import contextlib
import re
import time

import keras
import numpy as np

from mrcnn.training import layer_pattern

# Multiply-adds of one forward pass. ResNets by stage and the pyramid with the RPN are for each
# pixel of the image, the class and the mask head for each RoI; He et al. 2015 and 2017 give the
# layers, at the widths of the published weights.
STAGE_WORK = {
    "resnet50": (2352, 13312, 18944, 27648, 14592),
    "resnet101": (2352, 13312, 18944, 101632, 14592),
}
PYRAMID_WORK = 155_600
ROI_WORK = 528_000_000
# What learns is passed backward too: once for its input, once for its weights.
LEARNING = 3
# A layer like the mask head's, which does most of the work, and how long it is measured.
PROBE_SHAPE, PROBE_CHANNELS = (32, 14, 14), 256
PROBE_SECONDS = 0.3
# What a whole step, with its small and its memory-bound layers, reaches of that layer's speed:
# 0.75 to 0.85 with both ResNets at 256 to 1024 pixels, on two cores.
STEP_EFFICIENCY = 0.8


def prepare():
    """Let TensorFlow take GPU memory as it needs it, not all at once."""
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

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
        return "no GPU"
    return f"GPU: {names[0]}" if len(names) == 1 else f"{len(names)} GPUs: {', '.join(names)}"


def step_work(backbone: str, pixels: int, rois: int, pattern: str) -> float | None:
    """Return the multiply-adds that training on one image takes, None for an unknown backbone.

    Arguments:
        backbone: "resnet50" or "resnet101".
        pixels: of the molded image.
        rois: TRAIN_ROIS_PER_IMAGE.
        pattern: the regular expression of the layers that learn; the heads count as learning.
    """
    if backbone not in STAGE_WORK:
        return None
    layers = ("conv1", *(f"res{stage}a_branch2a" for stage in (2, 3, 4, 5)))
    stages = sum(
        work * (LEARNING if re.fullmatch(pattern, layer) else 1)
        for work, layer in zip(STAGE_WORK[backbone], layers, strict=True)
    )
    return pixels * (stages + LEARNING * PYRAMID_WORK) + rois * LEARNING * ROI_WORK


def measure_speed() -> float:
    """Return how many multiply-adds a second this machine does now, in a layer like the heads'."""
    features = np.ones((*PROBE_SHAPE, PROBE_CHANNELS), np.float32)
    kernel = np.ones((3, 3, PROBE_CHANNELS, PROBE_CHANNELS), np.float32)
    features, kernel = map(keras.ops.convert_to_tensor, (features, kernel))

    def run():
        return np.asarray(keras.ops.conv(features, kernel, padding="same"))

    run()  # The first call chooses a kernel.
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < PROBE_SECONDS:
        run()
        count += 1
    return (
        count
        * np.prod(PROBE_SHAPE)
        * kernel.shape[0] ** 2
        * PROBE_CHANNELS**2
        / (time.perf_counter() - start)
    )


def expected_step_seconds(
    backbone: str, pixels: int, rois: int, pattern: str, images: int
) -> float | None:
    """Return about how long a training step of `images` images takes on this machine's CPU.

    The machine is measured for a moment, as busy as it is now. Arguments and None as of
    `step_work`.
    """
    work = step_work(backbone, pixels, rois, pattern)
    return None if work is None else images * work / (STEP_EFFICIENCY * measure_speed())


def training_text(config, layers: str) -> str:
    """Return the GPU's name, or "no GPU: expect about 12 s a step".

    `layers` is what is trained, as `MaskRCNN.train` takes it.
    """
    text = describe()
    if gpu_names():
        return text
    seconds = expected_step_seconds(
        config.BACKBONE,
        int(np.prod(config.IMAGE_SHAPE[:2])),
        config.TRAIN_ROIS_PER_IMAGE,
        layer_pattern(layers),
        config.BATCH_SIZE,
    )
    return f"{text}: expect " + (
        "slow steps" if seconds is None else f"about {seconds:.2g} s a step"
    )
