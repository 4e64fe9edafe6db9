"""The training scripts, from the command line to the files that they leave."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import keras
import numpy as np
import pytest

import custom_training
import custom_training_augmentation
from custom_training import CustomConfig, CustomDataset
from mrcnn.annotation import read
from mrcnn.check import check
from mrcnn.commands import training_script
from mrcnn.model import MaskRCNN
from mrcnn.nn.weights import inspect
from mrcnn.training import run_files
from mrcnn.training.state import State
from tests.small import SIDE, SmallConfig
from tests.video_clips import grey_frames, read_all, write_clip

ROOT = Path(custom_training.__file__).parent
# The settings of the small network; what the script sets itself stays the script's.
SMALL = {
    name: value
    for name, value in vars(SmallConfig).items()
    if name.isupper() and name not in vars(CustomConfig)
}
TinyConfig = type("TinyConfig", (CustomConfig,), SMALL)
SCRIPT = dataclasses.replace(custom_training.SCRIPT, config=TinyConfig)


def rect(x, y, width, height, label):
    shape = {"name": "rect", "x": x, "y": y, "width": width, "height": height}
    return {"shape_attributes": shape, "region_attributes": {"kind": label}}


def write_subset(folder, images, seed=0):
    """Write pictures with bright rectangles and their VIA export."""
    folder.mkdir(parents=True)
    entries = {}
    for index, (name, regions) in enumerate(images.items()):
        rng = np.random.default_rng((seed, index))
        image = cv2.resize(rng.integers(0, 120, (5, 5, 3), np.uint8), (SIDE, SIDE))
        for region in regions:
            x, y, width, height = list(region["shape_attributes"].values())[1:]
            image[y : y + height, x : x + width] = rng.integers(150, 255, 3)
        cv2.imwrite(str(folder / name), image)
        size = (folder / name).stat().st_size
        entries[f"{name}{size}"] = {"filename": name, "size": size, "regions": regions}
    (folder / "export.json").write_text(json.dumps(entries))


@pytest.fixture
def dataset(tmp_path):
    """Five photos with cups and plates to train and one without; two with plates to validate."""
    folder = tmp_path / "dataset"
    train = {
        f"{i}.png": [rect(10 + 9 * i, 20, 40, 50, "plate"), rect(5, 80, 30, 40, "cup")]
        for i in range(5)
    }
    write_subset(folder / "train", {**train, "nothing.png": []})
    write_subset(folder / "val", {f"v{i}.png": [rect(9, 9, 60, 60, "plate")] for i in (1, 2)}, 1)
    return folder


def loaded(folder, subset="train", class_names=None):
    data = CustomDataset()
    data.load_custom(folder, subset, class_names)
    data.prepare()
    return data


# -- The data set ------------------------------------------------------------------------------


def test_all_classes_are_found_and_numbered_alike_in_all_subsets(dataset):
    for subset in ("train", "val"):
        assert loaded(dataset, subset).class_names == ["BG", "cup", "plate"]
    _, class_ids = loaded(dataset, "val").load_mask(0)
    assert class_ids.tolist() == [2]


def test_masks_and_class_ids_are_those_of_the_regions(dataset):
    data = loaded(dataset)
    masks, class_ids = data.load_mask(1)
    assert class_ids.tolist() == [2, 1]
    assert masks.shape == (SIDE, SIDE, 2) and masks.dtype == bool
    expected = np.zeros((SIDE, SIDE), bool)
    expected[20:70, 19:59] = True
    np.testing.assert_array_equal(masks[..., 0], expected)
    assert data.image_reference(1) == str(dataset / "train" / "1.png")


def test_a_photo_without_objects_has_no_masks(dataset):
    masks, class_ids = loaded(dataset).load_mask(5)
    assert masks.shape == (SIDE, SIDE, 0) and class_ids.shape == (0,)


def test_classes_can_be_chosen_in_ones_own_order(dataset, monkeypatch):
    monkeypatch.setattr(CustomDataset, "CLASSES", ["plate", "cup"])
    assert loaded(dataset).load_mask(0)[1].tolist() == [1, 2]


def test_a_comma_is_part_of_a_class_name(dataset):
    file = dataset / "train" / "export.json"
    file.write_text(file.read_text().replace("plate", "cup, old"))
    assert loaded(dataset).class_names == ["BG", "cup", "cup, old"]


def test_regions_without_a_label_are_of_the_only_class(dataset):
    file = dataset / "val" / "export.json"
    file.write_text(file.read_text().replace('{"kind": "plate"}', "{}"))
    assert loaded(dataset, "val", ["plate"]).load_mask(0)[1].tolist() == [1]
    with pytest.raises(ValueError, match="the class 'object' is none of those to find"):
        loaded(dataset, "val", ["cup", "plate"])


def test_an_unknown_class_names_photo_and_region(dataset):
    with pytest.raises(ValueError, match=r"0\.png, region 2: the class 'cup' .*\(plate\)"):
        loaded(dataset, class_names=["plate"])


def test_the_attribute_can_be_named(dataset, monkeypatch):
    monkeypatch.setattr(CustomDataset, "ATTRIBUTE", "color")
    with pytest.raises(ValueError, match="no region has the attribute 'color': there are kind"):
        loaded(dataset)


def test_an_annotation_without_its_photo_is_told(dataset, capsys):
    (dataset / "train" / "3.png").unlink()
    assert loaded(dataset).num_images == 5
    assert f"{dataset / 'train' / '3.png'}: there is no such photo" in capsys.readouterr().out


# -- Training ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many_classes(tmp_path_factory):
    """Weights of the small network for 81 classes, as a file from elsewhere has them."""
    path = tmp_path_factory.mktemp("weights") / "many.h5"
    config = type("ManyConfig", (TinyConfig,), {"NUM_CLASSES": 81})()
    MaskRCNN("training", config, path.parent).save_weights(str(path))
    with h5py.File(path, "a") as file:
        del file.attrs["mask_rcnn"]
    return path


@pytest.fixture
def run(dataset, tmp_path, capsys):
    """A function: runs a command on the data set, returns (exit code, stdout, stderr)."""

    def command(name, *options, script=SCRIPT):
        words = [name, "--dataset", str(dataset)]
        words += ["--logs", str(tmp_path / "log")] if name != "check" else []
        code = training_script.main(script, [*words, *map(str, options)])
        return code, *capsys.readouterr()

    return command


def only_run(tmp_path):
    (folder,) = (tmp_path / "log").iterdir()
    return folder


@pytest.fixture
def parsed(monkeypatch):
    """The names of the folders whose annotations are parsed, in their order."""
    names = []

    def read_folder(folder, *arguments):
        names.append(folder.name)
        return read.read_folder(folder, *arguments)

    for module in (check, custom_training):
        monkeypatch.setattr(module, "read_folder", read_folder)
    return names


def test_from_81_classes_to_those_of_the_data_set_and_on(
    run, tmp_path, many_classes, eager, parsed
):
    start = ["train", "--weights", many_classes, "--seed", 1, "--batch", 3]
    code, out, err = run(*start, "--epochs", 1)
    assert (code, err) == (0, "")
    told = [
        "Verdict: fit for training",
        "no GPU",
        "Classes: cup (5 in train, 0 in val), plate (5 in train, 2 in val)",
        "The weights are for 80 classes, the data set has 2 classes (cup, plate): "
        "mrcnn_class_logits, mrcnn_bbox_fc, mrcnn_mask start anew",
        "Training: 5 images, 3 a batch: 2 steps an epoch",
        "Validation: 2 images, 3 a batch: 1 steps an epoch",
        "epoch 1/1:",
    ]
    places = [out.find(text) for text in told]
    assert -1 not in places and places == sorted(places), out
    assert parsed == ["train", "val"], "each subset is parsed once"

    folder = only_run(tmp_path)
    info = inspect(folder / "mask_rcnn_object_0001.h5")
    assert info.class_names == ["BG", "cup", "plate"] and info.num_classes == 3

    code, out, err = run("train", "--resume", "--epochs", 2)
    assert (code, err) == (0, "")
    assert "Training: 5 images, 3 a batch" in out, "the settings of the run stay"
    assert "Starting at epoch 2 of 2" in out
    assert "start anew" not in out and "starts anew" not in out
    assert only_run(tmp_path) == folder
    assert State.load(folder, 2).epoch == 2

    code, out, _ = run("train", "--resume", "--epochs", 2)
    assert code == 0 and "2 epochs are done already" in out

    # A run that was killed between its weights and its state goes on from the epoch before.
    third = folder / "mask_rcnn_object_0003.h5"
    third.write_bytes((folder / "mask_rcnn_object_0002.h5").read_bytes())
    unfinished = folder / ".mask_rcnn_object_0003.h5.0f0f.part"
    unfinished.touch()
    # What an export was writing that was killed.
    (folder / ".mask_rcnn_object_0001_onnx.0f0f.part").mkdir()
    code, out, _ = run("train", "--resume", "--epochs", 3, "--keep-negatives")
    assert code == 0 and "Starting at epoch 3 of 3" in out
    assert "Training: 6 images" in out
    assert not unfinished.exists()


def test_ctrl_c_says_how_to_go_on(run, tmp_path, many_classes, eager):
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == interrupt_at:
                raise KeyboardInterrupt

    def train(model, dataset_dir, **options):
        return custom_training.train(model, dataset_dir, custom_callbacks=[Interrupt()], **options)

    script = dataclasses.replace(SCRIPT, train=train)
    interrupt_at = 1
    options = ["train", "--weights", many_classes, "--steps", 2, "--batch", 1]
    code, out, err = run(*options, script=script)
    assert (code, err) == (130, "")
    assert "Stopped before the first epoch was done" in out
    interrupt_at = 3
    code, out, err = run(*options, script=script)
    assert (code, err) == (130, "")
    assert "mask_rcnn_object_0001.h5 holds what was learned in 1 epoch." in out
    assert "with --weights last --resume, and without --learning-rate, goes on" in out


def test_a_signal_stops_a_training_between_two_batches(run, tmp_path, many_classes, eager):
    class Signal(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            os.kill(os.getpid(), signal.SIGTERM)

        def on_train_batch_end(self, batch, logs=None):
            done.append(batch)

    def train(model, dataset_dir, **options):
        return custom_training.train(model, dataset_dir, custom_callbacks=[Signal()], **options)

    done, script = [], dataclasses.replace(SCRIPT, train=train)
    options = ["train", "--weights", many_classes, "--steps", 2, "--batch", 1, "--epochs", 3]
    code, out, _ = run(*options, script=script)
    # What follows the epoch is done, and one batch of the next.
    assert code == 130 and done == [0, 1, 0]
    assert "mask_rcnn_object_0001.h5 holds what was learned in 1 epoch." in out


def test_a_learning_rate_that_a_callback_set_is_resumed(run, tmp_path, many_classes, eager):
    class Lower(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 1e-5

    def train(model, dataset_dir, **options):
        return custom_training.train(model, dataset_dir, custom_callbacks=[Lower()], **options)

    options = ["--steps", 1, "--batch", 1]
    script = dataclasses.replace(SCRIPT, train=train)
    run("train", "--weights", many_classes, "--epochs", 1, *options, script=script)
    code, out, _ = run("train", "--resume", "--epochs", 2, *options)
    assert code == 0 and "Starting at epoch 2 of 2, learning rate 1e-05" in out


def test_a_run_keeps_its_plan(run, tmp_path, many_classes, eager):
    options = ["--steps", 1, "--batch", 1]
    start = ["--weights", many_classes, "--plan", "few", "--epochs", 1, "--no-augmentation"]
    code, out, _ = run("train", *start, *options)
    assert code == 0
    summary = "AdamW, its rate warming up and falling to near 0, a tenth of it for the backbone"
    assert f"Plan: few, as --plan says: {summary}, layers 4+, 1 epoch\n" in out
    assert run_files.read_header(only_run(tmp_path))["plan"] == "few"
    code, _, err = run("train", "--resume", "--plan", "classic", "--epochs", 2, *options)
    assert code == 1 and "the run was started with the plan few and goes on with it" in err
    code, out, _ = run("train", "--resume", "--epochs", 2, "--layers", "4+", *options)
    assert code == 0 and "starts anew" not in out
    text = f"Plan: few, that of the run: {summary}, layers 4+, 2 epochs, photos changed each time"
    assert text in out


def test_other_classes_cannot_be_resumed_but_start_anew(
    run, dataset, tmp_path, many_classes, eager
):
    options = ["--steps", 1, "--batch", 1, "--epochs", 1]
    assert run("train", "--weights", many_classes, *options)[0] == 0
    for subset in ("train", "val"):
        file = dataset / subset / "export.json"
        file.write_text(file.read_text().replace("plate", "dish, flat"))
    code, _, err = run("train", "--resume")
    assert code == 1 and "is of a run for other classes than cup, dish, flat" in err
    code, out, _ = run("train", "--weights", "last", *options)
    assert code == 0 and "Starting at epoch 1 of 1" in out
    assert "are for 2 classes (cup, plate), the data set has 2 classes (cup, dish, flat)" in out
    newest = run_files.find_last(tmp_path / "log", "object")
    assert inspect(newest).class_names == ["BG", "cup", "dish, flat"]
    assert newest.with_name(run_files.CLASSES_FILE).read_text() == "cup\ndish, flat\n"
    assert run("train", "--resume", *options)[0] == 0


def test_wrong_data_is_not_trained_on(run, dataset, tmp_path, many_classes):
    (dataset / "train" / "0.png").write_bytes(b"no photo")
    code, out, err = run("train", "--weights", many_classes)
    assert code == 1 and "Verdict: training would be wrong" in out
    assert err.count("\n") == 1 and "train/0.png" in err
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--weights", "last"], "no checkpoint of 'object' under .*log: train first"),
        (["--resume"], "no checkpoint of 'object'"),
        (["--weights", "coco", "--resume"], "coco weights are no run that could be resumed"),
        (["--weights", "none.h5"], "none.h5: no such weights file"),
        (["--weights", ROOT / "custom_training.py"], "is not an HDF5 weights file"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(run, options, sentence):
    code, _, err = run("train", *options)
    assert code == 1
    assert err.count("\n") == 1
    assert re.search(sentence, err)


@pytest.mark.parametrize("command", ["check", "train", "crossval", "evaluate"])
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("nosuch", "--dataset nosuch: there is no such folder"),
        ("file.jpg", "--dataset file.jpg is a file: name the folder with train/ and val/"),
        ("empty", "--dataset empty has no folder {}: photos and their annotations belong there"),
    ],
)
def test_a_data_set_that_is_not_there_is_one_sentence(
    tmp_path, monkeypatch, capsys, many_classes, command, place, reason
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.jpg").touch()
    (tmp_path / "empty").mkdir()
    words = [command, "--dataset", place, "--weights", str(many_classes)]
    assert training_script.main(SCRIPT, words) == 1
    out, err = capsys.readouterr()
    assert reason.format("val" if command == "evaluate" else "train") in err
    assert err.count("\n") == 1 and not out


def test_several_processes_on_another_engine_are_refused_at_once(run, monkeypatch, many_classes):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    code, out, err = run("train", "--weights", many_classes, "--hosts", "127.0.0.1:4321,2,0")
    assert code == 1 and not out and err.count("\n") == 1
    assert "--hosts: several processes train together on JAX alone: set KERAS_BACKEND=jax" in err


def test_further_errors_are_counted(run, dataset, many_classes):
    for count, more in ((1, ""), (2, " (and 1 more error)"), (3, " (and 2 more errors)")):
        (dataset / "train" / f"{count - 1}.png").write_bytes(b"no photo")
        _, _, err = run("train", "--weights", many_classes)
        assert err.count("\n") == 1 and err.endswith(
            f"not an image, or broken, or of an unknown format{more}\n"
        )


@pytest.mark.parametrize("command", ["train", "crossval"])
def test_a_file_in_the_place_of_the_runs_is_found_at_once(run, tmp_path, many_classes, command):
    (tmp_path / "log").write_text("a file")
    code, out, err = run(command, "--weights", many_classes)
    assert code == 1 and not out
    assert err.count("\n") == 1
    assert f"{tmp_path / 'log'} is no folder: name one for the runs with --logs" in err


def test_a_run_that_wrote_nothing_is_not_said_to_have_stopped(
    run, tmp_path, many_classes, monkeypatch
):
    def full(*_):
        raise OSError("the disk is full: make room")

    monkeypatch.setattr(run_files, "disk_text", full)
    code, out, err = run("train", "--weights", many_classes)
    assert code == 1 and "the disk is full: make room" in err
    assert "Stopped" not in out


def test_a_loss_that_is_not_finite_is_one_sentence(run, many_classes, eager):
    code, _, err = run("train", "--weights", many_classes, "--learning-rate", 1e30, "--batch", 1)
    assert code == 1
    assert err.count("\n") == 1 and "not finite at step" in err


def test_num_classes_must_be_those_of_the_data_set(dataset, tmp_path):
    model = MaskRCNN("training", TinyConfig(), tmp_path)
    with pytest.raises(ValueError, match=r"NUM_CLASSES is 2, but .* has 3: BG, cup, plate"):
        custom_training.train(model, dataset)


# -- Augmentation ------------------------------------------------------------------------------


def test_the_pipeline_moves_image_and_masks_together():
    from mrcnn.data.augment import augment

    pipeline = custom_training_augmentation.augmentation()
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[30:90, 40:100] = 200
    mask = image[..., :1] > 0
    rng = np.random.default_rng(4)
    moves = 0
    for _ in range(12):
        moved, masks = augment(image, mask, pipeline, rng)
        seen = moved[..., 0] > 100
        overlap = (seen & masks[..., 0]).sum() / (seen | masks[..., 0]).sum()
        assert overlap > 0.95
        moves += not np.array_equal(masks, mask)
    assert moves >= 10


def test_the_second_script_trains_with_the_pipeline(dataset):
    class Model:
        config = TinyConfig()

        def train(self, *datasets, **options):
            return datasets, options

    (train, val), options = custom_training_augmentation.train(Model(), dataset)
    assert options["augmentation"].augment_image(np.zeros((8, 8, 3), np.uint8)).shape == (8, 8, 3)
    # The plan's.
    assert (options["epochs"], options["layers"]) == (None, None)
    assert (train.num_images, val.num_images) == (5, 2)
    _, options = custom_training_augmentation.train(Model(), dataset, augmentation=False)
    assert options["augmentation"] is False
    _, options = custom_training.train(Model(), dataset)
    assert "augmentation" not in options


def test_check_draws_the_annotations_and_their_augmentation(run, dataset, tmp_path):
    code, out, err = run("check", "--preview", tmp_path / "plain")
    assert (code, err) == (0, "") and "Verdict: fit for training" in out
    assert len(list((tmp_path / "plain").rglob("*.jpg"))) == 8
    script = custom_training_augmentation.SCRIPT
    assert run("check", "--preview", tmp_path / "moved", script=script)[0] == 0
    assert len(list((tmp_path / "moved").rglob("*.augmented.jpg"))) == 8
    (dataset / "val" / "v1.png").write_bytes(b"")
    assert run("check")[0] == 1


def test_every_command_that_reads_annotations_takes_an_attribute(
    run, dataset, many_classes, detector
):
    for subset in ("train", "val"):
        path = dataset / subset / "export.json"
        text = path.read_text().replace('"kind": ', '"side": "left", "kind": ')
        path.write_text(text.replace('"left"', '"right"', 1))
    code, out, _ = run("check")
    assert code == 0 and "classes: left, right (attribute 'side')" in out
    assert "to read the class from another: --attribute kind" in out
    code, out, _ = run("check", "--attribute", "kind")
    assert code == 0 and "classes: cup, plate (attribute 'kind')" in out
    why = "no region has the attribute 'colour': there are kind, side"
    commands = {"check": [], "train": ["--weights", many_classes], "evaluate": detector}
    for command, options in commands.items():
        code, out, err = run(command, "--attribute", "colour", *options)
        assert code == 1 and why in out + err, command


def test_a_preview_takes_no_place_of_others(run, dataset, tmp_path):
    before = {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()}
    for folder in (dataset, dataset / "train", dataset / "val" / "preview"):
        code, _, err = run("check", "--preview", folder, "--overwrite")
        assert code == 1 and "holds the photos themselves" in err and err.count("\n") == 1
    assert run("check", "--preview", tmp_path / "plain")[0] == 0
    code, _, err = run("check", "--preview", tmp_path / "plain")
    assert code == 1 and "is not empty: take another folder, or add --overwrite" in err
    assert run("check", "--preview", tmp_path / "plain", "--overwrite")[0] == 0
    assert {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()} == before


# -- Evaluation and splash ---------------------------------------------------------------------


@pytest.fixture
def detector(published_weights):
    """Options: weights for COCO's classes, whose numbers were never trained, at a small size."""
    return ["--weights", published_weights("resnet50"), "--image-size", 64]


