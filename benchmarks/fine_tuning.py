#!/usr/bin/env python3
"""How well a few photos are learned: by plan of training, and beside torchvision's Mask R-CNN.

    python benchmarks/fine_tuning.py mug --seeds 1 2 3
    python benchmarks/fine_tuning.py mug --change layers=5+ --change scale=0.7,1.3 turn=0
    python benchmarks/fine_tuning.py mug dog_cat --start log/custom.h5 --results tried.jsonl
    python benchmarks/fine_tuning.py mug --torchvision --torch-python other/bin/python

Each folder holds `train` and `val`, annotated. Trains by the plan `few` from ImageNet weights of
EfficientNet-Lite0, and once more for each --change of it; prints a table of mask AP on `val` by
COCO's definition and of the minutes. With --results what is in that file already is not trained
again, and the rest is added to it.

torchvision's sees the same photos, changed alike, at the same size, in the same number of steps,
with the same optimizer and rate, from the same ImageNet weights; BatchNorm and the first stages are
frozen in both, and this package computes the AP of both. It has its own pyramid and heads of the
usual size (256 channels, 1024 in the class head); --channels 64 makes them as narrow as ours. Its
Python, --torch-python, has torch, torchvision, efficientnet-lite-pytorch, and what this package
needs.
"""

import argparse
import dataclasses
import itertools
import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import ENVIRONMENT, measuring
from mrcnn import atomic
from mrcnn.training.plan import FEW

WORKER = Path(__file__).with_name("fine_tuning_worker.py")
SIDE = 512
# What --change takes besides the fields of the plan, of its Jitter and of a Config.
LEVERS = """
names of --change: settings of a Config in capitals; fields of the plan few and of its Jitter
(layers, epochs, learning_rate, batch, flip, scale, shift, turn, ...); of its optimizer warm_up,
end, weight_decay and backbone (its share of the rate); and
  jitter=0          photos as they are
  heads_first=N     N epochs of the heads alone before
  average=0.99      the average of the weights over the last steps instead of the last ones
  fit_anchors=1     anchors of the sizes that the objects of train have
  paste=0.5         the chance that an object of another photo is pasted into a photo
"""


def parse_arguments(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=LEVERS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("datasets", nargs="+", type=Path, metavar="FOLDER")
    add("--seeds", nargs="+", type=int, default=[1], metavar="N")
    text = "a further training with this changed; again for another one"
    add("--change", nargs="+", action="append", default=[], metavar="NAME=VALUE", help=text)
    add("--only-changes", action="store_true", help="not the plan as it is")
    add("--epochs", type=measuring.positive, default=FEW.epochs)
    add("--side", type=measuring.positive, default=SIDE, help="of the images, in pixels")
    add("--precision", choices=("float32", "bfloat16", "auto"), default="auto", help="of ours")
    add("--start", metavar="FILE", help="ours from these weights, instead of ImageNet's")
    add("--torchvision", action="store_true", help="train torchvision's too")
    add("--channels", type=measuring.positive, default=256, help="of torchvision's pyramid")
    add("--torch-python", metavar="PYTHON", default=sys.executable)
    add("--results", type=Path, metavar="FILE.jsonl", help="keep the results, and go on with them")
    arguments = parser.parse_args(argv)
    for pair in itertools.chain(*arguments.change):
        if not all(pair.partition("=")):
            parser.error(f"--change {pair}: write NAME=VALUE")
    return arguments


def value_of(text: str):
    """Return the number, the numbers or the word that stands in --change."""
    try:
        return json.loads(text)
    except ValueError:
        parts = text.split(",")
        return [value_of(part) for part in parts] if len(parts) > 1 else text


def requests(arguments: argparse.Namespace) -> dict[str, dict]:
    """Return what to train on each data set and with each seed, by what the table calls it.

    The plan is among it so that results of another one do not stand for it.
    """
    common = {name: getattr(arguments, name) for name in ("side", "precision", "start", "epochs")}
    common["plan"] = dataclasses.asdict(FEW) | {"optimizer": FEW.optimizer.keywords}
    found = {} if arguments.only_changes else {"few": {**common, "peer": "ours", "change": {}}}
    for pairs in arguments.change:
        change = {name: value_of(text) for name, text in (pair.split("=", 1) for pair in pairs)}
        epochs = change.pop("epochs", arguments.epochs)
        found[" ".join(pairs)] = {**common, "peer": "ours", "change": change, "epochs": epochs}
    if arguments.torchvision:
        peer = {"peer": "torchvision", "channels": arguments.channels, "change": {}, "start": None}
        found[f"torchvision, {arguments.channels} channels"] = {**common, **peer}
    return found


def run(python: str, request: dict) -> dict:
    """Train one network in a process of its own, and return what it tells of it."""
    command = [python, str(WORKER), json.dumps(request)]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return {"skipped": f"its process ended with code {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


class Results:
    """What was trained already, in a file of JSON Lines or, without one, in this run alone."""

    def __init__(self, path: Path | None):
        self.path = path
        lines = path.read_text().splitlines(keepends=True) if path and path.exists() else []
        # Of a run that was killed the last line may be cut.
        self.kept = dict(json.loads(line) for line in lines if line.endswith("\n"))
        if lines and not lines[-1].endswith("\n"):
            atomic.write_bytes(path, "".join(lines[:-1]).encode())

    def of(self, python: str, request: dict) -> dict:
        """Return the result of a request, trained now where it was not before."""
        key = json.dumps(request, sort_keys=True)
        if key not in self.kept:
            result = run(python, request)
            if "skipped" in result:
                return result
            self.kept[key] = result
            if self.path:
                with self.path.open("a") as file:
                    file.write(json.dumps([key, result]) + "\n")
        return self.kept[key]


def row(name: str, results: list[dict]) -> list[str]:
    """Return a row of the table: means over the seeds, the least and the most AP."""
    mean = {key: statistics.mean(each[key] for each in results) for key in results[0]}
    spread = [each["AP"] for each in results]
    cells = [f"{mean[key]:.3f}" for key in ("AP", "AP50", "AP75")]
    span = f"{min(spread):.3f} to {max(spread):.3f}" if len(spread) > 1 else ""
    return [name, *cells, span, f"{mean['minutes']:.1f}"]


def main(argv=None) -> int:
    arguments = parse_arguments(argv)
    measuring.introduce("Fine-tuning")
    results, skipped = Results(arguments.results), 0
    for folder in arguments.datasets:
        rows = []
        for name, request in requests(arguments).items():
            python = arguments.torch_python if request["peer"] == "torchvision" else sys.executable
            of_seeds = []
            for seed in arguments.seeds:
                asked = {**request, "dataset": str(folder.resolve()), "seed": seed}
                result = results.of(python, asked)
                print(f"{folder.name}, {name}, seed {seed}: {result}", file=sys.stderr, flush=True)
                if "skipped" in result:
                    skipped += 1
                else:
                    of_seeds.append(result)
            if of_seeds:
                rows.append(row(name, of_seeds))
        header = ["", "AP", "AP50", "AP75", "AP of the seeds", "minutes"]
        seeds = f"mean of the seeds {', '.join(map(str, arguments.seeds))}"
        measuring.section(f"{folder.name}: mask AP, {seeds}", measuring.table(header, rows))
    return int(bool(skipped))


if __name__ == "__main__":
    sys.exit(main())
