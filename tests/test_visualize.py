"""The names that scripts and notebooks call: signatures, axes, no display, tables."""

import inspect
import json
import os
import subprocess
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

from mrcnn import visualize

API = json.loads(Path(__file__, "..", "conformance", "api.json").resolve().read_text())
NAMES = ["BG", "remote", "cup"]


@pytest.fixture(autouse=True)
def no_display():
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no display")
        yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch):
    """Pretend a display: counts the calls of pyplot.show."""
    import matplotlib.pyplot as plt

    calls = []
    monkeypatch.setattr(plt, "get_backend", lambda: "QtAgg")
    monkeypatch.setattr(plt, "show", lambda: calls.append(len(plt.get_fignums())))
    return calls


def scene():
    image = np.full((60, 80, 3), 90, np.uint8)
    boxes = np.array([[10, 10, 30, 40], [35, 50, 55, 70]])
    masks = np.zeros((60, 80, 2), bool)
    for index, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, index] = True
    return image, boxes, masks, np.array([1, 2])


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[1],
    )


# -- The interface -----------------------------------------------------------------------------


@pytest.mark.parametrize("name, signature", API["mrcnn.visualize"].items())
def test_signatures(name, signature):
    expected = inspect.signature(eval(f"lambda {signature[1:-1]}: None"))
    actual = inspect.signature(getattr(visualize, name))
    wanted = [(p.name, p.default) for p in expected.parameters.values()]
    given = [(p.name, p.default) for p in actual.parameters.values()]
    assert given[: len(wanted)] == wanted
    assert all(default is not inspect.Parameter.empty for _, default in given[len(wanted) :])


def test_import_loads_no_plotting_library():
    code = "import sys, mrcnn.visualize; print([m for m in sys.modules if m in {0}])"
    heavy = {"matplotlib", "matplotlib.pyplot", "IPython", "keras", "tensorflow", "PIL"}
    result = run_python(code.format(heavy))
    assert result.stdout.strip() == "[]", result.stderr


def test_pictures_need_no_pyplot():
    code = """
import sys, numpy as np
from mrcnn import visualize
image = np.zeros((50, 60, 3), np.uint8)
masks = np.ones((50, 60, 1), bool)
a = visualize.draw_instances(image, [[5, 5, 40, 40]], masks, [1], ["BG", "x"], [0.9])
b = visualize.display_instances(
    image, np.array([[5, 5, 40, 40]]), masks, [1], ["BG", "x"], [0.9], return_image=True)
print((a == b).all(), "matplotlib.pyplot" in sys.modules)
"""
    result = run_python(code)
    assert result.stdout.strip() == "True False", result.stderr


def test_without_display_the_backend_draws_to_files():
    code = """
import numpy as np
from mrcnn import visualize
axes = visualize.display_images([np.zeros((5, 6, 3))])
axes[0].figure.canvas.draw()
"""
    environment = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "MPLBACKEND": ""}
    result = run_python(code, **environment)
    assert result.returncode == 0, result.stderr
    assert "no display, so nothing is shown" in result.stderr


# -- Instances ---------------------------------------------------------------------------------


def test_display_instances_draws_into_given_axes_and_shows_nothing(shown):
    import matplotlib.pyplot as plt

    image, boxes, masks, ids = scene()
    _, ax = plt.subplots()
    result = visualize.display_instances(image, boxes, masks, ids, NAMES, [0.9, 0.8], "t", ax=ax)
    assert result is ax and shown == []
    assert ax.get_title() == "t"
    kinds = [type(patch).__name__ for patch in ax.patches]
    assert kinds == ["Rectangle", "Polygon"] * 2
    assert ax.patches[0].get_bbox().bounds == (10, 10, 30, 20)
    assert ax.patches[1].get_xy().min(axis=0).tolist() == [9.5, 9.5]
    assert [text.get_text() for text in ax.texts] == ["remote 0.90", "cup 0.80"]
    drawn = ax.images[0].get_array()
    assert (drawn[masks.any(axis=-1)] != 90).any(axis=-1).all()
    assert (drawn[~masks.any(axis=-1)] == 90).all() and (image == 90).all()


