"""Frames: read, tracked, drawn on, written."""
