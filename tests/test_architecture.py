"""The layout holds: imports point one way, and each room keeps to its side."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mrcnn"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"keras", "tensorflow", "jax", "torch"}

# The rooms, and which of them each may import besides itself and the leaves. What is not in a
# folder is the front or, in LEAVES, a leaf.
ROOMS = {
    "targets": set(),
    "nn": {"targets"},
    "annotation": set(),
    "data": {"targets"},
    "drawing": set(),
    "pages": {"drawing"},
    "evaluation": {"data", "drawing", "pages"},
    "results": {"annotation", "pages"},
    "check": {"annotation", "data"},
    "video": {"drawing", "results"},
    "training": {"data", "nn", "drawing"},
    "runtimes": set(),
    "export": {"nn", "runtimes"},
}
LEAVES = {
    "anchors",
    "atomic",
    "boxes",
    "coco_classes",
    "detections",
    "download",
    "files",
    "hdf5",
    "image_meta",
    "log",
    "masks",
    "merging",
    "outlines",
    "pictures",
    "progress",
    "quiet",
    "tables",
    "tiles",
}
ALLOWED = {
    "leaf": {"leaf"},
    **{room: {"leaf", room, *others} for room, others in ROOMS.items()},
    "front": {"leaf", "front", *ROOMS},
    "commands": {"leaf", "front", "commands", *ROOMS},
}
# The rooms that no engine is loaded for.
LIGHT = {"annotation", "data", "drawing", "pages", "evaluation", "results", "check", "video"}
LIGHT |= {"commands", "runtimes"}
# Who reads settings: the front and the spine. `settings` there gives everyone else keywords.
SPINE = "nn.network"


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


def own(path, everywhere=True):
    """Yield the modules of this package that a file imports, such as "nn.rpn"."""
    names = {name_of(module) for module in MODULES}
    for name in imports(path, everywhere):
        short = name.removeprefix("mrcnn.")
        if name.startswith("mrcnn.") and short in names:
            yield short


def room(name):
    first = name.split(".")[0]
    return first if first in ALLOWED else "leaf" if first in LEAVES else "front"


def of_rooms(*rooms):
    paths = [path for path in MODULES if room(name_of(path)) in rooms]
    return pytest.mark.parametrize("path", paths, ids=name_of)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path):
    here = room(name_of(path))
    assert not [name for name in own(path) if room(name) not in ALLOWED[here]]


@of_rooms(*LIGHT - {"commands"})
def test_what_surrounds_the_network_has_none(path):
    assert not {name.split(".")[0] for name in imports(path)} & HEAVY


def test_scripts_answer_before_an_engine_is_loaded():
    graph = {name_of(path): set(own(path, everywhere=False)) for path in MODULES}
    heavy = {
        name_of(path)
        for path in MODULES
        if {name.split(".")[0] for name in imports(path, everywhere=False)} & HEAVY
    }
    for name in graph:
        if room(name) not in LIGHT and name not in LEAVES | {"", "config", "settings", "utils"}:
            continue
        seen, left = set(), [name]
        while left:
            seen.add(left[-1])
            left += graph[left.pop()] - seen
        assert not seen & heavy, name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_public_interface_of_keras(path):
    assert not [name for name in imports(path) if name.startswith("keras.src")]
    assert not re.search(r"\b(keras|ops|layers)\._\w", path.read_text())


@of_rooms("leaf", "commands", *ROOMS)
def test_only_the_front_and_the_spine_read_the_config(path):
    if name_of(path) != SPINE:
        assert not re.findall(r"\bconfig\w*\.[A-Z][A-Z_]+\b", path.read_text())


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
    assert len(path.read_text().splitlines()) <= 300


def test_a_room_is_empty_but_for_its_modules():
    """What a room offers stands in its modules; importing one of them loads no other."""
    for path in PACKAGE.glob("*/__init__.py"):
        assert [type(node) for node in ast.parse(path.read_text()).body] == [ast.Expr]
