"""What waits for ever when it is opened is refused by every reader of files."""

import os
from pathlib import Path

import pytest

from mrcnn import files
from mrcnn.annotation.read import read
from mrcnn.data.images import read_image, read_shape
from mrcnn.nn.weights_file import inspect
from mrcnn.video.reading import Video


@pytest.fixture
def pipe(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names here")
    os.mkfifo(tmp_path / "pipe.jpg")
    return tmp_path / "pipe.jpg"


@pytest.mark.parametrize("reader", [read, read_image, read_shape, inspect, Video])
def test_a_pipe_is_refused(pipe, reader):
    with pytest.raises(ValueError, match=r"pipe\.jpg.* is a pipe or a device"):
        reader(pipe)


def test_what_is_special(pipe):
    assert files.is_special(pipe) and files.is_special(os.devnull)
    assert not any(map(files.is_special, (__file__, Path(__file__).parent, "nowhere")))
