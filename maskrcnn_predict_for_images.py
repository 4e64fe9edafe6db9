#!/usr/bin/env python3
"""Find objects in photos, draw them, and write them down.

    python maskrcnn_predict_for_images.py photo.jpg
    python maskrcnn_predict_for_images.py photos/ "more/**/*.png" --weights log/custom.h5
    python maskrcnn_predict_for_images.py photos/ --weights coco --json found.json
    python maskrcnn_predict_for_images.py photos/ --via photos/predictions.json

Pictures with the objects go to the folder `predictions`, and it says what was found:

    [1/12, 9 s left] kitchen.jpg: 2 AC Remote (0.98, 0.91) -> predictions/kitchen_predicted.jpg
    ...
    12 images, 17 AC Remote, 0.8 s each

`--via` writes a project for the VGG Image Annotator 2: open it there, correct what is wrong, save
it beside the photos and train again. Existing files are never overwritten unless `--overwrite`
says so, source images not even then. The exit code is 1 where an image could not be read.
"""

import argparse
import itertools
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mrcnn.commands.arguments import add_detection
from mrcnn.commands.display import escape_odd_letters, has_display
from mrcnn.commands.image_progress import Progress, duration

ROOT = Path(__file__).resolve().parent

LOSSY_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif"}
JPEG_QUALITY = 95
SCORES_SHOWN = 5
WINDOW, WINDOW_SIDE = "Mask R-CNN", 1200
# What a shell reports of a program that Ctrl-C ended.
INTERRUPTED = 130


# -- The command line --------------------------------------------------------------------------


