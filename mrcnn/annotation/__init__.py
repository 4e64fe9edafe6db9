"""Annotation files: every form that VIA writes, labelme's, and COCO's JSON."""
