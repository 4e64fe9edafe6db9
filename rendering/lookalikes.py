"""Things that lie about and are no AC remote, some of them much like one."""

import numpy as np

from .colors import chance, jitter, linear, noise, pick
from .keypads import draw_display
from .remotes import wear
from .slabs import Slab
from .textures import Texture, draw_digit, ellipse, rounded

BRIGHT = (
    "#c8372d", "#2f6db3", "#e0a52c", "#3b8f5a", "#7a4b9a", "#d9d4c7", "#222428",
    "#e7e2d8", "#1f3550", "#b86b3e",
)  # fmt: skip
WORDS = (
    "Garden", "Winter", "The Sea", "Notes", "Atlas", "Kitchen", "Light", "History", "Home",
    "Journey", "Poems", "Design", "Music", "North", "Guide", "Stories", "Physics", "Market",
)  # fmt: skip


def _slab(texture, thickness, side, outline=None, corner=1.0, **more):
    """Return a Slab as large as its texture, with rounded corners unless given an outline."""
    if outline is None:
        outline = rounded((0, 0), texture.width - 1, texture.height - 1, corner)
    return Slab(outline, thickness, texture, np.asarray(linear(side)), **more)


def phone(rng, scale):
    """A phone: screen up (off, or showing icons, a picture, a chat), or back up."""
    wide, high = rng.uniform(64, 78), rng.uniform(138, 165)
    texture = Texture(wide + 1, high + 1, scale, (14, 14, 17), 1.3)
    frame = jitter(rng, pick(rng, ["#1c1d20", "#c9ccd1", "#d8c3a5", "#3b4a5c", "#8b2f35"]), 0.04)
    center = np.array([texture.width, texture.height]) / 2
    kind = pick(rng, ["off", "icons", "picture", "chat", "back", "back"])
    if kind == "back":
        backs = ["#26282c", "#e8e8ea", "#2c4a66", "#c7b7d8", "#b33a3a", "#3f5a4a"]
        texture.color[:] = jitter(rng, pick(rng, backs), 0.04)
        texture.gloss[:] = rng.uniform(0.2, 1.4)
        bump = rounded((wide * 0.27, wide * 0.3), wide * 0.36, wide * rng.uniform(0.38, 0.6), 7)
        texture.part(bump, (0.5, 0.5), (1.2, 1.0))
        for i in range(int(rng.integers(1, 4))):
            spot = wide * 0.22 + (i % 2) * wide * 0.11, wide * 0.2 + i * wide * 0.1
            texture.paint(ellipse(spot, 11, 11), (18, 18, 22), gloss=1.5)
            texture.paint(ellipse(spot, 4.5, 4.5), (40, 46, 66), gloss=1.5)
        texture.stroke(ellipse(center, 13, 11), jitter(rng, (150, 150, 155), 0.1), 0.8, closed=True)
    elif kind != "off":
        screen = rounded(center, wide - 5, high - rng.uniform(5, 22), 4)
        slices, cover = texture.window(screen)
        shape = cover.shape
        first, second = (np.array(jitter(rng, pick(rng, BRIGHT), 0.1)) for _ in range(2))
        fade = 0.5 + 0.5 * noise(rng, shape, 3, 2)[..., None]
        picture = np.clip(first + (second - first) * fade, 0, 255)
        if kind == "chat":
            picture[:] = 238
        area = texture.color[slices]
        area[:] = area * (1 - cover[..., None]) + picture * cover[..., None]
        for row in range(6):
            for column in range(4):
                at = wide * (0.18 + 0.21 * column), high * (0.16 + 0.13 * row)
                if kind == "icons" and chance(rng, 0.85):
                    texture.paint(rounded(at, 11, 11, 2.6), jitter(rng, pick(rng, BRIGHT), 0.12))
            if kind == "chat" and chance(rng, 0.8):
                at = wide * pick(rng, [0.38, 0.62]), high * (0.16 + 0.13 * row)
                bubble = rounded(at, wide * 0.5, high * 0.09, 3)
                texture.paint(bubble, pick(rng, [(250, 250, 250), (120, 200, 130), (70, 140, 230)]))
        texture.glow = np.zeros((*texture.relief.shape, 3), np.float32)
        glow = (area / np.float32(255)) ** 2.2 * cover[..., None]
        texture.glow[slices] = glow * rng.uniform(0.2, 0.7)
    thickness, corner = rng.uniform(7, 11), rng.uniform(5, 10)
    return _slab(texture, thickness, frame, corner=corner, edge=1.2, shininess=150)


