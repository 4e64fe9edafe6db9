"""Image files: read from any common format as uint8 RGB `[H, W, 3]`, upright."""

import contextlib
import io
import os
import re
import threading
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from mrcnn import files
from mrcnn.data.addresses import fetch, is_address

# What one image may cost is told by its header and its length, before anything is decoded.
MAX_PIXELS = 200_000_000
MAX_SIDE = 100_000
MAX_BYTES = 1_000_000_000
# No photo takes less than a thousandth of a byte a pixel; drawings that do are small.
PIXELS_PER_BYTE, SMALL_PIXELS = 1000, 16_000_000
# Each scan of a JPEG goes over all its pixels; cameras and programs make up to a dozen.
MAX_SCANS = 100

# Formats read by Pillow. Its others are left out: some start programs (EPS), none are photos.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WIDTH, HEIGHT, ORIENTATION = 256, 257, 274  # TIFF 6.0 tags; EXIF shares them
UPRIGHT = 1

# A JPEG marker: 0xff and a code that is neither a stuffed zero, nor padding, nor a restart.
JPEG_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
JPEG_END, JPEG_SCAN = b"\xd9", b"\xda"

# Pillow's own limit lies below MAX_PIXELS and is one number for the whole process.
_pillow_limit = threading.Lock()


class ImageError(ValueError):
    """An image, or a source of images, that cannot be used; says which and why."""


class Unreachable(ImageError):
    """An image that may be good: `place`, its folder or address, cannot be reached just now."""

    def __init__(self, message: str, place: str):
        super().__init__(message)
        self.place = place


def read_image(path) -> np.ndarray:
    """Return the image file `path` as uint8 RGB `[H, W, 3]`, upright as its EXIF data says.

    A text may also be an address, of a file system that fsspec knows.

    What a browser shows, and so what was annotated: transparent parts are laid on white, CMYK and
    palettes become RGB, 16 bits span black to white like 8, of several frames the first is taken.
    Float and 32-bit values count as 0..1 where they stay around it, else as 0..255, else as
    0..65535; where they are larger or negative, the smallest becomes black and the largest white.

    Raises ImageError, which names the file and the reason, for a file that is missing, empty, no
    image, broken, truncated or larger than `MAX_PIXELS` and the other limits; the size is read from
    the header, before anything is decoded. It is an Unreachable where the file's folder is missing,
    or an address does not answer or may not be read.
    """
    path = path if is_address(path) else Path(path)
    try:
        with _opened(path) as file:
            return _read(file)
    except Unreachable:
        raise
    except FileNotFoundError:
        reason = "no such file"
    except IsADirectoryError:
        reason = "this is a folder, not an image"
    except PermissionError:
        reason = "no permission to read the file"
    except UnidentifiedImageError:
        reason = "not an image, or broken, or of an unknown format"
    except MemoryError:
        reason = "not enough memory for an image of this size"
    # A hostile file can make a decoder raise anything; whatever it is, the file is what is wrong.
    except Exception as error:
        reason = str(error) if isinstance(error, ImageError) else f"broken image ({error})"
    if not is_address(path) and not os.path.isdir(path.parent):
        raise Unreachable(f"{path}: {reason}", str(path.parent))
    raise ImageError(f"{path}: {reason}")


def read_shape(path) -> tuple[int, int]:
    """Return (height, width) of what `read_image` returns; of most files only the header is read.

    Raises ImageError as `read_image` does.
    """
    # Whatever is wrong, or of an unusual kind: reading it all tells, or succeeds.
    with contextlib.suppress(Exception), _opened(Path(path)) as file:
        image = _open(file)
        width, height = image.size
        # Pillow turns other formats upright itself, when it decodes them.
        if image.format in ("JPEG", "PNG", "WEBP"):
            return (width, height) if _orientation(image) in (5, 6, 7, 8) else (height, width)
    return read_image(path).shape[:2]


def _opened(path: Path | str):
    if is_address(path):
        try:
            return io.BytesIO(fetch(path, MAX_BYTES + 1))
        except FileNotFoundError:
            raise
        except OSError as error:
            text = f"{path}: {error.strerror}" if error.strerror else str(error)
            raise Unreachable(text, path.rpartition("/")[0]) from error
    if files.is_special(path):
        raise ImageError("is a pipe or a device, not an image")
    return path.open("rb")


