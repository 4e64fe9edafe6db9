import json
import signal
import threading
import time

import cv2
import numpy as np
import pytest

import video_mask
from mrcnn.commands.masking import find_objects, pipeline
from mrcnn.commands.streaming import PATIENCE
from mrcnn.commands.video_run import mask_video
from mrcnn.detections import Detections
from mrcnn.drawing import colors as palette
from mrcnn.drawing import instances as drawing
from mrcnn.drawing.instances import ALPHA, draw_splash
from mrcnn.outlines import decode_rle
from mrcnn.video import ffmpeg, frame_records
from mrcnn.video.frame_drawing import Labels
from mrcnn.video.frame_records import FrameRecords
from mrcnn.video.reading import Frame, Video
from mrcnn.video.writing import VideoWriter
from tests.video_clips import RED, RedDetector, read_all, remote_boxes, remote_frames, write_clip

NAMES = ["BG", "AC Remote"]


# -- Colours -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ((10, 20, 255), (10, 20, 255)),
        ((0.0, 0.5, 1.0), (0, 128, 255)),
        ((0, 1, 1), (0, 1, 1)),  # whole numbers are never fractions
        ((0.0, 1.5, 254.6), (0, 2, 255)),
        (np.array([255, 0, 7], np.uint8), (255, 0, 7)),
    ],
)
def test_colors_of_both_ranges(color, expected):
    assert video_mask._color(color) == expected


@pytest.mark.parametrize("color", [(1, 2), (-1, 0, 0), (0, 0, 256), "red", (float("nan"),) * 3])
def test_what_is_no_color(color):
    with pytest.raises(ValueError, match="a colour"):
        video_mask._color(color)


def test_random_colors_are_bgr_bytes():
    colors = video_mask.random_colors(12)
    assert len(set(colors)) == 12
    assert colors == video_mask.random_colors(20)[:12]
    assert all(isinstance(value, int) and 0 <= value <= 255 for c in colors for value in c)
    assert colors[3] == palette.to_bytes(palette.random_colors(12)[3])[::-1]
    cv2.rectangle(np.zeros((5, 5, 3), np.uint8), (0, 0), (2, 2), colors[0])  # OpenCV takes them


def test_apply_mask_paints_the_color_and_not_a_shadow():
    image = np.full((2, 2, 3), 200, np.uint8)
    mask = np.array([[1, 0], [0, 0]])
    painted = video_mask.apply_mask(image, mask, (0.0, 0.5, 1.0))
    assert painted is image
    assert image[0, 0].tolist() == [100, 164, 227]
    assert (image.reshape(-1, 3)[1:] == 200).all()
    again = np.full((2, 2, 3), 200, np.uint8)
    assert (video_mask.apply_mask(again, mask, (0, 128, 255), alpha=0.5) == image).all()


# -- Drawing -----------------------------------------------------------------------------------


def detection(boxes, shape=(100, 160)):
    boxes = np.array(boxes, np.int32).reshape(-1, 4)
    pieces = [np.ones(box[2:] - box[:2], bool) for box in boxes]
    ids, scores = np.ones(len(boxes), np.int32), np.full(len(boxes), 0.9, np.float32)
    return Detections(shape, boxes, ids, scores, pieces)


def arrays(found):
    """Return the arguments after the picture as older scripts have them."""
    return found.rois, found.masks, found.class_ids, NAMES, found.scores


def test_display_instances_mask_as_older_scripts_call_it():
    found = detection([(20, 20, 60, 60), (30, 90, 80, 140)])
    frame = np.full((100, 160, 3), 200, np.uint8)
    arguments = arrays(found)
    colors = [(255, 0, 0), (0.0, 0.0, 1.0), (0, 255, 0)]  # one too many, as a fixed list has
    drawn = video_mask.display_instances_mask(frame, *arguments, colors)
    assert drawn is frame
    # BGR: the first is blue, the second red, outside nothing has changed.
    assert frame[50, 40].tolist() == [219, 130, 130]
    assert frame[70, 110].tolist() == [130, 130, 219]
    assert (frame[:, 142:] == 200).all()
    # Without colours they are those of photos, with red and blue in their places.
    plain = np.full((100, 160, 3), 200, np.uint8)
    video_mask.display_instances_mask(plain, *arguments)
    photo = drawing.draw_instances(np.full((100, 160, 3), 200, np.uint8), *arguments)
    assert (plain[..., ::-1] == photo).all()


def test_display_instances_mask_without_objects():
    found = detection([])
    frame = np.full((100, 160, 3), 200, np.uint8)
    assert (video_mask.display_instances_mask(frame, *arrays(found)) == 200).all()


