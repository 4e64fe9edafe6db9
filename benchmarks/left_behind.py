"""Whether what a run has left that was stopped, killed or had no room is whole, and as it said."""

import json
import re
import signal
from pathlib import Path
from typing import NamedTuple

import cv2
import h5py
import numpy as np

from mrcnn.commands.process import INTERRUPTED
from mrcnn.data.images import read_image
from mrcnn.nn import weights_file
from mrcnn.training import run_files
from mrcnn.training.state import State

SIGNALS = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM, "kill": signal.SIGKILL}


class Ended(NamedTuple):
    """A run that is over: its exit code, what it printed, and whether it was harmed before."""

    code: int
    out: str
    err: str
    harmed: bool


def _weights(path):
    weights_file.inspect(path)
    with weights_file.opened(path) as file:
        for dataset in weights_file.datasets(file).values():
            if not np.isfinite(weights_file.array(dataset)).all():
                raise ValueError(f"{dataset.name} has no numbers")


def _state(path):
    with h5py.File(path) as file:
        State.load(path.parent, json.loads(file.attrs[run_files.STATE_HEADER])["epoch"])


def _lines(path):
    text = path.read_text()
    counts = {line.count(",") for line in text.splitlines()}
    if not text.endswith("\n") or len(counts) != 1:
        raise ValueError("a line is cut off")


def _page(path):
    if not path.read_text().rstrip().endswith("</html>"):
        raise ValueError("the page is cut off")


def frames_of(path: Path) -> int:
    """Return how many frames of a video can be read."""
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


def _video(path):
    if not frames_of(path):
        raise ValueError("no frame can be read")


READERS = {
    ".h5": _weights,
    ".hdf5": _state,
    ".csv": _lines,
    ".txt": _lines,
    ".html": _page,
    ".json": lambda path: json.loads(path.read_text()),
    **dict.fromkeys((".jpg", ".png"), read_image),
    **dict.fromkeys((".mp4", ".avi", ".mkv"), _video),
}


def is_part(path: Path) -> bool:
    """Return whether a name says that the file is not whole."""
    return path.suffix == ".part" or path.stem.endswith(".part")


def check_files(folder: Path) -> tuple[int, list[str]]:
    """Read all files of a folder in full; return their number and what is wrong.

    What is named a part of a file need not be whole, and what is TensorBoard's is its own.
    """
    wrong, files = [], [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in files:
        if is_part(path) or path.name.startswith("events.out.tfevents"):
            continue
        try:
            READERS[path.suffix](path)
        except Exception as error:
            wrong.append(f"{path.name}: {type(error).__name__}: {str(error)[:200]}")
    return len(files), wrong


def over(fault: str, ended: Ended) -> bool:
    """Return whether a run had done all: a signal may still come while Python ends."""
    late = ended.code == -SIGNALS.get(fault, 0) and ended.out and fault != "kill"
    return ended.code == 0 or bool(late)


def check_words(fault: str, ended: Ended) -> list[str]:
    """Return what is wrong with how a run ended and what it said of it."""
    wrong = []
    expected = {"kill": -signal.SIGKILL, "interrupt": INTERRUPTED, "terminate": INTERRUPTED}
    # A run may be over before it notices, or have nothing to do with what was harmed.
    # Before it has said anything, Python itself may still be starting.
    starting = ended.code == -SIGNALS.get(fault, 0) and not ended.out
    if ended.code not in (0, expected.get(fault, 1)) and not (starting or over(fault, ended)):
        wrong.append(f"exit code {ended.code}")
    # One that comes amid what frees memory is lost, as Python says.
    if "Traceback" in ended.err.partition("Exception ignored in")[0] and not starting:
        wrong.append("a traceback")
    if ended.code == INTERRUPTED and "Stopped" not in ended.out:
        wrong.append("does not say that it stopped")
    if ended.code == 1 and not ended.err.strip().splitlines()[-1:]:
        wrong.append("does not say why it ended")
    return wrong


def check_kept(command: str, fault: str, ended: Ended, folder: Path) -> list[str]:
    """Return what is missing of what a run has said is done."""
    wrong, names = [], {path.name for path in folder.rglob("*")}
    parts = sorted(name for name in names if is_part(Path(name)))
    # A part is left by who was killed or cannot get at it, or where the run says so.
    if fault not in ("kill", "replaced", "readonly"):
        wrong += [f"{name} is left" for name in parts if name not in ended.err]
    if command == "train":
        done = [int(epoch) for epoch in re.findall(r"^epoch (\d+)/\d+: ", ended.out, re.MULTILINE)]
        for run_folder in filter(run_files.list_checkpoints, folder.glob("*/")):
            wrong += _resumes(run_folder)
        wanted = [f"_{epoch:04d}.h5" for epoch in done]
        wrong += [f"no {end}" for end in wanted if not any(name.endswith(end) for name in names)]
    if command == "predict":
        said = re.findall(r"^\[\d+/.* -> (.*)$", ended.out, re.MULTILINE)
        wrong += [f"no {path}" for path in said if Path(path).name not in names]
        if fault in ("interrupt", "terminate") and said:
            listed = json.loads((folder / "found.json").read_text())["images"]
            if len(listed) < len(said):
                wrong.append(f"{len(said)} photos are done, {len(listed)} in found.json")
    if command == "video" and "seen.json" in names and ended.code in (0, INTERRUPTED):
        frames = len(json.loads((folder / "seen.json").read_text())["frames"])
        films = [path for path in folder.rglob("masked.*") if not is_part(path)]
        counts = [frames_of(path) for path in films]
        if counts != [frames]:
            wrong.append(f"{counts} frames in the film, {frames} in seen.json")
    if over(fault, ended):
        wanted = {
            "train": ["losses.csv", "losses.png", "classes.txt", run_files.STATE_FILE],
            "predict": ["found.json", "via.json"],
            "evaluate": ["evaluation.json", "classes.csv", "f1.png", "confusion.png"],
            "video": ["seen.json"],
        }
        wrong += [f"is done without {name}" for name in wanted[command] if name not in names]
    return wrong


def _resumes(folder):
    if not (folder / run_files.STATE_FILE).exists():
        return []  # killed within the first epoch's files: its weights start a new run
    checkpoint = run_files.find_resumable(folder)
    if checkpoint is None:
        return ["cannot be resumed: its state is not readable, or of an epoch without weights"]
    try:
        State.load(folder, run_files.epoch_of(checkpoint))
    except ValueError as error:
        return [f"cannot be resumed: {error}"]
    return []