def test_display_instances_draws_what_is_asked_for():
    image, boxes, masks, ids = scene()
    plain = visualize.display_instances(
        image, boxes, masks, ids, NAMES, captions=["", None], show_mask=False, show_bbox=False
    )
    assert not [*plain.patches, *plain.texts]
    np.testing.assert_array_equal(plain.images[0].get_array(), image)
    own = visualize.display_instances(
        image, boxes, masks, ids, NAMES, colors=[(1, 0, 0), (0, 1, 0)], captions=["a", "b"]
    )
    assert [text.get_text() for text in own.texts] == ["a", "b"]
    assert own.patches[0].get_edgecolor()[:3] == (1, 0, 0)
    for wrong in ({"colors": ["red"]}, {"captions": ["a"]}, {"scores": [0.5]}):
        with pytest.raises(ValueError, match="holds 1 values for 2 boxes"):
            visualize.display_instances(image, boxes, masks, ids, NAMES, **wrong)


def test_display_instances_shows_where_there_is_a_display(shown):
    image, boxes, masks, ids = scene()
    axes = visualize.display_instances(image, boxes, masks, ids, NAMES, figsize=(3, 2))
    assert shown == [1]
    assert axes.figure.get_size_inches().tolist() == [3, 2]


def test_display_instances_passes_what_it_is_given():
    image, boxes, masks, ids = scene()
    options = {"colors": [(1, 0, 0), (0, 1, 0)], "captions": ["a", "b"], "alpha": 0.9}
    result = visualize.display_instances(
        image, boxes, masks, ids, NAMES, show_mask=True, show_bbox=False, return_image=True,
        **options,
    )  # fmt: skip
    expected = visualize.draw_instances(image, boxes, masks, ids, NAMES, show_bbox=False, **options)
    np.testing.assert_array_equal(result, expected)
    plain = visualize.display_instances(
        image, boxes, masks, ids, NAMES, show_mask=False, show_bbox=False, captions=["", ""],
        return_image=True,
    )  # fmt: skip
    np.testing.assert_array_equal(plain, image)


def test_no_instances_is_said_and_the_picture_shown(capsys):
    image = scene()[0]
    nothing = np.zeros((0, 4), int), np.zeros((60, 80, 0)), np.zeros(0, int)
    axes = visualize.display_instances(image, *nothing, NAMES)
    assert "*** No instances to display ***" in capsys.readouterr().out
    np.testing.assert_array_equal(axes.images[0].get_array(), image)


def test_no_display_is_said_and_figures_stay_but_do_not_pile_up():
    import matplotlib.pyplot as plt

    with pytest.warns(UserWarning, match="no display") as caught:
        first, second = (visualize.display_instances(*scene(), NAMES) for _ in range(2))
    assert caught[0].filename == __file__
    assert [plt.figure(number) for number in plt.get_fignums()] == [first.figure, second.figure]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for _ in range(40):
            axes = visualize.display_images([scene()[0]])
    assert 2 < len(plt.get_fignums()) <= 20
    # The newest is pyplot's current figure, so pyplot.savefig finds it.
    assert plt.gcf() is axes[0].figure


def test_display_differences_captions_follow_matches():
    image, boxes, masks, ids = scene()
    # Too weak, padding, of the wrong class, and found but for a fifth; equal scores.
    pred_box = np.array([boxes[0], [0, 0, 0, 0], boxes[1], boxes[0]])
    partly = masks[..., 0].copy()
    partly[:, :16] = False
    pred_mask = np.stack([masks[..., 0], masks[..., 0], masks[..., 1], partly], axis=-1)
    axes = visualize.display_differences(
        image, boxes, ids, masks, pred_box, np.array([1, 0, 1, 1]),
        np.array([0.3, 0.95, 0.9, 0.9]), pred_mask, NAMES,
    )  # fmt: skip
    assert [text.get_text() for text in axes.texts] == ["0.90 / 1.00", "0.90 / 0.80"]
    frames = [patch for patch in axes.patches if patch.get_linestyle() == "dashed"]
    colors = [patch.get_edgecolor() for patch in frames]
    assert len(colors) == 4 and colors[0] == colors[1] != colors[2] == colors[3]
    assert "score / IoU" in axes.get_title()


