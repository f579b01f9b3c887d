"""Quantities of nodes by hand, and which of a sample's own columns stay."""

from __future__ import annotations

import numpy as np
import pytest
from one_jet import hits_at

from e2e_tf.data.features import CANDIDATES, HITS
from e2e_tf.data.grid import PITCH
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.quantities import (
    candidate_momenta,
    candidate_quantities,
    hit_momenta,
    hit_positions,
    hit_quantities,
    with_candidate_quantities,
)
from e2e_tf.errors import InputError


def test_quantities_of_hits_by_hand():
    jets = hits_at(
        {"track": [(60, 60, 3.0)], "ecal": [(60, 60, 2.0), (60, 61, 1.0)], "hcal": [(12, 12, 7.0)]}
    )
    found, n_node, lattice = hit_quantities(jets)
    assert lattice.tolist() == [[60, 60], [60, 61], [62, 62]]  # the tower at its middle crystal
    assert n_node.tolist() == [3]
    assert found["track_pt"].tolist() == [3, 0, 0]
    assert found["ecal_energy"].tolist() == [2, 1, 0]
    assert found["hcal_energy"].tolist() == [0, 0, 7]
    np.testing.assert_allclose(found["deta"], np.array([0.5, 0.5, 2.5]) * PITCH, rtol=1e-6)
    np.testing.assert_allclose(found["dphi"], np.array([0.5, 1.5, 2.5]) * PITCH, rtol=1e-6)
    assert found["ecal_laplacian"].tolist() == [1 - 8, 2 - 4, 0]
    assert found["ecal_hessian_pp"].tolist() == [1 - 4, 2 - 2, 0]
    assert found["ecal_hessian_ee"].tolist() == [-4, -2, 0]
    assert found["hcal_laplacian"].tolist() == [0, 0, -28]
    assert all(values.dtype == np.float32 for values in found.values())


@pytest.mark.parametrize("phi", [np.pi, -np.pi, 3.1, -3.1])
def test_hits_surround_an_axis_at_the_seam(phi):
    jets = hits_at({"ecal": [(62, c, 1.0) for c in (0, 62, 124)]}, phi=float(np.float32(phi)))
    dphi = hit_quantities(jets)[0]["dphi"]
    np.testing.assert_allclose(np.diff(dphi), 62 * PITCH, rtol=1e-6)
    assert abs(dphi[1]) <= 2.5 * PITCH + 1e-6


def test_quantities_of_candidates_by_hand():
    columns = {
        "pt": [10.0, 5.0],
        "deta": [0.3, 0.0],
        "dphi": [0.4, 0.0],
        "pdg_id": [-211.0, 22.0],
        "d0": [0.02, 0.0],
        "d0_error": [0.01, 0.0],
    }
    jets = Jets(
        columns={"pt": np.array([20.0], np.float32)},
        event=np.zeros(1, np.int64),
        weight=np.ones(1, np.float32),
        candidates=Ragged.from_counts(
            {k: np.array(v, np.float32) for k, v in columns.items()}, np.array([2])
        ),
    )
    found, n_node = candidate_quantities(jets)
    assert n_node.tolist() == [2]
    assert found["pt_fraction"].tolist() == [0.5, 0.25]
    np.testing.assert_allclose(found["delta_r"], [0.5, 0.0], rtol=1e-6)
    assert found["is_charged_hadron"].tolist() == [1, 0]
    assert found["is_photon"].tolist() == [0, 1]
    assert found["d0_significance"].tolist() == pytest.approx([2.0, 0.0])
    assert "d0_error" not in found
    assert "pdg_id" not in found
    assert set(with_candidate_quantities(jets).candidates.columns) == set(found)


def test_a_readers_own_particle_flags_stay():
    """A charged kaon is a charged hadron to its reader, whatever the particle-flow codes say."""
    columns = {
        "pt": np.ones(2, np.float32),
        "pdg_id": np.array([321, 22], np.int16),
        "is_charged_hadron": np.array([1, 0], np.float32),
    }
    jets = Jets(
        {"pt": np.ones(1)},
        np.zeros(1, int),
        np.ones(1),
        candidates=Ragged.from_counts(columns, np.array([2])),
    )
    quantities, _ = candidate_quantities(jets)
    assert quantities["is_charged_hadron"].tolist() == [1, 0]
    assert quantities["is_photon"].tolist() == [0, 1]


def test_positions_of_a_channel_are_those_of_its_nodes(make_jets):
    jets = make_jets(12)
    quantities, n_node, _ = hit_quantities(jets)
    owner, deta, dphi = hit_positions(jets, "hcal")
    node_owner = np.repeat(np.arange(12), n_node)
    for jet in range(12):
        energy = quantities["hcal_energy"][node_owner == jet] > 0
        filled = jets.hits["hcal"]["value"][owner == jet] > 0
        for name, values in (("deta", deta), ("dphi", dphi)):
            expected = quantities[name][node_owner == jet][energy]
            found = values[owner == jet][filled].astype(np.float32)
            assert set(expected.tolist()) == set(found.tolist())


def test_each_formula_fills_its_quantity(make_jets):
    jets = make_jets(6)
    assert set(hit_quantities(jets)[0]) == {q.feature.raw for q in HITS}
    found, _ = candidate_quantities(jets)
    have, of_jet = set(jets.candidates.columns), set(jets.columns)
    made = {
        q.feature.raw
        for q in CANDIDATES
        if q.formula is not None and set(q.sources) <= have and set(q.jet_sources) <= of_jet
    }
    used = {source for q in CANDIDATES if q.feature.raw in made for source in q.uses_up}
    assert set(found) == (have | made) - used


def test_momenta_of_nodes(make_jets):
    jets = make_jets(6)
    quantities, n_node, _ = hit_quantities(jets)
    p4 = hit_momenta(jets, quantities, n_node)
    assert (p4.shape, p4.dtype) == ((n_node.sum(), 4), np.float32)
    owner = np.repeat(np.arange(6), n_node)
    turned = np.angle(np.exp(1j * (p4[:, 2] - jets["phi"][owner] - quantities["dphi"])))
    np.testing.assert_allclose(turned, 0, atol=1e-5)
    assert np.all(np.abs(p4[:, 2]) <= np.float32(np.pi))
    assert candidate_momenta(jets, {"pt": np.ones(3)}, np.array([3])) is None


def test_what_the_sample_lacks_is_said(make_jets):
    jets = make_jets(2)
    bare = Jets(jets.columns, jets.event, jets.weight)
    with pytest.raises(InputError, match="need candidates; this sample has none"):
        candidate_quantities(bare)
    with pytest.raises(
        InputError, match="need the channels track, ecal, hcal; this sample lacks track, ecal, hcal"
    ):
        hit_quantities(bare)
