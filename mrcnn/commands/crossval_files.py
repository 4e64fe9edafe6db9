"""What is known of a cross-validation so far, in its folder, and its table."""

import csv
import glob
import io
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mrcnn import atomic
from mrcnn.tables import as_lines, few
from mrcnn.training import run_files

STATE_FILE = "crossval.json"
TABLE_FILE = "crossval.csv"
# What is told of a fold: mask and box AP as COCO defines them.
SCORES = tuple((kind, name) for kind in ("mask", "box") for name in ("AP", "AP50", "AP75"))


@dataclass
class Fold:
    """A part of the photos, by "subset/name", and what came of training without it.

    run: the run's folder, within that of the whole, once it is trained.
    epoch: the best one, which was measured; `mask` and `box` are its AP, AP50, AP75, 0..1, None
        where there is no object.
    """

    number: int
    photos: list[str]
    run: str | None = None
    epoch: int | None = None
    objects: int | None = None
    mask: dict | None = None
    box: dict | None = None

    @property
    def folder(self) -> str:
        """The folder of its runs, within that of the whole."""
        return f"fold_{self.number}"

    @property
    def is_done(self) -> bool:
        """Whether it is trained and measured."""
        return self.mask is not None

    def enter(self, summary: Mapping, epoch: int | None) -> None:
        """Take over the numbers of `Evaluation.summary`."""
        self.objects, self.epoch = summary["overall"]["objects"], epoch
        for kind in ("mask", "box"):
            wanted = [name for of, name in SCORES if of == kind]
            setattr(self, kind, {name: summary[kind][name] for name in wanted})

    def scores(self) -> list[float | None]:
        """Return its numbers in the order of SCORES."""
        return [getattr(self, kind)[name] for kind, name in SCORES]

    def text(self) -> str:
        """Return its two main numbers."""
        return f"mask AP {_cell(self.mask['AP'])}, box AP {_cell(self.box['AP'])}"


class Crossval:
    """A cross-validation in its folder, `crossval_<name><time>`.

    name: of the runs; options: those that it was started with, as JSON has them; weights: what
    each fold starts from; regions: what tells whether those of each photo are still the same.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        options: dict,
        weights: str,
        folds: list[Fold],
        regions: Mapping[str, str],
    ):
        self.folder, self.name = folder, name
        self.options, self.weights, self.folds = options, weights, folds
        self.regions = dict(regions)

    @classmethod
    def begin(
        cls,
        logs: Path,
        name: str,
        options: dict,
        weights: str,
        parts: Sequence[Sequence[str]],
        regions: Mapping[str, str],
    ) -> "Crossval":
        """Make the folder of a new one; raises OSError where it cannot be made."""
        folder = run_files.claim_folder(run_files.new_folder(logs, _name(name)))
        folds = [Fold(number, list(photos)) for number, photos in enumerate(parts, start=1)]
        options = json.loads(json.dumps(options))
        made = cls(folder, name, options, weights, folds, regions)
        made.save()
        return made

    @classmethod
    def newest(cls, logs: Path, name: str) -> "Crossval":
        """Read the newest one; raises OSError where there is none, ValueError for a damaged one."""
        path = max(
            (
                path
                for path in Path(logs).glob(f"{glob.escape(_name(name))}*/{STATE_FILE}")
                if _is_own(path, name)
            ),
            default=None,
        )
        if path is None:
            raise FileNotFoundError(
                f"no cross-validation of {name!r} under {logs} to go on with: start one, without "
                "--resume"
            )
        try:
            known = json.loads(path.read_bytes())
            folds = [Fold(**fold) for fold in known["folds"]]
            options, regions = dict(known["options"]), dict(known.get("regions", {}))
            return cls(path.parent, name, options, known["weights"], folds, regions)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path} is damaged ({error}): move it away, and start anew without --resume"
            ) from error

    def refuse_others(self, options: Mapping, regions: Mapping[str, str]) -> None:
        """Raise ValueError where options, or photos and their regions, are others than before."""
        options = json.loads(json.dumps(options))
        for name in sorted({*options, *self.options}):
            now, before = options.get(name), self.options.get(name)
            if now != before:
                raise ValueError(
                    f"{self.folder} was started with {_option(name, before)}, not with "
                    f"{_option(name, now)}: say the same, or start anew without --resume"
                )
        changed = {*regions} ^ {photo for fold in self.folds for photo in fold.photos}
        if changed:
            raise ValueError(
                f"the annotated photos are not those that {self.folder} was started with "
                f"({few(sorted(changed))}): start anew, without --resume"
            )
        changed = [photo for photo, was in self.regions.items() if regions[photo] != was]
        if changed:
            raise ValueError(
                f"the annotation has changed since {self.folder} was started "
                f"({few(sorted(changed))}): start anew, without --resume"
            )

    @property
    def done(self) -> int:
        """How many folds are done."""
        return sum(fold.is_done for fold in self.folds)

    def save(self) -> None:
        """Write what is known, and the table once a fold is done."""
        known = {"options": self.options, "weights": self.weights, "regions": self.regions}
        known["folds"] = [asdict(fold) for fold in self.folds]
        if self.done:
            for title, numbers in self._summary().items():
                known[title] = {}
                for (kind, name), number in zip(SCORES, numbers, strict=True):
                    known[title].setdefault(kind, {})[name] = number
        text = json.dumps(known, indent=2, ensure_ascii=False) + "\n"
        atomic.write_bytes(self.folder / STATE_FILE, text.encode())
        if self.done:
            table = io.StringIO(newline="")
            csv.writer(table, lineterminator="\n").writerows(self._rows(str))
            atomic.write_bytes(self.folder / TABLE_FILE, table.getvalue().encode())

    def text(self) -> str:
        """Return the table: a row a fold, their mean, and the spread, the standard deviation."""
        return "\n".join(as_lines(self._rows(_cell), left=1))

    def _rows(self, cell):
        yield ["fold", "photos", "objects", "epoch", *(f"{kind} {name}" for kind, name in SCORES)]
        for fold in self.folds:
            if fold.is_done:
                numbers = ("" if n is None else cell(n) for n in fold.scores())
                yield [fold.number, len(fold.photos), fold.objects, fold.epoch, *numbers]
        for title, numbers in self._summary().items():
            yield [title, "", "", "", *("" if n is None else cell(n) for n in numbers)]

    def _summary(self):
        """Return mean and spread of the folds that are done, None where there are too few."""
        columns = zip(*(fold.scores() for fold in self.folds if fold.is_done), strict=True)
        columns = [[number for number in column if number is not None] for column in columns]
        return {
            "mean": [statistics.fmean(column) if column else None for column in columns],
            "spread": [statistics.stdev(column) if column[1:] else None for column in columns],
        }


def _name(name):
    return f"crossval_{name.lower()}"


def _is_own(path, name):
    run = run_files.RUN.fullmatch(path.parent.name)
    return run is not None and run["name"] == _name(name)


def _option(name, value):
    flag = f"--{name.replace('_', '-')}"
    if value is True:
        return flag
    return f"no {flag}" if value in (None, False) else f"{flag} {value}"


def _cell(number):
    return "none" if number is None else f"{number:.3f}"
