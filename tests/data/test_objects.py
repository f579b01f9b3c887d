"""The schema of detector objects: which kinds and columns there may be."""

from __future__ import annotations

import re
from dataclasses import replace

import h5py
import numpy as np
import pytest

from e2e_tf.data.jets import Ragged, read_jets, write_jets
from e2e_tf.data.objects import OBJECTS, check_objects
from e2e_tf.errors import InputError


def test_the_schema_is_complete():
    assert list(OBJECTS) == ["track", "ecal", "hcal", "pixel", "vertex", "candidate"]
    track = [column.name for column in OBJECTS["track"]]
    assert track[:6] == ["pt", "deta", "dphi", "deta_face", "dphi_face", "charge"]
    assert track[6:10] == ["d0", "dz", "d0_error", "dz_error"]
    assert track[10:] == ["chi2", "n_hits", "n_pixel_hits", "from_pv"]
    assert [column.name for column in OBJECTS["ecal"]] == ["energy", "deta", "dphi", "time"]
    assert [column.name for column in OBJECTS["hcal"]] == ["energy", "deta", "dphi", "depth"]
    assert [column.name for column in OBJECTS["pixel"]] == ["deta", "dphi", "layer"]
    assert [column.name for column in OBJECTS["vertex"]] == ["z", "sum_pt2", "n_tracks"]
    for columns in OBJECTS.values():
        assert all(column.description and np.dtype(column.dtype) for column in columns)


def test_columns_that_only_some_have_may_be_absent(make_jets, tmp_path):
    jets = make_jets(5)
    ecal = jets.objects["ecal"]
    fewer = Ragged({k: v for k, v in ecal.columns.items() if k != "time"}, ecal.offsets)
    write_jets(tmp_path / "jets.h5", replace(jets, objects={"ecal": fewer}))
    back = read_jets(tmp_path / "jets.h5")
    assert list(back.objects) == ["ecal"]
    assert sorted(back.objects["ecal"].columns) == ["deta", "dphi", "energy"]


def test_an_unknown_kind_is_refused(make_jets):
    jets = make_jets(5)
    message = "objects must be of the kinds track, ecal, hcal, pixel, vertex, candidate, not 'muon'"
    with pytest.raises(InputError, match=re.escape(message)):
        replace(jets, objects={"muon": jets.objects["track"]})


def test_a_missing_column_is_named():
    message = "objects/track needs the columns pt, deta, dphi, deta_face, dphi_face, charge; it lacks dphi_face, charge"
    with pytest.raises(InputError, match=re.escape(message)):
        check_objects({"track": {"pt", "deta", "dphi", "deta_face", "d0"}})


def test_objects_of_too_few_jets_are_refused(make_jets):
    jets = make_jets(6)
    with pytest.raises(InputError, match=re.escape("{'objects/hcal': 2}")):
        replace(jets, objects={"hcal": jets.objects["hcal"].take(np.array([0, 1]))})


def test_a_number_that_must_not_be_negative_has_its_unit(make_jets, tmp_path):
    path = tmp_path / "jets.h5"
    write_jets(path, make_jets(8))
    with h5py.File(path, "a") as file:
        file["objects/track/d0_error"][1] = -0.5
    with pytest.raises(
        InputError, match=re.escape("objects/track/d0_error must be finite and not negative [cm]")
    ):
        read_jets(path)
