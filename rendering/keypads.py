"""Keys and displays of AC remotes, drawn on a texture."""

from functools import partial
from typing import NamedTuple

import numpy as np

from .colors import chance, jitter, pick
from .textures import draw_digit, draw_icon, ellipse, rounded

KEYS = (
    "power", "mode", "fan", "swing", "timer", "sleep", "turbo", "eco", "up", "down", "light",
    "clock", "cancel", "health", "dry", "heat", "cool", "auto", "set", "quiet", "clean", "lock",
    "feel", "reset",
)  # fmt: skip
# What is written on them, in this order.
WORDS = {
    "en": (
        "ON/OFF", "MODE", "FAN", "SWING", "TIMER", "SLEEP", "TURBO", "ECO", "TEMP", "TEMP",
        "LIGHT", "CLOCK", "CANCEL", "HEALTH", "DRY", "HEAT", "COOL", "AUTO", "SET", "QUIET",
        "CLEAN", "LOCK", "I FEEL", "RESET",
    ),
    "zh": (
        "开/关", "模式", "风速", "扫风", "定时", "睡眠", "强劲", "节能", "温度", "温度", "灯光",
        "时钟", "取消", "健康", "除湿", "制热", "制冷", "自动", "设定", "静音", "清洁", "童锁",
        "舒适", "复位",
    ),
    "ja": (
        "運転/停止", "運転切換", "風量", "風向", "タイマー", "おやすみ", "パワフル", "省エネ",
        "温度", "温度", "表示", "時刻", "取消", "空清", "除湿", "暖房", "冷房", "自動", "予約",
        "静か", "内部クリーン", "ロック", "快適", "リセット",
    ),
    "ko": (
        "운전/정지", "운전선택", "바람세기", "회전", "예약", "취침", "파워", "절전", "온도",
        "온도", "조명", "시간", "취소", "공기청정", "제습", "난방", "냉방", "자동", "설정",
        "저소음", "자동건조", "잠금", "쾌적", "초기화",
    ),
}  # fmt: skip
LABELS = {name: dict(zip(KEYS, words, strict=True)) for name, words in WORDS.items()}
SIGNS = {
    "power": "power", "fan": "fan", "timer": "clock", "sleep": "moon", "dry": "drop",
    "heat": "sun", "cool": "snow", "swing": "swing", "clock": "clock", "mode": "snow",
}  # fmt: skip
MINOR = [name for name in KEYS if name not in ("power", "up", "down")]
SHAPES = {"rect": 3, "soft": 4, "pill": 4, "oval": 2, "circle": 2}
POWER_COLORS = {
    "#d8402c": 3, "#e2772a": 3, "#2f9a58": 2, "#3b83c4": 1.5, "#c9302f": 2, "#3aa7a0": 1,
}  # fmt: skip
ACCENTS = ("#3f7fc0", "#e58a2e", "#4aa564", "#c6d4de", "#8fb8d8", "#f2b6a0", "#7a7f86", "#f0d060")


class KeyStyle(NamedTuple):
    """How one remote's keys look; `label` is "on", "under", "above" or "none"."""

    shape: str
    color: tuple
    ink: tuple
    body_ink: tuple
    power: tuple
    label: str
    language: str
    weight: int
    height: float
    gloss: float
    signs: bool
    accent: tuple | None
    plus: bool


