"""A flat surface to draw on: colour, relief and gloss, with shapes, text, icons and digits.

Coordinates are (u, v) in mm from the top left corner, v downwards. A shape is its polygon
`[n, 2]`. Colours here are sRGB triples in 0..255, for that is what OpenCV draws with.
"""

import functools

import cv2
import numpy as np

from .colors import smoothstep

SUBPIXEL_BITS = 4


def fixed(points):
    """Return points in pixels as OpenCV takes them with SUBPIXEL_BITS."""
    return np.round(points * 2**SUBPIXEL_BITS).astype(np.int32)


class Texture:
    """`color` uint8 sRGB `[H, W, 3]`, `relief` mm and `gloss` 0..1 float32 `[H, W]`."""

    def __init__(self, width, height, scale, color, gloss=0.3):
        shape = max(round(height * scale), 2), max(round(width * scale), 2)
        self.width, self.height, self.scale = width, height, scale
        self.color = np.empty((*shape, 3), np.uint8)
        self.color[:] = color
        self.relief = np.zeros(shape, np.float32)
        self.gloss = np.full(shape, gloss, np.float32)
        self.glow = None

    def window(self, polygon, margin=0.0):
        """Return the slices that hold `polygon`, and its coverage float32 0..1 inside them."""
        low = np.floor((polygon.min(0) - margin) * self.scale).astype(int) - 1
        high = np.ceil((polygon.max(0) + margin) * self.scale).astype(int) + 2
        low = np.maximum(low, 0)
        high = np.minimum(high, self.relief.shape[::-1])
        size = np.maximum(high - low, 0)
        slices = slice(low[1], low[1] + size[1]), slice(low[0], low[0] + size[0])
        cover = np.zeros((size[1], size[0]), np.uint8)
        if cover.size:
            points = [fixed(polygon * self.scale - low - 0.5)]
            cv2.fillPoly(cover, points, 255, cv2.LINE_AA, SUBPIXEL_BITS)
        return slices, cover.astype(np.float32) / 255

    def paint(self, polygon, color, opacity=1.0, gloss=None):
        """Blend `color` over the shape; `gloss` replaces the surface's where given."""
        slices, cover = self.window(polygon)
        if not cover.size:
            return
        share = (cover * opacity)[..., None]
        area = self.color[slices]
        area[:] = np.round(area * (1 - share) + np.float32(color) * share).astype(np.uint8)
        if gloss is not None:
            self.gloss[slices] += (gloss - self.gloss[slices]) * cover

    def emboss(self, polygon, height, bevel):
        """Raise (or sink, below 0) the shape by `height`, over a slope of `bevel` mm inside it."""
        slices, cover = self.window(polygon)
        if not cover.size:
            return
        inside = np.pad((cover > 0.5).astype(np.uint8), 1)
        distance = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1] / self.scale
        self.relief[slices] += height * smoothstep(0, bevel, distance)

    def part(self, polygon, rim, relief, color=None, gloss=None):
        """Set a part in: the gap `rim` (reach, opacity), the colour, `relief` (height, bevel)."""
        self.shade_around(polygon, *rim)
        if color is not None:
            self.paint(polygon, color, gloss=gloss)
        self.emboss(polygon, *relief)

    def shade_around(self, polygon, reach, opacity):
        """Darken a soft rim of `reach` mm around the shape, as dirt and shadow in a gap do."""
        slices, cover = self.window(polygon, 2 * reach)
        if not cover.size:
            return
        soft = cv2.GaussianBlur(cover, (0, 0), max(reach * self.scale, 0.4))
        area = self.color[slices]
        area[:] = (area * (1 - opacity * soft)[..., None]).astype(np.uint8)

    def stroke(self, points, color, width, closed=False):
        """Draw a line of `width` mm through the points."""
        lines = [fixed(np.asarray(points) * self.scale - 0.5)]
        thickness = max(round(width * self.scale), 1)
        cv2.polylines(self.color, lines, closed, color, thickness, cv2.LINE_AA, SUBPIXEL_BITS)

    def text(self, text, center, size, color, weight=400, font="sans", widest=None):
        """Write `text` about `center`, capitals about `size` mm high, at most `widest` mm wide."""
        pixels = 1.4 * size * self.scale
        if pixels < 3:
            return
        face = _font(font)
        box = cv2.getTextSize((0, 0), text, (0, 0), face, round(pixels), weight)
        if widest and box[2] > widest * self.scale:
            pixels *= widest * self.scale / box[2]
            if pixels < 3:
                return
            box = cv2.getTextSize((0, 0), text, (0, 0), face, round(pixels), weight)
        left = int(center[0] * self.scale - box[2] / 2 - box[0])
        base = int(center[1] * self.scale - box[3] / 2 - box[1])
        ink = [int(c) for c in color]
        cv2.putText(self.color, text, (left, base), ink, face, round(pixels), weight)


@functools.cache
def _font(name):
    return cv2.FontFace(name)


