"""What can be shown: text on the terminal, windows on a display."""

import ctypes
import os
import sys


def escape_odd_letters():
    """Let file names that the terminal's encoding does not have be printed, their letters escaped.

    Else they would end the program.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


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
