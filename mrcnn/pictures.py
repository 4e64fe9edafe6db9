"""Pictures as files: JPEG, PNG, WebP and what else OpenCV encodes."""

from pathlib import Path

import cv2
import numpy as np

from mrcnn.atomic import write_bytes

JPEG = (".jpg", ".jpeg")
# The longest side in pixels that a format has room for.
LONGEST_SIDE = dict.fromkeys(JPEG, 65500) | {".webp": 16383}


def encode(picture: np.ndarray, suffix: str = ".jpg", quality: int = 95) -> bytes:
    """Return the bytes of a file of the kind that `suffix` names.

    Arguments:
        picture: uint8 RGB `[H, W, 3]`.
        quality: of JPEG, 0..100; other formats lose nothing.

    Raises ValueError for a kind of file that is no picture, and for pictures without pixels or
    with more than the format has room for.
    """
    suffix = suffix.lower()
    if not (suffix and cv2.haveImageWriter(suffix)):
        raise ValueError(f"pictures are written to .png, .jpg and .webp, not to {suffix!r}")
    height, width = picture.shape[:2]
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix in JPEG else []
    # OpenCV would complain on stderr too.
    done = height * width > 0 and max(height, width) <= LONGEST_SIDE.get(suffix, np.inf)
    if done:
        bgr = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2BGR)
        done, data = cv2.imencode(suffix, bgr, options)
    if not done:
        advice = "" if suffix == ".png" else ": take .png"
        raise ValueError(
            f"a picture of {width} x {height} pixels cannot be written as {suffix}{advice}"
        )
    return data.tobytes()


def write(path: str | Path, picture: np.ndarray, quality: int = 95) -> Path:
    """`encode` a picture as the ending of `path` says, and write it whole or not at all.

    Raises ValueError or OSError, naming `path`.
    """
    try:
        data = encode(picture, Path(path).suffix, quality)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return write_bytes(path, data)
