"""Arrays before the network: photos, masks, augmentation, samples, batches."""
