"""A photo inside an app or a web shop, as people save it from their screen."""

import cv2
import numpy as np

from .colors import chance, jitter, pick
from .textures import Texture, draw_icon, ellipse, rounded

LINES = (
    "Universal remote, 12 modes", "In stock - free delivery", "AC remote controller", "4.6 (218)",
    "Add to basket", "Sold by Homeline", "Used, good condition", "See similar items", "Details",
    "Replaces models K-20 to K-48", "Delivery by Friday", "Batteries not included",
)  # fmt: skip


def screenshot(rng, shape, photo_shape):
    """Return (page uint8 `[H, W, 3]` with an empty place, its corner (y, x)) for the photo."""
    height, width = shape
    dark = chance(rng, 0.25)
    paper = (22, 23, 26) if dark else pick(rng, [(255, 255, 255), (246, 247, 249), (240, 240, 236)])
    ink = (228, 228, 230) if dark else (36, 38, 44)
    accent = jitter(rng, pick(rng, ["#e5484d", "#2f7de1", "#f08c2e", "#1f9d61", "#7a4be0"]), 0.05)
    # The texture's millimetres are hundredths of the width here.
    page = Texture(100, 100 * height / width, width / 100, paper)
    left = (width - photo_shape[1]) // 2
    room = height - photo_shape[0]
    top = int(np.clip(0.5 * room * rng.uniform(0.4, 1.1), 0, room))
    above, below = top * 100 / width, (top + photo_shape[0]) * 100 / width
    if above > 5:
        page.paint(rounded((50, above / 2), 100, above, 0.1), accent if chance(rng, 0.6) else paper)
        clock = f"{rng.integers(1, 24)}:{rng.integers(0, 60):02d}"
        page.text(clock, (8, min(2.5, above * 0.3)), 1.8, ink, 600)
        title = pick(rng, ["Shop", "Photos", "< Back", "Messages", "Search"])
        page.text(title, (20, above * 0.72), 2.6, ink, 700)
        draw_icon(page, "plus", (94, above * 0.7), 3.5, ink)
    v = below + 4
    left_over = ["price", "button", "dots"]
    while v < page.height - 4:
        kind = pick(rng, [*left_over, "line", "line", "line", "line"])
        if kind != "line":
            left_over.remove(kind)
        if kind == "line":
            line, size = pick(rng, LINES), rng.uniform(1.7, 2.4)
            page.text(line, (32, v), size, ink, int(rng.integers(300, 700)))
        elif kind == "price":
            price = f"{rng.integers(5, 60)}.{pick(rng, ['99', '90', '00'])}"
            page.text(price, (16, v), 3.6, accent, 800)
        elif kind == "button":
            page.paint(rounded((50, v), 88, 6.5, 3), accent)
            word = pick(rng, ["Buy now", "Add to basket", "Contact seller"])
            page.text(word, (50, v), 2.2, (255, 255, 255), 600)
        else:
            for i in range(5):
                color = (170, 172, 176) if i else accent
                page.paint(ellipse((44 + 3 * i, v), 1.4, 1.4), color)
        v += rng.uniform(5, 9)
    return page.color[:height, :width], (top, left)


def paste(page, corner, photo, masks):
    """Return the page with the photo on it, and the masks at the page's size."""
    (top, left), (height, width) = corner, photo.shape[:2]
    page = page.copy()
    page[top : top + height, left : left + width] = photo
    frame = (top, page.shape[0] - top - height, left, page.shape[1] - left - width)
    grown = [
        cv2.copyMakeBorder(m.astype(np.uint8), *frame, cv2.BORDER_CONSTANT, value=0).astype(bool)
        for m in masks
    ]
    return page, grown
