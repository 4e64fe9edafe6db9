"""How many objects there were, and who crossed the line."""

import json
import time

import numpy as np
import pytest

import prediction_for_video
import video_mask
from mrcnn.commands import video_run
from mrcnn.commands.masking import pipeline
from mrcnn.commands.opening import Opened
from mrcnn.detections import Detections
from mrcnn.video.counting import Line, ObjectCounter, count_record, counted_text, crossed_text
from mrcnn.video.frame_drawing import draw_count
from mrcnn.video.frame_records import FrameRecords
from mrcnn.video.reading import Frame
from tests.video_clips import RedDetector, read_all, remote_frames, write_clip

NAMES = ["BG", "car", "bus"]
SHAPE = (200, 300)


def detections(middles, class_ids=None):
    """Return objects of 20 x 20 pixels about (x, y)."""
    boxes = np.array([(y - 10, x - 10, y + 10, x + 10) for x, y in middles], np.int32)
    ids = np.ones(len(boxes), np.int32) if class_ids is None else np.array(class_ids, np.int32)
    pieces = [np.ones((20, 20), bool)] * len(boxes)
    return Detections(SHAPE, boxes.reshape(-1, 4), ids, np.full(len(boxes), 0.9), pieces)


def counted(way, line=None, step=0.1, class_id=1):
    """Return the count of an object with its middle at each (x, y) of `way`."""
    counter = ObjectCounter(line and Line(*line))
    for index, middle in enumerate(way):
        counter.add(index * step, detections([middle], [class_id]), [1])
    return counter.count


@pytest.mark.parametrize(
    ("times", "number"),
    [
        ([0.0, 0.1, 0.2], 0),  # too short
        ([0.0, 0.1, 0.25], 1),
        ([0.0, 2.0], 0),  # too seldom
        ([0.0, 1.0, 2.0, 3.0], 1),  # once
    ],
)
def test_an_object_counts_once_it_was_seen_for_long_enough(times, number):
    counter = ObjectCounter()
    for moment in times:
        counter.add(moment, detections([(50, 50)]), [7])
    assert counter.count.objects == ({1: number} if number else {})


def test_objects_are_counted_by_class():
    counter = ObjectCounter()
    for index in range(4):
        counter.add(index, detections([(20, 20), (60, 60), (99, 99)], [1, 2, 1]), [3, 1, 2])
    assert counted_text(counter.count, NAMES) == "2 car, 1 bus"
    assert counted_text(ObjectCounter().count, NAMES) == "0"


LEVEL, STEEP = (0, 100, 300, 100), (150, 0, 150, 200)


