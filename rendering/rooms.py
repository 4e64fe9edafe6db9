"""What stands far behind: rooms out of focus, studio paper, photographs; and the light in them."""

import cv2
import numpy as np

from .colors import chance, image_to_linear, jitter, linear, mix, noise, pick, smoothstep
from .materials import CLOTHS, PAINTS, WOODS, shade
from .slabs import ENVIRONMENT_SIZE, Light


def _shade(rng, palette, light=1.0):
    return shade(rng, palette) * np.float32(light)


def _box(image, left, top, right, bottom, color, rim=0.0):
    """Fill a box given in fractions of the image, `rim` wider on every side."""
    left, top, right, bottom = left - rim, top - rim, right + rim, bottom + rim
    height, width = image.shape[:2]
    corner = int(left * width), int(top * height)
    cv2.rectangle(image, corner, (int(right * width), int(bottom * height)), color.tolist(), -1)


def room(rng, shape, blur_px):
    """Return a living room, kitchen or office, linear `[H, W, 3]`, blurred by `blur_px`."""
    shrink = np.clip(2.0 / max(blur_px, 0.5), 0.2, 1.0)
    small = max(int(shape[0] * shrink), 16), max(int(shape[1] * shrink), 16)
    image = np.empty((*small, 3), np.float32)
    image[:] = _shade(rng, PAINTS, rng.uniform(0.35, 0.9))
    floor = rng.uniform(0.55, 0.95)
    _box(image, 0, floor, 1, 1, _shade(rng, WOODS + CLOTHS, 0.6))
    _box(image, 0, floor - 0.02, 1, floor, _shade(rng, ("#f0eee8", "#5a4030"), 0.6))
    if chance(rng, 0.25):
        corner = rng.uniform(0.2, 0.8)
        _box(image, 0, 0, corner, floor, _shade(rng, PAINTS, rng.uniform(0.25, 0.6)))
    for index in rng.permutation(len(FURNITURE))[: int(rng.integers(3, 8))]:
        FURNITURE[index](rng, image, floor)
    image *= (1 + 0.15 * noise(rng, small, 2, 2))[..., None]
    image = cv2.GaussianBlur(image, (0, 0), max(blur_px * shrink, 0.4))
    return cv2.resize(image, shape[::-1], interpolation=cv2.INTER_CUBIC).clip(0)


def _window(rng, image, floor):
    left, width = rng.uniform(-0.1, 0.8), rng.uniform(0.2, 0.5)
    top, bottom = rng.uniform(-0.1, 0.2), floor * rng.uniform(0.6, 0.9)
    wood = _shade(rng, ("#efede6", "#6a4a30"), 0.8)
    _box(image, left, top, left + width, bottom, wood, rim=0.02)
    sky = linear(pick(rng, ["#cfe2f5", "#f5f3ea", "#1c2436", "#b8cfe0"])) * rng.uniform(0.8, 2.2)
    _box(image, left, top, left + width, bottom, sky)
    if chance(rng, 0.6):
        _box(image, left, bottom * 0.65, left + width, bottom, linear(jitter(rng, "#5f7a4a", 0.1)))
    for i in range(1, int(rng.integers(2, 4))):
        at = left + width * i / 2
        _box(image, at - 0.008, top, at + 0.008, bottom, _shade(rng, ("#efede6",), 0.6))


def _sofa(rng, image, floor):
    left, width, color = rng.uniform(-0.2, 0.7), rng.uniform(0.35, 0.8), _shade(rng, CLOTHS, 0.7)
    _box(image, left, floor - 0.28, left + width, floor + 0.08, color * 0.8)
    _box(image, left, floor - 0.12, left + width, floor + 0.04, color)
    for _i in range(int(rng.integers(0, 4))):
        at = left + width * rng.uniform(0.05, 0.8)
        _box(image, at, floor - 0.24, at + 0.12, floor - 0.1, _shade(rng, CLOTHS))


def _shelf(rng, image, floor):
    left, width, top = rng.uniform(-0.1, 0.8), rng.uniform(0.15, 0.35), rng.uniform(0, 0.3)
    _box(image, left, top, left + width, floor, _shade(rng, WOODS, 0.6))
    rows = int(rng.integers(3, 6))
    for row in range(rows):
        base, deep = top + (floor - top) * (row + 0.95) / rows, (floor - top) / rows * 0.85
        _box(image, left + 0.01, base - deep, left + width - 0.01, base, _shade(rng, WOODS, 0.25))
        at = left + 0.012
        while at < left + width - 0.03:
            thick = rng.uniform(0.008, 0.026)
            if chance(rng, 0.85):
                top_edge = base - deep * rng.uniform(0.5, 0.95)
                _box(image, at, top_edge, at + thick, base, _shade(rng, CLOTHS, 0.8))
            at += thick + 0.002


