"""Weight files: what loads, what is refused and why, and what is written."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from mrcnn.model import MaskRCNN
from mrcnn.nn import weights, weights_file
from mrcnn.nn.blocks import leaf_layers
from tests.golden import FOLDER
from tests.small import SmallConfig

LAYOUT = json.loads((FOLDER / "weights.json").read_text())


class ResNet50Config(SmallConfig):
    BACKBONE = "resnet50"
    NUM_CLASSES = 81
    TOP_DOWN_PYRAMID_SIZE = 256
    RPN_CONV_LAYER_SIZE = 512
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024
    MASK_CONV_LAYERS_SIZE = 256


def arrays(model):
    return {
        (leaf.name, v.name): np.asarray(v)
        for leaf, _ in leaf_layers(model.keras_model)
        for v in leaf.weights
    }


def layout(path):
    with h5py.File(path) as file:
        return [
            [
                name,
                [[w, list(file[name][w].shape)] for w in _texts(file[name].attrs["weight_names"])],
            ]
            for name in _texts(file.attrs["layer_names"])
        ]


def _texts(names):
    return [name.decode() if isinstance(name, bytes) else name for name in names]


@pytest.fixture(scope="module")
def small():
    return MaskRCNN("inference", SmallConfig(), "log")


@pytest.fixture(scope="module")
def trainable():
    return MaskRCNN("training", SmallConfig(), "log")


@pytest.fixture(scope="module")
def small_file(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "small.h5"
    small.save_weights(path)
    return path


@pytest.fixture
def copy(small_file, tmp_path):
    return Path(shutil.copy(small_file, tmp_path / "copy.h5"))


@pytest.fixture(scope="module")
def resnet50():
    return MaskRCNN("inference", ResNet50Config(), "log")


# -- The published layout --------------------------------------------------------------------------


@pytest.mark.parametrize(("backbone", "layers"), [("resnet50", 131), ("resnet101", 233)])
def test_a_published_file_loads_in_full(golden_runs, published_weights, backbone, layers):
    _, model, _ = golden_runs(backbone)
    report = model.load_weights(published_weights(backbone), by_name=True)
    with_weights = [entry for entry in LAYOUT[backbone] if entry[1]]
    assert len(with_weights) == layers
    assert len(report.loaded) == sum(len(names) for _, names in with_weights)
    assert not any([report.missing, report.unused, report.excluded, report.zero_biases])
    loaded = arrays(model)
    with h5py.File(published_weights(backbone)) as file:
        for layer, variable in (
            ("conv1", "kernel"),
            ("bn_conv1", "moving_variance"),
            ("mrcnn_mask_deconv", "kernel"),
        ):
            dataset = file[f"{layer}/{layer}/{variable}:0"]
            np.testing.assert_array_equal(loaded[layer, variable], dataset)
        np.testing.assert_array_equal(
            loaded["rpn_class_raw", "bias"], file["rpn_model/rpn_class_raw/bias:0"]
        )


@pytest.mark.parametrize("backbone", ["resnet50", "resnet101"])
def test_a_round_trip_keeps_bits_and_layout(golden_runs, published_weights, tmp_path, backbone):
    _, model, _ = golden_runs(backbone)
    source, target = published_weights(backbone), tmp_path / "saved.h5"
    model.save_weights(target)
    assert layout(target) == [entry for entry in layout(source) if entry[1]]
    with h5py.File(source) as old, h5py.File(target) as new:
        for layer, names in layout(target):
            for name, _ in names:
                assert old[layer][name][()].tobytes() == new[layer][name][()].tobytes()


def test_a_training_network_writes_the_same_layout(small_file, trainable, tmp_path):
    trainable.save_weights(tmp_path / "trained.h5")
    assert layout(tmp_path / "trained.h5") == layout(small_file)


def test_the_keras_model_reads_and_writes_the_layout_too(small, small_file, tmp_path):
    small.keras_model.save_weights(str(tmp_path / "kept.h5"))
    assert layout(tmp_path / "kept.h5") == layout(small_file)
    assert small.keras_model.load_weights(str(small_file), by_name=True).loaded


# -- Other ways to write it ------------------------------------------------------------------------


def spoil(model):
    for leaf, _ in leaf_layers(model.keras_model):
        for variable in leaf.weights:
            variable.assign(np.full(variable.shape, 7, np.float32))


def rewrite(source, target, group=lambda name: name, weight=lambda name: name, text=str.encode):
    """Copy a file with other names; `text` turns a name into what is stored."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        root = new.create_group(group("")) if group("") else new
        root.attrs["layer_names"] = [text(name) for name in _texts(old.attrs["layer_names"])]
        for layer in _texts(old.attrs["layer_names"]):
            names = _texts(old[layer].attrs["weight_names"])
            folder = root.create_group(layer)
            folder.attrs["weight_names"] = [text(weight(name)) for name in names]
            for name in names:
                folder[weight(name)] = old[layer][name][()]


