"""Digits of 8 x 8 pixels, and a small model of them, for the tests' trainings."""

import keras
import pytest
from sklearn.datasets import load_digits

_x, _y = load_digits(return_X_y=True)
x_train, y_train = _x[:320] / 16, _y[:320]
x_val, y_val = _x[320:420] / 16, _y[320:420]

since_later_keras = pytest.mark.skipif(keras.__version__.startswith("3.0."), reason="see Versions in the README")

STEPS = 10  # of an epoch: 320 digits in batches of 32


def compiled(model):
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def classifier():
    layers = [keras.Input((64,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(10)]
    return compiled(keras.Sequential(layers))
