"""The half of a model that detects: images of any sizes in, objects in their pixels out."""

from collections import OrderedDict

import keras
import numpy as np

from mrcnn import boxes as box_math
from mrcnn import image_meta
from mrcnn.data.anchors import compute_backbone_shapes, generate_pyramid_anchors
from mrcnn.data.images import mold_image, resize_image
from mrcnn.log import log
from mrcnn.masks import paste_masks
from mrcnn.nn import network

# With IMAGE_RESIZE_MODE = "pad64" photos have many shapes, and each compiled network takes memory.
KEPT_SHAPES = 16


def _keep(by_shape, shape, value):
    """Add to a dict that holds no more than KEPT_SHAPES, the latest ones."""
    by_shape[shape] = value
    if len(by_shape) > KEPT_SHAPES:
        del by_shape[next(iter(by_shape))]


class Detector:
    """What `MaskRCNN` detects with; `mode`, `config` and `keras_model` are its own."""

    def __init__(self):
        self._anchors = {}

    def mold_inputs(self, images):
        """Turn images into the network's inputs.

        Arguments:
            images: `[H, W, C]` arrays, RGB and 0..255; their sizes may differ.

        Returns `(molded_images float32 [B, H, W, C], image_metas [B, 12 + K], windows int [B, 4])`;
        a window is the part of the molded image that is not padding. Raises ValueError where the
        molded images differ in size, as `IMAGE_RESIZE_MODE = "pad64"` can make them.
        """
        molded = [self._mold(image) for image in images]
        shapes = {image.shape for image, _, _ in molded}
        if len(shapes) > 1:
            raise ValueError(
                f"the images have {len(shapes)} sizes once molded and do not fit into one batch: "
                "mold them one by one, or call detect, which takes them all"
            )
        return tuple(np.stack(part) for part in zip(*molded, strict=True))

    def _mold(self, image):
        image, config = np.asarray(image), self.config
        if image.ndim != 3 or image.shape[2] != config.IMAGE_CHANNEL_COUNT or not image.size:
            raise ValueError(
                f"an image has shape {image.shape}, it must be "
                f"[height, width, {config.IMAGE_CHANNEL_COUNT}]"
            )
        resized, window, scale, _, _ = resize_image(
            image,
            min_dim=config.IMAGE_MIN_DIM,
            max_dim=config.IMAGE_MAX_DIM,
            min_scale=config.IMAGE_MIN_SCALE,
            mode=config.IMAGE_RESIZE_MODE,
        )
        active = np.zeros(config.NUM_CLASSES, np.int32)
        meta = image_meta.compose(0, image.shape, resized.shape, window, scale, active)
        return mold_image(resized, config.MEAN_PIXEL), meta, np.array(window)

    def unmold_detections(self, detections, mrcnn_mask, original_image_shape, image_shape, window):
        """Bring the network's output for one image back to that image.

        Arguments:
            detections: `[N, 6]`: box in fractions of the molded image, class id, score.
            mrcnn_mask: `[N, h, w, K]`, probabilities.
            original_image_shape: (height, width, channels) before molding.
            image_shape: the same of the molded image.
            window: (y1, x1, y2, x2) in pixels, the part of it that is not padding.

        Returns `(boxes int32 [n, 4] in pixels, class_ids int32 [n], scores float32 [n],
        masks bool [H, W, n])`.
        """
        class_ids = detections[:, 4].astype(np.int32)
        padding = np.flatnonzero(class_ids == 0)
        count = padding[0] if len(padding) else len(class_ids)
        class_ids, scores = class_ids[:count], detections[:count, 5]
        masks = mrcnn_mask[np.arange(count), :, :, class_ids]

        # The window, not the padded image, is what the original image fills.
        window = box_math.normalize(np.asarray(window), image_shape)
        origin, size = window[[0, 1, 0, 1]], (window[2:] - window[:2])[[0, 1, 0, 1]]
        boxes = box_math.denormalize((detections[:count, :4] - origin) / size, original_image_shape)

        solid = box_math.area(boxes) > 0
        boxes, class_ids, scores = boxes[solid], class_ids[solid], scores[solid]
        return boxes, class_ids, scores, paste_masks(masks[solid], boxes, original_image_shape)

    def detect(self, images, verbose=0):
        """Find the objects in images.

        Arguments:
            images: any number of `[H, W, C]` arrays, RGB and 0..255, of any sizes.
            verbose: 1 prints the shapes of what goes through the network.

        Returns a dict for each image: `rois` int32 `[N, 4]` in pixels, `class_ids` int32 `[N]`,
        `scores` float32 `[N]` falling, `masks` bool `[H, W, N]`.
        """
        self._require_inference()
        if verbose:
            log(f"Processing {len(images)} images")
            for image in images:
                log("image", image)
        results = [None] * len(images)
        # Molded images of one size share a batch.
        waiting = {}
        for index, image in enumerate(images):
            molded = self._mold(image)
            batch = waiting.setdefault(molded[0].shape, [])
            batch.append((index, molded))
            if len(batch) == self.config.BATCH_SIZE:
                self._detect_batch(batch, images, results, verbose)
                batch.clear()
        for batch in waiting.values():
            if batch:
                self._detect_batch(batch, images, results, verbose)
        return results

    def _detect_batch(self, batch, images, results, verbose):
        molded, metas, windows = (
            np.stack(part) for part in zip(*(m for _, m in batch), strict=True)
        )
        detections, masks = self._run(molded, metas, verbose)
        for row, (index, _) in enumerate(batch):
            results[index] = self._result(
                detections[row], masks[row], np.shape(images[index]), molded.shape[1:], windows[row]
            )

    def _result(self, *unmold_arguments):
        boxes, class_ids, scores, masks = self.unmold_detections(*unmold_arguments)
        return {"rois": boxes, "class_ids": class_ids, "scores": scores, "masks": masks}

    def detect_molded(self, molded_images, image_metas, verbose=0):
        """Find objects in images that `mold_inputs` has molded; results are in their pixels.

        Arguments and results as of `mold_inputs` and `detect`; `masks` span the whole molded image.
        """
        self._require_inference()
        molded, metas = np.asarray(molded_images), np.asarray(image_metas)
        if len(molded) != len(metas):
            raise ValueError(f"{len(molded)} molded images come with {len(metas)} image metas")
        detections, masks = self._run(molded, metas, verbose)
        shape = molded.shape[1:]
        whole = [0, 0, shape[0], shape[1]]
        return [
            self._result(detections[row], masks[row], shape, shape, whole)
            for row in range(len(molded))
        ]

    def _require_inference(self):
        if self.mode != "inference":
            raise ValueError('this model was made to train: make one with mode="inference"')

    def _run(self, molded_images, image_metas, verbose=0):
        """Return `detections` and `mrcnn_mask` of a batch."""
        shape = molded_images.shape[1:]
        anchors = self.get_anchors(shape)
        if verbose:
            log("molded_images", molded_images)
            log("image_metas", image_metas)
            log("anchors", anchors)
        functions = self.keras_model.functions
        function = functions.pop(shape, None) or network.compiled(self.keras_model, shape, anchors)
        outputs = function(molded_images, image_metas)
        _keep(functions, shape, function)
        return np.asarray(outputs[0]), np.asarray(outputs[3])

    def get_anchors(self, image_shape):
        """Return the anchors of a molded image's shape, float32 `[A, 4]`, in fractions of it."""
        key = tuple(image_shape)
        if key not in self._anchors:
            config = self.config
            # In pixels, for those who look at them.
            self.anchors = generate_pyramid_anchors(
                config.RPN_ANCHOR_SCALES,
                config.RPN_ANCHOR_RATIOS,
                compute_backbone_shapes(config, image_shape),
                config.BACKBONE_STRIDES,
                config.RPN_ANCHOR_STRIDE,
            )
            _keep(self._anchors, key, box_math.normalize(self.anchors, image_shape[:2]))
        return self._anchors[key]

    def run_graph(self, images, outputs, image_metas=None):
        """Compute tensors inside an inference model.

        Arguments:
            images: as `detect` takes them; already molded where `image_metas` is given.
            outputs: `(name, tensor)` pairs, such as
                `("fpn_p2", model.keras_model.get_layer("fpn_p2").output)`.
            image_metas: `[B, 12 + K]` or None.

        Returns an OrderedDict of arrays by name; what is None among the tensors is left out.
        """
        self._require_inference()
        outputs = OrderedDict((name, tensor) for name, tensor in outputs if tensor is not None)
        if image_metas is None:
            molded, image_metas, _ = self.mold_inputs(images)
        else:
            molded = np.asarray(images)
        anchors = self.get_anchors(molded.shape[1:])
        anchors = np.broadcast_to(anchors, (len(molded), *anchors.shape))
        function = keras.Model(self.keras_model.inputs, list(outputs.values()))
        arrays = function.predict_on_batch([molded, image_metas, anchors])
        results = OrderedDict(zip(outputs, arrays, strict=True))
        for name, array in results.items():
            log(name, array)
        return results
