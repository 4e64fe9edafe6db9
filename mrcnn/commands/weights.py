"""Which weights `--weights` means, and the code that a backbone of one's own needs.

Every command and script asks here, so that what is measured is what predicts.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mrcnn.commands.arguments import FUNCTION
from mrcnn.commands.process import LOG_FOLDER, of_checkout
from mrcnn.download import COCO_WEIGHTS, fetch
from mrcnn.nn import pretrained
from mrcnn.nn.backbones import WORDS, is_known, named, resolve
from mrcnn.nn.weights_file import WeightsInfo, inspect
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
    typed: bool = False,
) -> Path:
    """Return the weights file that `--weights` means; see `present` for those to download.

    Arguments:
        wanted: "coco" or "imagenet", which lie in `root` or in a package; "last", the last epoch
            of the newest run of `name` under `log_folder`, or "best", its best one; a path; or
            None, the best of the newest run, and without any run the weights that ship.
        name: the Config's NAME, by which runs are told apart.
        root: the folder of the scripts.
        resume: of a run, the checkpoint that its optimizer's state belongs to.
        backbone: whose ImageNet weights are meant, see `pretrained.backbone`.
        typed: whether a person has typed `name`: the weights that ship are none of its runs.

    Raises FileNotFoundError where there is no run or a package is missing, ValueError for what
    cannot be resumed.
    """
    if wanted in PUBLISHED:
        if resume:
            raise ValueError(
                f"{wanted} weights are no run that could be resumed: leave --resume out"
            )
        if wanted == "coco":
            return of_checkout(COCO_WEIGHTS.name, root=root)
        return pretrained.place(backbone or pretrained.backbone(None), root)
    if wanted is None or wanted in ("last", "best"):
        of_run = run_files.find_last if wanted == "last" else run_files.find_best
        path = of_run(log_folder, name)
        if path is None and wanted is None and not typed and shipped(root).exists():
            path = shipped(root)
        if path is None:
            raise FileNotFoundError(
                f"no checkpoint of {name!r} under {log_folder}: train first, or name a weights "
                "file with --weights, such as log/custom.h5 of the project's folder, or coco for "
                "its 80 classes"
            )
    else:
        path = Path(wanted)
    if not resume:
        return path
    if wanted == "last" or run_files.is_last(path):
        folder = path.parent
        path = run_files.find_resumable(folder) or run_files.last_of(folder) or path
    if not run_files.CHECKPOINT.fullmatch(path.name):
        raise ValueError(f"{path} is no checkpoint of a run that could be resumed: use last")
    return path


def shipped(root: str | Path) -> Path:
    """Return the file of the weights that ship."""
    return of_checkout(LOG_FOLDER.name, "custom.h5", root=root)


def default_start(
    root: str | Path,
    classes: Callable[[], Sequence[str] | None],
    backbone: str | Callable | None = None,
) -> str:
    """Return the weights that a training starts from where nothing is said.

    COCO's where they were downloaded, since they suit most objects. Else those that ship where
    they know the classes, and for others ImageNet's, under heads that are new: of the backbone
    that is asked for, or of the one that pip brings along.

    Arguments:
        root: the folder of the scripts.
        classes: tells the classes to train, without the background, or None where they cannot be
            told: then they count as known.
        backbone: what `--backbone` says, or the BACKBONE that a script sets.
    """
    ours = shipped(root)
    if of_checkout(COCO_WEIGHTS.name, root=root).exists():
        return "coco"
    if backbone in (None, pretrained.PACKAGED):
        known = ours.exists() and ((names := classes()) is None or knows(inspect(ours), names))
        return str(ours if known else pretrained.place(pretrained.PACKAGED, root))
    if is_known(backbone):
        return "imagenet" if named(backbone).pretrained else "coco"
    return str(ours) if ours.exists() else "coco"


def knows(info: WeightsInfo, class_names: Sequence[str]) -> bool:
    """Tell whether weights are for these classes, without the background."""
    return bool(info.class_names) and list(info.class_names[1:]) == list(class_names)


def present(
    wanted: str | None, path: Path, backbone: str | None = None, device: str | None = None
) -> Path:
    """Download the file that `find` gave for `wanted` where it is not there yet; return it.

    `device` is what `--device` says. Raises `mrcnn.download.DownloadError`, an OSError, where it
    cannot be had.
    """
    if wanted in PUBLISHED and not path.exists():
        if wanted == "coco":
            fetch(COCO_WEIGHTS, path)
        else:
            pretrained.bring(backbone or pretrained.backbone(None), path, device)
    return path


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
    if is_known(asked) or (asked is None and is_known(info.backbone)):
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
    stored = (info.settings or {}).get("BACKBONE")
    if isinstance(stored, str) and stored.isidentifier():
        raise ValueError(
            f"{info.path} has the backbone {stored}, which this version does not know: train "
            f"anew, with {WORDS}"
        )
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