def key_style(rng, body, dark):
    """Choose the keys for a body of the sRGB colour `body`."""
    kind = pick(rng, {"same": 3, "grey": 4, "dark": 2, "light": 3 if dark else 1, "tint": 1.5})
    color = {
        "same": tuple(int(np.clip(c + rng.integers(-14, 15), 0, 255)) for c in body),
        "grey": jitter(rng, (168, 172, 178), 0.12),
        "dark": jitter(rng, (62, 65, 72), 0.08),
        "light": jitter(rng, (232, 232, 228), 0.04),
        "tint": jitter(rng, pick(rng, ACCENTS), 0.06),
    }[kind]
    bright = np.mean(color) > 125
    language = pick(rng, {"en": 7, "zh": 1.6, "ja": 1.4, "ko": 0.8})
    return KeyStyle(
        shape=pick(rng, SHAPES),
        color=color,
        ink=jitter(rng, (50, 55, 66) if bright else (232, 232, 230), 0.06),
        body_ink=jitter(rng, (205, 207, 210) if dark else (88, 96, 108), 0.1),
        power=jitter(rng, pick(rng, POWER_COLORS), 0.06) if chance(rng, 0.75) else color,
        label=pick(rng, {"on": 4, "under": 3.5, "above": 2.5, "none": 0.4}),
        language=language,
        weight=int(rng.integers(300, 700)),
        height=float(rng.uniform(0.3, 1.8)) if chance(rng, 0.85) else 0.08,
        gloss=float(rng.uniform(0.1, 0.9)),
        signs=chance(rng, 0.4),
        accent=jitter(rng, pick(rng, ACCENTS), 0.06) if chance(rng, 0.35) else None,
        plus=chance(rng, 0.4),
    )


def _key_outline(shape, center, width, height):
    if shape == "oval":
        return ellipse(center, width, height)
    if shape == "circle":
        return ellipse(center, min(width, height * 1.25), min(width, height * 1.25))
    radius = {"rect": 0.14, "soft": 0.34, "pill": 0.5}[shape] * min(width, height)
    return rounded(center, width, height, radius)


def draw_key(texture, style, name, center, width, height, color=None, shape=None):
    """Draw one key and its label; the cell is `width` x `height` mm."""
    label = style.label
    color = color or style.color
    size = min(1.9, 0.24 * height + 0.5, 0.3 * width)
    center = np.array(center, float)
    if label in ("under", "above"):
        text_at = center + [0, (height / 2 - size * 0.45) * (1 if label == "under" else -1)]
        center[1] -= size * (0.75 if label == "under" else -0.75)
        height -= 1.5 * size
    outline = _key_outline(shape or style.shape, center, width, height)
    rim = 0.35, 0.55 if style.height > 0.1 else 0.2
    texture.part(outline, rim, (style.height, min(0.8, height / 4)), color, style.gloss)

    ink = style.ink if np.mean(color) > 125 or np.mean(style.ink) > 125 else (238, 238, 236)
    word = LABELS[style.language][name]
    if name in ("up", "down"):
        sign = {"up": "plus", "down": "minus"}[name] if style.plus else name
        draw_icon(texture, sign, center, min(width, height) * 0.42, ink)
    elif label == "on" and style.signs and name in SIGNS:
        draw_icon(texture, SIGNS[name], center, min(width, height) * 0.42, ink)
    elif label == "on":
        texture.text(word, center, min(size, 0.36 * height), ink, style.weight, widest=0.86 * width)
    elif name == "power" or (style.signs and name in SIGNS):
        draw_icon(texture, SIGNS[name], center, min(width, height) * 0.4, ink)
    if label in ("under", "above"):
        texture.text(word, text_at, size * 0.8, style.body_ink, style.weight, widest=width * 1.15)


def draw_rocker(texture, style, center, width, height, color, word):
    """Draw an upright key with + at its top end and - at its bottom end."""
    outline = rounded(center, width, height, width * (0.5 if style.shape != "rect" else 0.2))
    texture.part(outline, (0.45, 0.5), (max(style.height, 0.6), 1.4), color, style.gloss)
    texture.emboss(ellipse(center, width * 0.8, height * 0.3), -0.4, 1.2)
    ink = style.ink if np.mean(color) > 125 or np.mean(style.ink) > 125 else (238, 238, 236)
    signs = ("plus", "minus") if style.plus else ("up", "down")
    for sign, side in zip(signs, (-1, 1), strict=True):
        draw_icon(texture, sign, (center[0], center[1] + side * height * 0.33), width * 0.4, ink)
    texture.text(word, center, 1.5, ink, style.weight, widest=0.85 * width)


