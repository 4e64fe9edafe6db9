#!/usr/bin/env python3
"""Whether objects of large photos are found once and whole, and what tiles cost beside the network.

    python benchmarks/tiles.py
    python benchmarks/tiles.py --mask-side 28 --tiles 768

On made-up photos of growing size with as many objects of 25 to 900 pixels as their area has room
for, 500 on the largest, a stand-in finds in each view exactly what can be seen there. A process of
its own for each photo tells the most memory that it held, TensorFlow and the photo itself included.
The exit code is 1 where an object of a photo is missing, double or in pieces.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import measuring

SIZES = [(3000, 4000), (6000, 8000), (9000, 12000)]
OBJECTS_PER_PIXEL = 500 / (9000 * 12000)


def parse_arguments():
    parser = measuring.parser(__doc__)
    add = parser.add_argument
    add(
        "--photo",
        nargs="+",
        type=measuring.picture_size,
        metavar="HEIGHTxWIDTH",
        default=SIZES,
        dest="sizes",
    )
    add("--tiles", type=measuring.positive, default=1024, help="side of a tile; default: 1024")
    add("--overlap", type=float, default=0.25)
    add("--tta", action="store_true")
    add("--mask-side", type=measuring.positive, help="of masks as a network has them, such as 28")
    add("--one", action="store_true", help="measure in this process, and print numbers as JSON")
    return parser.parse_args()


def measure(height: int, width: int, arguments) -> dict:
    """Return the numbers of a photo."""
    from benchmarks import known_objects
    from mrcnn.masks import piece_overlaps

    image = known_objects.photo(height, width)
    count = round(height * width * OBJECTS_PER_PIXEL)
    truth = known_objects.objects(height, width, count)
    detector = known_objects.ExactDetector(
        image, truth, known_objects.ExactConfig(), arguments.mask_side
    )
    before = measuring.resident()
    looking = {"tiles": arguments.tiles, "overlap": arguments.overlap, "tta": arguments.tta}
    # Of the processor, since other programs make a run's own time longer.
    start = time.process_time()
    (found,) = detector.detect([image], **looking)
    seconds = time.process_time() - start
    overlaps = piece_overlaps(truth.windows, truth.pieces, found.windows, found.pieces)
    best = overlaps.max(axis=1, initial=0)
    pairs = (overlaps > 0).sum(axis=1)
    return {
        "objects": count,
        "found": len(found),
        "missing": int((pairs == 0).sum()),
        "doubles": int((pairs > 1).sum()),
        "least_iou": float(best.min()),
        "mean_iou": float(best.mean()),
        "views": detector.views,
        "seconds": seconds,
        "before": before,
        # Linux tells kilobytes.
        "most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> int:
    arguments = parse_arguments()
    if arguments.one:
        print(json.dumps(measure(*arguments.sizes[0], arguments)))
        return 0
    measuring.introduce("Tiles")
    options = ["--tiles", str(arguments.tiles), "--overlap", str(arguments.overlap)]
    options += ["--tta"] if arguments.tta else []
    options += ["--mask-side", str(arguments.mask_side)] if arguments.mask_side else []
    rows, wrong = [], False
    for height, width in arguments.sizes:
        command = [sys.executable, __file__, "--one", "--photo", f"{height}x{width}", *options]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        told = json.loads(run.stdout.splitlines()[-1])
        megapixels = height * width / 1e6
        wrong |= bool(told["missing"] or told["doubles"]) or told["found"] != told["objects"]
        rows.append(
            [
                f"{width} x {height}",
                told["objects"],
                told["found"],
                told["missing"],
                told["doubles"],
                f"{told['least_iou']:.4f}",
                f"{told['mean_iou']:.4f}",
                told["views"],
                f"{told['seconds']:.1f}",
                f"{1000 * told['seconds'] / megapixels:.0f}",
                f"{told['before']:.0f}",
                f"{told['most']:.0f}",
            ]
        )
    header = ["photo", "objects", "found", "missing", "double", "least mask IoU", "mean", "views"]
    header += ["CPU s", "ms a megapixel", "MiB before", "MiB at most"]
    measuring.section("Tiles with a stand-in for the network", measuring.table(header, rows))
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
