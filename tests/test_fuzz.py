"""Ten thousand damaged files for each reader; `make fuzz` reads a million."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers of processes")

# Each reads what is not its first file with another fault.
TRIAL = """
import os, signal, sys, time
from pathlib import Path
from tests.fuzz import running
from tests.fuzz.readers import READERS, Reader

def refuse(path): raise ValueError(f"{path}: no good")
def say_little(path): raise ValueError("no good")
def stumble(path): return {}[path]
def die(path): os.kill(os.getpid(), signal.SIGSEGV)
def wait(path): time.sleep(99)
def fill(path): return b"x" * 10**8
def work(path):
    while True: pass

def trial(fault):
    read = lambda path: fault(path) if path.read_bytes() == b"damaged" else None
    return Reader(read, ValueError, "a.bin", lambda *_: b"damaged", lambda: [b"whole"])

running.SECONDS, running.PATIENCE, running.BYTES = 0.3, 2.0, 5 * 10**7
faults = (refuse, say_little, stumble, die, wait, fill, work)
READERS.update({fault.__name__: trial(fault) for fault in faults})
running.run([fault.__name__ for fault in faults], 1, 0, Path(sys.argv[1]), 4)
"""


def test_every_fault_is_found_and_its_file_stays(tmp_path):
    command = [sys.executable, "-c", TRIAL, tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    kept = sorted(path.parent.name for path in tmp_path.rglob("*.bin"))
    assert kept == [
        "die-ended-the-process---11-",
        "fill-takes-too-much-memory",
        "say_little-ValueError-at--string--8",
        "stumble-KeyError-at--string--9",
        "wait-waits-for-ever",
        "work-takes-too-long",
    ]
    assert all(path.read_bytes() == b"damaged" for path in tmp_path.rglob("*.bin"))
    assert all(str(tmp_path / name) in done.stdout for name in kept)
    assert "refuse: 1 inputs, 1 of them refused" in done.stdout


def test_damaged_files_are_read_or_refused(tmp_path):
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", "10000", "--keep", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "annotations: 10,000 inputs" in done.stdout