def test_evaluate_writes_tables_curves_and_pictures(run, dataset, tmp_path, detector, parsed):
    file = dataset / "val" / "export.json"
    file.write_text(file.read_text().replace("plate", "bowl"))
    output = tmp_path / "evaluation"
    code, out, err = run("evaluate", *detector, "--output", output, script=custom_training.SCRIPT)
    assert (code, err) == (0, "")
    assert parsed == ["val"], "it is parsed once"
    assert f"Weights: {detector[1]}\n" in out
    assert "2 images" in out and "bowl" in out
    summary = json.loads((output / "evaluation.json").read_text())
    assert summary["images"] == 2 and summary["mask"]["AP"] is not None
    names = {path.name for path in output.iterdir()}
    assert {
        "index.html",
        "classes.csv",
        "precision_recall.png",
        "f1.png",
        "confusion.png",
        "worst",
    } <= names
    picture = cv2.imread(str(next((output / "worst").iterdir())))
    # The annotated and the found side by side.
    assert picture.shape[0] == SIDE and picture.shape[1] > 2 * SIDE


def test_evaluate_refuses_classes_that_the_weights_do_not_know(run, detector):
    code, _, err = run("evaluate", *detector)
    assert code == 1 and err.count("\n") == 1
    assert "the class 'plate' is none of those to find (person, bicycle, " in err


