#!/usr/bin/env python3
"""How long `detect` takes: by stage, by part of the network, and how it grows.

    python benchmarks/inference.py
    python benchmarks/inference.py --tables parts --backbone resnet50 --side 512
    python benchmarks/inference.py --tables all

The tables:

    stages     read, mold, network, unmold, draw and the whole of `detect`
    parts      the network's parts, each run by itself on what those before it made
    sizes      `detect` with images of --sides pixels
    batch      `detect` with --batches images at once; times are for one image
    proposals  the network with --proposals proposals
    objects    the network and unmolding with --objects detections
    backbones  `detect` with each backbone; the small one has narrow heads

In each table all precisions and cases take turns. Weights are made up.
"""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import made_up, measuring
from mrcnn.nn.backbones import BACKBONES


def parse_arguments():
    parser = measuring.parser(__doc__, repeats=5)
    add = parser.add_argument
    add("--tables", nargs="+", choices=(*TABLES, "all"), default=list(TABLES)[:4])
    add("--backbone", choices=BACKBONES, default="resnet101")
    add("--precision", nargs="+", choices=made_up.PRECISIONS, default=made_up.PRECISIONS)
    add("--side", type=measuring.positive, default=1024, help="of the image, in pixels")
    add("--sides", nargs="+", type=int, default=[256, 512, 768, 1024, 1280, 1536])
    add("--batches", nargs="+", type=int, default=[1, 2, 4, 8])
    add("--batch-side", type=int, default=512, help="of the images of the table batch")
    add("--proposals", nargs="+", type=int, default=[100, 300, 1000, 2000])
    add("--objects", nargs="+", type=int, default=[1, 10, 100, 300])
    add("--weights", type=Path, metavar="FOLDER", help="keep the made-up weights files here")
    return parser.parse_args()


# -- Cases -------------------------------------------------------------------------------------


def load(arguments, folder, precision, backbone=None, **settings):
    """Return a model that detects."""
    config = made_up.config(backbone or arguments.backbone, precision, arguments.side, **settings)
    return made_up.model("inference", config, folder)


def detect(model, side: int, images: list):
    """Run `detect` on images, all in one batch, molded to `side` pixels."""
    model.config.IMAGE_MIN_DIM = model.config.IMAGE_MAX_DIM = side
    model.config.BATCH_SIZE = len(images)
    return model.detect(images)


def network_of(model, image):
    """Return the network as a function of nothing, which returns its outputs for `image`."""
    from mrcnn.nn import network

    molded, metas, _ = model.mold_inputs([image])
    shape = molded.shape[1:]
    function = network.compiled(model.keras_model, shape, model.get_anchors(shape))
    return partial(finished, function, molded, metas)


def parts_of(model, image) -> dict:
    """Return the parts of the network, in order, as functions of nothing."""
    import keras
    import tensorflow as tf

    network = model.keras_model
    image_in, meta, anchors = network.inputs

    def out(name):
        return network.get_layer(name).output

    stages = [network.get_layer(f"fpn_c{level}p{level}").input for level in (2, 3, 4, 5)]
    pyramid = [out(f"fpn_p{level}") for level in (2, 3, 4, 5, 6)]
    rpn = [out("rpn_class"), out("rpn_bbox")]
    heads = [out("mrcnn_class"), out("mrcnn_bbox")]
    for_class, for_mask = out("roi_align_classifier"), out("roi_align_mask")
    chain = {
        "backbone": ([image_in], stages),
        "FPN": (stages, pyramid),
        "RPN": (pyramid, rpn),
        "proposals": ([*rpn, anchors], [out("ROI")]),
        "RoIAlign for classes": ([out("ROI"), meta, *pyramid[:4]], [for_class]),
        "class head": ([for_class], heads),
        "detections": ([out("ROI"), *heads, meta], [out("mrcnn_detection")]),
        "RoIAlign for masks": ([out("mrcnn_detection"), meta, *pyramid[:4]], [for_mask]),
        "mask head": ([for_mask], [network.outputs[3]]),
    }
    molded, metas, _ = model.mold_inputs([image])
    anchor_rows = model.get_anchors(molded.shape[1:])[None]
    # What each tensor of the network holds for this image.
    values = {
        id(tensor): tf.constant(array, tensor.dtype)
        for tensor, array in zip(network.inputs, (molded, metas, anchor_rows), strict=True)
    }
    parts = {}
    for name, (inputs, outputs) in chain.items():
        function = part_of(keras.Model(inputs, outputs), [values[id(one)] for one in inputs])
        values |= zip(map(id, outputs), function(), strict=True)
        parts[name] = function
    return parts


def part_of(part, arrays):
    """Return a part of the network as a function of nothing, compiled as the whole network is."""
    import tensorflow as tf

    # The number of images is left open, as `detect` does.
    signature = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in arrays]
    function = tf.function(
        lambda *inputs: part(list(inputs), training=False), input_signature=signature
    )
    return lambda: tf.nest.flatten(finished(function, *arrays))


