#!/usr/bin/env python3
"""How long it takes until a command answers, and until the first result.

    python benchmarks/startup.py
    python benchmarks/startup.py --backbone resnet50 --precision float32

Three tables, each run a process of its own, in turns:

    commands   `--help` of every script, `import mrcnn`, `import tensorflow`
    predict    maskrcnn_predict_for_images.py on one photo: until its first result, until its end
    where      where that time goes: imports, building, loading, tracing, running
"""

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import made_up, measuring

SCRIPTS = (
    "maskrcnn_predict_for_images.py",
    "prediction_for_video.py",
    "video_mask.py",
    "custom_training.py",
    "custom_training_augmentation.py",
)
TABLES = ("commands", "predict", "where")


def parse_arguments():
    parser = measuring.parser(__doc__, repeats=5)
    add = parser.add_argument
    add("--tables", nargs="+", choices=TABLES, default=TABLES)
    add("--backbone", choices=made_up.RESNETS, default="resnet101")
    add("--precision", choices=("float32", "bfloat16", "auto"), default="auto")
    add("--side", type=measuring.positive, default=1024, help="of the photo, in pixels")
    add("--weights", type=Path, metavar="FOLDER", help="keep the made-up weights files here")
    add("--child", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def run_python(*arguments):
    """Run Python in the project's folder; raises CalledProcessError where it fails."""
    command = [sys.executable, *map(str, arguments)]
    subprocess.run(command, cwd=measuring.ROOT, check=True, capture_output=True)


def commands(arguments):
    cases = {"python itself": partial(run_python, "-c", "pass")}
    cases |= {f"{script} --help": partial(run_python, script, "--help") for script in SCRIPTS}
    cases |= {
        f"import {name}": partial(run_python, "-c", f"import {name}")
        for name in ("numpy", "cv2", "mrcnn", "tensorflow", "mrcnn.model")
    }
    measured = measuring.in_turns(cases, arguments.repeats)
    measuring.section("Commands", measuring.timing_table(measured, compare=False))


def predict_once(arguments, weights, photo, folder):
    """Run the script; return the seconds until its first result, and until its end."""
    command = [
        sys.executable,
        "-u",
        "maskrcnn_predict_for_images.py",
        photo,
        *("--weights", weights, "--precision", arguments.precision),
        *("--image-size", arguments.side, "--output", folder / "out", "--overwrite"),
    ]
    start, first = time.perf_counter(), None
    with subprocess.Popen(
        list(map(str, command)),
        cwd=measuring.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        for line in process.stdout:
            if first is None and line.startswith("[1/1"):
                first = time.perf_counter() - start
    if process.returncode or first is None:
        raise RuntimeError(f"the predict script failed: {' '.join(map(str, command))}")
    return first, time.perf_counter() - start


def predict(arguments, weights, photo, folder):
    runs = [predict_once(arguments, weights, photo, folder) for _ in range(arguments.repeats + 1)]
    first, end = zip(*runs[1:], strict=True)
    title = f"maskrcnn_predict_for_images.py, {weights.stem}, {arguments.precision}"
    text = measuring.timing_table({"first result": first, "end": end}, compare=False)
    measuring.section(title, text)


def child(photo, weights, arguments) -> dict:
    """Do what the predict script does, one step after another; return the seconds of each."""
    seconds, last = {}, time.perf_counter()

    def done(step):
        nonlocal last
        now = time.perf_counter()
        seconds[step], last = now - last, now

    from mrcnn.commands.opening import open_model
    from mrcnn.data.images import read_image

    done("import the array side (numpy, cv2)")
    opened = open_model(weights, image_size=arguments.side, precision=arguments.precision)
    done("read the weights' header")
    import tensorflow  # noqa: F401

    done("import tensorflow")
    import keras  # noqa: F401

    done("import keras")
    with contextlib.redirect_stdout(io.StringIO()):
        detector = opened.detector
    done("build the network, load the weights")
    image = read_image(photo)
    done("read the photo")
    detector.detect([image])
    done("trace the network and run it the first time")
    detector.detect([image])
    done("run it the second time")
    return seconds


def where(arguments, weights, photo):
    # What else was given holds for the child too.
    command = [sys.executable, *sys.argv, "--child", str(photo), str(weights)]
    measured: dict[str, list[float]] = {}
    for count in range(arguments.repeats + 1):
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        # The first run loads files into the system's cache.
        if count:
            for step, seconds in json.loads(result.stdout.splitlines()[-1]).items():
                measured.setdefault(step, []).append(seconds)
    measured["together"] = [sum(runs) for runs in zip(*measured.values(), strict=True)]
    title = f"Where the time goes, {weights.stem}, {arguments.precision}"
    measuring.section(title, measuring.timing_table(measured, compare=False))


def main():
    arguments = parse_arguments()
    if arguments.child:
        print(json.dumps(child(*arguments.child, arguments)))
        return
    measuring.introduce("Start-up")
    if "commands" in arguments.tables:
        commands(arguments)
    with tempfile.TemporaryDirectory() as name, made_up.weights_folder(arguments.weights) as kept:
        folder = Path(name)
        photo = made_up.write_photo(folder / "photo.jpg", arguments.side, arguments.side)
        weights = made_up.weights(kept, arguments.backbone).resolve()
        if "predict" in arguments.tables:
            predict(arguments, weights, photo, folder)
        if "where" in arguments.tables:
            where(arguments, weights, photo)


if __name__ == "__main__":
    main()
