"""The Keras model around the network: what it takes and minimises, what it reports, its weights."""

import weakref

import keras
from keras import ops

from mrcnn.nn import by_position, engine, weights
from mrcnn.nn.blocks import leaf_layers, registered
from mrcnn.nn.fpn import LATERALS
from mrcnn.nn.inner import layer_within
from mrcnn.nn.losses import LOSSES
from mrcnn.nn.scaling import scale_pyramid

# What the older Keras's `fit` took of how batches are made: here it is in threads.
_LEFT_OUT = ("workers", "use_multiprocessing", "max_queue_size")


@registered
class MaskRCNNModel(keras.Model):
    """A Mask R-CNN as a Keras model; `keras.models.load_model` brings back what `save` wrote.

    A training network outputs its losses by name, among others. Their weighted sum and the weight
    decay are minimised, and each appears in logs and history under its name, `val_` before it in
    validation. It takes batches as dicts, and as the older package's lists; see `by_position`.
    """

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.folds = None
        self.trackers = {}
        # Layers of no graph but that of whoever asked for them; see `inner`.
        self.apart = weakref.WeakValueDictionary()
        # Keras sorts them by name.
        if isinstance(outputs, dict):
            self.output_names = list(outputs)

    def compile(self, optimizer, loss_weights, weight_decay, **kwargs):
        """Set what training minimises.

        Arguments:
            optimizer: a Keras optimizer.
            loss_weights: the factor of each loss by name; 1 for one that is not there.
            weight_decay: factor of the mean square of each trainable kernel and bias. (Dividing
                by the size of the weight is the older package's way; BatchNorm's are left out.)
        """
        unknown = [name for name in loss_weights if name not in LOSSES]
        if unknown:
            raise ValueError(
                f"LOSS_WEIGHTS has {', '.join(unknown)}: the losses are {', '.join(LOSSES)}"
            )
        self.loss_weights = dict(loss_weights)
        self.weight_decay = weight_decay
        # The older ones would stay among the metrics.
        if not self.trackers:
            self.trackers = {name: keras.metrics.Mean(name=name) for name in LOSSES}
        super().compile(optimizer=optimizer, jit_compile=engine.compiles_training(), **kwargs)

    def get_compile_config(self):
        if not self.compiled:
            return {}
        return {
            "optimizer": keras.saving.serialize_keras_object(self.optimizer),
            "loss_weights": self.loss_weights,
            "weight_decay": self.weight_decay,
        }

    def compile_from_config(self, config):
        optimizer = keras.saving.deserialize_keras_object(config["optimizer"])
        self.compile(optimizer, config["loss_weights"], config["weight_decay"])
        optimizer.build(self.trainable_variables)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        count = ops.shape(x["input_image"])[0]
        total = self._decay()
        for name, tracker in self.trackers.items():
            loss = y_pred[name] * self.loss_weights.get(name, 1.0)
            tracker.update_state(loss, sample_weight=count)
            total = total + loss
        # Each replica of a strategy adds its share.
        return total / self.replicas()

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.get_metrics_result()

    # -- Batches -----------------------------------------------------------------------------------

    def _by_name(self, data):
        return by_position.source(self.input, data) if isinstance(self.input, dict) else data

    def fit(self, x=None, y=None, *args, validation_data=None, **kwargs):
        """Train; also on lists of arrays, and on generators and `DataGenerator`s of them."""
        kwargs = {name: value for name, value in kwargs.items() if name not in _LEFT_OUT}
        validation_data = self._by_name(validation_data)
        return super().fit(
            self._by_name(x), _targets(y), *args, validation_data=validation_data, **kwargs
        )

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Compute the losses; of all that `fit` takes."""
        kwargs = {name: value for name, value in kwargs.items() if name not in _LEFT_OUT}
        return super().evaluate(self._by_name(x), _targets(y), *args, **kwargs)

    def train_on_batch(self, x, y=None, **kwargs):
        """Train on one batch, a list or a dict; return the values of `metrics_names`."""
        return super().train_on_batch(self._by_name(x), _targets(y), **kwargs)

    def test_on_batch(self, x, y=None, **kwargs):
        """Compute the losses of one batch, a list or a dict."""
        return super().test_on_batch(self._by_name(x), _targets(y), **kwargs)

    def predict_on_batch(self, x):
        """Return the outputs for one batch: of a training network, for a list, as a list."""
        found = super().predict_on_batch(self._by_name(x))
        if isinstance(x, list | tuple) and isinstance(found, dict):
            return [found[name] for name in self.output_names]
        return found

    def predict(self, x, *args, **kwargs):
        """As Keras's; a training network takes all arrays as one batch."""
        if isinstance(self.input, dict):
            return self.predict_on_batch(x)
        return super().predict(x, *args, **kwargs)

    def _decay(self):
        total = 0.0
        for variable in self.trainable_variables:
            if variable.name not in ("gamma", "beta"):
                total = total + ops.mean(ops.square(ops.cast(variable, "float32")))
        return self.weight_decay * total

    def replicas(self) -> int:
        """Return over how many devices TensorFlow splits a batch; other engines see it whole."""
        if keras.backend.backend() != "tensorflow":
            return 1
        import tensorflow as tf

        return tf.distribute.get_strategy().num_replicas_in_sync

    def get_layer(self, name=None, index=None):
        """Also finds layers within layers, such as `bn_conv1`, with an `output` of their own."""
        if name is not None and all(layer.name != name for layer in self.layers):
            within = layer_within(self, name, self.apart)
            if within is not None:
                return within
            for leaf, _ in leaf_layers(self):
                if leaf.name == name:
                    return leaf
        return super().get_layer(name=name, index=index)

    def save_weights(self, filepath, overwrite=True, **kwargs):
        """Write the published layout where `filepath` ends in `.h5`, else as Keras does."""
        if _is_published(filepath):
            weights.save(leaf_layers(self), filepath)
        else:
            super().save_weights(filepath, overwrite=overwrite, **kwargs)

    def load_published(self, path, exclude=(), training=False):
        """Read a file of the published layout, whatever its name; see `weights.load`.

        A new pyramid is scaled to the features of the backbone that it comes upon.
        """
        report = weights.load(leaf_layers(self), path, exclude, training)
        if {f"{name}/kernel" for name in LATERALS} <= set(report.missing):
            scale_pyramid(self)
        return report

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Read the published layout where `filepath` ends in `.h5`, else as Keras does."""
        if _is_published(filepath):
            return self.load_published(filepath)
        return super().load_weights(filepath, skip_mismatch=skip_mismatch, **kwargs)


def _targets(y):
    """The older package's empty list of targets is none."""
    return None if isinstance(y, list | tuple) and not y else y


def _is_published(filepath):
    name = str(filepath)
    return name.endswith(".h5") and not name.endswith(".weights.h5")
