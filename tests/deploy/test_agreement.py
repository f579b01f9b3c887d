"""How scores of a runtime are compared with those of Keras."""

from __future__ import annotations

import numpy as np

from e2e_tf.deploy.agreement import SMALLER, Agreement, compare, not_run
from e2e_tf.deploy.tolerance import TOLERANCE


def test_not_a_number_never_passes() -> None:
    assert not Agreement("x", 1, float("nan"), 0).passed
    assert not Agreement("x", 1, float("inf"), 0).passed
    assert Agreement("x", 1, 1e-5, 0).passed
    assert Agreement("x", 1, float("nan"), 0).failed


def test_the_largest_difference_of_any_column_and_its_jet() -> None:
    expected = [np.zeros((2, 2), np.float32), np.zeros((1, 1, 2), np.float32)]
    scores = [np.array([[0, 1e-3], [0, 0]], np.float32), np.array([[0, -2e-3]], np.float32)]
    found = compare("ONNX", expected, scores, np.array([7, 8, 9]))
    assert (found.jets, found.where, found.tolerance, found.required) == (3, 9, TOLERANCE, True)
    assert found.difference == np.float32(2e-3)
    assert found.failed
    small = compare("ONNX, int8", expected, scores, np.array([7, 8, 9]), "onnx_int8")
    assert (small.tolerance, small.required, small.passed) == (SMALLER["onnx_int8"], False, True)
    scores[0][1, 0] = np.nan
    found = compare("ONNX", expected, scores, np.array([7, 8, 9]))
    assert (found.difference, found.where, found.failed) == (np.inf, 8, True)


def test_what_was_not_run_neither_passes_nor_fails() -> None:
    found = not_run("ONNX in C++", "not built")
    assert (found.jets, found.verdict, found.passed, found.failed) == (0, "not built", False, False)
