"""Raw quantities of the nodes of jets and images, by the formulas of :mod:`e2e_tf.data.features`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from e2e_tf.data.features import (
    CANDIDATES,
    CHANNELS,
    HIT_ENERGIES,
    HITS,
    PlacedNodes,
    Quantity,
    from_axis,
    pixel_table,
)
from e2e_tf.data.grid import CRYSTALS, TOWER, TOWERS, cell_position, delta_phi, wrapped_angle
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.node_inputs import bounded_momenta
from e2e_tf.errors import InputError
from e2e_tf.graph import WRAPPED, hit_nodes, image_nodes

__all__ = [
    "candidate_momenta",
    "candidate_quantities",
    "hit_momenta",
    "hit_positions",
    "hit_quantities",
    "pixel_quantities",
    "with_candidate_quantities",
]


def _evaluated(table: tuple[Quantity, ...], nodes: PlacedNodes) -> dict[str, np.ndarray]:
    return {q.feature.raw: q.formula(nodes).astype(np.float32) for q in table if q.formula is not None}


def _placed(
    jets: Jets, owner: np.ndarray, row: np.ndarray, column: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """η and φ [rad] of crystals and of the axes of their jets, float64 (n, 2) each."""
    place = cell_position(row, column, jets["ieta"][owner], jets["iphi"][owner])
    axis = [jets[name][owner].astype(np.float64) for name in ("eta", "phi")]
    return np.stack(place, axis=1), np.stack(axis, axis=1)


def hit_quantities(jets: Jets) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Raw quantities of the hits of each jet, one node per crystal with a signal.

    Args:
        jets: with hits in all channels, and the corner of each jet's window in ``ieta`` and ``iphi``.

    Returns:
        ``(quantities, n_node, lattice)``: float32 (n,) by raw name, in GeV and rad; int32 (B,); int32 (n, 2)
        row and column of the crystal in the window.

    Raises:
        InputError: the sample lacks a channel, or a hit is not acceptable.
    """
    missing = [channel for channel in CHANNELS if channel not in jets.hits]
    if missing:
        raise InputError(
            f"graphs of hits need the channels {', '.join(CHANNELS)}; this sample lacks {', '.join(missing)}"
        )
    nodes = hit_nodes(jets.hits)
    owner = np.repeat(np.arange(len(jets)), nodes.n_node)
    placed = PlacedNodes(nodes, *_placed(jets, owner, nodes.cells[:, 0], nodes.cells[:, 1]))
    return _evaluated(HITS, placed), nodes.n_node, nodes.cells


