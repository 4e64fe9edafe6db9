"""AC remotes of many makes: a body, and what stands on it."""

import cv2
import numpy as np

from .colors import chance, jitter, linear, noise, pick
from .keypads import draw_display, draw_keypad, key_style
from .slabs import Slab
from .textures import Texture, ellipse, rounded

BODY_COLORS = {
    "#eeeeea": 12, "#e6e6e2": 7, "#f3f2ec": 7, "#e9e2d0": 2.5, "#d6d8da": 3, "#b9bdc2": 2,
    "#8d9299": 1, "#4a4d52": 1.5, "#26282c": 2.2, "#d9c8a6": 1, "#c9d6e0": 0.8, "#e3d4cf": 0.4,
}  # fmt: skip
PLATE_COLORS = (
    "#2b2e33", "#1e2226", "#5f666e", "#8c949c", "#b8c0c8", "#49627a", "#3d5a52", "#c7ccd0",
)  # fmt: skip
BRANDS = (
    "Velora", "KLIMO", "Aerix", "norvent", "Frisca", "TAIVO", "Zephra", "polaire", "Ombrio",
    "BREVA", "Icelia", "Sunavo", "Hyvent", "ARCTIO", "Celvia", "Monsu", "Quorra", "Vinteo",
)  # fmt: skip
COVER_WORDS = (
    "TIMER  ON / OFF", "MODE  FAN  SWING", "OPEN", "COOL / DRY / HEAT", "SLEEP  CLOCK",
)  # fmt: skip
STICKER_COLORS = ((236, 232, 214), (240, 220, 90), (120, 180, 90), (60, 120, 190), (200, 60, 60))


def _body(rng):
    """Return (outline `[n, 2]` mm about (0, 0), y upwards; width; height; half_width(v))."""
    family = pick(rng, {"slab": 6, "slim": 2.5, "taper": 2.5, "round": 1.5, "card": 1, "wide": 1.2})
    width, height = {
        "slab": (rng.uniform(46, 60), rng.uniform(128, 175)),
        "slim": (rng.uniform(36, 45), rng.uniform(140, 190)),
        "taper": (rng.uniform(46, 62), rng.uniform(130, 180)),
        "round": (rng.uniform(42, 56), rng.uniform(120, 170)),
        "card": (rng.uniform(38, 48), rng.uniform(80, 105)),
        "wide": (rng.uniform(58, 72), rng.uniform(125, 165)),
    }[family]
    taper = rng.uniform(-0.05, 0.03)
    waist = rng.uniform(-0.03, 0.02)
    if family == "taper":
        taper, waist = rng.uniform(-0.28, -0.12), rng.uniform(-0.08, 0.02)
    caps = [_cap(rng, family, width) for _ in range(2)]
    if chance(rng, 0.6):
        caps[1] = caps[0]
    bows = [rng.uniform(0, 0.05) * height if chance(rng, 0.45) else 0.0 for _ in range(2)]
    # A narrow end bows less, or it would end in a knob.
    bows = [bow * (1 - min(cap[0], 1)) ** 2 for bow, cap in zip(bows, caps, strict=True)]

    def half_width(v):
        """Half the body's width `v` mm below its top."""
        t = np.clip(v / height, 0, 1)
        half = width / 2 * (1 + taper * t + 4 * waist * t * (1 - t))
        for (reach, rise), depth in zip(caps, (v, height - v), strict=True):
            d = np.clip(depth / rise, 0, 1)
            lost = 1 - np.sqrt(np.clip(1 - (1 - d) ** 2, 0, 1))
            half = half - np.minimum(reach, 1.0) * half * lost
        return half

    ends = 1 - np.cos(np.linspace(0, np.pi / 2, 10))
    top, bottom = ends * caps[0][1], height - ends[::-1] * caps[1][1]
    levels = np.concatenate([top, np.linspace(top[-1], bottom[0], 14)[1:-1], bottom])
    halves = half_width(levels)
    cross = np.linspace(-1, 1, 9)[1:-1]
    right = np.stack([halves, height / 2 - levels], 1)
    under = np.stack([-cross * halves[-1], -height / 2 - bows[1] * (1 - cross**2)], 1)
    left = np.stack([-halves, height / 2 - levels], 1)[::-1]
    over = np.stack([cross * halves[0], height / 2 + bows[0] * (1 - cross**2)], 1)
    # Clockwise as listed; turned round for outward normals.
    outline = np.concatenate([right, under, left, over])[::-1]
    return outline, width, height, half_width, bows


