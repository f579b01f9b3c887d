"""Events as those of RECO with detector objects of the shipped sample, and the same jets as the training had them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.deploy.closure_events import ClosureEvents
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.jet_objects import objects_of_jets
from e2e_tf.sim.objects import Crystals, PixelClusters, Segments, TrackObjects
from e2e_tf.sim.tracking import RecoTracks, face_of_tracks
from e2e_tf.sim.vertices import Vertices

__all__ = ["object_events", "reco_tracks", "reco_vertices"]

_RADIUS = 0.5  # in which files of jets have detector objects
_JET_RADIUS = 0.4
_PRODUCT = 4.0  # pileup density that the events store [GeV per unit area]
_SHIFT = 7  # cm, of the modules of the stand-ins
_BEAM = (0.02, 0.02, 3.5)  # cm, width of the region in which the events lie
_BARE = 3  # the event that has no vertex but a fake one
_CELLS = {"ecal": (129.0, (0.1, 0.3)), "hcal": (180.0, (0.1, 0.2, 0.3, 0.3))}  # radius [cm], thresholds [GeV]
_LAYERS = (4.4, 7.3, 10.2)  # cm
_BARREL = 1.479  # |η| in which crystals are those of the barrel


@dataclass(frozen=True)
class _Source:
    """Jets of the sample, two to an event, their axes and the places of the collisions."""

    jets: Jets
    event: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    beam: np.ndarray  # [cm]

    def absolute(self, kind: str) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
        """Columns of a kind of objects, and their events, η and φ."""
        rows = self.jets.objects[kind]
        columns = {name: values.astype(float) for name, values in rows.columns.items()}
        eta = columns["deta"] + self.eta[rows.owner]
        return columns, self.event[rows.owner], eta, delta_phi(columns["dphi"] + self.phi[rows.owner], 0.0)


def object_events(definition: Mapping[str, Any] | None, events: int = 150, seed: int = 6) -> ClosureEvents:
    """Write jets of the shipped sample of detector objects as events, one tau and one QCD jet in each.

    Among their objects are some that producers must leave out: tracks without quality and below the limit in pT,
    spikes, crystals below the threshold, clusters of tracks and of other layers.

    Args:
        definition: how the jets of the training were made, ``jets`` of the manifest; None, as they are stored.
        events: how many.
        seed: of the places of the collisions.

    Returns:
        The events, and their jets in Python with the objects around them by the functions of the simulation, in all
        bits of float32.
    """
    made = definition or {"momentum": "stored", "rho": "product"}
    jets = read_jets(sample_path("tau_detector"), stop=2 * events)
    place = np.random.default_rng(seed).normal(0, _BEAM, (events, 3))
    side = np.pi * (np.arange(len(jets)) % 2)  # two jets apart
    source = _Source(
        jets,
        np.arange(len(jets)) // 2,
        jets["eta"].astype(float),
        delta_phi(jets["phi"].astype(float) + side, 0.0),
        place,
    )
    vertices = reco_vertices(source)
    tracks = reco_tracks(source, vertices)
    cells = {kind: _cells(source, kind) for kind in _CELLS}
    clusters, places = _clusters(source)
    axes = ReconstructedJets(
        source.event, jets["pt"].astype(float), source.eta, source.phi, jets["mass"].astype(float)
    )
    around = objects_of_jets(
        axes,
        tracks,
        Crystals(**_common(cells["ecal"]), time=cells["ecal"]["time"]),
        Segments(**_common(cells["hcal"]), depth=cells["hcal"]["part"].astype(np.int8)),
        clusters,
        vertices,
        float(made.get("radius", _RADIUS)),
        exact=True,
    )
    found = Jets(
        columns={k: getattr(axes, k).astype(np.float32) for k in ("pt", "eta", "phi", "mass")}
        | {"rho": np.full(len(jets), _PRODUCT, np.float32)},
        event=source.event,
        weight=np.ones(len(jets), np.float32),
        objects=around,
    )
    lifted = np.ones(len(jets))
    if made["momentum"] == "area" and made["rho"] != "candidates":  # the events have no candidates
        area = np.pi * float(made.get("jet_radius", _JET_RADIUS)) ** 2
        lifted += area * _PRODUCT / axes.pt
    lines = [str(events)]
    for event in range(events):
        lines += _event_lines(event, source, axes, lifted, vertices)
        lines += _pixel_lines(event, clusters, places, tracks)
        lines += _track_lines(event, source, tracks)
        lines += _cell_lines(event, cells)
    assert jets.label is not None
    return ClosureEvents("\n".join(lines) + "\n", found, jets.label, "jets")


def reco_vertices(source: _Source) -> Vertices:
    """Vertices of the first jet of each event, the chosen one first; one event has none but the beam spot, as a fake.

    Args:
        source: the jets and where they lie.

    Returns:
        The vertices.
    """
    rows = source.jets.objects["vertex"]
    first = (rows.owner % 2 == 0) & ((rows.owner != 2 * _BARE) | (rows["z"] == 0))
    of, z = rows.owner[first] // 2, rows["z"][first].astype(float)
    zeros = np.zeros(len(of))
    return Vertices(
        event=of,
        x=source.beam[of, 0],
        y=source.beam[of, 1],
        z=z + source.beam[of, 2],
        xy_error=zeros,
        z_error=zeros,
        sum_pt2=zeros,
        n_tracks=zeros.astype(int),
        chosen=np.append(True, of[1:] != of[:-1]),
        collision=zeros.astype(int),
    )


def reco_tracks(source: _Source, vertices: Vertices) -> TrackObjects:
    """Tracks by event and falling momentum, with their places at the face of the calorimeter.

    Args:
        source: the jets and where they lie.
        vertices: of the events; a track from the chosen one is nearest to it along the beam.

    Returns:
        The tracks.
    """
    columns, event, eta, phi = source.absolute("track")
    along = vertices.z - source.beam[vertices.event, 2]
    distance = np.abs(columns["dz"][:, None] - np.where(vertices.event == event[:, None], along, np.inf))
    blank = np.full(len(event), -1)
    tracks = RecoTracks(
        event=event,
        pt=columns["pt"],
        eta=eta,
        phi=phi,
        charge=columns["charge"].astype(np.int8),
        **{k: columns[k] for k in ("d0", "dz", "d0_error", "dz_error", "chi2")},
        n_hits=columns["n_hits"].astype(np.int16),
        n_pixel_hits=columns["n_pixel_hits"].astype(np.int16),
        origin=blank,
        process=blank,
        collision=blank,
        vertex=blank,
        from_pv=vertices.chosen[np.argmin(distance, axis=1)].astype(np.int8),
    )
    tracks = tracks.take(np.lexsort((-tracks.pt, tracks.event)))
    face = face_of_tracks(tracks, vertices)
    return TrackObjects(
        **vars(tracks),
        eta_face=np.where(face.reached, face.eta, tracks.eta),
        phi_face=np.where(face.reached, face.phi, tracks.phi),
        pdg_id=np.zeros(len(tracks), np.int32),
    )


def _seen(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """η and φ of points that are stored in single precision."""
    x, y, z = (values.astype(np.float32).astype(float) for values in (x, y, z))
    return np.arcsinh(z / np.hypot(x, y)), np.arctan2(y, x)


def _cells(source: _Source, kind: str) -> dict[str, np.ndarray]:
    """Crystals or towers on a cylinder above the thresholds, by event and falling transverse energy."""
    radius, least = _CELLS[kind]
    columns, event, eta, phi = source.absolute(kind)
    x, y, z = radius * np.cos(phi), radius * np.sin(phi), radius * np.sinh(eta)
    part = np.where(np.abs(eta) < _BARREL, 1, 2) if kind == "ecal" else columns["depth"].astype(int)
    columns["eta"], columns["phi"] = _seen(x, y, z)
    keep = columns["energy"] >= np.array(least)[part - 1]
    order = np.lexsort((-columns["energy"] / np.cosh(columns["eta"]), event))
    order = order[keep[order]]
    columns |= {"event": event, "part": part, "x": x, "y": y, "z": z}
    return {name: values[order] for name, values in columns.items()}


def _common(cells: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"key": np.arange(len(cells["event"])), **{k: cells[k] for k in ("event", "eta", "phi", "energy")}}


def _clusters(source: _Source) -> tuple[PixelClusters, np.ndarray]:
    """Clusters as they are seen from the chosen vertex, and their places [cm], float64 (n, 3)."""
    columns, event, eta, phi = source.absolute("pixel")
    layer = columns["layer"].astype(int)
    radius = np.array(_LAYERS)[layer - 1]
    # Places are stored in the frames of modules, in single precision.
    local = (radius * np.sinh(eta) + source.beam[event, 2] - _SHIFT).astype(np.float32)
    z = (local + np.float32(_SHIFT)).astype(float)
    x, y = radius * np.cos(phi), radius * np.sin(phi)
    place = np.stack([x, y, local.astype(float) + _SHIFT], axis=1)
    x, y = (values.astype(np.float32).astype(float) for values in (x, y))
    seen = np.arcsinh((z - source.beam[event, 2]) / np.hypot(x, y)), np.arctan2(y, x)
    return PixelClusters(event, *seen, layer.astype(np.int8)), place


def _line(*values: Any) -> str:
    return " ".join(repr(value.item() if isinstance(value, np.generic) else value) for value in values)


def _event_lines(
    event: int, source: _Source, axes: ReconstructedJets, lifted: np.ndarray, vertices: Vertices
) -> Iterator[str]:
    """Density, jets, no candidates, vertices and the beam spot."""
    yield f"detector {_PRODUCT!r} 2"
    for jet in (2 * event, 2 * event + 1):
        momentum = axes.pt[jet] * lifted[jet], axes.eta[jet], axes.phi[jet], axes.mass[jet] * lifted[jet]
        yield _line(*momentum, 0.0, 0.0, 0)
    yield "0"
    rows = np.flatnonzero(vertices.event == event)
    yield str(len(rows))
    for i in rows:
        yield _line(vertices.x[i], vertices.y[i], vertices.z[i], int(event == _BARE))
    yield _line(*source.beam[event])


def _pixel_lines(
    event: int, clusters: PixelClusters, places: np.ndarray, tracks: TrackObjects
) -> Iterator[str]:
    """Clusters, among them one that a track has, one of the fourth layer and one of the endcaps at places of others."""
    rows, count = np.flatnonzero(clusters.event == event), int((tracks.event == event).sum())
    odd = [(1, 1, count - 1), (1, 4, -1), (2, 1, -1)] if len(rows) and count else []
    yield str(len(rows) + len(odd))
    for i in rows:
        yield _line(1, int(clusters.layer[i]), *places[i], -1)
    for part, layer, track in odd:
        yield _line(part, layer, *places[rows[0]], track)


def _track_lines(event: int, source: _Source, tracks: TrackObjects) -> Iterator[str]:
    """Tracks, and on the axis of a jet one without the quality and one below the limit in pT."""
    rows, beam = np.flatnonzero(tracks.event == event), source.beam[event]
    yield str(len(rows) + 2)
    for i in rows:
        sine, cosine = np.sin(tracks.phi[i]), np.cos(tracks.phi[i])
        place = beam + np.array([-tracks.d0[i] * sine, tracks.d0[i] * cosine, tracks.dz[i]])
        fit = (int(tracks.charge[i]), tracks.d0_error[i], tracks.dz_error[i], 8 * tracks.chi2[i], 8.0)
        hits = (int(tracks.n_hits[i]), int(tracks.n_pixel_hits[i]), 2, 1)
        yield _line(tracks.pt[i], tracks.eta[i], tracks.phi[i], *place, *fit, *hits)
    for pt, quality in ((30.0, 0), (0.4, 2)):
        where = source.eta[2 * event], source.phi[2 * event]
        yield _line(pt, *where, *beam, 1, 0.1, 0.1, 8.0, 8.0, 9, 3, quality, 1)


def _cell_lines(event: int, cells: Mapping[str, Mapping[str, np.ndarray]]) -> Iterator[str]:
    """Crystals behind a spike and one below the threshold, then towers."""
    for kind, table in cells.items():
        own = {name: values[table["event"] == event] for name, values in table.items()}
        places = zip(*(own[k] for k in ("part", "energy", "x", "y", "z")), strict=True)
        if kind == "hcal":
            yield str(len(own["x"]))
            for place in places:
                yield _line(*place)
            continue
        yield str(len(own["x"]) + 2)
        for energy, flag in ((90.0, 14), (0.05, 0)):
            yield _line(1, energy, 129.0, 0.0, 0.0, 0.0, flag)
        for place, time in zip(places, own["time"], strict=True):
            yield _line(*place, time, 0)