def book(rng, scale):
    """A closed book or a magazine with a cover."""
    wide, high = rng.uniform(100, 190), rng.uniform(150, 270)
    thin = chance(rng, 0.3)
    color = jitter(rng, pick(rng, BRIGHT), 0.1)
    texture = Texture(wide + 1, high + 1, scale, color, rng.uniform(0.1, 0.9))
    for _ in range(int(rng.integers(0, 5))):
        shape = pick(rng, [ellipse, lambda c, w, h: rounded(c, w, h, 2)])
        at = rng.random(2) * [wide, high]
        spot = shape(at, *(rng.uniform(0.1, 0.7, 2) * wide))
        texture.paint(spot, jitter(rng, pick(rng, BRIGHT), 0.1), rng.uniform(0.3, 1))
    ink = pick(rng, [(245, 242, 230), (24, 24, 28), (240, 205, 90)])
    size = rng.uniform(0.06, 0.12) * wide
    for i in range(int(rng.integers(1, 4))):
        at = wide / 2, high * rng.uniform(0.12, 0.3) + i * size * 1.7
        word, weight = pick(rng, WORDS), int(rng.integers(300, 900))
        texture.text(word, at, size, ink, weight, pick(rng, ["sans", "italic"]), 0.85 * wide)
    for i in range(int(rng.integers(0, 7)) if thin else 1):
        line = f"{pick(rng, WORDS)} and {pick(rng, WORDS)}"
        texture.text(line, (wide * 0.4, high * (0.55 + 0.06 * i)), 4, ink)
    texture.shade_around(rounded((2.5, high / 2), 5, high, 0.1), 1.5, 0.25)
    thickness = rng.uniform(2, 6) if thin else rng.uniform(9, 38)
    return _slab(texture, thickness, (226, 219, 203), corner=1.5, edge=0.6)


def keyboard(rng, scale):
    """A computer keyboard, or a short one without the number block."""
    columns = int(rng.integers(10, 16))
    pitch = 19.0
    wide, high = columns * pitch + 14, 5 * pitch + 18
    dark = chance(rng, 0.6)
    base = jitter(rng, (36, 37, 41) if dark else (222, 222, 224), 0.05)
    cap = tuple(int(np.clip(c + 14, 0, 255)) for c in base)
    texture = Texture(wide + 1, high + 1, scale, base, 0.2)
    ink = (208, 210, 214) if dark else (70, 72, 78)
    letters = "QWERTYUIOPASDFGHJKLZXCVBNM1234567890"
    for row in range(5):
        column = 0
        while column < columns:
            span = 5 if row == 4 and column == columns // 2 - 2 else 1
            at = 7 + (column + span / 2) * pitch, 9 + (row + 0.5) * pitch
            key = rounded(at, pitch * span - 3, pitch - 3, 2)
            texture.part(key, (0.8, 0.5), (1.2, 1.5), cap)
            if span == 1:
                texture.text(pick(rng, list(letters)), np.add(at, (-3, -3)), 3, ink, 400)
            column += span
    return _slab(texture, rng.uniform(8, 20), base, corner=4)


