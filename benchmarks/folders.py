#!/usr/bin/env python3
"""Memory of a run over a big folder against a small one, and what is left of one that is killed.

    python benchmarks/folders.py
    python benchmarks/folders.py --counts 1000 100000 --kills 20

Small photos, which are links to a few, go through the predict command with an exact stand-in for
the network, which finds one rectangle. Prints the memory of each run at its end, and then how many
photos are in the result of one that was killed at random moments and went on with --resume. The
exit code is 1 where the memory of the largest folder is more than 5 % over that of the smallest, or
where a photo is missing or there twice.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import made_up, measuring

SIDE, DIFFERENT, MOST = 32, 20, 0.05


def parse_arguments():
    parser = measuring.parser(__doc__)
    add = parser.add_argument
    counts = {"type": measuring.positive, "nargs": "+", "default": [1000, 20_000]}
    add("--counts", metavar="N", **counts, help="photos in a folder; default: 1000 20000")
    add("--kills", type=measuring.positive, default=8, help="default: 8")
    add("--worker", nargs="+", help="used by this script itself: run the predict command")
    return parser.parse_args()


class StandIn:
    """Finds a rectangle in every photo."""

    max_instances = 9

    def detect(self, images):
        import numpy as np

        from mrcnn.detections import Detections

        piece = np.ones((20, 10), bool)
        box, one = np.array([[4, 6, 24, 16]], np.int32), np.ones(1, np.int32)
        shape = images[0].shape[:2]
        return [Detections(shape, box, one, one.astype(np.float32), [piece]) for _ in images]


def work(arguments: list[str]) -> int:
    """Run the predict command with the stand-in; the last line tells its memory in MiB."""
    import maskrcnn_predict_for_images as script
    from custom_training import CustomConfig
    from mrcnn.commands import photo_run, process

    opened = SimpleNamespace(detector=StandIn(), class_names=["BG", "box"], min_confidence=0.5)
    photo_run.open_model = lambda *_, **__: opened
    photo_run.weights = SimpleNamespace(find=lambda *_: Path(__file__), present=lambda *_: None)
    parsed = script.parse_arguments(arguments)
    code = process.run(lambda: photo_run.run(parsed, CustomConfig), __file__)
    print(f"{measuring.resident():.1f}")
    return code


def command(folder: Path, result: Path, *options: str) -> list[str]:
    line = [sys.executable, __file__, "--worker", "", str(folder), "--jsonl", str(result)]
    return [*line, *options]


def make(folder: Path, count: int) -> Path:
    """Make a folder with so many photos, links to DIFFERENT ones beside it."""
    for number in range(DIFFERENT):
        if not (path := folder / f"{number}.png").exists():
            made_up.write_photo(path, SIDE, SIDE, number)
    photos = folder / str(count)
    photos.mkdir()
    for number in range(count):
        os.link(folder / f"{number % DIFFERENT}.png", photos / f"photo{number}.png")
    return photos


def killed(
    photos: Path, result: Path, count: int, kills: int, seconds: float
) -> tuple[int, Counter]:
    """Run until it is done; return how often it was killed, and the photos in the result."""
    rng, done = random.Random(1), 0
    line = command(photos, result, "--no-pictures", "--resume")
    for _ in range(kills):
        with subprocess.Popen(line, stdout=subprocess.DEVNULL) as child:
            before = result.stat().st_size if result.exists() else 0
            while child.poll() is None and (not result.exists() or result.stat().st_size <= before):
                time.sleep(0.01)
            time.sleep(rng.random() * 1.5 * seconds / kills)
            done += child.poll() is None
            child.kill()
    subprocess.run(line, stdout=subprocess.DEVNULL, check=True)
    with open(result) as file:
        return done, Counter(Path(json.loads(each)["file"]).name for each in file)


def main() -> int:
    arguments = parse_arguments()
    measuring.introduce("Big folders")
    rows, held = [], {}
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        for count in sorted(set(arguments.counts)):
            photos, began = make(place, count), time.perf_counter()
            line = command(photos, place / f"{count}.jsonl", "--no-pictures")
            ended = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
            seconds = time.perf_counter() - began
            held[count] = float(ended.stdout.splitlines()[-1])
            rows.append([count, f"{held[count]:.0f}", f"{seconds:.0f}"])
        measuring.section("Memory", measuring.table(["photos", "resident, MiB", "seconds"], rows))
        first, last = min(held), max(held)
        times, found = killed(photos, place / "killed.jsonl", last, arguments.kills, seconds)
        twice = sum(number > 1 for number in found.values())
        rows = [[times, last, len(found), last - len(found), twice]]
        header = ["kills", "photos", "in the result", "missing", "twice"]
        measuring.section("Killed and resumed", measuring.table(header, rows))
    grown = held[last] / held[first] - 1
    print(f"\nMemory at {last} photos against {first}: {grown:+.1%}")
    return int(grown > MOST or len(found) != last or twice > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        sys.exit(work(sys.argv[3:]))
    sys.exit(main())