def test_labels_stay_on_their_side():
    labels, tops = Labels(), []
    for shift in range(12):
        frame = np.zeros((200, 300, 3), np.uint8)
        # Object 2 comes from below until its label would lie on that of object 1, and goes on.
        boxes = np.array([(80, 50, 120, 150), (140 - 6 * shift, 60, 180 - 6 * shift, 160)])
        labels.draw(frame, boxes, [1, 2], ["one #1", "two #2"], [(255, 0, 0), (0, 0, 255)])
        blue, red = (np.flatnonzero(frame[:, 56 if c == 0 else 66, c] == 255) for c in (0, 2))
        tops.append((blue.min() - boxes[0, 0], red.min() - boxes[1, 0]))
    first, second = zip(*tops, strict=True)
    assert set(first) == {first[0]}  # the older one never moves
    changes = np.count_nonzero(np.diff(second))
    assert changes == 1 and second[0] < 0 < second[-1]


def test_labels_stay_in_the_picture():
    frame = np.zeros((60, 40, 3), np.uint8)
    boxes = np.array([(-5, -9, 3, 3), (50, 30, 70, 60)])
    Labels().draw(frame, boxes, [4, 3], ["a long, long name", "b"], [(9, 9, 9)] * 2)
    assert frame.any()


# -- Stages ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "remotes.avi", remote_frames(30))


def number_of(box, index):
    """Return whose box it is on a frame of `remote_frames`."""
    near = {
        number: np.abs(np.subtract(box, other)).max()
        for number, other in remote_boxes(index).items()
    }
    assert min(near.values()) <= 2
    return min(near, key=near.get)


