#!/usr/bin/env python3
"""One network of `peers.py`, in a process and a Python environment of its own.

Takes a request as JSON. Prints one line of JSON, `{"ready": text}` once it has run a first time,
or `{"skipped": text}` where that failed; from then on every line that it reads makes it run once
more and answer with an empty line.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
NUM_CLASSES = 81
HEADS = r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)"
# So small that made-up weights and made-up photos never make a loss that is not finite.
LEARNING_RATE = 1e-6
# Standard deviation of the class logits of torchvision's network: a few of 81 classes then pass
# the score threshold for each proposal, and there are detections to make masks for.
LOGIT_SPREAD = 3.0


def ours(request, scene) -> tuple[Callable, str]:
    sys.path.insert(0, str(ROOT))
    from benchmarks import made_up, training_step

    count = request.get("batch", 1)
    precision, side = request["precision"], request["side"]
    config = made_up.config(request["backbone"], precision, side, IMAGES_PER_GPU=count)
    folder = Path(request["weights"])
    if request["job"] == "training":
        return training_step.step_of(config, request["layers"], folder), "this package"
    if request["job"] == "epoch":
        steps = request["steps"]
        return training_step.epoch_of(config, request["layers"], folder, steps), "this package"
    model = made_up.model("inference", config, folder)

    def run():
        return model.detector.detect([scene["photo"]] * count)

    start = time.perf_counter()
    found = len(run()[0])
    return run, f"this package, {found} detections, compiled in {time.perf_counter() - start:.1f} s"


def exported(request, scene) -> tuple[Callable, str]:
    """The network by its export, without TensorFlow."""
    sys.path.insert(0, str(ROOT))
    from benchmarks import made_up
    from mrcnn.detector import Detector
    from mrcnn.runtimes.exported import Exported

    network = Exported(request["export"], precision=request["precision"])
    config = made_up.config("resnet50", "float32", request["side"])
    detector = Detector(network, config)

    def run():
        return detector.detect([scene["photo"]])

    return run, f"{network.name}, {len(run()[0])} detections"


def older(request, scene) -> tuple[Callable, str]:
    """The original for TensorFlow 1, or its port to TensorFlow 2, which runs up to 2.15."""
    sys.path.insert(0, request["checkout"])
    if not hasattr(np, "bool"):
        # The older name, which NumPy from 1.24 on does not have.
        np.bool = bool
    from mrcnn import model as modellib
    from mrcnn.config import Config
    from mrcnn.utils import Dataset

    class OlderConfig(Config):
        NAME = "benchmark"
        BACKBONE = request["backbone"]
        NUM_CLASSES = NUM_CLASSES
        GPU_COUNT = IMAGES_PER_GPU = 1
        IMAGE_MIN_DIM = IMAGE_MAX_DIM = request["side"]
        DETECTION_MIN_CONFIDENCE = 0

    class OlderDataset(Dataset):
        def load_image(self, image_id):
            return scene["photo"]

        def load_mask(self, image_id):
            return scene["masks"], scene["class_ids"]

    config, weights = OlderConfig(), Path(request["weights"])
    model = modellib.MaskRCNN(request["job"], config, str(weights))
    _load_older(model, str(weights / f"{request['backbone']}.h5"))
    if request["job"] == "inference":

        def run():
            return model.detect([scene["photo"]])

        return run, f"{request['checkout']}, {len(run()[0]['scores'])} detections"

    dataset = OlderDataset()
    for class_id in range(1, NUM_CLASSES):
        dataset.add_class("things", class_id, f"thing {class_id}")
    dataset.add_image("things", 0, "thing.png")
    dataset.prepare()
    model.set_trainable(HEADS if request["layers"] == "heads" else ".*")
    model.compile(LEARNING_RATE, config.LEARNING_MOMENTUM)
    if hasattr(modellib, "data_generator"):
        batch = next(modellib.data_generator(dataset, config, shuffle=False, batch_size=1))
    else:
        batch = modellib.DataGenerator(dataset, config, shuffle=False)[0]
    inputs, outputs = batch
    return lambda: model.keras_model.train_on_batch(inputs, outputs), request["checkout"]


def _load_older(model, path):
    """Load weights; where Keras is 2.15, by its own function, since the port's is no more."""
    try:
        from keras.src.saving.legacy import hdf5_format
    except ImportError:
        model.load_weights(path, by_name=True)
        return
    import h5py

    with h5py.File(path, "r") as file:
        hdf5_format.load_weights_from_hdf5_group_by_name(file, model.keras_model)


