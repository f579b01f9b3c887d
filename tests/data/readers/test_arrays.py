from __future__ import annotations

import h5py
import numpy as np
import pytest

from e2e_tf.data.readers.arrays import (
    hdf5_length,
    hdf5_rows,
    hdf5_shape,
    npy_rows,
    npz_rows,
    npz_shape,
    open_hdf5,
    open_npz,
)
from e2e_tf.errors import InputError


def test_hdf5(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"], file["words"], file["one"] = np.arange(6).reshape(3, 2), ["a", "b"], 1.0
        file["table"] = np.zeros(3, [("a", "f4"), ("b", "i4")])
        file.create_group("group")
    assert hdf5_length(path, ("x", "one"), "x") == 3
    with pytest.raises(InputError, match="has no data set y"):
        hdf5_length(path, ("x", "y"), "x")
    with open_hdf5(path) as (found, file):
        assert found == path
        np.testing.assert_array_equal(hdf5_rows(path, file["x"], 1, 3), [[2, 3], [4, 5]])
        assert hdf5_rows(path, file["table"], 0, 2).dtype.names == ("a", "b")
        with pytest.raises(InputError, match="/words must hold numbers, it holds object"):
            hdf5_rows(path, file["words"], 0, 1)
        with pytest.raises(InputError, match="group must be an array, it is a group"):
            hdf5_shape(path, file, "group")
        with pytest.raises(InputError, match="one must be an array, it is a single value"):
            hdf5_shape(path, file, "one")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"), open_hdf5(path):
        pass


@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_rows_are_those_of_the_array(tmp_path, order):
    array = np.asarray(np.arange(24.0).reshape(6, 2, 2), order=order)
    np.savez_compressed(tmp_path / "a.npz", x=array, words=np.array(["a"], object))
    with open_npz(tmp_path / "a.npz") as (path, file):
        assert npz_shape(path, file, "x") == (6, 2, 2)
        np.testing.assert_array_equal(npz_rows(path, file, "x", 2, 5), array[2:5])
        assert npz_rows(path, file, "x", 6, 6).shape == (0, 2, 2)
        with pytest.raises(InputError, match="words must be an array of numbers, it holds Python objects"):
            npz_rows(path, file, "words", 0, 1)


def test_npz_and_npy_are_told_apart(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3))
    np.save(tmp_path / "a.npy", np.arange(3))
    np.testing.assert_array_equal(npy_rows(tmp_path / "a.npy"), [0, 1, 2])
    with pytest.raises(InputError, match="must be a single npy array, it is an npz archive"):
        npy_rows(tmp_path / "a.npz")
    with pytest.raises(InputError, match="must be an npz archive"), open_npz(tmp_path / "a.npy"):
        pass