def test_evaluate_refuses_wrong_annotations(run, dataset, detector):
    file = dataset / "val" / "export.json"
    file.write_text(file.read_text().replace('"plate"', '""', 1))
    code, _, err = run("evaluate", *detector)
    assert code == 1 and err.count("\n") == 1
    assert "nothing is measured on wrong data: val/v1.png, region 1" in err


def test_what_is_left_out_is_told_to_those_who_import(dataset, capsys):
    file = dataset / "val" / "export.json"
    file.write_text(file.read_text().replace('"plate"', '""', 1))
    loaded(dataset, "val", ["cup", "plate"])
    assert "val: left out, v1.png, region 1: " in capsys.readouterr().out


def test_splash_of_an_image_and_of_a_video(dataset, tmp_path, detector, capsys):
    photo, clip = dataset / "val" / "v1.png", write_clip(tmp_path / "c.avi", grey_frames(3))

    def splash(*options):
        return training_script.main(
            custom_training.SCRIPT, ["splash", *map(str, [*detector, *options])]
        )

    assert splash("--image", photo, "--output", tmp_path / "s.png") == 0
    assert cv2.imread(str(tmp_path / "s.png")).shape == (SIDE, SIDE, 3)
    assert splash("--video", clip, "--output", tmp_path / "s.avi") == 0
    assert len(read_all(tmp_path / "s.avi")) == 3
    capsys.readouterr()
    before = photo.read_bytes()
    assert splash("--image", photo, "--output", photo) == 1
    assert "exists already: take another name, or add --overwrite" in capsys.readouterr().err
    assert splash("--image", photo, "--output", photo, "--overwrite") == 1
    assert "would replace what is read" in capsys.readouterr().err
    assert photo.read_bytes() == before
    assert splash("--image", photo, "--output", tmp_path / "s.png", "--overwrite") == 0


