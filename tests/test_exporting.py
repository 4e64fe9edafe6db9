"""Exported networks find what the network finds, elsewhere too, and are refused where they are not
what they say."""

import argparse
import dataclasses
import importlib.util
import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mrcnn.commands import export_command, exporting
from mrcnn.commands.export_command import run_export
from mrcnn.commands.opening import open_model
from mrcnn.export import forms, int8, parity
from mrcnn.nn import nms
from mrcnn.runtimes import description, formats
from mrcnn.runtimes.description import ExportError
from mrcnn.runtimes.exported import Exported
from tests.small import SmallConfig

CLASSES = ["BG", "square", "disc"]
# Runs where nothing of this project, of Keras and of TensorFlow can be imported.
ALONE = """
import sys
from types import SimpleNamespace
for name in ("mrcnn", "keras", "tensorflow"):
    sys.modules[name] = None
import numpy as np
names = ("boxes", "class_ids", "scores", "masks")
feed = dict(np.load("inputs.npz"))
if sys.argv[1] == "onnx":
    import onnxruntime
    found = onnxruntime.InferenceSession(sys.argv[2]).run(names, feed)
elif sys.argv[1] == "openvino":
    import openvino
    run = openvino.Core().compile_model(sys.argv[2], "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    outputs = run(feed)
    found = [outputs[name] for name in names]
else:
    from ai_edge_litert.interpreter import Interpreter
    outputs = Interpreter(sys.argv[2]).get_signature_runner()(**feed)
    found = [outputs[name] for name in names]
np.savez("found.npz", **dict(zip(names, found)))
"""


class Config(SmallConfig):
    DETECTION_MIN_CONFIDENCE = 0.05


