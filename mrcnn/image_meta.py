"""The image meta: what the network is told of an image, as one flat row of numbers.

`[image_id, original height, width, channels, molded height, width, channels,
window y1, x1, y2, x2, scale, active_class_ids...]`: 12 numbers and one flag a class.
The window is the part of the molded image that is not padding, in pixels.
"""

import numpy as np

FIELDS = {
    "image_id": slice(0, 1),
    "original_image_shape": slice(1, 4),
    "image_shape": slice(4, 7),
    "window": slice(7, 11),
    "scale": slice(11, 12),
    "active_class_ids": slice(12, None),
}


def size(num_classes: int) -> int:
    """Return the length of a row for `num_classes` classes, background included."""
    return FIELDS["active_class_ids"].start + num_classes


def compose(image_id, original_image_shape, image_shape, window, scale, active_class_ids):
    """Return the row, float64 `[12 + classes]`, of one image.

    Arguments:
        image_id: an int; the index of the image in its dataset, 0 where there is none.
        original_image_shape: (height, width, channels) before resizing and padding.
        image_shape: (height, width, channels) after it.
        window: (y1, x1, y2, x2) in pixels of the molded image.
        scale: the factor from original to molded size.
        active_class_ids: `[classes]`, 1 for each class that the image's dataset knows.
    """
    parts = [[image_id], original_image_shape, image_shape, window, [scale], active_class_ids]
    return np.concatenate([np.asarray(part, np.float64).ravel() for part in parts])


def window(meta):
    """Return the windows `[B, 4]`, in pixels, of rows `[B, 12 + classes]`."""
    return meta[:, FIELDS["window"]]


def molded_shape(meta):
    """Return (height, width) of the molded images; those of a batch have one size."""
    shape = meta[0, FIELDS["image_shape"]]
    return shape[0], shape[1]


def active_class_ids(meta):
    """Return the flags `[B, classes]`."""
    return meta[:, FIELDS["active_class_ids"]]


def parse(meta) -> dict:
    """Split rows `[B, 12 + classes]`, arrays or tensors, into the fields by name, each `[B, ...]`.

    `image_id` and `scale` come as `[B]`.
    """
    fields = {name: meta[:, part] for name, part in FIELDS.items()}
    fields["image_id"], fields["scale"] = fields["image_id"][:, 0], fields["scale"][:, 0]
    return fields
