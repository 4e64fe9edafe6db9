"""`model.json`: what lies beside an exported network, for whoever runs it.

It tells the names of the classes, how an image is molded, and which files are the network.
"""

import functools
import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from mrcnn.atomic import write_bytes
from mrcnn.runtimes.formats import FORMATS

NAME = "model.json"
# What an export may have in its folder.
PARTS = {NAME, "model.bin", *(Path(form.file).parts[0] for form in FORMATS.values())}
VERSION = 1
# Of what is read and then computed with.
KINDS = {
    "class_names": list,
    "molding": dict,
    "image_shape": list | None,
    "max_instances": int,
    "min_confidence": int | float,
    "settings": dict,
    "weights": dict,
    "parity": dict,
}


class ExportError(ValueError):
    """An exported network that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Description:
    """What is known of an exported network.

    Attributes:
        format: a name of FORMATS.
        class_names: "BG" first, by class id.
        molding: the keywords of `data.resizing.fit_image`, and `mean_pixel`, which is subtracted
            then; the image is RGB, 0..255.
        image_shape: [height, width] of the molded image; None where it may have any.
        max_instances: the most objects that it finds.
        min_confidence: the least score of an object, unless another is given.
        int8: whether it computes with whole numbers.
        settings: all of its Config, as JSON has them.
        weights: of the file that it was made of: `file`, `size` and `modified`, as `stat` tells.
        parity: what was measured when it was made; see `export.parity`.
        files: {name: {"size": bytes, "sha256": ...}} of the network's files.
    """

    format: str
    class_names: list[str]
    molding: dict
    image_shape: list[int] | None
    max_instances: int
    min_confidence: float
    int8: bool
    settings: dict
    weights: dict = field(default_factory=dict)
    parity: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)

    def with_parity(self, parity: dict) -> "Description":
        """Return it with what was measured."""
        return replace(self, parity=parity)

    def write(self, folder: Path) -> Path:
        """Write it beside the network, whose files are looked at now; return its path."""
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != NAME]
        files = {
            path.relative_to(folder).as_posix(): {
                "size": path.stat().st_size,
                "sha256": _digest(path),
            }
            for path in paths
        }
        document = {"mrcnn_export": VERSION, **asdict(self), "files": files}
        text = json.dumps(document, ensure_ascii=False, indent=1)
        return write_bytes(folder / NAME, text.encode())


def locate(path: str | Path) -> Path | None:
    """Return the `model.json` of the export that a path means: its folder, that file, or the
    network's file; None where it means no export. Raises ExportError for a network without it."""
    path = Path(path)
    if path.is_dir():
        return path / NAME if (path / NAME).exists() else None
    if path.name == NAME:
        return path
    if path.suffix in {Path(form.file).suffix for form in FORMATS.values()} and path.is_file():
        folder = path.parent.parent if path.suffix == ".pb" else path.parent
        if not (folder / NAME).exists():
            raise ExportError(
                f"{path} has no {NAME} beside it, which tells its classes and how to mold an "
                "image: copy the whole folder of the export"
            )
        return folder / NAME
    return None


def read(path: Path) -> Description:
    """Read a `model.json` and see that the network beside it is the one that it describes.

    Raises ExportError.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = document.pop("mrcnn_export")
        found = Description(**document)
        known = version == VERSION and FORMATS[found.format].file in found.files
        sound = known and all(isinstance(name, str) for name in found.class_names)
        sound = sound and all(
            isinstance(getattr(found, name), kind) for name, kind in KINDS.items()
        )
        files = {name: (each["size"], each["sha256"]) for name, each in found.files.items()}
        sound = sound and all(isinstance(size, int) for size, _ in files.values())
        sound = sound and not any(Path(name).is_absolute() or ".." in name for name in files)
    except FileNotFoundError:
        raise ExportError(f"{path}: no such file") from None
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError):
        sound = False
    if not sound:
        raise ExportError(f"{path} does not describe an exported network: export it again")
    for name, facts in files.items():
        _check(path.parent / name, path, *facts)
    return found


def _check(file, path, size, digest):
    if not file.is_file():
        raise ExportError(f"{file}, which {path} names, is missing: copy the whole folder")
    there = file.stat().st_size
    if there < size:
        raise ExportError(
            f"{file} is cut short, {there:,} bytes of {size:,}: copy it again, or export anew"
        )
    if there != size or _digest(file) != digest:
        raise ExportError(
            f"{file} is not the network that {path} describes but another one, or damaged: keep "
            "the files of an export together, or export anew"
        )


def noted(path: Path, **settings) -> None:
    """Store settings of the Config in a `model.json`."""
    document = json.loads(path.read_text(encoding="utf-8"))
    document["settings"] |= settings
    document["min_confidence"] = document["settings"]["DETECTION_MIN_CONFIDENCE"]
    write_bytes(path, json.dumps(document, ensure_ascii=False, indent=1).encode())


def stamp(weights: Path) -> dict:
    """Return what tells whether a weights file is still the same."""
    stat = weights.stat()
    return {"file": weights.name, "size": stat.st_size, "modified": stat.st_mtime_ns}


def _digest(file):
    stat = file.stat()
    return _digest_of(file, stat.st_size, stat.st_mtime_ns)


@functools.cache
def _digest_of(file, size, modified):
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
