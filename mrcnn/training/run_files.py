"""The files of training runs: how they are named, and which of them is meant.

A run's folder is `<name>20261123T0930`, or, where another run has that minute, the next that is
free. It holds `mask_rcnn_<name>_0001.h5`... after each epoch, the best and the newest of them as
`best_mask_rcnn_<name>.h5` and `last_...`, the class names in `classes.txt`, the losses in
`losses.csv` and as curves in `losses.png`, what the network found in a few validation photos after
each epoch in `progress.jpg` and the folder `progress`, and in `last_state.hdf5` what training needs
besides weights, which `state` reads and writes. Epochs count from 1.
"""

import csv
import datetime
import io
import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from mrcnn import atomic, hdf5

STATE_FILE = "last_state.hdf5"
CLASSES_FILE = "classes.txt"
# The attribute of the state that holds its numbers, as JSON.
STATE_HEADER = "state"
LOSSES_FILE = "losses.csv"
CURVES_FILE = "losses.png"
EVENTS_FOLDER = "events"
STRIPS_FOLDER, STRIPS_FILE = "progress", "progress.jpg"
RUN = re.compile(r"(?P<name>.*?)(?P<time>\d{8}T\d{4})")
TIME = "%Y%m%dT%H%M"
CHECKPOINT = re.compile(r"mask_rcnn_(?P<name>.+)_(?P<epoch>\d{4,})\.h5")


# -- Folders -----------------------------------------------------------------------------------


def new_folder(model_dir: str | Path, name: str, time: datetime.datetime | None = None) -> Path:
    """Return the folder of a run of `name` that starts at `time`, or now; it is not made.

    Where it is there already, that of the next minute without one.
    """
    time = time or datetime.datetime.now()
    while (folder := Path(model_dir) / f"{name.lower()}{time.strftime(TIME)}").exists():
        time += datetime.timedelta(minutes=1)
    return folder


def check_place(model_dir: str | Path) -> None:
    """Raise OSError where no folder of a run can be made in `model_dir`; nothing is made yet."""
    folder = Path(model_dir).absolute()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir():
        raise OSError(f"{there} is no folder: name one for the runs with --logs")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OSError(f"{there} cannot be written to: name another folder with --logs")


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


def runs(model_dir: str | Path, name: str) -> Iterator[Path]:
    """Yield the folders of the runs of `name` that have a checkpoint, the newest first."""
    matches = ((RUN.fullmatch(folder.name), folder) for folder in Path(model_dir).glob("*"))
    found = [
        (run["time"], folder) for run, folder in matches if run and run["name"] == name.lower()
    ]
    yield from (folder for _, folder in sorted(found, reverse=True) if list_checkpoints(folder))


# -- Checkpoints -------------------------------------------------------------------------------


def checkpoint_name(name: str, which: int | str) -> str:
    """Return the file name of an epoch of a run of `name`, of "best" or of "last".

    Of all that is in a run's folder the last epoch comes last in the alphabet: many scripts take
    that.
    """
    if which in ("best", "last"):
        return f"{which}_mask_rcnn_{name.lower()}.h5"
    which = f"{which:04d}" if isinstance(which, int) else which
    return f"mask_rcnn_{name.lower()}_{which}.h5"


def epoch_of(path: str | Path) -> int | None:
    """Return the epoch that a checkpoint's name tells, None where it is not that of one."""
    match = CHECKPOINT.fullmatch(Path(path).name)
    return int(match["epoch"]) if match else None


def run_of(path: str | Path, model_dir: str | Path, name: str) -> tuple[Path, int] | None:
    """Return the folder and epoch of a checkpoint of a run of `name` under `model_dir`, or None."""
    path = Path(path)
    run, epoch = RUN.fullmatch(path.parent.name), epoch_of(path)
    own = run and run["name"] == name.lower() and epoch is not None
    if own and path.resolve().parent.parent == Path(model_dir).resolve():
        return path.parent, epoch
    return None


def list_checkpoints(folder: str | Path) -> dict[int, Path]:
    """Return the checkpoints of a run's folder by epoch; none where there is no such folder."""
    epochs = ((epoch_of(path), path) for path in Path(folder).glob("*"))
    return {epoch: path for epoch, path in epochs if epoch is not None}


def find_last(model_dir: str | Path, name: str) -> Path | None:
    """Return the last checkpoint of the newest run of `name` under `model_dir`, or None."""
    newest = next(runs(model_dir, name), None)
    return newest and last_of(newest)


def find_best(model_dir: str | Path, name: str) -> Path | None:
    """Return the best checkpoint of the newest run of `name` under `model_dir`, or None.

    Of a run of the older package, which does not tell, that is the last.
    """
    newest = next(runs(model_dir, name), None)
    return newest and (best_of(newest) or last_of(newest))


def best_of(folder: str | Path) -> Path | None:
    """Return the best checkpoint of a run's folder, or None."""
    # As this package named it before.
    names = checkpoint_name("*", "best"), "mask_rcnn_*_best.h5"
    return next((path for name in names for path in Path(folder).glob(name)), None)


