from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from events import beam

from e2e_tf.sim.detector import CMS
from e2e_tf.sim.flight import PRIMARY, fly
from e2e_tf.sim.interactions import NUCLEAR
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.measurement import TRACKING, efficiency, measure
from e2e_tf.sim.particles import Particles


def spread_out(
    count: int, pdg_id: int, low_eta: float, high_eta: float, pt: tuple[float, float]
) -> Particles:
    """Particles flat in η and log pT, one an event."""
    rng = np.random.default_rng(1)
    particles = beam(count, pdg_id, 1.0 if pdg_id > 100 else -1.0, 1.0)
    momentum = four_momentum(
        np.exp(rng.uniform(*np.log(pt), count)),
        rng.uniform(low_eta, high_eta, count),
        rng.uniform(-np.pi, np.pi, count),
        0.13957,
    )
    return replace(particles, momentum=momentum)


def half_width(values: np.ndarray) -> float:
    return float(np.subtract(*np.percentile(values, [84.13, 15.87])) / 2)


@pytest.mark.parametrize(("low", "high", "published"), [(0.0, 0.9, 0.94), (0.9, 2.5, 0.85)])
def test_efficiency_of_hadrons_is_the_published_one(low, high, published):
    # JINST 9 (2014) P10009, abstract: prompt charged particles above 0.9 GeV in top pairs.
    count = 6000
    pions = spread_out(count, 211, low, high, (0.9, 10.0))
    tracks = measure(np.random.default_rng(0), fly(np.random.default_rng(0), pions))
    assert (tracks.process == PRIMARY).sum() / count == pytest.approx(published, abs=0.03)


def test_muons_are_nearly_always_found():
    count = 4000
    muons = spread_out(count, 13, 0.0, 2.4, (2.0, 50.0))
    tracks = measure(np.random.default_rng(0), fly(np.random.default_rng(0), muons))
    assert len(tracks) / count > 0.98


def test_resolutions_are_those_set():
    muons = beam(4000, 13, -1.0, 5.0, eta=0.5)
    tracks = measure(np.random.default_rng(0), fly(np.random.default_rng(0), muons))
    tracks = tracks.take(tracks.n_pixel_hits == 3)
    # A mixture of Gaussians is wider than its core.
    share, width = np.array(TRACKING.tails).T
    grid = np.linspace(0, 8, 8001)
    density = (share / width * np.exp(-0.5 * (grid[:, None] / width) ** 2)).sum(1)
    wider = grid[np.searchsorted(np.cumsum(density) / density.sum(), 0.6827)]
    cosh = np.cosh(0.5)
    floor, scattering = TRACKING.d0_resolution
    d0 = floor + scattering * np.sqrt(cosh) / 5
    floor, scattering = TRACKING.dz_resolution
    dz = floor + scattering * cosh / 5
    assert np.median(tracks.d0_error) == pytest.approx(d0, rel=0.02)
    assert half_width(tracks.d0) == pytest.approx(d0 * wider, rel=0.06)
    assert half_width(tracks.z0) == pytest.approx(dz * wider, rel=0.06)
    # The true place is that of the beam, and d0 and dz have no bias.
    assert np.median(tracks.d0) == pytest.approx(0.0, abs=0.1 * d0)
    constant, slope, linear = TRACKING.pt_resolution
    pt = np.hypot(constant + slope * 0.5, linear * 5)
    whole = tracks.n_hits > 13
    assert half_width(tracks.pt[whole]) / 5 == pytest.approx(pt * wider, rel=0.1)
    assert half_width(tracks.pt[tracks.n_hits < 9]) > 2 * half_width(tracks.pt[whole])


def test_impact_parameter_of_a_displaced_particle_follows_its_helix():
    # Born at x = 0.2 m and flying along +x with an offset of 1 cm in y: a straight one has d0 = 1 cm; at 5 GeV the
    # circle of radius 4.389 m adds sqrt((4.389 + 0.01)^2 + 0.2^2) - 4.389 - 0.01 = 4.5 mm for a positive charge.
    pions = beam(3000, 211, 1.0, 5.0, eta=0.0, phi=0.0)
    pions.vertex[:] = (0.2, 0.01, 0.0)
    none = replace(NUCLEAR, lengths=tuple(1e-9 for _ in NUCLEAR.lengths))
    tracks = measure(np.random.default_rng(0), fly(np.random.default_rng(0), pions, nuclear=none))
    radius = 5.0 / (0.299792458 * 3.8)
    # Positive particles turn clockwise: their centre is at (0.2, 0.01 - R).
    expected = 100 * (np.hypot(0.2, 0.01 - radius) - radius)
    assert abs(np.median(np.abs(tracks.d0))) == pytest.approx(abs(expected), rel=0.05)
    assert (tracks.n_pixel_hits == 0).all()
    # Without pixels the error is many times that of a prompt track.
    floor, scattering = TRACKING.d0_resolution
    assert np.median(tracks.d0_error) > 6 * (floor + scattering / 5)