@pytest.mark.parametrize(
    "change",
    [
        {"group": lambda _: "model_weights"},
        {"text": str},
        {"weight": lambda name: name.replace("kernel:0", "kernel_1:0")},
        {"weight": lambda name: name.removesuffix(":0")},
        {"weight": lambda name: name if name.startswith("rpn") else f"time_distributed/{name}"},
    ],
    ids=["whole model", "text names", "numbered", "Keras 3", "time distributed"],
)
def test_whichever_keras_wrote_it(small, small_file, tmp_path, change):
    small.load_weights(small_file)
    before = arrays(small)
    rewrite(small_file, tmp_path / "other.h5", **change)
    spoil(small)
    report = small.load_weights(tmp_path / "other.h5")
    assert len(report.loaded) == len(before)
    for key, array in arrays(small).items():
        np.testing.assert_array_equal(array, before[key], str(key))


def test_names_in_chunks(small, small_file, copy):
    with h5py.File(copy, "r+") as file:
        names = file.attrs["layer_names"]
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:10], names[10:]
    assert small.load_weights(copy).loaded == small.load_weights(small_file).loaded


def keras1(name):
    layer, variable = name.removesuffix(":0").split("/")
    words = {"kernel": "W", "bias": "b", "moving_mean": "running_mean"}
    words["moving_variance"] = "running_std"
    return f"{layer}_{words.get(variable, variable)}_1:0"


def test_an_imagenet_file_gives_the_backbone_alone(published_weights, tmp_path):
    model = MaskRCNN("training", ResNet50Config(), "log")
    path = tmp_path / "imagenet.h5"
    with h5py.File(published_weights("resnet50")) as old, h5py.File(path, "w") as new:
        names = [n for n in _texts(old.attrs["layer_names"]) if n.startswith(("conv", "bn", "res"))]
        new.attrs["layer_names"] = [name.encode() for name in names]
        for layer in names:
            group = new.create_group(layer)
            wanted = _texts(old[layer].attrs["weight_names"])
            group.attrs["weight_names"] = [keras1(name).encode() for name in wanted]
            for name in wanted:
                group[keras1(name)] = old[layer][name][()]
    report = model.load_weights(path, by_name=True)
    assert {name.split("/")[0] for name in report.loaded} >= {"conv1", "res5c_branch2c"}
    assert all(name.startswith(("fpn_", "rpn_", "mrcnn_")) for name in report.missing)
    with h5py.File(published_weights("resnet50")) as file:
        np.testing.assert_array_equal(
            arrays(model)["bn5c_branch2c", "moving_variance"],
            file["bn5c_branch2c/bn5c_branch2c/moving_variance:0"],
        )


def test_missing_backbone_biases_count_as_zeros(resnet50, published_weights, tmp_path):
    path = Path(shutil.copy(published_weights("resnet50"), tmp_path / "old.h5"))
    with h5py.File(path, "r+") as file:
        file["conv1"].attrs["weight_names"] = [b"conv1/kernel:0"]
    report = resnet50.load_weights(path)
    assert report.zero_biases == ["conv1/bias"] and not report.missing
    assert not arrays(resnet50)["conv1", "bias"].any()
    assert "1 layer not in the file, set to zero: conv1" in str(report)


def test_a_missing_bias_of_a_head_is_missing(small, copy):
    with h5py.File(copy, "r+") as file:
        file["mrcnn_mask"].attrs["weight_names"] = [b"mrcnn_mask/kernel:0"]
    with pytest.raises(weights.WeightsError, match="lacks 1 layer .* stay random: mrcnn_mask"):
        small.load_weights(copy)


# -- What is left out ------------------------------------------------------------------------------


def test_exclude_leaves_layers_as_they_are_in_training(trainable, small_file):
    spoil(trainable)
    report = trainable.load_weights(small_file, by_name=True, exclude=["mrcnn_mask", "rpn_model"])
    after = arrays(trainable)
    excluded = {"mrcnn_mask", "rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"}
    assert {name.split("/")[0] for name in report.excluded} == excluded
    for (layer, _), array in after.items():
        assert (array == 7).all() == (layer in excluded), layer
    assert "left out as asked" in str(report)


