import cv2
import numpy as np
import pytest

from mrcnn.data.dataset import Dataset
from mrcnn.data.images import ImageError
from mrcnn.data.resizing import resize_mask


@pytest.fixture
def two_sources():
    dataset = Dataset()
    dataset.add_class("coco", 3, "car, automobile")
    dataset.add_class("coco", 17, "cat")
    dataset.add_class("own", 3, "remote")
    dataset.add_image("own", "a.jpg", "folder/a.jpg", polygons=[1])
    dataset.add_image("coco", 42, "b.jpg")
    dataset.prepare()
    return dataset


def test_prepare_numbers_everything(two_sources):
    assert two_sources.class_names == ["BG", "car", "cat", "remote"]
    assert two_sources.num_classes == 4
    np.testing.assert_array_equal(two_sources.class_ids, [0, 1, 2, 3])
    assert two_sources.num_images == 2
    np.testing.assert_array_equal(two_sources.image_ids, [0, 1])
    assert two_sources.sources == ["", "coco", "own"]
    assert two_sources.source_class_ids == {"": [0], "coco": [0, 1, 2], "own": [0, 3]}
    assert two_sources.class_from_source_map == {".0": 0, "coco.3": 1, "coco.17": 2, "own.3": 3}
    assert two_sources.image_from_source_map == {"own.a.jpg": 0, "coco.42": 1}


def test_the_first_synonym_is_the_name_unless_commas_belong_to_names(two_sources):
    class Whole(Dataset):
        SYNONYMS = False

    whole = Whole()
    for name in ("remote, old", "remote, new"):
        whole.add_class("own", len(whole.class_info), name)
    whole.prepare()
    assert whole.class_names == ["BG", "remote, old", "remote, new"]
    assert two_sources.class_info[1]["name"] == "car, automobile"


def test_class_ids_go_both_ways(two_sources):
    assert two_sources.map_source_class_id("coco.17") == 2
    assert two_sources.get_source_class_id(2, "coco") == 17
    with pytest.raises(ValueError, match=r"no class 'coco.4'; there are \.0, coco\.3"):
        two_sources.map_source_class_id("coco.4")
    with pytest.raises(ValueError, match="class 3, 'remote', is of the source 'own', not 'coco'"):
        two_sources.get_source_class_id(3, "coco")


def test_images_keep_what_was_added(two_sources):
    assert two_sources.image_info[0]["polygons"] == [1]
    assert two_sources.source_image_link(0) == "folder/a.jpg"
    assert two_sources.image_reference(1) == "b.jpg"


def test_a_class_is_added_once():
    dataset = Dataset()
    dataset.add_class("own", 1, "remote")
    dataset.add_class("own", 1, "another")
    assert [info["name"] for info in dataset.class_info] == ["BG", "remote"]


def test_what_cannot_work_is_refused():
    with pytest.raises(ValueError, match=r"'a\.b' must not contain a dot"):
        Dataset().add_class("a.b", 1, "remote")
    with pytest.raises(RuntimeError, match=r"call prepare\(\) on the Dataset"):
        _ = Dataset().image_ids


def test_images_are_read_as_rgb(tmp_path):
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), np.full((4, 6, 3), (0, 0, 250), np.uint8))
    dataset = Dataset()
    dataset.add_image("own", "red", path)
    dataset.add_image("own", "none", tmp_path / "none.png")
    np.testing.assert_array_equal(dataset.load_image(0), np.full((4, 6, 3), (250, 0, 0)))
    with pytest.raises(ImageError, match=r"none\.png"):
        dataset.load_image(1)


def test_without_annotations_there_are_no_objects(two_sources):
    masks, class_ids = two_sources.load_mask(0)
    assert masks.shape[-1] == len(class_ids) == 0


def test_masks_at_another_size_are_those_of_load_mask_resized(two_sources):
    masks = np.zeros((8, 12, 2), np.uint8)
    masks[2:6, 4:9, 0] = masks[:4, :4, 1] = 7
    two_sources.load_mask = lambda image_id: (masks, [1, -2])
    found, class_ids = two_sources.load_mask_at(0, (8, 12), (4, 6))
    expected = resize_mask(masks != 0, 0.5, [(0, 0)] * 3)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == bool and class_ids.tolist() == [1, -2]
    with pytest.raises(
        ValueError, match=r"folder/a\.jpg: the masks are 8 x 12, the image is 8 x 9"
    ):
        two_sources.load_mask_at(0, (8, 9), (4, 6))
