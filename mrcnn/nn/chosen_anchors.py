"""What the RPN learns from: of all its anchors the few that are chosen for its losses.

The rest of what it computes has no gradient. Computed once more for the chosen anchors alone, the
losses and their gradients are the same, and a step is spared the gradients of whole levels, a third
of the multiplications of a heads step of ResNet-50.

Legend: see blocks.py; S anchors that are chosen, R ratios.
"""

import keras
from keras import ops

from mrcnn.nn.blocks import ConfiguredLayer, registered

# Of the windows, and of what the RPN makes of one.
SIDE, CENTRE = 3, 4


def predictions(rpn_model, feature_maps, rpn_match, count, ratios):
    """Run `rpn_model`, of anchors on every cell, where anchors are chosen.

    Arguments:
        feature_maps: P2..P6, `[B, H, W, C]`.
        rpn_match: int `[B, A, 1]`: 1 object, -1 background, 0 not chosen.
        count: S, the most that are chosen in an image; of more the first ones.
        ratios: R.

    Returns `(rpn_match [B, S, 1], class_logits [B, S, 2], deltas [B, S, 4])` of the chosen anchors
    in their order, and of some others, whose match is 0, where there are fewer.
    """
    match, ratio, windows = ChosenWindows(count, ratios, name="rpn_chosen")(
        [rpn_match, *feature_maps]
    )
    logits, _, deltas = rpn_model(windows)
    of_chosen = OfChosen(ratios, name="rpn_of_chosen")
    return match, *of_chosen([ratio, logits, deltas])


@registered
class ChosenWindows(ConfiguredLayer):
    """`[rpn_match, P2, .., P6]` to `[match [B, S, 1], ratio [B, S], windows [B * S, 3, 3, C]]`.

    A window is what the RPN sees of a level around an anchor, zeros beyond its border; `ratio`
    tells which of its cell's anchors it is.
    """

    def __init__(self, count, ratios, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.count, self.ratios = count, ratios

    def call(self, inputs):
        match, *maps = inputs
        match = ops.cast(match[..., 0], "int32")
        total = ops.shape(match)[1]
        least = min if isinstance(total, int) else ops.minimum
        chosen = ops.top_k(ops.abs(match), least(total, self.count))[1]
        chosen = ops.sort(ops.cast(chosen, "int32"), axis=1)
        match = ops.take_along_axis(match, chosen, axis=1)[..., None]
        return match, chosen % self.ratios, self._windows(maps, chosen // self.ratios)

    def _windows(self, maps, cell):
        image = ops.arange(ops.shape(cell)[0], dtype="int32")[:, None, None, None]
        around = ops.arange(SIDE, dtype="int32") - SIDE // 2
        first, windows = 0, []
        for features in maps:
            height, width, channels = ops.shape(features)[1:]
            here = cell - first
            rows = (here // width)[..., None] + around
            columns = (here % width)[..., None] + around
            of_level = (here >= 0) & (here < height * width)
            of_rows, of_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
            inside = of_level[..., None, None] & of_rows[..., None] & of_columns[..., None, :]
            place = (image * height + rows[..., None]) * width + columns[..., None, :]
            found = ops.take(
                ops.reshape(features, (-1, channels)),
                ops.reshape(ops.where(inside, place, 0), (-1,)),
                axis=0,
            )
            windows.append(ops.where(ops.reshape(inside, (-1, 1)), found, 0))
            first = first + height * width
        return ops.reshape(sum(windows), (-1, SIDE, SIDE, maps[0].shape[-1]))

    def compute_output_shape(self, input_shape):
        batch = input_shape[0][0]
        windows = (None, SIDE, SIDE, input_shape[1][-1])
        return [(batch, self.count, 1), (batch, self.count), windows]

    def compute_output_spec(self, inputs):
        dtypes = ("int32", "int32", inputs[1].dtype)
        shapes = self.compute_output_shape([x.shape for x in inputs])
        return tuple(
            keras.KerasTensor(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)
        )


@registered
class OfChosen(ConfiguredLayer):
    """`[ratio [B, S], logits [B * S, 9 R, 2], deltas [B * S, 9 R, 4]]`, as the RPN gives them of
    windows, to those of the chosen anchors, `[B, S, 2]` and `[B, S, 4]`."""

    def __init__(self, ratios, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.ratios = ratios

    def call(self, inputs):
        ratio, *predicted = inputs
        place = ops.reshape(CENTRE * self.ratios + ratio, (-1, 1, 1))
        shape = ops.shape(ratio)
        return tuple(
            ops.reshape(ops.take_along_axis(each, place, axis=1), (*shape, each.shape[-1]))
            for each in predicted
        )

    def compute_output_shape(self, input_shape):
        return [(*input_shape[0], shape[-1]) for shape in input_shape[1:]]
