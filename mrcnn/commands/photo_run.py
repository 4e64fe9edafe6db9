"""A run over photos: what is in each is found, drawn, written down and said."""

import argparse
import contextlib
import itertools
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
from mrcnn.commands.outputs import check_files, key, make_folder, picture_path
from mrcnn.commands.process import INTERRUPTED, LOG_FOLDER, ROOT, stop_on_signal
from mrcnn.commands.proposing import unannotated
from mrcnn.data.images import read_image
from mrcnn.data.sources import find_images
from mrcnn.detections import Detections
from mrcnn.drawing.instances import draw_detections
from mrcnn.progress import Progress, duration
from mrcnn.results.formats import FORMATS
from mrcnn.results.photos import PhotoResult, RunInfo, Writer
from mrcnn.results.records import count_classes, counts_text

SCORES_SHOWN = 5


@dataclass
class Outcome:
    """What came of a run."""

    # The photos that were looked at, and `file` and `reason` of each that failed.
    done: list[Path] = field(default_factory=list)
    failed: list[dict] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    # (score, class name, path) of what scored too little, best first.
    closest: list[tuple] = field(default_factory=list)
    seconds_each: float = 0.0

    def fail(self, source: Path, error: Exception, progress: Progress) -> None:
        """Note an image that could not be read, or its picture not be written, and say so."""
        reason = str(error)
        if not isinstance(error, ValueError | OSError):
            reason = f"{type(error).__name__}: {reason.partition(chr(10))[0]}"
        if str(source) not in reason:
            reason = f"{source}: {reason}"
        self.failed.append({"file": str(source), "reason": reason})
        progress.done += 1
        progress.line(f"[{progress.done}/{progress.total}] {reason}", sys.stderr)


def run(arguments: argparse.Namespace, config_class: type) -> int:
    """Do what the arguments say; return the exit code.

    `config_class` is that of the training script: its NAME tells its runs, and its settings count
    where a weights file has none. Raises ValueError or OSError in one sentence.
    """
    missing = [fault for source in arguments.sources if (fault := no_photo(source))]
    named = [source for source in arguments.sources if not no_photo(source)]
    if not named:
        raise ValueError("; ".join(missing))
    sources = find_images(named, print, missing.append, apart=arguments.output)
    for line in missing:
        print(line, file=sys.stderr)
    if arguments.uncertain:
        found, sources = sources, unannotated(sources, arguments.sources, arguments.via)
        print(f"{len(sources)} of {len(found)} photos are not annotated yet")
    path = weights.find(
        arguments.weights, LOG_FOLDER, arguments.name or settings.name(config_class), ROOT
    )
    check_files(arguments, FORMATS, [*sources, path])
    make_folder(arguments)
    if arguments.show:
        check_display()
    weights.present(arguments.weights, path)
    opened = open_model(path, config_class, **detection_options(arguments))
    # TensorFlow starts here, once all that can be wrong has been looked at.
    detector = opened.detector
    info = RunInfo(
        path,
        opened.class_names,
        opened.min_confidence,
        sources,
        arguments.uncertain,
        arguments.json_masks,
    )
    names = [each for each in FORMATS if getattr(arguments, each)]
    writers = [FORMATS[each](getattr(arguments, each), info) for each in names]
    with stop_on_signal() as stop, closing(writers):
        outcome = predict(detector, sources, opened.class_names, writers, arguments, stop)
        print(summary_text(outcome, opened.min_confidence))
    if left := sources[len(outcome.done) + len(outcome.failed) :]:
        print(f"Stopped: {len(left)} image{'s' * (len(left) > 1)} from {left[0]} on are left.")
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
    sources: Sequence[Path],
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
    taken = {key(path) for path in sources}
    taken |= {key(path) for each in FORMATS if (path := getattr(arguments, each))}
    draw = arguments.style.load() if arguments.style else None
    behind = []  # the photo whose picture is being made: (its result, its line, future)

    def fail(source, error):
        outcome.fail(source, error, progress)
        for writer in writers:
            writer.fail(outcome.failed[-1])

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
            outcome.done.append(photo.path)
            outcome.counts += count_classes(found.class_ids, class_names)
            below = [(score, class_names[number], photo.path) for score, number in found.below]
            outcome.closest = sorted(outcome.closest + below, reverse=True)[:SCORES_SHOWN]
            progress.update(f"{line} -> {photo.picture}")
            if show:
                show = show_picture(picture, str(photo.path))

    with Progress(len(sources), every=0, compiles=True) as progress, ThreadPoolExecutor(2) as pool:
        for source, reading in read_ahead(sources, pool):
            if stop.is_set():
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
            path = picture_path(source, arguments.output, taken, arguments.overwrite)
            photo = PhotoResult(source, found, path, byte_size, image)
            line = found_text(source, found, class_names, detector.max_instances)
            future = pool.submit(finish, image, photo, class_names, writers, draw)
            behind.append((photo, line, future))
        show = show and not stop.is_set()
        settle()
        outcome.seconds_each = progress.seconds_each
    return outcome


def read_ahead(sources: Sequence[Path], pool: Executor) -> Iterator[tuple[Path, Future]]:
    """Yield each source with the future of (its image, its size in bytes), one ahead."""

    def read(source):
        return read_image(source), source.stat().st_size

    waiting = pool.submit(read, sources[0])
    for source, following in itertools.zip_longest(sources, sources[1:]):
        reading, waiting = waiting, following and pool.submit(read, following)
        yield source, reading


def finish(
    image: np.ndarray,
    photo: PhotoResult,
    class_names: Sequence[str],
    writers: Sequence[Writer],
    draw: Callable | None,
) -> np.ndarray:
    """Make the picture of a photo, in the style `draw`, and write it and the result files."""
    found = photo.detections
    picture = draw(image, found) if draw else draw_detections(image, found, class_names)
    pictures.write(photo.picture, picture)
    for writer in writers:
        writer.add(photo)
    return picture


# -- What is said ------------------------------------------------------------------------------


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
    images, failed = len(outcome.done), len(outcome.failed)
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
