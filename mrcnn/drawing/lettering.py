"""Labels: text as pixels, and a place for each where it can be read and hides little.

OpenCV letters only ASCII, so the text is Pillow's, in the font that matplotlib brings along.
Boxes and places are `(y1, x1, y2, x2)` in pixels with the end outside.
"""

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np

from mrcnn.boxes import area, shared_areas

# Pixels for each 1000 pixels of the picture's side (the square root of its area).
TEXT_SIZE = 22
# Below this DejaVu Sans is hard to read.
MIN_TEXT_SIZE = 10
# Crowded pictures get smaller text: labels should not cover more than this share of them.
LABEL_SHARE = 0.12


@lru_cache(maxsize=256)
def _font_for(characters: frozenset) -> str:
    """Return a font file with ASCII and `characters`: matplotlib's DejaVu Sans or the system's.

    Where no font has them all, DejaVu Sans draws boxes for the missing ones, with a warning.
    """
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    def covers(path):
        try:
            font = FT2Font(path)
        except (OSError, RuntimeError):  # a broken file
            return False
        known = font.get_charmap()
        return font.scalable and all(ord(character) in known for character in needed)

    needed = characters | set("A0")
    shipped = str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf"))
    if covers(shipped):
        return shipped
    from matplotlib.font_manager import findSystemFonts  # slow to import, rarely needed

    found = next(filter(covers, sorted(findSystemFonts())), None)
    if found is None:
        missing = "".join(sorted(characters))[:20]
        warnings.warn(
            f"no font on this machine has the letters {missing}, so labels show boxes: install "
            "one that does, such as Noto Sans CJK",
            stacklevel=2,
        )
    return found or shipped


@lru_cache(maxsize=512)
def _line(text: str, size: int) -> np.ndarray:
    """Return the coverage uint8 `[h, w]` of one line of text; `h` depends on `size` alone."""
    from PIL import Image, ImageDraw, ImageFont

    beyond_ascii = frozenset(character for character in text if not character.isascii())
    font = ImageFont.truetype(_font_for(beyond_ascii), size)
    padding = max(2, round(size * 0.3))
    height = round(size * 1.35)
    picture = Image.new("L", (int(np.ceil(font.getlength(text))) + 2 * padding, height))
    # Capitals of 0.73 em stand in the middle of the plate.
    baseline = height / 2 + size * 0.365
    ImageDraw.Draw(picture).text((padding, baseline), text, 255, font=font, anchor="ls")
    return np.asarray(picture)


def texts(captions, shape) -> list[np.ndarray]:
    """Return each caption as uint8 `[h, w]`, sized for a picture of `shape` and within it.

    Line breaks and other white space become single spaces.
    """
    captions = [" ".join(caption.split()) for caption in captions]
    side = np.sqrt(shape[0] * shape[1])
    size = max(MIN_TEXT_SIZE, round(TEXT_SIZE * side / 1000))
    covered = sum(_line(caption, size).size for caption in captions) + 1
    crowded = np.clip(np.sqrt(LABEL_SHARE * side**2 / covered), 0.6, 1)
    size = max(MIN_TEXT_SIZE, round(size * crowded))
    lines = []
    for caption in captions:
        fitting = size
        while fitting > 6 and _line(caption, fitting).shape[1] > shape[1]:
            fitting -= 1
        lines.append(_line(caption, fitting)[: shape[0], : shape[1]])
    return lines


def place(box, size, shape, boxes, taken) -> np.ndarray:
    """Return where the label of `box` stands: in the picture, off other labels, hiding little.

    Of 14 places around and inside the box the cheapest wins. `boxes` `[N, 4]` are all objects,
    none empty, of which a label should hide no large part; `taken` `[K, 4]` are the labels
    placed before.
    """
    height, width = size
    y1, x1, y2, x2 = box
    near = [(y, x) for y in (y1 - height, y2, y1, y2 - height) for x in (x1, x2 - width)]
    beside = [(y1, x2), (y1, x1 - width)]
    apart = [(y, x) for y in (y1 - 2 * height, y2 + height) for x in (x1, x2 - width)]
    wanted = np.array([*near, *beside, *apart])
    corner = np.clip(wanted, 0, np.array(shape[:2]) - size)
    places = np.concatenate([corner, corner + size], axis=1)
    hidden = shared_areas(places, boxes) / area(boxes)
    covered = shared_areas(places, taken) / (height * width)
    moved = np.abs(corner - wanted).sum(axis=1) / height
    dislike = np.repeat([0, 0.1, 0.2, 0.4], [4, 4, 2, 4]) + 0.01 * np.arange(len(places))
    cost = 100 * covered.sum(axis=1) + 2 * hidden.sum(axis=1) + 0.1 * moved + dislike
    return places[np.argmin(cost)]


def _text_color(background: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return near-black or white by the background's relative luminance (WCAG 2).

    White is easier to read on saturated colours; it stays as long as its contrast is the 3:1
    that WCAG asks of bold text.
    """
    channels = np.array(background) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    return (16, 16, 16) if luminance > 0.3 else (255, 255, 255)


def draw(canvas, place, text, color) -> None:
    """Put `text` uint8 `[h, w]` on a plate of `color` (0..255) at `place` of `canvas`."""
    y1, x1, y2, x2 = place
    coverage = text[..., None] / 255
    plate = np.array(color) * (1 - coverage) + np.array(_text_color(color)) * coverage
    canvas[y1:y2, x1:x2] = np.rint(plate)
