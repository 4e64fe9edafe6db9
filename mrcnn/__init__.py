"""Mask R-CNN for one's own objects: the older `mrcnn` package's interface on Keras 3.

Importing this loads neither Keras nor TensorFlow; `mrcnn.model` does.
"""

import os

__version__ = "1.0.0"

# TensorFlow's warnings and cost estimates bury what a script has to say. What goes wrong is raised
# as an exception; `TF_CPP_MIN_LOG_LEVEL=0` in the environment brings its log back.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# PyTorch's threads wait for one another in busy loops, and where other programs want the processor
# too a step took 11 s in place of 1.7.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
