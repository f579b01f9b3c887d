"""Tables and pictures of the page."""

from __future__ import annotations

import numpy as np
import pytest


def test_tables_quote_seeds_errors_and_limits():
    from studies.tau.report import between, over_seeds, summary

    def result(value, error, is_limit=False):
        one = {"efficiency": 0.7, "value": value, "error": error, "is_limit": is_limit}
        return {"rejection": [{**one, "efficiency": 0.5, "value": 1.0}, one]}

    assert summary([result(100.0, 10.0), result(120.0, 14.0)], 0.7) == "110 ± 12 (14)"
    assert summary([result(12.0, 1.0)], 0.7) == "12.0 ± 1.0"
    assert summary([result(100.0, 10.0), result(90.0, None, True)], 0.7) == "> 90"
    assert over_seeds([0.98, 0.99], 0.001, 3) == "0.985 ± 0.001 (0.007)"
    page = "a\n<!-- main: begin -->\nold\n<!-- main: end -->\nz\n"
    assert between(page, "main", ["| new |"]) == "a\n<!-- main: begin -->\n| new |\n<!-- main: end -->\nz\n"
    with pytest.raises(SystemExit, match="the page has no place for the table 'flat'"):
        between(page, "flat", [])


def test_bars_at_working_points_are_the_errors_of_the_rejection(tmp_path, drawn):
    from studies.tau.evaluation import CURVE
    from studies.tau.report import draw_rejections

    curve = CURVE**3 / 10
    errors = {"trees": {0.5: 0.2, 0.7: 0.1, 0.9: 0.05}}
    draw_rejections({"trees": curve}, "trees", tmp_path / "roc.png", errors)
    (bars,) = drawn[0].axes[0].collections
    for (low, high), (level, error) in zip(bars.get_segments(), errors["trees"].items(), strict=True):
        height = 1 / np.interp(level, CURVE, curve)
        np.testing.assert_allclose([*low, *high], [level, height * (1 - error), level, height * (1 + error)])
