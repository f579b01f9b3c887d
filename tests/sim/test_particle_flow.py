from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tables import crystals_at, nothing, towers_at, tracks_at

from e2e_tf.data.grid import PITCH, TOWER
from e2e_tf.sim.calorimeters import calibrated_hadrons
from e2e_tf.sim.candidates import Candidates
from e2e_tf.sim.detector import PARTICLE_FLOW
from e2e_tf.sim.kinematics import pt_eta_phi
from e2e_tf.sim.objects import Crystals, Segments, TrackObjects
from e2e_tf.sim.particle_flow import cluster_calorimeters, particle_flow

# The middle of crystal (2, 2), which is that of tower (0, 0).
ETA, PHI = 2.5 * PITCH, 2.5 * PITCH
SURE = replace(
    PARTICLE_FLOW,
    ecal_calibration=((0.0, 0.0), (0.0, 0.0)),
    hcal_calibration=(0.0, 0.0),
    muon_fake=0.0,
    electron_fake=0.0,
    muon_efficiency=(0.0, 1.0, 1.0, 1.0),
    electron_efficiency=(0.0, 1.0, 1.0, 1.0, 1.0),
)


def reconstructed(
    tracks: TrackObjects, crystals: Crystals, towers: Segments, seed: int = 0, z: float = 0.0
) -> dict[int, list[float]]:
    """Energies of the candidates by kind, each falling."""
    found, _ = particle_flow(
        np.random.default_rng(seed), tracks, crystals, towers, np.full(3, z), numbers=SURE
    )
    kinds = sorted({int(kind) for kind in found.pdg_id})
    energy = found.momentum[:, 3]
    return {kind: sorted(energy[found.pdg_id == kind].tolist(), reverse=True) for kind in kinds}


def track(pt: float, pdg_id: int = 211) -> TrackObjects:
    """A track that meets the calorimeters in the middle of crystal (2, 2)."""
    return tracks_at((0, pt, ETA, PHI, pdg_id))


def test_a_hadron_whose_energy_is_its_momentum():
    energy = np.hypot(20 * np.cosh(ETA), 0.13957)
    found = reconstructed(track(20.0), crystals_at((0, 2, 2, 8.0)), towers_at((0, 0, 0, 9.0)))
    assert found == {211: [pytest.approx(energy)]}


def test_an_excess_is_a_photon_as_far_as_the_ecal_goes():
    # 10 GeV in the ECAL behind a track of 2 GeV, nothing in the HCAL.
    found = reconstructed(track(2.0), crystals_at((0, 2, 2, 10.0)), nothing(Segments))
    beyond = float(calibrated_hadrons(np.array([10.0]))[0]) - 2 * np.cosh(ETA)
    assert beyond > 10.0
    energy = pytest.approx(np.hypot(2 * np.cosh(ETA), 0.13957))
    assert found == {22: [pytest.approx(10.0)], 211: [energy]}
    # Behind one of 20 GeV and 60 GeV in the tower the rest of the excess is a neutral hadron there.
    found = reconstructed(track(20.0), crystals_at((0, 2, 2, 10.0)), towers_at((0, 0, 0, 60.0)))
    beyond = float(calibrated_hadrons(np.array([70.0]))[0]) - 20 * np.cosh(ETA)
    assert found[22] == [pytest.approx(10.0)]
    assert found[130] == [pytest.approx(beyond - 10.0)]


def test_an_excess_within_the_resolution_is_none():
    # σ at 20 GeV: 20 √(1.1² / 20 + 0.09²) = 5.2 GeV, of which two are allowed at low energy.
    for measured, kinds in ((21.0, {211}), (26.0, {22, 211})):
        beyond = float(calibrated_hadrons(np.array([measured]))[0]) - 20
        assert beyond > 5.2
        assert (beyond < 10.4) == (kinds == {211})
        crystals = crystals_at((0, 2, 2, measured - 8))
        assert set(reconstructed(track(20.0), crystals, towers_at((0, 0, 0, 8.0)))) == kinds


def test_clusters_without_a_track():
    crystals, towers = crystals_at((0, 2, 2, 5.0), (1, 40, 9, 3.0)), towers_at((0, 0, 0, 6.0))
    found, origin = particle_flow(
        np.random.default_rng(0), nothing(TrackObjects), crystals, towers, np.full(2, 0.10), numbers=SURE
    )
    assert found.event.tolist() == [0, 0, 1]
    assert origin.tolist() == [-1, -1, -1]
    np.testing.assert_allclose(found.momentum[found.pdg_id == 22, 3], [5, 3])
    hadron = calibrated_hadrons(np.array([6.0]))
    np.testing.assert_allclose(found.momentum[found.pdg_id == 130, 3], hadron)
    # Seen from z = 10 cm: sinh η' = sinh η − 0.10 / 1.29 at the ECAL, 0.10 / 1.90 at the HCAL.
    _, eta, phi = pt_eta_phi(found.momentum)
    np.testing.assert_allclose(
        eta[found.pdg_id == 22], np.arcsinh(np.sinh([ETA, 40.5 * PITCH]) - 0.10 / 1.29)
    )
    np.testing.assert_allclose(eta[found.pdg_id == 130], np.arcsinh(np.sinh(TOWER * PITCH / 2) - 0.10 / 1.90))
    np.testing.assert_allclose(phi[found.pdg_id == 22], [PHI, 9.5 * PITCH])


