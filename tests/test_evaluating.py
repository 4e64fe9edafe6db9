"""A model's detections against a data set's annotation."""

import numpy as np
import pytest

from mrcnn.commands.evaluating import PICTURE_SIDE, draw_comparison
from mrcnn.detections import Detections
from mrcnn.evaluation.measure import evaluate
from mrcnn.evaluation.page import EvaluationPage
from mrcnn.masks import extract_bboxes
from mrcnn.utils import Dataset
from tests.pages import embedded


class Squares(Dataset):
    """Grey images with two squares each, one of each class; a third lies outside the image."""

    def __init__(self, count=3, height=60, width=80):
        super().__init__()
        self.shape = height, width
        self.add_class("squares", 1, "left")
        self.add_class("squares", 2, "right")
        for index in range(count):
            self.add_image("squares", index, f"folder/{index}.jpg")
        self.prepare()

    def load_image(self, image_id):
        return np.full((*self.shape, 3), 100 + image_id, np.uint8)

    def load_mask(self, image_id):
        masks = np.zeros((*self.shape, 3), bool)
        masks[10:40, 5:25, 0] = True
        masks[10:40, 45:75, 1] = True
        return masks, np.array([1, 2, 2], np.int32)


class Finder:
    """Finds the squares of `Squares`, those of the class `blind` as of the other class."""

    def __init__(self, dataset, blind=None):
        self.dataset, self.blind = dataset, blind

    def detect(self, images, min_confidence=0.0):
        (image,) = images
        masks, class_ids = self.dataset.load_mask(int(image[0, 0, 0]) - 100)
        masks, class_ids = masks[..., :2], class_ids[:2].copy()
        if self.blind:
            class_ids[class_ids == self.blind] = 3 - self.blind
        scores = np.array([0.9, 0.6], np.float32)
        found = Detections.of(extract_bboxes(masks), class_ids, scores, masks)
        return [found.where(scores >= min_confidence)]


def test_what_is_all_found_scores_one():
    dataset, calls = Squares(), []
    evaluation = evaluate(Finder(dataset), dataset, lambda *count: calls.append(count))
    summary = evaluation.summary()
    assert summary["mask"]["AP"] == summary["box"]["AP"] == 1
    # What lies outside the image cannot be found.
    assert summary["overall"]["objects"] == 6
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_classes_that_are_taken_for_each_other_are_named_with_their_image():
    dataset = Squares(count=1)
    evaluation = evaluate(Finder(dataset, blind=2), dataset)
    assert evaluation.confusion(threshold=0).tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 0]]
    assert [miss.image_id for miss in evaluation.worst(9, threshold=0)] == ["folder/0.jpg"]


def test_the_page_has_every_photo_with_what_became_of_its_objects(tmp_path):
    dataset = Squares(count=2)
    page = EvaluationPage(tmp_path / "index.html", 2, "log/w.h5", "val")
    evaluation = evaluate(Finder(dataset, blind=2), dataset, each=page.add)
    text = page.write(evaluation).read_text(encoding="utf-8")
    (facts,) = embedded(text, 'id="facts"')
    assert facts["summary"] == evaluation.summary()
    assert facts["class_names"] == ["BG", "left", "right"] and len(facts["colors"]) == 3
    first, second = embedded(text, 'class="photo"')
    assert (first["path"], second["name"]) == ("folder/0.jpg", "1.jpg")
    assert [object_["class"] for object_ in first["annotated"]] == [1, 2]
    left, right = first["found"]
    assert (left["object"], left["overlap"], left["counted"]) == (0, 1, True)
    assert left["area"] == pytest.approx(30 * 20 / (60 * 80)) and left["outline"].startswith("M")
    # That one is taken for the other class.
    assert "object" not in right and first["other_class"] == [[1, 1, 1.0]]
    assert evaluation.mistakes(0)["wrong_class"] == 2


@pytest.mark.parametrize("turned", [False, True])
def test_the_picture_shows_the_annotation_and_what_was_found(turned):
    dataset = Squares(count=1, height=100 if turned else 60)
    picture = draw_comparison(Finder(dataset), dataset, 0, min_confidence=0.7)
    height, width = dataset.shape
    halves = (
        (picture[:, :width], picture[:, -width:])
        if turned
        else (picture[:height], picture[-height:])
    )
    for half in halves:
        assert half.shape == (*dataset.shape, 3)
    annotated, found = halves
    inside_left, inside_right = (25, 15), (25, 60)
    assert (annotated[inside_left] != 100).any() and (annotated[inside_right] != 100).any()
    assert (found[inside_left] != 100).any()
    # That one has a score of 0.6.
    assert (found[inside_right] == 100).all()


def test_large_photos_become_small_pictures():
    dataset = Squares(count=1, height=2000, width=3000)
    picture = draw_comparison(Finder(dataset), dataset, 0, min_confidence=0)
    assert picture.shape[1] == PICTURE_SIDE
