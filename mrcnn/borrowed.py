"""Names that a star import of the older modules gave beside their own, such as `np` and `plt`.

Each is imported when it is asked for, so that `import mrcnn.visualize` stays light.
"""

import importlib
import importlib.util
from collections.abc import Callable

_EVERYWHERE = {"np": "numpy", "os": "os", "random": "random"}

VISUALIZE = _EVERYWHERE | {
    "IPython": "IPython",
    "Polygon": "matplotlib.patches:Polygon",
    "colorsys": "colorsys",
    "find_contours": "skimage.measure:find_contours",
    "itertools": "itertools",
    "lines": "matplotlib.lines",
    "patches": "matplotlib.patches",
    "plt": "matplotlib.pyplot",
    "sys": "sys",
    "utils": "mrcnn.utils",
}
UTILS = _EVERYWHERE | {
    # What it was for, comparing versions; Python has it no more.
    "LooseVersion": "packaging.version:Version",
    "logging": "logging",
    "math": "math",
    "scipy": "scipy",
    "shutil": "shutil",
    "skimage": "skimage",
    "sys": "sys",
    "tf": "tensorflow",
    "urllib": "urllib",
    "warnings": "warnings",
}
MODEL = _EVERYWHERE | {
    "K": "keras.backend",
    "KE": "keras.layers",
    "KL": "keras.layers",
    "KM": "keras.models",
    "LooseVersion": "packaging.version:Version",
    "OrderedDict": "collections:OrderedDict",
    "datetime": "datetime",
    "keras": "keras",
    "logging": "logging",
    "math": "math",
    "multiprocessing": "multiprocessing",
    "re": "re",
    "tf": "tensorflow",
    "utils": "mrcnn.utils",
}
# Parts that the older modules had imported, and which are there without an import of one's own.
_PARTS = {
    "IPython": ["IPython.display"],
    "skimage": ["skimage.color", "skimage.io", "skimage.transform"],
    "urllib": ["urllib.request"],
}


def installed(names: dict[str, str]) -> list[str]:
    """Return those of `names` whose packages are installed."""
    return [
        name
        for name, place in names.items()
        if importlib.util.find_spec(place.split(":")[0].split(".")[0])
    ]


def getter(module: str, names: dict[str, str]) -> Callable:
    """Return the `__getattr__` of a module, for `names` and "module" or "module:attribute" each."""

    def get(name):
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        place, _, attribute = names[name].partition(":")
        found = importlib.import_module(place)
        for part in _PARTS.get(name, ()):
            importlib.import_module(part)
        return getattr(found, attribute) if attribute else found

    return get
