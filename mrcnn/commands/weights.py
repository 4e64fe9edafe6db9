"""Which weights `--weights` means, and the code that a backbone of one's own needs.

Every command and script asks here, so that what is measured is what predicts.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from mrcnn.commands.arguments import FUNCTION
from mrcnn.commands.process import LOG_FOLDER
from mrcnn.download import COCO_WEIGHTS, PackageFile, RemoteFile, fetch
from mrcnn.nn.backbones import BACKBONES, resolve
from mrcnn.nn.weights_file import WeightsInfo
from mrcnn.quiet import start_keras
from mrcnn.training import run_files

# Words that `--weights` may be, of files that are published.
PUBLISHED = ("coco", "imagenet")


def find(
    wanted: str | None,
    log_folder: str | Path,
    name: str,
    root: str | Path,
    resume: bool = False,
    backbone: str | None = None,
) -> Path:
    """Return the weights file that `--weights` means; see `present` for those to download.

    Arguments:
        wanted: "coco" or "imagenet", which lie in `root` or in a package; "last", the last epoch
            of the newest run of `name` under `log_folder`, or "best", its best one; a path; or
            None, the best of the newest run, and without any run the weights that ship.
        name: the Config's NAME, by which runs are told apart.
        root: the folder of the scripts.
        resume: of a run, the checkpoint that its optimizer's state belongs to.
        backbone: whose ImageNet weights are meant, see `of_imagenet`.

    Raises FileNotFoundError where there is no run or a package is missing, ValueError for what
    cannot be resumed.
    """
    if wanted in PUBLISHED:
        if resume:
            raise ValueError(
                f"{wanted} weights are no run that could be resumed: leave --resume out"
            )
        source = _source(wanted, backbone)
        return source.path() if isinstance(source, PackageFile) else Path(root, source.name)
    if wanted is None or wanted in ("last", "best"):
        of_run = run_files.find_last if wanted == "last" else run_files.find_best
        path = of_run(log_folder, name)
        shipped = Path(root, LOG_FOLDER.name, "custom.h5")
        if path is None and wanted is None and shipped.exists():
            path = shipped
        if path is None:
            raise FileNotFoundError(
                f"no checkpoint of {name!r} under {log_folder}: train first, or name a weights "
                "file with --weights, or coco for its 80 classes"
            )
    else:
        path = Path(wanted)
    if not resume:
        return path
    if wanted == "last" or run_files.is_last(path):
        path = run_files.find_resumable(path.parent) or path
    if not run_files.CHECKPOINT.fullmatch(path.name):
        raise ValueError(f"{path} is no checkpoint of a run that could be resumed: use last")
    return path


def default_start(root: str | Path) -> str:
    """Return the weights that a training starts from where nothing is said.

    COCO's where they were downloaded, since they suit most objects; else those that ship.
    """
    shipped = Path(root, LOG_FOLDER.name, "custom.h5")
    downloaded = Path(root, COCO_WEIGHTS.name).exists()
    return "coco" if downloaded or not shipped.exists() else str(shipped)


def present(wanted: str | None, path: Path, backbone: str | None = None) -> Path:
    """Download the file that `find` gave for `wanted` where it is not there yet; return it.

    Raises `mrcnn.download.DownloadError`, an OSError, where that fails.
    """
    if wanted in PUBLISHED and not path.exists():
        fetch(_source(wanted, backbone), path)
    return path


def of_imagenet(asked: str | None, own: str | Callable) -> str:
    """Return the name of the backbone whose ImageNet weights `--weights imagenet` means.

    Arguments:
        asked: what `--backbone` says, or None.
        own: the BACKBONE of the script's own Config.

    That is `asked`, else `own` where it has some, else the first that has, ResNet-50, as for a
    function, which may have layers of its names. Raises ValueError where `asked` has none.
    """
    names = [name for name, backbone in BACKBONES.items() if backbone.pretrained]
    if asked in BACKBONES and asked not in names:
        raise ValueError(
            f"there are no ImageNet weights of {asked}: with --weights imagenet, --backbone is one "
            f"of {', '.join(names)}"
        )
    return next((name for name in (asked, own) if name in names), names[0])


def _source(wanted, backbone) -> RemoteFile | PackageFile:
    """Return where published weights come from."""
    if wanted == "coco":
        return COCO_WEIGHTS
    return BACKBONES[backbone or of_imagenet(None, "")].pretrained


def backbone_settings(info: WeightsInfo, asked: str | None, own: Callable | None = None) -> dict:
    """Return what a Config needs to build the backbone of a weights file.

    Arguments:
        info: what the file's header tells.
        asked: what `--backbone` says: a name, or "module:function", whose code is run then and
            only then. The function of the same module that tells the shapes of the levels, where
            the file names one, comes along.
        own: the BACKBONE of the script's own Config where that is a function.

    Raises ValueError where the file has a backbone of its own that nobody asked to run.
    """
    if asked in BACKBONES or (asked is None and info.backbone in BACKBONES):
        return {"BACKBONE": asked or info.backbone}
    if asked:
        shapes = (info.settings or {}).get("COMPUTE_BACKBONE_SHAPE")
        module = asked.partition(":")[0]
        beside = isinstance(shapes, str) and shapes.startswith(f"{module}:")
        return {
            "BACKBONE": _imported(asked),
            "COMPUTE_BACKBONE_SHAPE": _imported(shapes) if beside else None,
        }
    if own:
        return {}
    named = isinstance(info.backbone, str) and FUNCTION.fullmatch(info.backbone)
    name, text = (f", {info.backbone}", info.backbone) if named else ("", "MODULE:FUNCTION")
    raise ValueError(
        f"{info.path} has a backbone of its own{name}: to run its code, add --backbone {text}"
    )


def _imported(text: str) -> Callable:
    """Import "module:function" from the folder the user is in, or from where Python looks."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    # The module will import Keras, and TensorFlow's notes are in nobody's interest.
    start_keras()
    return resolve(text)
