"""A run over photos: what is in each is found, drawn, written down and said."""

import argparse
import collections
import contextlib
import errno
import functools
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mrcnn import pictures, settings
from mrcnn.commands import weights
from mrcnn.commands.arguments import detection_options
from mrcnn.commands.display import check_display, show_picture
from mrcnn.commands.opening import Opened, open_model
from mrcnn.commands.other_script import no_photo
from mrcnn.commands.outcome import (
    Outcome,
    found_text,
    reason_of,
    stopped_text,
    summary_text,
    written_text,
)
from mrcnn.commands.outputs import check_files, make_folder, picture_path
from mrcnn.commands.process import INTERRUPTED, LOG_FOLDER, ROOT, stop_on_signal
from mrcnn.commands.searching import Photos, run_facts
from mrcnn.data.images import Unreachable, read_image
from mrcnn.drawing.instances import draw_detections
from mrcnn.drawing.styles import Style
from mrcnn.progress import Progress
from mrcnn.results.formats import FORMATS, RESUMED
from mrcnn.results.parquet_parts import arrow
from mrcnn.results.photos import PhotoResult, RunInfo, Writer
from mrcnn.results.records import count_classes
from mrcnn.results.resuming import is_begun, write_note

# A folder that is searched and counted in so many seconds has its total from the first photo on.
COUNTING_SECONDS = 1.0


def started_here(opened: Opened, arguments: argparse.Namespace) -> Callable:
    """Return `predict` with the network on this machine; TensorFlow starts."""
    return functools.partial(predict, opened.detector)


def run(arguments: argparse.Namespace, config_class: type, start: Callable = started_here) -> int:
    """Do what the arguments say; return the exit code.

    `config_class` is that of the training script: its NAME tells its runs, and its settings count
    where a weights file has none. `start` is as `started_here`. Raises ValueError or OSError in one
    sentence.
    """
    fault_of = functools.partial(no_photo, addresses=arguments.ray is not None)
    missing = [fault for source in arguments.sources if (fault := fault_of(source))]
    named = [source for source in arguments.sources if not fault_of(source)]
    if not named:
        raise ValueError("; ".join(missing))
    photos = Photos(named, arguments, missing)
    name = arguments.name or settings.name(config_class)
    path = weights.find(arguments.weights, LOG_FOLDER, name, ROOT, typed=bool(arguments.name))
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
        if not photos.are_left():
            print(f"Nothing is left to do: {result} has all photos ({len(photos.done)})")
            return 1 if missing else 0
        print(f"{len(photos.done)} photos are in {result} already")
    # Once all that can be wrong has been looked at.
    look = start(opened, arguments)
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
        outcome = look(photos, opened.class_names, writers, arguments, stop)
        print(summary_text(outcome, opened.min_confidence))
    if writers:
        print(written_text(arguments, writers))
    if outcome.following:
        print(stopped_text(outcome, bool(resumable)))
        return INTERRUPTED
    return 1 if outcome.failed or outcome.unreached or missing else 0


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
        progress.total = photos.total
        if isinstance(error, Unreachable):
            outcome.leave(error.place, str(error), progress)
            return
        failure = {"file": str(source), "reason": reason_of(source, error)}
        outcome.fail(failure, progress, writers)

    def settle():
        nonlocal show
        while behind:
            photo, line, future = behind.pop()
            try:
                picture = future.result()
            except Exception as error:
                if is_full(error):
                    raise
                fail(photo.path, error)
                continue
            found = photo.detections
            below = [(score, class_names[number], photo.path) for score, number in found.below]
            outcome.add(count_classes(found.class_ids, class_names), below)
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
        for source, reading in read_ahead(photos, pool, read):
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
            outcome.left = max(photos.total - progress.done, 0)
    return outcome


def read(source: Path) -> tuple[np.ndarray, int]:
    """Return the image of a photo, and its size in bytes."""
    return read_image(source), source.stat().st_size


def read_ahead(photos: Iterable, pool: Executor, read: Callable) -> Iterator[tuple[Path, Future]]:
    """Yield each photo with the future of what `read` makes of it, one ahead."""
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
        try:
            writer.add(photo)
        except OSError as error:
            raise Full(str(error)) from error
    return picture


class Full(OSError):
    """A result that can be written no further: no photo's fault."""


def is_full(error: BaseException | None) -> bool:
    """Tell whether it is the disk's fault that something could not be written."""
    while error and not isinstance(error, Full):
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            return True
        error = error.__cause__
    return error is not None
