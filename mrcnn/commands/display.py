"""The window on a display, where there is one."""

import ctypes
import os
import sys
import time

import cv2
import numpy as np

TITLE, MAX_SIDE = "Mask R-CNN", 1280
ENDING_KEYS = (ord("q"), 27)  # 27 is Esc


def has_display() -> bool:
    """Return whether a window can be opened: Qt ends the program where the display is not there."""
    if sys.platform in ("win32", "darwin"):
        return True
    if not os.environ.get("DISPLAY"):
        return False
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return True  # then OpenCV says what it lacks
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(None)
    if display:
        x11.XCloseDisplay(ctypes.c_void_p(display))
    return bool(display)


def check_display() -> None:
    """Raise ValueError where no window can be opened."""
    if not has_display():
        raise ValueError("--show needs a display, there is none here: look at the pictures instead")


def show_picture(picture: np.ndarray, title: str) -> bool:
    """Show uint8 RGB `[H, W, 3]` until a key is pressed; return whether to show the next one."""
    _open(picture.shape[:2])
    cv2.setWindowTitle(TITLE, title)
    _draw(picture)
    goes_on = _wait_for_key() not in (-1, *ENDING_KEYS)
    if not goes_on:
        cv2.destroyAllWindows()
    return goes_on


class Window:
    """Shows the pictures of a video; q, Esc or closing it ends, space pauses.

    `size` is the pictures' (height, width). `paused` counts the seconds of pauses. Raises
    ValueError where this OpenCV cannot open windows.
    """

    def __init__(self, size: tuple[int, int]):
        self._due = self.paused = 0.0
        _open(size)

    def show(self, picture: np.ndarray, step: float = 0.0) -> bool:
        """Show uint8 RGB `[H, W, 3]` once the one before has stood for `step` seconds.

        Returns False to end.
        """
        now = time.monotonic()
        self._due = max(self._due + step, now)
        delay = round((self._due - now) * 1000)
        if delay and not self._obey(cv2.waitKey(delay)):
            return False
        _draw(picture)
        return self._obey(cv2.waitKey(1))

    def wait(self) -> bool:
        """Look after the window while there is no new picture; return False to end."""
        return self._obey(cv2.waitKey(1))

    def _obey(self, key) -> bool:
        if key == ord(" "):
            began = time.monotonic()
            key = _wait_for_key()
            self.paused += time.monotonic() - began
        return key not in ENDING_KEYS and _is_open()

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()


def _open(size):
    # The Qt in OpenCV complains of fonts that it does not need.
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
    try:
        # Without tools and a status line, which would take their room from the picture.
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    except cv2.error as error:
        raise ValueError(
            "this OpenCV cannot open windows (opencv-python-headless?): install opencv-python, or "
            "have files written and look at them"
        ) from error
    height, width = size
    scale = min(1, MAX_SIDE / max(height, width))
    cv2.resizeWindow(TITLE, round(width * scale), round(height * scale))


def _draw(picture):
    cv2.imshow(TITLE, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _wait_for_key() -> int:
    """Return the key that is pressed, -1 where the window is closed instead."""
    key = -1
    while key < 0 and _is_open():
        key = cv2.waitKey(50)
    return key


def _is_open() -> bool:
    return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) > 0
