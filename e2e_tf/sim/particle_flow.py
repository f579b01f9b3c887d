"""A particle-flow reconstruction that makes mistakes: candidates from tracks and calorimeter clusters alone.

Beside the candidates of ``candidates``, whose kinds are those of the generated particles, these come from what the
detector measured, after the particle-flow paper (JINST 12 (2017) P10003, sections 3 and 4): clusters of crystals and
of towers, links of tracks to clusters where they meet the calorimeters, muons and electrons first, then charged
hadrons; calorimeter energy beyond what their momenta explain becomes photons and neutral hadrons, and so do clusters
without a track.

What it leaves out: preshower, links of conversions and interaction vertices, the search for wrong tracks where momenta
exceed the energy, and the second look at muons there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.table import joined
from e2e_tf.sim.calorimeters import calibrated_hadrons
from e2e_tf.sim.candidates import MASSES, Candidates, neutral_candidates
from e2e_tf.sim.clustering import Clustered, Clusters, cluster_cells
from e2e_tf.sim.detector import CMS, PARTICLE_FLOW, Detector, ParticleFlow
from e2e_tf.sim.hits import CRYSTAL_GRID, TOWER_GRID
from e2e_tf.sim.kinematics import four_momentum, sums
from e2e_tf.sim.links import Links, link_tracks
from e2e_tf.sim.objects import Crystals, Segments, TrackObjects

__all__ = ["cluster_calorimeters", "identify", "particle_flow"]


def particle_flow(
    rng: np.random.Generator,
    tracks: TrackObjects,
    crystals: Crystals,
    segments: Segments,
    vertex_z: np.ndarray,
    detector: Detector = CMS,
    numbers: ParticleFlow = PARTICLE_FLOW,
) -> tuple[Candidates, np.ndarray]:
    """Candidates of several events.

    Args:
        rng: random numbers of the objects.
        tracks: with the kind of the particle that made each, which only the identification of muons and electrons
            asks for.
        crystals, segments: of the same events.
        vertex_z: float64 (events,), z of the chosen vertices [m].
        detector: its numbers.
        numbers: of the reconstruction.

    Returns:
        Candidates by rising event, and int8 (n,): the track's ``from_pv``, −1 where there is no track.
    """
    ecal, hcal = cluster_calorimeters(crystals, segments, detector, numbers)
    links = link_tracks(tracks, ecal, hcal, vertex_z, detector)
    kind = identify(rng, tracks, ecal.clusters, hcal.clusters, links, numbers)
    ecal_energy, hcal_energy, electron_energy = _without_leptons(
        tracks, ecal.clusters, hcal.clusters, links, kind, numbers
    )
    electromagnetic, hadronic = _excesses(
        tracks, kind, ecal_energy, hcal_energy, ecal.clusters, hcal.clusters, links, detector, numbers
    )
    charged = _charged(tracks, kind, electron_energy)
    ecal_face = detector.ecal_radius, detector.ecal_half_length
    hcal_face = detector.hcal_radius, detector.hcal_half_length
    photons = _neutrals(ecal.clusters, electromagnetic, 22, vertex_z, ecal_face)
    hadrons = _neutrals(hcal.clusters, hadronic, 130, vertex_z, hcal_face)
    found = joined([charged, photons, hadrons])
    none = np.full(len(photons) + len(hadrons), -1, np.int8)
    origin = np.concatenate([tracks.from_pv.astype(np.int8), none])
    order = np.argsort(found.event, kind="stable")
    return found.take(order), origin[order]


def cluster_calorimeters(
    crystals: Crystals, segments: Segments, detector: Detector = CMS, numbers: ParticleFlow = PARTICLE_FLOW
) -> tuple[Clustered, Clustered]:
    """Clusters of the calorimeters, with energies that make up for the cells' thresholds.

    Args:
        crystals, segments: of several events.
        detector: where the endcaps begin.
        numbers: seeds and widths.

    Returns:
        Those of the ECAL, and those of the HCAL's towers, all depths together.
    """
    endcap = np.abs(crystals.eta) > detector.ecal_barrel_eta
    in_energy = np.where(endcap, numbers.ecal_seed[1], numbers.ecal_seed[0])
    in_et = np.where(endcap, numbers.ecal_seed_et, 0.0) * np.cosh(crystals.eta)
    ecal = cluster_cells(
        CRYSTAL_GRID,
        crystals.key,
        crystals.energy,
        np.maximum(in_energy, in_et),
        numbers.ecal_width,
        True,
        numbers.iterations,
    )
    in_endcap = np.abs(ecal.clusters.eta) > detector.ecal_barrel_eta
    slope, most = (np.where(in_endcap, *pair[::-1]) for pair in zip(*numbers.ecal_calibration, strict=True))
    ecal = _calibrated(ecal, slope, most)

    towers, first, place = np.unique(segments.key, return_index=True, return_inverse=True)
    energy = sums(place, segments.energy, len(towers))
    endcap = np.abs(segments.eta[first]) > detector.ecal_barrel_eta
    seed = np.where(endcap, numbers.hcal_seed[1], numbers.hcal_seed[0])
    hcal = cluster_cells(TOWER_GRID, towers, energy, seed, numbers.hcal_width, False, numbers.iterations)
    return ecal, _calibrated(hcal, *numbers.hcal_calibration)


def _calibrated(cells: Clustered, slope: np.ndarray | float, most: np.ndarray | float) -> Clustered:
    """With what the clusters' cells below threshold hold on average."""
    energy = cells.clusters.energy
    more = np.minimum(slope * np.sqrt(energy), most)
    return replace(cells, clusters=replace(cells.clusters, energy=energy + more))


