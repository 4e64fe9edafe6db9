"""Pictures as files: what is read again, what a format has no room for, what cannot be written."""

import cv2
import numpy as np
import pytest

from mrcnn import pictures

RED = np.full((20, 30, 3), (200, 0, 0), np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".PNG"])
def test_lossless_files_hold_the_rgb_picture(tmp_path, suffix):
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path = pictures.write(tmp_path / "new" / f"ü{suffix}", picture[:, ::-1])
    data = np.fromfile(path, np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, ::-1, ::-1], picture)
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_jpeg_is_rgb_and_of_the_quality_asked_for():
    decoded = cv2.imdecode(np.frombuffer(pictures.encode(RED), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(decoded[10, 10, ::-1], (200, 0, 0), atol=3)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    sizes = [len(pictures.encode(noise, ".jpg", quality)) for quality in (20, 60, 95)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[2] / 2


@pytest.mark.parametrize(
    ("shape", "suffix", "message"),
    [
        ((2, 65501, 3), ".jpg", "of 65501 x 2 pixels cannot be written as .jpg: take .png"),
        ((65501, 2, 3), ".JPEG", "cannot be written as .jpeg"),
        ((2, 16384, 3), ".webp", "cannot be written as .webp"),
        ((0, 4, 3), ".png", "of 4 x 0 pixels cannot be written as .png$"),
        ((4, 4, 3), ".mp4", "not to '.mp4'"),
        ((4, 4, 3), "", "not to ''"),
    ],
)
def test_what_a_format_cannot_hold(tmp_path, capfd, shape, suffix, message):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(ValueError, match=f"{path}: .*{message}"):
        pictures.write(path, np.zeros(shape, np.uint8))
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().err == ""  # one sentence, no chatter of the library


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError, match=r"taken.a\.png cannot be written"):
        pictures.write(tmp_path / "taken" / "a.png", RED)
