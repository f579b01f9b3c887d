import numpy as np
import pytest

from e2e_tf.data.readers.erum import count_erum
from e2e_tf.data.readers.erum_jets import read_erum_belle, read_erum_top_tagging
from e2e_tf.errors import InputError


def test_top_tagging(write_splits, tmp_path):
    x = np.zeros((2, 200, 4), np.float32)
    x[0, :2] = [[5, 3, 0, 4], [10, 0, 6, 8]]
    path = write_splits(tmp_path / "1.npz", X_0=x, X_1=np.array([0, 2]), y=np.array([1, 0]))
    assert count_erum(path) == 2
    jets = read_erum_top_tagging(path, split="test")
    np.testing.assert_allclose(jets.candidates["pt"], [3, 6])
    np.testing.assert_allclose(jets["mass"], [np.sqrt(15**2 - 9 - 36 - 144), 0], rtol=1e-6)
    np.testing.assert_array_equal(jets.label, [1, 0])
    np.testing.assert_array_equal(jets.truth["ttv"], [0, 2])
    np.testing.assert_array_equal(jets.event, [2**40, 2**40 + 1])
    np.testing.assert_array_equal(read_erum_top_tagging(path, start=1).truth["ttv"], [2])


def test_belle(write_splits, tmp_path):
    x = np.zeros((2, 100, 9))
    mothers = np.full((2, 100), -1)
    x[0, [0, 2, 3]] = [
        [0, 9, 0, 0, 0, 3, 4, 5, 11],
        [1, 2, 0, 0, 0, 1, 0, 0, 15],
        [1, 2, 0, 0, 0, 0, 1, 0, 15],
    ]
    mothers[0, [2, 3]] = [0, 2]
    path = write_splits(tmp_path / "6.npz", X_0=x, X_1=mothers, y=np.array([1, 0]))
    jets = read_erum_belle(path)
    np.testing.assert_array_equal(jets.candidates.counts, [3, 0])
    np.testing.assert_array_equal(jets.candidates["mother"], [-1, 0, 1])
    np.testing.assert_array_equal(jets.candidates["PID"], [11, 15, 15])
    np.testing.assert_allclose(jets.candidates["pt"], [5, 1, 1])
    mothers[0, 3] = 1  # padding
    path = write_splits(tmp_path / "m.npz", X_0=x, X_1=mothers, y=np.array([1, 0]))
    with pytest.raises(InputError, match="X_1 must name a particle of the event"):
        read_erum_belle(path)
    assert len(read_erum_belle(path, on_error="skip")) == 1
