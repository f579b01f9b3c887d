from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.content import CONTENT, jet_content
from e2e_tf.data.jets import Ragged
from e2e_tf.errors import InputError

# pT [GeV], Δη, Δφ, PDG id, charge, of the chosen vertex: the first jet has one particle of each kind, the leading
# charged one 0.3 from the axis; the second none of the vertex; the third is empty.
FIRST = [
    (10.0, 0.3, 0.0, 211, 1, 1),
    (4.0, 0.3, 0.05, 22, 0, 1),
    (0.5, 0.0, 0.0, 22, 0, 1),
    (3.0, -0.05, 0.0, 130, 0, 1),
]
SECOND = [(2.0, 0.0, np.pi - 0.02, 211, -1, 0), (5.0, 0.0, -np.pi + 0.02, 22, 0, 0)]
NAMES = ("pt", "deta", "dphi", "pdg_id", "charge", "from_pv")


def particles(jets, names=NAMES):
    rows = [row for jet in jets for row in jet]
    columns = {name: np.array([row[NAMES.index(name)] for row in rows]) for name in names}
    return Ragged.from_counts(columns, np.array([len(jet) for jet in jets]))


def content(jets, names=NAMES):
    found = jet_content(particles(jets, names))
    assert found.dtype == np.float32
    return {name: found[:, i] for i, name in enumerate(CONTENT)}


def test_sums_and_numbers_by_hand():
    found = content([FIRST, SECOND, []])
    assert len(found) == len(CONTENT) == 54
    assert found["pt_photons_jet_0.1"].tolist() == pytest.approx([np.log(1.5), 0, 0])
    assert found["pt_photons_jet_0.4"].tolist() == pytest.approx([np.log(5.5), 0, 0])
    assert found["pt_charged_jet_0.2"].tolist() == [0, 0, 0]
    assert found["pt_charged_leading_0.1"].tolist() == pytest.approx([np.log(11), 0, 0])
    assert found["pt_neutral_hadrons_jet_0.1"].tolist() == pytest.approx([np.log(4), 0, 0])
    assert found["n_photons_jet_0.4"].tolist() == [1, 0, 0]  # that of 0.5 GeV is not counted
    assert found["n_charged_leading_0.1"].tolist() == [1, 0, 0]


def test_the_leading_particle_without_one_of_the_vertex_and_the_seam_of_phi():
    found = content([SECOND])
    # The photon leads, and the track of pileup is 0.04 away from it, beyond ±π.
    assert found["pt_photons_leading_0.1"] == pytest.approx([np.log(6)])
    assert found["pt_pileup_leading_0.1"] == pytest.approx([np.log(3)])
    assert found["pt_pileup_jet_0.4"] == [0]


def test_masses_by_hand():
    found = content([FIRST])
    # m² = 2 pT pT' (cosh Δη - cos Δφ) of two particles without mass.
    pair = np.sqrt(2 * 10 * 4 * (1 - np.cos(0.05)))
    assert found["mass_visible_leading_0.1"] == pytest.approx([pair], rel=1e-5)
    photons = np.sqrt(2 * 4 * 0.5 * (np.cosh(0.3) - np.cos(0.05)))
    assert found["mass_photons_jet_0.4"] == pytest.approx([photons], rel=1e-5)
    assert found["mass_charged_leading_0.4"] == pytest.approx([0], abs=1e-3)


def test_without_vertices_all_charged_particles_count_as_of_the_vertex():
    found = content([SECOND], NAMES[:-1])
    assert found["pt_charged_leading_0.1"] == pytest.approx([np.log(3)])
    assert found["pt_pileup_leading_0.1"] == [0]


def test_the_order_of_particles_and_of_jets_does_not_matter():
    jets = [FIRST, SECOND, []]
    expected = jet_content(particles(jets))
    np.testing.assert_allclose(
        jet_content(particles([jet[::-1] for jet in jets])), expected, rtol=1e-6, atol=1e-6
    )
    np.testing.assert_array_equal(jet_content(particles(jets[::-1])), expected[::-1])


def test_what_is_missing_is_named():
    with pytest.raises(
        InputError, match="needs candidates with the columns .*; this sample lacks pdg_id, charge"
    ):
        jet_content(particles([FIRST], ("pt", "deta", "dphi")))
    with pytest.raises(InputError, match="this sample lacks pt, deta, dphi, pdg_id, charge"):
        jet_content(None)
