"""Tables of the page."""

from __future__ import annotations

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
