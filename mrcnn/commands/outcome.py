"""What came of a run over photos, and the words for it."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mrcnn.detections import Detections
from mrcnn.progress import Progress, duration
from mrcnn.results.photos import Writer
from mrcnn.results.records import count_classes, counts_text
from mrcnn.results.via_project import ViaProject

SCORES_SHOWN = 5


@dataclass
class Outcome:
    """What came of a run."""

    # How many photos were looked at, and how many of them failed.
    done: int = 0
    failed: int = 0
    counts: Counter = field(default_factory=Counter)
    # (score, class name, path) of what scored too little, best first.
    closest: list[tuple] = field(default_factory=list)
    seconds_each: float = 0.0
    # The photo that would have been next; None where all were looked at. How many are left, None
    # where nobody knows.
    following: Path | None = None
    left: int | None = None
    # How many photos could not be reached, of each folder; no result has them.
    unreached: Counter = field(default_factory=Counter)

    def add(self, counts: Counter, below: Sequence[Sequence]) -> None:
        """Add a photo: its objects by class, and what scored too little, as in `closest`."""
        self.done += 1
        self.counts += counts
        self.closest = sorted([*self.closest, *map(tuple, below)], reverse=True)[:SCORES_SHOWN]

    def fail(self, failure: dict, progress: Progress, writers: Sequence[Writer]) -> None:
        """Count a photo that has no result, say its `reason`, and write it down as its `file`'s."""
        self.failed += 1
        progress.done += 1
        of = "" if progress.total is None else f"/{progress.total}"
        progress.line(f"[{progress.done}{of}] {failure['reason']}", sys.stderr)
        for writer in writers:
            writer.fail(failure)

    def leave(self, place: str, reason: str, progress: Progress) -> None:
        """Count a photo of a place that cannot be reached any more; say so once."""
        self.unreached[place] += 1
        progress.done += 1
        if self.unreached[place] == 1:
            text = f"{reason}: {place} cannot be reached, what is left of it stays to be done"
            progress.line(text, sys.stderr)


# -- What is said ------------------------------------------------------------------------------


def reason_of(source: Path, error: Exception) -> str:
    """Return why an image could not be read, or its picture not be written, in one line."""
    reason = str(error)
    if not isinstance(error, ValueError | OSError):
        reason = f"{type(error).__name__}: {reason.partition(chr(10))[0]}"
    return reason if str(source) in reason else f"{source}: {reason}"


def stopped_text(outcome: Outcome, resumable: bool) -> str:
    """Return what is left of a run that was stopped."""
    count = "images" if outcome.left is None else f"{outcome.left} image{'s' * (outcome.left > 1)}"
    verb = "is" if outcome.left == 1 else "are"
    text = f"Stopped: {count} from {outcome.following} on {verb} left."
    return text + " The same command with --resume goes on." * resumable


def found_text(source: Path, found: Detections, class_names: Sequence[str], most: int) -> str:
    """Return what was found in an image, such as "a.jpg: 2 AC Remote (0.98, 0.91)".

    Or what came closest: "a.jpg: nothing (closest: AC Remote, 0.42)".
    """
    text = f"{source}: {counts_text(count_classes(found.class_ids, class_names))}"
    scores = [f"{score:.2f}" for score in found.scores[:SCORES_SHOWN]]
    if scores:
        more = ", ..." if len(found) > SCORES_SHOWN else ""
        text += f" ({', '.join(scores)}{more})"
    elif found.below:
        score, class_id = found.below[0]
        text += f" (closest: {class_names[class_id]}, {score:.2f})"
    if len(found) == most:
        text += ", as many as --max-instances allows"
    return text


def summary_text(outcome: Outcome, min_confidence: float) -> str:
    """Return the summary, and where nothing was found what came closest."""
    images, failed = outcome.done, outcome.failed
    text = f"{images} image{'s' if images != 1 else ''}, {counts_text(outcome.counts)}, "
    text += f"{duration(outcome.seconds_each)} each" + (f", {failed} failed" if failed else "")
    if outcome.unreached:
        text += f", {outcome.unreached.total()} not reached"
    if outcome.counts or not images:
        return text
    if not outcome.closest:
        question = "are these weights trained for such objects?"
        return f"{text}\nThe network saw nothing but background: {question}"
    lines = [text, f"Nothing scored {min_confidence:g} or more. What came closest:"]
    lines += [f"  {score:.2f} {name} in {path}" for score, name, path in outcome.closest]
    lines.append(f"To see it, add --min-confidence {outcome.closest[0][0] * 0.9:.2g}")
    return "\n".join(lines)


def written_text(arguments: argparse.Namespace, writers: Sequence[Writer]) -> str:
    """Return which files the closed writers have made, and how many photos are in those to correct.

    `arguments` has the file of each writer under its name.
    """
    parts = []
    for writer in writers:
        count = writer.photos if isinstance(writer, ViaProject) else None
        photos = "" if count is None else f" ({count} photo{'s' if count != 1 else ''})"
        parts.append(f"{getattr(arguments, writer.name)}{photos}")
    return f"Written: {', '.join(parts)}"
