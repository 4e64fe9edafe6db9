"""From which IoU on a box holds an object, as the papers have it."""

# Faster R-CNN (Ren et al. 2015, 3.1.2): an anchor with at least this much of an object is an
# object, one with less of every object than that is background, the rest teaches nothing.
ANCHOR_POSITIVE_IOU = 0.7
ANCHOR_NEGATIVE_IOU = 0.3
# Fast R-CNN (Girshick 2015, 2.3): a RoI holds the object that it overlaps by half.
ROI_POSITIVE_IOU = 0.5
# What is on a crowd is never background; a touch by rounding is no overlap.
CROWD_IOU = 0.001
