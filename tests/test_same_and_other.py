"""What is equal, and what has another order, name or number elsewhere: scores, photos, classes."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from custom_training import CustomDataset
from mrcnn.boxes import overlaps
from mrcnn.data.samples import load_annotated
from mrcnn.model import MaskRCNN
from mrcnn.nn.nms import suppress, suppress_portable
from mrcnn.nn.weights import inspect
from mrcnn.training import run_files
from mrcnn.training.callbacks import MASK_AP
from tests.small import Shapes, SmallConfig
from tests.test_custom_training import SCRIPT, TinyConfig, rect, write_subset

SEED = 3


@pytest.fixture
def eager(eager):
    keras.utils.set_random_seed(SEED)


# -- Equal scores ----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["tensorflow", "portable"])
def test_of_boxes_with_equal_scores_none_stays_beside_one_that_it_overlaps(engine):
    rng, count, limit = np.random.default_rng(SEED), 12, 0.3
    for _ in range(50):
        corners = rng.integers(0, 8, (count, 2))
        boxes = np.concatenate([corners, corners + rng.integers(2, 6, (count, 2))], axis=1)
        boxes = (boxes / 16).astype(np.float32)
        scores = (rng.integers(1, 4, count) / 4).astype(np.float32)
        ids = rng.integers(0, 2, count).astype(np.int32)
        batch = boxes[None], scores[None], ids[None]
        batch = [tf.convert_to_tensor(array) for array in batch]
        if engine == "tensorflow":
            kept = suppress(*batch, 2, limit, count)
        else:
            kept = suppress_portable(*batch, limit, count)
        kept_boxes, kept_scores, kept_ids = (np.asarray(part)[0] for part in kept)
        there = kept_scores > 0
        kept_boxes, kept_scores, kept_ids = kept_boxes[there], kept_scores[there], kept_ids[there]
        assert (np.diff(kept_scores) <= 0).all()
        shared = np.asarray(overlaps(kept_boxes, kept_boxes)) > limit
        alike = kept_ids[:, None] == kept_ids
        assert (shared & alike == np.eye(len(kept_ids), dtype=bool)).all()
        # What is left out overlaps one that is as good.
        shared = np.asarray(overlaps(boxes, kept_boxes)) > limit - 1e-6
        as_good = kept_scores >= scores[:, None]
        assert (shared & (ids[:, None] == kept_ids) & as_good).any(axis=1).all()


# -- One photo as train and val --------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, capsys, eager):
    """A function: trains the small network on `tmp_path / "dataset"`."""
    from mrcnn.commands import training_script

    start = tmp_path / "start.h5"
    MaskRCNN("training", TinyConfig(), tmp_path).save_weights(start)

    def train(*options):
        words = ["train", "--dataset", tmp_path / "dataset", "--logs", tmp_path / "log"]
        options = options or ("--weights", start)
        words += ["--batch", 1, "--steps", 1, "--epochs", 1, *options]
        code = training_script.main(SCRIPT, list(map(str, words)))
        return code, *capsys.readouterr()

    return train


def newest(tmp_path):
    return run_files.find_last(tmp_path / "log", "object")


def test_one_photo_to_train_and_to_validate_is_said_and_trained(run, tmp_path):
    for subset in ("train", "val"):
        write_subset(tmp_path / "dataset" / subset, {"a.png": [rect(9, 9, 60, 60, "plate")]})
    code, out, err = run()
    assert (code, err) == (0, "")
    assert "is a copy of train/a.png: validation tests what was trained on" in out
    assert "plate (1 in train, 1 in val)" in out and f"  {MASK_AP} " in out, out
    assert run_files.read_header(newest(tmp_path).parent)["monitor"] == MASK_AP
    code, out, err = run("--weights", "last", "--best-by", "loss")
    assert (code, err) == (0, "") and MASK_AP not in out


# -- A class that has another name -----------------------------------------------------------------


class Renamed(Shapes):
    """`Shapes` under other names; its ids are as before."""

    def __init__(self, count, names):
        super().__init__(count)
        for info, name in zip(self.class_info[1:], names, strict=True):
            info["name"] = name
        self.prepare()


def test_a_class_of_another_name_than_the_weights_know_is_said(tmp_path, capsys, eager):
    first = MaskRCNN("training", SmallConfig(), tmp_path)
    first.train(Shapes(1), None, 0.001, 1, "heads", seed=SEED)
    assert "Warning" not in capsys.readouterr().out
    second = MaskRCNN("training", SmallConfig(), tmp_path)
    second.load_weights(second.find_last())
    # As many classes, so that all weights fit.
    second.train(Renamed(1, ["disc", "square"]), None, 0.001, 2, "heads", seed=SEED)
    expected = "Warning: class 1 is 'square' in the weights and 'disc' in the data set"
    assert expected in capsys.readouterr().out
    assert inspect(second.find_last()).class_names == ["BG", "disc", "square"]
    third = MaskRCNN("training", SmallConfig(), tmp_path)
    heads = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"]
    third.load_weights(first.find_last(), exclude=heads)
    assert third.class_names is None, "none of its classes is known to what starts anew"
    third.train(Shapes(1), None, 0.001, 1, "heads", seed=SEED)
    assert "Warning" not in capsys.readouterr().out


def test_a_renamed_class_starts_anew_and_is_not_resumed(run, tmp_path):
    for subset in ("train", "val"):
        regions = [rect(9, 9, 60, 60, "plate"), rect(80, 80, 30, 30, "cup")]
        write_subset(tmp_path / "dataset" / subset, {"a.png": regions})
    assert run()[0] == 0
    before = newest(tmp_path)
    for file in (tmp_path / "dataset").rglob("*.json"):
        file.write_text(file.read_text().replace("plate", "bowl"))
    code, _, err = run("--resume")
    assert code == 1 and "is of a run for other classes than bowl, cup" in err
    code, out, _ = run("--weights", "last")
    assert code == 0 and "mrcnn_class_logits, mrcnn_bbox_fc, mrcnn_mask start anew" in out
    after = newest(tmp_path)
    assert after.parent != before.parent and inspect(after).class_names == ["BG", "bowl", "cup"]


# -- Category ids with gaps, and in another order --------------------------------------------------


def write_coco(folder, categories, objects):
    """Write a photo whose annotation, as COCO's, has (category, x) of squares of 20 pixels."""
    write_subset(folder, {"a.png": []})
    (folder / "export.json").unlink()
    document = {
        "images": [{"id": 8, "file_name": "a.png", "width": 128, "height": 128}],
        "categories": [{"id": key, "name": name} for key, name in categories.items()],
        "annotations": [
            {"id": i, "image_id": 8, "category_id": key, "bbox": [x, 10, 20, 20]}
            for i, (key, x) in enumerate(objects)
        ],
    }
    (folder / "coco.json").write_text(json.dumps(document))