def is_last(path: str | Path) -> bool:
    """Tell whether a file's name is that of a run's "last"."""
    name = Path(path).stem
    return name.startswith("last_mask_rcnn_") or name.endswith("_last")


def find_resumable(folder: str | Path) -> Path | None:
    """Return the checkpoint of a run's folder that its state belongs to, or None.

    A run that was killed after it had written an epoch's weights and before its state has weights
    that are one epoch ahead of the optimizer; in the first epoch it has no state at all.
    """
    return list_checkpoints(folder).get(read_header(folder).get("epoch"))


def last_of(folder: str | Path) -> Path | None:
    """Return the last checkpoint of a run's folder, or None."""
    checkpoints = list_checkpoints(folder)
    return checkpoints[max(checkpoints)] if checkpoints else None


# -- What is beside the checkpoints ------------------------------------------------------------


def state_file(folder: str | Path) -> Path:
    """Return the file of a run's state, of which the first name is this package's older one."""
    older, path = Path(folder) / "training_state.hdf5", Path(folder) / STATE_FILE
    return older if older.exists() and not path.exists() else path


def read_header(folder: str | Path) -> dict:
    """Return the numbers of a run's state: epoch, best, best_epoch, monitor, learning_rate.

    Empty where there is none that can be read.
    """
    try:
        with hdf5.reading(state_file(folder)) as file:
            return dict(json.loads(file.attrs[STATE_HEADER]))
    # A damaged file makes h5py raise anything.
    except Exception:
        return {}


def write_class_names(folder: str | Path, class_names: list[str]) -> None:
    """Write one class a line, the background left out, beside the weights."""
    lines = "".join(f"{name}\n" for name in class_names[1:])
    atomic.write_bytes(Path(folder) / CLASSES_FILE, lines.encode())


# -- Losses ------------------------------------------------------------------------------------


def read_losses(folder: str | Path) -> list[dict]:
    """Return the rows of a run's losses: numbers by name, NaN for a cell without one.

    "epoch" is an int and counts from 1, also where the file is an older one, which begins with
    epoch 0. No rows where there is no file. Raises ValueError where it cannot be read.
    """
    path = Path(folder) / LOSSES_FILE
    if not path.exists():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [
                {name: number(cell) for name, cell in row.items() if name}
                for row in csv.DictReader(file)
            ]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged ({error}): move it away to go on") from error
    rows = [row for row in rows if math.isfinite(row.get("epoch", math.nan))]
    shift = 1 if rows and rows[0]["epoch"] == 0 else 0
    return [row | {"epoch": int(row["epoch"]) + shift} for row in rows]


def write_losses(folder: str | Path, rows: list[dict]) -> None:
    """Write rows of losses, each with its "epoch"; a cell that a row does not have stays empty."""
    # Parts of a run may differ: in validation, in what callbacks add.
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "" if math.isnan(number(v)) else v for k, v in row.items()})
    atomic.write_bytes(Path(folder) / LOSSES_FILE, text.getvalue().encode())


def number(cell) -> float:
    """Return a cell of the losses as a number, NaN for one that holds none."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan


# -- The room on the disk ----------------------------------------------------------------------


def disk_text(folder: str | Path, weights: int, state: int, epochs: int) -> str:
    """Say what a run will take of the disk, and where that is more than is free, how far it gets.

    `folder` is the run's and need not be there yet; `weights` and `state` are bytes of a checkpoint
    and of the training state, which are the optimizer's variables; `epochs` are to come.
    Raises OSError where not even one epoch could be written.
    """
    folder = Path(folder).absolute()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < weights + state:
        raise OSError(
            f"{there} has {_size(free)} free, an epoch takes {_size(weights + state)}: make room "
            "there, or choose another disk with --logs (model_dir)"
        )
    # A new state is written beside the old one. Best and last are names of checkpoints.
    states = state if epochs == 1 or (folder / STATE_FILE).exists() else 2 * state
    need = epochs * weights + states
    possible = max(1, (free - states) // weights)
    text = (
        f"Disk: {epochs} checkpoint{'s' if epochs != 1 else ''} of {_size(weights)} and the "
        f"training state, {_size(need)} in all; {_size(free)} are free"
    )
    if free >= need:
        return text
    return (
        f"{text}\n  Warning: that is room for {possible} of {epochs} epochs; make some meanwhile, "
        "by deleting checkpoints of other runs or older ones of this (best and last stay)"
    )


def bytes_of(variables) -> int:
    """Return how many bytes Keras variables take in a file, where all are float32."""
    return 4 * sum(math.prod(variable.shape) for variable in variables)


def _size(count: int) -> str:
    """Return bytes as "250 MB" or "7.5 GB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.{0 if count >= 10 * size else 1}f} {unit}"
    return f"{count / 1e3:.0f} kB"
