"""What the scripts have in common as programs: where they lie, how they end, what they say then."""

import contextlib
import functools
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

# Where the package lies, and what pip has noted beside it where pip put it there.
_HOME = Path(__file__).resolve().parents[2]
_NOTES = next(_HOME.glob("mrcnn-*.dist-info"), None)
# The folder of the scripts, or, of an installed package, the one that the user is in; and that of
# training runs.
ROOT = Path() if _NOTES else _HOME
LOG_FOLDER = ROOT / "log"
# The commands that pip installs, by the scripts that they are; see pyproject.toml.
COMMANDS = {
    "custom_training": "mrcnn-train",
    "maskrcnn_predict_for_images": "mrcnn-predict",
    "video_mask": "mrcnn-video",
    "prediction_for_video": "mrcnn-video",
}
# What a shell reports of a program that Ctrl-C ended.
INTERRUPTED = 130
# Ctrl-C; what `kill`, a queue or a shutdown sends; a terminal that is closed.
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


# -- Where they lie ----------------------------------------------------------------------------


def of_checkout(*parts: str, root: str | Path = ROOT) -> Path:
    """Return a file or folder beside the scripts, such as `"log", "custom.h5"`.

    No wheel has them: an installed package finds them in the folder that the user is in or in the
    one that pip installed it from. Where there is none, that is where it would be in `root`.
    """
    path = Path(root, *parts)
    source = None if path.exists() else _installed_from()
    there = source and source.joinpath(*parts)
    return there if there and there.exists() else path


@functools.cache
def _installed_from() -> Path | None:
    """Return the checkout that pip installed this from, itself or a wheel in or below it."""
    note = _NOTES and _NOTES / "direct_url.json"  # PEP 610; of a package index there is none
    if not note or not note.exists():
        return None
    from urllib.parse import urlsplit
    from urllib.request import url2pathname  # slow to import, rarely needed

    url = urlsplit(json.loads(note.read_text(encoding="utf-8"))["url"])
    path = Path(url2pathname(url.path))
    folders = (path, *path.parents[:2]) if url.scheme == "file" else ()
    return next((each for each in folders if (each / "custom_training.py").is_file()), None)


def called() -> str | None:
    """Return the command of COMMANDS that this program was started as; None for a script."""
    name = Path(sys.argv[0]).stem
    return name if name in COMMANDS.values() else None


def as_called(text: str) -> str:
    """Return a text with the commands in the place of the scripts, if a command was started."""
    if not called():
        return text
    return re.sub(
        rf"(python )?\b({'|'.join(COMMANDS)})\.py\b", lambda found: COMMANDS[found[2]], text
    )


# -- How they end ------------------------------------------------------------------------------


@contextlib.contextmanager
def _handling(handler: Callable) -> Iterator[dict]:
    """Let `handler` take SIGNALS meanwhile, but for those that are ignored; give the old ones."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    # What was started with nohup or in the background ignores some; only the main thread may ask.
    main = threading.current_thread() is threading.main_thread()
    before = {n: old for n, old in before.items() if main and old not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield before
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextlib.contextmanager
def stop_on_signal(said: str = "") -> Iterator[threading.Event]:
    """Give an event that one of SIGNALS sets; a second one ends the program as ever.

    `said` is written to the terminal then.
    """
    stop = threading.Event()

    def note(number, _):
        stop.set()
        signal.signal(number, before[number])
        with contextlib.suppress(OSError):
            os.write(2, said.encode())  # print may just be at work itself

    with _handling(note) as before:
        yield stop


def run(body: Callable[[], int], script: str | Path | None = None) -> int:
    """Call the body of a script and return its exit code.

    A ValueError or OSError is printed as one sentence after the program's name, with code 1;
    SIGNALS raise KeyboardInterrupt, which ends it with INTERRUPTED. `script` is by default the file
    that Python was started with.
    """
    came = False

    def interrupt(number, frame):
        nonlocal came
        came = True
        signal.default_int_handler(number, frame)

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # Letters of file names that a terminal's encoding does not have would end the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        with _handling(interrupt):
            return body()
    except (Exception, KeyboardInterrupt) as error:
        # A library in C that is interrupted may raise an error of its own.
        if came or isinstance(error, KeyboardInterrupt):
            print("\nStopped: the same command starts anew.")
            return INTERRUPTED
        if not isinstance(error, ValueError | OSError):
            raise
        name = called() or Path(script or sys.argv[0]).name
        print(f"{name}: {as_called(str(error))}", file=sys.stderr)
        return 1
