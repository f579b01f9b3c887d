"""Starts the process in which models are reloaded, and seeds every test."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def _fresh_process() -> None:
    from fresh_process import fresh_process

    fresh_process()


@pytest.fixture(autouse=True)
def _seed() -> None:
    import keras

    keras.utils.set_random_seed(0)
    np.random.seed(0)  # noqa: NPY002  (what Keras' initializers and Spektral read)
