"""What the benchmarks share: timing in turns, tables, and the lines that say where they ran."""

import argparse
import contextlib
import os
import platform
import re
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from mrcnn.commands.arguments import count as positive

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "opencv-python")
# Instructions that decide how fast convolutions are, as Linux names them.
CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
# Variables that change how fast a network runs.
VARIABLES = re.compile(
    r"(TF_(ENABLE|NUM|SET|XLA|GPU|ONEDNN)_|OMP_|MKL_|ONEDNN_|DNNL_|CUDA_|KERAS_|XLA_).*"
)
UNITS = {"s": 1.0, "ms": 1000.0}

# -- Timing ------------------------------------------------------------------------------------


class Timing(NamedTuple):
    """Seconds."""

    median: float
    minimum: float
    maximum: float


def summarise(seconds: Sequence[float]) -> Timing:
    """Return the median, the least and the most of `seconds`; ValueError where there are none."""
    if not seconds:
        raise ValueError("nothing was measured")
    return Timing(statistics.median(seconds), min(seconds), max(seconds))


def clock(function: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turns(
    cases: Mapping[str, Callable[[], object]], repeats: int, warm_ups: int = 1
) -> dict[str, list[float]]:
    """Return the seconds of `repeats` calls of each case.

    The cases take turns, A B C A B C, so that a machine that slows down meanwhile slows all of
    them. `warm_ups` rounds come first and are not counted: they compile, and load caches.
    """
    for _ in range(warm_ups):
        for function in cases.values():
            function()
    seconds = {name: [] for name in cases}
    for _ in range(repeats):
        for name, function in cases.items():
            seconds[name].append(clock(function))
    return seconds


class Stopwatch:
    """The seconds spent in functions while a program runs, by the names given to them."""

    def __init__(self):
        self.seconds: dict[str, list[float]] = {}

    def timed(self, name: str, function: Callable) -> Callable:
        """Return `function`, its calls noted under `name`."""
        calls = self.seconds.setdefault(name, [])

        def run(*arguments, **options):
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                calls.append(time.perf_counter() - start)

        return run

    @contextlib.contextmanager
    def watching(self, places: Mapping[str, tuple[object, str]]) -> Iterator[None]:
        """Time what `(owner, attribute)` holds, under the names of `places`, for a while."""
        kept = {name: getattr(*place) for name, place in places.items()}
        try:
            for name, place in places.items():
                setattr(*place, self.timed(name, kept[name]))
            yield
        finally:
            for name, place in places.items():
                setattr(*place, kept[name])

    def total(self, name: str) -> float:
        """Return all the seconds of a name."""
        return sum(self.seconds.get(name, ()))


# -- Tables ------------------------------------------------------------------------------------


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; the first column is set left, the others right."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    def line(row):
        first, *others = zip(row, widths, strict=True)
        aligned = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return "| " + " | ".join(aligned) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])])


def timing_table(
    measured: Mapping[str, Sequence[float]],
    unit: str = "s",
    items: Mapping[str, int] | None = None,
    compare: bool = True,
) -> str:
    """Return a table of cases with their median, minimum and maximum.

    Arguments:
        measured: seconds by case; cases without any are left out.
        unit: "s" or "ms".
        items: how many items, such as images, a call of each case handles; times are for one.
        compare: whether a last column says how many times as fast as the first case each is, by
            the medians; for cases that do the same work.
    """
    timings = {
        name: summarise([value / (items or {}).get(name, 1) for value in seconds])
        for name, seconds in measured.items()
        if seconds
    }
    first = next(iter(timings.values()), None)
    digits = 3 if unit == "s" else 1
    rows = []
    for name, timing in timings.items():
        rows.append([name, *(f"{value * UNITS[unit]:.{digits}f}" for value in timing)])
        if compare:
            rows[-1].append(f"{first.median / timing.median:.2f}")
    header = ["", f"median, {unit}", "minimum", "maximum"]
    return table(header + ["times as fast"] * compare, rows)


def section(title: str, text: str) -> None:
    """Print a table below its title."""
    print(f"\n### {title}\n\n{text}", flush=True)


# -- Where and how -----------------------------------------------------------------------------


def parser(description: str, repeats: int | None = None) -> argparse.ArgumentParser:
    """Return a parser; with `repeats` it has `--repeats`, the calls of each case that count."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if repeats:
        made.add_argument(
            "--repeats",
            type=positive,
            default=repeats,
            metavar="N",
            help=f"calls of each case that count, after one that does not; default: {repeats}",
        )
    return made


def picture_size(text: str) -> tuple[int, int]:
    """Height and width, such as 3000x4000."""
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text} is no size such as 3000x4000, height first")
    return int(match[1]), int(match[2])


def command_line() -> str:
    """Return the command that runs now, from the project's folder."""
    script = Path(sys.argv[0]).resolve()
    name = script.relative_to(ROOT) if script.is_relative_to(ROOT) else script
    return shlex.join(["python", str(name), *sys.argv[1:]])


def machine() -> str:
    """Return the CPU, its cores, flags and load, and the variables and versions that matter."""
    # The CPU's fields, on Linux alone.
    cpu, lines = Path("/proc/cpuinfo"), ()
    if cpu.exists():
        lines = reversed(cpu.read_text().splitlines())
    fields = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
    model = fields.get("model name") or platform.processor() or platform.machine()
    flags = fields.get("flags", "").split()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [f"{model}, {cores} cores", " ".join(name for name in CPU_FLAGS if name in flags)]
    if hasattr(os, "getloadavg"):
        parts.append(f"load {os.getloadavg()[0]:.1f} before the run")
    parts += [f"{name}={value}" for name, value in os.environ.items() if VARIABLES.fullmatch(name)]
    parts.append(f"Python {platform.python_version()}")
    versions = {installed.name: installed.version for installed in metadata.distributions()}
    parts += [f"{name} {versions[name]}" for name in PACKAGES if name in versions]
    return ", ".join(filter(None, parts))


def introduce(title: str) -> None:
    """Print what follows, its command, and the machine."""
    print(f"## {title}\n\n`{command_line()}`\n\n{machine()}", flush=True)


def resident() -> float:
    """Return the MiB of memory that this process holds; NaN where Linux does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
