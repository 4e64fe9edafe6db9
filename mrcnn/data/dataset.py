"""The data set that training and evaluation read: its classes, its images and their masks."""

import numpy as np

from mrcnn.data.images import read_image


class Dataset:
    """Base class of a data set.

    Subclass it, write a function that calls `add_class` and `add_image`, override `load_mask`,
    then call that function and `prepare()`:

        class RemoteDataset(Dataset):
            def load_remotes(self, folder):
                self.add_class("remote", 1, "AC Remote")
                for path in sorted(folder.glob("*.jpg")):
                    self.add_image("remote", image_id=path.name, path=path)

            def load_mask(self, image_id):
                ...
                return masks, class_ids

    A source is the name of where images and classes come from. Data sets of several sources
    number their classes apart: each image knows the classes of its source alone. Ids inside are
    0, 1, 2, ... in the order of adding; class 0 is the background, "BG".

    After `prepare()`: `num_classes`, `class_ids`, `class_names`, `num_images`, `image_ids`,
    `sources`, `source_class_ids` (source -> class ids, background included),
    `class_from_source_map` ("source.id" -> class id), `image_from_source_map` (likewise).
    `class_info` and `image_info` are lists of what was added, as dicts.
    """

    # Some sources list synonyms, "car, automobile", of which the first is the name. Where a comma
    # is part of the name, a subclass says False.
    SYNONYMS = True

    def __init__(self, class_map=None):
        """Start empty; `class_map` has no meaning and is there for older scripts."""
        self._image_ids = None
        self.image_info = []
        self.class_info = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids = {}

    def add_class(self, source: str, class_id: int, class_name: str):
        """Add a class by the id that its source uses; one that is there already stays.

        Raises ValueError for a source with a dot, which separates source and id in the maps.
        """
        if "." in source:
            raise ValueError(f"the source {source!r} must not contain a dot")
        known = {(info["source"], info["id"]) for info in self.class_info}
        if (source, class_id) not in known:
            self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source: str, image_id, path, **kwargs):
        """Add an image by the id that its source uses; further keywords go into `image_info`."""
        self.image_info.append({"id": image_id, "source": source, "path": path, **kwargs})

    def prepare(self, class_map=None):
        """Number what was added; call it once everything is and before anything is used."""
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        names = [info["name"] for info in self.class_info]
        self.class_names = [name.split(",")[0] for name in names] if self.SYNONYMS else names
        self.num_images = len(self.image_info)
        self._image_ids = np.arange(self.num_images)
        self.class_from_source_map = _by_source(self.class_info)
        self.image_from_source_map = _by_source(self.image_info)
        self.sources = list(dict.fromkeys(info["source"] for info in self.class_info))
        self.source_class_ids = {
            source: [
                index
                for index, info in enumerate(self.class_info)
                if index == 0 or info["source"] == source
            ]
            for source in self.sources
        }

    @property
    def image_ids(self) -> np.ndarray:
        """The ids of all images, int `[num_images]`; RuntimeError before `prepare()`."""
        if self._image_ids is None:
            raise RuntimeError(f"call prepare() on the {type(self).__name__} before using it")
        return self._image_ids

    def map_source_class_id(self, source_class_id: str) -> int:
        """Return the class id of "source.id", such as "coco.12"."""
        if source_class_id not in self.class_from_source_map:
            known = ", ".join(self.class_from_source_map)
            raise ValueError(f"no class {source_class_id!r}; there are {known}")
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id: int, source: str) -> int:
        """Return the id that `source` uses for the class `class_id`."""
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(
                f"class {class_id}, {info['name']!r}, is of the source {info['source']!r}, "
                f"not {source!r}"
            )
        return info["id"]

    def source_image_link(self, image_id: int):
        """Return the path of an image, or its address where a subclass says so."""
        return self.image_info[image_id]["path"]

    def image_reference(self, image_id: int) -> str:
        """Return what a person would find the image by: here its path."""
        return str(self.image_info[image_id]["path"])

    def load_image(self, image_id: int) -> np.ndarray:
        """Return an image as uint8 RGB `[H, W, 3]`, upright; ImageError where it cannot be read."""
        return read_image(self.image_info[image_id]["path"])

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the masks, bool `[H, W, N]`, and class ids, int32 `[N]`, of an image's objects.

        Subclasses override it. Here, where nothing is known of the image, there are none.
        """
        return np.zeros((0, 0, 0), bool), np.zeros(0, np.int32)


def _by_source(infos):
    return {f"{info['source']}.{info['id']}": index for index, info in enumerate(infos)}
