"""One line of progress: on a terminal, in a file, without a total, with nothing to do."""

import fcntl
import io
import os
import pty
import select
import struct
import sys
import termios
from types import SimpleNamespace

import pytest

from mrcnn import progress
from mrcnn.progress import Progress, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(time=100.0)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now.time)
    return now


def steps(bar, clock, *seconds):
    for index, wait in enumerate(seconds, start=1):
        clock.time += wait
        bar.update(f"step {index}")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.00 s"),
        (0.042, "0.04 s"),
        (0.096, "0.1 s"),
        (0.84, "0.8 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (12.4, "12 s"),
        (59.7, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 00 min"),
        (7530, "2 h 05 min"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_nothing_is_estimated_before_the_third_step(clock):
    bar = Progress(6, stream=io.StringIO())
    assert bar.seconds_each == 0 and bar.left is None
    steps(bar, clock, 60)
    assert bar.seconds_each == 60 and bar.left is None
    steps(bar, clock, 20)
    assert bar.seconds_each == 20 and bar.left is None
    steps(bar, clock, 2, 4)
    # The first compiles, and the second may still start something.
    assert bar.seconds_each == 3 and bar.left == 6
    assert str(bar) == "[4/6, 6.0 s left] step 2"


@pytest.mark.parametrize(("seconds", "said"), [(74, "Compiled in 1 min 14 s\n"), (0.5, "")])
def test_how_long_the_first_step_compiled(clock, seconds, said):
    stream = io.StringIO()
    with Progress(5, stream=stream, compiles=True) as bar:
        bar.update("a.jpg ...", 0)
        steps(bar, clock, seconds, 1)
    assert stream.getvalue().startswith(said) and ("Compiled" in stream.getvalue()) == bool(said)


def test_in_a_file_a_line_comes_now_and_then(clock):
    stream = io.StringIO()
    with Progress(100, "Photos read", stream) as bar:
        bar.update("a.jpg ...", 0)
        steps(bar, clock, 40, 5, *[5] * 8)
    assert stream.getvalue().splitlines() == [
        "Photos read [1/100] step 1",
        # Much is to come: that is said at once, and then twice a minute.
        "Photos read [3/100, 8 min 05 s left] step 3",
        "Photos read [9/100, 7 min 35 s left] step 9",
    ]


def test_in_a_file_what_is_soon_done_is_not_told(clock):
    stream = io.StringIO()
    with Progress(4, stream=stream) as bar:
        steps(bar, clock, 1, 1, 1, 1)
    assert stream.getvalue() == ""


def test_a_line_a_step_where_that_is_wanted(clock):
    stream = io.StringIO()
    with Progress(4, stream=stream, every=0) as bar:
        steps(bar, clock, 9, 2, 2, 2)
    assert stream.getvalue().splitlines() == [
        "[1/4] step 1",
        "[2/4] step 2",
        "[3/4, 2.0 s left] step 3",
        "[4/4] step 4",
    ]


def test_without_a_total_no_end_is_guessed(clock):
    stream = io.StringIO()
    with Progress(None, "Frames", stream) as bar:
        steps(bar, clock, 1, 10, 20)
    assert stream.getvalue() == "Frames [3] step 3\n"
    assert bar.left is None and bar.seconds_each == 20


def test_nothing_to_do():
    for stream in (io.StringIO(), Terminal()):
        with Progress(0, stream=stream) as bar:
            assert str(bar) == "[0/0]"
        assert stream.getvalue().strip() == ""
        assert bar.seconds_each == 0


def test_a_callback_of_done_and_total(clock):
    bar = Progress(None, "Loading", io.StringIO(), number=lambda n: f"{n / 1e6:.1f} MB")
    for done in (10e6, 11e6, 12e6, 13e6):
        clock.time += 1
        bar.to(done, 19e6)
    # What an earlier call had loaded came with the first step and took no time.
    assert str(bar) == "Loading [13.0 MB/19.0 MB, 6.0 s left]"


def test_lines_that_stay(capsys):
    stream = io.StringIO()
    with Progress(2, stream=stream) as bar:
        bar.line("kept")
        bar.line("fault", sys.stderr)
    assert stream.getvalue() == "kept\n" and capsys.readouterr().err == "fault\n"


def shown(written):
    """Return the lines of a terminal after `written`, as wide as they come."""
    lines, column = [""], 0
    for character in written:
        if character == "\r":
            column = 0
        elif character == "\n":
            lines.append("")
            column = 0
        else:
            lines[-1] = lines[-1][:column] + character + lines[-1][column + 1 :]
            column += 1
    return lines


def arrived(terminal):
    read = b""
    while select.select([terminal], [], [], 0.1)[0]:
        read += os.read(terminal, 9999)
    return read.decode()


@pytest.fixture
def terminal():
    """The two ends of a terminal of 30 columns: what arrives there, and what to write to."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
    with open(side, "w") as stream:
        yield main, stream
    os.close(main)


def test_a_terminal_has_one_line_which_is_cut_and_wiped(terminal):
    main, stream = terminal
    with Progress(3, "Photos", stream) as bar:
        bar.update("first.jpg ...", 0)
        read = arrived(main)
        assert shown(read)[-1].rstrip() == "Photos [0/3] first.jpg ..."
        bar.line("a fault")
        bar.update("long " * 20, 0)
        read += arrived(main)
        assert shown(read)[-1].startswith("Photos [0/3] long long long")
    lines = shown(read + arrived(main))
    assert [line.rstrip() for line in lines] == ["a fault", ""]
    assert max(map(len, lines)) < 30


def test_the_first_step_is_shown_at_once(terminal):
    main, stream = terminal
    with Progress(3, stream=stream) as bar:
        bar.update("first")
        assert shown(arrived(main))[-1] == "[1/3] first"


def test_a_terminal_that_is_made_narrower_or_tells_no_width(terminal, monkeypatch):
    main, stream = terminal
    monkeypatch.setenv("COLUMNS", "21")
    for columns, text in ((12, "[0/3] wide "), (0, "[0/3] wide wide wide")):
        fcntl.ioctl(stream, termios.TIOCSWINSZ, struct.pack("HHHH", 0, columns, 0, 0))
        with Progress(3, stream=stream) as bar:
            bar.update("wide " * 9, 0)
            assert shown(arrived(main))[-1] == text


def test_words_of_another_width_are_cut_too(terminal):
    main, stream = terminal
    with Progress(3, stream=stream) as bar:
        bar.update("遥控器" * 9, 0)
        assert shown(arrived(main))[-1].rstrip() == "[0/3] 遥控器遥控器遥控器遥控"