def parse_arguments(argv=None) -> argparse.Namespace:
    """Return the arguments; a mistake in them ends the program with code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("sources", nargs="+", metavar="SOURCE", help="images, folders or quoted glob patterns")
    add(
        "--output",
        metavar="FOLDER",
        type=Path,
        default=Path("predictions"),
        help="where the pictures go; default: predictions",
    )
    add("--show", action="store_true", help="show each picture; any key goes on, q shows no more")
    add(
        "--json",
        metavar="FILE",
        type=Path,
        help="write polygons, run lengths, box, area, score and class of every object",
    )
    add("--via", metavar="FILE", type=Path, help="write a project that opens in VIA 2")
    add_detection(add, "image")
    return parser.parse_args(argv)


# -- Files that are written --------------------------------------------------------------------


def picture_path(source: Path, folder: Path, taken: set[str], overwrite: bool = False) -> Path:
    """Return where the picture of `source` goes, and add it to `taken`.

    `<stem>_predicted.jpg`, or `.png` where the source is lossless; numbered where that is taken
    or, unless `overwrite`, exists.
    """
    suffix = ".jpg" if source.suffix.lower() in LOSSY_SUFFIXES else ".png"
    for number in itertools.count(1):
        extra = f"_{number}" if number > 1 else ""
        path = folder / f"{source.stem}_predicted{extra}{suffix}"
        if _key(path) not in taken and (overwrite or not os.path.lexists(path)):
            taken.add(_key(path))
            return path


def _key(path: Path) -> str:
    """Return what two paths of one file share, where case does not matter too."""
    return str(path.resolve()).casefold()


def check_outputs(arguments: argparse.Namespace, inputs: list[Path]):
    """Make the folder of the pictures.

    Raises ValueError where an output would harm a file, OSError where it cannot be written.
    """
    taken = {_key(path) for path in inputs}
    for option in ("json", "via"):
        path = getattr(arguments, option)
        if path is None:
            continue
        if _key(path) in taken:
            raise ValueError(f"--{option} {path} is another file of this run: take another name")
        if path.is_dir():
            raise ValueError(f"--{option} {path} is a folder, a file is needed")
        if path.exists() and not arguments.overwrite:
            raise ValueError(
                f"--{option} {path} exists already: take another name, or add --overwrite"
            )
        taken.add(_key(path))
    sources = [Path(source).resolve() for source in arguments.sources]
    if arguments.output.is_dir() and arguments.output.resolve() in sources:
        raise ValueError(
            f"--output {arguments.output} is a folder of photos to look at: its pictures would be "
            "photos the next time, so take another"
        )
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"--output {arguments.output} is no folder: {error.strerror}") from error


def write_picture(path: Path, picture):
    """Write uint8 RGB `[H, W, 3]` as the suffix says, whole or not at all."""
    import cv2

    from mrcnn.atomic import write_bytes

    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else []
    write_bytes(path, cv2.imencode(path.suffix, bgr, options)[1].tobytes())


def json_document(outcome, class_names, weights, min_confidence) -> dict:
    """Return what `--json` writes; see `mrcnn.results.records.object_records` for the objects."""
    return {
        "weights": str(weights),
        "class_names": class_names,
        "min_confidence": min_confidence,
        "images": [
            {
                "file": str(image["path"]),
                "height": image["shape"][0],
                "width": image["shape"][1],
                "picture": str(image["picture"]),
                "objects": image["objects"],
            }
            for image in outcome.images
        ],
        "failed": outcome.failed,
    }


def via_document(images: list[dict], class_names: list[str], name: str) -> dict:
    """Return the VIA project of records with `path` and `regions`."""
    from mrcnn.results.via_project import via_project

    paths = [Path(os.path.abspath(image["path"])) for image in images]
    folder = Path(os.path.commonpath([path.parent for path in paths])) if paths else Path.cwd()
    entries = [
        (path.relative_to(folder).as_posix(), path.stat().st_size, image["regions"])
        for path, image in zip(paths, images, strict=True)
    ]
    return via_project(entries, class_names, name, f"{folder.as_uri()}/")


# -- The run -----------------------------------------------------------------------------------


def check_display():
    """Raise ValueError where no window can be opened."""
    if not has_display():
        raise ValueError("--show needs a display, there is none here: look at the pictures instead")


def show_picture(picture, title: str) -> bool:
    """Show uint8 RGB `[H, W, 3]` until a key is pressed; return whether to show the next one."""
    import cv2

    cv2.namedWindow(WINDOW, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
    height, width = picture.shape[:2]
    scale = min(1, WINDOW_SIDE / max(height, width))
    cv2.resizeWindow(WINDOW, round(width * scale), round(height * scale))
    cv2.setWindowTitle(WINDOW, title)
    cv2.imshow(WINDOW, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    key = -1
    while key < 0 and cv2.getWindowProperty(WINDOW, cv2.WND_PROP_VISIBLE) > 0:
        key = cv2.waitKey(50)
    stopped = key < 0 or key in (ord("q"), 27)
    if stopped:
        cv2.destroyAllWindows()
    return not stopped


@dataclass
class Outcome:
    """What came of a run."""

    images: list[dict] = field(default_factory=list)
    failed: list[dict] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    # (score, class name, path) of what scored too little, best first.
    closest: list[tuple] = field(default_factory=list)
    seconds_each: float = 0.0
    stopped: bool = False

    def fail(self, source: Path, error: Exception, progress: Progress):
        """Note an image that could not be read, or its picture not be written, and say so."""
        self.failed.append({"file": str(source), "reason": str(error)})
        progress.fault(str(error))


def predict(model, sources, class_names, arguments) -> Outcome:
    """Read, detect, draw and write image by image, and tell how far it is.

    While the network works at an image, the next one is read and the last one's picture is made.
    """
    from mrcnn.data.images import ImageError

    outcome, progress, show = Outcome(), Progress(len(sources)), arguments.show
    taken = {_key(path) for path in (*sources, arguments.json, arguments.via) if path}
    behind = []  # the image whose picture is being made: (source, its line, dropped, future)

    def settle():
        nonlocal show
        for source, line, dropped, future in behind[:]:
            try:
                picture, record = future.result()
            except OSError as error:
                behind.clear()
                outcome.fail(source, error, progress)
                return
            behind.clear()
            outcome.images.append(record)
            outcome.counts += record.pop("counts")
            outcome.closest = sorted(outcome.closest + dropped, reverse=True)[:SCORES_SHOWN]
            progress.done(f"{line} -> {record['picture']}")
            if show:
                show = show_picture(picture, str(source))

    with ThreadPoolExecutor(2) as pool:
        try:
            for source, image in read_ahead(sources, pool):
                progress.start(str(source))
                if isinstance(image, ImageError):
                    settle()
                    outcome.fail(source, image, progress)
                    continue
                (result,) = model.detect([image])
                settle()
                most = model.config.DETECTION_MAX_INSTANCES
                line = found_text(source, result, class_names, most)
                dropped = [(score, class_names[number], source) for score, number in model.dropped]
                path = picture_path(source, arguments.output, taken, arguments.overwrite)
                given = source, image, result, path, class_names, arguments
                behind.append((source, line, dropped, pool.submit(finish, *given)))
            settle()
        except KeyboardInterrupt:
            outcome.stopped, show = True, False
            settle()
    progress.end()
    outcome.seconds_each = progress.each()
    return outcome


def read_ahead(sources, pool):
    """Yield each source with its image, or with its ImageError; the next one is being read."""
    from mrcnn.data import images

    def read(source):
        try:
            return images.read_image(source)
        except images.ImageError as error:
            return error

    waiting = pool.submit(read, sources[0])
    for source, following in itertools.zip_longest(sources, sources[1:]):
        image = waiting.result()
        waiting = following and pool.submit(read, following)
        yield source, image


def finish(source, image, result, path, class_names, arguments) -> tuple:
    """Draw and write the picture of an image; return it and the image's record."""
    from mrcnn import visualize
    from mrcnn.results.records import object_records
    from mrcnn.results.via_project import via_regions
    from mrcnn.results.words import count_classes

    boxes, masks, ids = result["rois"], result["masks"], result["class_ids"]
    picture = visualize.draw_instances(image, boxes, masks, ids, class_names, result["scores"])
    write_picture(path, picture)
    record = {"path": source, "picture": path, "shape": image.shape[:2]}
    record["counts"] = count_classes(ids, class_names)
    if arguments.json:
        record["objects"] = object_records(result, class_names)
    if arguments.via:
        record["regions"] = via_regions(result, class_names)
    return picture, record


