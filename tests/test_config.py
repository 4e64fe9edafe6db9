"""The Config: what follows from settings, and how it is shown."""

from mrcnn.config import Config


def make(**attributes):
    return type("MyConfig", (Config,), attributes)()


def test_sizes_follow_from_the_settings():
    config = make(IMAGES_PER_GPU=3, GPU_COUNT=2, NUM_CLASSES=5, IMAGE_MAX_DIM=512)
    assert config.BATCH_SIZE == 6
    assert config.IMAGE_SHAPE.tolist() == [512, 512, 3]
    assert config.IMAGE_META_SIZE == 12 + 5
    crop = make(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=256, IMAGE_MAX_DIM=512)
    assert crop.IMAGE_SHAPE.tolist() == [256, 256, 3]


def test_display_prints_every_setting(capsys):
    make(NAME="remote").display()
    printed = capsys.readouterr().out
    assert "NAME                           remote" in printed
    assert printed.count("\n") > 40