def _frame(rng, image, floor):
    for _ in range(int(rng.integers(1, 4))):
        left, top, width = rng.uniform(0, 0.85), rng.uniform(0, 0.35), rng.uniform(0.07, 0.2)
        high = width * rng.uniform(0.7, 1.6)
        _box(image, left, top, left + width, top + high, _shade(rng, WOODS, 0.4))
        right, bottom = left + width - 0.012, top + high - 0.015
        _box(image, left + 0.012, top + 0.015, right, bottom, _shade(rng, CLOTHS + PAINTS))


def _television(rng, image, floor):
    left, width = rng.uniform(-0.1, 0.6), rng.uniform(0.3, 0.5)
    high = width * 0.55
    top = floor - high - rng.uniform(0.08, 0.2)
    _box(image, left - 0.1, floor - 0.09, left + width + 0.1, floor + 0.03, _shade(rng, WOODS, 0.5))
    _box(image, left, top, left + width, top + high, linear((16, 17, 20)))
    if chance(rng, 0.4):
        right, bottom = left + width - 0.01, top + high - 0.012
        _box(image, left + 0.01, top + 0.012, right, bottom, _shade(rng, CLOTHS, 1.3))


def _lamp(rng, image, floor):
    height, width = image.shape[:2]
    x, y = rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.6) * height
    grid_y, grid_x = np.mgrid[:height, :width].astype(np.float32)
    far = np.hypot(grid_x - x, grid_y - y) / (0.25 * width)
    image += (np.exp(-far * far) * rng.uniform(0.1, 0.5))[..., None] * linear("#ffd9a0")
    bulb = int(0.05 * width), int(0.045 * height)
    cv2.ellipse(image, (int(x), int(y)), bulb, 0, 0, 360, (1.9, 1.6, 1.1), -1)
    x, y = x / width, y / height
    _box(image, x - 0.006, y + 0.04, x + 0.006, floor, _shade(rng, WOODS, 0.3))


def _plant(rng, image, floor):
    height, width = image.shape[:2]
    x, base = rng.uniform(0.05, 0.95) * width, (floor + 0.05) * height
    for _ in range(int(rng.integers(12, 40))):
        at = int(x + rng.normal(0, 0.05) * width), int(base - height * rng.uniform(0.08, 0.4))
        axes = int(rng.uniform(0.01, 0.05) * width) + 1, int(rng.uniform(0.006, 0.02) * width) + 1
        leaf = linear(jitter(rng, "#4a7a3c", 0.1)) * 0.7
        cv2.ellipse(image, at, axes, rng.uniform(0, 180), 0, 360, leaf.tolist(), -1)
    x, base = x / width, base / height
    _box(image, x - 0.04, base - 0.1, x + 0.04, base, _shade(rng, CLOTHS, 0.7))


def _door(rng, image, floor):
    left, width = rng.uniform(0, 0.85), rng.uniform(0.15, 0.28)
    color = _shade(rng, (*WOODS, "#e9e6de", "#dcd6c8"), 0.75)
    _box(image, left - 0.015, 0.0, left + width + 0.015, floor, color * 0.8)
    _box(image, left, 0.02, left + width, floor, color)
    for top, bottom in ((0.08, 0.4), (0.48, 0.9)):
        _box(image, left + 0.03, top * floor, left + width - 0.03, bottom * floor, color * 0.85)


def _cooler(rng, image, floor):
    left, top, width = rng.uniform(0, 0.6), rng.uniform(0.02, 0.2), rng.uniform(0.25, 0.45)
    _box(image, left, top, left + width, top + width * 0.32, linear("#f0f0ee") * 0.85)
    _box(image, left, top + width * 0.24, left + width, top + width * 0.29, linear("#b9bcc0") * 0.6)


def _curtain(rng, image, floor):
    left, width, color = rng.uniform(-0.1, 0.9), rng.uniform(0.1, 0.3), _shade(rng, CLOTHS, 0.8)
    folds = int(rng.integers(5, 12))
    for i in range(folds):
        at = left + width * i / folds
        _box(image, at, 0, at + width / folds, floor + 0.05, color * rng.uniform(0.6, 1.1))


FURNITURE = (
    _window, _sofa, _shelf, _frame, _television, _lamp, _plant, _door, _cooler, _curtain,
)  # fmt: skip


