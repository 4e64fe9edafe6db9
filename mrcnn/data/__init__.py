"""Arrays before the network: photos, masks, anchors, augmentation, samples, batches."""
