"""Detecting: images of any sizes in, the objects in each out, in its pixels."""

from collections import OrderedDict
from collections.abc import Iterable

import numpy as np

from mrcnn import anchors as anchoring
from mrcnn import boxes as box_math
from mrcnn import image_meta, settings, tiles
from mrcnn.data.resizing import mold_image, resize_image
from mrcnn.detections import BELOW, Detections
from mrcnn.masks import paste_pieces
from mrcnn.merging import merge
from mrcnn.runtimes.exported import Exported

# With IMAGE_RESIZE_MODE = "pad64" photos have many shapes, and each compiled network takes memory.
KEPT_SHAPES = 16
# Views of one photo that a GPU is given at a time; on processors several take as long as one by
# one (benchmarks/README.md).
VIEWS_AT_A_TIME = 4


def unmold(
    detections, masks, image_shape, molded_shape, window, min_confidence=0.0, cut_from=None
) -> Detections:
    """Bring the network's output for one image back to that image.

    Arguments:
        detections: `[N, 6]`: box in fractions of the molded image, class id, score; rows of zeros
            after the objects are padding.
        masks: float `[N, h, w]`, the probabilities of each one's own class.
        image_shape: (height, width, channels) before molding.
        molded_shape: the same of the molded image.
        window: (y1, x1, y2, x2) in pixels, the part of it that is not padding.
        min_confidence: what scores less is `below`.
        cut_from: (rows, columns) of the mini masks that targets were cut from, (0, 0) where they
            were cut from masks of the molded image; None pastes as the older package.

    Boxes that have no area left in the image's pixels are left out.
    """
    class_ids, scores = detections[:, 4].astype(np.int32), detections[:, 5]
    padding = np.flatnonzero(class_ids == 0)
    there = np.arange(len(class_ids)) < (padding[0] if len(padding) else len(class_ids))
    low = np.flatnonzero(there & (scores < min_confidence))[:BELOW]
    below = tuple((float(scores[row]), int(class_ids[row])) for row in low)

    # The window, not the padded image, is what the original image fills.
    window = np.asarray(window)
    scale = (window[2:] - window[:2]) / np.asarray(image_shape[:2])
    window = box_math.normalize(window, molded_shape)
    # That of a very long photo is a line of pixels, which has no extent.
    origin, size = window[[0, 1, 0, 1]], np.maximum(window[2:] - window[:2], 1e-6)[[0, 1, 0, 1]]
    boxes = box_math.denormalize((detections[:, :4] - origin) / size, image_shape)

    keep = np.flatnonzero(there & (scores >= min_confidence) & (box_math.area(boxes) > 0))
    boxes = boxes[keep]
    if cut_from is not None and not any(cut_from):
        cut_from = np.maximum(1, np.rint((boxes[:, 2:] - boxes[:, :2]) * scale)).astype(int)
    pieces = paste_pieces(masks[keep], boxes, image_shape, cut_from)
    shape = int(image_shape[0]), int(image_shape[1])
    return Detections(shape, boxes, class_ids[keep], scores[keep], pieces, below)


