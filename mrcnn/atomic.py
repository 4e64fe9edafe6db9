"""Files that are there whole or not at all."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Let an OSError of the body say that `path` cannot be written, and why."""
    try:
        yield
    except OSError as error:
        # HDF5 puts a page of its own into the text of the error.
        reason = os.strerror(error.errno) if error.errno else error
        raise OSError(f"{path} cannot be written: {reason}") from error


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give the path of a new, empty file beside `path`, which takes its place at the end.

    Folders that are missing are made. Where the body raises, what was at `path` is still there
    and nothing else is left. Raises OSError, naming `path`, where that cannot be written.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.touch(exist_ok=False)
            yield beside
            # Windows flushes only what is open for writing.
            with open(beside, "r+b") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write a whole file; see `replacing`."""
    with replacing(path) as beside:
        beside.write_bytes(data)
    return Path(path)


def write_json(path: str | Path, document) -> Path:
    """Write a document in one line; see `replacing`."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    # File names that are no UTF-8 hold surrogates, which JSON can only escape.
    return write_bytes(path, text.encode(errors="backslashreplace"))
