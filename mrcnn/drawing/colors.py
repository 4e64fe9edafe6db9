"""Colours: one a class, tints for its instances, and others at random.

A colour is `(red, green, blue)` in 0..1.
"""

import colorsys
from collections import Counter
from functools import lru_cache

import cv2
import numpy as np

# The first classes get colours chosen by hand: vivid, apart from each other, rare in photos.
FIRST_COLORS = ("008df2", "ff3b56", "35d060", "ffb01f", "a861ff", "00d5cc", "ff62d2", "b6e321")
PALETTE_SIZE = 96
# Steps in lightness (CIELAB units) and hue (degrees) that tell instances of one class apart.
TINTS = ((0, 0), (16, 8), (-14, -8), (8, -15), (-7, 15), (22, -4), (-20, 4))

GOLDEN_RATIO = (5**0.5 - 1) / 2


def _to_lab(colors) -> np.ndarray:
    return cv2.cvtColor(np.asarray(colors, np.float32)[None], cv2.COLOR_RGB2Lab)[0]


@lru_cache(maxsize=1)
def _palette() -> tuple[tuple[float, float, float], ...]:
    """Return PALETTE_SIZE colours, each the one farthest in CIELAB from all before it."""
    first = [tuple(bytes.fromhex(code)) for code in FIRST_COLORS]
    grid = [
        colorsys.hsv_to_rgb(step / 48, saturation, value)
        for step in range(48)
        for saturation in (1, 0.8, 0.6)
        for value in (1, 0.85, 0.7)
    ]
    colors = np.concatenate([np.array(first) / 255, grid])
    lab = _to_lab(colors)
    # Dull and dark colours vanish on photos.
    usable = (lab[:, 0] > 45) & (np.hypot(lab[:, 1], lab[:, 2]) > 45)
    chosen = list(range(len(first)))
    distance = np.linalg.norm(lab[:, None] - lab[None, chosen], axis=-1).min(axis=1)
    while len(chosen) < PALETTE_SIZE:
        chosen.append(int(np.argmax(np.where(usable, distance, 0))))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[chosen[-1]], axis=1))
    return tuple(tuple(map(float, color)) for color in colors[chosen])


def class_color(class_id: int) -> tuple[float, float, float]:
    """Return the colour of a class, always the same; classes 1 to 96 all differ."""
    return _palette()[(int(class_id) - 1) % PALETTE_SIZE]


def _tint(color, lightness, degrees) -> tuple[float, float, float]:
    """Return `color` lighter and turned in hue, unchanged where both are 0."""
    if not (lightness or degrees):
        return color
    light, a, b = _to_lab([color])[0]
    hue, chroma = np.arctan2(b, a) + np.deg2rad(degrees), np.hypot(a, b)
    lab = np.float32([[[light + lightness, chroma * np.cos(hue), chroma * np.sin(hue)]]])
    return tuple(map(float, cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)[0, 0].clip(0, 1)))


def instance_colors(class_ids) -> list[tuple[float, float, float]]:
    """Return a colour for each of `class_ids` `[N]`: its class's, tinted from the second one on."""
    seen = Counter()
    colors = []
    for class_id in map(int, class_ids):
        colors.append(_tint(class_color(class_id), *TINTS[seen[class_id] % len(TINTS)]))
        seen[class_id] += 1
    return colors


def random_colors(N: int, bright: bool = True) -> list[tuple[float, float, float]]:
    """Return N different colours in 0..1, the same at every call; darker ones if not `bright`.

    Hues follow the golden ratio, so neighbours in the list look different and a longer list
    begins with the shorter one.
    """
    value = 1.0 if bright else 0.7
    return [colorsys.hsv_to_rgb(index * GOLDEN_RATIO % 1, 1, value) for index in range(N)]


def to_bytes(color) -> tuple[int, int, int]:
    """Return a colour as whole numbers in 0..255; raises ValueError for what is no colour."""
    rgb = np.asarray(color, float)[:3]
    if rgb.shape != (3,) or not (rgb.min() >= 0 and rgb.max() <= 1):
        raise ValueError(f"a colour is (red, green, blue) in 0..1, not {color!r}")
    return tuple(int(channel) for channel in np.rint(rgb * 255))