def calculator(rng, scale):
    """A desk calculator: wide, a one-line display, a square of number keys."""
    wide, high = rng.uniform(95, 125), rng.uniform(125, 155)
    color = jitter(rng, pick(rng, ["#3a3d42", "#d9d9d4", "#22406a", "#6a6f75", "#e6c8cf"]), 0.06)
    texture = Texture(wide + 1, high + 1, scale, color, 0.4)
    screen = rounded((wide / 2, high * 0.17), wide * 0.84, high * 0.15, 1.5)
    texture.paint(screen, (168, 178, 156), gloss=0.9)
    for i, digit in enumerate(reversed(str(rng.integers(0, 10**7)))):
        draw_digit(texture, digit, (wide * (0.86 - 0.085 * i), high * 0.17), 5.2, 11, (36, 42, 38))
    key_color = jitter(rng, pick(rng, [(60, 62, 68), (235, 235, 232), (40, 42, 48)]), 0.05)
    ink = (240, 240, 238) if np.mean(key_color) < 125 else (44, 46, 52)
    for row, line in enumerate(("MC%√", "789÷", "456×", "123-", "0.=+")):
        for column, sign in enumerate(line):
            at = wide * (0.16 + 0.227 * column), high * (0.36 + 0.135 * row)
            key = rounded(at, wide * 0.18, high * 0.095, 2)
            cap = (196, 70, 52) if sign == "M" else key_color
            texture.part(key, (0.5, 0.5), (1.2, 1.2), cap)
            texture.text(sign, at, 5, ink, 500)
    return _slab(texture, rng.uniform(9, 25), color, corner=5, edge=1.5)


def power_bank(rng, scale):
    """A power bank: a smooth block with a brand and four lamps."""
    wide, high = rng.uniform(58, 74), rng.uniform(95, 150)
    color = jitter(rng, pick(rng, ["#e9e9e7", "#26282b", "#3d5f8f", "#b9bcc0", "#d8b0a8"]), 0.05)
    texture = Texture(wide + 1, high + 1, scale, color, rng.uniform(0.2, 1.0))
    ink = (120, 124, 130) if np.mean(color) > 110 else (190, 192, 196)
    brand = pick(rng, ["volt10", "CHARGA", "20000mAh", "powr"])
    texture.text(brand, (wide / 2, high * rng.uniform(0.2, 0.85)), 4, ink, 600)
    for i in range(4):
        texture.paint(ellipse((wide * 0.4 + 3.5 * i, high * 0.07), 1.3, 1.3), (90, 150, 240))
    wear(texture, rng)
    thickness, corner = rng.uniform(12, 24), rng.uniform(3, 14)
    return _slab(texture, thickness, color, corner=corner, edge=rng.uniform(1, 5))


def chocolate(rng, scale):
    """A chocolate bar without its wrapper."""
    color = jitter(rng, pick(rng, ["#4a2a1c", "#6b4128", "#e8dcc0"]), 0.04)
    wide, high = rng.uniform(55, 80), rng.uniform(120, 170)
    texture = Texture(wide + 1, high + 1, scale, color, 0.4)
    columns, rows = int(rng.integers(3, 5)), int(rng.integers(6, 9))
    for i in range(rows):
        for j in range(columns):
            at = wide * (j + 0.5) / columns + 0.5, high * (i + 0.5) / rows + 0.5
            piece = rounded(at, wide / columns - 1, high / rows - 1, 1)
            texture.part(piece, (0.5, 0.25), (2.2, 3))
    return _slab(texture, 7, color, corner=1, edge=0.8)


def playing_card(rng, scale):
    """A playing card, face or back up."""
    texture = Texture(64, 90, scale, (246, 245, 240), 0.5)
    if chance(rng, 0.4):
        color = pick(rng, [(176, 40, 44), (40, 70, 150), (30, 34, 40)])
        texture.paint(rounded((32, 45), 56, 82, 2), color)
        for i in range(8):
            texture.stroke([[4, 5 + 11 * i], [60, 16 + 11 * i - 25]], (236, 230, 220), 0.8)
            texture.stroke([[60, 5 + 11 * i], [4, 16 + 11 * i - 25]], (236, 230, 220), 0.8)
    else:
        red = chance(rng, 0.5)
        ink = (196, 30, 40) if red else (24, 24, 28)
        number = int(rng.integers(2, 11))
        for x, y in ((7, 9), (57, 81)):
            texture.text(str(number), (x, y), 7, ink, 600)
        for i in range(number):
            at = 32 + (i % 2 * 2 - 1) * 11, 18 + i // 2 * 14
            texture.paint(ellipse(at, 9, 9) if red else rounded(at, 8, 8, 3), ink)
    return _slab(texture, 0.6, (225, 222, 212), corner=3.5, edge=0.2, inset=0)