def finished(function, *inputs):
    """Return what a function of TensorFlow's returns once the device is done with it."""
    import tensorflow as tf

    outputs = function(*inputs)
    tf.test.experimental.sync_devices()
    return outputs


# -- Tables ------------------------------------------------------------------------------------


def stages(arguments, folder):
    from mrcnn.data.images import read_image
    from mrcnn.detector import unmold
    from mrcnn.drawing.instances import draw_detections

    path = made_up.write_photo(folder / "photo.jpg", arguments.side, arguments.side)
    image = read_image(path)
    cases = {"read": partial(read_image, path)}
    for precision in arguments.precision:
        model = load(arguments, folder, precision)
        molded, _, windows = model.mold_inputs([image])
        run = network_of(model, image)
        outputs = [output[0].numpy() for output in run()]
        shapes = image.shape, molded.shape[1:], windows[0]
        (found,) = model.detector.detect([image])
        count = len(found)
        cases |= {
            "mold": partial(model.mold_inputs, [image]),
            f"network, {precision}": run,
            f"unmold {count} objects, {precision}": partial(unmold, *outputs, *shapes),
            f"draw {count} objects, {precision}": partial(
                draw_detections, image, found, made_up.CLASS_NAMES
            ),
            f"detect, {precision}": partial(model.detector.detect, [image]),
            f"detect with full-size masks, {precision}": partial(model.detect, [image]),
        }
    show(f"Stages, {arguments.backbone}, image {arguments.side}", cases, arguments, compare=False)


def parts(arguments, folder):
    image = made_up.photo(arguments.side, arguments.side)
    by_precision = {}
    for precision in arguments.precision:
        model = load(arguments, folder, precision)
        whole = {"whole network": network_of(model, image)}
        by_precision[precision] = parts_of(model, image) | whole
    names = next(iter(by_precision.values()))
    cases = {
        f"{name}, {precision}": functions[name]
        for name in names
        for precision, functions in by_precision.items()
    }
    title = f"Parts of the network, {arguments.backbone}, image {arguments.side}"
    show(title, cases, arguments, compare=False)


def sizes(arguments, folder):
    cases = {}
    for precision in arguments.precision:
        model = load(arguments, folder, precision)
        for side in arguments.sides:
            images = [made_up.photo(side, side)]
            cases[f"{side}, {precision}"] = partial(detect, model, side, images)
    show(f"detect by image size, {arguments.backbone}", cases, arguments)


def batch(arguments, folder):
    cases, items, side = {}, {}, arguments.batch_side
    photos = [made_up.photo(side, side, seed) for seed in range(max(arguments.batches))]
    for precision in arguments.precision:
        model = load(arguments, folder, precision)
        for count in arguments.batches:
            name = f"batch of {count}, {precision}"
            cases[name] = partial(detect, model, side, photos[:count])
            items[name] = count
    title = f"detect by batch, time an image, {arguments.backbone}, image {side}"
    show(title, cases, arguments, items)


def proposals(arguments, folder):
    image, cases = made_up.photo(arguments.side, arguments.side), {}
    for precision in arguments.precision:
        for count in arguments.proposals:
            model = load(arguments, folder, precision, POST_NMS_ROIS_INFERENCE=count)
            cases[f"{count} proposals, {precision}"] = network_of(model, image)
    title = f"Network by number of proposals, {arguments.backbone}, image {arguments.side}"
    show(title, cases, arguments)


def objects(arguments, folder):
    from mrcnn.detector import unmold

    image, cases = made_up.photo(arguments.side, arguments.side), {}
    shape = image.shape
    for precision in arguments.precision:
        for count in arguments.objects:
            model = load(arguments, folder, precision, DETECTION_MAX_INSTANCES=count)
            cases[f"network, up to {count} objects, {precision}"] = network_of(model, image)
    for count in arguments.objects:
        found, masks = made_up.network_output(count)
        cases[f"unmold {count} objects"] = partial(
            unmold, found, masks, shape, shape, (0, 0, *shape[:2])
        )
    title = f"By number of objects, {arguments.backbone}, image {arguments.side}"
    show(title, cases, arguments, compare=False)


def backbones(arguments, folder):
    images, cases = [made_up.photo(arguments.side, arguments.side)], {}
    for precision in arguments.precision:
        for backbone in BACKBONES:
            model = load(arguments, folder, precision, backbone)
            cases[f"{backbone}, {precision}"] = partial(model.detect, images)
    show(f"detect by backbone, image {arguments.side}", cases, arguments)


def show(title, cases, arguments, items=None, compare=True):
    measured = measuring.in_turns(cases, arguments.repeats)
    measuring.section(title, measuring.timing_table(measured, "ms", items, compare))


TABLES = {
    table.__name__: table for table in (stages, parts, sizes, batch, proposals, objects, backbones)
}


def main():
    arguments = parse_arguments()
    measuring.introduce("Inference")
    wanted = TABLES if "all" in arguments.tables else arguments.tables
    with made_up.weights_folder(arguments.weights) as folder:
        for name in wanted:
            TABLES[name](arguments, folder)


if __name__ == "__main__":
    main()
