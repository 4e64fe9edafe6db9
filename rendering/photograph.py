"""From light to a file: what lens, sensor, phone software and compression do to a picture."""

import cv2
import numpy as np

from .colors import chance, pick


def expose(rng, light, clean=False):
    """Return the sRGB uint8 photo `[H, W, 3]` of linear `light`; `clean` as in a catalogue."""
    image = np.maximum(light, 0).astype(np.float32)
    height, width = image.shape[:2]
    longest = max(height, width)
    if clean:
        image *= np.float32(rng.uniform(0.97, 1.1))
    else:
        grey = image.mean(2)[::4, ::4]
        middle, high = np.percentile(grey, [50, 98])
        gain = np.clip(rng.normal(0.33, 0.1), 0.1, 0.7) / max(middle, 1e-3)
        # A phone meters for the highlights too, mostly.
        gain = min(gain, rng.normal(1.12, 0.2) / max(high, 1e-3))
        # White is about 1 in this light: more gain burns a pale remote on a dark table out.
        most = rng.uniform(0.95, 1.4) if chance(rng, 0.88) else rng.uniform(1.4, 2.6)
        image *= np.float32(np.clip(gain, 0.3, most))
        image *= np.exp(rng.normal(0, [0.05, 0.015, 0.07])).astype(np.float32)
        image *= _vignette(rng, height, width)
        image = _blurred(rng, image, longest)
        image = _noisy(rng, image)
    image = _developed(rng, image, clean)
    if not clean and chance(rng, 0.35):
        soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.7, 2.0))
        image = np.clip(image + rng.uniform(0.2, 0.9) * (image - soft), 0, 1)
    photo = np.round(255 * image).astype(np.uint8)
    if not clean and chance(rng, 0.12):
        photo = _small_web_copy(rng, photo)
    return photo


def _vignette(rng, height, width):
    y, x = np.mgrid[-1:1:24j, -1:1:24j].astype(np.float32)
    field = 1 - rng.uniform(0, 0.35) * ((x * x + y * y) / 2) ** 1.2
    return cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]


def _blurred(rng, image, longest):
    sigma = abs(rng.normal(0, 0.0009)) * longest
    if chance(rng, 0.1):
        sigma += rng.uniform(0.0008, 0.0028) * longest
    if sigma > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    if chance(rng, 0.1):
        reach = rng.uniform(0.003, 0.011) * longest
        size = int(reach) | 1
        kernel = np.zeros((size, size), np.float32)
        turn, middle = rng.uniform(0, np.pi), size // 2
        step = np.array([np.cos(turn), np.sin(turn)]) * middle
        ends = [(round(middle + s * step[0]), round(middle + s * step[1])) for s in (-1, 1)]
        cv2.line(kernel, *ends, 1.0, 1)
        image = cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return image


def _noisy(rng, image):
    """Add shot and read noise, part of it smeared by the phone's noise reduction."""
    strength = 10 ** rng.uniform(-2.6, -1.25)
    height, width = image.shape[:2]
    grain = rng.standard_normal((height, width, 3), np.float32)
    if chance(rng, 0.6):
        grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.45, 0.9)) * 1.6
    grey = grain.mean(2, keepdims=True)
    grain = grey + rng.uniform(0.2, 0.9) * (grain - grey)
    return image + grain * np.sqrt(np.maximum(image, 0) * 0.6 + 0.01) * np.float32(strength)


def _developed(rng, image, clean):
    """Return display values 0..1: highlights rolled off, sRGB's curve, contrast, saturation."""
    image = np.maximum(image, 0)
    if not clean:
        knee = np.float32(0.72)
        over = np.maximum(image - knee, 0)
        image = np.minimum(image, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee)))
    image = cv2.pow(np.clip(image, 0, 1), 1 / 2.2)
    contrast = rng.uniform(0, 0.1) if clean else rng.uniform(-0.15, 0.4)
    image = image + contrast * (image * image * (3 - 2 * image) - image)
    grey = image.mean(2, keepdims=True)
    image = grey + (image - grey) * np.float32(rng.uniform(0.75, 1.25))
    if not clean and chance(rng, 0.25):
        lift = rng.uniform(0, 0.07)
        image = lift + (1 - lift) * image
    return np.clip(image, 0, 1)


def _small_web_copy(rng, photo):
    """Return the photo as it comes back from a chat: shrunk, squeezed and enlarged again."""
    height, width = photo.shape[:2]
    ratio = rng.uniform(0.45, 0.8)
    size = int(width * ratio), int(height * ratio)
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 75))]
    small = cv2.imdecode(cv2.imencode(".jpg", small, quality)[1], cv2.IMREAD_COLOR)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def encode(rng, photo):
    """Return (suffix, bytes) of the sRGB photo as JPEG or WebP."""
    suffix = pick(rng, {".jpg": 3, ".webp": 1})
    if suffix == ".jpg":
        options = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(80, 97))]
    else:
        options = [cv2.IMWRITE_WEBP_QUALITY, int(rng.integers(80, 96))]
    written, data = cv2.imencode(suffix, cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), options)
    if not written:
        raise OSError(f"OpenCV could not encode a picture as {suffix}")
    return suffix, data.tobytes()
