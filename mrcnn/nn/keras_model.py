"""The Keras model around the network: what it minimises, what it reports, its weight files."""

import keras
from keras import ops

from mrcnn.nn import weights
from mrcnn.nn.blocks import conv_norms, leaf_layers, registered


@registered
class MaskRCNNModel(keras.Model):
    """A Mask R-CNN as a Keras model; `keras.models.load_model` brings back what `save` wrote.

    A training network outputs its losses by name. Their weighted sum and the weight decay are
    minimised, and each appears in logs and history under its name, `val_` before it in validation.

    What `network.compiled` makes of it has the weights of that moment; `version` is another once
    others were loaded or set, and whoever assigns some by hand calls `unfold`.
    """

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.version = 0

    def fold(self):
        """Fold every BatchNorm into its convolution, once for all calls until `unfold`."""
        for layer in conv_norms(self):
            layer.fold()

    def unfold(self):
        """Forget what was made of the weights so far."""
        self.version += 1
        for layer in conv_norms(self):
            layer.unfold()

    def compile(self, optimizer, loss_weights, weight_decay, **kwargs):
        """Set what training minimises.

        Arguments:
            optimizer: a Keras optimizer.
            loss_weights: the factor of each loss by name; 1 for one that is not there.
            weight_decay: factor of the mean square of each trainable kernel and bias. (Dividing
                by the size of the weight is the older package's way; BatchNorm's are left out.)
        """
        self.loss_weights = dict(loss_weights)
        self.weight_decay = weight_decay
        self.trackers = {name: keras.metrics.Mean(name=name) for name in self.output}
        # The cropping and suppression kernels have no XLA form.
        super().compile(optimizer=optimizer, jit_compile=False, **kwargs)

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
        for name, loss in y_pred.items():
            loss = loss * self.loss_weights.get(name, 1.0)
            self.trackers[name].update_state(loss, sample_weight=count)
            total = total + loss
        # Each replica of a strategy adds its share.
        return total / self._replicas()

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.get_metrics_result()

    def _decay(self):
        total = 0.0
        for variable in self.trainable_variables:
            if variable.name not in ("gamma", "beta"):
                total = total + ops.mean(ops.square(ops.cast(variable, "float32")))
        return self.weight_decay * total

    def _replicas(self):
        if keras.backend.backend() != "tensorflow":
            return 1
        import tensorflow as tf

        return tf.distribute.get_strategy().num_replicas_in_sync

    def get_layer(self, name=None, index=None):
        """Also finds layers within layers, such as `bn_conv1`."""
        if name is not None and all(layer.name != name for layer in self.layers):
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
        """Read a file of the published layout, whatever its name; see `weights.load`."""
        self.unfold()
        return weights.load(leaf_layers(self), path, exclude, training)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Read the published layout where `filepath` ends in `.h5`, else as Keras does."""
        if _is_published(filepath):
            return self.load_published(filepath)
        self.unfold()
        return super().load_weights(filepath, skip_mismatch=skip_mismatch, **kwargs)

    def set_weights(self, weights):
        self.unfold()
        super().set_weights(weights)


def _is_published(filepath):
    name = str(filepath)
    return name.endswith(".h5") and not name.endswith(".weights.h5")
