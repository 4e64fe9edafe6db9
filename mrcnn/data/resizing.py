"""Images and masks resized for the network, and pixels as it wants them.

Arrays are `[H, W, C]`; boxes and windows are `(y1, x1, y2, x2)` in pixels, the end outside.
"""

import random
from collections.abc import Callable

import cv2
import numpy as np

# The modes of `fit_image` that make images of any size one size.
ONE_SIZE = ("square", "crop")
# Numbers of an image of which no copy is made as float: it would take half a gigabyte or more.
LARGE = 100_000_000


def resize(
    image: np.ndarray,
    output_shape,
    order: int = 1,
    mode: str = "constant",
    cval: float = 0,
    clip: bool = True,
    preserve_range: bool = False,
    anti_aliasing: bool = False,
    anti_aliasing_sigma=None,
) -> np.ndarray:
    """Return `image` resized to `output_shape` (height, width), as float; scikit-image's `resize`.

    The arguments mean what they mean there; only the defaults are others. Integers become 0..1
    unless `preserve_range`. uint8 images with the default order, mode and border are resized by
    OpenCV, with the same numbers.
    """
    plain = (order, mode, cval, clip, anti_aliasing) == (1, "constant", 0, True, False)
    if plain and image.dtype == np.uint8 and image.ndim in (2, 3) and len(output_shape) == 2:
        resized = _resize_bytes(image, *output_shape)
        return resized.astype(np.float64) / (1 if preserve_range else 255)
    from skimage import transform

    smoothing = {"anti_aliasing": anti_aliasing, "anti_aliasing_sigma": anti_aliasing_sigma}
    return transform.resize(
        image, output_shape, order, mode, cval, clip, preserve_range, **smoothing
    )


