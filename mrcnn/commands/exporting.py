"""Exporting a network: written, compared, and put in its place, or nothing is left."""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mrcnn import image_meta, settings
from mrcnn.atomic import naming
from mrcnn.commands.process import of_checkout
from mrcnn.commands.starting import NETWORK_SETTINGS
from mrcnn.data.images import read_image
from mrcnn.data.sources import find_images
from mrcnn.nn.weights_file import EARLIER
from mrcnn.progress import Progress
from mrcnn.runtimes import description
from mrcnn.runtimes.exported import Exported
from mrcnn.runtimes.formats import FORMATS, require

# Photos that a float network is compared on, fewer where they have so many objects.
COMPARED, OBJECTS = 16, 20
# With int8 as many as it takes for so many objects: one of them is a percent.
COMPARED_INT8, OBJECTS_INT8 = 300, 100
# Settings that an exported network cannot be told any more.
BAKED = (
    *NETWORK_SETTINGS,
    "BACKBONE",
    "RPN_ANCHOR_SCALES",
    "RPN_NMS_THRESHOLD",
    "PRE_NMS_LIMIT",
    "POST_NMS_ROIS_INFERENCE",
    "DETECTION_NMS_THRESHOLD",
)


def needs(name: str, int8: bool) -> None:
    """Raise ValueError where a package is missing, or a format has no int8."""
    # Its module imports Keras.
    known = ("openvino", "onnx")
    if int8 and name not in known:
        raise ValueError(f"--int8 is for {' and '.join(known)}, {name} stays float")
    require(name, *(["nncf"] if int8 else []))


def image_shape(name: str, config) -> list[int] | None:
    """Return the [height, width] of the images of an export; None where it takes any.

    Raises ValueError where a format takes one size and the weights mold to several.
    """
    if FORMATS[name].dynamic:
        return None
    molding = settings.resizing(config)
    if molding["mode"] != "square":
        raise ValueError(
            f"{name} takes images of one size, and these weights several: add --image-size "
            f"{molding['max_dim']}"
        )
    return [molding["max_dim"]] * 2


def photos_in(folder: Path | None) -> list[Path]:
    """Return the photos of a folder; unless given, those of this checkout or of scikit-image."""
    if folder is not None:
        return find_images(folder)
    sample = of_checkout("dataset", "val")
    if sample.is_dir():
        return find_images(sample)
    import skimage

    names = ("astronaut", "coffee", "chelsea", "rocket")
    paths = [Path(skimage.__file__).parent / "data" / name for name in names]
    return [found for path in paths for found in path.parent.glob(f"{path.name}.*")]