@pytest.mark.parametrize("subset", ["train", "val"])
def test_ids_with_gaps_and_in_another_order_mean_the_same_names(tmp_path, subset):
    write_coco(
        tmp_path / "train", {90: "apple", 3: "pear", 17: "fig"}, [(17, 0), (90, 30), (3, 60)]
    )
    write_coco(tmp_path / "val", {1: "pear", 200: "fig", 0: "apple"}, [(200, 0), (0, 30), (1, 60)])
    data = CustomDataset()
    data.load_custom(tmp_path, subset)
    data.prepare()
    assert data.class_names[0] == "BG" and sorted(data.class_names[1:]) == ["apple", "fig", "pear"]
    _, objects = load_annotated(data, 0, channels=3)
    masks, class_ids = objects.masks, objects.class_ids
    found = {data.class_names[k]: int(np.argmax(masks[15, :, i])) for i, k in enumerate(class_ids)}
    assert found == {"fig": 0, "apple": 30, "pear": 60}
    other = CustomDataset()
    other.load_custom(tmp_path, "val" if subset == "train" else "train")
    other.prepare()
    assert other.class_names == data.class_names


def test_ids_of_a_source_may_have_gaps():
    data = Shapes(0)
    data.class_info[1:] = []
    for key, name in ((90, "apple"), (3, "pear")):
        data.add_class("shapes", key, name)
    data.prepare()
    assert [data.map_source_class_id(f"shapes.{key}") for key in (90, 3)] == [1, 2]
    assert [data.get_source_class_id(index, "shapes") for index in (1, 2)] == [90, 3]
    assert data.source_class_ids["shapes"] == [0, 1, 2]


@pytest.mark.parametrize("names", [["disc", "square"], ["square", "ball"]])
def test_other_classes_to_validate_than_to_train_are_refused(tmp_path, eager, names):
    model = MaskRCNN("training", SmallConfig(), tmp_path)
    with pytest.raises(ValueError, match="class [12] is '.*' in the data set to train on and '.*'"):
        model.train(Shapes(1), Renamed(1, names), 0.001, 1, "heads")
    assert not list(tmp_path.rglob("*.h5"))
