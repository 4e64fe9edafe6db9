import itertools
import threading
import time

import pytest

from mrcnn.commands.streaming import PATIENCE, Ahead, chain


def settle(condition, seconds=2.0):
    """Wait until a thread has done its part."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    return condition()


def test_items_keep_their_order_through_stages():
    with chain(range(50), lambda items: (item * 2 for item in items), size=2) as second:
        assert list(second) == list(range(0, 100, 2))
        with pytest.raises(StopIteration):
            second.get()


def test_it_runs_ahead_but_not_further_than_its_queue():
    taken = []

    def items():
        for number in itertools.count():
            taken.append(number)
            yield number

    with chain(items(), size=3) as ahead:
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
    with chain(work(range(10), 5), lambda read: work(read, 3)) as found:
        assert list(work(found, 1)) == list(range(10))


def test_an_error_comes_where_its_item_would():
    def items():
        yield 1
        raise OSError("the disk is full")

    with chain(items(), lambda first: map(str, first)) as second:
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

    with chain(items(), size=1, newest=True) as ahead:
        assert step.wait(2)
        assert settle(lambda: list(ahead._waiting) == [10])
        assert list(ahead) == [10]


def test_waiting_can_end():
    with chain(iter(lambda: time.sleep(0.3), 0)) as ahead:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            ahead.get(0.02)
        assert time.monotonic() - began < 0.25


def test_closing_ends_a_thread_that_waits_for_room():
    threads = threading.active_count()
    with chain(itertools.count(), lambda first: map(str, first), size=2) as second:
        assert next(second) == "0"
    assert threading.active_count() == threads


def test_closing_leaves_a_source_alone_that_never_answers():
    answers, seen = threading.Event(), []

    def items():
        yield 1
        answers.wait(60)

    def work(items):
        yield from items
        seen.append("end")

    with chain(items(), work, work) as last:
        assert next(last) == 1
        began = time.monotonic()
    # The source's thread is left; the stages after it, which wait for it, are at their end.
    assert PATIENCE - 0.1 < time.monotonic() - began < PATIENCE + 1
    assert seen == ["end", "end"]
    answers.set()


def test_closing_waits_for_the_work_on_an_item():
    done = []

    def work(items):
        for item in items:
            time.sleep(0.5)
            done.append(item)
            yield item

    with chain(range(3), work):
        time.sleep(0.1)
    assert done == [0]


def test_a_closed_one_has_no_items():
    answers = threading.Event()
    ahead = Ahead(itertools.chain(range(5), iter(answers.wait, True)), size=9)
    assert next(ahead) == 0
    ahead.close(0.05)
    with pytest.raises(StopIteration):
        ahead.get(1)
    answers.set()
