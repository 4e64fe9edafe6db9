#!/usr/bin/env python3
"""How far the network's numbers are from the older package's, on the engine that Keras runs on.

    python benchmarks/agreement.py
    KERAS_BACKEND=jax .venv-jax/bin/python benchmarks/agreement.py

The older package's numbers are those of tests/conformance: two images, and a batch of training, of
a ResNet-50 with made-up weights. The tests hold each line to its tolerance.
"""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks import measuring

OUTPUTS = ("rpn_class", "rpn_bbox", "mrcnn_detection", "mrcnn_mask")


def loaded(mode: str, config, weights: Path):
    """Return the `MaskRCNN` with the made-up weights."""
    from mrcnn.model import MaskRCNN

    model = MaskRCNN(mode, config, "log")
    with contextlib.redirect_stdout(io.StringIO()):
        model.load_weights(str(weights), by_name=True)
    return model


def detected(weights: Path):
    """Yield (what, difference, tolerance) of a run of detection."""
    from tests import golden as golden_files

    golden = golden_files.load("inference_resnet50_square.npz")
    model = loaded("inference", golden_files.config(golden)(), weights)
    images = [golden[name] for name in golden if name.startswith("image_")]
    molded, metas, _ = golden_files.mold(model, images)
    layers = [
        (name, model.keras_model.get_layer(name).output)
        for name in (*golden_files.FEATURES, *OUTPUTS)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        arrays = model.run_graph(molded, layers, metas)
    for name, part in golden_files.FEATURES.items():
        theirs = golden[f"feat_{name}"]
        difference = np.abs(arrays[name][part] - theirs).max() / theirs.std()
        yield f"features {name}, in standard deviations", difference, 1e-3
    rpn = {"rpn_class": arrays["rpn_class"][..., 1], "rpn_bbox": arrays["rpn_bbox"]}
    for name, ours in rpn.items():
        yield name, np.abs(ours - golden[name]).max(), 1e-3
    theirs = golden["detections"]
    difference = np.abs(arrays["mrcnn_detection"] - theirs)
    yield "detections, boxes in fractions of the image", difference[..., :4].max(), 1e-3
    yield "detections, class ids", difference[..., 4].max(), 0
    yield "detections, scores", difference[..., 5].max(), 1e-3
    masks = []
    for row, class_ids in enumerate(theirs[..., 4].astype(int)):
        count = np.count_nonzero(class_ids)
        ours = arrays["mrcnn_mask"][row][np.arange(count), :, :, class_ids[:count]]
        masks.append(np.abs(ours - golden["mrcnn_mask_of_class"][row][:count]).max())
    yield f"masks of {np.count_nonzero(theirs[..., 4])} detections", max(masks), 2e-3


def lost(weights: Path):
    """Yield (loss, relative difference, tolerance) of a batch of training."""
    import keras

    from tests import golden as golden_files

    golden, config, inputs = golden_files.training_batch()
    model = loaded("training", config(), weights).keras_model
    eager = keras.backend.backend() != "jax"
    losses = model(inputs) if eager else model.predict_on_batch(inputs)
    for name, theirs in zip(golden["loss_names"], golden["losses"], strict=True):
        ours = keras.ops.convert_to_numpy(losses[name]).item()
        yield f"{name}, relative", abs(ours - theirs) / theirs, 1e-3


def main():
    measuring.parser(__doc__).parse_args()
    measuring.introduce("Agreement")
    from mrcnn import devices
    from tests.conformance import make_weights

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "resnet50.h5")
        make_weights.write("resnet50", weights)
        rows = [
            [what, f"{difference:.1e}", f"{tolerance:g}"]
            for what, difference, tolerance in (*detected(weights), *lost(weights))
        ]
    title = f"Difference from the older package, {devices.engine()}"
    measuring.section(title, measuring.table(["", "worst", "tolerance"], rows))


if __name__ == "__main__":
    main()
