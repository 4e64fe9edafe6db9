"""How scripts end."""

import io
import os
import signal
import sys

import pytest

from mrcnn.commands import process


def raising(error):
    def body():
        raise error

    return body


@pytest.mark.parametrize("error", [ValueError("a sentence"), FileNotFoundError("a sentence")])
def test_an_error_is_one_sentence_after_the_scripts_name(capsys, error):
    assert process.run(raising(error), "/some/where/script.py") == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "script.py: a sentence\n")


def test_ctrl_c_is_told_as_a_shell_would(capsys):
    assert process.run(raising(KeyboardInterrupt())) == process.INTERRUPTED == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", process.SIGNALS)
def test_other_signals_end_a_script_as_ctrl_c_does(capsys, number):
    before = signal.getsignal(number)
    assert process.run(lambda: os.kill(os.getpid(), number) or 0) == process.INTERRUPTED
    assert "Stopped: the same command starts anew" in capsys.readouterr().out
    assert signal.getsignal(number) == before


def test_what_an_interrupt_makes_a_library_raise_is_no_fault(capsys):
    def body():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    assert process.run(body) == process.INTERRUPTED
    assert "Stopped" in capsys.readouterr().out


def test_the_first_signal_is_noted_and_said_and_the_second_one_ends(capfd):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), process.stop_on_signal("Stopping\n") as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.is_set() and capfd.readouterr().err == "Stopping\n"
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert process.run(lambda: os.kill(os.getpid(), signal.SIGTERM) or 0) == 0
        with process.stop_on_signal() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
        assert not stop.is_set()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_code_of_the_body_counts_and_faults_of_the_code_are_seen():
    assert [process.run(lambda code=code: code) for code in (0, 1)] == [0, 1]
    with pytest.raises(KeyError):
        process.run(raising(KeyError("a slip")))


def test_letters_that_the_terminal_does_not_have_are_escaped(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert process.run(lambda: print("caf\xe9 \udce9") or 0) == 0
    sys.stdout.flush()
    assert raw.getvalue() == b"caf\\xe9 \\udce9\n"
