"""log/custom.h5: what it is, what it finds, and that bfloat16 finds the same."""

from pathlib import Path

import numpy as np
import pytest

from custom_training import CustomDataset
from mrcnn.commands.opening import open_model
from mrcnn.evaluation.measure import evaluate
from mrcnn.nn.weights import inspect

ROOT = Path(__file__).parent.parent
WEIGHTS = ROOT / "log" / "custom.h5"
LEAST_SCORE = 0.5


def sample(subset):
    dataset = CustomDataset()
    dataset.load_custom(ROOT / "dataset", subset, ["AC Remote"])
    dataset.prepare()
    return dataset


@pytest.fixture(scope="module")
def models():
    """Models of both precisions."""
    return {
        precision: open_model(WEIGHTS, precision=precision, min_confidence=LEAST_SCORE).detector
        for precision in ("float32", "bfloat16")
    }


def test_it_says_which_network_and_class_it_is_for():
    info = inspect(WEIGHTS)
    assert (info.backbone, info.class_names) == ("efficientnet_lite0", ["BG", "AC Remote"])
    assert info.settings["IMAGE_MAX_DIM"] == 512
    assert WEIGHTS.stat().st_size < 20e6


def test_it_finds_the_remotes_of_the_sample(models):
    evaluation = evaluate(models["float32"], sample("val"))
    assert evaluation.summary()["mask"]["AP50"] > 0.95


def test_bfloat16_keeps_what_float32_finds(models):
    ious, least = [], open_model(WEIGHTS).min_confidence
    for dataset in map(sample, ("train", "val")):
        for image_id in dataset.image_ids:
            image = dataset.load_image(image_id)
            wanted, found = (models[name].detect([image])[0] for name in models)
            sure, found = wanted.where(wanted.scores >= least).masks, found.masks
            for mask in np.moveaxis(sure, -1, 0):
                inside = (mask[..., None] & found).sum(axis=(0, 1))
                around = (mask[..., None] | found).sum(axis=(0, 1))
                ious.append(max(inside / around, default=0))
    assert len(ious) > 50
    assert np.mean(np.array(ious) > 0.9) >= 0.98
