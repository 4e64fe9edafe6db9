"""What tables, walls, floors and sofas are made of: square pieces, seen straight on.

Each function returns linear float32 `[size, size, 3]` at `mm` millimetres per pixel.
"""

import cv2
import numpy as np

from .colors import chance, image_to_linear, jitter, linear, mix, noise, pick, smoothstep

WOODS = (
    "#b98a58", "#8a5a34", "#d9b98a", "#5b3a24", "#a9744a", "#c9a878", "#7a4a2c", "#3b2a20",
    "#cfc4b2",
)  # fmt: skip
CLOTHS = (
    "#8a8f96", "#3f4a5c", "#a34c44", "#c9bda6", "#5d6b52", "#e4e0d6", "#2c2e33", "#7a5c74",
    "#4f7f8f", "#c98f4c", "#d8b9b4",
)  # fmt: skip
PAINTS = (
    "#ebe7dd", "#dfe4e6", "#d6cdb8", "#c2ccd0", "#e9d9c6", "#b7c4b1", "#f2f1ee", "#c9b7ae",
    "#8fa3ad", "#d9c08a",
)  # fmt: skip


def shade(rng, palette, amount=0.06):
    """Return one of the colours, varied, in linear light."""
    return linear(jitter(rng, pick(rng, palette), amount))


def _grid(size, mm):
    """Return (x, y) in mm, each float32 `[size, size]`."""
    axis = np.arange(size, dtype=np.float32) * np.float32(mm)
    return np.broadcast_to(axis, (size, size)), np.broadcast_to(axis[:, None], (size, size))


def _to_joint(along, step):
    """Return how far it is to the nearest multiple of `step`."""
    return np.minimum(along % step, step - along % step)


def _plain(size, color):
    return np.broadcast_to(color, (size, size, 3)).astype(np.float32)


def wood(rng, size, mm):
    """Boards or one wide top, with growth rings cut lengthwise."""
    base, dark = shade(rng, WOODS), rng.uniform(0.3, 0.65)
    x, y = _grid(size, mm)
    plank = rng.uniform(60, 220) if chance(rng, 0.65) else 1e5
    row = np.floor(y / plank)
    offset = (np.sin(row * 12.9898) * 43758.5) % 1
    bend = noise(rng, (size, size), size * mm / 120, 3, stretch=(1, 6))
    rings = np.sin(y * rng.uniform(0.03, 0.25) + rng.uniform(5, 14) * bend + offset * 40)
    fibre = noise(rng, (size, size), size * mm / 5, 3, stretch=(0.4, 25))
    share = 0.3 + rng.uniform(0.05, 0.2) * rings + rng.uniform(0.1, 0.28) * fibre
    share = np.clip(share + 0.3 * (offset - 0.5), 0, 1)
    surface = mix(_plain(size, base), base * dark, share)
    if plank < 1e5:
        ends = x + offset * 900
        seam = np.minimum(y % plank, ends % 900)
        surface *= (0.35 + 0.65 * smoothstep(0.2, 1.6, seam))[..., None]
    return np.ascontiguousarray(surface if chance(rng, 0.5) else surface.transpose(1, 0, 2))


def cloth(rng, size, mm):
    """Woven cloth: plain, striped or checked, with folds."""
    x, y = _grid(size, mm)
    base, other = shade(rng, CLOTHS), shade(rng, CLOTHS)
    surface = _plain(size, base)
    kind = pick(rng, ["plain", "plain", "stripes", "check", "dots", "flowers"])
    step = rng.uniform(12, 60)
    if kind in ("stripes", "check"):
        across = smoothstep(-0.1, 0.1, np.sin(x * 6.28 / step) - rng.uniform(-0.4, 0.7))
        surface = mix(surface, other, across * 0.7)
        if kind == "check":
            down = smoothstep(-0.1, 0.1, np.sin(y * 6.28 / step) - rng.uniform(-0.4, 0.7))
            surface = mix(surface, other, down * 0.6)
    elif kind == "dots":
        cell = np.hypot((x % step) - step / 2, (y % step) - step / 2)
        surface = mix(surface, other, 1 - smoothstep(0.22 * step, 0.22 * step + 1, cell))
    elif kind == "flowers":
        surface = _flowers(rng, surface, mm, step)
    thread = rng.uniform(1.0, 3.5)
    if thread / mm > 2.5:
        weave = np.sin(x * 6.28 / thread) * np.sin(y * 6.28 / thread)
        surface = surface * (1 + 0.16 * weave[..., None])
    fuzz = noise(rng, (size, size), size / 3, 2)
    cells, stretch = size * mm / rng.uniform(70, 260), (1, rng.uniform(1, 4))
    folds = noise(rng, (size, size), cells, 2, stretch=stretch)
    light = cv2.Sobel(folds, cv2.CV_32F, 1, 1, ksize=5)
    light = light / (np.abs(light).max() + 1e-6) * rng.uniform(0.05, 0.9)
    return surface * np.clip(1 + 0.07 * fuzz + light + 0.12 * folds, 0.2, 1.8)[..., None]


