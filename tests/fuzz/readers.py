"""The readers, and small whole files for each.

None of them needs Keras or TensorFlow.
"""

import io
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import cv2
import h5py
import numpy as np
from PIL import Image

from mrcnn.annotation.merge import merge, without_repeats
from mrcnn.annotation.read import read
from mrcnn.annotation.records import AnnotationError
from mrcnn.annotation.shapes import region_mask
from mrcnn.check.regions import measure
from mrcnn.commands.opening import class_names_for
from mrcnn.config import Config
from mrcnn.data.images import ImageError, read_image, read_shape
from mrcnn.nn import torch_file, weights_file
from mrcnn.settings import stored, to_detect
from mrcnn.training import run_files
from mrcnn.training.state import State
from mrcnn.video.reading import Video, VideoError
from tests.fuzz.mutations import in_bytes, in_png, in_text
from tests.test_via import COCO, OLD_CSV, PROJECT, VIA1, VIA2, VIA3, via2_csv, via3_csv
from tests.torch_files import Storage, Tensor
from tests.torch_files import of as torch_file_of
from tests.video_clips import write_clip


class Reader(NamedTuple):
    """What reads a file, and what is given to it."""

    read: Callable[[Path], object]
    error: type[Exception]  # its own: all else is a fault
    filename: str
    damage: Callable[[bytes, Random, Sequence[bytes]], bytes]
    seeds: Callable[[], list[bytes]]
    share: float = 1.0  # of the inputs that are asked for


# -- Annotations -------------------------------------------------------------------------------

LABELME = {
    "version": "5.4.1",
    "flags": {},
    "shapes": [
        {
            "label": "mug",
            "points": [[1, 1], [9, 1], [9, 9]],
            "group_id": 1,
            "shape_type": "polygon",
        },
        {"label": "pan", "points": [[3, 4], [8, 10]], "group_id": None, "shape_type": "rectangle"},
        {"label": "pan", "points": [[5, 5], [7, 5]], "group_id": 1, "shape_type": "circle"},
    ],
    "imagePath": "a.jpg",
    "imageData": None,
    "imageHeight": 10,
    "imageWidth": 20,
}
LABEL_STUDIO = [
    {
        "id": 1,
        "data": {"image": "/data/upload/1/abc-a.jpg"},
        "annotations": [
            {
                "result": [
                    {
                        "original_width": 20,
                        "original_height": 10,
                        "type": "polygonlabels",
                        "value": {
                            "points": [[5, 10], [45, 10], [45, 90]],
                            "closed": True,
                            "polygonlabels": ["mug"],
                        },
                    }
                ]
            }
        ],
    }
]
RUN_LENGTHS = [
    {"id": 3, "image_id": 7, "category_id": 1, "iscrowd": 1, "bbox": [1, 1, 3, 3]}
    | {"segmentation": {"size": [10, 20], "counts": counts}}
    for counts in ([12, 5, 183], "<5k5")
]


def annotation_files() -> list[bytes]:
    """Return a file of each form."""
    circle = {"name": "circle", "cx": 5, "cy": 5, "r": 3}
    ellipse = {"name": "ellipse", "cx": 5, "cy": 5, "rx": 3, "ry": 2, "theta": 0.5}
    regions = [{"shape_attributes": s, "region_attributes": {"a": "b"}} for s in (circle, ellipse)]
    round_ones = [{"filename": "a.jpg", "size": -1, "regions": regions}]
    run_lengths = COCO | {"annotations": COCO["annotations"] + RUN_LENGTHS}
    trees = (VIA1, VIA2, PROJECT, VIA3, COCO, run_lengths, LABELME, LABEL_STUDIO, round_ones)
    texts = (*map(json.dumps, trees), via2_csv(), OLD_CSV, via3_csv())
    return [text.encode() for text in texts]


def read_annotations(path: Path) -> None:
    """Read a file as far as the check of a data set does."""
    annotations = read(path)
    merged = merge(*without_repeats([annotations, annotations]))
    assert merged.summary()
    assert all("\n" not in str(problem) for problem in merged.problems)
    for image in merged.images:
        # Whether a circle of 256 pieces crosses itself takes most of the time.
        long = [region for region in image.regions if sum(map(len, region.outlines)) > 100]
        short = tuple(region for region in image.regions if sum(map(len, region.outlines)) <= 100)
        measure(image._replace(size=None, regions=short), 20, 30)
        for region in long:
            region_mask(region, (20, 30))