def photo(rng, shape, photos):
    """Return a random piece of one of the `photos` (uint8 sRGB images), linear `[H, W, 3]`."""
    image = pick(rng, photos)
    ratio = min(image.shape[0] / shape[0], image.shape[1] / shape[1]) * rng.uniform(0.45, 1.0)
    height, width = max(int(shape[0] * ratio), 2), max(int(shape[1] * ratio), 2)
    top = rng.integers(0, image.shape[0] - height + 1)
    left = rng.integers(0, image.shape[1] - width + 1)
    piece = image[top : top + height, left : left + width]
    if chance(rng, 0.5):
        piece = piece[:, ::-1]
    piece = cv2.resize(np.ascontiguousarray(piece), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return image_to_linear(piece) * np.float32(rng.uniform(0.6, 1.2))


def light(rng, soft=None, bright=1.0):
    """Return the Light of a room: a key light from above, warm or cool, and windows to mirror."""
    elevation, azimuth = np.radians(rng.uniform(32, 82)), rng.uniform(0, 2 * np.pi)
    flat = np.cos(elevation)
    direction = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])
    share = rng.uniform(0.3, 0.75)
    warmth = rng.normal(0, 0.07)
    tint = np.array([1 + warmth, 1.0, 1 - 1.3 * warmth])
    fill = np.array([1 - 0.5 * warmth, 1.0, 1 + 0.6 * warmth])
    grid = np.linspace(-1, 1, ENVIRONMENT_SIZE, dtype=np.float32)
    x, y = np.meshgrid(grid, -grid)
    turn = rng.uniform(0, 2 * np.pi)
    around = 0.4 + 0.3 * (x * np.cos(turn) + y * np.sin(turn)) * rng.uniform(-1, 1)
    around = np.repeat(around[..., None], 3, 2) * fill.astype(np.float32)
    for _ in range(int(rng.integers(1, 4))):
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.85)
        at_x, at_y = far * np.cos(angle), far * np.sin(angle)
        half = rng.uniform(0.06, 0.3, 2)
        panel = (np.abs(x - at_x) < half[0]) & (np.abs(y - at_y) < half[1])
        panel &= ~((np.abs(x - at_x) < 0.02) & chance(rng, 0.5))
        around[panel] += rng.uniform(1, 5) * tint.astype(np.float32)
    around = cv2.GaussianBlur(around, (0, 0), rng.uniform(0.6, 3))
    return Light(
        direction=direction,
        color=bright * 1.05 * share * tint / direction[2] ** 0.6,
        ambient=bright * (1 - share) * fill,
        environment=np.ascontiguousarray(around, np.float32),
        softness=soft if soft is not None else float(10 ** rng.uniform(-1.3, -0.1)),
    )


def falloff(rng, shape):
    """Return how the light varies, `[H, W, 3]` about 1: a gradient, a spot, a sun patch."""
    y, x = np.mgrid[-0.5:0.5:40j, -0.5:0.5:40j].astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    field = 1 + rng.uniform(0, 0.75) * (x * np.cos(turn) + y * np.sin(turn))
    if chance(rng, 0.35):
        far = np.hypot(x - rng.uniform(-0.5, 0.5), y - rng.uniform(-0.5, 0.5))
        field *= 0.55 + 0.75 * np.exp(-((far / rng.uniform(0.25, 0.6)) ** 2))
    field = np.repeat(field[..., None], 3, 2)
    field = cv2.resize(field, shape[::-1], interpolation=cv2.INTER_CUBIC)
    if chance(rng, 0.2):
        field *= _sun_patch(rng, shape)
    return field


def _sun_patch(rng, shape):
    """Return 1, and more where the sun falls in through a window or blinds."""
    small = max(shape[0] // 2, 8), max(shape[1] // 2, 8)
    reach = max(small)
    mask = np.zeros(small, np.float32)
    at = rng.random(2) * small[::-1]
    along = np.array([np.cos(a := rng.uniform(0, np.pi)), np.sin(a)])
    across = np.array([np.cos(b := a + rng.uniform(0.9, 2.2)), np.sin(b)])
    count = int(pick(rng, [1, 2, 3, 8, 12]))
    length, pitch = rng.uniform(0.4, 1.2) * reach, rng.uniform(0.7, 1.3) * reach / count
    for i in range(count):
        start = at + across * pitch * (i - count / 2)
        far, wide = start + along * length, across * pitch * 0.7
        corners = np.round([start, far, far + wide, start + wide])
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 6))
    strength = rng.uniform(0.35, 1.3) * np.array([1.0, 0.93, 0.8], np.float32)
    return 1 + cv2.resize(mask, shape[::-1])[..., None] * strength


def studio(rng, shape):
    """Return the paper of a product shot: white, or nearly, with a soft gradient."""
    papers = ["#ffffff", "#ffffff", "#fbfbfb", "#eef0f2", "#e3e6ea", "#f4efe6", "#cfe0ee"]
    base = linear(pick(rng, papers))
    field = np.ones((*shape, 3), np.float32) * base
    ramp = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    dark = smoothstep(rng.uniform(0.2, 0.6), 1.1, ramp if chance(rng, 0.5) else 1 - ramp)
    return mix(field, base * 0.8, np.broadcast_to(dark, shape) * rng.uniform(0, 0.6))
