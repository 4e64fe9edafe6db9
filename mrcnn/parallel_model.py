"""Training on several GPUs, under the older package's name."""

import keras


class ParallelModel(keras.Model):
    """The model that it is given, in all but name, for scripts that wrap one by hand.

    `MaskRCNN` trains on several GPUs by itself where `Config.GPU_COUNT` says so: its variables are
    made under a `tf.distribute.MirroredStrategy` (`devices.strategy`), which splits every batch
    over `gpu_count` GPUs. Raises ValueError where `keras_model` was built for another number.
    """

    def __init__(self, keras_model, gpu_count):
        super().__init__()
        # Past Keras's own attributes, which would take the model for a layer of this one.
        object.__setattr__(self, "inner_model", keras_model)
        object.__setattr__(self, "gpu_count", gpu_count)
        self.make_parallel()

    def __getattribute__(self, attrname):
        own = ("inner_model", "gpu_count", "make_parallel", "summary", "__class__", "__dict__")
        if attrname in own or "inner_model" not in object.__getattribute__(self, "__dict__"):
            return super().__getattribute__(attrname)
        return getattr(object.__getattribute__(self, "inner_model"), attrname)

    def __call__(self, *args, **kwargs):
        return self.inner_model(*args, **kwargs)

    def summary(self, *args, **kwargs):
        """Print the summary of the model on one GPU."""
        return self.inner_model.summary(*args, **kwargs)

    def make_parallel(self):
        """Check that the variables are spread over `gpu_count` devices; return the outputs."""
        variables = self.inner_model.variables
        spread = getattr(variables[0].value, "values", (None,)) if variables else (None,)
        if len(spread) != self.gpu_count:
            raise ValueError(
                f"the model was built for {len(spread)} GPU(s), not {self.gpu_count}: build it "
                f"with Config.GPU_COUNT = {self.gpu_count}, which needs no ParallelModel"
            )
        return self.inner_model.outputs
