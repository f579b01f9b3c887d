from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from e2e_tf.data.jets import Ragged, write_jets
from e2e_tf.data.readers.entries import Report
from e2e_tf.data.readers.own import count_own, read_own
from e2e_tf.data.sources import load_sample
from e2e_tf.errors import InputError


@pytest.fixture
def path(make_jets, tmp_path):
    write_jets(tmp_path / "a.h5", make_jets(7, seed=2))
    return tmp_path / "a.h5"


def test_a_range_is_that_of_the_whole(path, make_jets):
    jets = make_jets(7, seed=2)
    assert count_own(path) == 7
    report = Report()
    part = read_own(path, start=2, stop=5, report=report)
    np.testing.assert_array_equal(part.event, jets.event[2:5])
    np.testing.assert_array_equal(part["pt"], jets["pt"][2:5])
    np.testing.assert_array_equal(
        part.hits["ecal"]["value"], jets.take(np.arange(2, 5)).hits["ecal"]["value"]
    )
    assert report.read == 3
    assert len(read_own(path, start=9)) == 0


def test_errors(path):
    with pytest.raises(InputError, match="start and stop must satisfy"):
        read_own(path, start=3, stop=1)
    with pytest.raises(InputError, match="on_error must be 'stop' or 'skip'"):
        read_own(path, on_error="ignore")
    with h5py.File(path, "r+") as file:
        del file["event"]
    with pytest.raises(InputError, match="has no data set event"):
        count_own(path)


def test_candidates_of_particle_flow_take_the_others_place(path, make_jets, tmp_path):
    jets = make_jets(7, seed=2)
    found = make_jets(7, seed=3).candidates
    both = {"candidate": Ragged({**found.columns, "energy": found["pt"] * 2}, found.offsets)}
    write_jets(tmp_path / "both.h5", replace(jets, objects=both))
    np.testing.assert_array_equal(read_own(tmp_path / "both.h5").candidates["pt"], jets.candidates["pt"])
    other = read_own(tmp_path / "both.h5", start=2, candidates="particle_flow")
    np.testing.assert_array_equal(other.candidates["pt"], found.take(np.arange(2, 7))["pt"])
    np.testing.assert_array_equal(other["pt"], jets["pt"][2:])
    # As data.options of a configuration.
    chosen, _ = load_sample(str(tmp_path / "both.h5"), options={"candidates": "particle_flow"})
    np.testing.assert_array_equal(chosen.candidates["pt"], found["pt"])
    with pytest.raises(InputError, match=r"has no candidates of particle flow .*simulate --objects"):
        read_own(path, candidates="particle_flow")
    with pytest.raises(InputError, match="candidates must be 'perfect' or 'particle_flow', got 'best'"):
        read_own(path, candidates="best")
