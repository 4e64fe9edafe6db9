"""Running a network with OpenVINO, on Intel's and other processors, and on Intel's GPUs."""

import os
from collections.abc import Callable
from pathlib import Path

import openvino

from mrcnn.runtimes.description import ExportError
from mrcnn.runtimes.formats import OUTPUTS

# What `--precision` is here; with "auto" a processor that multiplies bfloat16 faster does so.
PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
# What is compiled stays here for later runs, the newest up to so many bytes: ResNet-101 in int8
# starts in 0.8 s then, else in 2.4.
COMPILED, MOST_BYTES = Path.home() / ".cache" / "mrcnn" / "openvino", 2 * 10**9


class Runner:
    """A network in `model.xml` and `model.bin`."""

    def __init__(self, path: Path, device: str | None, precision: str):
        self._core = openvino.Core()
        # It would write a line of its own about what it does not find.
        try:
            self._model = self._core.read_model(path)
        except RuntimeError as error:
            raise ExportError(f"{path} cannot be read by OpenVINO: export it anew") from error
        _keep_compiled(self._core)
        self._device = _device(self._core, device)
        self._hints = {"PERFORMANCE_HINT": "LATENCY"}
        if precision in PRECISIONS:
            self._hints["INFERENCE_PRECISION_HINT"] = PRECISIONS[precision]
        self.name = f"OpenVINO on {self._core.get_property(self._device, 'FULL_DEVICE_NAME')}"

    def compiled(self, shape: tuple[int, int, int]) -> Callable:
        """Return the network as a function of (image, window, min_confidence) for one size."""
        model = self._model
        if model.input("image").partial_shape.is_dynamic:
            model = model.clone()
            model.reshape({"image": [1, *shape]})
        try:
            run = self._core.compile_model(model, self._device, self._hints)
        except RuntimeError:  # no room to keep it
            self._core.set_property({"CACHE_DIR": ""})
            run = self._core.compile_model(model, self._device, self._hints)
        outputs = [run.output(name) for name in OUTPUTS]

        def function(image, window, min_confidence):
            feed = {"image": image, "window": window, "min_confidence": min_confidence}
            found = run(feed)
            return [found[output] for output in outputs]

        return function


def _keep_compiled(core):
    try:
        COMPILED.mkdir(parents=True, exist_ok=True)
        blobs = sorted(COMPILED.glob("*.blob"), key=os.path.getmtime, reverse=True)
        total = 0
        for blob in blobs:
            total += blob.stat().st_size
            if total > MOST_BYTES:
                blob.unlink()
    except OSError:  # no such folder can be made, or another run tidies up
        return
    if os.access(COMPILED, os.W_OK):
        core.set_property({"CACHE_DIR": str(COMPILED)})


def _device(core, asked):
    name = "CPU" if asked in (None, "cpu") else asked.upper().replace(":", ".")
    there = core.available_devices
    # OpenVINO calls one GPU "GPU" and several "GPU.0", "GPU.1"; "GPU" is the first of them.
    alike = {name, f"{name}.0", name.removesuffix(".0")}
    if asked and not alike & {*there}:
        raise ValueError(
            f"--device {asked}: OpenVINO has no such device here, it has {', '.join(there)}"
        )
    return name if name in there or not asked else min(alike & {*there})
