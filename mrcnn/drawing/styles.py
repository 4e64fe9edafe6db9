"""Ways to draw the objects of a picture, besides masks with outlines, boxes and labels.

To add one, write a function `(image, detections) -> picture` in a module of this room, RGB uint8
`[H, W, 3]` in and out, and name it here. The scripts for videos then have an option for it.
"""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple


class Style(NamedTuple):
    """A style: its name, which is that of the option, a line of help, and "module:function"."""

    name: str
    help: str
    function: str

    def load(self) -> Callable:
        """Return the function that draws; until then its module and OpenCV are not loaded."""
        module, name = self.function.split(":")
        return getattr(import_module(module), name)


STYLES = (
    Style("splash", "objects in colour, all else in grey", "mrcnn.drawing.instances:draw_splash"),
)