def export(
    opened,
    name: str,
    folder: Path,
    photos: Sequence[Path],
    int8: bool = False,
    say: Callable[[str], None] = print,
) -> description.Description:
    """Write the network of opened weights into `folder`, which takes the place of an older one.

    Arguments:
        opened: an `opening.Opened` of a weights file.
        name: of FORMATS.
        photos: it is compared on, and with int8 calibrated with.
        say: called with a sentence for each step.

    Raises ValueError, and leaves nothing, where it finds something else than before.
    """
    opened = opened.in_float32()
    detector = opened.keras_detector
    from mrcnn.export import int8 as whole_numbers
    from mrcnn.export import parity, served, writing

    title = FORMATS[name].title
    shape = image_shape(name, opened.config)
    compared = _spread(photos, COMPARED_INT8 if int8 else COMPARED)
    with _growing(folder) as part:
        say(f"{title}: converting")
        anchors = settings.anchors(opened.config)
        writing.write(name, detector.network, anchors, shape, part)
        if int8:
            chosen = _spread(photos, whole_numbers.PHOTOS)
            with Progress(len(chosen), f"{title}: photos calibrated") as progress:
                feeds = (_feed(*_molded(detector, photo)) for photo in chosen)
                whole_numbers.quantize(name, part, feeds, len(chosen), progress.to)
        described = description.Description(
            format=name,
            class_names=opened.class_names,
            image_shape=shape,
            int8=int8,
            weights=description.stamp(opened.info.path),
            **settings.exporting(opened.config),
        )
        described.write(part)
        runner = None if FORMATS[name].runs else served.Runner(part)
        made = Exported(part / description.NAME, precision="float32", runner=runner)
        with Progress(len(compared), f"{title}: photos compared", compiles=True) as progress:

            def inputs():
                for index, photo in enumerate(compared):
                    progress.to(index, len(compared))
                    yield _molded(detector, photo)

            found = parity.compare(
                detector.compiled,
                made.compiled,
                inputs(),
                int8,
                opened.min_confidence,
                OBJECTS_INT8 if int8 else OBJECTS,
            )
        say(f"{title}: {found.text()}")
        if not found.detections:
            raise ValueError(
                f"{folder} is not written: nothing that can be compared is found in the photos, "
                "name others with --calibrate"
            )
        if not found.holds:
            advice = ", other photos to calibrate with may help" if int8 else ""
            raise ValueError(
                f"{folder} is not written: what {title} finds is not what the weights find{advice}"
            )
        described = described.with_parity(found.as_json())
        described.write(part)
    return described


def cached(opened, runtime: str) -> Path:
    """Return the `model.json` of a runtime's network of opened weights, exported where it is not
    beside them yet, or was made of other ones."""
    weights = opened.info.path
    shape = image_shape(runtime, opened.config)
    size = f"-{shape[0]}" if shape else ""
    folder = weights.with_name(f"{weights.name}.exported") / f"{runtime}{size}"
    path = folder / description.NAME
    if path.exists():
        with contextlib.suppress(description.ExportError):
            found = description.read(path)
            if found.weights == description.stamp(weights) and _serves(found, opened.config):
                return path
    needs(runtime, False)
    print(f"{weights} is exported once for {FORMATS[runtime].title}, to {folder}", flush=True)
    export(opened, runtime, folder, photos_in(None))
    return path


def _serves(found, config) -> bool:
    """Tell whether an export is of the network that a Config asks for."""
    wanted = json.loads(json.dumps(settings.exporting(config)))
    own, theirs = (
        [each.get(name) for name in BAKED]
        for each in (wanted["settings"], EARLIER | found.settings)
    )
    alike = own == theirs and found.molding == wanted["molding"]
    return alike and found.max_instances >= wanted["max_instances"]


def _spread(photos, count):
    """Return `count` photos, evenly spaced."""
    places = np.linspace(0, len(photos) - 1, min(count, len(photos))).round().astype(int)
    return [photos[place] for place in places]


def _molded(detector, photo):
    images, metas, _ = detector.mold_inputs([read_image(photo)])
    return images, metas


def _feed(images, metas):
    from mrcnn.export.parity import LEAST

    return {
        "image": images,
        "window": image_meta.window(metas).astype(np.float32),
        "min_confidence": np.array([LEAST], np.float32),
    }


@contextlib.contextmanager
def _growing(folder: Path) -> Iterator[Path]:
    """Give a new folder that takes the place of `folder` at the end, or goes where that fails.

    What lies in the old one and is no part of an export moves into the new one.
    """
    # The folder itself, where it is named by a link or a dot.
    folder = folder.resolve()
    part = folder.with_name(f".{folder.name[:40]}.{secrets.token_hex(4)}.part")
    with naming(folder):
        part.mkdir(parents=True)
    try:
        yield part
        with naming(folder):
            if folder.exists():
                old = part.with_suffix(".old")
                os.replace(folder, old)
                os.replace(part, folder)
                for path in old.iterdir():
                    if path.name not in description.PARTS and not (folder / path.name).exists():
                        os.replace(path, folder / path.name)
                shutil.rmtree(old)
            else:
                os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
