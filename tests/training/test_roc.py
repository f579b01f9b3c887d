from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.training.roc import Roc, checked, checked_efficiencies, effective_count, rejection_of


def test_four_points():
    """Scores 4, 3, 2, 1 of signal, background, signal, background: three of four pairs are in order."""
    roc = Roc(*checked([1, 0, 1, 0], [4, 3, 2, 1], None))
    assert roc.auc == 0.75
    np.testing.assert_array_equal(roc.signal, [0, 0.5, 0.5, 1, 1])
    np.testing.assert_array_equal(roc.background, [0, 0, 0.5, 0.5, 1])
    np.testing.assert_array_equal(roc.reaching(np.array([0.25, 0.5, 0.75])), [1, 1, 3])
    np.testing.assert_array_equal(roc.background_at(np.array([0.5, 0.75, 1])), [0, 0.5, 0.5])


def test_rejection_and_its_limit():
    assert rejection_of(0.02, 100).value == pytest.approx(50)
    assert not rejection_of(0.02, 100).is_limit
    limit = rejection_of(0.0, 300)
    assert limit.is_limit
    assert limit.value == pytest.approx(300 / 2.9957, rel=1e-4)


def test_effective_count():
    assert effective_count(np.ones(7)) == 7
    assert effective_count(np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6)


def test_what_is_checked():
    label, score, weight = checked([1, 0], [0.5, 0.25], None)
    assert (label.dtype, score.dtype, weight.tolist()) == (np.int8, np.float64, [1, 1])
    np.testing.assert_array_equal(checked_efficiencies(0.5), [0.5])
    with pytest.raises(InputError, match="above 0 and at most 1"):
        checked_efficiencies([0.5, 1.5])
    with pytest.raises(InputError, match="holds no background"):
        checked([1, 1], [0.5, 0.25], None)
