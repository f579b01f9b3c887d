from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.grid import CRYSTALS, PITCH, TOWER, window_corner
from e2e_tf.data.jets import Ragged
from e2e_tf.sim.calorimeters import impact_on_calorimeters
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.detector import CMS
from e2e_tf.sim.hits import Grid, jet_hits, near_windows, share_among_cells
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.particles import Particles


def jets_at(*axes: tuple[float, float]) -> ReconstructedJets:
    """Jets of event 0."""
    eta, phi = np.array(axes).T
    count = len(axes)
    return ReconstructedJets(np.zeros(count, np.int64), np.full(count, 30.0), eta, phi, np.ones(count))


def particles_at(pdg_id: int, pt: float, axes: list[tuple[float, float]]) -> Particles:
    """Neutral particles of event 0 from the middle of the detector."""
    eta, phi = np.array(axes).T
    count = len(axes)
    return Particles(
        np.zeros(count, np.int64),
        np.full(count, pdg_id, np.int32),
        np.zeros(count),
        four_momentum(np.full(count, pt), eta, phi, 0.0),
        np.zeros((count, 3)),
        np.arange(count),
    )


def hits_of(jets: ReconstructedJets, particles: Particles, seed: int = 0) -> dict[str, Ragged]:
    rng = np.random.default_rng(seed)
    deposits = impact_on_calorimeters(rng, particles)
    eta = np.arcsinh(particles.momentum[:, 2] / np.hypot(*particles.momentum[:, :2].T))
    phi = np.arctan2(particles.momentum[:, 1], particles.momentum[:, 0])
    tracks = (particles.event, np.hypot(*particles.momentum[:, :2].T), eta, phi)
    return jet_hits(rng, 1, jets, window_corner(jets.eta, jets.phi), tracks, deposits)


def absolute(
    hits: Ragged, jet: int, corner: tuple[np.ndarray, np.ndarray], cells: int
) -> dict[tuple[int, int], float]:
    """(row, column) of the detector to value."""
    size = CRYSTALS // cells
    rows = slice(*hits.offsets[jet : jet + 2])
    cell = hits["cell"][rows].astype(int)
    eta = cell // cells + int(corner[0][jet]) // size
    phi = (cell % cells + int(corner[1][jet]) // size) % (360 // size)
    return dict(zip(zip(eta.tolist(), phi.tolist(), strict=True), hits["value"][rows].tolist(), strict=True))


def test_shares_by_hand():
    # In the middle of a cell with σ = 0.5: Φ(1) - Φ(-1) = 0.682689 there, Φ(3) - Φ(1) = 0.157305 beside it.
    first, shares = share_among_cells(np.array([10.5]), np.array([0.5]), 1)
    assert first[0] == 9
    inside = 0.682689 + 2 * 0.157305
    np.testing.assert_allclose(shares[0], np.array([0.157305, 0.682689, 0.157305]) / inside, atol=1e-6)


def test_shares_sum_to_one_anywhere():
    rng = np.random.default_rng(0)
    centre, sigma = rng.uniform(-200, 200, 500), rng.uniform(0.2, 2.5, 500)
    first, shares = share_among_cells(centre, sigma, 3)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-12)
    np.testing.assert_array_equal(first + 3, np.floor(centre))
    assert (shares >= 0).all()


def test_keys_wrap_in_phi_and_split_back():
    grid = Grid(TOWER)
    keys = grid.keys(np.array([3, 3, 3]), np.array([-36, 0, 35]), np.array([-1, 71, 72]))
    event, row, column = grid.split(keys)
    np.testing.assert_array_equal(event, 3)
    np.testing.assert_array_equal(row, [-36, 0, 35])
    np.testing.assert_array_equal(column, [71, 71, 0])


