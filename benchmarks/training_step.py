#!/usr/bin/env python3
"""How long one training step takes.

    python benchmarks/training_step.py
    python benchmarks/training_step.py --layers all --backbone resnet50 --side 512

A step is forward, losses, backward and the update of the weights, on one batch of made-up photos
with three objects each. Backbones and precisions take turns. Preparing batches is not part of it,
see input_pipeline.py.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import made_up, measuring
from mrcnn.nn.backbones import BACKBONES


def parse_arguments():
    parser = measuring.parser(__doc__, repeats=5)
    add = parser.add_argument
    add("--backbone", nargs="+", choices=BACKBONES, default=made_up.RESNETS)
    add("--precision", nargs="+", choices=made_up.PRECISIONS, default=made_up.PRECISIONS)
    add("--layers", default="heads", help="what learns: heads, 3+, 4+, 5+, all; default: heads")
    add("--side", type=measuring.positive, default=1024, help="of the images, in pixels")
    add("--batch", type=measuring.positive, default=1, help="images a step; default: 1")
    add("--weights", type=Path, metavar="FOLDER", help="keep the made-up weights files here")
    return parser.parse_args()


def step_of(config, layers, folder):
    """Return a training step as a function of nothing, which returns the loss."""
    from mrcnn.feeding import DataGenerator
    from mrcnn.training.batches import Batches
    from mrcnn.training.layers import layer_pattern

    model = made_up.model("training", config, folder)
    model.set_trainable(layer_pattern(layers), verbose=0)
    # With made-up weights the losses are large: they are to stay finite.
    model.compile(learning_rate=1e-6, momentum=config.LEARNING_MOMENTUM)
    dataset = made_up.Things(config.BATCH_SIZE, config.IMAGE_MAX_DIM)
    batches = Batches(DataGenerator(dataset, config, seed=0), steps=1, workers=1)
    (inputs,) = batches[0]
    return lambda: model.keras_model.train_on_batch(inputs, return_dict=True)["loss"]


def epoch_of(config, layers, folder, steps):
    """Return an epoch of `steps` steps, fed by threads, as a function of nothing."""
    from mrcnn.feeding import DataGenerator
    from mrcnn.training.batches import Batches
    from mrcnn.training.layers import layer_pattern

    model = made_up.model("training", config, folder)
    model.set_trainable(layer_pattern(layers), verbose=0)
    model.compile(learning_rate=1e-6, momentum=config.LEARNING_MOMENTUM)
    dataset = made_up.Things(config.BATCH_SIZE * steps, config.IMAGE_MAX_DIM)
    workers = min(8, os.cpu_count() or 1)
    batches = Batches(DataGenerator(dataset, config, seed=0), steps=steps, workers=workers)
    return lambda: model.keras_model.fit(batches, epochs=1, shuffle=False, verbose=0)


def main():
    arguments = parse_arguments()
    measuring.introduce("Training step")
    cases = {}
    with made_up.weights_folder(arguments.weights) as folder:
        for backbone in arguments.backbone:
            for precision in arguments.precision:
                config = made_up.config(
                    backbone, precision, arguments.side, IMAGES_PER_GPU=arguments.batch
                )
                cases[f"{backbone}, {precision}"] = step_of(config, arguments.layers, folder)
    measured = measuring.in_turns(cases, arguments.repeats)
    title = f"One step, layers {arguments.layers}, batch {arguments.batch}, image {arguments.side}"
    measuring.section(title, measuring.timing_table(measured))
    print(f"\nMemory of this process, all these networks in it: {measuring.resident():.0f} MiB")


if __name__ == "__main__":
    main()
