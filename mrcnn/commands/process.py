"""What the scripts have in common as programs: where they lie, how they end, what they say then."""

import sys
from collections.abc import Callable
from pathlib import Path

# The folder of the scripts, and that of training runs and of the weights that ship.
ROOT = Path(__file__).resolve().parents[2]
LOG_FOLDER = ROOT / "log"
# What a shell reports of a program that Ctrl-C ended.
INTERRUPTED = 130


def run(body: Callable[[], int], script: str | Path | None = None) -> int:
    """Call the body of a script and return its exit code.

    A ValueError or OSError is printed as one sentence after the script's name, with code 1;
    Ctrl-C ends it with INTERRUPTED. `script` is by default the file that Python was started with.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # Letters of file names that a terminal's encoding does not have would end the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        return body()
    except KeyboardInterrupt:
        print("\nStopped.")
        return INTERRUPTED
    except (ValueError, OSError) as error:
        print(f"{Path(script or sys.argv[0]).name}: {error}", file=sys.stderr)
        return 1
