"""The doctor: `python -m mrcnn` says what is installed, on which device, and whether it works.

The exit code is 1 where something does not.
"""

import importlib
import platform
import shutil
import sys
import time
from importlib import metadata

from mrcnn.quiet import start_keras

PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "scipy",
    "scikit-image",
    "pyimgaug",
    "opencv-python",
    "pillow",
    "h5py",
    "matplotlib",
    "tensorboard",
)
MODULES = {
    "scikit-image": "skimage",
    "pyimgaug": "imgaug",
    "opencv-python": "cv2",
    "pillow": "PIL",
}

ALTERNATIVES = {"tensorflow": ("tensorflow-cpu",)}


def main() -> int:
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    faults = [fault for package in PACKAGES for fault in _check_package(package)]
    for package in ("opencv-python-headless", "opencv-contrib-python", "imgaug"):
        faults += _check_rival(package)
    if not faults:
        faults += _check_network()
    ffmpeg = shutil.which("ffmpeg")
    print(f"ffmpeg: {ffmpeg or 'not found; masked videos will have no sound'}")
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    print("Something is wrong, see above" if faults else "All pieces work together")
    return 1 if faults else 0


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
        yield f"{package} is not installed: pip install -r requirements.txt"
        return
    if package in ("tensorflow", "keras", "tensorboard"):
        return  # Slow to import; the network shows whether they work.
    try:
        importlib.import_module(MODULES.get(package, package))
    except Exception as error:
        yield f"{package} {version} cannot be imported: {type(error).__name__}: {error}"


def _check_rival(package):
    """Yield a fault where a package stands that overwrites files of one that is needed."""
    if _version(package) is None:
        return
    needed = "pyimgaug" if package == "imgaug" else "opencv-python"
    yield (
        f"{package} is installed beside {needed} and they share their files: pip uninstall "
        f"{package}, then pip install --force-reinstall --no-deps {needed}"
    )


def _check_network():
    """Build a network, run it, and yield what is wrong."""
    try:
        start_keras()
        import keras
        import numpy as np

        from mrcnn import devices
        from mrcnn.config import Config
        from mrcnn.model import MaskRCNN

        names = devices.gpu_names()
        print(f"Keras runs on {keras.backend.backend()}; {', '.join(names) or 'no GPU'}")
        if devices.is_gpu_unseen():
            yield devices.UNSEEN_GPU

        class DoctorConfig(Config):
            NAME = "doctor"
            BACKBONE = "resnet50"
            NUM_CLASSES = 2
            IMAGES_PER_GPU = 1
            IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128

        model = MaskRCNN("inference", DoctorConfig(), "log")
        image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
        model.detect([image])
        start = time.perf_counter()
        (result,) = model.detect([image])
        seconds = time.perf_counter() - start
        print(f"A network with random weights ran on a 128 x 128 image in {seconds:.2f} s")
        if result["masks"].shape[:2] != image.shape[:2]:
            yield f"masks have shape {result['masks'].shape} for an image of {image.shape}"
    except Exception as error:
        yield f"the network does not run: {type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
