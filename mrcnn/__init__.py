"""Mask R-CNN for one's own objects: the older `mrcnn` package's interface on Keras 3.

Importing this loads neither Keras nor TensorFlow; `mrcnn.model` does.
"""

import os

__version__ = "1.0.0"

# TensorFlow's start-up notes and cost estimates bury what a script has to say. What goes wrong is
# raised as an exception; `TF_CPP_MIN_LOG_LEVEL=0` in the environment brings its log back. Saying
# that oneDNN is on, which it is anyway, keeps TensorFlow from saying so.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