def tv_box(rng, scale):
    """A set-top box or router: flat, square and dark, a lamp at the front."""
    wide, high = rng.uniform(90, 230), rng.uniform(90, 150)
    color = jitter(rng, pick(rng, ["#1b1c1f", "#2a2c30", "#e8e8e6"]), 0.03)
    texture = Texture(wide + 1, high + 1, scale, color, rng.uniform(0.2, 1.2))
    ink = (70, 73, 78) if np.mean(color) < 110 else (190, 192, 194)
    texture.text(pick(rng, ["stream", "BOX", "4K", "hub"]), (wide / 2, high / 2), 8, ink, 700)
    texture.paint(ellipse((wide * 0.1, high * 0.93), 2, 2), (80, 220, 120))
    for i in range(int(rng.integers(0, 16))):
        x = wide * 0.2 + 4 * i
        texture.stroke([[x, high * 0.1], [x, high * 0.25]], ink, 1.2)
    return _slab(texture, rng.uniform(16, 34), color, corner=rng.uniform(3, 22), edge=2)


def mug(rng, scale):
    """A mug, glass or bowl seen from above, with something in it."""
    wide = rng.uniform(75, 100)
    color = jitter(rng, pick(rng, BRIGHT), 0.08)
    texture = Texture(wide + 1, wide + 1, scale, color, 0.8)
    center = wide / 2 + 0.5, wide / 2 + 0.5
    texture.paint(ellipse(center, wide - 8, wide - 8), tuple(int(c * 0.72) for c in color))
    drink = jitter(rng, pick(rng, ["#3a2114", "#6b4426", "#a8743c", "#b9402c", "#e9e2d0"]), 0.04)
    inside = ellipse((center[0], center[1] + 2), wide - 15, wide - 15)
    texture.shade_around(inside, 2, 0.4)
    texture.paint(inside, drink, gloss=1.0)
    rim = ellipse((0, 0), wide, wide, 56)
    return _slab(texture, rng.uniform(45, 100), color, rim, edge=1.5, inset=4)


def paper(rng, scale):
    """A sheet, a bill, an envelope or a note with lines of text."""
    wide, high = rng.uniform(70, 210), rng.uniform(90, 297)
    color = jitter(rng, pick(rng, ["#f4f3ee", "#f4f3ee", "#f2e27a", "#e8d9b8", "#cfe3ee"]), 0.03)
    texture = Texture(wide + 1, high + 1, scale, color, 0.1)
    ink = jitter(rng, (60, 62, 70), 0.08)
    if chance(rng, 0.5):
        texture.text(pick(rng, WORDS), (wide * 0.4, high * 0.09), 6, ink, 700)
    step = rng.uniform(4.5, 8)
    for i in range(int(high * 0.75 / step)):
        if chance(rng, 0.85):
            end = wide * rng.uniform(0.4, 0.9)
            v = high * 0.17 + i * step
            marks = np.arange(wide * 0.1, end, 1.7 * step / 3)
            for start in marks[rng.random(len(marks)) < 0.85]:
                texture.stroke([[start, v], [start + step * 0.4, v]], ink, step * 0.16)
    texture.relief += 0.8 * noise(rng, texture.relief.shape, 3, 2)
    return _slab(texture, 0.4, (228, 226, 218), corner=0.5, edge=0.2, inset=0)


def box(rng, scale):
    """A carton, tissue box, speaker or battery pack: a block with a label."""
    wide, high = rng.uniform(45, 240), rng.uniform(45, 130)
    color = jitter(rng, pick(rng, BRIGHT), 0.12)
    texture = Texture(wide + 1, high + 1, scale, color, rng.uniform(0.1, 0.8))
    for _ in range(int(rng.integers(0, 6))):
        at = rng.random(2) * [wide, high]
        spot = rounded(at, *(rng.uniform(0.1, 0.8, 2) * [wide, high]), 3)
        texture.paint(spot, jitter(rng, pick(rng, BRIGHT), 0.12))
    middle = wide / 2, high / 2
    word, size = pick(rng, WORDS), rng.uniform(5, 15)
    texture.text(word, middle, size, (250, 248, 240), 800, widest=wide * 0.9)
    if chance(rng, 0.4):
        texture.paint(ellipse(middle, wide * 0.6, high * 0.4), (244, 244, 242))
        texture.shade_around(ellipse(middle, wide * 0.2, high * 0.25), 4, 0.2)
    side = tuple(int(c * 0.9) for c in texture.color[2, 2])
    return _slab(texture, rng.uniform(18, 90), side, corner=rng.uniform(0.5, 6), edge=0.6)