def test_a_name_in_exclude_that_no_layer_has_is_told(trainable, small_file):
    wanted = ["mrcnn_clas_logits", "mrcnn_bbox"]  # the second has no weights, but is there
    report = trainable.load_weights(small_file, by_name=True, exclude=wanted)
    assert report.unknown == wanted[:1]
    assert "exclude names what the network does not have: mrcnn_clas_logits" in str(report)


def test_exclude_is_an_error_before_detecting(small, small_file):
    with pytest.raises(
        weights.WeightsError, match="'mrcnn_mask'.* would leave these layers random"
    ):
        small.load_weights(small_file, exclude=["mrcnn_mask"])


@pytest.mark.parametrize("mode", ["small", "trainable"])
def test_a_missing_layer_is_an_error_in_both_modes(request, mode, copy):
    model = request.getfixturevalue(mode)
    with h5py.File(copy, "r+") as file:
        names = [n for n in file.attrs["layer_names"] if n != b"fpn_p2"]
        file.attrs["layer_names"] = names
    spoil(model)
    with pytest.raises(weights.WeightsError, match="lacks 1 layer .* stay random: fpn_p2"):
        model.load_weights(copy)
    # Nothing was half loaded.
    assert all((array == 7).all() for array in arrays(model).values())


def test_another_number_of_classes_is_said_in_words(small_file):
    class FiveClasses(SmallConfig):
        NUM_CLASSES = 5

    for mode in ("inference", "training"):
        model = MaskRCNN(mode, FiveClasses(), "log")
        with pytest.raises(weights.WeightsError, match="the file has 3 classes, the config 5"):
            model.load_weights(small_file, by_name=True)
    report = model.load_weights(small_file, by_name=True, exclude=list(weights.CLASS_LAYERS))
    assert len(report.excluded) == 6 and report.loaded


def test_another_backbone_is_refused(golden_runs, published_weights):
    for backbone, other in (("resnet50", "resnet101"), ("resnet101", "resnet50")):
        _, model, _ = golden_runs(backbone)
        with pytest.raises(weights.WeightsError, match=f"of {other}, the config's .* {backbone}"):
            model.load_weights(published_weights(other), by_name=True)


def test_training_starts_from_a_deeper_backbone_that_has_all_layers(published_weights):
    class Other(ResNet50Config):
        NUM_CLASSES = 2

    model = MaskRCNN("training", Other(), "log")
    heads = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
    path = published_weights("resnet101")
    report = model.load_weights(path, by_name=True, exclude=heads)
    assert not report.missing and {each.split("/")[0] for each in report.excluded} <= set(heads)
    assert "the file is of resnet101, which has all layers of resnet50 and more" in str(report)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(
            arrays(model)["res4f_branch2c", "kernel"],
            file["res4f_branch2c/res4f_branch2c/kernel:0"],
        )


def test_another_config_is_refused(small_file):
    class Wider(SmallConfig):
        TOP_DOWN_PYRAMID_SIZE = 48

    with pytest.raises(weights.WeightsError, match="fpn_c5p5/kernel has shape .* another Config"):
        MaskRCNN("inference", Wider(), "log").load_weights(small_file)


def test_a_file_of_something_else_is_refused(small, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.create_group("dense").attrs["weight_names"] = [b"dense/kernel:0"]
        file["dense/dense/kernel:0"] = np.zeros((2, 2), "f4")
    with pytest.raises(weights.WeightsError, match="none of the network's layers"):
        small.load_weights(tmp_path / "other.h5")


# -- Damaged and hostile files ---------------------------------------------------------------------


def test_no_such_file(small, tmp_path):
    with pytest.raises(weights.WeightsError, match=r"nothing\.h5: no such weights file"):
        small.load_weights(tmp_path / "nothing.h5")
    with pytest.raises(weights.WeightsError, match="is a folder"):
        small.load_weights(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"hello, world", "is not an HDF5 weights file$"),
        (b"<!DOCTYPE html>", "not an HDF5 weights file .*download failed"),
        (b"\x89HDF\r\n\x1a\n", "is damaged or cut short"),
    ],
)
def test_not_an_hdf5_file(small, tmp_path, content, sentence):
    (tmp_path / "bad.h5").write_bytes(content)
    with pytest.raises(weights.WeightsError, match=sentence):
        small.load_weights(tmp_path / "bad.h5")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_truncated_file(small, small_file, tmp_path, share):
    data = small_file.read_bytes()
    (tmp_path / "cut.h5").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(weights.WeightsError, match="damaged or cut short"):
        small.load_weights(tmp_path / "cut.h5")