def test_a_photon_beside_a_track_stays_a_photon():
    # Six crystals away: not linked.
    found = reconstructed(track(20.0), crystals_at((0, 2, 8, 7.0)), towers_at((0, 0, 0, 9.0)))
    assert found[22] == [pytest.approx(7.0)]


def test_muons_take_their_deposits_away():
    crystals, towers = crystals_at((0, 2, 2, 0.4)), towers_at((0, 0, 0, 2.5))
    found = reconstructed(track(20.0, pdg_id=-13), crystals, towers)
    assert found == {13: [pytest.approx(np.hypot(20 * np.cosh(ETA), 0.10566))]}
    # A track of 2 GeV never reaches the muon chambers.
    assert 13 not in reconstructed(track(2.0, pdg_id=-13), crystals, towers)


def test_electrons_have_the_energy_of_their_clusters():
    # The cluster at its place and one of bremsstrahlung where it pointed at the vertex: 15 + 6 GeV.
    electron = replace(track(20.0, pdg_id=11), phi=np.array([PHI + 8 * PITCH]))
    crystals = crystals_at((0, 2, 2, 15.0), (0, 2, 10, 6.0))
    found = reconstructed(electron, crystals, nothing(Segments))
    assert found == {11: [pytest.approx(21.0, rel=0.01)]}


def test_efficiencies_and_mistakes():
    count = 20_000
    numbers = replace(PARTICLE_FLOW, electron_fake=0.5)
    kinds = {}
    for pdg_id in (13, 211):
        tracks = tracks_at(*((event, 8.0, ETA, PHI, pdg_id) for event in range(count)))
        crystals = crystals_at(*((event, 2, 2, 8.0) for event in range(count)))
        found, origin = particle_flow(
            np.random.default_rng(0), tracks, crystals, nothing(Segments), np.zeros(count), numbers=numbers
        )
        charged = found.pdg_id[found.charge != 0]
        kinds[pdg_id] = {kind: float((charged == kind).mean()) for kind in (11, 13, 211)}
        assert (origin[found.charge != 0] == 1).all()
    assert kinds[13][13] == pytest.approx(0.90, abs=0.01)
    assert kinds[211][13] == pytest.approx(0.002, abs=0.001)
    # The whole energy in the ECAL looks like an electron: half of the pions are called one here.
    assert kinds[211][11] == pytest.approx(0.5, abs=0.02)


def test_energy_is_kept_where_nothing_is_charged():
    rng = np.random.default_rng(1)
    event, row, column = rng.integers(0, 3, 200), rng.integers(-30, 30, 200), rng.integers(0, 60, 200)
    places = zip(event.tolist(), row.tolist(), column.tolist(), strict=True)
    cells = dict(zip(places, rng.exponential(3, 200).tolist(), strict=True))
    crystals = crystals_at(*((*place, energy) for place, energy in cells.items()))
    ecal, _ = cluster_calorimeters(crystals, nothing(Segments), numbers=SURE)
    found, _ = particle_flow(
        rng, nothing(TrackObjects), crystals, nothing(Segments), np.zeros(3), numbers=SURE
    )
    assert set(found.pdg_id) == {22}
    assert found.momentum[:, 3].sum() == pytest.approx(ecal.clusters.energy.sum())


def test_the_order_of_events_does_not_matter():
    rng = np.random.default_rng(2)

    def event(number: int, where: int) -> tuple[list, list, list]:
        own = np.random.default_rng(number)
        rows, columns = own.integers(-20, 20, 12), own.integers(0, 40, 12)
        energy = own.exponential(3, 12) + 0.3
        crystals = {(where, int(r), int(c)): float(e) for r, c, e in zip(rows, columns, energy, strict=True)}
        towers = {(where, int(r) // 5, int(c) // 5): 2 * e + 1 for (_, r, c), e in list(crystals.items())[:5]}
        tracks = [
            (where, float(p), (r + 0.5) * PITCH, (c + 0.5) * PITCH, 211)
            for (_, r, c), p in zip(list(crystals)[:6], own.exponential(4, 6) + 0.5, strict=True)
        ]
        return tracks, [(*k, v) for k, v in crystals.items()], [(*k, v) for k, v in towers.items()]

    def run(order: list[int]) -> Candidates:
        parts = [event(number, where) for where, number in enumerate(order)]
        tracks, crystals, towers = ([row for part in parts for row in part[i]] for i in range(3))
        numbers = replace(SURE, muon_fake=0.0, electron_fake=0.0)
        arguments = tracks_at(*tracks), crystals_at(*crystals), towers_at(*towers), np.zeros(3)
        return particle_flow(rng, *arguments, numbers=numbers)[0]

    first, second = run([0, 1, 2]), run([2, 0, 1])
    for here, there in ((0, 1), (1, 2), (2, 0)):
        a, b = first.take(first.event == here), second.take(second.event == there)
        np.testing.assert_array_equal(a.pdg_id, b.pdg_id)
        np.testing.assert_allclose(a.momentum, b.momentum)
    assert {22, 130, 211} <= set(first.pdg_id)