def pen(rng, scale):
    """A pen or pencil."""
    wide, high = rng.uniform(7, 11), rng.uniform(130, 150)
    color = jitter(rng, pick(rng, BRIGHT), 0.08)
    texture = Texture(wide + 1, high + 1, scale, color, 0.9)
    grip = rounded((wide / 2, high * 0.85), wide, high * 0.3, 0.5)
    texture.paint(grip, jitter(rng, (60, 60, 64), 0.2))
    texture.paint(rounded((wide / 2 + 2, high * 0.82), 1.6, 40, 0.5), (190, 192, 196), gloss=1.3)
    half, end, neck = wide / 2, high / 2, high / 2 - 14
    outline = [[0.8, end], [-0.8, end], [-half, neck], [-half, -end], [half, -end], [half, neck]]
    return _slab(texture, wide * 0.9, color, np.array(outline), edge=wide * 0.45, inset=wide * 0.3)


def coin(rng, scale):
    """A coin, a coaster, a plate, a watch face."""
    kind = pick(rng, ["coin", "coaster", "plate", "lid"])
    wide = {"coin": 25, "coaster": 95, "plate": 190, "lid": 70}[kind] * rng.uniform(0.85, 1.15)
    base = {"coin": ["#b9a36a", "#b8babd"], "coaster": ["#7a4f2c", "#2b2d30", "#b85a3c"],
            "plate": ["#f0efea", "#dfe6ea", "#3b4652"], "lid": list(BRIGHT)}[kind]  # fmt: skip
    color = jitter(rng, pick(rng, base), 0.05)
    texture = Texture(wide + 1, wide + 1, scale, color, 0.9)
    center = wide / 2 + 0.5, wide / 2 + 0.5
    depth = -5.0 if kind == "plate" else -0.6
    texture.emboss(ellipse(center, wide * 0.7, wide * 0.7), depth, 0.06 * wide)
    if kind == "coin":
        ink = tuple(int(c * 0.7) for c in color)
        texture.text(pick(rng, ["1", "2", "5", "10"]), center, 9, ink, 700)
    if kind == "plate" and chance(rng, 0.6):
        ring = ellipse(center, wide * 0.9, wide * 0.9)
        texture.stroke(ring, jitter(rng, pick(rng, BRIGHT), 0.1), 2, closed=True)
    thickness = {"coin": 2, "coaster": 4, "plate": 12, "lid": 14}[kind]
    return _slab(texture, thickness, color, ellipse((0, 0), wide, wide, 56), edge=0.8)


def mouse(rng, scale):
    """A computer mouse."""
    wide, high = rng.uniform(56, 66), rng.uniform(98, 118)
    color = jitter(rng, pick(rng, ["#222327", "#e9e9e8", "#6a6f76", "#a83a3a"]), 0.04)
    texture = Texture(wide + 1, high + 1, scale, color, 0.6)
    seam = [[wide / 2, 0], [wide / 2, high * 0.42]]
    texture.stroke(seam, tuple(int(c * 0.5) for c in color), 0.7)
    texture.paint(rounded((wide / 2, high * 0.2), 7, 18, 3), (48, 48, 52))
    return _slab(texture, 30, color, ellipse((0, 0), wide, high, 48), edge=20, arch=5, inset=2)


