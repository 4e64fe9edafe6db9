import io
import os
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, WebPImagePlugin
from skimage import transform

from mrcnn.data.images import ImageError, read_image, read_shape
from mrcnn.data.resizing import mold_image, resize, resize_image, unmold_image
from mrcnn.data.sources import find_images
from tests import golden as golden_files

MEAN = np.array([123.7, 116.8, 103.9])


def photo(height=40, width=60, seed=0):
    """A picture with smooth and sharp parts that JPEG keeps to a few grey levels."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 256, (4, 6, 3), dtype=np.uint8), (width, height))
    image[: height // 4, : width // 4] = (250, 10, 60)
    return image


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(stream, kind, **options)
    return stream.getvalue()


def saved(folder, image, name, **options):
    path = folder / name
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)
    return path


def difference(image, expected):
    assert image.shape == expected.shape
    assert image.dtype == np.uint8
    return np.abs(image.astype(int) - expected.astype(int)).max()


# -- Reading: what becomes of each kind of file ------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.bmp", {}),
        ("a.ppm", {}),
        ("a.tif", {}),
        ("a.tif", {"compression": "tiff_lzw"}),
        ("a.webp", {"lossless": True}),
    ],
)
def test_lossless_formats(tmp_path, name, options):
    path = saved(tmp_path, photo(), name, **options)
    assert difference(read_image(path), photo()) == 0
    assert read_image(str(path)).flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(
    ("name", "options"), [("a.jpg", {}), ("a.jpg", {"progressive": True}), ("a.webp", {})]
)
def test_lossy_formats(tmp_path, name, options):
    image = read_image(saved(tmp_path, photo(), name, quality=95, **options))
    assert np.abs(image.astype(int) - photo()).mean() < 4


def test_names_with_blanks_and_other_scripts(tmp_path):
    folder = tmp_path / "Fotos für Müller"
    folder.mkdir()
    path = saved(folder, photo(), "リモコン 1 [neu].png")
    assert difference(read_image(path), photo()) == 0
    assert find_images(path) == [path]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    path = saved(tmp_path, photo(), name, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    assert difference(read_image(path), np.asarray(upright)) == 0
    assert read_image(path).shape == ((60, 40, 3) if orientation >= 5 else (40, 60, 3))
    assert read_shape(path) == read_image(path).shape[:2]


def test_the_shape_of_a_photo_is_read_without_its_pixels(tmp_path):
    path = saved(tmp_path, photo(), "a.jpg")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ImageError):
        read_image(path)
    assert read_shape(path) == (40, 60)


def test_the_shape_of_what_is_no_image(tmp_path):
    with pytest.raises(ImageError, match=r"none\.jpg: no such file"):
        read_shape(tmp_path / "none.jpg")
    (tmp_path / "text.jpg").write_text("no photo")
    with pytest.raises(ImageError, match=r"text\.jpg: not an image"):
        read_shape(tmp_path / "text.jpg")


def test_orientation_by_hand(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # the camera was held upright: turn clockwise
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 0] = 255  # top left goes to top right
    turned = read_image(saved(tmp_path, image, "a.png", exif=exif))
    assert turned.shape == (3, 2, 3)
    assert np.argwhere(turned[..., 0]).tolist() == [[0, 1]]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_hide_the_picture(tmp_path):
    for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"):
        path = saved(tmp_path, photo(), "a.webp", exif=exif, lossless=True)
        assert difference(read_image(path), photo()) == 0


def test_grey_and_black_and_white(tmp_path):
    grey = photo()[..., 0]
    assert difference(read_image(saved(tmp_path, grey, "a.png")), np.dstack([grey] * 3)) == 0
    bits = np.dstack([np.where(grey > 127, 255, 0).astype(np.uint8)] * 3)
    bilevel = Image.fromarray(bits[..., 0]).convert("1", dither=Image.Dither.NONE)
    assert difference(read_image(saved(tmp_path, bilevel, "b.png")), bits) == 0


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_are_laid_on_white(tmp_path, mode):
    # Hidden colours under alpha 0 are no part of the picture.
    channels = len(mode)
    image = np.full((1, 3, channels), 40, np.uint8)
    image[0, :, -1] = 0, 255, 51
    read = read_image(saved(tmp_path, Image.fromarray(image), "a.png"))
    # 40 * 0.2 + 255 * 0.8
    assert read[0, :, 0].tolist() == [255, 40, 212]
    assert (read == read[..., :1]).all()


def test_palette_with_and_without_transparency(tmp_path):
    palette = Image.new("P", (3, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putdata([0, 1, 2])
    expected = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert read_image(saved(tmp_path, palette, "a.png"))[0].tolist() == expected
    assert read_image(saved(tmp_path, palette, "a.gif"))[0].tolist() == expected
    expected[1] = [255, 255, 255]
    assert read_image(saved(tmp_path, palette, "b.png", transparency=1))[0].tolist() == expected


def test_cmyk_jpeg(tmp_path):
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    read = read_image(saved(tmp_path, red, "a.jpg", quality=98))
    assert difference(read, np.full((16, 16, 3), (255, 0, 0), np.uint8)) <= 3


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_span_black_to_white(tmp_path, name, channels):
    values = np.array([0, 257, 32896, 65535], np.uint16)
    image = np.repeat(values[None, :, None], channels, axis=2)
    cv2.imwrite(str(tmp_path / name), image)
    assert read_image(tmp_path / name)[0].tolist() == [[v, v, v] for v in (0, 1, 128, 255)]


def test_deep_colour_keeps_its_order_and_alpha(tmp_path):
    bgra = np.array([[[0, 0, 1, 1], [1, 0, 0, 0]]])
    for name, pixels in (
        ("a.png", np.uint16(bgra * 65535)),
        ("b.tif", np.uint16(bgra * 65535)),
        ("c.tif", np.float32(bgra)),
    ):
        cv2.imwrite(str(tmp_path / name), pixels)
        assert read_image(tmp_path / name)[0].tolist() == [[255, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.5, 1], [0, 128, 255]),
        ([-0.02, 0.5, 1.04], [0, 128, 255]),
        ([0, 100, 200], [0, 100, 200]),
        ([0, 257, 65535], [0, 1, 255]),
        ([-1000, 0, 1000], [0, 128, 255]),
        ([0, 5e5, 1e6], [0, 128, 255]),
        ([np.nan, 0.2, np.inf], [0, 51, 0]),
        ([0, 0, 0], [0, 0, 0]),
        ([-7, -7, -7], [0, 0, 0]),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.filterwarnings("error")
def test_float_tiff(tmp_path, values, expected, channels):
    image = np.repeat(np.array(values, np.float32)[None, :, None], channels, axis=2)
    cv2.imwrite(str(tmp_path / "a.tif"), image)
    assert read_image(tmp_path / "a.tif")[0].tolist() == [[v, v, v] for v in expected]


def test_float_colour_tiff_keeps_its_order_of_channels(tmp_path):
    cv2.imwrite(str(tmp_path / "a.tif"), np.array([[[0, 0.2, 1]]], np.float32))  # BGR
    assert read_image(tmp_path / "a.tif")[0, 0].tolist() == [255, 51, 0]


def test_32_bit_integers(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.array([[0, 70, 255]], np.int32)), "a.tif")
    assert read_image(path)[0, :, 0].tolist() == [0, 70, 255]


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for name in ("a.gif", "a.webp", "a.png"):
        options = {"lossless": True} if name == "a.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
        assert (read_image(tmp_path / name) == (255, 0, 0)).all()


def test_photo_with_a_second_one_behind_it(tmp_path):
    # As telephones and stereo cameras store previews and pairs.
    first, second = Image.fromarray(photo()), Image.fromarray(photo(seed=9))
    first.save(tmp_path / "a.mpo", "MPO", save_all=True, append_images=[second], quality=95)
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    image = read_image(tmp_path / "a.jpg")
    assert np.abs(image.astype(int) - photo()).mean() < 4


def test_bytes_after_a_jpeg_do_no_harm(tmp_path):
    # Telephones append short films.
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(photo(), "JPEG") + b"film \xff\xda" * 100)
    assert read_image(path).shape == (40, 60, 3)


# -- Reading: what is refused ------------------------------------------------------------------


def refused(path, reason):
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_empty_text_and_folder(tmp_path):
    refused(tmp_path / "none.jpg", "no such file")
    refused(tmp_path, "this is a folder")
    (tmp_path / "empty.jpg").touch()
    refused(tmp_path / "empty.jpg", "the file is empty")
    (tmp_path / "text.jpg").write_text("This is not an image at all.\n")
    refused(tmp_path / "text.jpg", "not an image")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    refused(tmp_path / "phone.heic", "HEIC photos cannot be read")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden here")
def test_file_without_permission(tmp_path):
    path = saved(tmp_path, photo(), "a.png")
    path.chmod(0)
    refused(path, "no permission")


def test_postscript_is_not_run(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    refused(tmp_path / "a.jpg", "not an image")


def noise():
    return np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.99])
def test_truncated_file(tmp_path, kind, share):
    data = encoded(noise(), kind)
    path = tmp_path / "cut"
    path.write_bytes(data[: int(len(data) * share)])
    refused(path, "")


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_half_written_jpeg(tmp_path, share):
    """An interrupted download reserves its full length; decoders paint the rest grey."""
    # A preview in the header has an end of its own.
    data = encoded(noise(), "JPEG", comment=b"preview \xff\xd9")
    path = tmp_path / "half.jpg"
    path.write_bytes(data[: int(len(data) * share)] + bytes(3 * len(data)))
    refused(path, "truncated")


def test_half_written_png(tmp_path):
    # Compressed like this, zeros are pixels too: only the checksum tells.
    data = encoded(noise() // 16, "PNG")
    path = tmp_path / "half.png"
    path.write_bytes(data[: len(data) // 2].ljust(len(data), b"\0"))
    refused(path, "checksum")


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damaged_files_are_read_or_refused(tmp_path_factory, kind, changes):
    data = bytearray(encoded(photo(), kind))
    for position, value in changes:
        data[position % min(len(data), 400)] = value
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(data)
    try:
        image = read_image(path)
    except ImageError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3


def huge_png(width, height):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data, b"IEND")
    )


def huge_jpeg(width, height):
    data = bytearray(encoded(photo(), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def huge_float_tiff(width, height):
    ok, data = cv2.imencode(".tif", np.zeros((7, 9, 3), np.float32))
    assert ok
    data = data.tobytes()
    for size, wanted in ((9, width), (7, height)):
        for kind, code in ((3, "<HHI"), (4, "<HHI")):
            tag = 256 if size == 9 else 257
            data = data.replace(
                struct.pack(code, tag, kind, 1) + struct.pack("<I", size),
                struct.pack(code, tag, 4, 1) + struct.pack("<I", wanted),
            )
    return data


@pytest.mark.parametrize("make", [huge_png, huge_jpeg, huge_float_tiff])
def test_enormous_images_are_refused_by_their_header(tmp_path, make):
    path = tmp_path / "huge"
    path.write_bytes(make(20_000, 20_000))
    refused(path, "20000 x 20000 pixels are more than 200 megapixels")


@pytest.mark.parametrize("make", [huge_png, huge_float_tiff])
def test_photos_of_just_under_200_megapixels_pass_the_header(tmp_path, make):
    # Some telephones make them; they are more than Pillow takes by itself.
    path = tmp_path / "large"
    path.write_bytes(make(16_320, 12_240) + bytes(200_000))
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert " pixels" not in str(caught.value)


@pytest.mark.parametrize("make", [huge_png, huge_jpeg, huge_float_tiff])
def test_more_pixels_than_so_few_bytes_can_tell_are_refused(tmp_path, make):
    path = tmp_path / "trap"
    path.write_bytes(make(8_000, 8_000))
    refused(path, f"8000 x 8000 pixels in {path.stat().st_size:,} bytes: damaged, or a trap")
    path.write_bytes(huge_png(150_000, 8))
    refused(path, "a side of more than 100,000 is too long")


def test_an_animation_is_refused_before_there_is_room_for_its_pixels(tmp_path, monkeypatch):
    frames = [Image.new("RGB", (80, 60), colour) for colour in ("red", "blue")]
    path = saved(tmp_path, frames[0], "a.webp", save_all=True, append_images=frames[1:])
    data = bytearray(path.read_bytes())
    assert data[12:16] == b"VP8X" and data[27:30] == struct.pack("<I", 59)[:3]
    data[29] = 0x20  # 80 x 2,097,212
    path.write_bytes(data)
    monkeypatch.setattr(Image, "open", None)
    refused(path, "80 x 2097212 pixels")
    with pytest.raises(ImageError, match="80 x 2097212 pixels"):
        read_shape(path)


def test_one_frame_of_an_animation_is_decoded(tmp_path, monkeypatch):
    frames = [Image.new("RGB", (80, 60), colour) for colour in ("red", "blue", "lime")]
    path = saved(tmp_path, frames[0], "a.webp", save_all=True, append_images=frames[1:])
    decoded, of_one = [], WebPImagePlugin.WebPImageFile._get_next
    monkeypatch.setattr(
        WebPImagePlugin.WebPImageFile, "_get_next", lambda self: decoded.append(1) or of_one(self)
    )
    assert read_image(path)[0, 0, 0] > 200
    assert len(decoded) == 1


def test_a_jpeg_of_too_many_scans(tmp_path):
    data = encoded(photo(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    (tmp_path / "a.jpg").write_bytes(data[:-2] + 50 * scan + data[-2:])
    assert read_image(tmp_path / "a.jpg").shape == (40, 60, 3)
    (tmp_path / "b.jpg").write_bytes(data[:-2] + 200 * scan + data[-2:])
    refused(tmp_path / "b.jpg", "more than 100 scans")


def test_a_file_too_long_for_an_image(tmp_path):
    path = saved(tmp_path, photo(), "a.png")
    with path.open("r+b") as file:
        file.truncate(1_500_000_000)
    refused(path, "1.5 GB are too much for an image")


# -- Finding -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    for name in ("img10.jpg", "IMG2.JPG", "img1.png", "notes.txt", ".hidden.jpg", "._img1.png"):
        (tmp_path / name).touch()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "x.webp").touch()
    (tmp_path / "folder.jpg").mkdir()
    return tmp_path


def names(paths):
    return [path.name for path in paths]


def test_folder_in_natural_order(folder):
    assert names(find_images(folder)) == ["img1.png", "IMG2.JPG", "img10.jpg"]
    assert names(find_images(str(folder))) == ["img1.png", "IMG2.JPG", "img10.jpg"]


def test_globs(folder):
    assert names(find_images(f"{folder}/img*")) == ["img1.png", "img10.jpg"]
    assert names(find_images(f"{folder}/**/*.webp")) == ["x.webp"]


def test_several_sources_keep_their_order_without_repeats(folder):
    sources = [folder / "below", folder / "img10.jpg", folder, f"{folder}/below/../img1.png"]
    assert names(find_images(sources)) == ["x.webp", "img10.jpg", "img1.png", "IMG2.JPG"]


def test_a_named_file_needs_no_extension(folder):
    assert names(find_images([folder / "notes.txt"])) == ["notes.txt"]


def test_a_file_name_may_look_like_a_glob(tmp_path):
    (tmp_path / "a[1].jpg").touch()
    assert names(find_images(tmp_path / "a[1].jpg")) == ["a[1].jpg"]


def test_what_a_folder_holds_and_is_not_read_is_counted(folder):
    lines = []
    for name in ("a.heic", "b.HEIC", "logo.svg", "raw", "via.json"):
        (folder / name).touch()
    assert len(find_images([folder, folder / "below"], lines.append)) == 4
    assert lines == [
        f"{folder}: not read: 2 .heic (to be saved as JPEG first), 1 .svg, "
        "1 folder named as a photo, 1 without an extension"
    ]


def test_a_folder_that_holds_only_what_is_not_read(tmp_path):
    (tmp_path / "a.heic").touch()
    with pytest.raises(ImageError, match=r"no images in this folder \(not read: 1 \.heic"):
        find_images(tmp_path)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("nowhere", "no such file or folder"),
        ("folder.jpg", "no images in this folder"),
        ("*.bmp", "the pattern matches no images"),
        ("*.txt", "the pattern matches no images"),
    ],
)
def test_sources_without_images(folder, source, reason):
    with pytest.raises(ImageError, match=reason) as caught:
        find_images([folder, folder / source])
    assert source in str(caught.value)


def test_photos_in_folders_below_are_found_and_that_is_said(folder, tmp_path):
    album = tmp_path / "album"
    for name in ("2/b10.jpg", "2/b9.jpg", "1/deep/a.png", ".thumbnails/t.jpg", "found/p.jpg"):
        (album / name).parent.mkdir(parents=True, exist_ok=True)
        (album / name).touch()
    (album / "1" / "x.heic").touch()
    lines = []
    found = find_images(album, lines.append, apart=album / "found")
    assert names(found) == ["a.png", "b9.jpg", "b10.jpg"]
    assert lines == [
        f"{album}: no images in the folder itself, 3 in those below",
        f"{album}: not read: 1 .heic (to be saved as JPEG first)",
    ]
    with pytest.raises(ImageError, match="no images in this folder"):
        find_images(album, below=False)
    # Where a folder has photos of its own, they are what is meant.
    assert len(find_images(folder)) == 3


def test_a_source_without_images_does_not_stop_the_others(folder):
    lines = []
    sources = [folder / "nowhere", folder, folder / "folder.jpg", folder / "*.bmp"]
    assert len(find_images(sources, without=lines.append)) == 3
    assert lines == [
        f"{folder / 'nowhere'}: no such file or folder",
        f"{folder / 'folder.jpg'}: no images in this folder",
        f"{folder / '*.bmp'}: the pattern matches no images",
    ]
    with pytest.raises(ImageError, match=r"nowhere: no such.*; .*bmp: the pattern"):
        find_images([sources[0], sources[3]], without=lines.append)


# -- Resizing ----------------------------------------------------------------------------------

GOLDEN_MODES = {
    "square": {"min_dim": 64, "max_dim": 128, "mode": "square"},
    "square_scale": {"min_dim": 64, "max_dim": 192, "min_scale": 1.5, "mode": "square"},
    "square_down": {"min_dim": 32, "max_dim": 64, "mode": "square"},
    "pad64": {"min_dim": 128, "max_dim": None, "min_scale": 0, "mode": "pad64"},
    "none": {"mode": "none"},
}


@pytest.mark.parametrize("name", GOLDEN_MODES)
def test_golden_resizes(golden, name):
    image, window, scale, padding, crop = resize_image(golden["resize_in"], **GOLDEN_MODES[name])
    off = image.astype(int) - golden[f"resize_{name}"]
    assert np.abs(off).max() <= 1
    # Of one grey level at most, and only where rounding decides.
    assert np.count_nonzero(off) <= 1e-4 * off.size
    assert image.dtype == np.uint8
    assert tuple(window) == tuple(golden[f"resize_{name}_window"])
    assert np.array_equal(padding, golden[f"resize_{name}_padding"])
    # The name of square's scale is taken by the image of square_scale.
    expected = 1 if name == "square" else float(golden[f"resize_{name}_scale"])
    assert scale == pytest.approx(expected, rel=1e-12)
    assert crop is None


def test_golden_window_of_a_whole_run():
    run = golden_files.load("inference_resnet101_pad64.npz")
    image, window, *_ = resize_image(
        run["image_0"], min_dim=192, max_dim=320, min_scale=0, mode="pad64"
    )
    assert image.shape == tuple(run["molded_shape"][1:])
    assert tuple(window) == tuple(run["windows"][0])


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(2, 40), st.integers(2, 40)),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.sampled_from([None, 1, 2, 3, 4, 5]),
    st.integers(0, 120),
)
def test_resize_has_the_numbers_of_scikit_image(size, target, channels, darkest):
    rng = np.random.default_rng(size[0])
    shape = size if channels is None else (*size, channels)
    image = rng.integers(darkest, 256, shape, dtype=np.uint8)
    options = {"order": 1, "mode": "constant", "anti_aliasing": False}
    for preserve_range, tolerance in ((True, 1e-3), (False, 1e-5)):
        expected = transform.resize(image, target, preserve_range=preserve_range, **options)
        result = resize(image, target, preserve_range=preserve_range)
        assert result.shape == expected.shape
        assert result.dtype == expected.dtype
        assert np.abs(result - expected).max() <= tolerance


def test_resize_passes_everything_else_to_scikit_image():
    image = photo()
    for options in (
        {"order": 0},
        {"order": 3},
        {"mode": "edge"},
        {"cval": 9},
        {"anti_aliasing": True},
        {"clip": False},
    ):
        expected = transform.resize(
            image, (20, 30), **{"order": 1, "mode": "constant", "anti_aliasing": False} | options
        )
        assert np.abs(resize(image, (20, 30), **options) - expected).max() <= 1e-6
    floats = image.astype(np.float32) / 255
    expected = transform.resize(floats, (20, 30), mode="constant", anti_aliasing=False)
    assert np.array_equal(resize(floats, (20, 30)), expected)


def test_large_photo_has_the_numbers_of_scikit_image():
    image = np.random.default_rng(1).integers(0, 256, (400, 4003, 3), dtype=np.uint8)
    small, window, *_ = resize_image(image, min_dim=64, max_dim=1024)
    y1, x1, y2, x2 = window
    expected = transform.resize(
        image, (102, 1024), order=1, mode="constant", anti_aliasing=False, preserve_range=True
    ).astype(np.uint8)
    off = small[y1:y2, x1:x2].astype(int) - expected
    assert np.abs(off).max() <= 1
    assert np.count_nonzero(off) <= 1e-4 * off.size


def test_the_border_fades_when_enlarged():
    # Twice as large: the outer row lies a quarter of a pixel beyond the outermost centres.
    image = np.full((2, 2, 1), 200, np.uint8)
    image[1, 1] = 0
    enlarged, *_ = resize_image(image, min_dim=4, max_dim=4)
    assert enlarged[0, :, 0].tolist() == [112, 150, 150, 112]
    assert enlarged[3, :, 0].tolist() == [112, 112, 37, 0]


def test_square():
    image, window, scale, padding, crop = resize_image(photo(30, 60), min_dim=20, max_dim=64)
    assert (scale, crop) == (1, None)
    assert window == (17, 2, 47, 62)
    assert padding == [(17, 17), (2, 2), (0, 0)]
    assert np.array_equal(image[17:47, 2:62], photo(30, 60))
    assert image.sum() == photo(30, 60).sum()


def test_square_obeys_max_dim_before_min_dim_and_min_scale():
    _, window, scale, *_ = resize_image(photo(30, 60), min_dim=60, max_dim=64, min_scale=3)
    assert scale == 64 / 60
    assert window == (16, 0, 48, 64)


def test_pad64_keeps_what_fits():
    image, window, scale, padding, _ = resize_image(photo(64, 70), mode="pad64")
    assert image.shape == (64, 128, 3)
    assert (window, scale) == ((0, 29, 64, 99), 1)
    assert padding == [(0, 0), (29, 29), (0, 0)]


def test_crop():
    random.seed(5)
    source = photo(100, 200)
    places = set()
    for _ in range(20):
        image, window, scale, padding, crop = resize_image(source, min_dim=64, mode="crop")
        y, x, height, width = crop
        assert (scale, height, width, window) == (1, 64, 64, (0, 0, 64, 64))
        assert padding == [(0, 0), (0, 0), (0, 0)]
        assert np.array_equal(image, source[y : y + 64, x : x + 64])
        places.add((y, x))
    assert len(places) > 10
    assert resize_image(photo(20, 30), min_dim=64, mode="crop")[0].shape == (64, 64, 3)


def test_none_returns_the_image_itself():
    image = photo()
    assert resize_image(image, min_dim=800, max_dim=1024, mode="none")[0] is image


def test_dtype_stays():
    source = photo(20, 30)
    expected = resize_image(source, min_dim=40, max_dim=64)[0]
    for dtype in (np.float32, np.float64, np.uint16):
        image = resize_image(source.astype(dtype), min_dim=40, max_dim=64)[0]
        assert image.dtype == dtype
        assert np.abs(image - expected.astype(float)).max() <= 1
    assert resize_image(source > 99, min_dim=40, max_dim=64)[0].dtype == bool


def test_a_sliver_keeps_one_pixel():
    image, window, *_ = resize_image(np.full((1, 4000, 3), 9, np.uint8), max_dim=64)
    assert image.shape == (64, 64, 3)
    assert window == (31, 0, 32, 64)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"mode": "sqare", "max_dim": 64}, "'sqare', it must be none, square, pad64 or crop"),
        ({"mode": "square"}, "needs max_dim"),
        ({"mode": "crop"}, "needs min_dim"),
        ({"mode": "pad64", "min_dim": 100}, "min_dim is 100"),
    ],
)
def test_impossible_resizes(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        resize_image(photo(), **arguments)


# -- Molding -----------------------------------------------------------------------------------


def test_golden_mold(golden):
    molded = mold_image(golden["resize_in"].astype(np.float32), MEAN)
    assert molded.dtype == np.float32
    assert np.abs(molded - golden["mold"]).max() <= 1e-5


def test_unmold_undoes_mold_for_every_value():
    images = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    restored = unmold_image(mold_image(images, MEAN), MEAN)
    assert restored.dtype == np.uint8
    assert np.array_equal(restored, images)
    assert np.array_equal(unmold_image(mold_image(images[None], MEAN)[0] - 1e-3, MEAN), images)


def test_unmold_clips():
    assert unmold_image(np.array([[[-500.0, 500.0, 0.2]]]), MEAN).tolist() == [[[0, 255, 104]]]
