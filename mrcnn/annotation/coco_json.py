"""COCO's JSON of instances: polygons and run lengths (cocodataset.org/#format-data)."""

from mrcnn.annotation.raw import Rank, RawImage, RawRegion, Source
from mrcnn.annotation.records import AnnotationError

FORM = "COCO"
FORMS = {FORM: Rank.FOREIGN}
# The attribute under which a category's name is handed on.
CATEGORY = "category"


def read(document: object) -> Source | None:
    """Return what a COCO document tells, or None where it is not one.

    Ids are compared as text, since some writers quote them in one place and not in another.
    Raises AnnotationError for a document that is COCO's but cannot be read.
    """
    if not (isinstance(document, dict) and {"images", "annotations"} <= document.keys()):
        return None
    tables = {name: document.get(name, []) for name in ("images", "annotations", "categories")}
    for name, table in tables.items():
        if not isinstance(table, list):
            raise AnnotationError(f"{name!r} of the COCO file is a {type(table).__name__}")
    names = {
        str(category["id"]): category.get("name")
        for category in tables["categories"]
        if isinstance(category, dict) and "id" in category
    }
    regions = {}
    for annotation in tables["annotations"]:
        if not (isinstance(annotation, dict) and "image_id" in annotation):
            shown = f"{annotation!r:.80}"
            raise AnnotationError(f"an annotation of the COCO file names no image: {shown}")
        regions.setdefault(str(annotation["image_id"]), []).append(_region(annotation, names))
    images = [_image(image, regions) for image in tables["images"]]
    for key, lost in regions.items():
        fault = f"{len(lost)} annotations belong to image {key!r:.80}, which is not listed"
        images.append(RawImage(None, [], fault=fault))
    return Source(FORM, images, {CATEGORY: "dropdown"})


def _image(image, regions):
    if not isinstance(image, dict):
        return RawImage(None, [], fault=f"its entry is a {type(image).__name__}, not an object")
    size = image.get("height"), image.get("width")
    told = all(type(side) is int and side > 0 for side in size)
    of_image = regions.pop(str(image.get("id")), [])
    return RawImage(image.get("file_name"), of_image, size=size if told else None)


def _region(annotation, names):
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, dict):
        shape = {**segmentation, "name": "rle"}
    else:
        shape = {"name": "segmentation", "parts": segmentation}
    category = names.get(str(annotation.get("category_id")))
    return RawRegion(shape, {CATEGORY: category}, crowd=annotation.get("iscrowd") in (1, True))
