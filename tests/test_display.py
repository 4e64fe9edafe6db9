"""Pictures in a window, and whether there can be one."""

import sys

import cv2
import numpy as np
import pytest

from mrcnn.commands import display
from tests.photos import photo


@pytest.mark.parametrize("answers", [False, True])
def test_showing_needs_a_display_that_answers(monkeypatch, answers):
    monkeypatch.setattr(display, "has_display", lambda: answers)
    if answers:
        display.check_display()
        return
    with pytest.raises(ValueError, match="--show needs a display"):
        display.check_display()


def test_without_a_name_there_is_no_display(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert not display.has_display()


@pytest.mark.parametrize(("key", "goes_on"), [(ord(" "), True), (ord("q"), False), (27, False)])
def test_showing(monkeypatch, key, goes_on):
    keys = iter([-1, -1, key])
    shown = []
    for name in ("namedWindow", "resizeWindow", "setWindowTitle", "destroyAllWindows"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    monkeypatch.setattr(cv2, "waitKey", lambda _: next(keys))
    monkeypatch.setattr(cv2, "imshow", lambda _, picture: shown.append(picture))
    assert display.show_picture(photo(), "title") is goes_on
    assert np.array_equal(shown[0], photo()[..., ::-1])


def test_a_closed_window_ends_the_show(monkeypatch):
    for name in ("namedWindow", "resizeWindow", "setWindowTitle", "destroyAllWindows", "imshow"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 0.0)
    assert display.show_picture(photo(), "title") is False