def rounded(center, width, height, radius, steps=6):
    """Return a rectangle with rounded corners `[n, 2]`."""
    radius = max(min(radius, width / 2, height / 2), 1e-3)
    angles = np.linspace(0, np.pi / 2, steps)
    arc = np.stack([np.cos(angles), np.sin(angles)], 1) * radius
    inner = np.array([width / 2 - radius, height / 2 - radius])
    signs = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    corners = [(inner + (arc if i % 2 == 0 else arc[::-1])) * signs[i] for i in range(4)]
    return np.concatenate(corners) + np.asarray(center, float)


def ellipse(center, width, height, steps=40):
    """Return an ellipse `[n, 2]`."""
    angles = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.asarray(center) + np.stack([np.cos(angles) * width, np.sin(angles) * height], 1) / 2


def turned(points, degrees):
    """Return points `[n, 2]` turned about (0, 0)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.asarray(points, float) @ np.array([[c, s], [-s, c]])


def _arc(start, end, radius=1.0, steps=20):
    angles = np.radians(np.linspace(start, end, steps))
    return np.stack([np.cos(angles), np.sin(angles)], 1) * radius


def _icon(name):
    """Return (filled polygons, lines) of the icon in the square -1..1, v downwards."""
    if name == "power":
        return [], [_arc(-50, 230, 0.85), np.array([[0, -1.1], [0, -0.1]])]
    if name == "up":
        return [np.array([[0, -0.7], [0.9, 0.6], [-0.9, 0.6]])], []
    if name == "down":
        return [np.array([[0, 0.7], [0.9, -0.6], [-0.9, -0.6]])], []
    if name == "plus":
        return [], [np.array([[-0.8, 0], [0.8, 0]]), np.array([[0, -0.8], [0, 0.8]])]
    if name == "minus":
        return [], [np.array([[-0.8, 0], [0.8, 0]])]
    if name == "snow":
        return [], [np.array([[0, -1.0], [0, 1.0]]) @ turned(np.eye(2), a) for a in (0, 60, 120)]
    if name == "sun":
        rays = [turned([[0.7, 0], [1.05, 0]], a) for a in range(0, 360, 45)]
        return [ellipse((0, 0), 0.9, 0.9, 20)], rays
    if name == "drop":
        return [np.concatenate([[[0, -1.0]], _arc(-25, 205, 0.65) + [0, 0.35]])], []
    if name == "fan":
        blade = ellipse((0.55, 0.12), 0.95, 0.6, 16)
        return [turned(blade, a) for a in (30, 150, 270)], []
    if name == "clock":
        return [], [_arc(0, 360, 0.9), np.array([[0, -0.6], [0, 0], [0.45, 0.2]])]
    if name == "moon":
        return [np.concatenate([_arc(-60, 200, 0.9), _arc(170, -30, 0.75) + [0.25, -0.3]])], []
    if name == "swing":
        return [], [np.array([[-0.9, -0.6], [0.8, -0.2]]), np.array([[-0.9, -0.6], [0.5, 0.5]]),
                    np.array([[-0.9, -0.6], [-0.1, 0.9]])]  # fmt: skip
    raise KeyError(name)


ICONS = (
    "power", "up", "down", "plus", "minus", "snow", "sun", "drop", "fan", "clock", "moon", "swing",
)  # fmt: skip


def draw_icon(texture, name, center, size, color):
    """Draw one of ICONS about `center`, `size` mm wide."""
    fills, lines = _icon(name)
    half = size / 2
    for polygon in fills:
        texture.paint(polygon * half + center, color)
    for line in lines:
        texture.stroke(line * half + center, color, size * 0.13)


# The lit segments (a..g, clockwise from the top, g in the middle) of each digit.
SEGMENTS = {
    "0": "abcdef", "1": "bc", "2": "abdeg", "3": "abcdg", "4": "bcfg", "5": "acdfg",
    "6": "acdefg", "7": "abc", "8": "abcdefg", "9": "abcdfg", "-": "g", " ": "",
}  # fmt: skip


def draw_digit(texture, digit, center, width, height, color, slant=0.1):
    """Draw a seven-segment digit."""
    w, h, t = width / 2, height / 2, 0.09 * height
    across = np.array([[-w + t, 0], [-w + 1.6 * t, -0.55 * t], [w - 1.6 * t, -0.55 * t]])
    across = np.concatenate([across, -across])
    upright = [[0, -h + t], [0.5 * t, -h + 1.6 * t], [0.5 * t, -1.4 * t], [0, -0.7 * t]]
    upright = np.array([*upright, [-0.5 * t, -1.4 * t], [-0.5 * t, -h + 1.6 * t]])
    edge = w - t / 2
    shapes = {
        "a": across + [0, -h + t / 2], "g": across, "d": across + [0, h - t / 2],
        "b": upright + [edge, 0], "f": upright + [-edge, 0],
        "c": upright * [1, -1] + [edge, 0], "e": upright * [1, -1] + [-edge, 0],
    }  # fmt: skip
    for segment in SEGMENTS[digit]:
        shape = shapes[segment]
        texture.paint(shape + [0, 0] - np.outer(shape[:, 1] * slant, [1, 0]) + center, color)
