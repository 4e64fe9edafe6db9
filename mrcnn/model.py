"""Mask R-CNN from build to detections: the class that scripts work with.

    model = MaskRCNN.from_weights("log/custom.h5")
    results = model.detect([image])     # rois, class_ids, scores, masks

How it detects is in `mrcnn.detector`, how it learns in `mrcnn.training`, the network in `mrcnn.nn`.
The other names of this module are those that scripts for the older package import from here.
"""

import functools
from pathlib import Path

import numpy as np

from mrcnn import borrowed, devices, feeding, from_file, graph, scoring, settings
from mrcnn.console import Console
from mrcnn.detector import Detector, unmold
from mrcnn.feeding import *  # noqa: F403
from mrcnn.graph import *  # noqa: F403
from mrcnn.log import log
from mrcnn.nn import inner, network, pretrained, weights
from mrcnn.nn.blocks import leaf_layers
from mrcnn.training import plan as plans
from mrcnn.training import run_files
from mrcnn.training.layers import set_trainable
from mrcnn.training.run import Run, compile_model
from mrcnn.training.sizes import ObjectSides
from mrcnn.training.stopping import StopWhen

__all__ = [*feeding.__all__, *graph.__all__, "MaskRCNN", "log"]
__all__ += borrowed.installed(borrowed.MODEL)
__getattr__ = borrowed.getter(__name__, borrowed.MODEL)