def _cap(rng, family, width):
    """Return (share of the half width lost at the end, mm over which it is lost)."""
    if family == "round" or chance(rng, 0.1):
        return 0.97, width / 2 * rng.uniform(0.5, 1.0)
    if chance(rng, 0.25):
        return rng.uniform(0.4, 0.7), width * rng.uniform(0.15, 0.3)
    radius = rng.uniform(2.0, 0.2 * width)
    return radius / (width / 2), radius


def remote(rng, scale):
    """Return a Slab: an AC remote of a make of its own, drawn at `scale` pixels per mm."""
    outline, _, height, half_width, bows = _body(rng)
    thickness = float(rng.uniform(9, 24))
    low, high = outline.min(0), outline.max(0)
    outline = outline - (low + high) / 2
    span = high - low
    color = jitter(rng, pick(rng, BODY_COLORS), 0.035)
    dark = np.mean(color) < 110
    texture = Texture(span[0] + 1, span[1] + 1, scale, color, float(rng.uniform(0.08, 0.9)))
    offset = 0.5 + bows[0]

    def widths(v):
        """The width keys may take `v` mm below the texture's top."""
        return 2 * float(half_width(v - offset)) * 0.84

    middle = texture.width / 2
    silhouette = outline * [1, -1] + [texture.width / 2, texture.height / 2]
    top, bottom = offset + 4.0, offset + height - 5.0
    ink = jitter(rng, (196, 198, 200) if dark else (110, 116, 126), 0.1)

    style = key_style(rng, color, dark)
    side = _draw_trim(texture, rng, silhouette, color)
    if chance(rng, 0.45):
        _draw_window(texture, rng, middle, offset, half_width)
        top += 4.0
    brand_place = pick(rng, {"top": 3, "under": 2, "bottom": 4, "none": 2})
    if brand_place == "top":
        _draw_brand(texture, rng, (middle, top + 2), ink, widths(top + 2))
        top += 5.5
    if chance(rng, 0.9):
        share = rng.uniform(0.18, 0.4) if not chance(rng, 0.15) else rng.uniform(0.4, 0.5)
        top = _draw_screen(texture, rng, middle, top, share * height, widths)
    if brand_place == "under":
        _draw_brand(texture, rng, (middle, top + 2.5), ink, widths(top))
        top += 6.0
    if brand_place == "bottom":
        _draw_brand(texture, rng, (middle, bottom - 3), ink, widths(bottom - 3))
        bottom -= 8.0
    if chance(rng, 0.22) and bottom - top > 55:
        bottom = _draw_cover(texture, rng, style, top, bottom, half_width, offset, color)
    draw_keypad(texture, rng, style, (top + 1.5, bottom), widths)
    if chance(rng, 0.3):
        _draw_sticker(texture, rng)
    wear(texture, rng)
    roundness = rng.uniform(0, 1) ** 2
    return Slab(
        outline=outline,
        thickness=thickness,
        front=texture,
        side=linear(side) * 0.95,
        edge=float(0.6 + 3.6 * roundness),
        shininess=float(rng.uniform(12, 120)),
        arch=float(rng.uniform(0, 2.2)) if chance(rng, 0.6) else 0.0,
        inset=float(rng.uniform(0.3, 3.5)),
    )


