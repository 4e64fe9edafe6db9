"""Small annotated data sets, written as VIA exports them."""

import json

import cv2
import numpy as np

WIDTH, HEIGHT = 90, 60


def rect(x, y, width, height, **attributes):
    shape = {"name": "rect", "x": x, "y": y, "width": width, "height": height}
    return {"shape_attributes": shape, "region_attributes": attributes or {"object": "mug"}}


def polygon(xs, ys, **attributes):
    shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    return {"shape_attributes": shape, "region_attributes": attributes or {"object": "mug"}}


def picture(seed, width=WIDTH, height=HEIGHT):
    """Return a picture of blobs that no other seed resembles, uint8 `[H, W, 3]`."""
    noise = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def make_subset(folder, regions, seed=0, name="via.json"):
    """Write a PNG for each image of `regions` (file name: list of regions) and VIA's export."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for number, (filename, listed) in enumerate(regions.items()):
        path = folder / filename
        cv2.imwrite(str(path), picture(seed + number))
        size = path.stat().st_size
        entries[f"{filename}{size}"] = {"filename": filename, "size": size, "regions": listed}
    (folder / name).write_text(json.dumps(entries))
    return folder
