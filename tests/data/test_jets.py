"""Jets in memory and their files: round trips, selections, and what is refused."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
from same import assert_same_jets

from e2e_tf.data.jets import Jets, Ragged, concatenate_jets, read_jets, write_jets
from e2e_tf.errors import InputError


def test_ragged_take_by_hand():
    rows = Ragged.from_counts({"v": np.array([10, 11, 20, 40, 41, 42])}, np.array([2, 1, 0, 3]))
    assert rows.offsets.tolist() == [0, 2, 3, 3, 6]
    assert rows.owner.tolist() == [0, 0, 1, 3, 3, 3]
    taken = rows.take(np.array([3, 2, 0]))
    assert taken.offsets.tolist() == [0, 3, 3, 5]
    assert taken["v"].tolist() == [40, 41, 42, 10, 11]


@pytest.mark.parametrize("offsets", [[0, 2, 5], [0, 4, 3], [1, 3, 3]])
def test_offsets_that_do_not_fit_are_refused(offsets):
    with pytest.raises(InputError, match="offsets must rise from 0 to the number of rows"):
        Ragged({"v": np.arange(3)}, np.array(offsets))


def test_columns_of_another_length_are_refused(make_jets):
    jets = make_jets(6)
    message = "every column must have one entry per jet (6); these do not: {'jets/pt': 5}"
    with pytest.raises(InputError, match=re.escape(message)):
        replace(jets, columns={**jets.columns, "pt": jets["pt"][:5]})


def test_a_column_is_taken_by_its_name(make_jets):
    jets = make_jets(6)
    assert jets["pt"] is jets.columns["pt"]
    assert ("pt" in jets, "rho" in jets) == (True, False)
    known = "these jets have no column 'rho', they have eta, ieta, iphi, mass, phi, pt"
    with pytest.raises(InputError, match=re.escape(known)):
        jets["rho"]


def test_take_accepts_indices_and_masks(make_jets):
    jets = make_jets(10)
    mask = jets["pt"] > 100
    assert_same_jets(jets.take(mask), jets.take(np.flatnonzero(mask)))
    part = jets.take(np.array([7, 2]))
    assert part.event.tolist() == [3, 1]
    assert part.candidates is not None
    start, stop = jets.candidates.offsets[2:4]
    np.testing.assert_array_equal(part.candidates["pt"][-(stop - start) :], jets.candidates["pt"][start:stop])


def test_parts_concatenate_to_the_whole(make_jets):
    jets = make_jets(11)
    parts = [jets.take(np.arange(0, 4)), jets.take(np.arange(4, 4)), jets.take(np.arange(4, 11))]
    assert_same_jets(concatenate_jets(parts), jets)


def test_round_trip(make_jets, tmp_path):
    jets = make_jets(12)
    write_jets(tmp_path / "jets.h5", jets)
    assert_same_jets(read_jets(tmp_path / "jets.h5"), jets)
    assert [p.name for p in tmp_path.iterdir()] == ["jets.h5"]  # nothing is left beside


def test_optional_parts_stay_absent(make_jets, tmp_path):
    jets = make_jets(5)
    bare = Jets(columns={"pt": jets["pt"]}, event=jets.event, weight=jets.weight)
    write_jets(tmp_path / "bare.h5", bare)
    back = read_jets(tmp_path / "bare.h5")
    assert back.label is None
    assert back.candidates is None
    assert not back.hits
    assert not back.truth
    assert not back.objects
    with h5py.File(tmp_path / "bare.h5") as file:  # as files of releases before
        assert sorted(file) == ["event", "jets", "weight"]


def test_no_jets_round_trip(make_jets, tmp_path):
    jets = make_jets(4).take(np.arange(0))
    write_jets(tmp_path / "none.h5", jets)
    assert_same_jets(read_jets(tmp_path / "none.h5"), jets)


def test_the_same_jets_give_the_same_bytes(make_jets, tmp_path):
    write_jets(tmp_path / "a.h5", make_jets(12))
    write_jets(tmp_path / "b.h5", read_jets(tmp_path / "a.h5"))
    time.sleep(1.1)  # HDF5 may record times, in seconds
    write_jets(tmp_path / "c.h5", make_jets(12))
    first = (tmp_path / "a.h5").read_bytes()
    assert (tmp_path / "c.h5").read_bytes() == first
    # A file is read in alphabetical order; writing that again must not drift any further.
    write_jets(tmp_path / "d.h5", read_jets(tmp_path / "b.h5"))
    assert (tmp_path / "d.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_an_existing_file_is_kept_without_force(make_jets, tmp_path):
    path = tmp_path / "jets.h5"
    path.write_text("mine")
    with pytest.raises(InputError, match="exists already; choose another name, or give --force to replace"):
        write_jets(path, make_jets(3))
    assert path.read_text() == "mine"
    write_jets(path, make_jets(3), force=True)
    assert len(read_jets(path)) == 3


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no sample .*none\.h5"):
        read_jets(tmp_path / "none.h5")


def test_a_truncated_file_is_refused(make_jets, tmp_path):
    path = tmp_path / "jets.h5"
    write_jets(path, make_jets(12))
    whole = path.read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"jets\.h5 cannot be read, it is truncated or damaged"):
            read_jets(path)


def test_another_format_is_named(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["format"] = "something else"
    message = "its format must be 'e2e-tf jets', it has 'something else'"
    with pytest.raises(InputError, match=re.escape(message)):
        read_jets(tmp_path / "other.h5")
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["x"] = [1, 2]
    with pytest.raises(InputError, match="it has 'no format attribute'"):
        read_jets(tmp_path / "plain.h5")


def test_another_version_is_named(make_jets, tmp_path):
    path = tmp_path / "jets.h5"
    write_jets(path, make_jets(3))
    with h5py.File(path, "a") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(InputError, match="has format version 99, this release reads version 1"):
        read_jets(path)


@pytest.mark.parametrize("name", ["jets", "event", "weight", "hits/track/offset", "objects/track/offset"])
def test_a_missing_part_is_refused(make_jets, tmp_path, name):
    path = tmp_path / "jets.h5"
    write_jets(path, make_jets(3))
    with h5py.File(path, "a") as file:
        del file[name]
    with pytest.raises(InputError, match="cannot be read, it is truncated or damaged"):
        read_jets(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize(
    "name",
    [
        "jets/pt",
        "jets/mass",
        "hits/ecal/value",
        "candidates/pt",
        "candidates/energy",
        "objects/track/pt",
        "objects/ecal/energy",
    ],
)
def test_an_energy_that_cannot_be_is_refused(make_jets, tmp_path, name, value):
    path = tmp_path / "jets.h5"
    write_jets(path, make_jets(8))
    with h5py.File(path, "a") as file:
        file[name][2] = value
        count = len(file[name])
    message = f"{name} must be finite and not negative [GeV], 1 of {count} values are not"
    with pytest.raises(InputError, match=re.escape(message)):
        read_jets(path)


@pytest.mark.parametrize(
    "name", ["jets/eta", "jets/phi", "weight", "candidates/deta", "candidates/d0", "objects/track/dphi_face"]
)
def test_a_direction_that_is_not_finite_is_refused(make_jets, tmp_path, name):
    path = tmp_path / "jets.h5"
    write_jets(path, make_jets(8))
    with h5py.File(path, "a") as file:
        file[name][2] = np.nan
        count = len(file[name])
    with pytest.raises(InputError, match=f"{name} must be finite, 1 of {count} values are not"):
        read_jets(path)


@pytest.mark.parametrize(("start", "stop"), [(0, 12), (0, 5), (5, 9), (9, 12), (4, 4), (8, None), (20, 30)])
def test_a_range_of_jets_is_read_alone(make_jets, tmp_path, start, stop):
    jets = make_jets(12)
    write_jets(tmp_path / "jets.h5", jets)
    expected = jets.take(np.arange(12)[start:stop])
    assert_same_jets(read_jets(tmp_path / "jets.h5", start, stop), expected)