@pytest.mark.parametrize(
    ("option", "name", "reason"),
    [
        ("--image", "none.jpg", "none.jpg: no such file"),
        ("--image", "text.jpg", "text.jpg: not an image"),
        ("--video", "text.jpg", "text.jpg holds no frame that can be decoded"),
        ("--video", "none.mp4", "none.mp4: no such file"),
    ],
)
def test_splash_looks_at_its_source_before_the_network(
    tmp_path, monkeypatch, capsys, option, name, reason
):
    monkeypatch.chdir(tmp_path)
    Path("text.jpg").write_text("no picture\n")
    # Weights that are not there would be found as the first thing of the network.
    words = ["splash", option, name, "--weights", "nosuch.h5"]
    assert training_script.main(custom_training.SCRIPT, words) == 1
    out, err = capsys.readouterr()
    assert reason in err and err.count("\n") == 1 and not out


def test_color_splash_keeps_the_colour_of_the_objects_alone():
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 0] = 200
    mask = np.zeros((4, 6, 2), bool)
    mask[:2, :3, 0] = mask[3, 5, 1] = True
    for script in (custom_training, custom_training_augmentation):
        splash = script.color_splash(image, mask)
        objects = mask.any(axis=-1)
        assert (splash[objects] == [200, 0, 0]).all()
        assert (splash[~objects] == splash[~objects][:, :1]).all()


