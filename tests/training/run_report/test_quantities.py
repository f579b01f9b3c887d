from __future__ import annotations

import numpy as np
import pytest
from hist.intervals import clopper_pearson_interval

from e2e_tf.training.run_report.quantities import (
    binomial_interval,
    bins_of,
    distribution,
    efficiency,
    response,
)


def test_a_distribution_has_unit_area_with_weights():
    plot = distribution(
        "pt", {"a": (np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0]))}, unit="GeV", bins=4
    )
    (trace,) = plot.data
    assert trace["x"].tolist() == [1, 2, 3]  # a bin for each whole number
    np.testing.assert_allclose(trace["y"], [0.25, 0.25, 0.5])
    assert plot.layout["xaxis"]["title"]["text"] == "p<sub>T</sub> [GeV]"
    smooth = distribution("x", {"a": (np.linspace(0, 1, 1001), np.ones(1001))}, bins=10)
    np.testing.assert_allclose(smooth.data[0]["y"], 1, rtol=0.02)


def test_a_distribution_of_nothing():
    assert distribution("x", {"a": (np.zeros(0), np.zeros(0))}).data[0]["y"].tolist() == [0] * 40


def test_bins_hold_as_many_each():
    values = np.random.default_rng(1).exponential(size=800)
    counts = np.histogram(values, bins_of(values))[0]
    assert counts.sum() == 800
    assert counts.min() >= 99
    assert len(bins_of(np.array([3, 3, 3]))) == 2
    assert np.histogram([3, 3], bins_of(np.array([3, 3, 3])))[0].tolist() == [2]


def test_intervals_are_those_of_hist():
    passed, total = np.array([0, 1, 7, 10]), np.array([10, 10, 10, 10])
    low, high = binomial_interval(passed, total)
    np.testing.assert_allclose([low, high], clopper_pearson_interval(passed, total), atol=1e-4)


def test_efficiencies_count_jets():
    values = np.array([1.0, 1.0, 2.0, 2.0, 1.0, 2.0])
    label = np.array([1, 1, 1, 1, 0, 0])
    passed = np.array([1, 0, 1, 1, 0, 1], bool)
    signal, background = efficiency("pt", values, label, {"run": passed}, unit="GeV")
    assert signal.data[0]["y"].tolist() == [1.0 - 1 / 4] or signal.data[0]["customdata"].sum() == 7
    assert background.data[0]["customdata"][:, 0].sum() == 1
    assert background.data[0]["customdata"][:, 1].sum() == 2
    assert signal.layout["xaxis"]["title"]["text"] == "p<sub>T</sub> [GeV]"


def test_response_of_a_shifted_prediction():
    true = np.linspace(10, 50, 400)
    ratio, against = response("pt", true, 1.1 * true, "GeV")
    assert "predicted / true" in ratio.layout["xaxis"]["title"]["text"]
    np.testing.assert_allclose(against.data[1]["y"], 1.1)
    assert against.data[0]["mode"] == "lines"  # the band has no points at its ends
    assert against.layout["shapes"][0]["y0"] == 1
    difference, against = response("eta", true - 30, true - 29.5, "")
    np.testing.assert_allclose(against.data[1]["y"], 0.5, atol=1e-9)
    assert against.layout["shapes"][0]["y0"] == 0
    assert "predicted − true" in difference.layout["xaxis"]["title"]["text"]
    assert pytest.approx(1.1) == np.median(1.1 * true / true)