def identify(
    rng: np.random.Generator,
    tracks: TrackObjects,
    ecal: Clusters,
    hcal: Clusters,
    links: Links,
    numbers: ParticleFlow = PARTICLE_FLOW,
) -> np.ndarray:
    """Kinds of tracks, with the efficiencies and mistakes of muon and electron identification.

    Args:
        rng: random numbers of the objects.
        tracks: with the kind of the particle that made each.
        ecal, hcal: clusters.
        links: of the tracks to them.
        numbers: efficiencies and probabilities of mistakes.

    Returns:
        int16 (tracks,), 13, 11 or 211.
    """
    truth = np.abs(tracks.pdg_id)
    chance = rng.random(len(tracks))
    in_muons = np.searchsorted(numbers.muon_pt, tracks.pt, side="right")
    as_muon = np.where(truth == 13, np.array(numbers.muon_efficiency)[in_muons], numbers.muon_fake)
    as_muon = np.where(in_muons > 0, as_muon, 0.0)
    muon = chance < as_muon

    momentum = tracks.pt * np.cosh(tracks.eta)
    energy = np.where(links.ecal >= 0, np.append(ecal.energy, 0.0)[links.ecal], 0.0)
    energy = energy + sums(links.brems_track, ecal.energy[links.brems], len(tracks))
    behind = np.where(links.hcal >= 0, np.append(hcal.energy, 0.0)[links.hcal], 0.0)
    low, high = numbers.electron_ratio
    like = (energy > low * momentum) & (energy < high * momentum)
    like &= behind < numbers.electron_leakage * (energy + behind)
    in_electrons = np.searchsorted(numbers.electron_pt, tracks.pt, side="right")
    efficiency = np.array(numbers.electron_efficiency)[in_electrons] * (energy > 0)
    as_electron = np.where(truth == 11, efficiency, numbers.electron_fake * like * (in_electrons > 0))
    electron = ~muon & (rng.random(len(tracks)) < as_electron)
    return np.select([muon, electron], [13, 11], 211).astype(np.int16)


