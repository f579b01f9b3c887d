"""Milliseconds of one jet in an exported run."""

from __future__ import annotations

import numpy as np

from studies.tau.latency import NODES, latency, one_jet
from studies.tau.rows import Row


def test_one_jet_of_an_exported_run_is_timed(trained):
    found = latency(Row(graph={}, model={"name": "gat_cheb"}), trained)
    assert found["interface"] == "edges"
    assert found["bytes"] > 10_000
    assert 0 < found["least"] <= found["milliseconds"] <= found["p99"]


def test_the_timed_jet_has_as_many_nodes_as_it_says(trained):
    feeds = one_jet(trained, {"interface": "padded"})
    assert feeds["mask"].shape == (1, 1, NODES)
    assert feeds["mask"].all()
    assert all(np.isfinite(value).all() for value in feeds.values())
    again = one_jet(trained, {"interface": "padded"})
    for name, value in feeds.items():
        np.testing.assert_array_equal(again[name], value)