def test_photon_lands_in_its_crystal():
    # The middle of crystal (20, 40) of the detector, 20 GeV in pT.
    axis = (20.5 * PITCH, 40.5 * PITCH)
    jets = jets_at(axis)
    corner = window_corner(jets.eta, jets.phi)
    hits = hits_of(jets, particles_at(22, 20.0, [axis]))
    ecal = absolute(hits["ecal"], 0, corner, 125)
    energy = 20 * np.cosh(axis[0])
    assert max(ecal, key=lambda cell: ecal[cell]) == (20, 40)
    # CMS holds about 0.8 of a central shower in one crystal, 0.97 in 3 x 3.
    assert ecal[20, 40] / energy == pytest.approx(0.80, abs=0.03)
    around = sum(ecal.get((20 + i, 40 + j), 0.0) for i in (-1, 0, 1) for j in (-1, 0, 1))
    assert around / energy == pytest.approx(0.97, abs=0.03)
    assert absolute(hits["track"], 0, corner, 125) == {(20, 40): pytest.approx(20, rel=1e-3)}


def test_window_does_not_move_with_the_axis_inside_a_tower():
    particles = particles_at(130, 30.0, [(0.33, 1.0), (0.0, 0.6), (0.7, 1.5)])
    side = TOWER * PITCH
    low, high = (4.01 * side, 11.01 * side), (4.99 * side, 11.99 * side)
    first, second = hits_of(jets_at(low), particles), hits_of(jets_at(high), particles)
    for channel in first:
        np.testing.assert_array_equal(first[channel]["cell"], second[channel]["cell"])
        np.testing.assert_array_equal(first[channel]["value"], second[channel]["value"])
    moved = hits_of(jets_at((5.01 * side, 11.5 * side)), particles)
    # A tower further in η, every cell is five crystal rows lower.
    np.testing.assert_array_equal(
        moved["track"]["cell"], first["track"]["cell"].astype(int) - TOWER * CRYSTALS
    )


def test_window_wraps_around_phi():
    # Jets on both sides of φ = ±π in neighbouring towers see the same energies in the same crystals.
    jets = jets_at((0.2, np.pi - 0.01), (0.2, -np.pi + 0.01))
    corner = window_corner(jets.eta, jets.phi)
    particles = particles_at(130, 20.0, [(0.2, np.pi - 0.001), (0.1, -np.pi + 0.05), (0.3, np.pi - 0.3)])
    hits = hits_of(jets, particles)
    for channel, cells in (("track", 125), ("ecal", 125), ("hcal", 25)):
        left, right = (absolute(hits[channel], jet, corner, cells) for jet in (0, 1))
        assert left
        assert left == right


def test_thresholds_and_range():
    rng = np.random.default_rng(1)
    axes = [
        (float(e), float(p)) for e, p in zip(rng.uniform(-1, 1, 200), rng.uniform(-1, 1, 200), strict=True)
    ]
    hits = hits_of(jets_at((0.0, 0.0)), particles_at(130, 3.0, axes))
    for channel, least, cells in (
        ("ecal", CMS.ecal_threshold[0], 125**2),
        ("hcal", CMS.hcal_threshold, 25**2),
    ):
        # A value just above the threshold may be rounded to it.
        assert hits[channel]["value"].min() >= least * (1 - 2**-10)
        assert hits[channel]["cell"].dtype == np.int16
        assert 0 <= hits[channel]["cell"].min() <= hits[channel]["cell"].max() < cells
        assert len(np.unique(hits[channel]["cell"])) == len(hits[channel]["cell"])


def test_noise_alone_fires_few_cells():
    counts = [
        hits_of(jets_at((0.0, 0.0)), particles_at(22, 1.0, [(2.9, 3.0)]), seed)["ecal"].counts[0]
        for seed in range(60)
    ]
    # 125² crystals beyond 4 sigma of a Gaussian: 15625 * 3.167e-5 = 0.49 a window.
    assert np.mean(counts) == pytest.approx(0.495, abs=0.3)


def test_near_windows_reaches_the_corners():
    jets = jets_at((0.0, 3.1))
    event = np.array([0, 0, 0, 1])
    near = near_windows(event, np.array([1.1, 0.0, 1.5, 0.0]), np.array([3.1, -2.2, 3.1, 3.1]), jets)
    np.testing.assert_array_equal(near, [True, True, False, False])
