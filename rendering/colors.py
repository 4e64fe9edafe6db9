"""Colours in linear light, and noise to vary them with."""

import cv2
import numpy as np

# sRGB's transfer curve (IEC 61966-2-1) for 8 bits in; the way out goes through 4096 steps.
_CODES = np.arange(256, dtype=np.float32) / 255
LINEAR_OF_SRGB = np.where(
    _CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4
).astype(np.float32)


def _triple(color):
    if isinstance(color, str):
        color = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return np.array(color)


def linear(color):
    """Return linear float32 `[3]` of "#rrggbb" or of an sRGB triple in 0..255."""
    return LINEAR_OF_SRGB[np.clip(_triple(color), 0, 255).astype(np.uint8)]


def image_to_linear(image):
    """Return linear float32 `[H, W, 3]` of an sRGB uint8 image."""
    return LINEAR_OF_SRGB[image]


def jitter(rng, color, amount=0.08):
    """Return "#rrggbb" or sRGB triple varied by `amount` of the full range, an int triple."""
    shared, own = rng.normal(0, amount * 200), rng.normal(0, amount * 70, 3)
    return tuple(int(c) for c in np.clip(_triple(color) + shared + own, 0, 255))


def pick(rng, options):
    """Return one of `options` (a list, or a dict of weights) without turning it into an array."""
    if isinstance(options, dict):
        weights = np.array(list(options.values()), float)
        return list(options)[rng.choice(len(weights), p=weights / weights.sum())]
    return options[rng.integers(len(options))]


def chance(rng, probability):
    """Return True with the given probability."""
    return rng.random() < probability


def noise(rng, shape, cells, octaves=4, gain=0.5, stretch=(1.0, 1.0)):
    """Return smooth noise float32 `[H, W]`, about -1..1 (sums of resized white noise).

    `cells` is the number of bumps along the longer side in the first octave, doubled in each
    further one; `stretch` (y, x) makes them longer than wide.
    """
    height, width = shape
    total, weight, reach = np.zeros(shape, np.float32), 1.0, 0.0
    for _ in range(octaves):
        rows = int(np.clip(cells * height / max(shape) / stretch[0], 1, height)) + 1
        columns = int(np.clip(cells * width / max(shape) / stretch[1], 1, width)) + 1
        grid = rng.random((rows, columns), np.float32) * 2 - 1
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        reach += weight * weight
        weight *= gain
        cells *= 2
    return total * np.float32(1.4 / np.sqrt(reach))


def mix(first, second, share):
    """Return `first` with `share` `[H, W]` (0..1) of it replaced by `second` (colour or image)."""
    share = share[..., None]
    return (first * (1 - share) + second * share).astype(np.float32)


def smoothstep(low, high, value):
    """Return 0 below `low`, 1 above `high` and a smooth ramp between (Hermite)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
