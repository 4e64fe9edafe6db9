"""Starting TensorFlow without its notes on the error stream, which no setting turns off."""

import contextlib
import os
import re
import sys
import tempfile

# Notes of the level "info", and one on how early they come.
NOTES = re.compile(rb"I\d{4} \d|WARNING: All log messages before absl::InitializeLog")


def start_keras() -> None:
    """Import Keras and its backend; what they write to standard error is passed on but for NOTES.

    Does nothing where Keras is imported already.
    """
    if "keras" in sys.modules:
        return
    with _caught_stderr() as caught:
        import keras  # noqa: F401
    lines = [line for line in caught if not NOTES.match(line)]
    os.write(2, b"".join(lines))


@contextlib.contextmanager
def _caught_stderr():
    """Yield a list that holds, once the body is done, the lines it wrote to file descriptor 2."""
    lines = []
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            lines += file.readlines()
