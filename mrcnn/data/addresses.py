"""Photos at addresses, such as s3://bucket/photo.jpg, of the file systems that fsspec knows."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import PurePath

ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://")
MISSING = "photos at an address need fsspec and its part for that kind, such as: pip install s3fs"


def is_address(source) -> bool:
    """Tell whether a source is an address and no path."""
    return not isinstance(source, PurePath) and bool(ADDRESS.match(str(source)))


@contextlib.contextmanager
def _reaching(address: str):
    """Make an OSError, with what is wrong with `address`, of whatever its file system raises."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise OSError(f"{address}: {MISSING} ({error})") from error
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "no such file or folder", address) from error
    except PermissionError as error:
        raise PermissionError(errno.EACCES, "no permission to read it", address) from error
    except Exception as error:
        reason = os.strerror(error.errno) if getattr(error, "errno", None) else str(error)
        text = " ".join(reason.split()) or type(error).__name__
        raise OSError(f"{address} cannot be read: {text}") from error


def files_at(address: str) -> Iterator[list[str]]:
    """Yield the addresses of the files that an address means, a folder's at a time.

    It may be that of a file, of a folder, with those below it, or a glob pattern. Raises OSError.
    """
    with _reaching(address):
        import fsspec

        system, path = fsspec.core.url_to_fs(address)
        if any(letter in path for letter in "*?["):
            folders = [system.glob(path)]
        elif system.info(path)["type"] == "directory":
            walk = system.walk(path, on_error="raise")
            folders = ([f"{folder}/{name}" for name in names] for folder, _, names in walk)
        else:
            yield [address]
            return
        for names in folders:
            yield [system.unstrip_protocol(name) for name in names]


def fetch(address: str, most: int) -> bytes:
    """Return the first `most` bytes of the file at an address; raises OSError."""
    with _reaching(address):
        import fsspec

        with fsspec.open(address, "rb") as file:
            return file.read(most)
