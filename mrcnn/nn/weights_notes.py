"""What a weights file notes besides its weights, changed in place; see `weights_file`."""

import json
from pathlib import Path

import numpy as np

from mrcnn import hdf5
from mrcnn.nn.weights_file import MAX_FIXED, METADATA, WeightsError, contents


def note_settings(path: str | Path, **settings) -> None:
    """Store settings, of JSON's types, in a weights file; all else in it stays to the bit.

    A copy is changed and takes the file's place. Raises WeightsError where it is no weights file
    or cannot be written.
    """
    with contents(path) as (_, metadata):
        noted = metadata | {"settings": (metadata.get("settings") or {}) | settings}
    text = json.dumps(noted)
    try:
        # Where it is a link, what that leads to.
        with hdf5.replacing(Path(path).resolve(), copy=True) as file:
            file.attrs[METADATA] = np.bytes_(text) if len(text) < MAX_FIXED else text
    except (OSError, RuntimeError) as error:
        raise WeightsError(str(error).splitlines()[0]) from error
