"""With what Keras computes in the tests' trainings; JAX, by hand: PREVUE_TEST_KERAS=jax."""

import os

BACKENDS = os.environ.get("PREVUE_TEST_KERAS", "tensorflow torch").split()
os.environ.setdefault("KERAS_BACKEND", "torch" if "torch" in BACKENDS else BACKENDS[0])  # in pytest's own process