def _draw_trim(texture, rng, silhouette, color):
    """Draw a side frame, a lower half or a front plate, or none; return the sides' colour."""
    kind = pick(rng, {"none": 5, "frame": 2.2, "half": 1.2, "plate": 1.6})
    center = np.array([texture.width / 2, texture.height / 2])
    other = jitter(rng, pick(rng, PLATE_COLORS), 0.05)
    if chance(rng, 0.5):
        other = tuple(int(np.clip(c * rng.uniform(0.8, 0.93), 0, 255)) for c in color)
    if kind == "frame":
        inner = center + (silhouette - center) * (1 - rng.uniform(1.5, 3.5) / center)
        texture.shade_around(inner, 0.3, 0.4)
        texture.color[:] = other
        texture.paint(inner, color)
        texture.emboss(inner, 0.4, 0.6)
        return other
    if kind == "half":
        cut = texture.height * rng.uniform(0.4, 0.75)
        bow = rng.uniform(-0.08, 0.08) * texture.height
        x = np.linspace(0, texture.width, 24)
        seam = np.stack([x, cut + bow * (1 - (2 * x / texture.width - 1) ** 2)], 1)
        lower = np.concatenate([seam, [[texture.width, texture.height], [0, texture.height]]])
        texture.paint(lower, other)
        texture.stroke(seam, tuple(int(c * 0.6) for c in other), 0.35)
        return color if chance(rng, 0.5) else other
    if kind == "plate":
        inner = center + (silhouette - center) * [rng.uniform(0.8, 0.92), rng.uniform(0.9, 0.96)]
        plate = tuple(int(np.clip(c + rng.uniform(-18, 12), 0, 255)) for c in color)
        gloss, height = float(rng.uniform(0.2, 1.0)), float(rng.uniform(-0.5, 0.5))
        texture.part(inner, (0.25, 0.3), (height, 0.6), plate, gloss)
    return color


def _draw_window(texture, rng, middle, offset, half_width):
    """Draw the infrared window at the top edge."""
    deep = rng.uniform(2.5, 6.0)
    wide = half_width(deep) * rng.uniform(0.5, 2.0)
    color = pick(rng, [(42, 14, 18), (24, 20, 26), (70, 18, 24), (30, 30, 36)])
    texture.paint(rounded((middle, offset), wide, 2 * deep, deep * 0.6), color, 0.93, gloss=1.2)


def _draw_brand(texture, rng, center, ink, widest):
    """Draw a made-up brand: letters, or a mark of a few strokes."""
    if chance(rng, 0.25):
        size = rng.uniform(3, 6)
        for i in range(int(rng.integers(1, 4))):
            shape = ellipse((center[0] + (i - 1) * size * 0.5, center[1]), size, size * 0.6)
            texture.stroke(shape, ink, 0.5, closed=True)
        return
    font, word = pick(rng, ["sans", "italic"]), pick(rng, BRANDS)
    size, weight = rng.uniform(2.2, 4.2), int(rng.integers(400, 900))
    texture.text(word, center, size, ink, weight, font, 0.7 * widest)


def _draw_screen(texture, rng, middle, top, deep, widths):
    """Draw the display with what frames it; return how far down it reaches."""
    wide = min(widths(top + 0.15 * deep), widths(top + deep)) * rng.uniform(0.86, 1.08)
    deep = min(deep, wide * 1.5)
    center = middle, top + deep / 2
    frame = pick(rng, {"none": 3, "glass": 4, "sunk": 3, "line": 1})
    inner_w, inner_h = wide * rng.uniform(0.76, 0.9), deep * rng.uniform(0.7, 0.86)
    shape = rounded(center, wide, deep, rng.uniform(1, 0.2 * wide))
    if frame == "glass":
        plate = jitter(rng, pick(rng, PLATE_COLORS), 0.05)
        texture.paint(shape, plate, gloss=float(rng.uniform(0.6, 1.5)))
        texture.emboss(shape, 0.2, 0.3)
    elif frame == "sunk":
        texture.part(shape, (0.4, 0.25), (-0.8, 1.6))
    elif frame == "line":
        texture.stroke(shape, (120, 126, 134), 0.4, closed=True)
    else:
        inner_w, inner_h = wide * 0.92, deep * 0.95
    draw_display(texture, rng, center, inner_w, inner_h)
    return top + deep + 1.5


