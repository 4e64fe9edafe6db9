#!/usr/bin/env python3
"""How many images a second are prepared for training, and what takes the time.

    python benchmarks/input_pipeline.py
    python benchmarks/input_pipeline.py --dataset dataset --threads 1 2 4 8

Batches of one image, read from the files of a data set and brought to --side pixels, are made as
training makes them, without a network: with each number of threads, without augmentation and with
that of custom_training_augmentation.py, in turns. A second table says which part of the work takes
how much of the time, in one thread.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import made_up, measuring

# Seconds an image of the older package at 1024 x 1024 on the same kind of machine, two cores.
OLDER_SECONDS = {
    "no augmentation": (0.13, "one thread"),
    "the script's augmentation": (0.6, "two threads"),
}


def parse_arguments():
    parser = measuring.parser(__doc__, repeats=5)
    add = parser.add_argument
    add("--dataset", type=Path, default=measuring.ROOT / "dataset", help="its folder train is read")
    add("--side", type=measuring.positive, default=1024, help="of the images, in pixels")
    add("--threads", nargs="+", type=measuring.positive, default=[1, 2])
    add("--images", type=measuring.positive, default=24, help="a call; default: 24")
    return parser.parse_args()


def prepare(batches, threads: int, count: int):
    """Make `count` batches in `threads` threads."""
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(batches.__getitem__, range(count)):
            pass


def speed(generators, arguments):
    """Print the table of seconds an image, and of images a second."""
    from mrcnn.training.batches import Batches

    cases = {}
    for kind, generator in generators.items():
        for threads in arguments.threads:
            batches = Batches(generator, arguments.images, threads)
            name = f"{kind}, {threads} thread{'s' if threads > 1 else ''}"
            cases[name] = partial(prepare, batches, threads, arguments.images)
    measured = measuring.in_turns(cases, arguments.repeats)
    rows = []
    for name, seconds in measured.items():
        older, older_threads = OLDER_SECONDS[name.rsplit(", ", 1)[0]]
        timing = measuring.summarise([value / arguments.images for value in seconds])
        times = f"{older / timing.median:.1f} ({older:g} s, {older_threads})"
        milliseconds = (f"{1000 * value:.1f}" for value in timing)
        rows.append([name, *milliseconds, f"{1 / timing.median:.1f}", times])
    header = ["", "median, ms an image", "minimum", "maximum", "images a second"]
    text = measuring.table([*header, "times as many as the older package"], rows)
    measuring.section(f"Images of {arguments.side} x {arguments.side}", text)


def shares(kind, generator, arguments):
    """Print the part of the time that each step takes, in this thread."""
    from mrcnn.data import augment, inputs, samples

    steps = {
        "read the photo": (samples, "_load_image"),
        "draw the masks": (samples, "_load_masks"),
        "resize the photo": (samples, "fit_image"),
        "pad the masks": (samples, "frame_masks"),
        "augment": (augment, "augment"),
        "boxes of the masks": (samples, "extract_bboxes"),
        "mini masks": (samples, "minimize_mask"),
        "RPN targets": (inputs, "rpn_targets"),
        "subtract the mean": (inputs, "mold_image"),
    }
    places = [divmod(number, len(generator)) for number in range(arguments.images)]
    watch = measuring.Stopwatch()
    generator.batch(0, 0)
    with watch.watching(steps):
        whole = measuring.clock(lambda: [generator.batch(*one) for one in places])
    totals = {step: watch.total(step) for step in steps}
    totals["everything else"] = whole - sum(totals.values())
    rows = [
        [step, f"{1000 * seconds / len(places):.1f}", f"{seconds / whole:.0%}"]
        for step, seconds in sorted(totals.items(), key=lambda item: -item[1])
    ]
    text = measuring.table(["", "ms an image", "share"], rows)
    measuring.section(f"Where the time goes, {kind}, one thread", text)


def main():
    arguments = parse_arguments()
    measuring.introduce("Input pipeline")
    import custom_training
    import custom_training_augmentation
    from mrcnn.feeding import DataGenerator

    dataset = custom_training.CustomDataset()
    dataset.load_custom(arguments.dataset, "train")
    dataset.prepare()
    pipelines = (None, custom_training_augmentation.augmentation())
    config = made_up.config("resnet101", "float32", arguments.side, NUM_CLASSES=dataset.num_classes)
    generators = {
        kind: DataGenerator(dataset, config, augmentation=pipeline, seed=0)
        for kind, pipeline in zip(OLDER_SECONDS, pipelines, strict=True)
    }
    speed(generators, arguments)
    for kind, generator in generators.items():
        shares(kind, generator, arguments)


if __name__ == "__main__":
    main()