@pytest.mark.parametrize("every", [1, 3])
def test_numbers_and_colors_stay_over_a_rendered_clip(rendered, tmp_path, every):
    detector, found = RedDetector(), []
    writer = VideoWriter(tmp_path / "out.mp4", (192, 320), 25)
    with Video(rendered) as video:
        mask_video(video, detector.detect, NAMES, writer=writer, every=every, on_frame=found.append)
    writer.close()
    assert len(found) == len(read_all(writer.path)) == 30
    assert detector.calls == 30 // every
    numbers = {}
    for index, item in enumerate(found):
        assert item.frame.index == index
        seen_at = index - index % every
        for box, number in zip(item.detections.rois, item.numbers, strict=True):
            numbers.setdefault(number_of(box, seen_at), set()).add(int(number))
        assert len(item.numbers) == len(remote_boxes(seen_at))
    # Each remote one number from the first frame to the last, the hidden one too.
    assert sorted(map(list, numbers.values())) == [[1], [2]]

    frames = list(remote_frames(30))
    for index, picture in enumerate(read_all(writer.path)):
        for remote, (y1, x1, y2, x2) in remote_boxes(index - index % every).items():
            (number,) = numbers[remote]
            center = ((y1 + y2) // 2, (x1 + x2) // 2)
            color = np.array(palette.class_color(number)) * 255
            expected = frames[index][center] * (1 - ALPHA) + color * ALPHA
            assert np.abs(picture[center] - expected).max() < 25  # chroma is coarse in videos


@pytest.mark.parametrize("every", [1, 3])
def test_records_grow_frame_by_frame(rendered, tmp_path, every):
    path = tmp_path / "out" / "found.json"
    records = FrameRecords(path, {"video": "ü.mp4"})
    with Video(rendered) as video:
        options = {
            "records": records,
            "every": every,
            "json_masks": "rle",
            "start": 0.2,
            "end": 0.6,
        }
        mask_video(video, RedDetector().detect, NAMES, **options)
    assert json.loads(path.read_text(encoding="utf-8"))["frames"]
    records.close()
    assert [other.name for other in path.parent.iterdir()] == ["found.json"]
    text = path.read_text(encoding="utf-8")
    document = json.loads(text)
    assert document["video"] == "ü.mp4"
    frames = document["frames"]
    assert [frame["frame"] for frame in frames] == list(range(10))
    assert [frame["time_s"] for frame in frames] == [round(0.2 + i / 25, 4) for i in range(10)]
    for line, frame in zip(text.splitlines()[1:-1], frames, strict=True):
        assert json.loads(line.rstrip(",")) == frame
    for index, frame in enumerate(frames):  # the clip's sixth frame is the first one here
        boxes = remote_boxes(5 + index - index % every)
        seen = [
            [thing["box"][side] for side in ("y1", "x1", "y2", "x2")] for thing in frame["objects"]
        ]
        assert np.allclose(sorted(seen), sorted(boxes.values()), atol=2)
    (first, second) = frames[0]["objects"]
    assert (first["number"], first["class"], second["number"]) == (1, "AC Remote", 2)
    y1, x1, y2, x2 = remote_boxes(5)[2]  # the network's first object is the one on the right
    assert decode_rle(first["rle"])[(y1 + y2) // 2, (x1 + x2) // 2]


def test_records_without_frames_are_no_file(tmp_path):
    FrameRecords(tmp_path / "found.json", {}).close()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"found.json cannot be written"):
        FrameRecords(tmp_path / "file" / "found.json", {})


def test_records_of_a_full_disk_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(frame_records, "EVERY", 0)
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    records = FrameRecords(tmp_path / "found.json", {"video": "a.mp4"})
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(OSError, match=r"found.json cannot be written: File too large"):
            for index in range(100):
                records.write({"frame": index, "objects": []})
        records.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    frames = json.loads((tmp_path / "found.json").read_text())["frames"]
    assert len(frames) > 20
    assert [frame["frame"] for frame in frames] == list(range(len(frames)))


@pytest.mark.parametrize("style", [None, draw_splash])
def test_what_is_red_stays_red_from_file_to_file(rendered, tmp_path, style):
    """Through camera, network, drawing and writer: a channel turned round anywhere shows here."""
    writer, numbers = VideoWriter(tmp_path / "out.avi", (192, 320), 25), []
    with Video(rendered) as video:
        options = {"writer": writer, "style": style, "end": 0.1}
        mask_video(
            video, RedDetector().detect, NAMES,
            on_frame=lambda found: numbers.append(found.numbers.tolist()), **options,
        )  # fmt: skip
    writer.close()
    assert numbers[0] == [1, 2]  # the detector sees none where red and blue are exchanged
    _, bgr = cv2.VideoCapture(str(writer.path)).read()
    y1, x1, y2, x2 = remote_boxes(0)[2]  # the object with number 1
    color = np.array(RED)
    if style is None:
        color = color * (1 - ALPHA) + np.array(palette.class_color(1)) * 255 * ALPHA
    assert np.abs(bgr[(y1 + y2) // 2, (x1 + x2) // 2, ::-1] - color).max() < 25


def test_numbers_stay_where_a_slow_network_leaves_out_seconds_of_a_camera():
    image = np.zeros((100, 160, 3), np.uint8)
    frames = [Frame(index, index / 30, image) for index in (0, 36, 72, 144)]
    found = find_objects(frames, lambda images: [detection([(10, 10, 60, 60)])], 30)
    assert [item.numbers.tolist() for item in found] == [[1]] * 4


def test_stages_overlap():
    together = threading.Barrier(3, timeout=30)
    detector = RedDetector()

    def frames():
        for index in range(10):
            if index == 5:
                together.wait()
            yield Frame(index, index / 25, np.zeros((40, 60, 3), np.uint8))

    def detect(images):
        if detector.calls == 3:
            together.wait()
        return detector.detect(images)

    # They meet, each at work on a frame of its own.
    with pipeline(frames(), detect, NAMES, 25) as items:
        for item in items:
            if item.found.frame.index == 1:
                together.wait()


class Camera:
    """A source that gives a frame every hundredth second, whether or not someone takes it."""

    live, rate, size, end = True, 100.0, (40, 60), None

    def __init__(self, seconds):
        self.seconds = seconds

    def frames(self, start=0.0, end=None):
        self.began = time.perf_counter()
        for index in range(round(self.seconds * self.rate)):
            time.sleep(max(0, self.began + index / self.rate - time.perf_counter()))
            now = time.perf_counter() - self.began
            yield Frame(index, now, np.zeros((40, 60, 3), np.uint8))


def test_a_camera_never_lags_and_its_film_keeps_real_time(tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg, "find", lambda: None)  # ffmpeg takes its time to begin
    camera, ages = Camera(seconds=1.2), []
    writer = VideoWriter(tmp_path / "out.avi", camera.size, camera.rate)

    def note(found):
        ages.append(time.perf_counter() - camera.began - found.frame.time)

    mask_video(camera, RedDetector(seconds=0.1).detect, NAMES, writer=writer, on_frame=note)
    writer.close()
    assert 2 <= len(ages) <= 13  # of 120 frames those that the network had time for
    assert np.median(ages) < 0.5  # one after the other they would be up to 10 s old
    assert len(read_all(writer.path)) == pytest.approx(110, abs=25)


def test_a_slow_window_gets_the_newest_picture():
    camera, ages = Camera(seconds=1.5), []
    options = {"live": True, "describe": "polygons", "every": 2}
    with pipeline(camera.frames(), RedDetector().detect, NAMES, camera.rate, **options) as items:
        for item in items:
            ages.append(time.perf_counter() - camera.began - item.found.frame.time)
            time.sleep(0.25)
    # Through stages that wait for each other it would be as old as three pictures take.
    assert np.median(ages[1:-1]) < 0.35


def test_an_error_of_the_network_is_not_lost(rendered):
    def detect(images):
        raise ValueError("it is out of memory")

    with Video(rendered) as video, pytest.raises(ValueError, match="out of memory"):
        mask_video(video, detect, NAMES)


def test_a_camera_that_never_answers_does_not_keep_the_end_waiting():
    answers = threading.Event()

    class Stuck(Camera):
        def frames(self, start=0.0, end=None):
            yield from super().frames()
            answers.wait(60)

    class Window:
        """A person who ends when there is nothing new."""

        paused = 0

        def show(self, picture, step):
            assert step == 0  # a camera is shown as fast as it goes
            self.shown = time.monotonic()
            return True

        def wait(self):
            return time.monotonic() < getattr(self, "shown", np.inf) + 0.2

    window, detector = Window(), RedDetector()
    try:
        mask_video(Stuck(seconds=0.2), detector.detect, NAMES, window=window)
        assert time.monotonic() - window.shown < 0.2 + PATIENCE + 1
        assert detector.calls
    finally:
        answers.set()
