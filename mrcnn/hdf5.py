"""HDF5 files: written whole or not at all, also where the disk is full, and opened with care."""

import contextlib
import io
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import h5py

from mrcnn import atomic

# The filters that writers of arrays use.
PACKING = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}


@contextlib.contextmanager
def replacing(path: str | Path, copy: bool = False) -> Iterator[h5py.File]:
    """Give a file that takes the place of `path` at the end; see `atomic.replacing`.

    It is a new one, or a copy of the one at `path`, to be changed. What interrupts the program
    meanwhile does so once the file is there.
    """
    mode = "r+" if copy else "w"
    with _uninterrupted(), atomic.replacing(path) as beside:
        if copy:
            shutil.copyfile(path, beside)
            shutil.copymode(path, beside)
        with _Patient(beside, "r+b" if copy else "w+b") as raw:
            try:
                with h5py.File(raw, mode) as file:
                    yield file
            finally:
                if raw.error:
                    raise raw.error


@contextlib.contextmanager
def _uninterrupted():
    """Hold Ctrl-C and SIGTERM back: HDF5 does not come to terms with an exception while it writes.

    Handlers belong to the main thread, and interrupt no other.
    """
    came, handlers = [], {}
    if threading.current_thread() is threading.main_thread():
        handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        handlers = {each: handler for each, handler in handlers.items() if callable(handler)}
    for each in handlers:
        signal.signal(each, lambda *arguments: came.append(arguments))
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number, frame in came[:1]:
            handlers[number](number, frame)


def reading(path: str | Path) -> h5py.File:
    """Open a file to read it; raises OSError where it cannot be.

    Where the first bytes name a driver, as those of damaged files do, HDF5 would make room
    for whatever length stands there (HDF5 File Format Specification 3.0, II.A).
    """
    with open(path, "rb") as raw:
        start = raw.read(60)
    at = {0: 48, 1: 52}.get(start[8]) if len(start) == 60 else None
    if at and start[at : at + 8] != b"\xff" * 8:
        raise OSError("its first bytes are damaged")
    return h5py.File(path, "r")


def is_plain(dataset: object) -> bool:
    """Tell whether this is a dataset of floats that lie in the file as they are, or packed by gzip.

    HDF5's other filters come from wherever the machine has them, and damage makes one of its own
    end the process. Where the chunks of a damaged file have another rank than the array, reading
    does not end.
    """
    if not isinstance(dataset, h5py.Dataset):
        return False
    made = dataset.id.get_create_plist()
    filters = {made.get_filter(number)[0] for number in range(made.get_nfilters())}
    inside = made.get_external_count() == 0 and made.get_layout() != h5py.h5d.VIRTUAL
    chunked = dataset.chunks is None or len(dataset.chunks) == len(dataset.shape)
    return inside and chunked and filters <= PACKING and dataset.dtype.kind == "f"


class _Patient(io.FileIO):
    """A file that keeps its first error, and what follows it, from HDF5.

    HDF5 does not come to terms with a write that fails: it tries again when it closes, and when
    Python ends, and takes the process with it.
    """

    error = None

    def write(self, data):
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and not self.error:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        if self.error:
            self.seek(len(rest), os.SEEK_CUR)
        return size

    def truncate(self, size):
        try:
            if not self.error:
                super().truncate(size)
        except OSError as error:
            self.error = error
        return size