class MaskRCNN:
    """A Mask R-CNN that is trained or detects.

    Arguments:
        mode: "training" or "inference".
        config: a `Config`; ValueError names what in it cannot work.
        model_dir: the folder of training runs, their logs and checkpoints.

    `keras_model` is the Keras model and `detector` the `Detector` that has it, `epoch` the epochs
    that its weights were trained for, `log_dir` where the next training writes.
    """

    def __init__(self, mode, config, model_dir):
        if mode not in ("training", "inference"):
            raise ValueError(f"mode is {mode!r}, it must be one of training, inference")
        # Training gets along with fewer bits; results should be those of every other machine.
        devices.prepare(exact=mode == "inference" and config.PRECISION == "float32")
        self.mode = mode
        self.config = config
        self.model_dir = str(model_dir)
        self.class_names = None
        self.strategy = devices.strategy(config.GPU_COUNT) if mode == "training" else None
        self.set_log_dir()
        self.keras_model = self.build(mode, config)
        self.detector = Detector(self.keras_model, config)

    def build(self, mode, config):
        """Return the Keras model of a mode; see `nn.network.build` for its inputs and outputs."""
        config.check()
        with devices.scope(self.strategy):
            return network.build(mode, config)

    from_weights = classmethod(from_file.model_of)

    # -- Weights -----------------------------------------------------------------------------------

    def find_last(self):
        """Return the path of the newest checkpoint of this NAME; FileNotFoundError without one."""
        path = run_files.find_last(self.model_dir, settings.name(self.config))
        if path is None:
            raise FileNotFoundError(
                f"no checkpoint of {self.config.NAME!r} under {self.model_dir}: train first, or "
                "name a weights file"
            )
        return str(path)

    def load_weights(self, filepath, by_name=False, exclude=None):
        """Load a weights file of the published layout, print and return what became of each weight.

        Arguments:
            filepath: any file in that layout, whichever Keras wrote it.
            by_name: kept for older scripts; weights are always matched by name.
            exclude: names of layers to leave untrained; in training mode only.

        Returns a `nn.weights.LoadReport`. Raises `nn.weights.WeightsError` where the file cannot
        be read, or where a weight that the network needs would stay random unasked.
        """
        training, info = self.mode == "training", weights.inspect(filepath)
        report = self.keras_model.load_published(filepath, exclude or (), training)
        print("\n".join([str(report), *from_file.other_settings(info, self.config)]))
        self.class_names = None if exclude else info.class_names
        self.set_log_dir(None if exclude else filepath)
        return report

    def save_weights(self, filepath):
        """Write all weights in the published layout; see `nn.weights.save`."""
        metadata = {"class_names": self.class_names, "settings": self.config.to_json()}
        weights.save(leaf_layers(self.keras_model), filepath, metadata)

    def set_log_dir(self, model_path=None):
        """Choose the folder that training writes to, and the epoch that it starts after.

        A checkpoint of a run of this NAME under `model_dir` continues that run. Anything else
        starts a run of its own, `<model_dir>/<name><time>`; the folder is made when it is needed.
        """
        name = settings.name(self.config)
        known = model_path and run_files.run_of(model_path, self.model_dir, name)
        folder, self.epoch = known or (run_files.new_folder(self.model_dir, name), 0)
        self._write_to(folder)

    def _write_to(self, folder):
        name = run_files.checkpoint_name(settings.name(self.config), "{epoch:04d}")
        self.log_dir, self.checkpoint_path = str(folder), str(Path(folder) / name)

    def get_imagenet_weights(self):
        """Return the path of the BACKBONE's ImageNet weights, ResNet-50's where it has none."""
        return str(pretrained.present(settings.backbone(self.config), Path.cwd()))

    # -- Training ----------------------------------------------------------------------------------

    def set_trainable(self, layer_regex, keras_model=None, indent=0, verbose=1):
        """Let the layers learn whose whole name matches `layer_regex`; print them if `verbose`.

        Returns their names. `indent` is the older package's and not needed.
        """
        names = set_trainable(keras_model or self.keras_model, layer_regex)
        if verbose > 0:
            log("\n    ".join(["Selecting layers to train", *names]))
        return names

    def compile(self, learning_rate, momentum):
        """Choose the optimizer, SGD with momentum, and the losses, for the trainable layers."""
        plan = functools.partial(plans.classic, momentum=momentum)
        with devices.scope(self.strategy):
            compile_model(self.keras_model, plan, learning_rate, **settings.minimising(self.config))

    def train(
        self,
        train_dataset,
        val_dataset,
        learning_rate=None,
        epochs=None,
        layers=None,
        augmentation=None,
        custom_callbacks=None,
        no_augmentation_sources=None,
        *,
        resume=False,
        patience=None,
        seed=None,
        workers=None,
        keep_negatives=False,
        plan=None,
        best_by="loss",
        stop=None,
    ):
        """Train the chosen layers, writing a checkpoint an epoch to `log_dir`.

        Arguments:
            train_dataset, val_dataset: prepared `Dataset`s; the second may be None.
            learning_rate: the highest, where the plan changes it.
            epochs: the total, those of the loaded weights included: heads up to 20, all up to 30.
            layers: "heads", "3+", "4+", "5+", "all", or a regular expression of layer names.
            augmentation: an `imgaug` augmenter or a `data.jitter.Jitter`; images and masks move
                together. False is none.
            custom_callbacks: further Keras callbacks.
            no_augmentation_sources: sources of the dataset that are not augmented.
            resume: go on with optimizer, learning rate and best score of the checkpoint's run.
            patience: stop after this many epochs without a better one.
            seed: decides the order of images, augmentation, and sampling.
            workers: threads that prepare batches; one a core unless given.
            keep_negatives: train on images without objects too.
            plan: "classic", SGD at a constant rate (default), "few", or one's own: `training.plan`.
                What of learning_rate, epochs, layers and augmentation is None is the plan's.
            best_by: what makes an epoch the best, "loss" or "ap"; see `scoring`.
            stop: a `threading.Event`: once it is set, KeyboardInterrupt between two batches.

        Returns the Keras History, or None where `epochs` are done already. Raises
        `training.run.TrainingError` where training cannot go on.
        """
        self._require("training")
        given = {"learning_rate": learning_rate, "epochs": epochs, "layers": layers}
        given["augmentation"] = augmentation
        kept = run_files.read_header(self.log_dir) if resume else {}
        plan = plans.settled(plan, given, kept, **settings.planning(self.config))
        if self.epoch >= plan.epochs:
            log(f"{self.epoch} epochs are done already; epochs={plan.epochs} asks for no more")
            return None
        run = Run(
            self.keras_model,
            Console(),
            name=settings.name(self.config),
            folder=self.log_dir,
            first_epoch=self.epoch,
            epochs=plan.epochs,
            resume=resume,
        )
        sources = no_augmentation_sources or ()
        augmenting = {"augmentation": plan.augmentation, "no_augmentation_sources": sources}
        run.feed(
            train_dataset,
            val_dataset,
            workers=workers,
            augmenting=augmenting,
            keep_negatives=keep_negatives,
            seed=seed,
            known=self.class_names,
            **settings.feeding(self.config),
        )
        score = scoring.make(best_by, self.keras_model, self.config, val_dataset, run.console.line)
        run.choose_layers(plan.layers)
        with devices.scope(self.strategy):
            run.compile(plan, **settings.minimising(self.config))
        self.class_names = list(train_dataset.class_names)
        self._write_to(run.claim())
        sides = ObjectSides(run.batches, functools.partial(setattr, self.config, "OBJECT_SIDES"))
        own = [sides, *(custom_callbacks or []), *([StopWhen(stop)] if stop else [])]
        history = run.fit(own, self.save_weights, patience, score, devices.spreading(self.strategy))
        self.epoch = history.epoch[-1] + 1
        return history

    # -- Detecting ---------------------------------------------------------------------------------

    def detect(self, images, verbose=0):
        """Find the objects in images.

        Arguments:
            images: any number of `[H, W, C]` arrays, RGB and 0..255, of any sizes.
            verbose: 1 prints the shapes of what goes through the network.

        Returns a dict for each image: `rois` int32 `[N, 4]` in pixels, `class_ids` int32 `[N]`,
        `scores` float32 `[N]` falling, `masks` bool `[H, W, N]`.
        """
        self._require("inference")
        if verbose:
            log(f"Processing {len(images)} images")
            for image in images:
                log("image", image)
        results = self.detector.detect(images, report=log if verbose else None)
        return [each.as_dict() for each in results]

    def detect_molded(self, molded_images, image_metas, verbose=0):
        """Find objects in what `mold_inputs` returned; results as `detect`'s, in molded pixels."""
        self._require("inference")
        results = self.detector.detect_molded(molded_images, image_metas, verbose and log)
        return [each.as_dict() for each in results]

    def mold_inputs(self, images):
        """See `Detector.mold_inputs`."""
        return self.detector.mold_inputs(images)

    def unmold_detections(self, detections, mrcnn_mask, original_image_shape, image_shape, window):
        """Bring the network's output for one image back to that image; see `detector.unmold`.

        `mrcnn_mask` is `[N, h, w, K]`. Returns `(boxes int32 [n, 4] in pixels, class_ids int32 [n],
        scores float32 [n], masks bool [H, W, n])`.
        """
        masks = mrcnn_mask[np.arange(len(detections)), :, :, detections[:, 4].astype(int)]
        found = unmold(detections, masks, original_image_shape, image_shape, window)
        return tuple(found.as_dict().values())

    def get_anchors(self, image_shape):
        """See `Detector.get_anchors`."""
        return self.detector.get_anchors(image_shape)

    @property
    def anchors(self):
        """The anchors that `get_anchors` made last, in pixels; None before."""
        return self.detector.anchors

    def run_graph(self, images, outputs, image_metas=None):
        """See `Detector.run_graph`; prints the shapes of the arrays."""
        self._require("inference")
        results = self.detector.run_graph(images, outputs, image_metas)
        for name, array in results.items():
            log(name, array)
        return results

    def _require(self, mode):
        if self.mode != mode:
            raise ValueError(f'this model was made for {self.mode}: make one with mode="{mode}"')

    # -- Looking inside ----------------------------------------------------------------------------

    def ancestor(self, tensor, name, checked=None):
        """Return what `tensor` depends on by its older name; see `nn.inner.ancestor`."""
        return inner.ancestor(self.keras_model.inputs, tensor, name)

    def find_trainable_layer(self, layer):
        """Return the layer with weights that `layer` wraps, or `layer` itself."""
        inner = getattr(layer, "layer", None)
        return self.find_trainable_layer(inner) if inner is not None else layer

    def get_trainable_layers(self):
        """Return all layers that have weights, innermost ones, in graph order."""
        return [leaf for leaf, _ in leaf_layers(self.keras_model) if leaf.weights]