def torchvision(request, scene) -> tuple[Callable, str]:
    import torch
    from torchvision.models import detection
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.models.resnet import Bottleneck

    training, side = request["job"] == "training", request["side"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # As maskrcnn_resnet50_fpn makes it with weights: BatchNorm frozen. All of the backbone is
    # frozen where the heads alone learn.
    stages = 5 if request["layers"] == "all" else 0
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=stages)
    for module in backbone.modules():
        if isinstance(module, Bottleneck):
            # Else the made-up network's values double with every block.
            module.bn3.weight.fill_(0.2)
    model = detection.MaskRCNN(backbone, NUM_CLASSES, min_size=side, max_size=side)
    model.to(device).train(training)
    photo = torch.from_numpy(scene["photo"]).permute(2, 0, 1)

    def images():
        return [photo.to(device).float() / 255] * request.get("batch", 1)

    def autocast():
        wanted = request["precision"] == "bfloat16"
        return torch.autocast(device, dtype=torch.bfloat16, enabled=wanted)

    def finish():
        if device == "cuda":
            torch.cuda.synchronize()

    text = f"torchvision {metadata.version('torchvision')}, torch {torch.__version__}, {device}"
    if training:
        targets = [
            {
                "boxes": torch.from_numpy(scene["boxes"]).float().to(device),
                "labels": torch.from_numpy(scene["class_ids"]).long().to(device),
                "masks": torch.from_numpy(scene["masks"]).permute(2, 0, 1).byte().to(device),
            }
        ] * request.get("batch", 1)
        learning = [value for value in model.parameters() if value.requires_grad]
        optimizer = torch.optim.SGD(learning, lr=LEARNING_RATE, momentum=0.9)

        def step():
            with autocast():
                loss = sum(model(images(), targets).values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            finish()

        return step, text

    @torch.inference_mode()
    def detect():
        with autocast():
            found = model(images())[0]
        masks = (found["masks"] > 0.5).cpu().numpy()
        finish()
        return masks

    logits = model.roi_heads.box_predictor.cls_score
    spread = []
    hook = logits.register_forward_hook(lambda module, given, out: spread.append(out.std().item()))
    detect()
    hook.remove()
    logits.weight.data *= LOGIT_SPREAD / spread[0]
    return detect, f"{text}, {len(detect())} detections"


def ultralytics(request, scene) -> tuple[Callable, str]:
    from ultralytics import YOLO

    model = YOLO(request["model"])
    picture = np.ascontiguousarray(scene["photo"][..., ::-1])

    def run():
        return model.predict(picture, imgsz=request["side"], verbose=False, save=False)

    version = metadata.version("ultralytics")
    return run, f"ultralytics {version}, {len(run()[0].boxes)} detections"


PEERS = {
    "ours": ours,
    "exported": exported,
    "older": older,
    "torchvision": torchvision,
    "ultralytics": ultralytics,
}


def memory(engine) -> str:
    """Return the most memory of a GPU that was taken so far, else that of the process."""
    if engine == "torch":
        import torch

        taken = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    elif engine == "jax":
        import jax

        taken = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0)
    else:
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        taken = tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpus else 0
    if taken:
        return f"{taken / 2**20:.0f} MiB of the GPU"
    sys.path.insert(0, str(ROOT))
    from benchmarks import measuring

    return f"{measuring.resident():.0f} MiB"


def main():
    request = json.loads(sys.argv[1])
    if "engine" in request:
        os.environ["KERAS_BACKEND"] = request["engine"]
    # What the peers print must not get among the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        run, text = PEERS[request["peer"]](request, np.load(request["scene"]))
        start = time.perf_counter()
        run()
        if "engine" in request:
            seconds = time.perf_counter() - start
            first = "" if "compiled" in text else f", compiled in {seconds:.1f} s"
            text = f"{text}{first}, {memory(request['engine'])}"
    except Exception as error:
        print(json.dumps({"skipped": f"{type(error).__name__}: {error}"}), file=answers)
        return
    print(json.dumps({"ready": text}), file=answers)
    for _ in sys.stdin:
        run()
        print(file=answers)


if __name__ == "__main__":
    main()
