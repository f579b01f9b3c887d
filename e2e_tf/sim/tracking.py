"""Reconstructed tracks of events: measured ones and fakes, with impact parameters to the chosen vertex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.helix import Impact, propagate
from e2e_tf.data.table import Table, joined
from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.measurement import TRACKING, Measured
from e2e_tf.sim.vertices import VERTEXING, Vertexing, Vertices, nearest_vertex, reconstruct_vertices

__all__ = ["FAKES", "Fakes", "RecoTracks", "face_of_tracks", "fake_tracks", "reconstruct_tracks"]


@dataclass(frozen=True)
class Fakes:
    """Numbers of fake tracks, combinations of hits of different particles (tracking paper: a few per cent, more at
    low pT and with pileup); the exact ones are chosen.

    Attributes:
        share: fakes per true track, a + b (true tracks of the event / 1000).
        pt_power: the share of fakes above a pT falls with this power of it.
        max_pt: largest pT [GeV].
        dense: share of the fakes that lie beside a true track.
        beside: spread in η and φ around that track.
        d0: scale of the exponential distribution of |d0| [cm], by pixel hits.
        z_spread: σ of z0 [cm].
        pixel_hits: shares of fakes with 0, 1, 2, ... pixel hits.
        hits: smallest number of hits, and mean number beyond it.
        chi2: mean per degree of freedom.
    """

    share: tuple[float, float] = (0.012, 0.07)
    pt_power: float = 1.6
    max_pt: float = 50.0
    dense: float = 0.5
    beside: float = 0.05
    d0: tuple[float, ...] = (3.0, 1.0, 0.2, 0.05)
    z_spread: float = 5.0
    pixel_hits: tuple[float, ...] = (0.30, 0.15, 0.30, 0.25)
    hits: tuple[int, float] = (5, 2.5)
    chi2: float = 1.8


FAKES = Fakes()


@dataclass(frozen=True)
class RecoTracks(Table):
    """Tracks as the detector objects have them.

    Attributes:
        event: int64 (n,).
        pt, eta, phi: float64 (n,), at the point nearest to the beam [GeV, rad].
        charge: int8 (n,) [e].
        d0, dz: float64 (n,), to the chosen vertex [cm]; d0 = (−x py + y px) / pT.
        d0_error, dz_error: float64 (n,), of the track [cm].
        chi2: float64 (n,), per degree of freedom.
        n_hits, n_pixel_hits: int16 (n,).
        origin: int64 (n,), row of the generated particles, −1 for fakes.
        process: int8 (n,), how the particle began (``flight.PRIMARY``, ...), −1 for fakes.
        collision: int64 (n,), −1 for fakes.
        vertex: int64 (n,), row of the vertices, the nearest along the beam.
        from_pv: int8 (n,), 1 where that is the chosen vertex of the event, else 0.
    """

    event: np.ndarray
    pt: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    charge: np.ndarray
    d0: np.ndarray
    dz: np.ndarray
    d0_error: np.ndarray
    dz_error: np.ndarray
    chi2: np.ndarray
    n_hits: np.ndarray
    n_pixel_hits: np.ndarray
    origin: np.ndarray
    process: np.ndarray
    collision: np.ndarray
    vertex: np.ndarray
    from_pv: np.ndarray


def reconstruct_tracks(
    rng: np.random.Generator,
    measured: Measured,
    collision: np.ndarray,
    collision_event: np.ndarray,
    collision_z: np.ndarray,
    events: int,
    detector: Detector = CMS,
    fakes: Fakes = FAKES,
    vertexing: Vertexing = VERTEXING,
) -> tuple[RecoTracks, Vertices]:
    """Tracks and vertices of events, from the measured tracks of all their collisions.

    Args:
        rng: random numbers.
        measured: tracks of :func:`e2e_tf.sim.measurement.measure` and of placed pileup.
        collision: int64 (tracks,), collision of each.
        collision_event: int64 (collisions,), event of each collision.
        collision_z: float64 (collisions,) [m].
        events: number of events.
        detector: its luminous region and resolutions.
        fakes: numbers of fake tracks.
        vertexing: numbers of the vertex reconstruction.

    Returns:
        Tracks by rising event, with fakes, and vertices, the chosen one of each event first.
    """
    false = fake_tracks(rng, measured, events, detector, fakes)
    tracks = joined([measured, false])
    collision = np.append(collision, np.full(len(false), -1))
    order = np.argsort(tracks.event, kind="stable")
    tracks, collision = tracks.take(order), collision[order]
    vertices = reconstruct_vertices(rng, tracks, collision, collision_event, collision_z, events, vertexing)
    vertex = nearest_vertex(tracks.event, tracks.z0, vertices, events)
    chosen = np.flatnonzero(vertices.chosen)[tracks.event]
    return (
        RecoTracks(
            event=tracks.event,
            pt=tracks.pt,
            eta=tracks.eta,
            phi=tracks.phi,
            charge=tracks.charge,
            d0=tracks.d0 + vertices.x[chosen] * np.sin(tracks.phi) - vertices.y[chosen] * np.cos(tracks.phi),
            dz=tracks.z0 - vertices.z[chosen],
            d0_error=tracks.d0_error,
            dz_error=tracks.dz_error,
            chi2=tracks.chi2,
            n_hits=tracks.n_hits,
            n_pixel_hits=tracks.n_pixel_hits,
            origin=tracks.origin,
            process=tracks.process,
            collision=collision,
            vertex=vertex,
            from_pv=(vertex == chosen).astype(np.int8),
        ),
        vertices,
    )


def fake_tracks(
    rng: np.random.Generator, tracks: Measured, events: int, detector: Detector = CMS, numbers: Fakes = FAKES
) -> Measured:
    """Combinations of hits that belong to no particle.

    Args:
        rng: random numbers.
        tracks: true ones.
        events: number of events.
        detector: its acceptance.
        numbers: of the fakes.

    Returns:
        The fake tracks; ``origin`` and ``process`` are −1.
    """
    true = np.bincount(tracks.event, minlength=events)
    base, slope = numbers.share
    number = rng.poisson(true * (base + slope * true / 1000))
    event = np.repeat(np.arange(events), number)
    count = len(event)
    pt = detector.track_min_pt * rng.random(count) ** (-1 / numbers.pt_power)
    pt = np.minimum(pt, numbers.max_pt)
    eta = rng.uniform(-detector.track_max_eta, detector.track_max_eta, count)
    phi = rng.uniform(-np.pi, np.pi, count)
    beside = rng.random(count) < numbers.dense
    by_event = np.argsort(tracks.event, kind="stable")
    first = np.cumsum(true) - true
    neighbour = by_event[first[event] + rng.integers(0, np.maximum(true[event], 1))] if count else event
    spread = numbers.beside * rng.standard_normal((2, count))
    eta = np.where(beside, tracks.eta[neighbour] + spread[0], eta)
    phi = np.where(beside, tracks.phi[neighbour] + spread[1], phi)
    eta = np.clip(eta, -detector.track_max_eta, detector.track_max_eta)
    pixels = rng.choice(len(numbers.pixel_hits), count, p=numbers.pixel_hits)
    scale = np.array(numbers.d0)[pixels]
    d0 = rng.choice([-1.0, 1.0], count) * scale * rng.standard_exponential(count)
    floor, scattering = TRACKING.d0_resolution
    grown = np.array([6.0, 2.5, 1.5, 1.0])[pixels]
    d0_error = floor * grown**2 + scattering * np.sqrt(np.cosh(eta)) / pt * grown
    floor, scattering = TRACKING.dz_resolution
    dz_error = floor * grown**2 + scattering * np.cosh(eta) / pt * grown
    fewest, more = numbers.hits
    return Measured(
        event=event,
        origin=np.full(count, -1),
        process=np.full(count, -1, np.int8),
        pt=pt,
        eta=eta,
        phi=delta_phi(phi, np.zeros(count)),
        charge=rng.choice([-1, 1], count).astype(np.int8),
        d0=d0,
        z0=numbers.z_spread * rng.standard_normal(count),
        d0_error=d0_error,
        dz_error=dz_error,
        chi2=numbers.chi2 * rng.gamma(4.0, size=count) / 4.0,
        n_hits=(np.maximum(fewest, pixels + 3) + rng.poisson(more, count)).astype(np.int16),
        n_pixel_hits=pixels.astype(np.int16),
    )


def face_of_tracks(tracks: RecoTracks, vertices: Vertices, detector: Detector = CMS) -> Impact:
    """Where the helices of tracks meet the ECAL, seen from the middle of the detector.

    Args:
        tracks: of some events.
        vertices: of the same events.
        detector: size of the ECAL.

    Returns:
        One entry per track.
    """
    chosen = np.flatnonzero(vertices.chosen)[tracks.event]
    # Beyond the tracker an impact parameter has no meaning for the helix.
    d0 = np.clip(tracks.d0, -100.0, 100.0)
    place = np.stack(
        [
            vertices.x[chosen] - d0 * np.sin(tracks.phi),
            vertices.y[chosen] + d0 * np.cos(tracks.phi),
            np.clip(tracks.dz + vertices.z[chosen], -300.0, 300.0),
        ],
        1,
    )
    momentum = four_momentum(tracks.pt, tracks.eta, tracks.phi, 0.13957)
    return propagate(
        tracks.charge.astype(np.float64),
        momentum,
        place / 100,
        detector.ecal_radius,
        detector.ecal_half_length,
    )
