"""The doctor: `python -m mrcnn` says what is installed, on which device, and whether it works.

It is the command `mrcnn` too. The exit code is 1 where something does not.
"""

import argparse
import importlib.util
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

from mrcnn import __version__
from mrcnn.quiet import ENGINES, check_engine, engine, start_keras

# The packages and the modules to import; None where that is slow: the network shows then whether
# they work.
PACKAGES = {
    "keras": None,
    "numpy": "numpy",
    "scipy": "scipy",
    "scikit-image": "skimage",
    "pyimgaug": "imgaug",
    "opencv-python": "cv2",
    "imageio-ffmpeg": "imageio_ffmpeg",
    "pillow": "PIL",
    "tqdm": "tqdm",
    "h5py": "h5py",
    "matplotlib": "matplotlib",
    "tensorboard": None,
}
ALTERNATIVES = {"tensorflow": ("tensorflow-cpu",)}
# Packages that overwrite files of one that is needed.
RIVALS = {
    "opencv-python-headless": "opencv-python",
    "opencv-contrib-python": "opencv-python",
    "imgaug": "pyimgaug",
}


def main(argv=None) -> int:
    argparse.ArgumentParser(
        prog="python -m mrcnn",
        description="Says what is installed, on which device, and whether it works.",
    ).parse_args(argv)
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    print(f"mrcnn {__version__} in {Path(__file__).parent}")
    faults, packages = [], [engine(), *PACKAGES]
    try:
        check_engine()
    except ValueError as error:
        faults.append(str(error))
        del packages[0]
    faults += [fault for package in packages for fault in _check_package(package)]
    faults += [
        f"{rival} is installed beside {needed} and they share their files: pip uninstall {rival}, "
        f"then pip install --force-reinstall --no-deps {needed}"
        for rival, needed in RIVALS.items()
        if _version(rival)
    ]
    if not faults:
        faults += _check_network()
    print(_ffmpeg())
    print(_runtimes())
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    print("Something is wrong, see above" if faults else "All pieces work together")
    return 1 if faults else 0


def _ffmpeg() -> str:
    from mrcnn.video import ffmpeg

    program = ffmpeg.find()
    if program and ffmpeg.can_encode():
        return f"ffmpeg: {program}"
    lack = "without the H.264 encoder" if program else "not found"
    return f"ffmpeg: {program or ''} {lack}: films will not play everywhere, or lack their sound"


def _runtimes() -> str:
    from mrcnn.runtimes.formats import FORMATS, RUNTIMES

    titles = {True: [], False: []}
    for name in RUNTIMES:
        titles[bool(importlib.util.find_spec(FORMATS[name].packages[0]))].append(
            FORMATS[name].title
        )
    missing = f"; not installed: {', '.join(titles[False])}" if titles[False] else ""
    return f"Exported networks run in {', '.join(titles[True]) or 'no runtime'}{missing}"


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _check_package(package):
    """Print a package's version and yield what is wrong with it."""
    versions = filter(None, map(_version, (package, *ALTERNATIVES.get(package, ()))))
    version = next(versions, None)
    print(f"  {package:14} {version or 'missing'}")
    if version is None:
        how = ENGINES.get(package, "pip install -r requirements.txt")
        yield f"{package} is not installed: {how}"
        return
    try:
        if PACKAGES.get(package):
            importlib.import_module(PACKAGES[package])
    except Exception as error:
        yield f"{package} {version} cannot be imported: {type(error).__name__}: {error}"


def _check_network():
    """Build a network, run it, and yield what is wrong."""
    try:
        start_keras()
        import numpy as np

        from mrcnn import devices, trial
        from mrcnn.config import Config
        from mrcnn.detector import Detector
        from mrcnn.nn import network
        from mrcnn.nn.backbones import SMALLEST
        from mrcnn.settings import with_settings

        names = devices.gpu_names()
        print(f"Keras runs on {devices.engine()}; {', '.join(names) or 'no GPU'}")
        if devices.is_gpu_unseen():
            yield devices.unseen_gpu()
        # Compiling is long on some engines.
        print("Trying a network, which may take a minute ...", flush=True)

        small = {"IMAGES_PER_GPU": 1, "BACKBONE": SMALLEST, "NUM_CLASSES": 2}
        config = with_settings(Config, small, image_size=128)
        detector = Detector(network.build("inference", config), config)
        image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
        detector.detect([image])
        start = time.perf_counter()
        (found,) = detector.detect([image])
        seconds = time.perf_counter() - start
        print(f"A network with random weights ran on a 128 x 128 image in {seconds:.2f} s")
        if found.shape != image.shape[:2]:
            yield f"what was found is of {found.shape}, the image is {image.shape}"

        start = time.perf_counter()
        loss = trial.train_a_step(image, 128)
        seconds = time.perf_counter() - start
        print(f"A network of random weights learned from that image in {seconds:.1f} s")
        if not np.isfinite(loss):
            yield f"the loss of a training step is {loss}"
    except Exception as error:
        yield f"the network does not run: {type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
