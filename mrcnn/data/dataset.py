"""The data set that training and evaluation read: its classes, its images and their masks."""

import numpy as np

from mrcnn.data.images import read_image
from mrcnn.data.resizing import scale_masks
from mrcnn.detections import Detections


class Dataset:
    """Base class of a data set.

    Subclass it, write a function that calls `add_class` and `add_image`, override `load_mask`
    (and `load_mask_at`, where masks can be drawn at any size), then call that function and
    `prepare()`:

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
        owners = [info["source"] for info in self.class_info]
        self.sources = list(dict.fromkeys(owners))
        self.source_class_ids = {
            source: [0, *(index for index, owner in enumerate(owners) if index and owner == source)]
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

    def load_mask_at(
        self, image_id: int, image_shape: tuple[int, int], mask_shape: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return masks, bool `[*mask_shape, N]`, and class ids of an image at another size.

        Both shapes are (height, width); `image_shape` is that of the whole image. Here the masks
        of `load_mask` are resized. A data set that can draw its masks at any size overrides this
        too: it saves time and memory with large photos. Raises ValueError as `checked_masks`.
        """
        masks, class_ids = checked_masks(self, image_id, self.load_mask(image_id), image_shape)
        return scale_masks(masks, mask_shape), class_ids

    def load_objects(self, image_id: int, image_shape: tuple[int, int]) -> Detections:
        """Return an image's objects, each mask in its box; crowds have negative class ids.

        A data set that can draw its masks one by one overrides this and `load_mask_in`: all masks
        of a photo of 100 megapixels take 100 MB each. Raises ValueError as `checked_masks`.
        """
        loaded = self.load_mask_at(image_id, image_shape, image_shape)
        return Detections.of_masks(*checked_masks(self, image_id, loaded, image_shape))

    def load_mask_in(
        self,
        image_id: int,
        image_shape: tuple[int, int],
        part: tuple[int, int, int, int],
        mask_shape: tuple[int, int],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return masks, bool `[*mask_shape, N]`, and class ids of what is in a part of an image.

        `part` is `(y1, x1, y2, x2)` in pixels of the whole image, of `image_shape`. Objects that
        lie outside may be left out.
        """
        objects = self.load_objects(image_id, image_shape)
        there = np.flatnonzero(touches(objects.windows, part))
        (y1, x1, y2, x2), masks = part, np.zeros((len(there), *mask_shape), bool)
        for mask, row in zip(masks, there, strict=True):
            whole = np.zeros((y2 - y1, x2 - x1), bool)
            top, left, bottom, right = objects.windows[row].tolist()
            rows = slice(max(top, y1), min(bottom, y2))
            columns = slice(max(left, x1), min(right, x2))
            piece = objects.pieces[row][rows.start - top : rows.stop - top]
            piece = piece[:, columns.start - left : columns.stop - left]
            whole[rows.start - y1 : rows.stop - y1, columns.start - x1 : columns.stop - x1] = piece
            mask[:] = scale_masks(whole[..., None], mask_shape)[..., 0]
        return np.moveaxis(masks, 0, -1), objects.class_ids[there]


def touches(boxes: np.ndarray, part) -> np.ndarray:
    """Tell which boxes `[N, 4]` share pixels with another one, bool `[N]`."""
    y1, x1, y2, x2 = part
    starts, ends = (boxes[:, :2] < (y2, x2)), (boxes[:, 2:] > (y1, x1))
    return starts.all(axis=1) & ends.all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)


def checked_masks(
    dataset: Dataset, image_id: int, loaded: tuple, image_shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return (masks, class ids) that a data set loaded for an image, as bool and int32.

    Raises ValueError, which names the image, where they do not fit each other, an image of
    `image_shape` (height, width), or the classes.
    """
    masks, class_ids = np.asarray(loaded[0]), np.asarray(loaded[1], np.int32).reshape(-1)
    name = image_name(dataset, image_id)
    if not len(class_ids):
        masks = np.zeros((*image_shape, 0), bool)
    if masks.ndim != 3 or masks.shape[2] != len(class_ids):
        raise ValueError(
            f"{name}: load_mask returned masks {masks.shape} and {len(class_ids)} class ids, "
            "one mask [height, width] an id is needed"
        )
    if masks.shape[:2] != tuple(image_shape):
        turned = masks.shape[1::-1] == tuple(image_shape)
        raise ValueError(
            f"{name}: the masks are {masks.shape[0]} x {masks.shape[1]}, the image is "
            f"{image_shape[0]} x {image_shape[1]} (height x width)"
            + (": they were drawn on the image before it was turned upright" if turned else "")
        )
    unknown = np.abs(class_ids[(class_ids == 0) | (np.abs(class_ids) >= dataset.num_classes)])
    if unknown.size:
        raise ValueError(
            f"{name}: load_mask returned the class id {unknown[0]}, the data set has the ids "
            f"1 to {dataset.num_classes - 1}"
        )
    return masks if masks.dtype == bool else masks != 0, class_ids


def image_name(dataset: Dataset, image_id: int) -> str:
    """Return what messages call an image: its path, or its id in the source."""
    info = dataset.image_info[image_id]
    return str(info["path"] or info["id"])


def _by_source(infos):
    return {f"{info['source']}.{info['id']}": index for index, info in enumerate(infos)}
