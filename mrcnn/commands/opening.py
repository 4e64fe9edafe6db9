"""From a weights file to a detector: which classes, which settings, and the network."""

import dataclasses
import functools
from dataclasses import dataclass, field
from pathlib import Path

from mrcnn import settings
from mrcnn.commands.weights import backbone_settings
from mrcnn.config import Config
from mrcnn.from_file import class_names_for
from mrcnn.nn.weights_file import WeightsInfo, inspect
from mrcnn.runtimes import description
from mrcnn.runtimes.formats import require


@dataclass
class Opened:
    """A weights file that detects, or an exported network.

    Attributes:
        info: what the file's header tells.
        class_names: "BG" first.
        config: the settings to detect with, one RGB image at a time.
        min_confidence: the least score of what is found.
        exact: whether convolutions are computed in float32 without rounding.
        device: "cpu", "gpu", "gpu:1", or None for what is there.
        looking: of the `Detector`: `tiles`, `overlap` and `tta`.
        precision: what convolutions are computed in.
        runtime: what runs it in the place of Keras; None where that does.
        export: the `model.json` of an exported network; None of a weights file.
    """

    info: WeightsInfo
    class_names: list[str]
    config: Config
    min_confidence: float
    exact: bool
    device: str | None = None
    looking: dict = field(default_factory=dict)
    precision: str = "float32"
    runtime: str | None = None
    export: Path | None = None

    @functools.cached_property
    def detector(self):
        """The `Detector`, made at its first use.

        TensorFlow starts then and the weights load, unless a runtime does it all. Raises
        `nn.weights.WeightsError`, a ValueError, where the file lacks some.
        """
        if self.runtime is None:
            return self.keras_detector
        from mrcnn.commands.exporting import cached
        from mrcnn.detector import Detector
        from mrcnn.runtimes.exported import Exported

        most = settings.max_instances(self.config)
        path = self.export or cached(self, self.runtime)
        network = Exported(path, self.device, self.precision, most)
        detector = Detector(network, self.config, fade=self.exact)
        detector.looking |= self.looking
        return detector

    def in_float32(self) -> "Opened":
        """Return the weights opened to be run by Keras in float32."""
        config = settings.with_settings(type(self.config), {"PRECISION": "float32"})
        same = {"precision": "float32", "runtime": None, "exact": True}
        return dataclasses.replace(self, config=config, **same)

    @functools.cached_property
    def keras_detector(self):
        """The `Detector` whose network Keras builds, of a weights file."""
        from mrcnn.quiet import start_keras

        start_keras(self.device)
        from mrcnn import devices
        from mrcnn.detector import Detector
        from mrcnn.nn import network

        devices.require(self.device)
        devices.prepare(exact=self.exact)
        # The network lets all scores through: a result tells what scored too little.
        everything = settings.with_settings(type(self.config), {"DETECTION_MIN_CONFIDENCE": 0})
        model = network.build("inference", everything, random_weights=False)
        print(model.load_published(self.info.path))
        detector = Detector(model, self.config, fade=self.exact)
        detector.looking |= self.looking
        return detector


def open_model(
    path: str | Path,
    config_class: type = Config,
    *,
    classes: str | None = None,
    min_confidence: float | None = None,
    max_instances: int | None = None,
    image_size: int | None = None,
    precision: str = Config.PRECISION,
    backbone: str | None = None,
    device: str | None = None,
    tiles: bool | int | None = None,
    overlap: float | None = None,
    tta: bool = False,
    runtime: str | None = None,
) -> Opened:
    """Look at weights or an exported network, and at all that can be wrong with their use.

    Arguments:
        path: the weights file, or what `runtimes.description.locate` takes; its settings count.
        config_class: the Config whose settings count where the file tells none.
        classes, backbone: see `class_names_for` and `weights.backbone_settings`.
        min_confidence, max_instances: the least score, and the most objects of an image.
        image_size: pixels, a multiple of 64: the larger side of the image as the network sees it.
        precision: PRECISION.
        device: see `Opened`.
        tiles, overlap, tta: see `Detector.detect`.
        runtime: of `runtimes.formats.RUNTIMES`, what runs the network in the place of Keras.
            Weights are exported for it once, into a folder beside them.

    What is None is as the file's settings say. Raises ValueError in one sentence.
    """
    export = description.locate(path)
    exported = description.read(export) if export else None
    info = _of_export(export, exported, runtime) if export else inspect(path)
    if not info.num_classes:
        raise ValueError(f"{info.path} detects nothing yet: it holds a backbone to train from")
    class_names = class_names_for(info, classes)
    needed = {}
    if export:
        runtime = exported.format
    else:
        needed = backbone_settings(info, backbone, settings.own_backbone(config_class))
    if runtime:
        require(runtime, running=True)
    try:
        config = settings.to_detect(
            config_class,
            info.settings or {},
            image_size,
            NUM_CLASSES=info.num_classes,
            PRECISION=precision,
            DETECTION_MIN_CONFIDENCE=min_confidence,
            DETECTION_MAX_INSTANCES=max_instances,
            **needed,
        )
    except ValueError as error:
        raise ValueError(f"{info.path}: {error}") from error
    if export and settings.max_instances(config) > exported.max_instances:
        raise ValueError(
            f"--max-instances {max_instances}: {export.parent} finds {exported.max_instances} at "
            "most, export it with that option"
        )
    least = settings.min_confidence(config)
    if overlap is not None and not tiles:
        raise ValueError(f"--overlap {overlap:g} is of tiles: add --tiles")
    looking = {"tiles": tiles, "overlap": overlap, "tta": tta}
    exact = precision == "float32"
    return Opened(
        info, class_names, config, least, exact, device, looking, precision, runtime, export
    )


def _of_export(path, found, runtime) -> WeightsInfo:
    """Return what an exported network tells as a weights file's header does.

    Raises ValueError where `runtime` is not for its format.
    """
    if runtime and runtime != found.format:
        raise ValueError(
            f"{path.parent} is of the format {found.format}, --runtime {runtime} is another: leave "
            "it out, or export the weights for it"
        )
    names = found.class_names
    return WeightsInfo(path, None, len(names), names, found.settings)
