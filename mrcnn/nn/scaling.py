"""New layers on a backbone that has learned alone: its features brought to the size they expect.

Weights are drawn for inputs about 1 in size (He et al. 2015). Pretrained features are as large as
their last layers left them, ten times that or a tenth, and a frozen BatchNorm does not make up for
it: the first steps then silence whole layers for good. So the pyramid's first convolutions are
scaled by what they give for an image (Mishkin and Matas 2016), before anything is learned.
"""

import keras
import numpy as np
from keras import ops

from mrcnn.nn.fpn import LATERALS

# Of a natural image: its spectrum falls with the frequency (Field 1987), its pixels vary by this.
SIDE, CONTRAST = 256, 60.0


def natural_noise(side: int, channels: int) -> np.ndarray:
    """Return made-up pixels around 0 whose spectrum is that of photos, float32 `[side, side, C]`.

    All channels are alike but for a tenth, as those of photos nearly are. Always the same.
    """
    rng = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    frequency[0, 0] = np.inf
    noise = rng.normal(size=(channels + 1, side, side))
    noise = np.fft.ifft2(np.fft.fft2(noise) / frequency).real
    noise = noise[0] + 0.1 * noise[1:]
    noise *= CONTRAST / noise.std()
    return np.moveaxis(noise, 0, -1).astype(np.float32)


def scale_pyramid(model: keras.Model) -> dict[str, float]:
    """Scale the kernels of LATERALS so that each gives values of a standard deviation of 1.

    Returns the factor of each by name. One whose output has no deviation, or none that is finite,
    stays as it is.
    """
    image = model.input["input_image"] if isinstance(model.input, dict) else model.inputs[0]
    laterals = [model.get_layer(name) for name in LATERALS]
    _, height, width, channels = image.shape
    noise = natural_noise(SIDE, channels)
    # Repeated to a size that the network takes.
    tiles = [-(-(length or SIDE) // SIDE) for length in (height, width)]
    noise = np.tile(noise, (*tiles, 1))[: height or SIDE, : width or SIDE]
    features = keras.Model(image, [layer.output for layer in laterals])
    factors = {}
    for layer, values in zip(laterals, features(noise[None], training=False), strict=True):
        deviation = float(np.std(ops.convert_to_numpy(ops.cast(values, "float32"))))
        if np.isfinite(deviation) and deviation > 0:
            factors[layer.name] = 1 / deviation
            layer.kernel.assign(layer.kernel * factors[layer.name])
    return factors
