"""Cross-validation: the folds, and the command from a data set to its table."""

import csv
import dataclasses
import json
import shutil
from collections import Counter

import cv2
import keras
import pytest
import tensorflow as tf

import custom_training
from mrcnn.check import folds
from mrcnn.check.check import check_dataset
from mrcnn.commands import training_script
from mrcnn.commands.crossval_files import Crossval
from mrcnn.model import MaskRCNN
from tests.annotated import make_subset, rect
from tests.test_custom_training import SCRIPT, TinyConfig


def object_of(label, x=10):
    return rect(x, 10, 30, 30, object=label)


@pytest.fixture
def dataset(tmp_path):
    """Nine photos in train, one empty, one in another file too; five in val, names as in train."""
    train = {f"{i}.png": [object_of("mug")] for i in range(8)} | {"none.png": []}
    for name in ("1.png", "5.png"):
        train[name] = [object_of("mug"), object_of("cup", 50)]
    train["copy.png"] = [object_of("mug")]
    folder = make_subset(tmp_path / "dataset" / "train", train)
    shutil.copy(folder / "3.png", folder / "copy.png")
    val = {f"{i}.png": [object_of("mug")] for i in range(5)}
    val["0.png"] = [object_of("cup")]
    other = make_subset(tmp_path / "dataset" / "val", val, seed=100)
    # A photo of train, saved anew.
    cv2.imwrite(str(other / "4.jpg"), cv2.imread(str(folder / "6.png")))
    (other / "4.png").unlink()
    project = other / "via.json"
    project.write_text(project.read_text().replace("4.png", "4.jpg"))
    return tmp_path / "dataset"


@pytest.fixture
def report(dataset):
    return check_dataset(dataset)


def test_every_photo_is_in_one_fold_and_its_copies_with_it(report):
    parts = folds.split(report, 3, seed=1)
    photos = sorted(name for part in parts for name in part)
    assert len(photos) == 15 and photos == sorted(folds.photos_of(report))
    place = {name: index for index, part in enumerate(parts) for name in part}
    assert place["train/3.png"] == place["train/copy.png"]
    assert place["train/6.png"] == place["val/4.jpg"]
    assert "train/0.png" in place and "val/0.png" in place
    assert folds.split(report, 3, seed=1) == parts != folds.split(report, 3, seed=2)


@pytest.mark.parametrize("seed", range(5))
def test_classes_and_photos_are_spread(report, seed):
    parts = folds.split(report, 3, seed)
    assert max(map(len, parts)) - min(map(len, parts)) <= 2
    rows = folds.photos_of(report)
    for part in parts:
        counts = Counter(region.label for name in part for region in rows[name][1].regions)
        assert counts["cup"] == 1 and 3 <= counts["mug"] <= 6


def test_a_class_is_spread_though_another_is_in_one_fold(tmp_path):
    cups, mugs = [f"c{i}.png" for i in range(5)], [f"m{i}.png" for i in range(6)]
    regions = {name: [object_of("cup")] for name in cups}
    folder = make_subset(tmp_path / "train", regions | {name: [object_of("mug")] for name in mugs})
    for name in cups[1:]:
        shutil.copy(folder / cups[0], folder / name)
    parts = folds.split(check_dataset(tmp_path, subsets=["train"]), 2)
    assert sorted(sum("/m" in name for name in part) for part in parts) == [3, 3]
    assert sorted(map(len, parts)) == [3, 8]


def test_too_few_photos_for_the_folds(report):
    with pytest.raises(ValueError, match="has 12 different photos with objects.* for 13 folds"):
        folds.split(report, 13)


def test_what_only_one_folder_has_is_no_fault_of_the_whole(tmp_path):
    make_subset(tmp_path / "train", {f"{i}.png": [object_of("mug")] for i in range(6)})
    make_subset(tmp_path / "val", {f"{i}.png": [object_of("cup")] for i in range(6)})
    assert [f.kind for f in check_dataset(tmp_path).errors] == ["unknown class"]
    report = check_dataset(tmp_path, pooled=True)
    assert not report.errors and not [f for f in report.findings if f.kind == "few"]
    assert folds.class_names_of(report) == ("cup", "mug")


