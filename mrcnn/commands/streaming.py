"""Work that overlaps: iterables that run in threads, each ahead of whoever takes from it.

    with chain(read(), lambda frames: map(detect, frames)) as found:
        for result in found:
            ...

Each queue is bounded, so that a slow stage holds up the ones before it instead of filling the
memory.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator

# Seconds that the end waits for a source, such as a camera, that may never answer.
PATIENCE = 1.0


class Ahead(Iterator):
    """Takes items from `items` in a thread of its own, and gives them in their order.

    Arguments:
        items: an iterable, run in the thread. What it raises is raised where its item would come.
        size: items that may wait; then the thread waits.
        newest: for sources that do not wait, such as cameras: the oldest waiting item is dropped
            instead, so that nobody gets an old one.
    """

    def __init__(self, items: Iterable, size: int = 4, newest: bool = False):
        self._items, self._size, self._newest = items, size, newest
        self._waiting = deque()
        self._changed = threading.Condition()
        self._stopped = self._ended = False
        self._error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def get(self, timeout: float | None = None):
        """Return the next item; TimeoutError after `timeout` seconds, StopIteration at the end."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting or self._ended, timeout):
                raise TimeoutError
            if self._waiting:
                self._changed.notify_all()
                return self._waiting.popleft()
            error, self._error = self._error, None
        raise StopIteration if error is None else error

    def __next__(self):
        return self.get()

    def close(self, seconds: float | None = None):
        """Stop after the item at work, and drop what waits; who takes from it is at its end.

        After `seconds` the thread is left alone, to end with the program.
        """
        with self._changed:
            self._stopped = self._ended = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join(seconds)

    def _run(self):
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except BaseException as error:  # the taker's thread is the one to handle it
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, item) -> bool:
        with self._changed:
            if self._newest and len(self._waiting) == self._size:
                self._waiting.popleft()
            self._changed.wait_for(lambda: self._stopped or len(self._waiting) < self._size)
            if not self._stopped:
                self._waiting.append(item)
                self._changed.notify_all()
            return not self._stopped


@contextlib.contextmanager
def chain(
    source: Iterable, *stages: Callable[[Iterator], Iterable], size: int = 4, newest: bool = False
) -> Iterator[Ahead]:
    """Give the last of `stages`, each an `Ahead` of what it makes of the one before.

    The first takes from `source`, which runs ahead itself. All end with the `with` block.
    """
    threads = [Ahead(source, size, newest)]
    for stage in stages:
        threads.append(Ahead(stage(threads[-1]), size, newest))
    try:
        yield threads[-1]
    finally:
        # The first one first: those that wait for it then end too.
        threads[0].close(PATIENCE)
        for thread in threads[1:]:
            thread.close()
