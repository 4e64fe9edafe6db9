"""The ImageNet weights of backbones: which, where they lie, and how they come there."""

from collections.abc import Callable
from pathlib import Path

from mrcnn.download import DownloadError, PackageFile, RemoteFile, fetch
from mrcnn.nn import weights_file
from mrcnn.nn.backbones import BACKBONES, is_known, named
from mrcnn.quiet import start_keras

# The backbone whose weights pip brings along, that of the weights that ship.
PACKAGED = next(
    name for name, record in BACKBONES.items() if isinstance(record.pretrained, PackageFile)
)


def backbone(asked: str | Callable | None, own: str | Callable | None = None) -> str:
    """Return the name of the backbone whose ImageNet weights are meant.

    Arguments:
        asked: the backbone that was asked for, or None.
        own: the BACKBONE of a Config.

    That is `asked`, else `own` where it has some, else the first that has, ResNet-50, as for a
    function, which may have layers of its names. Raises ValueError where `asked` has none.
    """
    names = [name for name, record in BACKBONES.items() if record.pretrained]
    if asked in BACKBONES and asked not in names:
        raise ValueError(
            f"there are no ImageNet weights of {asked}: take {', '.join(names)} or a model of "
            "Keras Applications such as EfficientNetV2B0"
        )
    return next(
        (name for name in (asked, own) if is_known(name) and named(name).pretrained), names[0]
    )


def place(name: str, folder: str | Path) -> Path:
    """Return the file of a backbone's ImageNet weights; one to be downloaded is in `folder`.

    Raises FileNotFoundError, with the pip line, where the package that brings it is missing.
    """
    source = named(name).pretrained
    if isinstance(source, PackageFile):
        return source.path()
    return Path(folder, source.name if isinstance(source, RemoteFile) else f"{name}_imagenet.h5")


def bring(name: str, path: Path, device: str | None = None) -> None:
    """Download a backbone's ImageNet weights to the `place` that they have.

    `device` is that of `quiet.start_keras`, which a model of Keras Applications needs. Raises
    DownloadError (an OSError) where that fails.
    """
    source = named(name).pretrained
    if isinstance(source, RemoteFile):
        fetch(source, path)
        return
    print(f"Keras downloads the ImageNet weights of {name}", flush=True)
    start_keras(device)
    from mrcnn.nn.application_graph import published

    try:
        groups = published(name)
    # Keras raises a plain Exception.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DownloadError(
            f"the ImageNet weights of {name} cannot be downloaded: {reason}. You can fetch the "
            "file by hand and save it in .keras/models in your home folder"
        ) from error
    weights_file.write(path, groups)
    print(f"Saved {path}", flush=True)


def present(own: str | Callable, folder: str | Path) -> Path:
    """Return the file of the ImageNet weights of a Config's BACKBONE; see `backbone`.

    It is downloaded to `folder` where it is not there yet.
    """
    name = backbone(None, own)
    path = place(name, folder)
    if not path.exists():
        bring(name, path)
    return path
