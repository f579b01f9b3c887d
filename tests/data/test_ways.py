from __future__ import annotations

import h5py
import numpy as np
import pytest

from e2e_tf.cli.data import inspect
from e2e_tf.data.ways import ways
from e2e_tf.errors import InputError


@pytest.fixture
def jetnet(tmp_path):
    path = tmp_path / "g 30.hdf5"
    with h5py.File(path, "w") as file:
        file["particle_features"] = np.ones((3, 2, 4), np.float32)
        file["jet_features"] = np.ones((3, 4), np.float32)
    return path


def test_a_file_of_this_library(tau_folder):
    what, (way,) = ways(tau_folder / "tau.h5")
    assert what == "jets of this library (HDF5)"
    assert (way.reader, way.complete, way.options) == ("e2e_tf", True, {"candidates": "perfect"})
    assert way.command == f"e2e-tf inspect {tau_folder / 'tau.h5'}"


def test_options_that_only_the_user_knows_are_named(jetnet, capsys):
    _, (way,) = ways(jetnet)
    assert not way.complete
    assert way.command == f"e2e-tf inspect '{jetnet}' --option label=LABEL"
    inspect(str(jetnet))
    said = capsys.readouterr().out
    assert "HDF5 with jet_features, particle_features" in said
    assert way.command in said
    inspect(str(jetnet), option=["label=1"])
    said = capsys.readouterr().out
    assert "jetnet, 3 entries" in said
    assert "histogram" in said
    assert "Per candidate" in said


def test_a_file_that_no_reader_recognises_is_described_all_the_same(tmp_path, capsys):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["mine"] = np.ones(3)
    assert ways(tmp_path / "a.h5") == ("HDF5 with mine", [])
    inspect(str(tmp_path / "a.h5"))
    said = capsys.readouterr().out
    assert "HDF5 with mine" in said
    assert "no reader recognises it; with --reader one of these" in said
    (tmp_path / "b.txt").write_text("some text")
    with pytest.raises(InputError, match="must be HDF5, ROOT"):
        inspect(str(tmp_path / "b.txt"))
