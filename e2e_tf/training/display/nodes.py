"""What is drawn of a jet: marks for its objects, places of its nodes, edges of its graph, paths in space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from e2e_tf.data.detector_features import node_kinds
from e2e_tf.data.features import HIT_ENERGIES, PARTICLE_KINDS
from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.held import held_jets
from e2e_tf.data.jets import Jets
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.data.stored import StoredJets, untransformed
from e2e_tf.errors import InputError
from e2e_tf.graph import KINDS

__all__ = ["DrawnJet", "Mark", "drawn_jets", "in_space", "raw_nodes"]

ECAL_FACE = (1.29, 3.17)
"""Radius and half length [m] of the front of CMS' electromagnetic calorimeter (JINST 3 (2008) S08004)."""
HCAL_FACE = (1.81, 3.88)
"""The same of the hadronic calorimeter."""

_LONGEST = 0.9  # m, of the largest deposit of a jet
_STEPS = 9  # points on the path of a track
_CANDIDATES = {"photon": "ecal", "neutral_hadron": "hcal"}  # all others leave tracks
_LEFT_OUT = ("laplacian", "hessian")  # of images, too many to read where the pointer rests


@dataclass(frozen=True)
class Mark:
    """The objects of one kind of a jet.

    Attributes:
        node: int (n,), the node of each.
        value: float (n,), energy, or pT of tracks [GeV]; 0 for what has none.
    """

    node: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class DrawnJet:
    """One jet.

    Attributes:
        places: float (n, 2), Δη and Δφ [rad] of the nodes to the axis, of detector objects at the front of the ECAL.
        vertex: float (n, 2), the same at the vertex; None where it is not another place.
        marks: objects by ``track``, ``ecal``, ``hcal`` or ``pixel``.
        hover: what is known of each node, as text.
        senders, receivers: int (e,), the edges of the graph.
        axis: η and φ [rad] of the jet; None where the sample does not know them.
        attention: float (e,) by the name of a layer, see :mod:`e2e_tf.training.display.attention`.
    """

    places: np.ndarray
    vertex: np.ndarray | None
    marks: Mapping[str, Mark]
    hover: tuple[str, ...]
    senders: np.ndarray
    receivers: np.ndarray
    axis: tuple[float, float] | None = None
    attention: Mapping[str, np.ndarray] = field(default_factory=dict)


def drawn_jets(jets: Jets, preprocess: Preprocess) -> list[DrawnJet]:
    """Jets with the nodes and the graph that a trained model sees.

    Args:
        jets: with hits, candidates or detector objects.
        preprocess: of a run or bundle.

    Returns:
        One for each jet, in order.

    Raises:
        InputError: nodes are pixels of images, or the sample lacks places or momenta.
    """
    if preprocess.nodes == "pixels":
        raise InputError(
            "an event display shows hits, candidates or detector objects; nodes of this run are 'pixels'"
        )
    recipe, jets = GraphRecipe.of(preprocess), held_jets(jets)
    graphs = build_graphs(jets, recipe)
    known = build_graphs(jets, replace(recipe, node_features=(), edges="knn:1"))
    names = [feature.raw for feature in known.node_features]
    units = {feature.raw: feature.unit for feature in known.node_features}
    columns = {name: values.astype(np.float64) for name, values in raw_nodes(jets, recipe, names).items()}
    places, vertex = _places(columns, preprocess.nodes, known)
    marks = _marks(columns, preprocess.nodes)
    shown = [name for name in names if not name.endswith(_LEFT_OUT) and "hessian" not in name]
    batch, drawn = graphs.batch, []
    ends = np.concatenate([[0], np.cumsum(batch.n_node, dtype=np.int64)])
    edge_ends = np.concatenate([[0], np.cumsum(batch.n_edge, dtype=np.int64)])
    for i in range(len(jets)):
        rows, edges = slice(ends[i], ends[i + 1]), slice(edge_ends[i], edge_ends[i + 1])
        inside = {}
        for kind, mark in marks.items():
            chosen = (mark.node >= ends[i]) & (mark.node < ends[i + 1])
            if chosen.any():
                inside[kind] = Mark(mark.node[chosen] - ends[i], mark.value[chosen])
        hover = tuple(
            "<br>".join(
                f"{name} {columns[name][row]:.4g} {units[name]}".rstrip()
                for name in shown
                if columns[name][row]
            )
            for row in range(ends[i], ends[i + 1])
        )
        axis = None
        if {"eta", "phi"} <= set(jets.columns):
            axis = (float(jets["eta"][i]), float(jets["phi"][i]))
        drawn.append(
            DrawnJet(
                places[rows],
                None if vertex is None else vertex[rows],
                inside,
                hover,
                batch.senders[edges] - ends[i],
                batch.receivers[edges] - ends[i],
                axis,
            )
        )
    return drawn


