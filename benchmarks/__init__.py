"""Measurements, one command each; see README.md."""

import os

# As the user set it: importing mrcnn adds settings of TensorFlow, which peers are to do without.
ENVIRONMENT = dict(os.environ)