def test_published_resolutions_of_muons():
    # JINST 9 (2014) P10009, abstract: at 100 GeV and |η| < 1.4 about 2.8 % in pT, 10 µm in d0, 30 µm in dz; 90 µm in
    # d0 at 1 GeV.
    hard = measure(
        np.random.default_rng(0), fly(np.random.default_rng(0), beam(3000, 13, -1.0, 100.0, eta=0.7))
    )
    assert half_width(hard.d0) == pytest.approx(0.0010, abs=0.0004)
    assert half_width(hard.z0) == pytest.approx(0.0030, abs=0.0006)
    assert half_width(hard.pt) / 100 == pytest.approx(0.028, abs=0.004)
    soft = measure(
        np.random.default_rng(0), fly(np.random.default_rng(0), beam(3000, 13, -1.0, 1.0, eta=0.0))
    )
    assert half_width(soft.d0) == pytest.approx(0.0090, abs=0.0012)


def test_hits_of_prompt_displaced_and_ending_tracks():
    pions = beam(2000, 13, -1.0, 5.0, eta=0.0)
    prompt = measure(np.random.default_rng(0), fly(np.random.default_rng(0), pions))
    assert prompt.n_pixel_hits.mean() == pytest.approx(3 * TRACKING.hit_efficiency, abs=0.03)
    # 13 layers, four of them with a second module; a quarter of the tracks ends before.
    whole = TRACKING.hit_efficiency * (13 + 4 * TRACKING.second_hit)
    least = np.percentile(prompt.n_hits, 100 * TRACKING.ends_early[0])
    assert prompt.n_hits[prompt.n_hits > least].mean() == pytest.approx(whole, abs=0.4)
    assert 0.3 * whole < prompt.n_hits[prompt.n_hits <= least].mean() < 0.8 * whole
    flights = fly(np.random.default_rng(0), pions)
    short = replace(flights, stop=np.full(len(flights), 0.45))
    stubs = measure(np.random.default_rng(0), short)
    assert stubs.n_hits.max() <= 8  # six layers, two of them double
    assert len(stubs) < len(prompt)
    assert half_width(stubs.pt) > 2 * half_width(prompt.pt)


def test_efficiency_table():
    one = efficiency(
        np.array([13, 13, 2]), np.array([3, 0, 2]), np.array([0.044, 0.255, 0.044]), np.full(3, 10.0)
    )
    best = TRACKING.by_layers[-1]
    # Without pixels the loss of 70 % at pT → 0 has fallen by e at ``displaced_scale``.
    kept = 1 - (1 - TRACKING.by_pixels[0]) * np.exp(-10.0 / TRACKING.displaced_scale)
    np.testing.assert_allclose(one, [best, best * kept, 0.0], rtol=1e-6)
    soft = efficiency(np.array([13]), np.array([3]), np.array([0.044]), np.array([0.35]))
    loss, scale = TRACKING.soft_loss
    assert soft[0] == pytest.approx(best * (1 - loss * np.exp(-0.35 / scale)))


def test_two_tracks_on_top_of_each_other_lose_the_softer_one():
    count = 3000
    hard, soft = beam(count, 13, -1.0, 10.0, eta=0.2), beam(count, 13, -1.0, 5.0, eta=0.2)
    both = Particles(
        *(np.concatenate([getattr(hard, n), getattr(soft, n)]) for n in hard.__dataclass_fields__)
    )
    tracks = measure(np.random.default_rng(0), fly(np.random.default_rng(0), both))
    _, most = TRACKING.confusion
    found = (tracks.pt < 7).sum() / (tracks.pt > 7).sum()
    assert found == pytest.approx(1 - most, abs=0.05)


def test_tracks_are_within_the_acceptance():
    pions = spread_out(3000, 211, -3.0, 3.0, (0.3, 2.0))
    tracks = measure(np.random.default_rng(0), fly(np.random.default_rng(0), pions))
    assert tracks.pt.min() > CMS.track_min_pt
    assert np.abs(tracks.eta).max() < CMS.track_max_eta + 0.05
    assert set(np.unique(tracks.charge)) == {-1, 1}
