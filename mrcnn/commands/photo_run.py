"""A run over photos: what is in each is found, drawn, written down and said."""

import argparse
import collections
import contextlib
import functools
import itertools
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrcnn import pictures, settings
from mrcnn.commands import weights
from mrcnn.commands.arguments import detection_options
from mrcnn.commands.display import check_display, show_picture
from mrcnn.commands.opening import open_model
from mrcnn.commands.other_script import no_photo
from mrcnn.commands.outputs import check_files, make_folder, picture_path
from mrcnn.commands.process import INTERRUPTED, LOG_FOLDER, ROOT, stop_on_signal
from mrcnn.commands.searching import Photos, run_facts
from mrcnn.data.images import read_image
from mrcnn.detections import Detections
from mrcnn.drawing.instances import draw_detections
from mrcnn.drawing.styles import Style
from mrcnn.progress import Progress, duration
from mrcnn.results.formats import FORMATS, RESUMED
from mrcnn.results.parquet_parts import arrow
from mrcnn.results.photos import PhotoResult, RunInfo, Writer
from mrcnn.results.records import count_classes, counts_text
from mrcnn.results.resuming import is_begun, write_note

SCORES_SHOWN = 5
# A folder that is searched and counted in so many seconds has its total from the first photo on.
COUNTING_SECONDS = 1.0


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


def run(arguments: argparse.Namespace, config_class: type) -> int:
    """Do what the arguments say; return the exit code.

    `config_class` is that of the training script: its NAME tells its runs, and its settings count
    where a weights file has none. Raises ValueError or OSError in one sentence.
    """
    missing = [fault for source in arguments.sources if (fault := no_photo(source))]
    named = [source for source in arguments.sources if not no_photo(source)]
    if not named:
        raise ValueError("; ".join(missing))
    photos = Photos(named, arguments, missing)
    path = weights.find(
        arguments.weights, LOG_FOLDER, arguments.name or settings.name(config_class), ROOT
    )
    check_files(arguments, FORMATS, itertools.chain(photos.harmed(), [path]))
    if not arguments.no_pictures:
        make_folder(arguments)
    if arguments.show:
        check_display()
    if arguments.parquet:
        arrow()
    weights.present(arguments.weights, path)
    opened = open_model(path, config_class, **detection_options(arguments))
    names = [each for each in FORMATS if getattr(arguments, each)]
    resumable = {each: getattr(arguments, each) for each in names if each in RESUMED}
    resumes = arguments.resume and any(map(is_begun, resumable.values()))
    facts = resumable and run_facts(arguments, path, opened.min_confidence)
    if resumes:
        ((name, result),) = resumable.items()
        photos.go_on(FORMATS[name], result, facts)
        print(f"{len(photos.done)} photos are in {result} already")
    # TensorFlow starts here, once all that can be wrong has been looked at.
    detector = opened.detector
    info = RunInfo(
        path,
        opened.class_names,
        opened.min_confidence,
        photos.listed,
        arguments.uncertain,
        arguments.json_masks,
        resumes,
    )
    writers = []
    with stop_on_signal() as stop, closing(writers):
        for each in names:
            writers.append(FORMATS[each](getattr(arguments, each), info))
        if not resumes:
            for result in resumable.values():
                write_note(result, facts)
        outcome = predict(detector, photos, opened.class_names, writers, arguments, stop)
        print(summary_text(outcome, opened.min_confidence))
    if outcome.following:
        print(stopped_text(outcome, bool(resumable)))
        return INTERRUPTED
    return 1 if outcome.failed or missing else 0


@contextlib.contextmanager
def closing(writers: Sequence[Writer]) -> Iterator[None]:
    """Close all at the end; what is wrong with them is one OSError."""
    try:
        yield
    finally:
        faults = []
        for writer in writers:
            try:
                writer.close()
            except OSError as error:
                faults.append(str(error))
        if faults:
            raise OSError("; ".join(faults))


