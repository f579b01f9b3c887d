"""Fixtures of the models' tests: small disjoint batches, one seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from graph_batches import Batch, disjoint_batch, one_graph, permuted


@pytest.fixture
def batch() -> Callable[..., Batch]:
    return disjoint_batch


@pytest.fixture
def alone() -> Callable[..., Batch]:
    return one_graph


@pytest.fixture
def permute() -> Callable[..., tuple[Batch, np.ndarray]]:
    return permuted


@pytest.fixture(autouse=True)
def _seed() -> None:
    import keras

    keras.utils.set_random_seed(0)