def hit_positions(jets: Jets, channel: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of the hits of a channel relative to the jet axis. That of a tower is its middle crystal.

    Args:
        jets: with hits in this channel.
        channel: ``track``, ``ecal`` or ``hcal``.

    Returns:
        ``(owner, Δη, Δφ)``: int64 (n,), the jet of each hit, and float64 (n,) [rad].
    """
    hits = jets.hits[channel]
    owner = hits.owner
    side, pitch = (TOWERS, TOWER) if channel == "hcal" else (CRYSTALS, 1)
    cells = np.divmod(hits["cell"].astype(np.int64), side)
    row, column = (index * pitch + pitch // 2 for index in cells)
    return owner, *from_axis(*_placed(jets, owner, row, column))


def candidate_quantities(jets: Jets) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Raw quantities of the candidates of each jet, the sample's columns and those that follow from them.

    Angles (``phi``, ``dphi``) may have any range and are wrapped, see :func:`e2e_tf.data.grid.wrapped_angle`.

    Args:
        jets: with candidates.

    Returns:
        ``(quantities, n_node)``: float32 (n,) by raw name; int32 (B,).

    Raises:
        InputError: the sample has no candidates.
    """
    if jets.candidates is None:
        raise InputError("graphs of candidates need candidates; this sample has none")
    raw = {name: values.astype(np.float32) for name, values in jets.candidates.columns.items()}
    raw |= {name: wrapped_angle(raw[name]) for name in WRAPPED if name in raw}
    out, owner = dict(raw), jets.candidates.owner
    for quantity in CANDIDATES:
        name, formula = quantity.feature.raw, quantity.formula
        known = raw.keys() >= set(quantity.sources) and jets.columns.keys() >= set(quantity.jet_sources)
        if formula is None or not known:
            continue
        for used in quantity.uses_up:
            out.pop(used, None)
        if not (quantity.keeps and name in raw):
            of_jet = (jets[source][owner] for source in quantity.jet_sources)
            out[name] = formula(*(raw[source] for source in quantity.sources), *of_jet)
    return out, jets.candidates.counts.astype(np.int32)


def with_candidate_quantities(jets: Jets) -> Jets:
    """The same jets whose candidates have the quantities of :func:`candidate_quantities` as columns.

    Args:
        jets: with candidates.

    Returns:
        A copy with other columns of candidates.

    Raises:
        InputError: the sample has no candidates.
    """
    quantities, _ = candidate_quantities(jets)
    assert jets.candidates is not None  # candidate_quantities refuses jets without
    return replace(jets, candidates=Ragged(quantities, jets.candidates.offsets))


def pixel_quantities(images: Images) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Raw quantities of the pixels of each image in which any channel has a value.

    Args:
        images: float32 (B, H, W, C).

    Returns:
        ``(quantities, n_node, lattice)``: float32 (n,) by raw name, those of
        :func:`e2e_tf.data.features.pixel_table`; int32 (B,); int32 (n, 2) row and column.
    """
    nodes = image_nodes(images.images)
    middle = np.array(images.images.shape[1:3]) / 2
    placed = PlacedNodes(nodes, nodes.cells + 0.5, middle)
    return _evaluated(pixel_table(images.channels), placed), nodes.n_node, nodes.cells


def hit_momenta(jets: Jets, quantities: Mapping[str, np.ndarray], n_node: np.ndarray) -> np.ndarray:
    """Four-momenta of hits: deposits are massless and as hard as ``E / cosh η``, tracks add their pT.

    Args:
        jets: B jets, for their axes.
        quantities: of :func:`hit_quantities`, perhaps of some of the nodes only.
        n_node: integers (B,), nodes of each jet.

    Returns:
        float32 (n, 4): pT [GeV], η, φ [rad], mass [GeV], which is 0, of :func:`bounded_momenta`.
    """
    owner = np.repeat(np.arange(len(n_node)), n_node)
    eta = quantities["deta"] + jets["eta"][owner]
    phi = delta_phi(quantities["dphi"].astype(np.float64), -jets["phi"][owner].astype(np.float64))
    track, ecal, hcal = (quantities[name] for name in HIT_ENERGIES)
    pt = track + (ecal + hcal) / np.cosh(eta)
    return bounded_momenta(np.stack([pt, eta, phi, np.zeros_like(pt)], axis=1).astype(np.float32))


def candidate_momenta(
    jets: Jets, quantities: Mapping[str, np.ndarray], n_node: np.ndarray
) -> np.ndarray | None:
    """Four-momenta of candidates, massless where the sample has no ``mass``.

    Args:
        jets: B jets, for their axes; without them η and φ stay relative to the axis.
        quantities: of :func:`candidate_quantities`, perhaps of some of the nodes only.
        n_node: integers (B,), nodes of each jet.

    Returns:
        float32 (n, 4): pT [GeV], η, φ [rad], mass [GeV], of :func:`bounded_momenta`; None without ``pt``, ``deta``
        and ``dphi``.
    """
    if not {"pt", "deta", "dphi"} <= set(quantities):
        return None
    owner = np.repeat(np.arange(len(n_node)), n_node)
    eta, phi = quantities["deta"].astype(np.float64), quantities["dphi"].astype(np.float64)
    if {"eta", "phi"} <= set(jets.columns):
        eta = eta + jets["eta"][owner]
        phi = delta_phi(phi, -jets["phi"][owner].astype(np.float64))
    mass = quantities.get("mass", np.zeros(len(owner), np.float32))
    return bounded_momenta(np.stack([quantities["pt"], eta, phi, mass], axis=1).astype(np.float32))