def draw_pad(texture, style, center, size):
    """Draw a ring of four directions around a centre key."""
    ring = ellipse(center, size, size)
    texture.part(ring, (0.5, 0.5), (max(style.height, 0.5), 1.2), style.color, style.gloss)
    names = ("up", "down", "fan", "mode")
    spots = ((0, -0.36), (0, 0.36), (-0.36, 0), (0.36, 0))
    for name, spot in zip(names, spots, strict=True):
        at = np.asarray(center) + np.array(spot) * size
        sign = {"up": "plus" if style.plus else "up", "down": "minus" if style.plus else "down"}
        draw_icon(texture, sign.get(name, SIGNS.get(name)), at, size * 0.12, style.ink)
    middle = ellipse(center, size * 0.42, size * 0.42)
    texture.part(middle, (0.4, 0.6), (0.3, 0.8), style.power, style.gloss)
    draw_icon(texture, "power", center, size * 0.16, (242, 242, 240))


def draw_keypad(texture, rng, style, area, widths):
    """Fill `area` (top, bottom; mm) with rows of keys; `widths(v)` is the usable width there."""
    top, bottom = area
    middle = texture.width / 2
    names = list(rng.permutation(MINOR))
    common = [n for n in ("mode", "fan", "swing", "timer") if chance(rng, 0.85)]
    names = common + [n for n in names if n not in common]
    full = widths((top + bottom) / 2)
    pitch = float(rng.uniform(8.5, 14.5))
    heads = pick(
        rng,
        {
            ("power", "pair"): 3, ("sides",): 2, ("pad",): 1.6, ("pair", "power"): 1,
            ("trio",): 2, ("wide", "pair"): 1.5, ("stack",): 1.5, ("grid",): 1,
        },
    )  # fmt: skip
    columns = int(pick(rng, {2: 3, 3: 5, 4: 1.5 if full > 42 else 0}))
    rows = []
    room = bottom - top
    for head in heads:
        need = {"sides": 26, "pad": min(full * 0.86, 34), "stack": 24, "trio": 14}.get(head, 12)
        if room >= need:
            rows.append((head, need))
            room -= need
    most = int(rng.integers(1, 8))
    while room >= pitch and most and len(names) >= columns:
        rows.append(("grid", pitch))
        room -= pitch
        most -= 1
    if not rows:
        rows, room = [("grid", bottom - top)], 0.0
    gap = min(room / (len(rows) + 1), 4.0)
    v = top + gap + (0 if chance(rng, 0.6) else (room - gap * (len(rows) + 1)) / 2)
    boxed = chance(rng, 0.2)
    for kind, height in rows:
        at, width = v + height / 2, widths(v + height / 2)
        if boxed and kind == "grid":
            frame = rounded((middle, at), width, height - 0.6, 1.5)
            texture.stroke(frame, style.body_ink, 0.25, closed=True)
            width *= 0.94
        _draw_row(texture, rng, style, kind, (middle, at), width, height * 0.86, names, columns)
        v += height + gap


def _draw_row(texture, rng, style, kind, center, width, height, names, columns):
    """Draw one row about `center`, taking the names it needs off the front of `names`."""
    x, y = center
    accent = style.accent or style.color
    words = LABELS[style.language]
    key, rocker = partial(draw_key, texture, style), partial(draw_rocker, texture, style)
    if kind == "power":
        wide = float(rng.uniform(0.3, 0.62)) * width
        shape = pick(rng, ["pill", "oval", "circle", style.shape])
        key("power", center, wide, height, style.power, shape)
    elif kind == "wide":
        key("power", center, width * 0.92, height * 0.85, style.power)
    elif kind == "pair":
        for name, side in (("down", -1), ("up", 1)):
            key(name, (x + side * width * 0.26, y), width * 0.42, height, accent)
    elif kind == "trio":
        middle = chance(rng, 0.6)
        for name, side in (("down", -1), ("power", 0), ("up", 1)):
            special = (name == "power") == middle
            shape = "circle" if special and chance(rng, 0.7) else None
            color = style.power if name == "power" else accent
            key(name, (x + side * width * 0.335, y), width * 0.28, height, color, shape)
    elif kind == "sides":
        rocker((x - width * 0.34, y), width * 0.25, height, accent, words["up"])
        rocker((x + width * 0.34, y), width * 0.25, height, accent, words["fan"])
        key("power", (x, y - height * 0.25), width * 0.34, height * 0.45, style.power)
        key(names.pop(0), (x, y + height * 0.27), width * 0.34, height * 0.42)
    elif kind == "stack":
        rocker((x, y), width * 0.42, height, accent, words["up"])
        sides = ["power", *(names.pop(0) for _ in range(3))]
        spots = [(-0.37, -0.25), (0.37, -0.25), (-0.37, 0.27), (0.37, 0.27)]
        for name, (dx, dy) in zip(sides, spots, strict=True):
            color = style.power if name == "power" else None
            key(name, (x + dx * width, y + dy * height), width * 0.23, height * 0.42, color)
    elif kind == "pad":
        draw_pad(texture, style, center, min(height, width))
    else:
        count = min(columns, len(names))
        for i in range(count):
            at = x + ((i + 0.5) / count - 0.5) * width
            key(names.pop(0), (at, y), width / count * 0.82, height)


