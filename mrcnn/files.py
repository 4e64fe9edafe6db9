"""What stands at a path."""

from pathlib import Path


def is_special(path: str | Path) -> bool:
    """Tell whether a path is a pipe, a device or a socket: opening one may wait for ever."""
    path = Path(path)
    return path.exists() and not path.is_file() and not path.is_dir()