def raw_nodes(jets: Jets, recipe: GraphRecipe, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Quantities of nodes as they are before any transform, for pictures.

    Args:
        jets: of a file, or of a graph store, whose features are transformed back.
        recipe: which nodes.
        names: raw names of the quantities.

    Returns:
        float32 (n,) by name.

    Raises:
        InputError: the sample lacks one.
    """
    plain = replace(recipe, edges="knn:1")
    if isinstance(jets, StoredJets):
        graphs = build_graphs(jets, replace(plain, node_features=tuple(names)))
        known = zip(graphs.node_features, graphs.batch.x.T, strict=True)
        return {feature.raw: untransformed(feature, values) for feature, values in known}
    raw = build_graphs(jets, replace(plain, node_features=tuple(f"{name}:identity" for name in names)))
    return dict(zip(names, raw.batch.x.T, strict=True))


def _places(
    columns: Mapping[str, np.ndarray], nodes: str, graphs: GraphData
) -> tuple[np.ndarray, np.ndarray | None]:
    if nodes == "detector" and {"deta_face", "dphi_face"} <= columns.keys():
        face = np.stack([columns["deta_face"], columns["dphi_face"]], axis=1)
        return face, np.stack([columns["deta"], columns["dphi"]], axis=1)
    if np.isnan(graphs.positions).any():
        raise InputError(
            "an event display needs the places of the nodes (deta, dphi), which this sample lacks"
        )
    return graphs.positions.astype(np.float64), None


def _marks(columns: Mapping[str, np.ndarray], nodes: str) -> dict[str, Mark]:
    found = {}
    if nodes == "hits":
        for kind, name in zip(("track", "ecal", "hcal"), HIT_ENERGIES, strict=True):
            rows = np.flatnonzero(columns[name] > 0)
            found[kind] = Mark(rows, columns[name][rows])
        return found
    if nodes == "detector":
        numbers = node_kinds(columns)
        for number, name in enumerate(KINDS):
            rows = np.flatnonzero(numbers == number)
            found[name] = Mark(rows, columns["pt"][rows] if name != "pixel" else np.zeros(len(rows)))
        return found
    value = next((columns[name] for name in ("pt", "energy", "ptrel") if name in columns), None)
    if value is None:
        raise InputError("an event display of candidates needs their pt, which this sample lacks")
    where = np.full(len(value), "track", object)
    for name in PARTICLE_KINDS:
        if f"is_{name}" in columns:
            where[columns[f"is_{name}"] > 0] = _CANDIDATES.get(name, "track")
    return {
        kind: Mark(np.flatnonzero(where == kind), value[where == kind]) for kind in ("track", "ecal", "hcal")
    }


def in_space(jet: DrawnJet) -> dict[str, Any]:
    """Places and paths of a jet in the detector, from its η and φ.

    A track bends evenly with its distance from the beam, as on a circle that is much larger than the tracker; a deposit
    is a line that points away from the vertex, of a length that is proportional to its transverse energy.

    Args:
        jet: with an axis; one without is drawn at η = 0 and φ = 0.

    Returns:
        ``nodes`` float (n, 3) [m], and by kind ``lines`` float (k, p, 3): of tracks p points from the vertex to the
        calorimeter, of deposits 2 points.
    """
    axis = np.array(jet.axis or (0.0, 0.0))
    nodes = _on_face(jet.places + axis, ECAL_FACE)
    lines = {}
    largest = max((float(mark.value.max(initial=0.0)) for mark in jet.marks.values()), default=0.0) or 1.0
    for kind, mark in jet.marks.items():
        at = jet.places[mark.node] + axis
        if kind == "track":
            start = at if jet.vertex is None else jet.vertex[mark.node] + axis
            share = np.linspace(0, 1, _STEPS)[None, :, None]
            on_the_way = start[:, None, :] + share * (at - start)[:, None, :]
            lines[kind] = _on_face(on_the_way.reshape(-1, 2), ECAL_FACE).reshape(len(at), _STEPS, 3) * share
        elif kind != "pixel":
            foot = _on_face(at, HCAL_FACE if kind == "hcal" else ECAL_FACE)
            long = _LONGEST * (mark.value / largest)[:, None]
            lines[kind] = np.stack(
                [foot, foot * (1 + long / np.linalg.norm(foot, axis=1, keepdims=True))], axis=1
            )
    return {"nodes": nodes, "lines": lines}


def _on_face(places: np.ndarray, face: tuple[float, float]) -> np.ndarray:
    """Where directions meet a cylinder: float (n, 3) [m] from η and φ (n, 2)."""
    radius, half = face
    eta, phi = np.clip(places[:, 0], -6, 6), places[:, 1]
    slope = np.sinh(eta)  # z over the distance from the beam
    r = np.minimum(radius, half / np.maximum(np.abs(slope), 1e-9))
    return np.stack([r * np.cos(phi), r * np.sin(phi), r * slope], axis=1)