def _flowers(rng, surface, mm, step):
    """Print flowers on a cloth or wallpaper."""
    size = len(surface)
    image = np.ascontiguousarray(surface)
    inks = [shade(rng, CLOTHS) for _ in range(3)]
    for _ in range(int(np.clip((size * mm / step) ** 2 * 0.35, 4, 260))):
        at, radius = rng.random(2) * size, rng.uniform(0.1, 0.3) * step / mm
        ink, turn = pick(rng, inks), rng.uniform(0, 6.3)
        axes = max(int(radius), 1), max(int(radius * 0.6), 1)
        for angle in turn + 1.25 * np.arange(rng.integers(4, 7)):
            spot = (at + radius * np.array([np.cos(angle), np.sin(angle)])).astype(int).tolist()
            turned = float(np.degrees(angle))
            cv2.ellipse(image, spot, axes, turned, 0, 360, ink.tolist(), -1, cv2.LINE_AA)
        heart = (inks[0] * 0.6).tolist()
        cv2.circle(image, at.astype(int).tolist(), max(axes[0] // 2, 1), heart, -1, cv2.LINE_AA)
    return image


def tiles(rng, size, mm):
    """Ceramic tiles with grout, each a shade of its own."""
    x, y = _grid(size, mm)
    step = rng.uniform(45, 320)
    ratio = pick(rng, [1.0, 1.0, 2.0])
    grout = rng.uniform(1.5, 5)
    row = np.floor(y / step)
    shifted = x + (row % 2) * step * ratio / 2 * (ratio > 1)
    column = np.floor(shifted / (step * ratio))
    own = (np.sin(row * 78.2 + column * 12.99) * 43758.5) % 1
    gap = np.minimum(_to_joint(y, step), _to_joint(shifted, step * ratio))
    stone = chance(rng, 0.35)
    surface = marble(rng, size, mm) if stone else _plain(size, shade(rng, PAINTS + CLOTHS[:4]))
    if chance(rng, 0.2):
        surface = mix(surface, shade(rng, CLOTHS), ((row + column) % 2).astype(np.float32))
    surface = surface * (1 + 0.12 * (own - 0.5))[..., None]
    body = smoothstep(grout * 0.5, grout * 0.5 + 0.8, gap)
    return mix(_plain(size, shade(rng, ("#b9b4a9", "#8c8a84", "#e2dfd8"))), surface, body)


def marble(rng, size, mm):
    """Polished stone with veins, or speckled granite."""
    base = shade(rng, ("#e9e7e2", "#dcd6ca", "#3a3c40", "#9a948a", "#c9c2b4"))
    vein = shade(rng, ("#8c8a88", "#6a5c4c", "#c9c6c0"))
    if chance(rng, 0.4):
        speckle = noise(rng, (size, size), size * mm / 4, 2)
        second = noise(rng, (size, size), size * mm / 9, 2)
        surface = mix(_plain(size, base), vein, smoothstep(0.2, 0.7, speckle) * 0.8)
        return mix(surface, shade(rng, ("#2c2a28", "#e8e4dc")), smoothstep(0.5, 0.9, second) * 0.8)
    warp = noise(rng, (size, size), size * mm / 220, 5, 0.6)
    lines = np.abs(noise(rng, (size, size), size * mm / 300, 4, 0.55) + 0.4 * warp)
    share = 0.75 * np.exp(-lines * rng.uniform(8, 22)) + 0.1 * (warp + 1) / 2
    return mix(_plain(size, base), vein, share)


def carpet(rng, size, mm):
    """A carpet or rug: tufts, and often borders and a pattern."""
    x, y = _grid(size, mm)
    surface = _plain(size, shade(rng, CLOTHS))
    if chance(rng, 0.6):
        step = rng.uniform(60, 200)
        wave = np.cos(x * 6.28 / step) + np.cos(y * 6.28 / step)
        cross = np.cos((x + y) * 6.28 / step * 2) * 0.5 + np.cos((x - y) * 6.28 / step * 2) * 0.5
        for level in rng.uniform(-1.5, 1.5, 3):
            band = np.abs(wave + cross - level) < rng.uniform(0.1, 0.4)
            surface = mix(surface, shade(rng, CLOTHS, 0.1), band.astype(np.float32))
    tufts = noise(rng, (size, size), min(size * mm / rng.uniform(2, 6), size / 2), 2)
    tread = noise(rng, (size, size), size * mm / 150, 3)
    return surface * np.clip(1 + 0.28 * tufts + 0.1 * tread, 0.2, 2)[..., None]


def paint(rng, size, mm):
    """A painted or plastered wall, or a lacquered desk."""
    rough = noise(rng, (size, size), size * mm / rng.uniform(2.5, 12), 2)
    bump = cv2.Sobel(rough, cv2.CV_32F, 1, 1, ksize=3)
    large = noise(rng, (size, size), size * mm / 500, 3)
    light = np.clip(1 + rng.uniform(0, 0.12) * bump + 0.04 * large, 0.4, 1.5)
    return _plain(size, shade(rng, PAINTS, 0.09)) * light[..., None]


def dark_top(rng, size, mm):
    """A dark or strongly coloured smooth surface."""
    large = noise(rng, (size, size), size * mm / 400, 3)
    dust = noise(rng, (size, size), size / 3, 1)
    base = shade(rng, ("#1e1f22", "#2b2220", "#1c2a3a", "#5a1f24", "#234034", "#3a3f47"))
    return _plain(size, base) * (1 + 0.08 * large + 0.04 * dust)[..., None]


def wallpaper(rng, size, mm):
    """Wallpaper: stripes or a print over a pale ground."""
    x, _ = _grid(size, mm)
    surface = _plain(size, shade(rng, PAINTS))
    step = rng.uniform(40, 160)
    if chance(rng, 0.5):
        band = smoothstep(-0.1, 0.1, np.sin(x * 6.28 / step))
        return mix(surface, shade(rng, PAINTS), band * rng.uniform(0.2, 0.9))
    printed = _flowers(rng, surface, mm, step)
    return mix(surface, printed, np.full((size, size), rng.uniform(0.25, 0.8), np.float32))


def bricks(rng, size, mm):
    """A brick wall, bare or painted."""
    x, y = _grid(size, mm)
    row = np.floor(y / 72)
    shifted = x + (row % 2) * 115
    column = np.floor(shifted / 230)
    own = (np.sin(row * 39.3 + column * 17.1) * 9631.7) % 1
    gap = np.minimum(_to_joint(y, 72), _to_joint(shifted, 230))
    rough = noise(rng, (size, size), size * mm / 14, 4)
    surface = _plain(size, shade(rng, ("#a5573f", "#8c4a38", "#d9d4ca", "#b58a6a")))
    surface = surface * np.clip(0.75 + 0.5 * own + 0.2 * rough, 0.2, 1.6)[..., None]
    mortar = _plain(size, shade(rng, ("#b9b2a6", "#d8d4cc")))
    return mix(mortar, surface, smoothstep(2, 7, gap + 2 * rough))


def leather(rng, size, mm):
    """Leather with seams, as sofas and car seats have it."""
    grain = noise(rng, (size, size), min(size * mm / 3.5, size / 3), 2)
    creases = noise(rng, (size, size), size * mm / 60, 3, stretch=(1, 3))
    light = cv2.Sobel(grain, cv2.CV_32F, 1, 1, ksize=3) * 0.25
    _, y = _grid(size, mm)
    seam = np.abs((y + rng.uniform(0, 200)) % 260 - 130)
    groove = 1 - 0.6 * np.exp(-((seam / 3.0) ** 2))
    base = shade(rng, ("#3a2a22", "#1f1f22", "#8a5a3a", "#c9b79a", "#5c1f22", "#e2ddd2"))
    return _plain(size, base) * np.clip((1 + light + 0.2 * creases) * groove, 0.2, 1.8)[..., None]


SYLLABLES = (
    "an", "ter", "lo", "mi", "ven", "sto", "ri", "pal", "ce", "do", "nu", "ber", "fi", "gra",
)  # fmt: skip


def newsprint(rng, size, mm):
    """A spread newspaper or printed sheets: columns of lines and grey pictures."""
    page = np.empty((size, size, 3), np.uint8)
    page[:] = jitter(rng, (226, 222, 210), 0.03)
    ink = jitter(rng, (84, 84, 86), 0.05)
    face = cv2.FontFace("sans")
    column, line = rng.uniform(45, 75) / mm, rng.uniform(3.4, 5.0) / mm
    for x in np.arange(4 / mm, size, column):
        y = 5 / mm
        while y < size:
            if chance(rng, 0.03):
                deep = rng.uniform(20, 50) / mm
                tone = jitter(rng, (140, 138, 134), 0.15)
                corner = int(x + column * 0.9), int(y + deep)
                cv2.rectangle(page, (int(x), int(y)), corner, tone, -1)
                y += deep + 1.2 * line
                continue
            height = line * (2.2 if chance(rng, 0.05) else 1.0)
            if line < 5:
                end = int(x + column * rng.choice([0.9, 0.9, 0.9, 0.6]))
                thick = max(int(height * 0.4), 1)
                cv2.line(page, (int(x), int(y)), (end, int(y)), (150, 149, 144), thick, cv2.LINE_AA)
            else:
                words = rng.choice(SYLLABLES, int(0.9 * column / (0.78 * height)))
                text = "".join(f"{word}{' ' if chance(rng, 0.45) else ''}" for word in words)
                cv2.putText(page, text, (int(x), int(y)), ink, face, max(int(0.8 * height), 4), 450)
            y += height
    return image_to_linear(page) * (1 + 0.05 * noise(rng, (size, size), 6, 3))[..., None]


TABLES = {
    wood: 6, cloth: 3, tiles: 1.5, marble: 2, carpet: 1.5, paint: 1.5, dark_top: 1, leather: 1.2,
    newsprint: 0.6,
}  # fmt: skip
WALLS = {paint: 6, wallpaper: 2, bricks: 1, tiles: 1, wood: 0.8}
SOFAS = {cloth: 5, leather: 2, carpet: 1}