def test_keras_3_files_are_refused_with_the_reason(small, tmp_path):
    small.keras_model.save_weights(str(tmp_path / "new.weights.h5"))
    with pytest.raises(weights.WeightsError, match="does not list its layers"):
        small.load_weights(tmp_path / "new.weights.h5")


def test_links_out_of_the_file_are_not_followed(small, small_file, copy, tmp_path):
    shutil.copy(small_file, tmp_path / "outside.h5")
    with h5py.File(copy, "r+") as file:
        del file["fpn_p2"]
        file["fpn_p2"] = h5py.ExternalLink("outside.h5", "/fpn_p2")
    with pytest.raises(weights.WeightsError, match="stay random: fpn_p2"):
        small.load_weights(copy)


def test_external_storage_is_not_read(small, copy, tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(4 * 32))
    with h5py.File(copy, "r+") as file:
        del file["fpn_p2/fpn_p2/bias:0"]
        file["fpn_p2"].create_dataset(
            "fpn_p2/bias:0", (32,), "f4", external=[(str(secret), 0, 4 * 32)]
        )
    with pytest.raises(weights.WeightsError, match="fpn_p2/bias:0 is not a plain array"):
        small.load_weights(copy)


def test_an_array_of_objects_is_not_read(small, copy):
    with h5py.File(copy, "r+") as file:
        del file["fpn_p2/fpn_p2/bias:0"]
        file["fpn_p2"].create_dataset("fpn_p2/bias:0", (32,), h5py.string_dtype())
    with pytest.raises(weights.WeightsError, match="not a plain array"):
        small.load_weights(copy)


# -- What the file says about itself ---------------------------------------------------------------


def test_class_names_and_settings_travel_with_the_weights(small, tmp_path):
    small.class_names = ["BG", "square", "disc"]
    small.save_weights(tmp_path / "named.h5")
    info = weights.inspect(tmp_path / "named.h5")
    # Its layers are of no backbone that is known; the settings name the function.
    assert (info.num_classes, info.backbone) == (3, "tests.small:backbone")
    assert info.class_names == ["BG", "square", "disc"]
    assert info.settings["IMAGE_MAX_DIM"] == 128
    other = MaskRCNN("inference", SmallConfig(), "log")
    other.load_weights(tmp_path / "named.h5")
    assert other.class_names == ["BG", "square", "disc"]


def test_an_old_file_does_not_tell(published_weights):
    info = weights.inspect(published_weights("resnet50"))
    assert (info.backbone, info.num_classes) == ("resnet50", 81)
    assert info.class_names is None and info.settings is None


@pytest.mark.parametrize("text", ["{", "[]", '{"class_names": [1]}', '{"settings": []}'])
def test_a_spoilt_description_is_said(copy, text):
    with h5py.File(copy, "r+") as file:
        file.attrs["mask_rcnn"] = text
    with pytest.raises(weights.WeightsError, match="its attribute 'mask_rcnn' cannot be used"):
        weights.inspect(copy)


@pytest.mark.parametrize("backbone", [None, 5, "unknown", ["a:b"]])
def test_a_backbone_that_the_settings_do_not_name_is_none(copy, backbone):
    with h5py.File(copy, "r+") as file:
        file.attrs["mask_rcnn"] = json.dumps({"settings": {"BACKBONE": backbone}})
    assert weights.inspect(copy).backbone is None


def test_an_error_of_the_callers_is_no_fault_of_the_file(small_file):
    with pytest.raises(KeyError, match="mine"), weights_file.opened(small_file) as file:
        assert weights_file.datasets(file)
        raise KeyError("mine")


def test_a_failed_write_leaves_the_old_file(small, small_file, tmp_path, monkeypatch):
    target = tmp_path / "kept.h5"
    target.write_bytes(b"old")
    monkeypatch.setattr(h5py.File, "create_group", _raise_disk_full)
    with pytest.raises(weights.WeightsError, match=r"kept\.h5 cannot be written: No space left"):
        small.save_weights(target)
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.h5"]


def _raise_disk_full(*_):
    raise OSError(28, "No space left on device")