def test_a_folder_of_empty_photos_is_no_fault_while_another_has_objects(tmp_path):
    make_subset(tmp_path / "train", {"0.png": [object_of("mug")], "1.png": [object_of("mug")]})
    make_subset(tmp_path / "val", {"0.png": []}, seed=9)
    assert [f.kind for f in check_dataset(tmp_path).errors] == ["no regions"]
    report = check_dataset(tmp_path, pooled=True)
    assert not report.errors and len(folds.photos_of(report)) == 3
    make_subset(tmp_path / "train", {"0.png": []})
    assert [f.kind for f in check_dataset(tmp_path, pooled=True).errors] == ["no regions"]


def test_the_report_of_a_fold_is_what_training_takes(dataset, report):
    held = folds.split(report, 3)[0]
    part = folds.without(report, held, folds.class_names_of(report))
    loaded = {}
    for name in ("train", "val"):
        data = custom_training.CustomDataset()
        data.load_custom(dataset, name, None, part.subset(name))
        data.prepare()
        assert data.class_names == ["BG", "cup", "mug"]
        loaded[name] = {info["path"] for info in data.image_info}
    rows = folds.photos_of(report)
    paths = {name: str(subset.paths[image.filename]) for name, (subset, image) in rows.items()}
    assert loaded["val"] == {paths[name] for name in held}
    assert loaded["train"] == set(paths.values()) - loaded["val"]
    regions = sum(map(len, part.subset("train").regions.values()))
    assert regions + sum(map(len, part.subset("val").regions.values())) == 16


# -- The table -------------------------------------------------------------------------------------


def summary(*scores):
    mask, box = (dict(zip(("AP", "AP50", "AP75"), three, strict=True)) for three in scores)
    return {"overall": {"objects": 4}, "mask": mask, "box": box}


