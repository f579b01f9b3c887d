"""What scores may differ by."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.deploy.agreement import compare
from e2e_tf.deploy.tolerance import TOLERANCE, Tolerance, column_tolerance, measured_tolerance
from e2e_tf.errors import InputError


def test_each_output_has_a_tolerance_of_its_own() -> None:
    scores = [np.array([[0.5, 30.0, 40.0]], np.float32), np.array([[[0.25, np.nan, 50.0]]], np.float32)]
    entry = measured_tolerance(scores, {"tau": 1, "pt": 2})
    rms = float(np.sqrt((30**2 + 40**2 + 50**2) / 3))
    assert entry == {
        "tau": {"absolute": 1e-5, "relative": 1e-5},
        "pt": {"absolute": pytest.approx(1e-5 * rms, rel=0.01), "relative": 1e-5},
    }
    manifest = {"outputs": [{"columns": {"tau": 1, "pt": 2}, "tolerance": entry}]}
    found = column_tolerance(manifest).allowed(np.array([[1.0, 100.0, np.inf]]))
    a = entry["pt"]["absolute"]
    np.testing.assert_allclose(found, [[2e-5, a + 1e-3, a]])
    assert column_tolerance({"outputs": [{}]}) == Tolerance(TOLERANCE, 0.0)


def test_a_model_in_gev_passes_and_a_wrong_one_does_not() -> None:
    """Columns of a probability and of a momentum; rounding of float32, then one in ten thousand."""
    rng = np.random.default_rng(0)
    expected = np.stack([rng.random(200), rng.normal(0, 80, 200)], axis=1).astype(np.float32)
    tolerance = column_tolerance(
        {
            "outputs": [
                {
                    "columns": {"tau": 1, "pt": 1},
                    "tolerance": measured_tolerance([expected], {"tau": 1, "pt": 1}),
                }
            ]
        }
    )
    where = np.arange(200)
    rounded = expected * np.float32(1 + 5e-7)
    assert np.abs(rounded - expected).max() > TOLERANCE
    assert compare("ONNX", [expected], [rounded], where, tolerance=tolerance).passed
    for column, wrong in ((0, 1e-4), (1, 5e-3)):
        scores = expected.copy()
        scores[17, column] += wrong
        found = compare("ONNX", [expected], [scores], where, tolerance=tolerance)
        assert (found.failed, found.where) == (True, 17)
        assert found.difference == pytest.approx(wrong, rel=0.05)
        assert found.tolerance < wrong
    swapped = compare("ONNX", [expected], [expected[:, ::-1]], where, tolerance=tolerance)
    assert swapped.failed


def test_nan_agrees_with_nan_and_infinity_with_itself() -> None:
    expected = [np.array([[np.nan], [np.inf], [1.0]], np.float32)]
    where = np.arange(3)
    assert compare("ONNX", expected, [expected[0].copy()], where).passed
    for row, value in ((0, 1.0), (1, -np.inf), (1, np.nan), (2, np.nan)):
        other = expected[0].copy()
        other[row] = value
        found = compare("ONNX", expected, [other], where)
        assert (found.failed, found.where, found.difference) == (True, row, np.inf)


def test_a_tolerance_of_other_columns_is_refused() -> None:
    one = {"absolute": 1e-5, "relative": 1e-5}
    for entry in ({"a": one}, {"a": one, "b": one, "c": one}):
        output = {"columns": {"a": 1, "b": 1}, "tolerance": entry}
        with pytest.raises(InputError, match=r"each of the columns a, b, .*; it gives those of a"):
            column_tolerance({"outputs": [output]})