def _read(file) -> np.ndarray:
    head = file.read(12)
    if not head:
        raise ImageError("the file is empty")
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
        raise ImageError("HEIC photos cannot be read: save it as JPEG first")
    try:
        image = _open(file)
    except UnidentifiedImageError:
        if head.startswith(TIFF_MAGIC):
            return _read_tiff(file)
        raise
    # The decoders paint what a half-written file lacks grey or black.
    if image.format in ("JPEG", "MPO"):
        file.seek(0)
        _check_jpeg(file.read())
    file.seek(0)
    image.load()
    pixels = _to_rgb(image)
    if image.format == "PNG":
        _open(file).verify()
    return _turn(pixels, _orientation(image))


def _orientation(image: Image.Image) -> int:
    """Return an image's EXIF orientation; where Pillow turned it on loading, that is gone then."""
    try:
        return image.getexif().get(ORIENTATION, UPRIGHT)
    # Garbage in place of EXIF data leaves the pixels as good as they were.
    except Exception:
        return UPRIGHT


def _open(file) -> Image.Image:
    """Read an image's header; raises ImageError where the image would cost too much."""
    length = file.seek(0, io.SEEK_END)
    if length > MAX_BYTES:
        raise ImageError(f"{length / 1e9:.1f} GB are too much for an image")
    file.seek(0)
    head = file.read(30)
    # Pillow makes room for an animation's pixels as soon as it opens it.
    if head[:4] == b"RIFF" and head[12:16] == b"VP8X":
        sides = (1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
        _check_size(*sides, length)
    file.seek(0)
    with _pillow_limit:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(file, formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    _check_size(*image.size, length)
    return image


def _check_size(width: int, height: int, length: int):
    """Raise ImageError where a file of `length` bytes tells too many pixels."""
    size = f"{width} x {height} pixels"
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{size} are more than {MAX_PIXELS // 10**6} megapixels: "
            "make it smaller or cut it into parts"
        )
    if max(width, height) > MAX_SIDE:
        raise ImageError(f"{size}: a side of more than {MAX_SIDE:,} is too long, cut it into parts")
    if width * height > max(SMALL_PIXELS, PIXELS_PER_BYTE * length):
        raise ImageError(
            f"{size} in {length:,} bytes: damaged, or a trap; a true picture can be saved as JPEG"
        )


def _read_tiff(file) -> np.ndarray:
    """Read a TIFF that Pillow does not know: several channels of 16 bits or float."""
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(8)
    tags = TiffImagePlugin.ImageFileDirectory_v2(head + (file.read(8) if 43 in head[2:4] else b""))
    file.seek(tags.next)
    tags.load(file)
    _check_size(tags[WIDTH], tags[HEIGHT], length)
    file.seek(0)
    data = np.frombuffer(file.read(), np.uint8)
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ImageError("broken image, or a kind of TIFF that cannot be read")
    pixels = _to_bytes(pixels)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = _to_rgb(Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)))
    else:
        code = cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB
        pixels = cv2.cvtColor(pixels, code)
    return pixels


def _to_rgb(image: Image.Image) -> np.ndarray:
    """Return a loaded image of any mode as uint8 `[H, W, 3]`."""
    if image.mode.startswith("I") or image.mode == "F":
        return cv2.cvtColor(_to_bytes(np.asarray(image)), cv2.COLOR_GRAY2RGB)
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image.convert("RGBA"))
        image = page
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _to_bytes(values: np.ndarray) -> np.ndarray:
    """Return grey values of any type as uint8; `read_image` says which range counts as what."""
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return np.rint(values / np.float32(257)).astype(np.uint8)
    floating = values.dtype.kind == "f"
    values = values.astype(np.float64)
    values[~np.isfinite(values)] = 0
    low, high = values.min(), values.max()
    # Sharpening and resampling leave values a little outside 0..1.
    if floating and low >= -0.5 and high <= 2:
        low, high = 0, 1
    elif low >= 0 and high <= 255:
        low, high = 0, 255
    elif low >= 0 and high <= 65535:
        low, high = 0, 65535
    scaled = (values - low) * (255 / (high - low or 1))
    return np.rint(scaled.clip(0, 255)).astype(np.uint8)


def _check_jpeg(data: bytes):
    """Raise ImageError where a JPEG's data do not come to their end, or in too many scans.

    A preview in the header has an end of its own.
    """
    at, scans = 2, 0
    while marker := JPEG_MARKER.search(data, at):
        if marker[1] == JPEG_END:
            return
        scans += marker[1] == JPEG_SCAN
        if scans > MAX_SCANS:
            raise ImageError(f"more than {MAX_SCANS} scans are too many for a JPEG")
        at = marker.end()
        # Segments tell their length; that of a scan is its header's, its data follow.
        at += int.from_bytes(data[at : at + 2], "big")
    raise ImageError("truncated: the JPEG data has no end")


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an image upright; `orientation` is EXIF's, 1 to 8, and 1 for anything else."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
