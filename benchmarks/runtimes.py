#!/usr/bin/env python3
"""The network in TensorFlow and in OpenVINO, float and int8, and what people use today, in turns.

    python benchmarks/runtimes.py
    python benchmarks/runtimes.py --networks efficientnet_lite0:512 --runtimes openvino onnx
    python benchmarks/runtimes.py --torch-python other/bin/python

One photo, the whole `detect`. Networks are named backbone:side; their weights are made up, and so
are the photos that int8 is calibrated with, so times count here and not what is found. Each network
has a process of its own. The peers are those of `peers.py`; what is not installed is skipped.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks import made_up, measuring
from benchmarks.peers import in_turns, write_scene
from mrcnn.runtimes.formats import RUNTIMES

NETWORKS = ("resnet50:1024", "resnet101:1024", f"{made_up.SMALL}:512")
CALIBRATED = 4


def parse_arguments():
    parser = measuring.parser(__doc__, repeats=5)
    add = parser.add_argument
    add("--networks", nargs="+", metavar="BACKBONE:SIDE", type=network, default=NETWORKS)
    add("--runtimes", nargs="+", choices=RUNTIMES, default=("openvino",))
    add(
        "--peers",
        nargs="*",
        choices=("torchvision", "ultralytics"),
        default=("torchvision", "ultralytics"),
    )
    add("--torch-python", metavar="PYTHON", default=sys.executable, help="has torchvision, YOLO")
    add("--yolo", nargs="+", metavar="MODEL", default=["yolo11m-seg.yaml"])
    add("--weights", type=Path, metavar="FOLDER", help="keep the made-up weights files here")
    return parser.parse_args()


def network(text: str) -> str:
    """A backbone and the side of its image, as "resnet50:1024"."""
    backbone, _, side = text.partition(":")
    if not backbone or not side.isdecimal():
        raise ValueError(text)
    return text


def export(backbone: str, side: int, runtime: str, int8: bool, kept: Path, folder: Path) -> Path:
    """Write a made-up network as `export` does, but for the comparison; return its model.json."""
    from mrcnn import image_meta, settings
    from mrcnn.export import int8 as whole_numbers
    from mrcnn.export import writing
    from mrcnn.runtimes.description import Description

    config = made_up.config(backbone, "float32", side)
    detector = made_up.model("inference", config, kept).detector
    writing.write(runtime, detector.network, settings.anchors(config), None, folder)
    if int8:
        feeds = []
        for seed in range(CALIBRATED):
            images, metas, _ = detector.mold_inputs([made_up.photo(side, side, seed)])
            window = image_meta.window(metas).astype(np.float32)
            least = np.array([0.05], np.float32)
            feeds.append({"image": images, "window": window, "min_confidence": least})
        whole_numbers.quantize(runtime, folder, feeds, len(feeds), lambda done, total: None)
    shape = None if runtime != "litert" else [side, side]
    described = Description(
        runtime, made_up.CLASS_NAMES, image_shape=shape, int8=int8, **settings.exporting(config)
    )
    return described.write(folder)


def requests(arguments, kept: Path, folder: Path) -> dict[str, tuple[str, int, dict]]:
    """Return (Python, side, request) of each case by its name; exports are made meanwhile."""
    from mrcnn.export.int8 import INT8

    cases = {}
    for named in arguments.networks:
        backbone, side = named.split(":")[0], int(named.split(":")[1])
        for precision in made_up.PRECISIONS:
            request = {"peer": "ours", "backbone": backbone, "precision": precision}
            cases[f"TensorFlow, {named}, {precision}"] = sys.executable, side, request
        for runtime in arguments.runtimes:
            for int8 in (False, True)[: 1 + (runtime in INT8)]:
                kind = "int8" if int8 else "float32"
                place = folder / f"{backbone}{side}-{runtime}-{kind}"
                place.mkdir()
                print(f"exporting {place.name}", file=sys.stderr, flush=True)
                path = export(backbone, side, runtime, int8, kept, place)
                request = {"peer": "exported", "export": str(path), "precision": "float32"}
                cases[f"{runtime}, {named}, {kind}"] = sys.executable, side, request
    largest = max(int(named.split(":")[1]) for named in arguments.networks)
    if "torchvision" in arguments.peers:
        request = {"peer": "torchvision", "precision": "float32"}
        name = f"torchvision, resnet50:{largest}, float32"
        cases[name] = arguments.torch_python, largest, request
    for model in arguments.yolo if "ultralytics" in arguments.peers else ():
        path = Path(model)
        where = str(path.resolve() if path.exists() else model)
        request = {"peer": "ultralytics", "model": where, "precision": "float32"}
        cases[f"ultralytics, {path.stem}:{largest}"] = arguments.torch_python, largest, request
    return cases


def main():
    arguments = parse_arguments()
    measuring.introduce("Runtimes")
    with tempfile.TemporaryDirectory() as name, made_up.weights_folder(arguments.weights) as kept:
        folder, cases = Path(name), {}
        for case, (python, side, request) in requests(arguments, kept, folder).items():
            scene = folder / f"scene{side}.npz"
            if not scene.exists():
                write_scene(scene, side)
            common = {"side": side, "scene": str(scene), "weights": str(kept.resolve())}
            cases[case] = python, {**common, "job": "inference", "layers": "heads", **request}
        measured, notes = in_turns(cases, folder, arguments.repeats)
        text = measuring.timing_table(measured) if measured else "None of them could run."
        measuring.section("One photo, detect", text + "\n\n" + "\n".join(notes))


if __name__ == "__main__":
    main()