LCD_TINTS = {"#a9b39c": 4, "#b9bdb6": 4, "#9fb0ae": 2, "#c3c6bf": 3, "#8e9a86": 2, "#d2d5cf": 1}
LIT_TINTS = ("#3f8fe8", "#58b9e0", "#e8a13c", "#8fe06a", "#e8f0f4")


def draw_display(texture, rng, center, width, height):
    """Draw an LCD of `width` x `height` mm: off, showing a temperature, or glowing."""
    kind = pick(rng, {"on": 6, "off": 2.5, "lit": 1.2, "dark": 1.0})
    back = jitter(rng, pick(rng, LCD_TINTS), 0.05)
    ink = (38, 44, 42)
    if kind == "lit":
        back = jitter(rng, pick(rng, LIT_TINTS), 0.05)
        ink = (22, 30, 44)
    elif kind == "dark":
        back, ink = (24, 27, 32), jitter(rng, pick(rng, ("#dfeef4", "#66d0ff", "#ff8a5a")), 0.04)
    elif kind == "off":
        ink = tuple(int(c * 0.9) for c in back)
    frame = rounded(center, width, height, float(rng.uniform(0.4, 2.2)))
    texture.part(frame, (0.3, 0.5), (-0.25, 0.4), back, float(rng.uniform(0.7, 1.6)))
    wide_screen = width > 1.25 * height
    tall = min(height * (0.52 if wide_screen else 0.34), width * 0.42)
    at = np.array(center) + [rng.uniform(-0.1, 0.14) * width, rng.uniform(-0.06, 0.1) * height]
    digits = "88" if chance(rng, 0.12) else str(rng.integers(16, 31))
    for i, digit in enumerate(digits):
        spot = at + [(i - 0.5) * tall * 0.66, 0]
        draw_digit(texture, digit, spot, tall * 0.5, tall, ink)
    texture.text("°C", at + [tall * 0.95, -0.3 * tall], tall * 0.24, ink, 500)
    # Rows of small signs above and below the digits.
    count = int(rng.integers(2, 6))
    for row in (-0.4, 0.4):
        for i in range(count):
            if chance(rng, 0.6):
                spot = np.array(center) + [((i + 0.5) / count - 0.5) * width * 0.9, row * height]
                sign = pick(rng, ["snow", "sun", "drop", "fan", "clock", "moon", "swing", "power"])
                draw_icon(texture, sign, spot, min(0.13 * height, 0.6 * width / count), ink)
    if chance(rng, 0.5):
        clock = f"{rng.integers(1, 24)}:{rng.integers(0, 60):02d}"
        texture.text(clock, np.array(center) + [-0.26 * width, -0.26 * height], 0.09 * height, ink)
    if chance(rng, 0.6):
        for i in range(int(rng.integers(2, 6))):
            bar = 0.05 * height * (i + 1)
            left = center[0] - 0.44 * width + i * 0.035 * width
            base = center[1] + 0.28 * height
            corners = [[0, 0], [0.022 * width, 0], [0.022 * width, -bar], [0, -bar]]
            texture.paint(np.array(corners) + [left, base], ink)
    if kind in ("lit", "dark"):
        slices, cover = texture.window(frame)
        texture.glow = np.zeros((*texture.relief.shape, 3), np.float32)
        strength = float(rng.uniform(0.1, 0.35))
        area = texture.color[slices].astype(np.float32) / 255
        texture.glow[slices] = area**2.2 * cover[..., None] * strength
