"""Detections as records and files for other programs."""
