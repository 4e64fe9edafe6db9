"""Running a network with LiteRT, once TensorFlow Lite, made for phones and small computers."""

import os
from collections.abc import Callable
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from mrcnn.runtimes.description import ExportError
from mrcnn.runtimes.formats import OUTPUTS


class Runner:
    """A network in `model.tflite`."""

    def __init__(self, path: Path, device: str | None, precision: str):
        if precision == "bfloat16":
            raise ValueError("--precision bfloat16 is not for LiteRT, which computes float32 here")
        if device not in (None, "cpu"):
            raise ValueError(
                f"--device {device} is not for LiteRT, which runs on the processor here"
            )
        try:
            self._interpreter = Interpreter(str(path), num_threads=os.cpu_count())
        except ValueError as error:
            raise ExportError(f"{path} cannot be read by LiteRT: export it anew") from error
        self.name = "LiteRT on the processor"

    def compiled(self, shape: tuple[int, int, int]) -> Callable:
        """Return the network as a function of (image, window, min_confidence)."""
        run = self._interpreter.get_signature_runner()

        def function(image, window, min_confidence):
            found = run(image=image, window=window, min_confidence=min_confidence)
            return [found[name] for name in OUTPUTS]

        return function
