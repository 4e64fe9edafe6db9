"""Running a network with ONNX Runtime, on a processor, or on an NVIDIA GPU."""

from collections.abc import Callable
from pathlib import Path

import onnxruntime

from mrcnn.runtimes.description import ExportError
from mrcnn.runtimes.formats import OUTPUTS

GPU, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class Runner:
    """A network in `model.onnx`."""

    def __init__(self, path: Path, device: str | None, precision: str):
        if precision == "bfloat16":
            raise ValueError("--precision bfloat16 is not for ONNX Runtime, which computes float32")
        provider = _provider(device)
        options = onnxruntime.SessionOptions()
        # Errors alone.
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=[provider])
        except Exception as error:  # of classes of its own
            raise ExportError(f"{path} cannot be read by ONNX Runtime: export it anew") from error
        if provider != CPU and GPU not in self._session.get_providers():
            raise ValueError(
                f"--device {device}: ONNX Runtime cannot use the GPU here: its CUDA and cuDNN are "
                "missing or others"
            )
        self.name = f"ONNX Runtime on {'the processor' if provider == CPU else 'the GPU'}"

    def compiled(self, shape: tuple[int, int, int]) -> Callable:
        """Return the network as a function of (image, window, min_confidence)."""

        def function(image, window, min_confidence):
            feed = {"image": image, "window": window, "min_confidence": min_confidence}
            return self._session.run(OUTPUTS, feed)

        return function


def _provider(device):
    if device in (None, "cpu"):
        return CPU
    if GPU not in onnxruntime.get_available_providers():
        raise ValueError(
            f"--device {device}: ONNX Runtime has no GPU here: pip install onnxruntime-gpu"
        )
    return (GPU, {"device_id": int(device.partition(":")[2] or 0)})