# -- Weights -----------------------------------------------------------------------------------

LAYERS = {
    "conv1": {"conv1/kernel:0": np.ones((3, 4), "f4")},
    "mrcnn_class_logits": {"mrcnn_class_logits/bias:0": np.ones(3, "f4")},
}
METADATA = {"class_names": ["BG", "mug", "pan"], "settings": {"IMAGE_MAX_DIM": 128}}


def _file(write: Callable[[Path], object], name="file") -> bytes:
    """Return the file that `write` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        write(path)
        return path.read_bytes()


def weights_files() -> list[bytes]:
    """Return files as this package writes them, and others that HDF5 can write."""
    whole = _file(lambda path: weights_file.write(path, LAYERS, METADATA))
    small = _file(lambda path: weights_file.write(path, {"conv1": LAYERS["conv1"]}))

    def changed(change, **options):
        def write(path):
            path.write_bytes(small)
            with h5py.File(path, "r+", **options) as file:
                change(file)

        return _file(write)

    def references(file):
        file.attrs.create("layer_names", [file["conv1"].ref] * 2, dtype=h5py.ref_dtype)

    def texts(file):
        file.attrs["layer_names"] = ["conv1"]
        file.attrs["mask_rcnn"] = json.dumps(METADATA)
        file["conv1"].attrs["weight_names0"] = ["conv1/kernel:0"]

    def links(file):
        file["conv1/soft/bias:0"] = h5py.SoftLink("/conv1/conv1/bias:0")
        file["conv1/out/bias:0"] = h5py.ExternalLink("b.h5", "/x")
        file["conv1"].attrs["weight_names"] = [b"soft/bias:0", b"out/bias:0"]

    def packed(file, **options):
        del file["conv1/conv1/kernel:0"]
        options |= {"chunks": (2, 2), "compression": "gzip", "shuffle": True}
        file.create_dataset("conv1/conv1/kernel:0", data=np.ones((3, 4), "f8"), **options)

    def summed(file):
        packed(file, fletcher32=True)

    def scalar(file):
        file.attrs["layer_names"] = "conv1"

    newest = [changed(change, libver="latest") for change in (texts, packed)]
    return [whole, *map(changed, (references, texts, links, packed, summed, scalar)), *newest]


def read_weights(path: Path) -> None:
    """Read a file as far as a network does that has LAYERS."""
    weights_file.inspect(path)
    with weights_file.opened(path) as file:
        for dataset in weights_file.datasets(file).values():
            if dataset.shape in ((3, 4), (3,)):
                assert weights_file.array(dataset).shape == dataset.shape


def tensor_files() -> list[bytes]:
    """Return files as an old PyTorch wrote them."""
    arrays = {
        "_conv_stem.weight": np.ones((2, 3, 3, 3), "f4"),
        "_bn0.bias": np.ones(2, "f4"),
        "_bn0.num_batches_tracked": np.array(7, "i8"),
    }
    shared = Storage("0", np.ones(24, "f4"))
    parts = {"a": Tensor(shared, 0, (4, 6), (1, 4)), "b": Tensor(shared, 10, (2, 3), (6, 1))}
    return [torch_file_of(tensors) for tensors in (arrays, parts, {"a": np.ones(3, "f2")})]


def read_tensors(path: Path) -> None:
    """Read the tensors of a file, all of their numbers."""
    sizes = sum(tensor.copy().nbytes for tensor in torch_file.read(path).values())
    assert sizes < 10**6


# -- Images ------------------------------------------------------------------------------------


def image_files() -> list[bytes]:
    """Return a small picture in each format and kind."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 4), np.uint8)
    colour, clear = Image.fromarray(noise[..., :3]), Image.fromarray(noise)
    grey, frames = colour.convert("L"), {"save_all": True, "append_images": [clear.convert("RGB")]}
    exif = Image.Exif()
    exif[274] = 6
    made = [
        (colour, "JPEG", {"exif": exif}),
        (colour, "JPEG", {"progressive": True}),
        (colour.convert("CMYK"), "JPEG", {}),
        (colour, "MPO", frames),
        (colour, "PNG", {"exif": exif}),
        (clear, "PNG", {}),
        (colour, "PNG", frames),
        (colour.convert("P"), "PNG", {"transparency": 1}),
        (colour.convert("1"), "PNG", {}),
        (colour, "WEBP", {"exif": exif}),
        (clear, "WEBP", {"lossless": True}),
        (colour, "WEBP", frames),
        (colour, "BMP", {}),
        (grey, "BMP", {}),
        (colour, "GIF", frames),
        (clear, "TIFF", {}),
        (colour, "TIFF", {"compression": "tiff_lzw"}),
        (colour, "TIFF", {"compression": "jpeg"}),
        (colour.convert("1"), "TIFF", {"compression": "group4"}),
        (grey.convert("F"), "TIFF", {"compression": "tiff_adobe_deflate"}),
        (colour, "PPM", {}),
        (grey.convert("F"), "PPM", {}),
        (colour, "JPEG2000", {}),
        (colour, "AVIF", {}),
    ]
    files = []
    for image, kind, options in made:
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        files.append(stream.getvalue())
    for suffix, pixels in ((".png", np.uint16(noise)), (".tif", np.uint16(noise))):
        files.append(cv2.imencode(suffix, pixels)[1].tobytes())
    files.append(cv2.imencode(".tif", np.float32(noise[..., :3]))[1].tobytes())
    return [*files, b"P3 2 1 255\n1 2 3 4 5 6\n", b"P1 2 2\n0 1 1 0\n"]


