"""Augmentation in one pass: an image and its masks in another size, place and colour, at random.

What imgaug does in a step each is here one affine map of OpenCV and one of the colours.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from mrcnn.masks import extract_bboxes

# What a map of OpenCV takes at a time.
MOST_CHANNELS = 4
# Of red, green and blue in what is seen as grey (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114])
# Of a mask's value as OpenCV interpolates it.
HALF = 127
# Draws that may leave no object in the image, before it stays where it is.
TRIES = 10


@dataclass(frozen=True)
class Jitter:
    """Another image of the same objects each time, for `MaskRCNN.train(augmentation=...)`.

    Pairs are the least and the largest of what is drawn evenly.

    flip: the chance that left and right are swapped.
    scale: the factor of the size, about the image's centre.
    shift: the share of the image's sides by which it is moved, in all directions at the most.
    turn: degrees, either way at the most.
    brightness: the factor of all values.
    tint: a further one a channel, this far from 1 at the most.
    saturation: 0 is grey, 1 as it is; of RGB images alone.
    gamma: the exponent of values from 0 to 1.

    What comes in from outside the image is black, as the padding is. Of an image with objects the
    middle of one stays in it at least.
    """

    flip: float = 0.5
    scale: tuple[float, float] = (0.5, 1.5)
    shift: float = 0.15
    turn: float = 10.0
    brightness: tuple[float, float] = (0.75, 1.25)
    tint: float = 0.05
    saturation: tuple[float, float] = (0.6, 1.4)
    gamma: tuple[float, float] = (0.8, 1.25)

    def __call__(
        self, image: np.ndarray, masks: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return an image, uint8 `[H, W, C]`, and its masks, bool `[H, W, N]`, both changed.

        `rng` decides all that is drawn. Masks that were moved out of the image come back empty.
        """
        boxes = extract_bboxes(masks)
        affine = self._affine(image.shape, boxes, rng)
        image = self._recoloured(_moved(image, affine), rng)
        return image, _moved_masks(masks, boxes, affine)

    def _affine(self, shape, boxes, rng):
        """Return the map `[2, 3]` from (x, y, 1) before to (x, y) after; pixels are points."""
        size = np.array(shape[1::-1])
        middle = (size - 1) / 2
        boxes = boxes[boxes[:, 2] > boxes[:, 0]]
        of_objects = (boxes[:, [1, 0]] + boxes[:, [3, 2]] - 1) / 2
        mirror = np.diag([-1.0 if rng.random() < self.flip else 1.0, 1.0])
        for _ in range(TRIES):
            scale, angle = rng.uniform(*self.scale), np.radians(rng.uniform(-self.turn, self.turn))
            cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
            linear = np.array([[cosine, -sine], [sine, cosine]]) @ mirror
            offset = middle + rng.uniform(-self.shift, self.shift, 2) * size - linear @ middle
            places = of_objects @ linear.T + offset
            if not len(places) or ((places >= 0) & (places < size)).all(axis=1).any():
                return np.column_stack([linear, offset])
        return np.column_stack([mirror, middle - mirror @ middle])

    def _recoloured(self, image, rng):
        """Return the image in other colours; black stays black."""
        channels = image.shape[2]
        gains = rng.uniform(1 - self.tint, 1 + self.tint, channels) * rng.uniform(*self.brightness)
        saturation, gamma = rng.uniform(*self.saturation), rng.uniform(*self.gamma)
        levels = np.linspace(0, 1, 256)[:, None] ** gamma * gains
        if channels == len(LUMA):
            values = cv2.LUT(image, np.rint(255 * levels).clip(0, 255).astype(np.uint8)[None])
            mixed = saturation * np.eye(3) + (1 - saturation) * LUMA
            return cv2.transform(values, mixed)
        table = np.rint(255 * levels).clip(0, 255).astype(np.uint8)
        return np.stack([table[image[..., c], c] for c in range(channels)], axis=-1)


def _warp(array, affine, width, height):
    return cv2.warpAffine(array, affine, (width, height), flags=cv2.INTER_LINEAR)


def _moved(image, affine):
    height, width, channels = image.shape
    parts = [
        _warp(
            np.ascontiguousarray(image[..., first : first + MOST_CHANNELS]), affine, width, height
        )
        for first in range(0, channels, MOST_CHANNELS)
    ]
    return np.concatenate([part.reshape(height, width, -1) for part in parts], axis=-1)


def _moved_masks(masks, boxes, affine):
    """Return the masks where the map brings them; only what is in their boxes is looked at."""
    height, width, count = masks.shape
    moved = np.zeros((count, height, width), bool)
    linear, offset = affine[:, :2], affine[:, 2]
    for index, (y1, x1, y2, x2) in enumerate(boxes):
        if y2 == y1:
            continue
        corners = np.array([[x, y] for x in (x1 - 1, x2) for y in (y1 - 1, y2)])
        places = corners @ linear.T + offset
        left, top = np.floor(places.min(axis=0)).clip(0, (width, height)).astype(int)
        right, bottom = np.ceil(places.max(axis=0) + 1).clip(0, (width, height)).astype(int)
        if left >= right or top >= bottom:
            continue
        # The half, a tie, goes to the background, as in the mini masks.
        patch = np.ascontiguousarray(masks[y1:y2, x1:x2, index]).view(np.uint8) * (2 * HALF)
        local = np.column_stack([linear, offset + linear @ (x1, y1) - (left, top)])
        part = _warp(patch, local, int(right - left), int(bottom - top))
        np.greater(part, HALF, out=moved[index, top:bottom, left:right])
    return np.moveaxis(moved, 0, -1)
