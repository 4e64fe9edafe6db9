#!/usr/bin/env python3
"""What a run leaves behind that is stopped, killed, or has no room: whole files, and a way on.

    python benchmarks/interruptions.py
    python benchmarks/interruptions.py --count 2 --commands predict video --faults kill full

Runs the commands on made-up photos and a made-up clip, again and again, and harms each run at a
random moment, mostly while it writes. Then every file is read in full, and what the run has said is
held against what is there. Prints a table; the exit code is 1 where something is wrong, and the
folder of that run is kept. 20 runs of each take about two hours on two cores.

The faults: `interrupt` (Ctrl-C), `terminate` (SIGTERM), `kill` (SIGKILL), `limit` (no file may grow
beyond some size), `full` (the disk is full; needs root, to mount a small one), `replaced` (the
folder is moved away and a file has its name), `readonly` (it may not be written any more; root
needs `setpriv`, whose child may not write everywhere).
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import made_up, measuring
from benchmarks.left_behind import SIGNALS, Ended, check_files, check_kept, check_words
from mrcnn.commands.arguments import count as positive
from mrcnn.commands.process import ROOT

FAULTS = (*SIGNALS, "limit", "full", "replaced", "readonly")
# The class of the weights that ship.
NAME = "AC Remote"
SIDE, PHOTOS, FRAMES, EPOCHS = 64, 8, 60, 3
# A share of the runs is harmed before the first file is there.
EARLY = 0.15
# Seconds from a change in the folder to the fault, at most.
LATER = 0.3
TOO_LONG = 300.0
ROOT_NEEDED = "full: left out, only root can mount a small disk"
NOT_FOR_ROOT = "readonly: left out, root may write everywhere, and there is no setpriv"
# A root that is asked for permission.
ASKED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]


class Usual(NamedTuple):
    """A run that nothing happens to: seconds to its first file, changes in its folder, bytes of its
    largest file and of all."""

    start: float
    changes: int
    largest: int
    total: int


# -- What runs -----------------------------------------------------------------------------------


def write_inputs(folder: Path) -> None:
    """Make a data set, with VIA's annotation, and a clip."""
    for subset in ("train", "val"):
        entries = {}
        for number in range(PHOTOS):
            path = folder / subset / f"photo{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            made_up.write_photo(path, 60, 80, number + PHOTOS * (subset == "val"))
            outline = {"name": "rect", "x": 10 + number, "y": 10, "width": 40, "height": 35}
            region = {"shape_attributes": outline, "region_attributes": {"object": NAME}}
            size = path.stat().st_size
            entry = {"filename": path.name, "size": size, "regions": [region]}
            entries[f"{path.name}{size}"] = entry
        (folder / subset / "via.json").write_text(json.dumps(entries))
    fourcc = cv2.VideoWriter.fourcc(*"MJPG")
    clip = cv2.VideoWriter(str(folder / "clip.avi"), fourcc, 20, (160, 120))
    for number in range(FRAMES):
        clip.write(made_up.photo(120, 160, number))
    clip.release()


def command_line(command: str, inputs: Path, output: Path, suffix: str = ".mp4") -> list[str]:
    """Return the command, which writes into the folder `output`; a video's ending is `suffix`."""
    network = ["--weights", str(ROOT / "log" / "custom.h5"), "--image-size", str(SIDE)]
    uncertain = ["--min-confidence", "0.01"]
    dataset = ["--dataset", str(inputs)]
    train = ["custom_training.py", "train", *dataset, "--logs", str(output)]
    found, seen = ["--json", str(output / "found.json")], ["--json", str(output / "seen.json")]
    predict = ["maskrcnn_predict_for_images.py", str(inputs / "val"), *found, *uncertain]
    evaluate = ["custom_training.py", "evaluate", *dataset]
    lines = {
        "train": [*train, "--epochs", str(EPOCHS), "--batch", "2"],
        "predict": [*predict, "--via", str(output / "via.json"), "--output", str(output)],
        "evaluate": [*evaluate, "--output", str(output)],
        "video": ["video_mask.py", str(inputs / "clip.avi"), *seen, *uncertain]
        + ["--output", str(output / f"masked{suffix}")],
    }
    script, *options = lines[command]
    return [sys.executable, "-u", str(ROOT / script), *options, *network]


COMMANDS = ("train", "predict", "evaluate", "video")


def _snapshot(folder: Path):
    """Return what is in a folder, as far as it can be told while it changes."""
    with contextlib.suppress(OSError):
        return {path: path.stat().st_size for path in folder.rglob("*")}
    return None


def run(
    line: list[str],
    folder: Path,
    harm: Callable[[subprocess.Popen], None] | None = None,
    moment: Callable[[float, int], bool] = lambda seconds, changes: False,
    limit: int | None = None,
) -> tuple[Ended, Usual]:
    """Run a command that writes into `folder`, and `harm` it at a `moment`.

    `moment` gets the seconds since the start and the changes in the folder; `limit` is the size in
    bytes that no file may exceed.
    """

    def prepare():
        # A shell starts what it runs in the background with Ctrl-C ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    began = time.perf_counter()
    process = subprocess.Popen(line, cwd=folder.parent, text=True, preexec_fn=prepare, **pipes)
    before, first, changes, harmed = _snapshot(folder), None, 0, False
    try:
        while process.poll() is None:
            seconds = time.perf_counter() - began
            if seconds > TOO_LONG:
                raise RuntimeError(f"{' '.join(line)}: not over after {TOO_LONG:.0f} s")
            if not harmed and harm and moment(seconds, changes):
                harm(process)
                harmed = True
            now = _snapshot(folder)
            if now is not None and now != before:
                before, changes = now, changes + 1
                first = first or seconds
            time.sleep(0.01)
    finally:
        if process.poll() is None:
            process.kill()
    out, err = process.communicate()
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    usual = Usual(first or 0.0, changes, max(sizes, default=0), sum(sizes))
    return Ended(process.returncode, out, err, harmed or limit is not None), usual


