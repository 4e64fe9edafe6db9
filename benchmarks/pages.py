#!/usr/bin/env python3
"""What the pages cost that evaluating and predicting write, and how fast they open.

    python benchmarks/pages.py
    python benchmarks/pages.py --photos 10000 --objects 3

Needs a Chromium. `open` is from the start of loading until the first photos are drawn, each time
in a new tab; `threshold` from a movement of the slider until all figures and photos are drawn.
"""

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import made_up, measuring
from mrcnn.detections import Detections
from mrcnn.evaluation.evaluation import Evaluation
from mrcnn.evaluation.page import EvaluationPage
from mrcnn.results.html_file import HtmlFile
from mrcnn.results.photos import PhotoResult, RunInfo
from tests import chromium

NAMES = ["BG", "cup", "plate", "spoon"]
# So many photos are made; others are like them.
DIFFERENT = 20


def parse_arguments():
    parser = measuring.parser(__doc__, repeats=5)
    add = parser.add_argument
    add("--photos", type=measuring.positive, default=2000)
    add("--objects", type=measuring.positive, default=8, help="in a photo")
    add("--size", type=measuring.picture_size, default=(900, 1200), help="of a photo")
    return parser.parse_args()


def objects(size, count, seed, away=0):
    """Return wavy ellipses, with scores; `away` is how many pixels they are moved."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((*size, count), np.uint8)
    for index, box in enumerate(made_up.boxes(count, seed)):
        y1, x1, y2, x2 = (box * np.tile(size, 2)).astype(int) + rng.integers(-away, away + 1, 4)
        angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        radii = 1 + rng.normal(0, 0.04, 60)
        xs = (x1 + x2) / 2 + radii * np.cos(angles) * (x2 - x1) / 2
        ys = (y1 + y2) / 2 + radii * np.sin(angles) * (y2 - y1) / 2
        points = np.stack([xs, ys], axis=1).astype(np.int32)
        masks[..., index] = cv2.fillPoly(np.zeros(size, np.uint8), [points], 1)
    found = Detections.of_masks(masks.astype(bool), rng.integers(1, len(NAMES), count))
    scores = np.sort(rng.random(count).astype(np.float32))[::-1]
    return Detections(found.shape, found.rois, found.class_ids, scores, found.pieces)


def write(arguments, folder):
    """Write both pages; return their paths, and the seconds that each photo took."""
    made = [
        (
            made_up.photo(*arguments.size, seed),
            objects(arguments.size, arguments.objects, seed),
            objects(arguments.size, arguments.objects, seed, away=30),
        )
        for seed in range(DIFFERENT)
    ]
    paths = [folder / f"photos/{index:05}.jpg" for index in range(arguments.photos)]
    evaluation = Evaluation(NAMES)
    page = EvaluationPage(folder / "index.html", len(paths), "weights.h5", "val")
    run = RunInfo(Path("weights.h5"), NAMES, 0.0, paths)
    writer = HtmlFile(folder / "found.html", run)
    seconds = {"evaluation": [], "predictions": []}
    for index, path in enumerate(paths):
        image, truth, found = made[index % DIFFERENT]
        scene = evaluation.add(str(path), truth, found)
        add = partial(page.add, scene, image, truth, found)
        seconds["evaluation"].append(measuring.clock(add))
        result = PhotoResult(path, found, path, 9, image)
        seconds["predictions"].append(measuring.clock(partial(writer.add, result)))
    writer.close()
    return {"evaluation": page.write(evaluation), "predictions": folder / "found.html"}, seconds


def opening(browser, path):
    """Open a page in a new tab; return the seconds, and the tab."""
    tab = browser.tab()
    tab.screen(1440, 900)
    start = time.perf_counter()
    tab.open(path)
    tab.wait("[...document.querySelectorAll('.tile img')].every((each) => each.complete)")
    tab.frame()
    seconds = time.perf_counter() - start
    assert tab.run("document.querySelectorAll('script.photo').length") and not tab.complaints
    return seconds, tab


def main():
    arguments = parse_arguments()
    program = chromium.find()
    if program is None:
        sys.exit("There is no Chromium: apt-get install chromium")
    measuring.introduce("Pages")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths, seconds = write(arguments, folder)
        print(
            ", ".join(f"{kind} {path.stat().st_size / 1e6:.0f} MB" for kind, path in paths.items())
        )
        measuring.section("A photo", measuring.timing_table(seconds, "ms", compare=False))
        with chromium.Chromium(program, folder / "profile") as browser:
            measured = {}
            for count in range(arguments.repeats + 1):
                for kind, path in paths.items():
                    taken, tab = opening(browser, path)
                    slider = "#threshold" if kind == "evaluation" else "#score input"
                    moved = measuring.clock(partial(tab.slide, slider, 0.3 + 0.01 * count))
                    # The first time loads the files into the system's cache.
                    if count:
                        measured.setdefault(f"{kind}, open", []).append(taken)
                        measured.setdefault(f"{kind}, threshold", []).append(moved)
                    tab.send("Page.close")
        title = f"In the browser, {arguments.photos} photos"
        measuring.section(title, measuring.timing_table(measured, compare=False))


if __name__ == "__main__":
    main()
