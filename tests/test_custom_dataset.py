"""The data set of the training scripts: read once, and masks at the size that they are needed."""

from types import SimpleNamespace

import numpy as np
import pytest

import custom_training
from custom_training import CustomDataset
from mrcnn.annotation import read as annotation
from mrcnn.check.check import check_dataset
from mrcnn.data import samples
from mrcnn.data.resizing import scale_masks
from tests.annotated import HEIGHT, WIDTH, make_subset, polygon, rect

REGIONS = [polygon([12, 70, 55, 30], [8, 20, 52, 40]), rect(2, 30, 20, 25)]


@pytest.fixture
def folder(tmp_path):
    make_subset(tmp_path / "train", {f"{i}.png": REGIONS for i in range(5)}, seed=0)
    make_subset(tmp_path / "val", {"v.png": REGIONS}, seed=50)
    return tmp_path


@pytest.fixture
def parsed(monkeypatch):
    """The names of the folders whose annotation file was read, in order."""
    names, real = [], annotation.read
    monkeypatch.setattr(
        annotation, "read", lambda path, *rest: names.append(path.parent.name) or real(path, *rest)
    )
    return names


def loaded(folder, subset="train", dataset=CustomDataset, **options):
    data = dataset()
    data.load_custom(folder, subset, **options)
    data.prepare()
    return data


def described(data):
    return [(info["path"], info["class_ids"], len(info["regions"])) for info in data.image_info]


def trained(folder, **options):
    """Return the data sets that `train` hands to the model."""
    taken = []
    model = SimpleNamespace(train=lambda *datasets, **_: taken.extend(datasets))
    custom_training.train(model, folder, **options)
    return taken


def test_training_reads_each_subset_once(folder, parsed):
    train, val = trained(folder)
    assert parsed == ["train", "val"]
    assert train.class_names == val.class_names == ["BG", "mug"]


def test_what_a_check_has_read_is_not_read_again(folder, parsed):
    report = check_dataset(folder)
    assert parsed == ["train", "val"]
    checked = trained(folder, report=report)
    assert parsed == ["train", "val"]
    assert list(map(described, checked)) == list(map(described, trained(folder)))


def test_masks_at_a_size_are_drawn_and_not_shrunk(folder):
    data = loaded(folder)
    shape, half = (HEIGHT, WIDTH), (HEIGHT // 2, WIDTH // 2)
    whole, class_ids = data.load_mask(0)
    at_full, _ = data.load_mask_at(0, shape, shape)
    np.testing.assert_array_equal(at_full, whole)
    drawn, same_ids = data.load_mask_at(0, shape, half)
    assert drawn.shape == (*half, 2) and drawn.dtype == bool
    np.testing.assert_array_equal(same_ids, class_ids)
    # Drawn: the area to the pixel. Shrunk: every other pixel of the photo, which is coarser.
    assert not np.array_equal(drawn, scale_masks(whole, half))
    areas = whole.sum(axis=(0, 1)) / 4
    np.testing.assert_allclose(drawn.sum(axis=(0, 1)), areas, rtol=0.05)


def test_a_subclass_with_masks_of_its_own_trains_on_them(folder):
    class Left(CustomDataset):
        def load_mask(self, image_id):
            masks, class_ids = super().load_mask(image_id)
            masks[:, WIDTH // 2 :] = False
            return masks, class_ids

    sample = samples.load_resized(
        loaded(folder, dataset=Left),
        0,
        channels=3,
        resizing={"min_dim": None, "max_dim": 64},
        rng=np.random.default_rng(0),
    )
    assert sample.masks[:, :32].any() and not sample.masks[:, 33:].any()


def test_crowds_count_negative(folder):
    data = loaded(folder)
    info = data.image_info[0]
    info["regions"] = [info["regions"][0]._replace(crowd=True), info["regions"][1]]
    assert data.load_mask(0)[1].tolist() == [-1, 1]
    assert data.load_mask_at(0, (HEIGHT, WIDTH), (10, 15))[1].tolist() == [-1, 1]
