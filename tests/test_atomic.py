"""Files that grow are whole at every moment."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mrcnn import atomic
from mrcnn.atomic import Growing


def items(path):
    return json.loads(path.read_text(encoding="utf-8"))["items"]


def growing(path, **options):
    return Growing(path, '{"items":[', **options)


@pytest.fixture(params=[True, False], ids=["links", "no links"])
def links(request, monkeypatch):
    """Whether the disk has hard links."""
    if not request.param:

        def refuse(*_):
            raise PermissionError

        monkeypatch.setattr(os, "link", refuse)
    return request.param


def test_a_growing_file_is_whole_after_each_item(tmp_path, links):
    path = tmp_path / "folder" / "ü.json"
    file = growing(path)
    assert not path.exists()
    for count in range(1, 60):
        file.add(str(count), "]}")
        there = items(path)
        assert there == list(range(1, len(there) + 1))
        assert there[-1] == count or (not links and len(there) > 0.7 * count)
    file.close('],"more":1}')
    assert items(path) == list(range(1, 60))
    assert list(path.parent.iterdir()) == [path]


def test_each_item_costs_the_same(tmp_path, monkeypatch):
    """What is written are the items twice, and the ends; not the whole file again and again."""
    written = 0

    def count(descriptor):
        nonlocal written
        stat = os.fstat(descriptor)
        written += stat.st_size - sizes.get(stat.st_ino, 0)
        sizes[stat.st_ino] = stat.st_size

    sizes = {}
    monkeypatch.setattr(atomic.os, "fsync", count)
    copies = []
    monkeypatch.setattr(atomic.shutil, "copyfile", lambda *paths: copies.append(paths))
    file = growing(tmp_path / "a.json")
    for _ in range(300):
        file.add('"' + "x" * 1000 + '"', "]}")
    assert not copies
    assert written < 2.1 * 300 * 1000
    file.close("]}")


def test_an_old_file_stays_until_the_first_item(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("precious")
    file = growing(path)
    assert path.read_text() == "precious"
    file.close(None)
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]
    growing(path).close("]}")
    assert items(path) == []


def test_an_item_that_cannot_be_written_is_left_out(tmp_path, links, monkeypatch):
    path = tmp_path / "a.json"
    file = growing(path)
    file.add("1", "]}")
    with monkeypatch.context() as patch:

        def full(_):
            raise OSError(28, "")

        patch.setattr(atomic.os, "fsync", full)
        with pytest.raises(OSError, match=r"a\.json cannot be written: No space left"):
            file.add("2", "]}")
    assert items(path) == [1]
    file.add("3", "]}")
    assert items(path) == [1, 3]
    file.close("]}")
    assert list(tmp_path.iterdir()) == [path]


def test_what_others_do_to_the_file_does_not_spoil_it(tmp_path):
    path = tmp_path / "a.json"
    file = growing(path)
    for count in range(9):
        file.add(str(count), "]}")
        if count == 4:
            path.unlink()
        if count == 6:
            path.write_text("something else that is much longer than all of the items")
            path.replace(tmp_path / "mine.txt")
    file.close("]}")
    assert items(path) == list(range(9))


def test_changes_are_seldom_where_that_is_wanted(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(atomic.time, "monotonic", lambda: clock[0])
    file = growing(tmp_path / "a.json", every=1)
    seen = []
    for count in range(8):
        file.add(str(count), "]}")
        seen.append(len(items(tmp_path / "a.json")))
        clock[0] += 0.4
    assert seen == [1, 1, 1, 4, 4, 4, 7, 7]
    file.close("]}")
    assert items(tmp_path / "a.json") == list(range(8))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_at_any_moment(tmp_path):
    """What the program says is done is in the file, whenever it is killed."""
    code = (
        "import sys; from mrcnn.atomic import Growing\n"
        "file = Growing('a.json', '{\"items\":[')\n"
        "for count in range(10**9):\n"
        "    file.add(str(count), ']}')\n"
        "    print(count, flush=True)\n"
    )
    root = Path(__file__).parent.parent
    for moment in range(5):
        folder = tmp_path / str(moment)
        folder.mkdir()
        environment = {**os.environ, "PYTHONPATH": str(root)}
        pipes = {"cwd": folder, "env": environment, "stdout": subprocess.PIPE}
        with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
            process.stdout.readline()
            time.sleep(0.11 * moment)
            process.send_signal(signal.SIGKILL)
            said = [0, *map(int, process.stdout.read().split(b"\n")[:-1])][-1]
        assert items(folder / "a.json")[: said + 1] == list(range(said + 1))
        assert len(items(folder / "a.json")) <= said + 2