def _resize_bytes(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a uint8 image `[H, W]` or `[H, W, C]` resized bilinearly, float32 in 0..255.

    Beyond the centres of the outermost pixels the image fades to zero, and stops at its own
    darkest value: so does scikit-image, and so did the images that published weights saw.
    """
    if image.size > LARGE and 2 * height <= image.shape[0]:
        resized = _shrink_large(image, height, width)
    else:
        size = width, height
        resized = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    resized = resized.reshape(height, width, *image.shape[2:])  # OpenCV drops a single channel
    for axis, (target, source) in enumerate(zip((height, width), image.shape[:2], strict=True)):
        position = (np.arange(target) + 0.5) * (source / target) - 0.5
        outside = np.maximum(-position, position - (source - 1))
        rows = np.flatnonzero(outside > 0)
        # OpenCV repeated the outermost pixel there; bilinear weights are separable.
        fade = (1 - outside[rows]).astype(np.float32)
        lines = resized.swapaxes(0, axis)
        lines[rows] *= fade.reshape(-1, *[1] * (resized.ndim - 1))
    darkest = image.min()
    return np.maximum(resized, darkest, out=resized) if darkest else resized


def _shrink_large(image, height, width):
    """Resize bilinearly, as OpenCV does, without a copy of the image as float.

    Of a photo that is shrunk to less than half only two rows for each new one count. The numbers
    are OpenCV's to their last bit but one.
    """
    position = (np.arange(height) + 0.5) * (image.shape[0] / height) - 0.5
    above = np.floor(position).astype(int)
    share = (position - above).astype(np.float32).reshape(-1, *[1] * (image.ndim - 1))

    def rows(indices):
        lines = image[indices].astype(np.float32)
        lines = cv2.resize(lines, (width, height), interpolation=cv2.INTER_LINEAR)
        return lines.reshape(height, width, *image.shape[2:])

    resized = rows(above)
    resized += (rows(np.minimum(above + 1, image.shape[0] - 1)) - resized) * share
    return resized


def resize_image(image, min_dim=None, max_dim=None, min_scale=None, mode="square"):
    """`fit_image` with the place of a cut drawn by Python's `random`."""
    return fit_image(image, min_dim, max_dim, min_scale, mode)


def fit_image(
    image: np.ndarray,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
    draw: Callable[[int], int] = random.randrange,
):
    """Resize an image `[H, W, C]` for the network, without changing its aspect ratio.

    Arguments:
        min_dim: the smaller side is enlarged to this many pixels; never shrunk.
        max_dim: in mode square, the larger side ends at this many pixels.
        min_scale: the least factor to enlarge by, whatever `min_dim` asks for.
        mode: `none` leaves the image as it is; `square` pads it with zeros to `max_dim` squared;
            `pad64` pads its sides to multiples of 64; `crop` cuts out a random `min_dim` squared.
        draw: returns a random number from 0 to below its argument, for the place of the cut.

    Returns `(image, window, scale, padding, crop)`: the image of the dtype that came in; the
    window that is not padding, `(y1, x1, y2, x2)` in its pixels; the factor; the padding
    `[(top, bottom), (left, right), (0, 0)]`; the cut `(y, x, height, width)`, or None.

    Raises ValueError for an unknown mode or a missing or impossible side.
    """
    scale, (height, width) = scaled_size(*image.shape[:2], min_dim, max_dim, min_scale, mode)
    padding, crop = [(0, 0), (0, 0), (0, 0)], None
    if mode == "none":
        return image, (0, 0, height, width), 1, padding, crop
    if scale != 1:
        image = _resize_keeping_type(image, height, width)

    if mode == "crop":
        top, left = (int(draw(side - min_dim + 1)) for side in (height, width))
        crop = (top, left, min_dim, min_dim)
        image = image[top : top + min_dim, left : left + min_dim]
        return image, (0, 0, *image.shape[:2]), scale, padding, crop

    if mode == "square":
        target = (max_dim, max_dim)
    else:
        target = tuple(-(-side // 64) * 64 for side in (height, width))
    for axis, (side, size) in enumerate(zip(target, (height, width), strict=True)):
        before = (side - size) // 2
        padding[axis] = (before, side - size - before)
    (top, _), (left, _), _ = padding
    padded = np.zeros((*target, *image.shape[2:]), image.dtype)
    padded[top : top + height, left : left + width] = image
    return padded, (top, left, top + height, left + width), scale, padding, crop


def scaled_size(
    height, width, min_dim=None, max_dim=None, min_scale=None, mode="square"
) -> tuple[float, tuple[int, int]]:
    """Return what `fit_image` makes of an image's size, before it is padded or cut.

    The factor, and the (height, width) in pixels. Arguments and errors are those of `fit_image`.
    """
    if mode == "none":
        return 1, (height, width)
    _check_sides(mode, min_dim, max_dim)
    scale = max(1, min_dim / min(height, width)) if min_dim else 1
    scale = max(scale, min_scale or 0)
    if mode == "square" and round(max(height, width) * scale) > max_dim:
        scale = max_dim / max(height, width)
    if scale == 1:
        return 1, (height, width)
    return scale, (max(1, round(height * scale)), max(1, round(width * scale)))


def _check_sides(mode, min_dim, max_dim):
    if mode not in ("square", "pad64", "crop"):
        raise ValueError(f"resize mode is {mode!r}, it must be none, square, pad64 or crop")
    if mode == "square" and not max_dim:
        raise ValueError("resize mode square needs max_dim, the side of the padded image")
    if mode == "crop" and not min_dim:
        raise ValueError("resize mode crop needs min_dim, the side of the cut")
    if mode == "pad64" and min_dim and min_dim % 64:
        raise ValueError(f"min_dim is {min_dim}, resize mode pad64 needs a multiple of 64")


def _resize_keeping_type(image, height, width):
    if image.dtype == np.uint8:
        return _resize_bytes(image, height, width).astype(np.uint8)
    order = 0 if image.dtype == bool else 1
    resized = resize(image, (height, width), order=order, preserve_range=True)
    return resized.astype(image.dtype)


def resize_mask(mask: np.ndarray, scale: float, padding, crop=None) -> np.ndarray:
    """Resize masks `[H, W, N]` as `fit_image` resized their image, which told the arguments.

    Arguments:
        mask: `[H, W, N]`, any dtype, which is kept.
        scale: the factor from old to new size.
        padding: ((top, bottom), (left, right), (0, 0)) in pixels, filled with zeros.
        crop: (y1, x1, height, width) to cut out in place of padding, or None.
    """
    size = mask.shape[:2] if scale == 1 else tuple(round(side * scale) for side in mask.shape[:2])
    return frame_masks(scale_masks(mask, size), padding, crop)


def scale_masks(masks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return masks `[H, W, N]` of any dtype resized to `size` (height, width): the nearest pixel.

    Those of that size already come back as they are.
    """
    if masks.shape[:2] == tuple(size):
        return masks
    rows, columns = (_nearest(*sides) for sides in zip(masks.shape[:2], size, strict=True))
    # Instance by instance: rows of one mask are long runs of memory, its N numbers a pixel are not.
    resized = np.zeros((masks.shape[2], *size), masks.dtype)
    for index, target in enumerate(resized):
        target[:] = masks[..., index][rows].take(columns, axis=1)
    return np.moveaxis(resized, 0, -1)


def _nearest(source: int, target: int) -> np.ndarray:
    """Return the source index of each of `target` rows.

    The first and last rows map onto each other, as in `scipy.ndimage.zoom`.
    """
    step = (source - 1) / (target - 1) if target > 1 else 0.0
    return np.floor(np.arange(target) * step + 0.5).astype(np.intp)


def frame_masks(masks: np.ndarray, padding, crop=None) -> np.ndarray:
    """Pad masks `[H, W, N]` of the image's size with zeros, or cut them; as in `resize_mask`."""
    if crop is not None:
        top, left, height, width = crop
        return masks[top : top + height, left : left + width]
    if not np.any(padding):
        return masks
    (top, bottom), (left, right), _ = padding
    height, width, count = masks.shape
    framed = np.zeros((count, top + height + bottom, left + width + right), masks.dtype)
    framed[:, top : top + height, left : left + width] = np.moveaxis(masks, -1, 0)
    return np.moveaxis(framed, 0, -1)


def mold_image(images: np.ndarray, mean_pixel) -> np.ndarray:
    """Return images `[..., W, C]` with `mean_pixel` `[C]` subtracted, float32."""
    images = np.asarray(images)
    # Whole rows at once: five times as fast as NumPy is along the few channels of a pixel.
    rows = images.reshape(*images.shape[:-2], -1)
    mean_row = np.tile(np.asarray(mean_pixel, np.float32), images.shape[-2])
    return np.subtract(rows, mean_row, dtype=np.float32).reshape(images.shape)


def unmold_image(molded: np.ndarray, mean_pixel) -> np.ndarray:
    """Return uint8 images `[..., C]` of molded ones; undoes `mold_image`."""
    images = np.asarray(molded, np.float32) + np.asarray(mean_pixel, np.float32)
    return np.rint(images).clip(0, 255).astype(np.uint8)