def switch(rng, scale):
    """A light switch, socket or room thermostat on the wall."""
    wide, high = pick(rng, [(82, 82), (82, 152), (72, 118), (120, 86)])
    color = jitter(rng, pick(rng, ["#f2f1ec", "#e4e0d4", "#3a3c40", "#d9d9d9"]), 0.03)
    texture = Texture(wide + 1, high + 1, scale, color, 0.6)
    inner = rounded((wide / 2, high / 2), wide * 0.6, high * 0.6, 3)
    texture.shade_around(inner, 0.6, 0.35)
    texture.paint(inner, tuple(int(min(c * 1.03, 255)) for c in color))
    if chance(rng, 0.5):
        for side in (-1, 1):
            texture.paint(ellipse((wide / 2 + side * 9.5, high / 2), 5, 5), (30, 30, 32))
    else:
        texture.emboss(inner, 2.0, high * 0.3)
        texture.stroke([[wide * 0.2, high / 2], [wide * 0.8, high / 2]], (150, 150, 148), 0.6)
    return _slab(texture, 9, color, corner=4, edge=1.5)


def thermostat(rng, scale):
    """A wall thermostat, a desk clock or a weather station: a display and few keys, square."""
    high = rng.uniform(75, 110)
    wide = high * rng.uniform(0.95, 1.6)
    color = jitter(rng, pick(rng, ["#f0efea", "#dfe1e2", "#2a2c30", "#b98a58"]), 0.04)
    texture = Texture(wide + 1, high + 1, scale, color, 0.5)
    draw_display(texture, rng, (wide / 2, high * 0.42), wide * 0.8, high * rng.uniform(0.45, 0.65))
    count = int(rng.integers(0, 4))
    for i in range(count):
        key = ellipse((wide * (i + 1) / (count + 1), high * 0.87), 8, 6)
        texture.part(key, (0.4, 0.4), (0.8, 1))
    return _slab(texture, rng.uniform(14, 30), color, corner=rng.uniform(2, 14), edge=2)


def picture_frame(rng, scale):
    """A framed picture, a calendar or a poster."""
    wide, high = rng.uniform(120, 320), rng.uniform(120, 320)
    color = jitter(rng, pick(rng, ["#2b2220", "#b98a58", "#e9e6de", "#8a8d92"]), 0.05)
    texture = Texture(wide + 1, high + 1, scale, color, 0.5)
    rim = rng.uniform(6, 20)
    area = rounded((wide / 2, high / 2), wide - 2 * rim, high - 2 * rim, 0.5)
    texture.shade_around(area, 1.5, 0.4)
    texture.paint(area, (240, 238, 230), gloss=1.2)
    for _ in range(int(rng.integers(3, 14))):
        at = (0.2 + 0.6 * rng.random(2)) * [wide, high]
        size = rng.uniform(0.05, 0.3, 2) * min(wide, high)
        shape = pick(rng, [ellipse, lambda c, w, h: rounded(c, w, h, 1)])
        texture.paint(shape(at, *size), jitter(rng, pick(rng, BRIGHT), 0.12), rng.uniform(0.4, 1))
    return _slab(texture, rng.uniform(5, 22), color, corner=1, edge=0.8)


def holder(rng, scale, wide, thickness):
    """A wall holder as wide as the remote in it."""
    high = rng.uniform(42, 78)
    color = jitter(rng, pick(rng, ["#f0efea", "#e6e6e4", "#cfd2d4", "#2c2e32"]), 0.03)
    texture = Texture(wide + 7, high + 1, scale, color, 0.5)
    if chance(rng, 0.5):
        slot = rounded((wide / 2 + 3.5, high * 0.5), wide * 0.4, high * 0.12, 3)
        texture.part(slot, (0.5, 0.4), (-1, 1))
    return _slab(texture, thickness + rng.uniform(2, 5), color, corner=rng.uniform(1, 7), edge=1.5)


SMALL = (phone, power_bank, chocolate, playing_card, pen, coin, mouse, calculator)
ALL = (*SMALL, phone, book, book, keyboard, tv_box, mug, paper, box, thermostat)
COVERS = (paper, phone, playing_card, pen, book, chocolate)
ON_WALLS = (switch, switch, picture_frame, thermostat)
IN_HANDS = (phone, phone, power_bank, chocolate, calculator, box, playing_card, mouse, paper)
