"""The network as it is exported: one image in, its objects out, all in one graph.

Legend: see `nn/blocks.py`. The layers are those of `nn/network.py`; what stands between them there
as layers, choosing boxes and cutting RoIs, is written here in forms that every format has.
"""

import keras
from keras import ops

from mrcnn import boxes as box_math
from mrcnn.export import forms
from mrcnn.nn import roi_align, rpn
from mrcnn.nn.heads import of_own_class
from mrcnn.nn.nms import NEVER

# Boxes and scores are computed in operations of this name, which stay float in int8.
EXACT = "exact_boxes"
# What int8 keeps in float too, as regular expressions: the last layers, whose numbers are boxes,
# scores and masks.
LAST = (
    "rpn_class_raw",
    "rpn_bbox_pred",
    "mrcnn_class_logits",
    "mrcnn_bbox_fc",
    r"mrcnn_mask(_\d+)?/",
)


class ExportedNetwork(keras.Model):
    """An inference network as a function of arrays for one image.

    Arguments:
        network: `nn.network.build("inference", ...)`, in float32.
        anchors: the keywords of `anchors.pyramid`, as `settings.anchors` gives them.
        all_masks: compute the masks of all rows, where shapes must not depend on values.

    Call with `image` float32 `[1, H, W, 3]`, molded; `window` float32 `[1, 4]`, the part of it that
    is not padding, (y1, x1, y2, x2) in pixels; `min_confidence` float32 `[1]`. Returns a dict:
    `boxes` `[1, N, 4]` in fractions (0 is the first pixel, 1 the last), `class_ids` int32
    `[1, N]`, `scores` `[1, N]`, by falling score, zeros after the last object, and `masks`
    `[1, n, h, w]`, the probabilities of each one's own class within its box, for the first n, which
    score `min_confidence`; at least of one.
    """

    def __init__(self, network, anchors, all_masks=False):
        super().__init__(name="exported")
        self.network, self.all_masks = network, all_masks
        self.to_class = network.get_layer("roi_align_classifier")
        self.to_mask = network.get_layer("roi_align_mask")
        self.proposals = network.get_layer("ROI")
        self.choice = network.get_layer("mrcnn_detection")
        _, probs, deltas, masks, _, rpn_probs, rpn_deltas = network.outputs
        maps = [*self.to_mask.input[2:], network.get_layer("fpn_p6").output]
        self.trunk = keras.Function(network.inputs[:1], [rpn_probs, rpn_deltas, *maps])
        self.class_head = keras.Function([self.to_class.output], [probs, deltas])
        self.mask_head = keras.Function([self.to_mask.output], masks)
        self.anchors = rpn.Anchors(
            anchors["scales"], anchors["ratios"], anchors["strides"], anchors["anchor_stride"]
        )
        self.built = True

    def call(self, image, window, min_confidence):
        shape = ops.shape(image)[1:3]
        rpn_probs, rpn_deltas, *maps = self.trunk([image])
        with _named(EXACT):
            rois = self._propose(rpn_probs, rpn_deltas, self.anchors([image, *maps]))
            pieces = self._cut(rois, maps[:4], shape, self.to_class)
        probs, deltas = self.class_head([pieces])
        with _named(EXACT):
            boxes, scores, class_ids = self._detect(rois, probs, deltas, window, shape)
            rows, own_ids = boxes, class_ids
            if not self.all_masks:
                wanted = (class_ids > 0) & (scores >= min_confidence)
                count = ops.maximum(ops.sum(ops.where(wanted, 1, 0)), 1)
                rows, own_ids = boxes[:, :count], class_ids[:, :count]
            pieces = self._cut(rows, maps[:4], shape, self.to_mask)
        masks = self.mask_head([pieces])
        with _named(EXACT):
            masks = of_own_class(masks, own_ids, axis=4)
        return {"boxes": boxes, "class_ids": class_ids, "scores": scores, "masks": masks}

    def _propose(self, probs, deltas, anchors):
        """Do what `rpn.propose` does."""
        layer = self.proposals
        moved = box_math.decode(anchors, forms.scaled(deltas, layer.std_dev), ops)
        boxes = box_math.clip(moved, ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0]), ops)
        scores = forms.best(probs[..., 1], layer.pre_nms_limit)
        one_class = ops.where(scores > 0, 0, 0)
        return forms.suppress(boxes, scores, one_class, 1, layer.iou_threshold, layer.count)[0]

    def _detect(self, rois, probs, deltas, window, shape):
        """Do what `detection.refine` does; return `(boxes, scores, class_ids)`."""
        layer = self.choice
        # Not argmax, which makes an ONNX graph invalid.
        scores, class_ids = (x[..., 0] for x in ops.top_k(probs, 1))
        own = forms.scaled(of_own_class(deltas, class_ids, axis=2), layer.std_dev)
        window = box_math.normalize(window, shape, ops)
        boxes = box_math.clip(box_math.decode(rois, own, ops), window, ops)
        keep = (class_ids > 0) & ops.any(rois != 0, axis=-1)
        scores = ops.where(keep, scores, NEVER)
        return forms.suppress(
            boxes, scores, class_ids, probs.shape[-1], layer.iou_threshold, layer.count
        )

    def _cut(self, rois, maps, shape, layer):
        """Do what a `PyramidROIAlign` does."""
        area = ops.cast(shape[0] * shape[1], "float32")
        levels = roi_align.assign_levels(rois, area, layer.canonical_side)
        pieces = roi_align.align_portable(rois, maps, levels, layer.pool_shape)
        return ops.reshape(pieces, (1, ops.shape(rois)[1], *layer.pool_shape, maps[0].shape[-1]))


def _named(name):
    import tensorflow as tf

    return tf.name_scope(name)
