"""Windows on a display, where there is one."""

import ctypes
import os
import sys

import numpy as np

WINDOW, WINDOW_SIDE = "Mask R-CNN", 1200
ESCAPE = 27


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
    import cv2

    cv2.namedWindow(WINDOW, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
    height, width = picture.shape[:2]
    scale = min(1, WINDOW_SIDE / max(height, width))
    cv2.resizeWindow(WINDOW, round(width * scale), round(height * scale))
    cv2.setWindowTitle(WINDOW, title)
    cv2.imshow(WINDOW, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    key = -1
    while key < 0 and cv2.getWindowProperty(WINDOW, cv2.WND_PROP_VISIBLE) > 0:
        key = cv2.waitKey(50)
    stopped = key < 0 or key in (ord("q"), ESCAPE)
    if stopped:
        cv2.destroyAllWindows()
    return not stopped
