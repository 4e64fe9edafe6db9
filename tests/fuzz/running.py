"""Damaged files are given to their readers, in processes of their own.

A reader fails where it raises anything but its own error, in one line with the file's name, takes
more than SECONDS of processor time or BYTES, waits for ever, or ends the process.
"""

import contextlib
import gc
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import wait
from pathlib import Path
from random import Random

import cv2

from tests.fuzz.readers import READERS, Reader

SECONDS, BYTES = 5.0, 10**9
# A reader that uses no processor waits for something.
PATIENCE = 120.0
# More is refused to a process, so that it does not take all there is.
MOST_BYTES = 12 * 10**9
# Inputs that one process reads.
CHUNK = 2000
TOO_LARGE = 3
ENDS = {
    -signal.SIGPROF: "takes too long",
    -signal.SIGALRM: "waits for ever",
    TOO_LARGE: "takes too much memory",
}


def run(names: Sequence[str], inputs: int, seed: int, folder: Path, jobs: int) -> list[Path]:
    """Give `inputs` files to each reader, tell what came of it, and return the files that stay.

    One file stays in `folder` of each kind of fault. Number N of a reader is the same file in every
    run of one seed.
    """
    forks, began = multiprocessing.get_context("fork"), time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    seeds = {name: READERS[name].seeds() for name in names}
    asked = {name: max(1, round(inputs * READERS[name].share)) for name in names}
    refused = {name: forks.Value("q") for name in names}
    tasks = deque(
        (name, at, min(asked[name], at + CHUNK))
        for name in names
        for at in range(0, asked[name], CHUNK)
    )
    working = {}
    while tasks or working:
        while tasks and len(working) < jobs:
            name, start, stop = tasks.popleft()
            at = forks.Value("q", start, lock=False)
            numbers = range(start, stop)
            given = name, numbers, seed, seeds[name], folder, at, refused[name]
            process = forks.Process(target=_work, args=given)
            process.start()
            working[process.sentinel] = process, name, stop, at
        for sentinel in wait(list(working)):
            process, name, stop, at = working.pop(sentinel)
            process.join()
            if process.exitcode:
                fault = ENDS.get(process.exitcode, f"ended the process ({process.exitcode})")
                _keep(_place(folder, name, process.pid), name, at.value, fault)
                tasks.appendleft((name, at.value + 1, stop))
    for name in names:
        print(f"{name}: {asked[name]:,} inputs, {refused[name].value:,} of them refused")
    print(f"{sum(asked.values()):,} inputs in {time.monotonic() - began:.0f} s")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _place(folder: Path, name: str, process: int) -> Path:
    """Return the path of the file that a process reads."""
    return folder / f"{name}-now-{process}" / READERS[name].filename


def _keep(path: Path, name: str, number: int, fault: str) -> None:
    """Move a file to a folder that is named for its fault, and tell; the first of a kind stays."""
    words = "".join(letter if letter.isalnum() else "-" for letter in fault.split(": ")[0])
    kept = path.parent.with_name(f"{name}-{words}")
    try:
        path.parent.rename(kept)
        print(f"FAILED {name} {number}: {fault}\n  kept in {kept / path.name}", flush=True)
    except OSError:  # one like it is there
        shutil.rmtree(path.parent)


def _work(name, numbers, seed, seeds, folder, at, refused):
    """Read damaged files, in a process of its own; `at` tells which one is being read."""
    reader = READERS[name]
    path = _place(folder, name, os.getpid())
    _prepare()
    path.parent.mkdir()
    gc.freeze()
    # What the first files load is no file's fault.
    for data in seeds:
        path.write_bytes(data)
        with contextlib.suppress(reader.error):
            reader.read(path)
    limit = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT + BYTES
    for number in numbers:
        at.value = number
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(damaged(name, number, seed, seeds))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        fault = _read(reader, path, refused)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if fault:
            _keep(path, name, number, fault)
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT > limit:
            os._exit(TOO_LARGE)
    shutil.rmtree(path.parent, ignore_errors=True)


# Linux counts kilobytes, macOS bytes.
UNIT = 1 if sys.platform == "darwin" else 1024


def _prepare():
    warnings.simplefilter("ignore")
    cv2.setNumThreads(1)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The libraries of images and of HDF5 complain there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def damaged(name: str, number: int, seed: int, seeds: Sequence[bytes]) -> bytes:
    """Return file `number` of a reader."""
    random = Random(f"{seed} {name} {number}")
    return READERS[name].damage(random.choice(seeds), random, seeds)


def _read(reader: Reader, path: Path, refused) -> str | None:
    """Return what is wrong with how a file is read, or None."""
    try:
        reader.read(path)
    except reader.error as error:
        text = str(error)
        refused.value += 1
        if "\n" not in text and str(path) in text:
            return None
        return f"{_where(error)}: no sentence with the file's name: {text:.200}"
    except BaseException as error:
        return f"{_where(error)}: {error!s:.200}"
    return None


def _where(error):
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/mrcnn/" in frame.filename] or frames
    return f"{type(error).__name__} at {Path(ours[-1].filename).name} {ours[-1].lineno}"
