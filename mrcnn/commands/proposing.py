"""Which photos are worth a proposal: those that nobody has annotated yet."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from mrcnn.annotation.filenames import locate
from mrcnn.annotation.formats import SUFFIXES
from mrcnn.annotation.read import read
from mrcnn.annotation.records import AnnotationError
from mrcnn.commands.outputs import key


def unannotated(photos: Sequence[Path], named: Iterable[str], project: Path) -> list[Path]:
    """Return the photos that no annotation file has objects of, or the correction of a proposal.

    Arguments:
        photos: all that there are.
        named: what the command line names; of them folders count, and the photos' own.
        project: the file that the proposals will be written to, which does not count.

    A file that is no annotation is passed over. Raises ValueError where no photo is left.
    """
    folders = {photo.parent for photo in photos} | {Path(name) for name in named}
    done = set()
    for folder in sorted(filter(Path.is_dir, folders)):
        for path in folder.iterdir():
            if path.suffix.lower() not in SUFFIXES or not path.is_file():
                continue
            if key(path) != key(project):
                names = _annotated(path)
                done |= {key(photo) for photo in locate(folder, names).values() if names}
    left = [photo for photo in photos if key(photo) not in done]
    if not left:
        raise ValueError(f"all {len(photos)} photos are annotated already: none is to be proposed")
    return left


def _annotated(path):
    """Return the names of the images that somebody has looked at."""
    try:
        images = read(path).images
    except AnnotationError:
        return []
    return [image.filename for image in images if image.regions or image.corrections]
