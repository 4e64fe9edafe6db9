"""Where the pictures of a run go."""

from pathlib import Path

from mrcnn.commands.outputs import key, picture_path
from mrcnn.data.seen import Seen
from tests.photos import saved


def test_picture_names(tmp_path):
    taken = Seen()
    names = [
        picture_path(Path(source), tmp_path, taken).name
        for source in ("a/x.jpg", "b/x.jpg", "a/X.JPEG", "a/x.png", "y.tif", "z.webp")
    ]
    assert names == [
        "x_predicted.jpg",
        "x_predicted_2.jpg",
        "X_predicted_3.jpg",
        "x_predicted.png",
        "y_predicted.png",
        "z_predicted.jpg",
    ]


def test_pictures_of_an_earlier_run_and_other_files_stay(tmp_path):
    saved(tmp_path / "x_predicted.jpg")
    (tmp_path / "x_predicted_2.jpg").symlink_to("nowhere")
    source = tmp_path / "x.jpg"
    assert picture_path(source, tmp_path, Seen()).name == "x_predicted_3.jpg"
    assert picture_path(source, tmp_path, Seen(), overwrite=True).name == "x_predicted.jpg"


def test_a_source_is_never_overwritten(tmp_path):
    source = saved(tmp_path / "x_predicted.jpg")
    taken = Seen([key(source)])
    path = picture_path(tmp_path / "x.jpg", tmp_path, taken, overwrite=True)
    assert path.name == "x_predicted_2.jpg"
