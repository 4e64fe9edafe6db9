"""How good detections are, beside the annotations."""
