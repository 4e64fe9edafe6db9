"""The camera of the sample clip."""

from pathlib import Path

import numpy as np
import pytest

from mrcnn.video.reading import Video
from rendering import render_clip

CLIP = Path(__file__).parent.parent / "dataset" / "clip.mp4"


@pytest.fixture(scope="module")
def script():
    return vars(render_clip)


@pytest.fixture(scope="module")
def photo():
    y, x = np.mgrid[:1200, :1600]
    return np.stack([y * 255 // 1200, x * 255 // 1600, 0 * x], axis=-1).astype(np.uint8)


def test_frames_are_parts_of_the_scene_and_move_little_at_a_time(script, photo):
    frames = list(script["frames"](photo, 100, seed=1))
    assert len(frames) == 100
    assert {frame.shape for frame in frames} == {(360, 640, 3)}
    centres = np.array([frame[180, 320, :2] for frame in frames], float)
    steps = np.abs(np.diff(centres, axis=0)).max(axis=1)
    assert steps.max() < 12 and np.ptp(centres, axis=0).max() > 10
    # The picture is a ramp, so how much of it a frame shows is how much it differs within.
    shown = [int(frame[180, -1, 1]) - int(frame[180, 0, 1]) for frame in frames]
    assert max(shown) > 1.3 * min(shown) > 0


def test_a_seed_gives_the_same_frames(script, photo):
    first, second, other = (next(script["frames"](photo, 3, seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_a_video_that_exists_is_left_alone(script, tmp_path, capsys):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"mine")
    assert script["main"]([str(path)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert path.read_bytes() == b"mine"


def test_the_sample_clip_plays():
    with Video(CLIP) as video:
        frames = list(video.frames())
    assert len(frames) == 100
