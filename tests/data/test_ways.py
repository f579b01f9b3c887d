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
    assert "no reader recognises it; the formats are cms_uds_g, e2e_tf" in said
    assert "way" not in said
    (tmp_path / "b.txt").write_text("some text")
    with pytest.raises(InputError, match="must be HDF5, ROOT"):
        inspect(str(tmp_path / "b.txt"))


def test_arrays_of_other_names_are_read_with_the_command_that_is_shown(tmp_path, capsys):
    np.savez(tmp_path / "a b.npz", jets=np.ones((3, 2, 4)), other=np.ones(3))
    what, (way,) = ways(tmp_path / "a b.npz")
    assert what == "npz with jets, other"
    options = "--option columns=COLUMNS --option key=jets --option label_key=none"
    assert way.command == f"e2e-tf inspect '{tmp_path}/a b.npz' --reader padded {options}"
    assert (way.complete, way.recognised) == (False, False)
    inspect(str(tmp_path / "a b.npz"))
    assert f"values of yours in place of the capitals:\n  {way.command}\n" in capsys.readouterr().out
    typed = way.command.replace("COLUMNS", "px,py,pz,energy").rpartition(" --reader padded ")[2]
    inspect(
        str(tmp_path / "a b.npz"), reader="padded", option=typed.removeprefix("--option ").split(" --option ")
    )
    assert "padded, 3 entries" in capsys.readouterr().out


def test_a_way_that_fails_is_told_apart_with_the_reason(tmp_path, capsys):
    """A tree of jets and of rec hits, whose reader has to be told which ones are meant."""
    uproot = pytest.importorskip("uproot")
    import awkward

    with uproot.recreate(tmp_path / "nano.root") as file:
        one = awkward.Array([[30.0], [40.0, 25.0]])
        jets = {name: one for name in ("pt", "eta", "phi", "mass")}
        file["Events"] = {
            **{name: np.arange(2) for name in ("run", "luminosityBlock", "event")},
            "Jet": awkward.zip(jets),
            "EcalRecHit": awkward.zip({name: one for name in ("energy", "eta")}),
        }
    inspect(str(tmp_path / "nano.root"))
    shown, _, failing = capsys.readouterr().out.partition("commands that fail as they stand, and why:\n")
    command = f"  e2e-tf inspect {tmp_path}/nano.root --reader"
    assert f"ways to read it:\n{command} nano_jets\n" in shown
    assert failing.startswith(f"{command} nano_objects\n")
    assert failing.endswith(
        "\n    the reader nano_objects needs a collection for one of track, ecal, hcal, pixel, vertex, "
        "such as --option track=IsoTrack\n"
    )


def test_what_a_file_is_stands_before_the_reason_that_it_cannot_be_read(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", X=np.full((3, 2, 4), np.nan), y=np.array([0, 1, 2]))
    with pytest.raises(InputError, match="label|y"):
        inspect(str(tmp_path / "a.npz"), option=["columns=px,py,pz,energy"])
    assert "a.npz: npz with X, y" in capsys.readouterr().out
