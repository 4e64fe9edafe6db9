"""What a training prints, step by step, without a network."""

import io
from types import SimpleNamespace

import pytest

from mrcnn import console


class Batches(list):
    seconds, workers = 0.0, 2


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(time=100.0)
    monkeypatch.setattr(console.time, "perf_counter", lambda: now.time)
    return now


def train(clock, batches, epochs, seconds, prepared=0.0):
    """Return the lines of epochs whose first step takes a minute more than the others."""
    stream = io.StringIO()
    told = console.Console(stream)
    told.watch(batches)
    told.set_params({"epochs": epochs})
    for epoch in range(epochs):
        batches.seconds = 0.0
        told.on_epoch_begin(epoch)
        clock.time += 0 if epoch else 60
        for batch in range(len(batches)):
            clock.time += seconds
            batches.seconds += prepared
            told.on_train_batch_end(batch, {"loss": 3 - epoch})
        clock.time += 5
        told.on_epoch_end(epoch, {"loss": 2.5 - epoch, "val_loss": 3})
    told.progress.close()
    return stream.getvalue().splitlines()


def test_the_third_step_tells_how_long_it_takes(clock):
    assert train(clock, Batches([0] * 3), 2, 10)[:4] == [
        "Compiled in 1 min 10 s",
        "epoch 1/2 [1/3] loss 3.0000",
        "A step takes about 10 s: 30 s of steps to epoch 2",
        "epoch 1/2: 1 min 35 s  loss 2.5000  val_loss 3.0000",
    ]


def test_what_comes_between_epochs_counts_from_the_second_on(clock):
    lines = train(clock, Batches([0] * 12), 2, 10)
    assert (
        "epoch 1/2 [3/12, 1 min 30 s left] loss 3.0000, 10 s a step, 3 min 30 s left in all"
        in lines
    )
    assert (
        "epoch 2/2 [3/12, 1 min 30 s left] loss 2.0000, 10 s a step, 1 min 35 s left in all"
        in lines
    )


def test_epochs_of_two_steps_have_an_estimate_too(clock):
    lines = train(clock, Batches([0] * 2), 3, 10)
    assert "A step takes about 10 s: 40 s of steps to epoch 3" in lines


def test_which_side_waits(clock):
    (line,) = (x for x in train(clock, Batches([0] * 3), 1, 5, prepared=9.5) if "pace" in x)
    assert line.startswith("  the input sets the pace: batches were prepared in 9.5 s by 2 threads")
    (line,) = (x for x in train(clock, Batches([0] * 3), 1, 5, prepared=5) if "pace" in x)
    assert line.startswith("  the network sets the pace")


def test_epochs_of_a_single_step(clock):
    lines = train(clock, Batches([0]), 2, 10)
    assert [line[:10] for line in lines] == ["Compiled i", "epoch 1/2 ", "epoch 1/2:", "epoch 2/2:"]