def found_text(source: Path, result: dict, class_names: list[str], most: int) -> str:
    """Return what was found in an image: "a.jpg: 2 AC Remote (0.98, 0.91)"."""
    from mrcnn.results.words import count_classes, counts_text

    text = f"{source}: {counts_text(count_classes(result['class_ids'], class_names))}"
    scores = [f"{score:.2f}" for score in result["scores"][:SCORES_SHOWN]]
    if scores:
        more = ", ..." if len(result["scores"]) > SCORES_SHOWN else ""
        text += f" ({', '.join(scores)}{more})"
    if len(result["scores"]) == most:
        text += ", as many as --max-instances allows"
    return text


def summary_text(outcome: Outcome, min_confidence: float) -> str:
    """Return the summary, and where nothing was found what came closest."""
    from mrcnn.results.words import counts_text

    images, failed = len(outcome.images), len(outcome.failed)
    first = (
        f"{images} image{'s' if images != 1 else ''}, {counts_text(outcome.counts)}, "
        f"{duration(outcome.seconds_each)} each"
    )
    lines = [first + (f", {failed} failed" if failed else "")]
    if outcome.counts or not images:
        return lines[0]
    if not outcome.closest:
        lines.append(
            "The network saw nothing but background: are these weights trained for such objects?"
        )
        return "\n".join(lines)
    lines.append(f"Nothing scored {min_confidence:g} or more. What came closest:")
    lines += [f"  {score:.2f} {name} in {path}" for score, name, path in outcome.closest]
    lines.append(f"To see it, add --min-confidence {outcome.closest[0][0] * 0.9:.2g}")
    return "\n".join(lines)


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code. Raises ValueError or OSError."""
    from mrcnn.atomic import write_json
    from mrcnn.commands.prediction import choose_weights, class_names_for, load_model, make_config
    from mrcnn.data.images import find_images
    from mrcnn.nn.weights_file import inspect
    from mrcnn.utils import download_trained_weights

    sources = find_images(arguments.sources)
    weights = choose_weights(arguments.weights, ROOT)
    check_outputs(arguments, [*sources, weights])
    if arguments.show:
        check_display()
    if arguments.weights == "coco" and not weights.exists():
        download_trained_weights(str(weights))
    info = inspect(weights)
    class_names = class_names_for(info, arguments.classes)
    config = make_config(info, arguments.max_instances, arguments.image_size, arguments.precision)
    min_confidence = arguments.min_confidence
    if min_confidence is None:
        min_confidence = config.DETECTION_MIN_CONFIDENCE

    # TensorFlow starts here, once all that can be wrong has been looked at.
    model = load_model(config, weights, min_confidence)
    outcome = predict(model, sources, class_names, arguments)
    if arguments.json:
        write_json(arguments.json, json_document(outcome, class_names, weights, min_confidence))
    if arguments.via:
        project = via_document(outcome.images, class_names, arguments.via.stem)
        write_json(arguments.via, project)
    print(summary_text(outcome, min_confidence))
    if outcome.stopped:
        left = len(sources) - len(outcome.images) - len(outcome.failed)
        print(f"Stopped: {left} images are left.")
        return INTERRUPTED
    return 1 if outcome.failed else 0


def main(argv=None) -> int:
    """Run the command; return its exit code."""
    arguments = parse_arguments(argv)
    escape_odd_letters()
    try:
        return run(arguments)
    except KeyboardInterrupt:  # before there was an image
        return INTERRUPTED
    except (ValueError, OSError) as error:
        print(f"{Path(__file__).name}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
