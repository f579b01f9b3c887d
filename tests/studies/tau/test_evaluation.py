"""Efficiencies, calibration and thresholds by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.training.prepare import Split


def test_shares_and_calibration_by_hand():
    from studies.tau.evaluation import calibration, passing

    passed = np.array([True, False, True, True])
    weight = np.array([3.0, 1.0, 1.0, 1.0])
    first, second, empty = passing(passed, np.array([1, 1, 2, 3]), weight, (0, 2, 4, 6))
    assert (first["value"], second["value"], empty["value"]) == (0.75, 1.0, None)
    effective = 16 / 10
    assert first["error"] == pytest.approx(np.sqrt(0.75 * 0.25 / effective))
    found = calibration(np.array([0, 1, 1]), np.array([0.92, 0.98, 0.05]), np.array([1.0, 3.0, 4.0]))
    assert [entry["share"] for entry in found] == [0.5, 0.5]
    assert found[0]["signal"] == 1
    assert found[1]["signal"] == 0.75
    assert found[1]["score"] == pytest.approx((0.92 + 3 * 0.98) / 4)


def test_evaluation_finds_what_was_put_in(jets):
    """A score with known thresholds: all bins are there, and the flat efficiencies add up to the whole one."""
    from studies.tau.evaluation import MODES, evaluated, threshold

    rng = np.random.default_rng(1)
    label = jets.label
    truth = {**jets.truth, "n_pileup": rng.integers(0, 50, len(jets))}
    test = Split(replace(jets, truth=truth), None, np.ones(len(jets), np.float32))
    score = np.clip(rng.normal(0.4 + 0.2 * label, 0.2), 0, 1)
    found = evaluated(score, test)
    assert {name: len(bins) for name, bins in found["bins"].items()} == {
        "pt": 4,
        "eta": 3,
        "pileup": 3,
        "decay_mode": len(MODES),
    }
    assert sum(b["background"] for b in found["bins"]["pt"]) == np.sum(label == 0)
    cut = threshold(label, score, test.weight)
    assert np.mean(score[label == 1] >= cut) == pytest.approx(0.7, abs=0.01)
    counts = [b["background"] for b in found["bins"]["pt"]]
    shares = [b["value"] for b in found["flat"]["pt"]]
    assert np.average(shares, weights=counts) == pytest.approx(np.mean(score[label == 0] >= cut))
    seventy = next(r for r in found["rejection"] if r["efficiency"] == 0.7)
    assert 1 / seventy["value"] == pytest.approx(np.mean(score[label == 0] >= cut), abs=0.01)