def test_display_differences_gives_the_overlap_with_the_match(monkeypatch):
    image, boxes, masks, _ = scene()
    # The prediction covers the object of the other class exactly, its own by half.
    gt_mask = np.repeat(masks[..., :1], 2, axis=-1)
    gt_mask[:20, :, 1] = False
    captions = []
    monkeypatch.setattr(
        visualize, "display_instances", lambda *_, **options: captions.extend(options["captions"])
    )
    visualize.display_differences(
        image, boxes[[0, 0]], np.array([2, 1]), gt_mask,
        boxes[:1], np.array([1]), np.array([0.75]), masks[..., :1], NAMES,
    )  # fmt: skip
    assert captions == ["", "", "0.75 / 0.50"]


@pytest.mark.parametrize("gt, pred", [(0, 2), (2, 0), (0, 0)])
def test_display_differences_of_empty_sides(gt, pred):
    image, boxes, masks, ids = scene()
    axes = visualize.display_differences(
        image, boxes[:gt], ids[:gt], masks[..., :gt],
        boxes[:pred], ids[:pred], np.ones(pred), masks[..., :pred], NAMES, title="mine",
    )  # fmt: skip
    assert axes.get_title() == "mine"


# -- Other figures -----------------------------------------------------------------------------


def test_display_images_lays_out_rows_and_titles():
    images = [np.zeros((4, 5, 3)), np.eye(4), np.ones((4, 5, 3), np.uint8)]
    axes = visualize.display_images(images, ["a", "b", "c"], cols=2, cmap="Blues")
    assert len(axes) == 4
    assert [one.get_title() for one in axes] == ["a", "b", "c", ""]
    assert [len(one.images) for one in axes] == [1, 1, 1, 0]
    assert not any(one.axison for one in axes)
    assert axes[1].images[0].get_cmap().name == "Blues"
    assert len(visualize.display_images([])) == 4


def test_draw_boxes_dashed_solid_and_connected():
    image, boxes, masks, _ = scene()
    refined = boxes + 2
    axes = visualize.draw_boxes(
        image, boxes, refined, masks, captions=["one", None], visibilities=[2, 0], title="t"
    )
    styles = [(p.get_linestyle(), p.get_xy(), p.get_linewidth()) for p in axes.patches]
    assert styles == [
        ("dashed", (10, 10), 2), ("solid", (12, 12), 2),
        ("dashed", (50, 35), 1), ("solid", (52, 37), 1),
    ]  # fmt: skip
    assert axes.lines[0].get_xydata().tolist() == [[10, 10], [12, 12]]
    assert [t.get_text() for t in axes.texts] == ["one"]
    drawn = axes.images[0].get_array()
    assert (drawn[20, 20] != 90).any() and (drawn[45, 60] == 90).all()  # grey ones have no mask
    assert (image == 90).all()


def test_draw_boxes_with_one_kind_and_with_none():
    image, boxes, _, _ = scene()
    assert len(visualize.draw_boxes(image, boxes=boxes).patches) == 2
    assert len(visualize.draw_boxes(image, refined_boxes=boxes, captions=["a", "b"]).texts) == 2
    with pytest.raises(ValueError, match="needs boxes"):
        visualize.draw_boxes(image)


def test_draw_rois_counts_and_limits(capsys):
    image, _, _, _ = scene()
    rois = np.array([[5, 5, 25, 25]] * 6 + [[30, 30, 50, 60]] * 6 + [[0, 0, 0, 0]] * 2)
    ids = np.array([1] * 6 + [0] * 8)
    mini_masks = np.ones((14, 7, 7), np.float32)
    axes = visualize.draw_rois(image, rois, rois + 1, mini_masks, ids, NAMES, limit=6)
    out = capsys.readouterr().out
    assert "RoIs with an object: 6 (50%)" in out and "RoIs of background:  6" in out
    styles = [p.get_linestyle() for p in axes.patches]
    assert styles.count("dashed") == 6 and styles.count("solid") == 3
    assert [t.get_text() for t in axes.texts] == ["remote"] * 3
    assert (axes.images[0].get_array()[10, 10] != 90).any()
    empty = visualize.draw_rois(image, rois[:0], rois[:0], mini_masks[:0], ids[:0], NAMES)
    assert not empty.patches


