"""HDF5 files where they cannot be written, or not in peace."""

import os
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

from mrcnn import hdf5
from mrcnn.training import run_files

FULL = """
import resource, sys
import numpy as np
from mrcnn.nn import weights_file
from mrcnn.training.state import State
arrays = {f"layer{n}/kernel": np.random.rand(50, 60).astype(np.float32) for n in range(40)}
folder, limit = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
groups = {f"layer{n}": {f"layer{n}/kernel:0": a} for n, a in enumerate(arrays.values())}
for write in (
    lambda: State(1, 0.1, 1, 0.01, arrays).save(folder),
    lambda: weights_file.write(f"{folder}/w.h5", groups, {}),
):
    try:
        write()
    except (OSError, ValueError) as error:
        print(error)
print("the end")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of a file's size")
@pytest.mark.parametrize("limit", [0, 3000, 100_000, 470_000])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, limit):
    command = [sys.executable, "-c", FULL, str(tmp_path), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    state, weights, end = done.stdout.splitlines()
    assert state == f"{tmp_path / run_files.STATE_FILE} cannot be written: File too large"
    assert weights == f"{tmp_path / 'w.h5'} cannot be written: File too large"
    assert end == "the end" and not list(tmp_path.iterdir())


def test_an_error_of_the_body_is_raised_and_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.h5"
    path.write_text("before")
    with pytest.raises(KeyError), hdf5.replacing(path) as file:
        file["a"] = np.ones(3)
        raise KeyError
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_what_is_written_is_what_h5py_writes(tmp_path):
    array = np.random.default_rng(0).random((300, 400))
    with hdf5.replacing(tmp_path / "a.h5") as file:
        file["a/b"] = array
        file.attrs["name"] = "n" * 5000
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["a/b"], array) and file.attrs["name"] == "n" * 5000


@pytest.mark.skipif(sys.platform == "win32", reason="there a signal comes in another thread")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_what_interrupts_a_file_comes_once_it_is_written(tmp_path, name):
    number = getattr(signal, name)
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), hdf5.replacing(tmp_path / "a.h5") as file:
            os.kill(os.getpid(), number)
            file["a"] = np.arange(5)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["a"][4] == 4
