"""Scripts written for the older package find every name, with the parameters that they pass."""

import importlib
import inspect
import json
import subprocess
import sys

import numpy as np
import pytest

from tests.golden import FOLDER

API = json.loads((FOLDER / "api.json").read_text())
FUNCTIONS = [
    (module, name, signature)
    for module, names in API.items()
    for name, signature in names.items()
    if isinstance(signature, str)
]
METHODS = [
    (module, name, method, signature)
    for module, names in API.items()
    for name, entry in names.items()
    if not isinstance(entry, str)
    for method, signature in entry["methods"].items()
]
ATTRIBUTES = API["mrcnn.config"]["Config"]["attributes"]


def parameters(signature):
    """Parse `(a, b=1, **kwargs)` to `inspect.Parameter`s."""
    scope = {"np": np}
    exec(f"def function{signature}: pass", scope)
    return list(inspect.signature(scope["function"]).parameters.values())


def assert_accepts(function, signature):
    """`function` can be called by position or name in every way that `signature` can be."""
    ours = list(inspect.signature(function).parameters.values())
    theirs = parameters(signature)
    names = [p.name for p in theirs if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [p.name for p in ours[: len(names)]] == names
    for our, their in zip(ours, theirs, strict=False):
        if their.default is not their.empty:
            assert repr(our.default) == repr(their.default), our.name
    for extra in ours[len(names) :]:
        optional = extra.default is not extra.empty
        assert optional or extra.kind in (extra.VAR_KEYWORD, extra.VAR_POSITIONAL), extra.name


@pytest.mark.parametrize(("module", "name", "signature"), FUNCTIONS)
def test_functions(module, name, signature):
    assert_accepts(getattr(importlib.import_module(module), name), signature)


@pytest.mark.parametrize(("module", "name", "method", "signature"), METHODS)
def test_methods(module, name, method, signature):
    owner = getattr(importlib.import_module(module), name)
    attribute = inspect.getattr_static(owner, method)
    if isinstance(attribute, property):
        assert signature == "(self)"
    else:
        assert_accepts(getattr(owner, method), signature)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_config_attributes(name):
    from mrcnn.config import Config

    default = eval(ATTRIBUTES[name], {"np": np})
    np.testing.assert_equal(getattr(Config, name), default)


@pytest.mark.parametrize(
    "module", ["mrcnn", "mrcnn.config", "mrcnn.utils", "mrcnn.visualize", "mrcnn.nn.weights_file"]
)
def test_light_imports_load_neither_keras_nor_tensorflow(module):
    heavy = "{'keras', 'tensorflow', 'jax', 'torch', 'matplotlib.pyplot'} & set(sys.modules)"
    code = f"import sys, {module}; print({heavy} or 'light')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "light"