def predict(
    detector,
    photos: Photos,
    class_names: Sequence[str],
    writers: Sequence[Writer],
    arguments: argparse.Namespace,
    stop: threading.Event,
) -> Outcome:
    """Read, detect, draw and write image by image, and tell how far it is, until `stop` is set.

    While the network works at an image, the next one is read and the last one's picture is made.
    Whatever goes wrong with one of them, the others are done.
    """
    outcome, show = Outcome(), arguments.show
    draw = None if arguments.no_pictures else drawing(arguments.style, class_names)
    behind = []  # the photo whose picture is being made: (its result, its line, future)

    def fail(source, error):
        outcome.failed += 1
        failure = {"file": str(source), "reason": reason_of(source, error)}
        progress.done, progress.total = progress.done + 1, photos.total
        of = "" if progress.total is None else f"/{progress.total}"
        progress.line(f"[{progress.done}{of}] {failure['reason']}", sys.stderr)
        for writer in writers:
            writer.fail(failure)

    def settle():
        nonlocal show
        while behind:
            photo, line, future = behind.pop()
            try:
                picture = future.result()
            except Exception as error:
                fail(photo.path, error)
                continue
            found = photo.detections
            outcome.done += 1
            outcome.counts += count_classes(found.class_ids, class_names)
            below = [(score, class_names[number], photo.path) for score, number in found.below]
            outcome.closest = sorted(outcome.closest + below, reverse=True)[:SCORES_SHOWN]
            progress.total = photos.total
            progress.update(f"{line} -> {photo.picture}" if photo.picture else line)
            if show:
                show = show_picture(picture, str(photo.path))

    with (
        photos.counted(COUNTING_SECONDS),
        Progress(photos.total, every=0, compiles=True) as progress,
        ThreadPoolExecutor(2) as pool,
    ):
        photos.say = progress.line
        for source, reading in read_ahead(photos, pool):
            if stop.is_set():
                outcome.following = source
                break
            progress.update(f"{source} ...", 0)
            try:
                image, byte_size = reading.result()
                (found,) = detector.detect([image])
            except Exception as error:
                settle()
                fail(source, error)
                continue
            settle()
            path = None
            if draw:
                where = arguments.output, photos.taken, arguments.overwrite, photos.since
                path = picture_path(source, *where)
            photo = PhotoResult(source, found, path, byte_size, image)
            line = found_text(source, found, class_names, detector.max_instances)
            future = pool.submit(finish, image, photo, writers, draw)
            behind.append((photo, line, future))
        show = show and not stop.is_set()
        settle()
        outcome.seconds_each = progress.seconds_each
        if photos.total is not None:
            outcome.left = max(photos.total - outcome.done - outcome.failed, 0)
    return outcome


def read_ahead(photos: Iterable[Path], pool: Executor) -> Iterator[tuple[Path, Future]]:
    """Yield each photo with the future of (its image, its size in bytes), one ahead."""

    def read(source):
        return read_image(source), source.stat().st_size

    waiting = collections.deque()
    for source in photos:
        waiting.append((source, pool.submit(read, source)))
        if len(waiting) > 1:
            yield waiting.popleft()
    yield from waiting


def drawing(style: Style | None, class_names: Sequence[str]) -> Callable:
    """Return the function (image, detections) that makes pictures in a style, or as usual."""
    return style.load() if style else functools.partial(draw_detections, class_names=class_names)


def finish(
    image: np.ndarray, photo: PhotoResult, writers: Sequence[Writer], draw: Callable | None
) -> np.ndarray | None:
    """Make the picture of a photo, unless `draw` is None, and write it and the result files."""
    picture = draw(image, photo.detections) if draw else None
    if photo.picture:
        pictures.write(photo.picture, picture)
    for writer in writers:
        writer.add(photo)
    return picture


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
    if outcome.counts or not images:
        return text
    if not outcome.closest:
        question = "are these weights trained for such objects?"
        return f"{text}\nThe network saw nothing but background: {question}"
    lines = [text, f"Nothing scored {min_confidence:g} or more. What came closest:"]
    lines += [f"  {score:.2f} {name} in {path}" for score, name, path in outcome.closest]
    lines.append(f"To see it, add --min-confidence {outcome.closest[0][0] * 0.9:.2g}")
    return "\n".join(lines)