@pytest.mark.parametrize(
    ("line", "way", "crossed"),
    [
        (LEVEL, [(50, y) for y in range(60, 150, 10)], ["down"]),
        (LEVEL, [(50, y) for y in range(150, 60, -10)], ["up"]),
        (STEEP, [(x, 90) for x in range(100, 200, 10)], ["right"]),
        (STEEP, [(x, 90) for x in range(200, 100, -10)], ["left"]),
        # There and back.
        (LEVEL, [(50, y) for y in (70, 80, 90, 110, 120, 110, 90, 80)], ["down", "up"]),
        # It trembles on the line and goes on, or back.
        (LEVEL, [(50, y) for y in (80, 90, 101, 99, 101, 99, 101, 120)], ["down"]),
        (LEVEL, [(50, y) for y in (80, 90, 101, 99, 101, 99, 90, 80)], []),
        # Past the end of the line.
        ((100, 100, 200, 100), [(90, y) for y in range(60, 150, 10)], []),
        ((100, 100, 200, 100), [(110, y) for y in range(60, 150, 10)], ["down"]),
        # A jump over it, with the line between.
        ((100, 100, 200, 100), [(80, 60), (80, 70), (80, 80), (160, 140)], ["down"]),
        ((100, 100, 200, 100), [(80, 60), (80, 70), (80, 80), (100, 140)], []),
        # Aslant.
        ((0, 0, 200, 190), [(150, y) for y in range(80, 200, 10)], ["down"]),
        # It had crossed before it counted.
        (LEVEL, [(50, 80), (50, 120), (50, 130), (50, 140)], ["down"]),
        (LEVEL, [(50, 80), (50, 120)], []),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_who_crosses_the_line(line, way, crossed, turned):
    """Whichever end is named first."""
    count = counted(way, (*line[2:], *line[:2]) if turned else line)
    assert [each.direction for each in count.crossings] == crossed
    assert count.crossed == {(1, direction): crossed.count(direction) for direction in crossed}


def test_a_count_as_json_and_in_words():
    line = Line(*LEVEL)
    count = counted([(50, y) for y in range(60, 150, 10)], LEVEL, class_id=2)
    assert count_record(count, NAMES, line) == {
        "objects": {"bus": 1},
        "line": [0, 100, 300, 100],
        "crossed": {"up": {}, "down": {"bus": 1}},
        "crossings": [{"number": 1, "class": "bus", "direction": "down", "time_s": 0.5}],
    }
    assert count_record(count, NAMES, None) == {"objects": {"bus": 1}}
    assert crossed_text(count, NAMES, "down") == "down 1 bus"
    assert crossed_text(count, NAMES, "up") == "up 0"


@pytest.mark.parametrize("line", [None, LEVEL, STEEP, (0, 0, 300, 0), (300, 200, 300, 0)])
def test_the_count_is_drawn_in_the_picture(line):
    picture = np.full((*SHAPE, 3), 127, np.uint8)
    draw_count(picture, counted([(50, 50)] * 9), line and Line(*line), NAMES)
    assert picture[2:10, 2:30].max() == 255  # letters in the corner
    yellow = (picture == (255, 210, 0)).all(axis=-1)
    assert yellow.any() == bool(line)


def test_records_end_with_the_count_at_any_time(tmp_path, monkeypatch):
    monkeypatch.setattr("mrcnn.video.frame_records.EVERY", 0)
    path = tmp_path / "found.json"
    records, tails = FrameRecords(path, {"video": "a"}), [{"counted": {"objects": {"car": 1}}}]
    tails.append({"counted": {"objects": {"car": 23, "bus": 4}}})
    for index, tail in enumerate((tails[0], tails[0], tails[1], tails[0])):
        records.write({"frame": index}, tail)
        document = json.loads(path.read_text())
        assert [frame["frame"] for frame in document["frames"]] == list(range(index + 1))
        assert document["counted"] == tail["counted"]
    records.close()
    assert json.loads(path.read_text()) == document


def test_what_a_camera_shows_is_counted_before_pictures_are_dropped():
    """A slow window gets the newest picture: the count is of all that the network looked at."""
    counter, places, looked = ObjectCounter(Line(*STEEP)), iter(range(10, 290, 7)), []

    def frames():
        for index in range(40):
            while len(looked) < index:
                time.sleep(0.001)
            yield Frame(index, index / 10, np.zeros((*SHAPE, 3), np.uint8))

    def detect(_):
        looked.append(1)
        return [detections([(next(places), 100)])]

    with pipeline(frames(), detect, NAMES, 10, live=True, counter=counter) as items:
        while len(looked) < 40:
            time.sleep(0.01)
        shown = list(items)
    assert len(shown) < 20
    assert counted_text(shown[-1].found.count, NAMES) == "1 car"
    assert shown[-1].found.count.crossed == {(1, "right"): 1}


# -- The scripts -------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function: a script and options -> exit code, what it printed, the JSON, the film."""
    clip = write_clip(tmp_path / "clip.avi", remote_frames(30))
    opened = Opened(None, ["BG", "remote"], None, 0.5, True)
    monkeypatch.setattr(Opened, "detector", RedDetector())
    monkeypatch.setattr(video_run, "open_model", lambda *_, **__: opened)
    monkeypatch.setattr(video_run, "_device", lambda _: "none")
    monkeypatch.setattr(video_run.weights, "find", lambda *_, **__: clip.with_name("a.h5"))
    monkeypatch.setattr("mrcnn.commands.display.has_display", lambda: False)

    def run(script, *options):
        found, film = tmp_path / "found.json", tmp_path / "film.mp4"
        command = [str(clip), "--json", str(found), "--output", str(film), "--overwrite", *options]
        code = script.main(command)
        said = capsys.readouterr()
        document = json.loads(found.read_text()) if code == 0 else None
        return code, said.out + said.err, document, film

    return run


@pytest.mark.parametrize("script", [video_mask, prediction_for_video])
def test_both_scripts_count(run, script):
    # One remote falls, its middle to (28, 92), the other one goes to the right at y = 98.
    code, said, document, film = run(script, "--line", "0,60,320,60")
    assert code == 0
    assert "Counted 2 remote, each seen for 0.25 s or more" in said
    assert "Crossed the line: up 0; down 1 remote" in said
    assert document["counted"]["crossed"] == {"up": {}, "down": {"remote": 1}}
    assert (np.abs(read_all(film)[0][60, 300].astype(int) - (255, 210, 0)) < 60).all()
    code, said, document, film = run(script, "--count")
    assert code == 0 and "Crossed" not in said
    assert document["counted"] == {"objects": {"remote": 2}}
    code, said, document, _ = run(script)
    assert "Counted" not in said and "counted" not in document


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,x", "5,5,5,5", "a", "1,2,3,4,5", "1.5,2,3,4"])
def test_what_is_no_line(capsys, text):
    with pytest.raises(SystemExit):
        video_mask.main(["clip.mp4", "--line", text])
    assert f"{text} is no line: write x1,y1,x2,y2" in capsys.readouterr().err


def test_a_line_that_is_not_in_the_picture(run):
    code, said, *_ = run(video_mask, "--line", "0,100,321,100")
    assert code == 1
    assert "--line 0,100,321,100 is not in the picture, which is 320 x 192" in said
