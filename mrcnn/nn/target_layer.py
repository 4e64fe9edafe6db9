"""What the heads are trained on, as a layer; `mrcnn.targets.heads` says what that is.

Legend: see blocks.py.
"""

import keras
from keras import ops

from mrcnn.nn.blocks import ConfiguredLayer, registered
from mrcnn.nn.roi_align import crop_and_resize
from mrcnn.targets.heads import detection_targets


@registered
class DetectionTargets(ConfiguredLayer):
    """`detection_targets` as a layer: `[proposals, gt_class_ids, gt_boxes, gt_masks]`."""

    def __init__(self, count, positive_ratio, std_dev, mask_shape, mini_masks, seed=None, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.count = count
        self.positive_ratio = positive_ratio
        self.std_dev = [float(value) for value in std_dev]
        self.mask_shape = tuple(mask_shape)
        self.mini_masks = mini_masks
        self.seed = seed
        self.random = keras.random.SeedGenerator(seed)
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        proposals, gt_class_ids, gt_boxes, gt_masks = inputs
        shape = ops.shape(proposals)
        return detection_targets(
            ops.stop_gradient(proposals),
            gt_class_ids,
            gt_boxes,
            gt_masks,
            keras.random.uniform((2, shape[0], shape[1]), seed=self.random),
            count=self.count,
            positive_ratio=self.positive_ratio,
            std_dev=ops.convert_to_tensor(self.std_dev, dtype="float32"),
            mask_shape=self.mask_shape,
            mini_masks=self.mini_masks,
            crop=crop_and_resize,
        )

    def compute_output_shape(self, input_shape):
        rows = (input_shape[0][0], self.count)
        return [(*rows, 4), rows, (*rows, 4), (*rows, *self.mask_shape)]

    def compute_output_spec(self, inputs):
        dtypes = ("float32", "int32", "float32", "float32")
        shapes = self.compute_output_shape([x.shape for x in inputs])
        return tuple(
            keras.KerasTensor(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)
        )