def test_detect_and_color_splash_wants_one_source():
    with pytest.raises(ValueError, match="image_path or video_path"):
        custom_training.detect_and_color_splash(None)


# -- The command line --------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["custom_training", "custom_training_augmentation"])
def test_help_needs_no_network(script):
    code = (
        f"import sys, {script} as s; "
        "assert not {'keras', 'tensorflow', 'imgaug', 'matplotlib', 'scipy'} & set(sys.modules); "
        "s.run(s.SCRIPT, ['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"python {script}.py train --dataset dataset --weights coco" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["train", "--weights", "last", "--image-size", "100"],
        ["train", "--weights", "last", "--epochs", "0"],
        ["train", "--weights", "last", "--learning-rate", "nan"],
        ["train", "--weights", "last", "--resume", "--learning-rate", "0.1"],
        ["train", "--weights", "last", "--image", "photo.jpg"],
        ["splash", "--weights", "last"],
        ["splash", "--weights", "last", "--image", "a.jpg", "--video", "b.mp4"],
        ["evaluate", "--min-confidence", "2"],
        ["evaluate", "--backbone", "resnet50"],
        ["train", "--weights", "last", "--backbone", "vgg16"],
    ],
)
def test_mistakes_in_the_command_line_end_with_2(words, capsys):
    with pytest.raises(SystemExit) as exit_:
        training_script.main(SCRIPT, words)
    assert exit_.value.code == 2
    assert "error: " in capsys.readouterr().err