# -- What happens to it --------------------------------------------------------------------------


def random_moment(usual: Usual, rng) -> Callable[[float, int], bool]:
    """Return a moment for `run`: mostly shortly after some change in the folder."""
    if rng.random() < EARLY:
        early = rng.uniform(0.3, 1) * usual.start
        return lambda seconds, changes: seconds >= early or changes > 0
    wanted, delay, since = rng.integers(1, usual.changes + 1), rng.uniform(0, LATER), None

    def moment(seconds, changes):
        nonlocal since
        if changes >= wanted:
            since = since or seconds
        return since is not None and seconds >= since + delay

    return moment


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """Make `folder` a disk of `size` bytes; what it holds at the end stays in the folder."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    kept = folder.with_name("kept")
    try:
        yield
    finally:
        shutil.copytree(folder, kept, symlinks=True)
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()
        kept.rename(folder)


def harmed_run(
    command: str, fault: str, inputs: Path, place: Path, usual: Usual, rng
) -> tuple[Ended, Path]:
    """Run a command in the folder `place` with a fault; return how it ended and where its files
    are. `usual` tells what the command does where nothing happens.
    """
    folder = place / "output"
    folder.mkdir(parents=True)
    kept = folder
    line = command_line(command, inputs, folder, str(rng.choice([".mp4", ".avi", ".mkv"])))
    options = {"moment": random_moment(usual, rng)}
    disk = contextlib.nullcontext()
    if fault in SIGNALS:
        options["harm"] = lambda process: process.send_signal(SIGNALS[fault])
    elif fault == "limit":
        options["limit"] = int(np.exp(rng.uniform(np.log(200), np.log(usual.largest))))
    elif fault == "full":
        disk = small_disk(folder, int(rng.uniform(0.1, 0.95) * usual.total))
    elif fault == "replaced":
        kept = place / "moved"

        def replace(process):
            folder.rename(kept)
            folder.write_text("in the way")

        options["harm"] = replace
    elif fault == "readonly":
        line = [*ASKED, *line] if os.geteuid() == 0 else line

        def close(process):
            for each in (folder, *filter(Path.is_dir, folder.rglob("*"))):
                each.chmod(0o555)

        options["harm"] = close
    with disk:
        ended, _ = run(line, folder, **options)
        ended = ended._replace(harmed=ended.harmed or fault == "full")
    return ended, kept if kept.exists() else folder


# -- All of them ---------------------------------------------------------------------------------


def parse_arguments(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--count", type=positive, default=20, help="runs of each command with each fault")
    add("--commands", nargs="+", choices=COMMANDS, default=COMMANDS, help="default: all")
    add("--faults", nargs="+", choices=FAULTS, default=FAULTS, help="default: all")
    add("--seed", type=int, default=0, help="chooses the moments")
    return parser.parse_args(argv)


def possible(faults) -> list[str]:
    """Return the faults that this user can make, and say which not."""
    is_root = os.geteuid() == 0
    impossible = {} if is_root else {"full": ROOT_NEEDED}
    if is_root and not shutil.which(ASKED[0]):
        impossible["readonly"] = NOT_FOR_ROOT
    for fault in filter(impossible.get, faults):
        print(impossible[fault])
    return [fault for fault in faults if fault not in impossible]


def main(argv=None) -> int:
    arguments = parse_arguments(argv)
    measuring.introduce("Interruptions")
    faults = possible(arguments.faults)
    place = Path(tempfile.mkdtemp(prefix="interruptions-"))
    inputs, rows, bad = place / "inputs", [], 0
    write_inputs(inputs)
    for command in arguments.commands:
        folder = place / command
        folder.mkdir()
        ended, usual = run(command_line(command, inputs, folder), folder)
        if ended.code:
            raise RuntimeError(f"{command} fails without any fault: {ended.err}")
        shutil.rmtree(folder)
        for fault in faults:
            rng = np.random.default_rng([arguments.seed, *f"{command} {fault}".encode()])
            harmed = files = found = 0
            for number in range(arguments.count):
                here = place / f"{command}_{fault}_{number + 1:02d}"
                ended, kept = harmed_run(command, fault, inputs, here, usual, rng)
                checked, wrong = check_files(kept)
                wrong += check_words(fault, ended) + check_kept(command, fault, ended, kept)
                harmed, files, found = harmed + ended.harmed, files + checked, found + len(wrong)
                if not wrong:
                    shutil.rmtree(here)
                    continue
                (here / "out.txt").write_text(ended.out)
                (here / "err.txt").write_text(ended.err)
                print(f"{here}: exit code {ended.code}: {'; '.join(wrong)}", flush=True)
            rows.append((command, fault, harmed, files, found))
            bad += found
    header = ("command", "fault", "runs", "files checked", "faults found")
    measuring.section("Runs that were harmed", measuring.table(header, rows))
    if bad:
        print(f"\nWhat is wrong is kept in {place}")
        return 1
    shutil.rmtree(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
