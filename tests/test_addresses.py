"""Photos at addresses: found, read, and what is said of those that cannot be."""

import pytest

from mrcnn.data.addresses import is_address
from mrcnn.data.images import ImageError, Unreachable, read_image
from mrcnn.data.sources import find_images
from tests.photos import photo, saved

fsspec = pytest.importorskip("fsspec", reason="it comes with --ray")


class Closed(fsspec.AbstractFileSystem):
    """A bucket that lists its photos to everyone and shows them to nobody."""

    protocol = "closed"
    fault = PermissionError("Forbidden")

    def info(self, path, **_):
        return {"name": path, "type": "file" if path.endswith(".jpg") else "directory", "size": 1}

    def ls(self, path, detail=True, **_):
        if path.endswith("secret"):
            raise self.fault
        return [self.info(f"{path}/{name}.jpg") for name in ("b10", "b9")]

    def _open(self, path, *_, **__):
        raise self.fault


fsspec.register_implementation("closed", Closed, clobber=True)


def test_what_is_an_address(tmp_path):
    assert is_address("s3://bucket/a.jpg") and is_address("file:///a.jpg")
    assert not any(map(is_address, (tmp_path, "a.jpg", "C:\\a.jpg", "a/b://c.jpg")))


def test_photos_at_an_address_are_those_of_the_folder(tmp_path):
    image = photo()
    for name in ("p10.png", "p9.png", ".hidden.png", "below/deep.png", "no.txt"):
        saved(tmp_path / "photos" / name.replace(".txt", ".bmp"), image)
    (tmp_path / "photos" / "no.bmp").rename(tmp_path / "photos" / "no.txt")
    folder = f"file://{tmp_path}/photos"
    assert find_images(folder) == [f"{folder}/p9.png", f"{folder}/p10.png"]
    assert find_images(f"{folder}/p1*.png") == [f"{folder}/p10.png"]
    assert find_images([f"{folder}/p9.png", folder]) == [f"{folder}/p9.png", f"{folder}/p10.png"]
    assert (read_image(f"{folder}/p9.png") == image).all()


def test_photos_below_an_address_are_found_where_there_are_no_others(tmp_path):
    saved(tmp_path / "a" / "b" / "deep.png")
    assert find_images(f"file://{tmp_path}") == [f"file://{tmp_path}/a/b/deep.png"]
    with pytest.raises(ImageError, match="no images at this address"):
        find_images(f"file://{tmp_path}", below=False)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("closed://bucket/secret", "closed://bucket/secret: no permission to read it"),
        ("memory://nowhere", "memory://nowhere: no such file or folder"),
        ("nobody://a", "nobody://a cannot be read: Protocol not known: nobody"),
    ],
)
def test_a_source_that_cannot_be_listed_is_one_sentence(address, said, tmp_path):
    with pytest.raises(ImageError) as error:
        find_images(address)
    assert str(error.value) == said
    # The others are searched.
    here, lines = saved(tmp_path / "a.png"), []
    assert find_images([address, here], without=lines.append) == [here]
    assert lines == [said]


def test_a_photo_that_may_not_be_read_may_be_good(monkeypatch):
    first, _ = find_images("closed://bucket")
    assert first == "closed://bucket/b9.jpg"
    with pytest.raises(Unreachable, match="^closed://bucket/b9.jpg: no permission") as error:
        read_image(first)
    assert error.value.place == "closed://bucket"
    monkeypatch.setattr(Closed, "fault", RuntimeError("Unable to locate\ncredentials"))
    with pytest.raises(Unreachable, match="cannot be read: Unable to locate credentials$"):
        read_image(first)


def test_a_photo_that_is_not_at_its_address_or_broken(tmp_path):
    with pytest.raises(ImageError, match="no such file") as error:
        read_image(f"file://{tmp_path}/none.jpg")
    assert not isinstance(error.value, Unreachable)
    (tmp_path / "text.jpg").write_text("nothing")
    with pytest.raises(ImageError, match=rf"^file://{tmp_path}/text.jpg: not an image"):
        read_image(f"file://{tmp_path}/text.jpg")
