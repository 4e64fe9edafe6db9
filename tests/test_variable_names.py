"""What variables are called: the same in every process, and as every Keras wrote them."""

from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn.nn import variable_names, weights_file


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("conv1/kernel:0", "kernel"),
        ("conv1/kernel_1:0", "kernel"),
        ("conv1_W_1:0", "kernel"),
        ("conv1/conv1_b:0", "bias"),
        ("bn_conv1_running_std:0", "moving_variance"),
        ("bn/moving_mean:0", "moving_mean"),
        ("rpn_model/rpn_conv/bias:0", "bias"),
        # Keras 2's depthwise convolution; today's Keras has two kernels in a separable layer.
        ("dw/depthwise_kernel:0", "kernel"),
        ("sep/depthwise_kernel:0", "depthwise_kernel"),
        ("sep/pointwise_kernel:0", "pointwise_kernel"),
        # Others are what they are.
        ("attention/query_kernel:0", "query_kernel"),
        ("norm/variance:0", "variance"),
        ("scale/variable_1:0", "variable_1"),
        ("count:0", None),
    ],
)
def test_of_a_file(dataset, expected):
    assert variable_names.in_file(dataset, {"sep/pointwise_kernel:0"}) == expected


def test_of_a_file_whose_layers_gave_none():
    # Keras counts them through a process, and not as the alphabet does.
    names = [f"scale/variable_{number}:0" for number in (9, 10)]
    others = {*names, "other/variable:0", "other/variable_1:0", "scale/gamma:0"}
    assert [variable_names.in_file(name, others) for name in names] == ["variable_1", "variable_2"]
    assert variable_names.in_file("other/variable:0", others) == "variable_1"


def test_of_a_layer_that_gives_none():
    def layer(*names):
        return SimpleNamespace(weights=[SimpleNamespace(name=name) for name in names])

    def found(*names):
        return [name for name, _ in variable_names.in_network(layer(*names))]

    assert found("kernel", "bias") == ["kernel", "bias"]
    assert found("variable_18", "gamma", "variable_20") == ["variable_1", "gamma", "variable_2"]
    assert found("variable") == found("variable_77") == ["variable_1"]


def test_long_lists_of_names_are_split_and_put_together(tmp_path):
    ones = np.ones(1, np.float32)
    names = [f"layer{number:0200d}" for number in range(400)]
    inside = {f"{name}/kernel:0": ones for name in names}
    beside = {f"beside_{name}": {f"beside_{name}/bias:0": ones} for name in names}
    weights_file.write(tmp_path / "a.h5", {"model": inside} | beside)
    with weights_file.contents(tmp_path / "a.h5") as (found, _):
        expected = [(name, "kernel") for name in names] + [(name, "bias") for name in beside]
        assert list(found) == expected
