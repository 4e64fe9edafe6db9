#!/usr/bin/env python3
"""This package against what people use today, on one photo and in one training step, in turns.

    python benchmarks/peers.py
    python benchmarks/peers.py --jobs inference --side 512
    python benchmarks/peers.py --torch-python other/bin/python
    python benchmarks/peers.py --older checkout --older-python old/bin/python

The peers are torchvision's Mask R-CNN with ResNet-50 and the instance segmentation of ultralytics
(inference alone), where they are installed, and a checkout of the older `mrcnn` package, where
--older names it. None is needed: what is not there is skipped, and it says why.

Each network has a process of its own, so that none shares threads or packages with another, and
one runs at a time. All have made-up weights and see the same photo. torchvision's finds about as
many objects as ours; YOLO's, without trained weights, finds none and is spared its work on masks
(give --yolo a .pt file to have it done).
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks import ENVIRONMENT, made_up, measuring

WORKER = Path(__file__).with_name("peer_worker.py")
JOBS = ("inference", "training")
PEERS = ("ours", "torchvision", "ultralytics", "older")
# Seconds of the older package with ResNet-101 at 1024 x 1024, batch 1, the heads learning, on two
# cores of a server CPU with AMX and TensorFlow 2.15.
OLDER_SECONDS = {"inference": 3.45, "training": 7.5}


def parse_arguments():
    parser = measuring.parser(__doc__, repeats=5)
    add = parser.add_argument
    add("--jobs", nargs="+", choices=JOBS, default=JOBS)
    add("--peers", nargs="+", choices=PEERS, default=PEERS)
    add("--backbone", nargs="+", choices=made_up.RESNETS, default=made_up.RESNETS, dest="backbones")
    add("--side", type=measuring.positive, default=1024, help="of the photo, in pixels")
    add("--layers", choices=("heads", "all"), default="heads", help="what learns")
    add("--torch-python", metavar="PYTHON", default=sys.executable, help="has torchvision, YOLO")
    add("--yolo", nargs="+", metavar="MODEL", default=["yolo11m-seg.yaml", "yolo11n-seg.yaml"])
    add("--older", type=Path, metavar="FOLDER", help="a checkout of the older package")
    add("--older-python", metavar="PYTHON", default=sys.executable, help="runs the older package")
    add("--weights", type=Path, metavar="FOLDER", help="keep the made-up weights files here")
    return parser.parse_args()


class Worker:
    """A network in a process of its own; see `peer_worker.py`."""

    def __init__(self, python: str, request: dict, folder: Path):
        # Paths in the request are absolute: some peers leave files in the working folder.
        self.process = subprocess.Popen(
            [python, str(WORKER), json.dumps(request)],
            cwd=folder,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def prepare(self) -> dict:
        """Wait until it has run a first time; return `{"ready": text}` or `{"skipped": text}`."""
        return json.loads(self.process.stdout.readline() or '{"skipped": "its process ended"}')

    def run(self):
        """Run it once; RuntimeError where its process ended."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        if not self.process.stdout.readline():
            raise RuntimeError(f"a peer ended: {self.process.args[-1]}")

    def close(self):
        """End its process."""
        self.process.stdin.close()
        self.process.wait()


def requests(arguments, job: str) -> dict[str, tuple[str, dict]]:
    """Return (Python, request) of each case by its name."""
    cases = {}
    for backbone in arguments.backbones:
        for precision in made_up.PRECISIONS:
            what = {"peer": "ours", "backbone": backbone, "precision": precision}
            cases[f"ours, {backbone}, {precision}"] = sys.executable, what
    for precision in made_up.PRECISIONS:
        what = {"peer": "torchvision", "precision": precision}
        cases[f"torchvision, resnet50, {precision}"] = arguments.torch_python, what
    if job == "inference":
        for model in arguments.yolo:
            path = Path(model)
            what = {"peer": "ultralytics", "model": str(path.resolve() if path.exists() else model)}
            cases[f"ultralytics, {path.stem}"] = arguments.torch_python, what
    if arguments.older:
        for backbone in arguments.backbones:
            checkout = str(arguments.older.resolve())
            what = {"peer": "older", "backbone": backbone, "checkout": checkout}
            cases[f"older mrcnn, {backbone}"] = arguments.older_python, what
    return {name: case for name, case in cases.items() if case[1]["peer"] in arguments.peers}


def in_turns(
    requests: Mapping[str, tuple[str, dict]], folder: Path, repeats: int
) -> tuple[dict[str, list[float]], list[str]]:
    """Time networks, a `Worker` of (Python, request) each, in turns.

    Returns what `measuring.in_turns` does of those that run, and a note on each.
    """
    cases, notes = {}, []
    with contextlib.ExitStack() as stack:
        for name, (python, request) in requests.items():
            worker = Worker(python, request, folder)
            stack.callback(worker.close)
            answer = worker.prepare()
            if "ready" in answer:
                cases[name] = worker.run
                notes.append(f"- {name}: {answer['ready']}")
            else:
                notes.append(f"- {name}: skipped, {answer['skipped']}")
        return measuring.in_turns(cases, repeats), notes


def write_scene(path: Path, side: int) -> None:
    """Write a photo of `side` pixels, and its objects, for workers to detect and to learn."""
    things = made_up.Things(1, side)
    masks, class_ids = things.load_mask(0)
    boxes = np.round(made_up.boxes(things.objects) * side)[:, [1, 0, 3, 2]]
    np.savez(path, photo=things.load_image(0), masks=masks, class_ids=class_ids, boxes=boxes)


def compare(arguments, job: str, common: dict, folder: Path):
    """Print the table of a job, and what each peer was or why it was skipped."""
    cases = {
        name: (python, {**common, **request, "job": job})
        for name, (python, request) in requests(arguments, job).items()
    }
    measured, notes = in_turns(cases, folder, arguments.repeats)
    if not arguments.older and "older" in arguments.peers:
        notes.append(
            "- older mrcnn: skipped, no --older. Elsewhere, on two cores with AMX, it took "
            f"{OLDER_SECONDS[job]} s with resnet101 at 1024 x 1024, batch 1, the heads learning"
        )
    what = "detect" if job == "inference" else f"training step, layers {arguments.layers}"
    title = f"One photo {arguments.side} x {arguments.side}, {what}"
    text = measuring.timing_table(measured) if measured else "None of them could run."
    measuring.section(title, text + "\n\n" + "\n".join(notes))


def main():
    arguments = parse_arguments()
    measuring.introduce("Peers")
    with tempfile.TemporaryDirectory() as name, made_up.weights_folder(arguments.weights) as kept:
        scene = Path(name, "scene.npz")
        write_scene(scene, arguments.side)
        for backbone in arguments.backbones:
            made_up.weights(kept, backbone)
        common = {
            "side": arguments.side,
            "layers": arguments.layers,
            "scene": str(scene),
            "weights": str(kept.resolve()),
        }
        for job in arguments.jobs:
            compare(arguments, job, common, Path(name))


if __name__ == "__main__":
    main()