def test_the_table_has_mean_and_spread(tmp_path):
    parts = [["train/a.png", "train/b.png"], ["val/c.png"], ["val/d.png"]]
    crossval = Crossval.begin(tmp_path, "Cups", {"epochs": 3}, "coco", parts, {})
    crossval.folds[0].enter(summary((0.5, 0.8, 0.6), (0.4, 0.7, 0.3)), 7)
    crossval.folds[1].enter(summary((0.7, 0.9, None), (0.6, 0.9, 0.5)), 9)
    crossval.save()
    lines = crossval.text().splitlines()
    assert [line.split()[0] for line in lines] == ["fold", "1", "2", "mean", "spread"]
    assert lines[2].split() == ["2", "1", "4", "9", "0.700", "0.900", "0.600", "0.900", "0.500"]
    assert lines[3].split() == ["mean", "0.600", "0.850", "0.600", "0.500", "0.800", "0.400"]
    assert lines[4].split() == ["spread", "0.141", "0.071", "0.141", "0.141", "0.141"]
    with open(crossval.folder / "crossval.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["fold"] for row in rows] == ["1", "2", "mean", "spread"]
    assert float(rows[2]["mask AP50"]) == pytest.approx(0.85) and rows[1]["mask AP75"] == ""
    known = json.loads((crossval.folder / "crossval.json").read_text())
    assert known["mean"]["mask"]["AP"] == pytest.approx(0.6)
    again = Crossval.newest(tmp_path, "cups")
    assert again.folds == crossval.folds and again.done == 2 and again.weights == "coco"
    (again.folder / "crossval.json").write_text('{"folds": 3}')
    with pytest.raises(ValueError, match=r"crossval\.json is damaged .* without --resume"):
        Crossval.newest(tmp_path, "cups")
    with pytest.raises(FileNotFoundError, match="no cross-validation of 'mugs' under"):
        Crossval.newest(tmp_path, "mugs")


def test_other_options_and_other_photos_are_refused(tmp_path):
    options, regions = {"epochs": 3, "plan": None}, {"x": "1", "y": "2"}
    crossval = Crossval.begin(tmp_path, "a", options, "coco", [["x"], ["y"]], regions)
    crossval.refuse_others(options, regions)
    with pytest.raises(ValueError, match="started with --epochs 3, not with --epochs 4: say the"):
        crossval.refuse_others({"epochs": 4, "plan": None}, regions)
    with pytest.raises(ValueError, match="started with no --plan, not with --plan few"):
        crossval.refuse_others({"epochs": 3, "plan": "few"}, regions)
    with pytest.raises(ValueError, match=r"are not those that .* was started with \(y, z\)"):
        crossval.refuse_others(options, {"x": "1", "z": "2"})
    with pytest.raises(ValueError, match=r"annotation has changed since .* was started \(y\)"):
        Crossval.newest(tmp_path, "a").refuse_others(options, {"x": "1", "y": "3"})


def test_what_is_annotated_otherwise_is_seen(dataset, report):
    before = folds.digests_of(report)
    assert before == folds.digests_of(check_dataset(dataset))
    (path,) = (dataset / "train").glob("*.json")
    path.write_text(path.read_text().replace('"x": 10', '"x": 11', 1))
    after = folds.digests_of(check_dataset(dataset))
    assert sum(before[name] != after[name] for name in before) == 1


# -- The command -----------------------------------------------------------------------------------


def test_a_name_with_brackets_is_found_again(tmp_path):
    begun = Crossval.begin(tmp_path, "cups[1]", {}, "imagenet", [["train/a.png"]], {})
    assert Crossval.newest(tmp_path, "cups[1]").folder == begun.folder


def test_one_fold_holds_out_everything(capsys):
    with pytest.raises(SystemExit):
        training_script.main(SCRIPT, ["crossval", "--folds", "1"])
    assert "--folds 1 holds out everything: take 2 or more" in capsys.readouterr().err


def test_too_many_folds_are_refused_before_the_report(dataset, tmp_path, capsys):
    words = ["crossval", "--dataset", str(dataset), "--logs", str(tmp_path), "--folds", "500"]
    assert training_script.main(SCRIPT, words) == 1
    out, err = capsys.readouterr()
    assert "has 12 different photos with objects: that is too few for 500 folds" in err
    assert err.count("\n") == 1 and "Verdict" not in out


def test_from_photos_to_the_table_with_a_stop_on_the_way(dataset, tmp_path, capsys):
    weights = tmp_path / "start.h5"
    keras.utils.set_random_seed(1)
    MaskRCNN("training", type("Start", (TinyConfig,), {"NUM_CLASSES": 3})(), tmp_path).save_weights(
        weights
    )
    shutil.rmtree(dataset / "val")
    trained, stop_at = [], [2]

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if (len(trained), epoch) == (*stop_at, 1):
                raise KeyboardInterrupt

    def train(model, dataset_dir, **options):
        trained.append(model.epoch)
        custom_training.train(model, dataset_dir, custom_callbacks=[Stop()], **options)

    script = dataclasses.replace(SCRIPT, train=train)
    logs = tmp_path / "log"
    words = ["crossval", "--dataset", dataset, "--logs", logs, "--weights", weights, "--folds", 2]
    words += ["--epochs", 2, "--steps", 1, "--best-by", "loss", "--seed", 1, "--name", "cups"]

    def run(*more):
        tf.config.run_functions_eagerly(True)
        try:
            code = training_script.main(script, [*map(str, words), *more])
        finally:
            tf.config.run_functions_eagerly(False)
        return code, *capsys.readouterr()

    code, out, err = run()
    assert (code, err) == (130, "") and trained == [0, 0]
    assert "the 10 annotated photos of train, in 2 folds" in out
    assert "Fold 1 of 2: 5 photos to train, 5 held out" in out
    (folder,) = logs.iterdir()
    assert f"1 of 2 folds are done, in {folder}. The same command with --resume goes on." in out
    done = json.loads((folder / "crossval.json").read_text())["folds"][0]
    assert len(list((folder / done["run"]).glob("mask_rcnn_cups_*.h5"))) == 1

    stop_at[0] = None
    code, _, err = run("--resume", "--batch", "1")
    assert code == 1 and "was started with no --batch, not with --batch 1" in err
    code, out, err = run("--resume")
    assert (code, err) == (0, "") and trained == [0, 0, 1], "the second fold goes on"
    assert "Starting at epoch 2 of 2" in out and "Fold 1 of 2:" not in out
    assert "mean" in out and list(logs.iterdir()) == [folder]
    known = json.loads((folder / "crossval.json").read_text())
    assert known["folds"][0] == done and known["folds"][1]["epoch"] in (1, 2)
    code, out, _ = run("--resume")
    assert code == 0 and "mean" in out and trained == [0, 0, 1]

    # Killed amid its first epoch: weights, and no state beside them.
    known["folds"][1] |= dict.fromkeys(("run", "epoch", "objects", "mask", "box"))
    (folder / "crossval.json").write_text(json.dumps(known))
    code, out, err = run("--resume")
    assert (code, err) == (0, "") and trained == [0, 0, 1, 0] and "mean" in out