def of_format(*names):
    """Parametrize with formats; those whose packages are missing are skipped."""
    return pytest.mark.parametrize(
        "name",
        [
            pytest.param(
                name,
                marks=pytest.mark.skipif(
                    any(
                        importlib.util.find_spec(p) is None for p in formats.FORMATS[name].packages
                    ),
                    reason=f"{name} is not installed",
                ),
            )
            for name in names
        ],
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A weights file of the small network, whose backbone the Config has."""
    import keras

    from mrcnn.nn import network
    from mrcnn.nn import weights as weight_files
    from mrcnn.nn.blocks import leaf_layers

    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("exporting") / "small.h5"
    model = network.build("inference", Config())
    metadata = {"class_names": CLASSES, "settings": Config().to_json()}
    weight_files.save(leaf_layers(model), path, metadata)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    from mrcnn import pictures

    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / f"{index}.png" for index in range(2)]
    for index, path in enumerate(paths):
        pictures.write(path, noise(index))
    return paths


def noise(seed):
    """A faint photo: no two anchors score the same, and an untrained network is not sure of all."""
    return np.random.default_rng(seed).integers(35, 46, (128, 128, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def opened(weights):
    return open_model(weights, Config)


@pytest.fixture(scope="module")
def exports(opened, photos, tmp_path_factory):
    """A function: format -> the folder of the exported small network; each is made once."""
    folder, made = tmp_path_factory.mktemp("exports"), {}

    def export(name):
        if name not in made:
            exporting.export(opened, name, folder / name, photos)
            made[name] = folder / name
        return made[name]

    return export


# -- What stands in the graph ----------------------------------------------------------------------


def test_the_best_are_those_of_top_k():
    scores = np.random.default_rng(0).uniform(0, 1, (1, 5000)).astype(np.float32) ** 8
    kept = np.asarray(forms.best(scores, 700))
    least = np.sort(scores[0])[-700]
    np.testing.assert_array_equal(kept, np.where(scores >= least, scores, nms.NEVER))


@pytest.mark.parametrize("classes", [1, 3])
def test_suppression_keeps_the_same_rows(classes):
    from keras import ops

    rng = np.random.default_rng(classes)
    corners = rng.uniform(0, 0.8, (1, 300, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0.05, 0.2, (1, 300, 2))], axis=-1)
    scores = np.where(rng.random((1, 300)) < 0.1, nms.NEVER, rng.random((1, 300)))
    ids = rng.integers(0, classes, (1, 300)).astype(np.int32)
    given = [ops.convert_to_tensor(x.astype(np.float32)) for x in (boxes, scores)]
    expected = nms.suppress(*given, ops.convert_to_tensor(ids), classes, 0.3, 150)
    found = forms.suppress(*given, ops.convert_to_tensor(ids), classes, 0.3, 150)
    assert 20 < (np.asarray(expected[1]) > 0).sum() <= 150
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), atol=1e-6)


# -- The formats -----------------------------------------------------------------------------------


@of_format("onnx", "openvino")
def test_a_process_without_this_package_finds_the_same(name, exports, opened, photos, tmp_path):
    detector, folder = opened.keras_detector, exports(name)
    images, metas = exporting._molded(detector, photos[0])
    rows, masks = (part[0] for part in detector.compiled(images.shape[1:])(images, metas, 0.05))
    np.savez(tmp_path / "inputs.npz", **exporting._feed(images, metas))
    command = [sys.executable, "-c", ALONE, name, str(folder / formats.FORMATS[name].file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = dict(np.load(tmp_path / "found.npz"))
    count = int((rows[:, 5] >= 0.05).sum())
    assert count >= 5
    np.testing.assert_allclose(found["boxes"][0], rows[:, :4], atol=1e-4)
    np.testing.assert_array_equal(found["class_ids"][0], rows[:, 4])
    np.testing.assert_allclose(found["scores"][0], rows[:, 5], atol=1e-4)
    np.testing.assert_allclose(found["masks"][0, :count], masks[:count], atol=1e-3)
    assert found["masks"].shape[1] == count
    told = json.loads((folder / description.NAME).read_text())
    assert told["class_names"] == CLASSES and told["molding"]["mean_pixel"] == [40, 40, 40]
    assert told["parity"]["detections"] >= 5


@of_format("onnx", "openvino")
def test_a_detector_takes_it_and_other_sizes_too(name, exports, opened):
    image = noise(5)
    with_runtime = open_model(exports(name), Config)
    for looking in ({}, {"tta": True}):
        (expected,) = opened.keras_detector.detect([image], 0.3, **looking)
        (found,) = with_runtime.detector.detect([image], 0.3, **looking)
        assert len(found) and found.class_ids.tolist() == expected.class_ids.tolist()
        assert np.abs(found.rois - expected.rois).max() <= 1
    assert with_runtime.class_names == CLASSES
    (few,) = open_model(exports(name), Config, max_instances=2).detector.detect([image], 0.0)
    assert len(few) == 2
    with pytest.raises(ValueError, match=r"finds 10 at most"):
        open_model(exports(name), Config, max_instances=30)


@of_format("onnx")
def test_weights_are_exported_once_beside_them(
    name, weights, photos, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(exporting, "photos_in", lambda folder: photos)
    own = shutil.copy(weights, tmp_path / "own.h5")
    made = open_model(own, Config, runtime=name)
    path = exporting.cached(made, name)
    assert path.parent == tmp_path / "own.h5.exported" / name
    assert "is exported once for ONNX Runtime" in capsys.readouterr().out
    before = path.stat().st_mtime_ns
    assert exporting.cached(made, name) == path
    assert path.stat().st_mtime_ns == before and not capsys.readouterr().out

    class Other(Config):
        DETECTION_NMS_THRESHOLD = 0.45

    # What a graph cannot be told any more asks for another one; what lies beside it stays.
    (path.parent / "report.html").write_text("own")
    other = dataclasses.replace(made, config=Other())
    assert exporting.cached(other, name) == path
    assert path.stat().st_mtime_ns != before
    assert (path.parent / "report.html").read_text() == "own"


@of_format("onnx")
def test_starting_imports_neither_keras_nor_tensorflow(name, exports):
    code = (
        "import sys; from mrcnn.commands.opening import open_model; import numpy as np; "
        f"detector = open_model({str(exports(name))!r}).detector; "
        "detector.detect([np.zeros((90, 90, 3), np.uint8)]); "
        "print([n for n in ('keras', 'tensorflow', 'mrcnn.nn.network') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


# -- Comparing -------------------------------------------------------------------------------------


def finding(rows, masks=None, noisy=None):
    """Return a function as of `compiled` that finds the same each time, `noisy` in other images."""
    masks = np.full((1, len(rows), 4, 4), 0.9) if masks is None else masks

    def function(images, metas, least):
        other = noisy is not None and images.any()
        return np.array([noisy if other else rows], np.float32), masks.astype(np.float32)

    return lambda shape: function


ROW = [0.1, 0.2, 0.5, 0.6, 1, 0.9]
IMAGE = np.zeros((1, 64, 64, 3), np.float32), np.zeros((1, 15))


@pytest.mark.parametrize(
    ("place", "change", "holds"),
    [(0, 5e-4, True), (0, 2e-3, False), (5, 2e-3, False), (4, 1, False)],
)
def test_float_must_agree_to_a_thousandth(place, change, holds):
    other = list(ROW)
    other[place] += change
    found = parity.compare(finding([ROW]), finding([other]), [IMAGE], False, 0.7)
    assert found.holds is holds and found.detections == 1
    assert found.lost == (place == 4)


@pytest.mark.parametrize(("settled", "holds"), [(0, False), (1, False), (2, False), (3, True)])
def test_what_the_network_finds_otherwise_itself_is_not_compared(settled, holds):
    sure = [[*ROW[:4], number, 0.9] for number in range(2, 2 + settled)]
    other = [0.3, *ROW[1:]]
    ours, theirs = finding([ROW, *sure], noisy=[other, *sure]), finding([other, *sure])
    found = parity.compare(ours, theirs, [IMAGE], False, 0.7)
    assert (found.detections, found.unsettled) == (settled, 1)
    # Of few that are left nobody can tell whether the network is the same.
    assert found.holds is holds


def test_what_is_no_number_is_not_alike():
    masks = np.full((1, 1, 4, 4), np.nan)
    found = parity.compare(finding([ROW]), finding([ROW], masks), [IMAGE], False, 0.7)
    assert not found.holds
    for place in (0, 5):
        row = ROW[:place] + [np.nan] + ROW[place + 1 :]
        assert not parity.compare(finding([ROW]), finding([row]), [IMAGE], False, 0.7).holds


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("extra", [ROW, [0.6, 0.6, 0.9, 0.9, 2, 0.9]])
def test_nothing_more_may_be_found(int8, extra):
    found = parity.compare(finding([ROW]), finding([ROW, extra]), [IMAGE], int8, 0.7)
    assert (found.added, found.lost, found.holds) == (1, 0, False)
    assert "1 more are found" in found.text()
    faint = [*extra[:5], 0.04]
    assert parity.compare(finding([ROW]), finding([ROW, faint]), [IMAGE], int8, 0.7).holds


def test_nothing_found_is_nothing_shown():
    nothing = np.zeros((1, 6), np.float32)
    for whole in (False, True):
        assert not parity.compare(finding(nothing), finding(nothing), [IMAGE], whole, 0.7).holds


def test_int8_must_keep_98_of_100():
    ours = [[0.1, 0.2, 0.5, 0.6, number, 0.9] for number in range(1, 51)]
    for lost, holds in ((1, True), (2, False)):
        theirs = [[0.6, 0.6, 0.9, 0.9, *row[4:]] for row in ours[:lost]] + ours[lost:]
        found = parity.compare(finding(ours), finding(theirs), [IMAGE], True, 0.7)
        assert found.lost == lost and found.holds is holds


# -- What is refused -------------------------------------------------------------------------------


@pytest.fixture
def described(tmp_path):
    """A folder with what looks like an export, whose network is a few bytes."""
    (tmp_path / "model.onnx").write_bytes(b"network" * 9)
    made = description.Description("onnx", CLASSES, {}, None, 10, 0.7, False, {})
    made.write(tmp_path)
    assert description.read(tmp_path / description.NAME).class_names == CLASSES
    return tmp_path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"network" * 8, "is cut short, 56 bytes of 63"),
        (b"another" * 9, "is not the network that"),
        (b"network" * 10, "is not the network that"),
        (None, "is missing"),
    ],
)
def test_another_network_is_refused(described, content, words):
    file = described / "model.onnx"
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(ExportError, match=words):
        open_model(described)


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_instances", "9"), ("settings", "x"), ("class_names", "BG"), ("molding", [])],
)
def test_a_json_of_other_kinds_is_refused(described, name, value):
    path = described / description.NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(ExportError, match="does not describe an exported network"):
        open_model(described)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"mrcnn_export": 1}', "\x00"])
def test_a_json_that_describes_nothing_is_refused(described, text):
    (described / description.NAME).write_text(text)
    with pytest.raises(ExportError, match="does not describe an exported network"):
        open_model(described)


def test_a_network_without_its_json_is_refused(described):
    (described / description.NAME).unlink()
    with pytest.raises(ExportError, match=r"has no model\.json beside it"):
        open_model(described / "model.onnx")


def test_a_file_that_only_looks_like_one_is_refused(described):
    pytest.importorskip("onnxruntime")
    with pytest.raises(ExportError, match="cannot be read by ONNX Runtime"):
        Exported(described / description.NAME)


def test_another_runtime_is_refused(described):
    with pytest.raises(ValueError, match="--runtime openvino is another"):
        open_model(described, runtime="openvino")


def test_a_missing_package_is_named_with_its_pip_line(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r'openvino and nncf.*pip install "\.\[openvino\]"'):
        exporting.needs("openvino", True)
    with pytest.raises(ValueError, match="litert stays float"):
        exporting.needs("litert", True)


def test_what_was_exported_is_counted_in_words(tmp_path, monkeypatch, capsys):
    def export(opened, name, folder, *_):
        folder.mkdir(parents=True)

    for name in ("needs", "image_shape"):
        monkeypatch.setattr(exporting, name, lambda *_: None)
    monkeypatch.setattr(exporting, "export", export)
    monkeypatch.setattr(export_command, "_photos", lambda _: [])
    for names, words in ((["BG", "a"], "1 class,"), (["BG", "a", "b"], "2 classes,")):
        info = SimpleNamespace(path=tmp_path / f"{len(names)}.h5")
        found = SimpleNamespace(info=info, class_names=names, export=None, config=None)
        monkeypatch.setattr(export_command, "open_for", lambda *_, found=found: found)
        arguments = SimpleNamespace(format="onnx", int8=False, output=None, overwrite=False)
        assert export_command.run_export(None, arguments) == 0
        assert f"model.onnx: {words} 0 MB with model.json" in capsys.readouterr().out


def test_int8_without_photos_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "needs", lambda *_: None)
    arguments = argparse.Namespace(format="onnx", int8=True, calibrate=None, dataset=tmp_path)
    with pytest.raises(ValueError, match="name their folder with --calibrate"):
        run_export(None, arguments)


def test_what_openvino_compiled_is_kept(exports, monkeypatch, tmp_path):
    openvino = pytest.importorskip("openvino")
    from mrcnn.runtimes import with_openvino

    path, kept = tmp_path / "model.xml", tmp_path / "kept"
    for each in (path, path.with_suffix(".bin")):
        shutil.copy(exports("openvino") / each.name, each)
    monkeypatch.setattr(with_openvino, "COMPILED", kept)
    image = noise(0).astype("f4")[None] - Config.MEAN_PIXEL.astype("f4")
    feed = image, np.array([[0, 0, 128, 128]], "f4"), np.zeros(1, "f4")

    def run():
        return with_openvino.Runner(path, None, "float32").compiled((128, 128, 3))(*feed)[2]

    first = run()
    assert first.max() > 0.1
    (blob,) = kept.glob("*.blob")
    written = blob.stat().st_mtime_ns
    np.testing.assert_array_equal(run(), first)
    assert blob.stat().st_mtime_ns == written
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:1000])
    np.testing.assert_array_equal(run(), first)
    assert blob.stat().st_size > 1000

    # Other weights in the same place are another network.
    other = openvino.Core().read_model(path)
    nodes = other.get_ordered_ops()
    first_layer = next(node for node in nodes if node.get_type_name() == "Convolution")
    kernel = first_layer.input_value(1).get_node().data
    first_layer.input(1).replace_source_output(openvino.opset13.constant(kernel / 2).output(0))
    openvino.save_model(other, tmp_path / "other.xml", compress_to_fp16=False)
    for each in (path, path.with_suffix(".bin")):
        (tmp_path / f"other{each.suffix}").replace(each)
    assert not np.array_equal(run(), first)
    assert len(list(kept.glob("*.blob"))) == 2
    first = run()

    monkeypatch.setattr(with_openvino, "MOST_BYTES", 0)
    with_openvino.Runner(path, None, "float32")
    assert not list(kept.iterdir())
    monkeypatch.setattr(with_openvino, "COMPILED", path / "below a file")
    np.testing.assert_array_equal(run(), first)


class Scaled(keras.Model):
    """Deltas of a convolution, `[1, 256, 4]`, multiplied by 1, 2, 3 and 4."""

    def __init__(self):
        super().__init__()
        image = keras.Input((16, 16, 3))
        features = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(image)
        deltas = keras.layers.Conv2D(4, 1, name="rpn_bbox_pred")(features)
        self.deltas = keras.Function(image, keras.layers.Reshape((256, 4))(deltas))
        self.built = True

    def call(self, image):
        deltas = forms.scaled(self.deltas(image), [1.0, 2.0, 3.0, 4.0])
        return keras.ops.exp(keras.ops.stack([deltas[..., place] for place in range(4)], axis=-1))


def test_int8_scales_each_delta_by_its_own_number(tmp_path):
    pytest.importorskip("nncf")
    openvino = pytest.importorskip("openvino")
    keras.utils.set_random_seed(0)
    path = tmp_path / "model.xml"
    given = [keras.InputSpec(shape=(1, 16, 16, 3), dtype="float32", name="image")]
    Scaled().export(str(path), format="openvino", input_signature=given, verbose=False)
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype(np.float32)

    def run():
        return np.log(openvino.Core().compile_model(path, "CPU")([image])[0])

    exact, seen = run(), []
    int8.quantize("openvino", tmp_path, [{"image": image}], 1, lambda *done: seen.append(done))
    inexact = run()
    assert seen and not np.array_equal(exact, inexact)
    np.testing.assert_allclose(exact, inexact, atol=0.1 * np.abs(exact).max())


def test_what_differs_leaves_nothing_behind(opened, photos, tmp_path, monkeypatch):
    from mrcnn.export import writing

    monkeypatch.setattr(writing, "write", lambda *_: (_[4] / "model.onnx").write_bytes(b"x"))
    monkeypatch.setattr(exporting, "Exported", lambda *_, **__: Blind())
    with pytest.raises(ValueError, match="is not written: what ONNX Runtime finds is not"):
        exporting.export(opened, "onnx", tmp_path / "out", photos)
    assert not list(tmp_path.iterdir())


class Blind:
    """A network that finds nothing."""

    def compiled(self, shape):
        return lambda *_: (np.zeros((1, 10, 6)), np.zeros((1, 10, 28, 28)))


@pytest.mark.parametrize(
    ("there", "asked", "taken"),
    [
        (["CPU", "GPU"], "gpu", "GPU"),
        (["CPU", "GPU"], "gpu:0", "GPU"),
        (["CPU", "GPU.0", "GPU.1"], "gpu", "GPU.0"),
        (["CPU", "GPU.0", "GPU.1"], "gpu:1", "GPU.1"),
        (["CPU", "GPU"], "gpu:1", None),
        (["CPU"], "gpu", None),
        (["CPU"], None, "CPU"),
    ],
)
def test_openvinos_devices(there, asked, taken):
    with_openvino = pytest.importorskip("mrcnn.runtimes.with_openvino")
    core = SimpleNamespace(available_devices=there)
    if taken:
        assert with_openvino._device(core, asked) == taken
    else:
        with pytest.raises(ValueError, match="OpenVINO has no such device here, it has CPU"):
            with_openvino._device(core, asked)
