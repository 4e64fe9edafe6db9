#!/usr/bin/env python3
"""A whole run of maskrcnn_predict_for_images.py: how much of its time is the network's.

    python benchmarks/predict_run.py
    python benchmarks/predict_run.py --photo 1024x1024 --count 10 --precision float32
    python benchmarks/predict_run.py --max-instances 10

The script runs over --count made-up photos, once for each --photo size; each step is timed. Start
(imports, building, loading) and the first photo, which compiles, are told apart from the rest, so
that the share holds for a run of any length; reading, drawing and writing overlap with the network.
Everything that the network finds is kept, 100 objects a photo, which is more work than most photos
are; --max-instances 10 keeps ten. Then, without a network, 100 objects on a
photo of 12 megapixels are unmolded and drawn.
"""

import contextlib
import io
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import made_up, measuring

LARGE = (3000, 4000)


def parse_arguments():
    parser = measuring.parser(__doc__, repeats=5)
    add = parser.add_argument
    add("--count", type=measuring.positive, default=50, help="photos; default: 50")
    add(
        "--photo",
        nargs="+",
        type=measuring.picture_size,
        metavar="HEIGHTxWIDTH",
        default=[(1024, 1024), LARGE],
        dest="sizes",
    )
    add("--backbone", choices=made_up.RESNETS, default="resnet101")
    add("--max-instances", metavar="N", default="100", help="of the script; default: 100")
    add("--precision", choices=("float32", "bfloat16", "auto"), default="auto")
    add("--side", type=measuring.positive, default=1024, help="that the network sees, in pixels")
    add("--objects", type=measuring.positive, default=100, help="of the last table")
    add("--weights", type=Path, metavar="FOLDER", help="keep the made-up weights files here")
    return parser.parse_args()


def run_script(photos: Path, weights: Path, output: Path, arguments) -> tuple:
    """Run the script.

    Returns the stopwatch of its steps, when the network was done with each photo, and the seconds
    of all of it.
    """
    import maskrcnn_predict_for_images as script
    from mrcnn import detector, pictures
    from mrcnn.commands import photo_run
    from mrcnn.nn import network

    watch = measuring.Stopwatch()
    compiled, ends = network.compiled, []

    def watched(*arguments):
        network = watch.timed("network", compiled(*arguments))

        def run(*inputs):
            outputs = network(*inputs)
            ends.append(time.perf_counter())
            return outputs

        return run

    steps = {
        "read": (photo_run, "read_image"),
        "detect": (detector.Detector, "detect"),
        "draw": (photo_run, "draw_detections"),
        "write": (pictures, "write"),
    }
    network.compiled = watched
    start = time.perf_counter()
    try:
        with watch.watching(steps), contextlib.redirect_stdout(io.StringIO()):
            code = script.main(
                [
                    str(photos),
                    *("--weights", str(weights), "--precision", arguments.precision),
                    *("--image-size", str(arguments.side), "--output", str(output)),
                    *("--min-confidence", "0", "--max-instances", arguments.max_instances),
                ]
            )
    finally:
        network.compiled = compiled
    if code:
        raise SystemExit("the predict script failed, see above")
    return watch, ends, time.perf_counter() - start


def shares(title, watch, ends, whole):
    """Print the time of each step: of the first photo and, an image, of the others.

    Reading, drawing and writing overlap with the network, so the shares add up to more than all.
    """
    seconds = dict(watch.seconds)
    detect = seconds.pop("detect")
    seconds["mold, unmold"] = [
        outer - inner for outer, inner in zip(detect, seconds["network"], strict=True)
    ]
    count = len(detect)
    if count < 2:
        raise SystemExit("two photos at the least are needed: the first one compiles")
    others = {step: sum(runs[1:]) for step, runs in seconds.items()}
    lasted = ends[-1] - ends[0]
    rows = [
        [
            step,
            f"{seconds[step][0]:.3f}",
            f"{1000 * others[step] / (count - 1):.1f}",
            f"{others[step] / lasted:.1%}",
            f"{sum(seconds[step]) / whole:.1%}",
        ]
        for step in ("read", "mold, unmold", "network", "draw", "write")
    ]
    start = whole - lasted - sum(runs[0] for runs in seconds.values())
    rows.insert(0, ["start", f"{start:.3f}", "-", "-", f"{start / whole:.1%}"])
    rows.append(["all", "", f"{1000 * lasted / (count - 1):.1f}", "", f"{whole:.1f} s"])
    header = ["", "first photo, s", "others, ms each", "share of the others", "share of the run"]
    measuring.section(f"{title}, {count} photos", measuring.table(header, rows))


def large_photo(arguments):
    """Print the time of unmolding and drawing many objects on a large photo."""
    from mrcnn.detector import unmold
    from mrcnn.drawing.instances import draw_detections

    count, (height, width) = arguments.objects, LARGE
    image = made_up.photo(height, width)
    config = made_up.config(made_up.SMALL, "float32", arguments.side)
    model = made_up.model("inference", config, Path())
    molded, _, windows = model.mold_inputs([image])
    output = made_up.network_output(count)
    unmolding = partial(unmold, *output, image.shape, molded.shape[1:], windows[0])
    draw = partial(draw_detections, image, unmolding(), made_up.CLASS_NAMES)
    cases = {"unmold": unmolding, "draw": draw}
    measured = measuring.in_turns(cases, arguments.repeats)
    measured["both"] = [sum(pair) for pair in zip(*measured.values(), strict=True)]
    title = f"{count} objects on a photo {height} x {width}"
    measuring.section(title, measuring.timing_table(measured, compare=False))


def main():
    arguments = parse_arguments()
    measuring.introduce("A predict run")
    with tempfile.TemporaryDirectory() as name, made_up.weights_folder(arguments.weights) as kept:
        weights = made_up.weights(kept, arguments.backbone)
        for height, width in arguments.sizes:
            folder = Path(name, f"{height}x{width}")
            folder.mkdir()
            for seed in range(arguments.count):
                made_up.write_photo(folder / f"photo{seed}.jpg", height, width, seed)
            measured = run_script(folder, weights, Path(name, "out", folder.name), arguments)
            shares(f"{height} x {width}", *measured)
    large_photo(arguments)


if __name__ == "__main__":
    main()
