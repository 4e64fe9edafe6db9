"""How a function of tensors is compiled, and called with arrays, on each of Keras's engines."""

from collections.abc import Callable

import keras
import numpy as np


def function(run: Callable, model, shapes) -> Callable:
    """Return `run` as a compiled function of arrays.

    Arguments:
        run: takes float32 tensors of `shapes` and returns a tuple of tensors.
        model: the Keras model whose weights `run` uses; they count as they are when the function is
            called.
        shapes: of each argument, such as `(None, H, W, C)`; what begins with None has the images
            of a batch one after another, and so have the results.

    The function takes arrays of these shapes and returns NumPy arrays.
    """
    make = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    return make[keras.backend.backend()](run, model, shapes)


def _tensorflow(run, model, shapes):
    import tensorflow as tf

    signature = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    compiled = tf.function(run, input_signature=signature, autograph=False)

    def function(*arrays):
        return _arrays(compiled(*(tf.convert_to_tensor(x, tf.float32) for x in arrays)))

    return function


def _jax(run, model, shapes):
    # Weights are arguments: as constants of the program they would be compiled along.
    import jax

    variables = model.variables

    @jax.jit
    def compiled(values, inputs):
        with keras.StatelessScope(state_mapping=zip(variables, values, strict=True)):
            return run(*inputs)

    def function(*arrays):
        arrays = [np.asarray(array, np.float32) for array in arrays]
        batched = [bool(shape) and shape[0] is None for shape in shapes]
        count = next(len(x) for x, many in zip(arrays, batched, strict=True) if many)
        # Each number of images is compiled for itself: 1, 2, 4, 8 and so on.
        more = (1 << (count - 1).bit_length()) - count
        inputs = [
            np.concatenate([x, np.repeat(x[-1:], more, axis=0)]) if many and more else x
            for x, many in zip(arrays, batched, strict=True)
        ]
        results = compiled([variable.value for variable in variables], inputs)
        return tuple(array[:count] for array in _arrays(results))

    return function


def _torch(run, model, shapes):
    import torch

    def function(*arrays):
        with torch.inference_mode():
            inputs = [keras.ops.convert_to_tensor(x, "float32") for x in arrays]
            return _arrays(run(*inputs))

    return function


def _arrays(tensors):
    return tuple(keras.ops.convert_to_numpy(tensor) for tensor in tensors)


def compiles_training() -> bool:
    """Return whether a training step is compiled as a whole.

    TensorFlow's kernels that crop and suppress have no XLA form, PyTorch's compiler takes longer
    than it saves.
    """
    return keras.backend.backend() == "jax"


def has_shapes_of_values() -> bool:
    """Return whether the shape of a tensor may depend on the values of others: in a TensorFlow
    graph, but not where it runs eagerly, since Keras compares shapes then."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.executing_eagerly()
