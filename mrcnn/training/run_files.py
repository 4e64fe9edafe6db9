"""The folders of training runs: how they are named, what lies in them, which checkpoint is meant.

A run's folder is `<name>20261123T0930`, or, where another run has that minute, the next that is
free. `checkpoints.py` writes what is in it. Importing this
loads neither Keras nor TensorFlow.
"""

import contextlib
import datetime
import json
import re
from pathlib import Path

import h5py

STATE_FILE = "training_state.hdf5"
CLASSES_FILE = "classes.txt"
RUN = re.compile(r"(?P<name>.*?)(?P<time>\d{8}T\d{4})")
TIME = "%Y%m%dT%H%M"
CHECKPOINT = re.compile(r"mask_rcnn_(?P<name>.+)_(?P<epoch>\d{4,})\.h5")


def new_folder(model_dir: str | Path, name: str, time: datetime.datetime | None = None) -> Path:
    """Return the folder of a run of `name` that starts at `time`, or now; it is not made.

    Where it is there already, that of the next minute without one.
    """
    time = time or datetime.datetime.now()
    while (folder := Path(model_dir) / f"{name.lower()}{time.strftime(TIME)}").exists():
        time += datetime.timedelta(minutes=1)
    return folder


def claim_folder(folder: str | Path) -> Path:
    """Make the folder of a run that starts, and return it.

    Of runs that start at the same moment only one gets it: the others get the folders of the next
    minutes. A folder whose name is not that of a run is used as it is. Raises OSError where it
    cannot be made.
    """
    folder = Path(folder)
    run = RUN.fullmatch(folder.name)
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=run is None)
            return folder
        except FileExistsError:
            if run is None:
                raise OSError(f"{folder} cannot be made: a file has that name") from None
            time = datetime.datetime.strptime(run["time"], TIME)
            folder = new_folder(folder.parent, run["name"], time)
        except OSError as error:
            raise OSError(f"{folder} cannot be made: {error.strerror}") from error


def find_last(model_dir: str | Path, name: str) -> Path | None:
    """Return the checkpoint of the newest run of `name` under `model_dir` that has any, or None."""
    root, name = Path(model_dir), name.lower()
    runs = []
    for folder in root.iterdir() if root.is_dir() else ():
        match = RUN.fullmatch(folder.name)
        if match and match["name"] == name:
            runs.append((match["time"], folder))
    for _, folder in sorted(runs, reverse=True):
        checkpoints = list_checkpoints(folder)
        if checkpoints:
            return checkpoints[max(checkpoints)]
    return None


def list_checkpoints(folder: str | Path) -> dict[int, Path]:
    """Return the checkpoints of a run's folder by epoch; none where there is no such folder."""
    folder = Path(folder)
    files = folder.iterdir() if folder.is_dir() else ()
    matches = ((CHECKPOINT.fullmatch(path.name), path) for path in files)
    return {int(match["epoch"]): path for match, path in matches if match}


def find_resumable(folder: str | Path) -> Path | None:
    """Return the checkpoint of a run's folder that its state belongs to, else its last, or None.

    A run that was killed after it had written an epoch's weights and before its state has weights
    that are one epoch ahead of the optimizer.
    """
    checkpoints = list_checkpoints(folder)
    # Without a readable state the last one is meant; whoever resumes is told then what is wrong.
    with contextlib.suppress(OSError, KeyError, TypeError, ValueError):
        with h5py.File(Path(folder) / STATE_FILE, "r") as file:
            epoch = json.loads(file.attrs["state"])["epoch"]
        if epoch in checkpoints:
            return checkpoints[epoch]
    return checkpoints[max(checkpoints)] if checkpoints else None


def read_class_names(weights_path: str | Path) -> list[str] | None:
    """Return the classes, with "BG" first, that stand beside a weights file, or None."""
    with contextlib.suppress(FileNotFoundError):
        text = (Path(weights_path).parent / CLASSES_FILE).read_text(encoding="utf-8")
        return ["BG", *(line.strip() for line in text.splitlines() if line.strip())]
    return None
