"""What a training script brings along: its Config, its Dataset, and what is special to it."""

from collections.abc import Callable
from dataclasses import dataclass

from mrcnn import settings


@dataclass(frozen=True)
class Script:
    """A training script.

    description: what `--help` says.
    config, dataset: the classes. The dataset's has CLASSES, ATTRIBUTE and
        `load_custom(dataset_dir, subset, class_names, checked)`, where `checked` is the
        `SubsetReport` of a check: what it has read need not be read again.
    train: `train(model, dataset_dir, report, **options)`, where `report` is the `CheckReport` of
        the data set; the options are those of `MaskRCNN.train`.
    splash: `splash(image, detections)` returns the image, RGB, as the command `splash` shows it.
    augmentation: makes the imgaug pipeline that `train` uses; None without one.
    """

    description: str
    config: type
    dataset: type
    train: Callable
    splash: Callable
    augmentation: Callable | None = None

    @property
    def name(self) -> str:
        """The Config's NAME, by which runs are told apart."""
        return settings.name(self.config)
