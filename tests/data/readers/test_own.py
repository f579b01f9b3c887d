from __future__ import annotations

import h5py
import numpy as np
import pytest

from e2e_tf.data.jets import write_jets
from e2e_tf.data.readers.entries import Report
from e2e_tf.data.readers.own import count_own, read_own
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