def _draw_cover(texture, rng, style, top, bottom, half_width, offset, color):
    """Draw a closed flip cover over the lower keys; return where it begins."""
    start = bottom - (bottom - top) * rng.uniform(0.42, 0.62)
    levels = np.linspace(start, bottom + 2, 16)
    halves = np.array([float(half_width(v - offset)) * 0.93 for v in levels])
    middle = texture.width / 2
    right = np.stack([middle + halves, levels], 1)
    left = np.stack([middle - halves, levels], 1)[::-1]
    cover = np.concatenate([right, left])
    shade = rng.uniform(-10, 8)
    paint = tuple(int(np.clip(c + shade, 0, 255)) for c in color)
    texture.part(cover, (0.4, 0.5), (0.5, 0.7), paint)
    grip = ellipse((middle, start + 3.2), rng.uniform(8, 16), 3.0)
    texture.part(grip, (0.4, 0.25), (-0.8, 1.2))
    if chance(rng, 0.6):
        for i in range(int(rng.integers(1, 5))):
            spot = middle, start + 9 + i * 4.2
            if spot[1] < bottom - 4:
                word = pick(rng, COVER_WORDS)
                texture.text(word, spot, 1.5, style.body_ink, style.weight, widest=halves[0] * 1.5)
    return start - 2.0


def _draw_sticker(texture, rng):
    """Stick a label or a strip of tape on it."""
    center = rng.uniform(0.25, 0.75) * texture.width, rng.uniform(0.75, 0.97) * texture.height
    wide, deep = rng.uniform(8, 24), rng.uniform(4, 9)
    color = pick(rng, STICKER_COLORS)
    texture.paint(rounded(center, wide, deep, 0.8), color, 0.95, gloss=0.5)
    if chance(rng, 0.7):
        word = pick(rng, ["No. 3", "R-410A", "ROOM 12", "OK", "A/C 2", "SALE"])
        texture.text(word, center, deep * 0.35, (40, 40, 46), 500, widest=wide * 0.85)


def wear(texture, rng):
    """Age the surface: yellowing, dirt in patches, rubbed edges, scratches, dust."""
    shape = texture.relief.shape
    age = rng.random() ** 4
    cells = max(texture.height / 18, 3)
    patches = noise(rng, (max(shape[0] // 4, 2), max(shape[1] // 4, 2)), cells, 3)
    shade = 1 + (0.006 + 0.05 * age) * patches
    tint = 1 - age * np.array([0.02, 0.05, 0.13], np.float32)
    shade = cv2.resize(shade.astype(np.float32), shape[::-1])
    texture.color[:] = np.clip(texture.color * (shade[..., None] * tint), 0, 255).astype(np.uint8)
    if chance(rng, 0.06):
        # Wrapped in clear film, as many are kept.
        creases = 1 - np.abs(noise(rng, shape, texture.height / 12, 3, stretch=(1, 2)))
        texture.relief += 0.35 * creases**3
        texture.gloss[:] = np.maximum(texture.gloss, 1.3)
    for _ in range(int(rng.poisson(14 * age))):
        start = rng.random(2) * [texture.width, texture.height]
        angle, reach = rng.uniform(0, 2 * np.pi), rng.exponential(9) + 2
        bend = rng.normal(0, 0.08 * reach, 2)
        end = start + reach * np.array([np.cos(angle), np.sin(angle)])
        tone = int(rng.integers(120, 235))
        texture.stroke([start, (start + end) / 2 + bend, end], (tone, tone, tone - 6), 0.12)
    for _ in range(int(rng.poisson(18 * age))):
        at = rng.random(2) * [texture.width, texture.height]
        spot = ellipse(at, *rng.uniform(0.3, 1.3, 2), 8)
        texture.paint(spot, (92, 80, 62), float(rng.uniform(0.2, 0.7)))