class Detector:
    """A network for inference and what its Config says of images before and after it.

    Arguments:
        network: `nn.network.build("inference", ...)`, or an `Exported` one, for which neither Keras
            nor its engine is imported. What scores under the `DETECTION_MIN_CONFIDENCE` of the
            Config that it was built with it does not tell.
        config: the same Config, or one that differs in what detections are kept.
        fade: whether masks end as in the older package, see `masks.paste_pieces`; without they
            reach their objects' edges.

    It compiles the network for each molded shape. `looking` are the `tiles`, `overlap` and `tta`
    that `detect` takes where it is not given others.
    """

    def __init__(self, network, config, fade: bool = True):
        self.network = network
        self.config = config
        self.cut_from = None if fade else settings.masks_cut_from(config)
        self.min_confidence = config.DETECTION_MIN_CONFIDENCE or 0.0
        self.max_instances = config.DETECTION_MAX_INSTANCES
        self.looking = {"tiles": None, "overlap": None, "tta": False}
        self.anchors = None
        self._anchors = {}
        self._functions = {}

    def mold_inputs(self, images):
        """Turn images into the network's inputs.

        Arguments:
            images: `[H, W, C]` arrays, RGB and 0..255; their sizes may differ.

        Returns `(molded_images float32 [B, H, W, C], image_metas [B, 12 + K], windows int [B, 4])`;
        the windows as of `unmold`. Raises ValueError where the molded images differ in size, as
        `IMAGE_RESIZE_MODE = "pad64"` can make them.
        """
        molded = [self._mold(image) for image in images]
        shapes = {image.shape for image, _, _ in molded}
        if len(shapes) > 1:
            raise ValueError(
                f"the images have {len(shapes)} sizes once molded and do not fit into one batch: "
                "mold them one by one, or call detect, which takes them all"
            )
        return _batch(molded)

    def _mold(self, image, side=None):
        """Return (molded image, meta, window); with a `side` the image fills a square of it."""
        image, config = np.asarray(image), self.config
        if image.ndim != 3 or image.shape[2] != config.IMAGE_CHANNEL_COUNT or not image.size:
            raise ValueError(
                f"an image has shape {image.shape}, it must be "
                f"[height, width, {config.IMAGE_CHANNEL_COUNT}]"
            )
        resizing = settings.resizing(config)
        if side:
            resizing = {"min_dim": side, "max_dim": side, "mode": "square"}
        resized, window, scale, _, _ = resize_image(image, **resizing)
        active = np.zeros(config.NUM_CLASSES, np.int32)
        meta = image_meta.compose(0, image.shape, resized.shape, window, scale, active)
        return mold_image(resized, config.MEAN_PIXEL), meta, np.array(window)

    def detect(
        self, images, min_confidence=None, report=None, *, tiles=None, overlap=None, tta=None
    ) -> list[Detections]:
        """Find the objects in images.

        Arguments:
            images: any number, as of `mold_inputs`.
            min_confidence: `DETECTION_MIN_CONFIDENCE` unless given. What scores less has no mask
                computed and is `below`.
            report: called with the name of each array that goes into the network, and the array.
            tiles: the side of tiles in pixels of the image, which are looked at besides all of it;
                True for `tiles.automatic_side`; False for no tiles.
                DETECTION_MAX_INSTANCES counts for each of them.
            overlap: the least share of a tile that its neighbour sees too, from 0 to 0.5; unless
                given it follows from the objects of the training.
            tta: look at everything mirrored too and, without tiles, also enlarged.

        What is None is as in `looking`. Returns the `Detections` of each image, in its pixels.
        """
        given = {"tiles": tiles, "overlap": overlap, "tta": tta}
        looking = self.looking | {name: value for name, value in given.items() if value is not None}
        least = self.min_confidence if min_confidence is None else min_confidence
        if not (looking["tiles"] or looking["tta"]):
            shown = ((image, None) for image in images)
            return self._found(shown, least, report, self.config.BATCH_SIZE)
        return [self._look(np.asarray(image), least, report, looking) for image in images]

    def _look(self, image, min_confidence, report, looking):
        """Return what is found in the views of an image, as one."""
        shape = image.shape[:2]
        views = tiles.views(shape, **looking, **settings.tiling(self.config))
        size = max(self.config.BATCH_SIZE, VIEWS_AT_A_TIME if self._on_gpu() else 1)
        shown = ((view.cut(image), view.side) for view in views)
        found = self._found(shown, min_confidence, report, size)
        placed = [view.place(each, shape) for view, each in zip(views, found, strict=True)]
        return merge(shape, list(zip(views, placed, strict=True)))

    def _on_gpu(self):
        if isinstance(self.network, Exported):
            return False
        from mrcnn import devices

        return bool(devices.gpu_names())

    def describe(self) -> str:
        """Return what the network runs on, such as "GPU: <name>"."""
        if isinstance(self.network, Exported):
            return self.network.name
        from mrcnn import devices

        return devices.describe()

    def _found(self, shown: Iterable, min_confidence, report, size) -> list[Detections]:
        """Return the `Detections` of images, which come with the `side` that `_mold` takes.

        Molded images of one size share a batch of up to `size`.
        """
        results, waiting = [], {}

        def finish(batch):
            indices, shapes, molded = zip(*batch, strict=True)
            molded, metas, windows = _batch(molded)
            found, masks = self._run(molded, metas, min_confidence, report)
            for row, (index, shape) in enumerate(zip(indices, shapes, strict=True)):
                parts = found[row], masks[row], shape, molded.shape[1:], windows[row]
                results[index] = unmold(*parts, min_confidence, self.cut_from)
            batch.clear()

        for index, (image, side) in enumerate(shown):
            results.append(None)
            molded = self._mold(image, side)
            batch = waiting.setdefault(molded[0].shape, [])
            batch.append((index, np.shape(image), molded))
            if len(batch) == size:
                finish(batch)
        for batch in filter(None, waiting.values()):
            finish(batch)
        return results

    def detect_molded(self, molded_images, image_metas, report=None) -> list[Detections]:
        """Find objects in images that `mold_inputs` has molded; results are in their pixels."""
        molded, metas = np.asarray(molded_images), np.asarray(image_metas)
        if len(molded) != len(metas):
            raise ValueError(f"{len(molded)} molded images come with {len(metas)} image metas")
        found, masks = self._run(molded, metas, self.min_confidence, report)
        shape = molded.shape[1:]
        whole = [0, 0, *shape[:2]]
        return [
            unmold(rows, own, shape, shape, whole, self.min_confidence, self.cut_from)
            for rows, own in zip(found, masks, strict=True)
        ]

    def _run(self, molded_images, image_metas, min_confidence, report=None):
        """Return the detections `[B, N, 6]` of a batch and their masks `[B, N, h, w]`."""
        shape = molded_images.shape[1:]
        if report:
            report("molded_images", molded_images)
            report("image_metas", image_metas)
            report("anchors", self.get_anchors(shape))
        function = _recent(self._functions, shape, lambda: self.compiled(shape))
        return function(molded_images, image_metas, min_confidence)

    def compiled(self, shape):
        """Return the network as a function for one molded shape; see `nn.network.compiled`."""
        if isinstance(self.network, Exported):
            return self.network.compiled(shape)
        from mrcnn.nn import network as spine

        return spine.compiled(self.network, shape, self.get_anchors(shape))

    def get_anchors(self, image_shape):
        """Return the anchors of a molded image's shape, float32 `[A, 4]`, in fractions of it.

        `anchors` then has them in pixels.
        """

        def make():
            self.anchors = anchoring.pyramid(image_shape, **settings.anchors(self.config))
            return box_math.normalize(self.anchors, image_shape[:2])

        return _recent(self._anchors, tuple(image_shape), make)

    def run_graph(self, images, outputs, image_metas=None):
        """Compute tensors inside the network; return an OrderedDict of arrays by name.

        Arguments:
            images: as `detect` takes them; already molded where `image_metas` is given.
            outputs: `(name, tensor)` pairs, such as
                `("fpn_p2", network.get_layer("fpn_p2").output)`; those of None are left out.
        """
        if isinstance(self.network, Exported):
            raise ValueError("an exported network shows nothing of its inside: load its weights")
        import keras

        outputs = OrderedDict((name, tensor) for name, tensor in outputs if tensor is not None)
        if image_metas is None:
            molded, image_metas, _ = self.mold_inputs(images)
        else:
            molded = np.asarray(images)
        anchors = self.get_anchors(molded.shape[1:])
        anchors = np.broadcast_to(anchors, (len(molded), *anchors.shape))
        function = keras.Model(self.network.inputs, list(outputs.values()))
        arrays = function.predict_on_batch([molded, image_metas, anchors])
        # Keras takes a list of one for that one.
        arrays = arrays if isinstance(arrays, list) else [arrays]
        return OrderedDict(zip(outputs, arrays, strict=True))


def _batch(molded):
    return tuple(np.stack(part) for part in zip(*molded, strict=True))


def _recent(kept, key, make):
    """Return `kept[key]`, made where it is missing; the KEPT_SHAPES last used stay in `kept`."""
    value = kept.pop(key, None)
    kept[key] = make() if value is None else value
    if len(kept) > KEPT_SHAPES:
        del kept[next(iter(kept))]
    return kept[key]
