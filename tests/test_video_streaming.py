import itertools
import threading
import time

import pytest

from mrcnn.commands.streaming import Ahead


def settle(condition, seconds=2.0):
    """Wait until a thread has done its part."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    return condition()


def test_items_keep_their_order_through_stages():
    with Ahead(range(50), 3) as first, Ahead((item * 2 for item in first), 2) as second:
        assert list(second) == list(range(0, 100, 2))
        with pytest.raises(StopIteration):
            second.get()


def test_it_runs_ahead_but_not_further_than_its_queue():
    taken = []

    def items():
        for number in itertools.count():
            taken.append(number)
            yield number

    with Ahead(items(), size=3) as ahead:
        assert settle(lambda: len(taken) == 4)
        time.sleep(0.05)
        assert len(taken) == 4  # three wait, one is in the thread's hand
        assert next(ahead) == 0
        assert settle(lambda: len(taken) == 5)
    assert not ahead._thread.is_alive()


def test_stages_overlap():
    together = threading.Barrier(3, timeout=30)

    def work(items, meeting):
        for item in items:
            if item == meeting:
                together.wait()
            yield item

    # Each stage meets the others while it is at work on an item of its own.
    with Ahead(work(range(10), 5)) as read, Ahead(work(read, 3)) as found:
        assert list(work(found, 1)) == list(range(10))


def test_an_error_comes_where_its_item_would():
    def items():
        yield 1
        raise OSError("the disk is full")

    with Ahead(items()) as first, Ahead(map(str, first)) as second:
        assert next(second) == "1"
        with pytest.raises(OSError, match="disk is full"):
            next(second)
        assert list(second) == []


def test_the_newest_replaces_the_oldest():
    step = threading.Event()

    def items():
        yield 0
        yield from range(1, 10)
        step.set()
        yield 10
        time.sleep(0.05)

    with Ahead(items(), size=1, newest=True) as ahead:
        assert step.wait(2)
        assert settle(lambda: list(ahead._waiting) == [10])
        assert list(ahead) == [10]


def test_waiting_can_end():
    with Ahead(iter(lambda: time.sleep(0.3), 0)) as ahead:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            ahead.get(0.02)
        assert time.monotonic() - began < 0.25


def test_closing_ends_a_thread_that_waits_for_room():
    threads = threading.active_count()
    with Ahead(itertools.count(), 2) as first, Ahead(map(str, first), 2) as second:
        assert next(second) == "0"
    assert threading.active_count() == threads
