#!/usr/bin/env python3
"""Whether memory stays flat over many images, and how often the network is compiled.

    python benchmarks/memory.py
    python benchmarks/memory.py --count 1000 --side 1024 --backbone resnet101

Photos of four shapes go through `detect` one by one, in turns. With `--resize-mode pad64`, the
default, each shape stays one in the network, which is then compiled once a shape; with `square`
all become one. It prints the memory of this process every --every images, and for each shape how
many images it had and how often it was compiled. The exit code is 1 where a shape was compiled
more than once.
"""

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import made_up, measuring
from mrcnn.nn.backbones import BACKBONES

# Height and width as shares of --side.
SHAPES = ((1, 1), (3 / 4, 1), (1, 3 / 4), (1 / 2, 1))
# The first images compile, and fill what is kept for later ones.
SETTLED = 10


def parse_arguments():
    parser = measuring.parser(__doc__)
    add = parser.add_argument
    add("--count", type=measuring.positive, default=200, help="images; default: 200")
    add("--every", type=measuring.positive, default=20, help="images a row; default: 20")
    add("--side", type=measuring.positive, default=512, help="longer side of the images")
    add("--backbone", choices=BACKBONES, default="resnet50")
    add("--precision", choices=made_up.PRECISIONS, default="float32")
    add("--resize-mode", choices=("pad64", "square"), default="pad64")
    add("--weights", type=Path, metavar="FOLDER", help="keep the made-up weights files here")
    return parser.parse_args()


def count_traces(model) -> Counter:
    """Return how often the network is traced for each molded shape, kept up to date."""
    traces, layer = Counter(), model.keras_model.get_layer("fpn_p2")
    call = layer.call

    # Python runs a layer's `call` only while TensorFlow traces it. P2 has a quarter of the sides.
    def counted(features, *arguments, **options):
        traces[tuple(4 * side for side in features.shape[1:3])] += 1
        return call(features, *arguments, **options)

    layer.call = counted
    return traces


def main() -> int:
    arguments = parse_arguments()
    measuring.introduce("Memory and compilations")
    side = arguments.side
    sizes = {"IMAGE_RESIZE_MODE": arguments.resize_mode}
    if arguments.resize_mode == "pad64":
        sizes["IMAGE_MIN_DIM"] = None
    config = made_up.config(arguments.backbone, arguments.precision, side, **sizes)
    with made_up.weights_folder(arguments.weights) as folder:
        model = made_up.model("inference", config, folder)
    traces = count_traces(model)
    photos = [made_up.photo(round(side * high), round(side * wide)) for high, wide in SHAPES]
    images, held, rows = Counter(), {}, []
    before, began = measuring.resident(), time.perf_counter()
    for number in range(1, arguments.count + 1):
        photo = photos[number % len(photos)]
        images[model.mold_inputs([photo])[0].shape[1:3]] += 1
        model.detector.detect([photo])
        held[number] = measuring.resident()
        if number == SETTLED or number % arguments.every == 0:
            seconds = f"{time.perf_counter() - began:.1f}"
            rows.append([number, f"{held[number]:.0f}", sum(traces.values()), seconds])
    header = ["images", "resident, MiB", "compilations so far", "seconds so far"]
    measuring.section(f"Memory ({before:.0f} MiB before the first)", measuring.table(header, rows))
    later = [mebibytes for number, mebibytes in held.items() if number >= SETTLED]
    if later:
        timing = measuring.summarise(later)
        print(
            f"\nFrom image {SETTLED} on: median {timing.median:.0f}, minimum {timing.minimum:.0f}, "
            f"maximum {timing.maximum:.0f} MiB; at the end {later[-1] - later[0]:+.0f} MiB"
        )
    rows = [[f"{shape[0]} x {shape[1]}", images[shape], traces[shape]] for shape in images]
    header = ["molded shape", "images", "compilations"]
    measuring.section("Compilations", measuring.table(header, rows))
    return int(max(traces.values()) > 1)


if __name__ == "__main__":
    sys.exit(main())
