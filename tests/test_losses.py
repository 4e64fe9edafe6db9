"""What the losses do beyond the older package's numbers, which test_nn_conformance.py has."""

import math

import numpy as np
import pytest

from mrcnn.nn import losses


def class_loss(probabilities, gamma, active=(1, 1)):
    """The loss of RoIs of class 1 that have these probabilities of it."""
    p = np.array([probabilities])
    logits = np.log(np.stack([1 - p, p], axis=-1)).astype(np.float32)
    ids = np.ones(p.shape, np.int32)
    return float(losses.mrcnn_class_loss(ids, logits, np.array([active], np.int32), gamma))


def test_gamma_weighs_rois_by_how_wrong_they_are():
    expected = -(0.75 * math.log(0.25) + 0.1 * math.log(0.9)) / (0.75 + 0.1)
    assert class_loss([0.25, 0.9], 1.0) == pytest.approx(expected, rel=1e-5)
    plain = -(math.log(0.25) + math.log(0.9)) / 2
    assert class_loss([0.25, 0.9], 0.0) == pytest.approx(plain, rel=1e-5)
    assert class_loss([0.25, 0.9], 2.0) > class_loss([0.25, 0.9], 1.0) > plain


def test_gamma_leaves_out_what_predicts_an_inactive_class():
    # The second RoI is most likely of class 1, which its data set does not know.
    assert class_loss([0.25, 0.9], 1.0, (1, 0)) == pytest.approx(-math.log(0.25), rel=1e-5)
    assert class_loss([0.8, 0.9], 1.0, (1, 0)) == 0


def test_the_weight_is_no_way_to_a_lower_loss():
    """Its gradient would reward being wrong on what is hard; only the entropy has one."""
    import tensorflow as tf

    logits = tf.constant([[[0.0, 1.0], [0.0, -1.0]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.mrcnn_class_loss(np.ones((1, 2), np.int32), logits, np.ones((1, 2)), 1.0)
    gradient = tape.gradient(loss, logits).numpy()[0]
    p = 1 / (1 + np.exp([-1.0, 1.0]))
    weight = (1 - p) / (1 - p).sum()
    np.testing.assert_allclose(gradient[:, 1], -weight * (1 - p), rtol=1e-5)
