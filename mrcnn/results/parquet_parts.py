"""Everything about every object as a folder of Parquet files, for tables of many photos."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from mrcnn.atomic import naming, replacing
from mrcnn.results.photos import PhotoResult, RunInfo
from mrcnn.results.records import photo_record

PATTERN = "part-*.parquet"
# A part is written at so many photos, bytes in memory, or seconds after the last one.
PHOTOS, BYTES, SECONDS = 1000, 64_000_000, 60.0
MISSING = '--parquet needs pyarrow: pip install ".[parquet]"'


def arrow():
    """Return pyarrow; raises ValueError, with what to do, where it is not there."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(MISSING) from error
    return pyarrow


class ParquetParts:
    """Writes a row a photo, `photo_record` with `failed`, the reason: `part-00000.parquet`, ...

    Each part is there whole or not at all. With `run.resumes` it adds parts to those there are,
    otherwise it takes their place.
    """

    name = "parquet"
    help = "write the objects of --json as Parquet files, a row a photo; needs pyarrow"

    def __init__(self, path: Path, run: RunInfo):
        self.path, self._run = path, run
        self._arrow = arrow()
        self._schema = schema(self._arrow)
        self._rows, self._bytes, self._last, self._since = [], 0, None, time.monotonic()
        with naming(path):
            path.mkdir(parents=True, exist_ok=True)
            parts = sorted(path.glob(PATTERN))
            if not run.resumes:
                for part in parts:
                    part.unlink()
                parts = []
        self._number = 1 + max((int(part.stem.split("-")[1]) for part in parts), default=-1)

    def add(self, photo: PhotoResult) -> None:
        record = photo_record(photo, self._run.class_names, self._run.masks)
        self._last = str(photo.path)
        self.take(record)

    def fail(self, failure: dict) -> None:
        if failure["file"] != self._last:  # else another file could not be written
            self.take({"file": failure["file"], "failed": failure["reason"]})

    def close(self) -> None:
        if self._rows:
            self._write()

    def take(self, record: dict) -> None:
        """Write a `photo_record`, in a part with others."""
        for name in ("file", "failed", "picture"):
            if record.get(name):
                # File names that are no UTF-8 hold surrogates, which Parquet has no place for.
                record[name] = record[name].encode(errors="backslashreplace").decode()
        row = self._arrow.RecordBatch.from_pylist([record], self._schema)
        self._rows.append(row)
        self._bytes += row.nbytes
        late = time.monotonic() - self._since >= SECONDS
        if len(self._rows) >= PHOTOS or self._bytes >= BYTES or late:
            self._write()

    def _write(self):
        part = self.path / f"part-{self._number:05}.parquet"
        with replacing(part) as beside:
            table = self._arrow.Table.from_batches(self._rows, self._schema)
            self._arrow.parquet.write_table(table.combine_chunks(), beside, compression="zstd")
        self._rows, self._bytes, self._since = [], 0, time.monotonic()
        self._number += 1

    @staticmethod
    def photos_in(path: Path) -> Iterator[tuple[str, str | None]]:
        """Yield the photos in the parts of a folder, and their pictures.

        Raises ValueError, naming the part, where one is none.
        """
        library = arrow()
        for part in sorted(path.glob(PATTERN)):
            try:
                with library.parquet.ParquetFile(part) as file:
                    for batch in file.iter_batches(1000, columns=["file", "picture"]):
                        for name, picture in zip(*batch.columns, strict=True):
                            yield _back(name.as_py()), _back(picture.as_py())
            except (library.ArrowException, OSError, ValueError) as error:
                raise ValueError(
                    f"{part} is no part of --parquet: move it away, and --resume does its photos "
                    "again"
                ) from error


def _back(name):
    """Return a file's name as it was, with its bytes that are no UTF-8."""
    return name and re.sub(r"\\udc([0-9a-f]{2})", lambda hit: chr(0xDC00 + int(hit[1], 16)), name)


def schema(library):
    """Return the columns, as docs/results.md names them."""
    text, whole, real = library.string(), library.int64(), library.float64()
    box = library.struct(dict.fromkeys(("y1", "x1", "y2", "x2"), whole))
    rle = library.struct({"size": library.list_(whole), "counts": library.list_(whole)})
    polygons = library.list_(library.list_(library.list_(real)))
    thing = {"class": text, "class_id": whole, "score": real, "box": box, "area_px": whole}
    thing |= {"area_share": real, "polygons": polygons, "rle": rle}
    columns = {"file": text, "height": whole, "width": whole, "picture": text, "failed": text}
    return library.schema(columns | {"objects": library.list_(library.struct(thing))})
