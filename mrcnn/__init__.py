"""Mask R-CNN for one's own objects: the older `mrcnn` package's interface on Keras 3.

Importing this loads neither Keras nor TensorFlow; `mrcnn.model` does.
"""

import os

__version__ = "1.0.0"

# TensorFlow's start-up notes and cost estimates bury what a script has to say; errors still show.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
