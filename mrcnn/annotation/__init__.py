"""Annotation files: every form that VIA writes, and COCO's JSON."""
