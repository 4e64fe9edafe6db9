"""COCO's JSON of instances: polygons and run lengths (cocodataset.org/#format-data)."""

from mrcnn.annotation.labels import clean
from mrcnn.annotation.raw import Rank, RawImage, RawRegion, Source, in_words
from mrcnn.annotation.records import AnnotationError
from mrcnn.tables import few

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
            raise AnnotationError(f"{name!r} of the COCO file is {in_words(table)}, not a list")
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
    warnings = []
    everything = [region for group in regions.values() for region in group]
    boxes = sum(region.shape["name"] == "rect" for region in everything)
    if boxes:
        total = len(everything)
        warnings.append(f"boxes (bbox) without an outline, taken as rectangles: {boxes} of {total}")
    if everything and all(region.crowd for region in everything):
        # CVAT gives every mask that was drawn with a brush this mark.
        warnings.append("all regions are crowds (iscrowd 1): they are taken as objects")
        regions = {key: [r._replace(crowd=False) for r in group] for key, group in regions.items()}
    images = [_image(image, regions) for image in tables["images"]]
    for key, lost in regions.items():
        fault = f"{len(lost)} annotations belong to image {key!r:.80}, which is not listed"
        images.append(RawImage(None, [], fault=fault))
    return Source(FORM, images, {}, CATEGORY if names else None, tuple(warnings))


def _image(image, regions):
    if not isinstance(image, dict):
        return RawImage(None, [], fault=f"its entry is {in_words(image)}, not an image")
    size = image.get("height"), image.get("width")
    told = all(type(side) is int and side > 0 for side in size)
    of_image = regions.pop(str(image.get("id")), [])
    return RawImage(image.get("file_name"), of_image, size=size if told else None)


def _region(annotation, names):
    segmentation, box = annotation.get("segmentation"), annotation.get("bbox")
    if isinstance(segmentation, dict):
        shape = {**segmentation, "name": "rle"}
    elif not segmentation and isinstance(box, list) and len(box) == 4:
        shape = dict(zip(("name", "x", "y", "width", "height"), ("rect", *box), strict=True))
    else:
        shape = {"name": "segmentation", "parts": segmentation}
    crowd = annotation.get("iscrowd") in (1, True)
    key, fault = annotation.get("category_id"), None
    if names and str(key) not in names:
        listed = few(clean(f"{known}: {name}") for known, name in names.items())
        fault = f"category {key!r:.40} is not among the categories ({listed})"
    elif names and names[str(key)] in (None, ""):
        fault = f"its category {key!r:.40} has no name"
    return RawRegion(shape, {CATEGORY: names.get(str(key))} if names else {}, crowd, fault)
