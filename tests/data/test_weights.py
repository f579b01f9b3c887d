from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.weights import class_weighted
from e2e_tf.errors import InputError

LABEL = np.array([0, 1, 1, 0, 2])


def test_weights_and_factors_multiply_and_the_given_weights_stay():
    weight = np.array([1, 2, 3, 4, 5], np.float64)
    found = class_weighted(LABEL, weight, {0: 0.5, 1: 2, 2: 10, 7: 99})
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [0.5, 4, 6, 2, 50])
    np.testing.assert_array_equal(weight, [1, 2, 3, 4, 5])


def test_what_is_not_given_counts_as_one():
    assert class_weighted(LABEL, None, None) is None
    assert class_weighted(None, None, None) is None
    np.testing.assert_array_equal(class_weighted(None, np.array([1, 2]), None), [1, 2])
    np.testing.assert_array_equal(class_weighted(LABEL, None, {0: 3, 1: 1, 2: 1}), [3, 1, 1, 3, 1])


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (None, "class_weight needs labels of one integer per graph"),
        (np.zeros((5, 2), int), "class_weight needs labels of one integer per graph"),
        (LABEL, r"class_weight must have a factor for every label, it lacks \[2\]"),
    ],
)
def test_labels_without_a_factor_are_refused(label, message):
    with pytest.raises(InputError, match=message):
        class_weighted(label, None, {0: 1, 1: 1})
