"""What a run says of its device."""

import pytest

from mrcnn import devices


@pytest.mark.parametrize(
    ("names", "driver", "text"),
    [
        (["NVIDIA GeForce RTX 3060"], True, "GPU: NVIDIA GeForce RTX 3060"),
        (["A", "B"], True, "2 GPUs: A, B"),
        ([], False, "no GPU"),
        ([], True, f"no GPU ({devices.unseen_gpu()})"),
    ],
)
def test_the_device_is_named(monkeypatch, names, driver, text):
    monkeypatch.setattr(devices, "gpu_names", lambda: names)
    monkeypatch.setattr(devices.shutil, "which", lambda name: "/bin/smi" if driver else None)
    assert devices.describe() == text


def test_one_device_needs_no_strategy():
    assert devices.strategy(1) is None
    with devices.scope(None):
        pass
