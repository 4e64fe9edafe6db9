"""What the scripts have in common as programs: where they lie, how they end, what they say then."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

# The folder of the scripts, and that of training runs and of the weights that ship.
ROOT = Path(__file__).resolve().parents[2]
LOG_FOLDER = ROOT / "log"
# What a shell reports of a program that Ctrl-C ended.
INTERRUPTED = 130
# Ctrl-C; what `kill`, a queue or a shutdown sends; a terminal that is closed.
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


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

    A ValueError or OSError is printed as one sentence after the script's name, with code 1;
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
        print(f"{Path(script or sys.argv[0]).name}: {error}", file=sys.stderr)
        return 1
