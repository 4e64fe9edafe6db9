#!/usr/bin/env python3
"""The network on TensorFlow, JAX and PyTorch, and torchvision's beside it, in turns.

    python benchmarks/engines.py --jax .venv-jax/bin/python --torch .venv-torch/bin/python
    python benchmarks/engines.py --jax .venv-jax/bin/python --torch .venv-torch/bin/python \\
        --backbone resnet50 resnet101 --side 1024 --precision float32 bfloat16 --batch 1 2 4 8 16

The second is for a machine with a GPU. For each backbone, precision and batch a table each of:

    detect    `detect` of a batch; images a second
    training  a step on a batch that is there; images a second
    epoch     steps in an epoch that is fed with photos; what is longer than a step alone waits

Below each table stand what the first call took, which compiles, and memory: the most of a GPU,
else that of the process. Each network has a process of its own, with made-up weights. An engine
without a Python is left out. JAX is asked to keep nothing compiled, unless --cache.
"""

import itertools
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import ENVIRONMENT, made_up, measuring
from benchmarks.peers import in_turns, write_scene

JOBS = ("detect", "training", "epoch")
STEPS = 8


def parse_arguments():
    parser = measuring.parser(__doc__, repeats=5)
    add = parser.add_argument
    add("--tensorflow", metavar="PYTHON", default=sys.executable, help="has TensorFlow; '' is none")
    add("--jax", metavar="PYTHON", help="has JAX")
    add("--torch", metavar="PYTHON", help="has PyTorch and torchvision")
    add("--jobs", nargs="+", choices=JOBS, default=JOBS)
    backbones = (made_up.SMALL, *made_up.RESNETS)
    add("--backbone", nargs="+", choices=backbones, default=[made_up.SMALL])
    add("--precision", nargs="+", choices=made_up.PRECISIONS, default=["float32"])
    add("--batch", nargs="+", type=measuring.positive, default=[1])
    add("--side", type=measuring.positive, default=512, help="of the photo, in pixels")
    add("--layers", choices=("heads", "4+", "all"), default="all", help="what learns")
    add("--weights", type=Path, metavar="FOLDER", help="keep the made-up weights files here")
    add("--cache", type=Path, metavar="FOLDER", help="of what JAX has compiled")
    return parser.parse_args()


def requests(arguments, what: dict) -> dict[str, tuple[str, dict]]:
    """Return (Python, request) of each engine, and of torchvision where it has such a network."""
    pythons = {name: getattr(arguments, name) for name in ("tensorflow", "jax", "torch")}
    cases = {
        name: (str(Path(python).absolute()), {"peer": "ours", "engine": name, **what})
        for name, python in pythons.items()
        if python
    }
    if arguments.torch and what["backbone"] == "resnet50" and what["job"] != "epoch":
        request = {"peer": "torchvision", "engine": "torch", **what}
        cases["torchvision"] = str(Path(arguments.torch).absolute()), request
    return cases


def compare(arguments, what: dict, folder: Path) -> None:
    """Print the table of a job on a network."""
    measured, notes = in_turns(requests(arguments, what), folder, arguments.repeats)
    calls = STEPS if what["job"] == "epoch" else 1
    timings = {name: measuring.summarise(seconds) for name, seconds in measured.items()}
    rows = [
        [
            name,
            *(f"{value / calls:.3f}" for value in timing),
            f"{what['batch'] * calls / timing.median:.2f}",
        ]
        for name, timing in timings.items()
    ]
    header = ["", "median, s", "minimum", "maximum", "images a second"]
    title = f"{what['job']}, {what['backbone']}, {what['precision']}, batch {what['batch']}"
    text = measuring.table(header, rows) if rows else "None of them could run."
    measuring.section(title, text + "\n\n" + "\n".join(notes))


def main():
    arguments = parse_arguments()
    measuring.introduce("Engines")
    with tempfile.TemporaryDirectory() as name, made_up.weights_folder(arguments.weights) as kept:
        cache = arguments.cache or Path(name, "compiled")
        ENVIRONMENT["JAX_COMPILATION_CACHE_DIR"] = str(cache.absolute())
        scene = Path(name, "scene.npz")
        write_scene(scene, arguments.side)
        common = {"side": arguments.side, "layers": arguments.layers, "steps": STEPS}
        common |= {"scene": str(scene), "weights": str(kept.resolve())}
        networks = itertools.product(arguments.backbone, arguments.precision, arguments.batch)
        for backbone, precision, batch in networks:
            made_up.weights(kept, backbone)
            network = {"backbone": backbone, "precision": precision, "batch": batch}
            for job in arguments.jobs:
                compare(arguments, {**common, **network, "job": job}, Path(name))


if __name__ == "__main__":
    main()