def read_picture(path: Path) -> None:
    """Read an image in both ways."""
    image = read_image(path)
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    assert read_shape(path) == image.shape[:2]


# -- Videos, and what lies beside weights ------------------------------------------------------


def video_files() -> list[bytes]:
    """Return short clips."""
    frames = [np.full((32, 48, 3), shade, np.uint8) for shade in range(0, 200, 40)]
    return [
        _file(lambda path: write_clip(path, frames), f"clip{kind}") for kind in (".mp4", ".avi")
    ]


def read_video(path: Path) -> None:
    """Read some frames."""
    with Video(path) as video:
        for frame in video.frames():
            assert frame.image.shape[2] == 3
            if frame.index == 9:
                break


def state_files() -> list[bytes]:
    """Return the state of a run."""
    arrays = {"iteration": np.array(12), "momentum/kernel": np.ones((3, 4), np.float32)}
    state = State(3, 0.5, 2, 1e-3, arrays, "val_loss")
    return [_file(lambda path: state.save(path.parent), run_files.STATE_FILE)]


def read_state(path: Path) -> None:
    """Read it as a run does that goes on."""
    run_files.find_resumable(path.parent)
    assert State.load(path.parent, 3).batches >= 0


def read_names(path: Path) -> None:
    """Read the class names beside weights of three classes."""
    info = weights_file.WeightsInfo(path.with_name("weights.h5"), "resnet50", 3, None, None)
    assert len(class_names_for(info)) == 3


def read_settings(path: Path) -> None:
    """Make a Config of settings as they stand in weights files."""
    try:
        settings = json.loads(path.read_bytes())
    except ValueError:
        return
    try:
        to_detect(Config, settings if isinstance(settings, dict) else {})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


READERS = {
    "annotations": Reader(read_annotations, AnnotationError, "via.json", in_text, annotation_files),
    "weights": Reader(
        read_weights, weights_file.WeightsError, "weights.h5", in_bytes, weights_files
    ),
    "tensors": Reader(read_tensors, ValueError, "weights.pth", in_bytes, tensor_files, 0.3),
    "images": Reader(read_picture, ImageError, "photo.jpg", in_png, image_files),
    "states": Reader(read_state, ValueError, run_files.STATE_FILE, in_bytes, state_files, 0.1),
    "losses": Reader(
        lambda path: run_files.read_losses(path.parent),
        ValueError,
        run_files.LOSSES_FILE,
        in_text,
        lambda: [b"epoch,loss,val_loss\n1,0.5,0.7\n2,0.4,\n"],
        0.1,
    ),
    "names": Reader(
        read_names, ValueError, run_files.CLASSES_FILE, in_bytes, lambda: [b"mug\npan\n"], 0.1
    ),
    "settings": Reader(
        read_settings,
        ValueError,
        "settings.json",
        in_text,
        lambda: [json.dumps(stored(Config())).encode()],
        0.1,
    ),
    "videos": Reader(read_video, VideoError, "clip.mp4", in_bytes, video_files, 0.01),
}