def test_display_top_masks_by_area():
    image, _, masks, ids = scene()  # 600 pixels of class 1, 400 of class 2
    axes = visualize.display_top_masks(image, masks[..., ::-1], ids[::-1], NAMES, limit=2)
    assert [one.get_title() for one in axes] == ["H x W = 60 x 80", "remote", "cup"]
    np.testing.assert_array_equal(axes[1].images[0].get_array() > 0, masks[..., 0])
    axes = visualize.display_top_masks(image, masks, ids - 1, NAMES)
    assert [one.get_title() for one in axes[1:]] == ["remote", "", "", ""]
    axes = visualize.display_top_masks(image, masks[..., :0], ids[:0], NAMES)
    assert [len(one.images) for one in axes] == [1, 0, 0, 0, 0]


def test_plot_precision_recall():
    axes = visualize.plot_precision_recall(0.625, [1.0, 0.5], [0.0, 1.0])
    assert axes.lines[0].get_xydata().tolist() == [[0, 1], [1, 0.5]]
    assert "0.625" in axes.get_title()
    assert visualize.plot_precision_recall(0.5, [1], [1], ax=axes) is axes


def test_plot_overlaps_verdicts():
    overlaps = np.array([[0.8, 0.1], [0.6, 0.2]])
    axes = visualize.plot_overlaps(
        np.array([1, 2, 0]), np.array([1, 2]), np.array([0.9, 0.75]), overlaps, NAMES, 0.5
    )
    texts = [t.get_text() for t in axes.texts]
    assert texts == ["0.80\nmatch", "0.10", "0.60\nwrong class", "0.20"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["remote", "cup"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["remote 0.90", "cup 0.75"]
    assert not visualize.plot_overlaps([], [], [], np.zeros((0, 0)), NAMES).texts


# -- Tables ------------------------------------------------------------------------------------


def test_display_table_aligns_text(capsys):
    visualize.display_table([["name", "n"], ["a", 10], ["longer", 2, "x"]])
    assert capsys.readouterr().out == "name    n\na       10\nlonger  2   x\n"
    visualize.display_table([])
    assert capsys.readouterr().out == ""


def test_display_table_in_a_notebook_is_escaped_html(monkeypatch, capsys):
    shown = []
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    display = types.ModuleType("IPython.display")
    display.HTML, display.display = str, shown.append
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    visualize.display_table([["<b>", 1]])
    assert shown == ["<table><tr><td>&lt;b&gt;</td><td>1</td></tr></table>"]
    assert capsys.readouterr().out == ""
    ipython.get_ipython = lambda: None
    visualize.display_table([["plain"]])
    assert capsys.readouterr().out == "plain\n"


def test_weight_stats_of_a_model(capsys):
    def layer(name, **values):
        weights = [types.SimpleNamespace(name=key) for key in values]
        return types.SimpleNamespace(
            name=name, weights=weights, get_weights=lambda: list(values.values())
        )

    model = types.SimpleNamespace(
        get_trainable_layers=lambda: [
            layer("conv1", kernel=np.array([[-1.0, 3.0]]), bias=np.zeros(2)),
            layer("bad", kernel=np.ones((2, 2)), gamma=np.array([2e3]), beta=np.array([np.nan])),
        ]
    )
    visualize.display_weight_stats(model)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["conv1/kernel", "(1,", "2)", "-1.0000", "+3.0000", "+2.0000"]
    assert lines[2].split()[-1] == "+0.0000"  # biases start as zeros: nothing wrong
    assert [line.split()[-1] for line in lines[3:]] == ["dead?", "overflow?", "finite"]
