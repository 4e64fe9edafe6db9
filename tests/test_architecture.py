"""The layout holds: imports point one way, and each room keeps to its side."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mrcnn"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"keras", "tensorflow", "jax", "torch"}
# Leaves: both rooms and the front may use them.
LEAVES = {"boxes", "image_meta", "atomic"}


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path, everywhere=True):
    """Yield the modules that a file imports; `everywhere` also within functions."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(path):
    """Yield the modules of this package that a file imports, such as "nn.rpn"."""
    names = {name_of(module) for module in MODULES}
    for name in imports(path):
        short = name.removeprefix("mrcnn.")
        if name.startswith("mrcnn.") and short in names:
            yield short


def room(name):
    first = name.split(".")[0]
    return first if first in ("data", "nn", "commands") else "leaf" if first in LEAVES else "front"


# Who may import whom.
ALLOWED = {
    "leaf": {"leaf"},
    "data": {"leaf", "data"},
    "nn": {"leaf", "nn"},
    "front": {"leaf", "data", "nn", "front"},
    "commands": {"leaf", "data", "nn", "front", "commands"},
}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path):
    here = room(name_of(path))
    wrong = [name for name in own(path) if room(name) not in ALLOWED[here]]
    assert not wrong


@pytest.mark.parametrize("path", [p for p in MODULES if room(name_of(p)) == "data"], ids=name_of)
def test_the_data_side_has_no_network(path):
    assert not {name.split(".")[0] for name in imports(path)} & HEAVY


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_public_interface_of_keras(path):
    assert not [name for name in imports(path) if name.startswith("keras.src")]
    assert not re.search(r"\b(keras|ops|layers)\._\w", path.read_text())


@pytest.mark.parametrize("path", [p for p in MODULES if room(name_of(p)) == "nn"], ids=name_of)
def test_inside_the_network_nobody_reads_the_config(path):
    if name_of(path) != "nn.network":
        text = path.read_text().replace("keras.config.", "").replace("tf.config.", "")
        assert "config." not in text


def test_no_import_goes_round_in_circles():
    graph = {name_of(path): set(own(path)) for path in MODULES}
    done = set()

    def visit(name, trail):
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_stay_readable(path):
    # model.py's public methods are the interface of the older package.
    limit = 600 if path.name == "model.py" else 450
    assert len(path.read_text().splitlines()) <= limit