def _without_leptons(
    tracks: TrackObjects,
    ecal: Clusters,
    hcal: Clusters,
    links: Links,
    kind: np.ndarray,
    numbers: ParticleFlow,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energies of clusters without what muons and electrons left there, and the electrons' energies."""
    muon = kind == 13
    of_muons = [
        np.bincount(link[muon & (link >= 0)], minlength=len(clusters)) * deposit
        for link, clusters, deposit in zip(
            (links.ecal, links.hcal), (ecal, hcal), numbers.muon_deposit, strict=True
        )
    ]
    ecal_energy = np.maximum(ecal.energy - of_muons[0], 0.0)
    hcal_energy = np.maximum(hcal.energy - of_muons[1], 0.0)

    # An electron takes the cluster that it meets and those of its bremsstrahlung; of two, the later takes none.
    electrons = np.flatnonzero((kind == 11) & (links.ecal >= 0))
    own = kind[links.brems_track] == 11
    track = np.concatenate([electrons, links.brems_track[own]])
    cluster = np.concatenate([links.ecal[electrons], links.brems[own]])
    _, first = np.unique(cluster, return_index=True)
    energy = sums(track[first], ecal_energy[cluster[first]], len(tracks))
    ecal_energy[cluster] = 0.0
    return ecal_energy, hcal_energy, energy


def _excesses(
    tracks: TrackObjects,
    kind: np.ndarray,
    ecal_energy: np.ndarray,
    hcal_energy: np.ndarray,
    ecal: Clusters,
    hcal: Clusters,
    links: Links,
    detector: Detector,
    numbers: ParticleFlow,
) -> tuple[np.ndarray, np.ndarray]:
    """Energies of the photons at the ECAL's clusters and of the neutral hadrons at the HCAL's, 0 where there are none.

    Tracks that share a cluster of the HCAL, or without one a cluster of the ECAL, are one group with all ECAL clusters
    that are linked to them. What its clusters measure beyond its momenta is a photon up to the energy in the ECAL,
    and a neutral hadron beyond.
    """
    hadrons = np.flatnonzero(kind == 211)
    shift = len(hcal)
    group_of_track = np.where(links.hcal >= 0, links.hcal, np.where(links.ecal >= 0, links.ecal + shift, -1))[
        hadrons
    ]
    groups = shift + len(ecal)
    has = group_of_track >= 0
    momentum = (tracks.pt * np.cosh(tracks.eta))[hadrons]
    momenta = sums(group_of_track[has], momentum[has], groups)

    # Clusters of the ECAL belong to the group of the nearest track among those linked to them.
    is_hadron = np.append(kind == 211, False)
    group_of_any = np.full(len(tracks) + 1, -1)
    group_of_any[hadrons] = group_of_track
    track = np.where(is_hadron[links.ecal_track], links.ecal_track, -1)
    group = np.where(track >= 0, group_of_any[track], -1)
    linked = group >= 0
    main = linked & (np.append(links.ecal, -1)[track] == np.arange(len(ecal)))
    core = sums(group[main], ecal_energy[main], groups)
    core[:shift] += np.where(momenta[:shift] > 0, hcal_energy, 0.0)

    # Further clusters are satellites of the hadrons' showers, nearest first, as long as the momenta have room for them.
    more = np.flatnonzero(linked & ~main)
    more = more[np.lexsort((links.ecal_distance[more], group[more]))]
    running = np.cumsum(ecal_energy[more])
    start = np.searchsorted(group[more], group[more])
    before = np.append(0.0, running)[start]
    within = calibrated_hadrons(core[group[more]] + running - before, detector) < momenta[group[more]]
    taken = main.copy()
    taken[more[within]] = True

    in_ecal = sums(group[taken], ecal_energy[taken], groups)
    behind = np.zeros(groups)
    behind[:shift] = np.where(momenta[:shift] > 0, hcal_energy, 0.0)
    beyond = calibrated_hadrons(in_ecal + behind, detector) - momenta
    safe = np.maximum(momenta, 0.1)
    spread = np.hypot(detector.hadron_stochastic / np.sqrt(safe), detector.hadron_constant)
    spread = np.minimum(spread, detector.hadron_max_spread) * safe
    scale, falling = numbers.excess
    significant = (momenta > 0) & (beyond > scale * (1 + np.exp(-behind / falling)) * spread)
    beyond = np.where(significant, beyond, 0.0)
    photon = np.minimum(beyond, in_ecal)

    # The photon stands where most of the group's energy in the ECAL is; clusters outside of groups are photons whole.
    leading = np.full(groups, -1)
    rising = np.flatnonzero(taken)[np.argsort(ecal_energy[taken], kind="stable")]
    leading[group[rising]] = rising
    electromagnetic = np.where(taken, 0.0, ecal_energy)
    there = leading >= 0
    electromagnetic[leading[there]] = photon[there]
    alone = momenta[:shift] == 0
    hadronic = np.where(alone, calibrated_hadrons(hcal_energy, detector), (beyond - photon)[:shift])
    return electromagnetic, np.where(alone & (hcal_energy == 0), 0.0, hadronic)


def _charged(tracks: TrackObjects, kind: np.ndarray, electron_energy: np.ndarray) -> Candidates:
    """Every track is a candidate; an electron has the energy of its clusters, or its momentum if that is more."""
    pt = np.where(kind == 11, np.maximum(electron_energy / np.cosh(tracks.eta), tracks.pt), tracks.pt)
    mass = np.select([kind == 11, kind == 13], [MASSES[11], MASSES[13]], MASSES[211])
    return Candidates(
        tracks.event,
        kind,
        tracks.charge,
        four_momentum(pt, tracks.eta, tracks.phi, mass),
        tracks.d0,
        tracks.dz,
        tracks.d0_error,
        tracks.dz_error,
    )


def _neutrals(
    clusters: Clusters, energy: np.ndarray, kind: int, vertex_z: np.ndarray, face: tuple[float, float]
) -> Candidates:
    """Candidates at clusters, from the chosen vertex to where the cluster is at the calorimeter's face."""
    rows = np.flatnonzero(energy > 0)
    radius, half_length = face
    slope = np.sinh(clusters.eta[rows])
    # In the endcaps the face is a disc: the radius there follows from the direction.
    at = np.minimum(radius, half_length / np.maximum(np.abs(slope), 1e-9))
    eta = np.arcsinh(slope - vertex_z[clusters.event[rows]] / at)
    momentum = four_momentum(energy[rows] / np.cosh(eta), eta, delta_phi(clusters.phi[rows], 0.0), 0.0)
    return neutral_candidates(clusters.event[rows], kind, momentum)
