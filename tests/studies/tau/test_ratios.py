"""Rejections over those of the trees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest


def test_ratios_over_the_trees_are_those_of_the_same_jets(jets):
    """1/ε_B of 10 and 20 for two seeds of a row, 5 for the trees: three times as many."""
    from studies.tau.ratios import ratios
    from studies.tau.report import TREES

    label = np.repeat([1, 0], [100, 100]).astype(np.int8)
    rows = np.arange(200) % len(jets)
    event = np.arange(200)
    weight = np.where(np.arange(200) < 150, 1, 3).astype(np.float32)  # of generated events
    same = {**jets.take(rows).columns, "pt": np.full(200, 25, np.float32)}
    taken = replace(jets.take(rows), columns=same, label=label, event=event, weight=weight)

    def scores(above):
        """70 of the signal and so many of the background at 1, the others below."""
        score = np.zeros(200, np.float32)
        score[:70], score[100 : 100 + above] = 1, 1
        return score

    evaluated = {TREES: [scores(20)], "a row": [scores(10), scores(5)], "the trees again": [scores(20)]}
    found = ratios(evaluated, taken, np.ones(200, np.float32))
    assert found["a row"]["value"] == pytest.approx(3.0)
    assert found["a row"]["seeds"] == 2
    assert found["a row"]["value_error"] > 0.3
    # Of the background's 50 + 3 x 50 what passes has weight 20, 10 and 5: half of the shares, twice the rejection.
    assert found["a row"]["weighted"]["rejection"] == pytest.approx(30.0)
    assert found["a row"]["weighted"]["value"] == pytest.approx(3.0)
    # The errors of both sides are in common: against itself there is none.
    again = found["the trees again"]
    assert (again["value"], again["value_error"], again["seeds"]) == (1.0, 0.0, 1)
