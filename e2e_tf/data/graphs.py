"""From jets to graphs: nodes with named features, edges, jet quantities, labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from e2e_tf.data.detector_features import DETECTOR_FEATURES, detector_quantities, node_kinds
from e2e_tf.data.features import (
    CANDIDATE_FEATURES,
    HIT_ENERGIES,
    HIT_FEATURES,
    JET_FEATURES,
    Feature,
    feature_names,
    pixel_table,
    select_features,
    transformed,
)
from e2e_tf.data.grid import wrapped_angle
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.node_inputs import MASSIVE, input_columns, places
from e2e_tf.data.preprocess import GraphSettings, Normalisation, Preprocess, check_limits
from e2e_tf.data.quantities import (
    candidate_momenta,
    candidate_quantities,
    hit_momenta,
    hit_quantities,
    pixel_quantities,
)
from e2e_tf.errors import InputError
from e2e_tf.graph import (
    WRAPPED,
    GraphBatch,
    build_edges,
    edges_per_graph,
)

__all__ = [
    "TRUTH",
    "GraphData",
    "GraphRecipe",
    "build_graphs",
    "graphs_of",
]

TRUTH = "truth_"
"""Before the names of columns of truth among those of jets, which may have the same names."""


@dataclass(frozen=True)
class GraphRecipe(GraphSettings):
    """How jets become graphs.

    Attributes:
        nodes: ``hits`` (one node per crystal with a signal), ``candidates``, ``detector`` (one node per track,
            crystal, tower and cluster of pixels), or ``pixels`` of images that are not on the detector grid.
        edges: the graph, such as ``knn:8+delaunay`` (see :meth:`e2e_tf.graph.GraphSpec.parse`).
        node_features: raw names of the node features in order; empty for all that the sample has.
        jet_features: raw names of the graph-level inputs in order; may be empty.
        coordinates: raw node quantities to build the graph in; empty for the position in η and φ, of hits and
            pixels as row and column. Those called ``phi`` or ``dphi`` wrap at 2π.
        max_nodes: keep this many leading nodes (energy of hits, pT of candidates) of a jet; 0 keeps all. Of detector
            objects also a table, ``{"track": 32, "ecal": 64}``: only the kinds in it become nodes, each with its own
            limit. :attr:`limit` is that of a whole jet.
    """

    nodes: str = "hits"
    edges: str = "knn:8+delaunay"
    node_features: tuple[str, ...] = ()
    jet_features: tuple[str, ...] = ("pt", "mass")
    coordinates: tuple[str, ...] = ()
    max_nodes: int | Mapping[str, int] = 0

    def __post_init__(self) -> None:
        if self.nodes not in ("hits", "candidates", "detector", "pixels"):
            raise InputError(
                f"nodes must be 'hits', 'candidates', 'detector' or 'pixels', not {self.nodes!r}"
            )
        check_limits(self.max_nodes, self.nodes)
        if self.spec.between and self.nodes != "detector":  # refuses what cannot be read, too
            raise InputError(
                f"the rule {self.spec.between[0]} links kinds of detector objects; nodes are {self.nodes!r}"
            )

    @classmethod
    def of(cls, preprocess: Preprocess) -> GraphRecipe:
        """The recipe that a stored ``preprocess.json`` describes.

        Args:
            preprocess: as read.

        Returns:
            A recipe whose features and transforms are those of ``preprocess``.
        """
        jet = preprocess.jet_features
        return cls(
            nodes=preprocess.nodes,
            edges=preprocess.edges,
            node_features=tuple(f"{f.raw}:{f.transform}" for f in preprocess.node_features.features),
            jet_features=() if jet is None else tuple(f"{f.raw}:{f.transform}" for f in jet.features),
            coordinates=preprocess.coordinates,
            max_nodes=preprocess.max_nodes,
        )


@dataclass(frozen=True)
class GraphData:
    """Graphs of many jets with labels and the columns that evaluation needs.

    Attributes:
        batch: all graphs in one batch; ``x`` and ``u`` are transformed, by :meth:`normalised` also scaled.
        event: int64 (B,).
        weight: float32 (B,).
        label: int8 (B,) or None.
        jets: jet columns, (B,) each; truth has the prefix ``truth_``, as in ``truth_decay_mode``, and is an input
            of a model only where ``jet_features`` names it.
        node_features, jet_features: what the columns of ``x`` and ``u`` are.
        positions: float32 (n, 2), η and φ of the nodes relative to the jet axis [rad], NaN where unknown.
        p4: float32 (n, 4), pT [GeV], η, φ [rad] and mass [GeV] of the nodes; None where unknown.
    """

    batch: GraphBatch
    event: np.ndarray
    weight: np.ndarray
    label: np.ndarray | None
    jets: Mapping[str, np.ndarray]
    node_features: tuple[Feature, ...]
    jet_features: tuple[Feature, ...]
    positions: np.ndarray
    p4: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.event)

    def take(self, index: np.ndarray) -> GraphData:
        """The given jets in the given order.

        Args:
            index: integers (n,) or a boolean mask (B,).

        Returns:
            Graphs and columns of these jets.
        """
        index = np.asarray(index)
        counts = self.batch.n_node.astype(np.int64)
        rows = Ragged.from_counts({"row": np.arange(counts.sum())}, counts).take(index)["row"]
        return replace(
            self,
            batch=self.batch.take(index),
            event=self.event[index],
            weight=self.weight[index],
            label=None if self.label is None else self.label[index],
            jets={name: column[index] for name, column in self.jets.items()},
            positions=self.positions[rows],
            p4=None if self.p4 is None else self.p4[rows],
        )

    def node_inputs(self) -> dict[str, np.ndarray]:
        """Quantities of the nodes that some models take beside ``x``, those that are known.

        Returns:
            ``points`` float32 (n, 2): Δη, Δφ to the jet axis [rad]; ``p4`` float32 (n, 4): pT [GeV], η, φ [rad],
            mass [GeV]. Neither is normalised.
        """
        known: dict[str, np.ndarray] = {}
        if not np.isnan(self.positions).any():
            known["points"] = self.positions
        if self.p4 is not None:
            known["p4"] = self.p4
        return known

    def fit_preprocess(self, recipe: GraphRecipe) -> Preprocess:
        """Normalisation fitted on these jets, which must be the training split only.

        Args:
            recipe: by which the graphs were built.

        Returns:
            All that turns raw jets into these graphs, and their normalisation.
        """
        u = self.batch.u
        return Preprocess(
            nodes=recipe.nodes,
            edges=str(recipe.spec),
            coordinates=recipe.coordinates,
            max_nodes=recipe.max_nodes,
            node_features=Normalisation.fit(self.node_features, self.batch.x),
            jet_features=None if u is None else Normalisation.fit(self.jet_features, u),
            extra={MASSIVE: True} if self.p4 is not None and self.p4[:, 3].any() else {},
        )

    def normalised(self, preprocess: Preprocess) -> GraphData:
        """The same graphs with normalised ``x`` and ``u``.

        Args:
            preprocess: for the same features in the same order.

        Returns:
            A copy; edges and columns are shared.

        Raises:
            InputError: ``preprocess`` is for other features.
        """
        if feature_names(preprocess.node_features.features) != feature_names(self.node_features):
            raise InputError(
                f"preprocess.json is for the inputs {feature_names(preprocess.node_features.features)}, "
                f"these graphs have {feature_names(self.node_features)}"
            )
        u = self.batch.u
        if (u is None) != (preprocess.jet_features is None):
            raise InputError(
                "preprocess.json and the graphs disagree on whether there are graph-level inputs"
            )
        if preprocess.jet_features is not None:
            wanted, found = feature_names(preprocess.jet_features.features), feature_names(self.jet_features)
            if wanted != found:
                raise InputError(
                    f"preprocess.json is for the graph-level inputs {wanted}, these graphs have {found}"
                )
        batch = replace(
            self.batch,
            x=preprocess.node_features(self.batch.x),
            u=None if preprocess.jet_features is None or u is None else preprocess.jet_features(u),
        )
        return replace(self, batch=batch)


def build_graphs(jets: Jets | Images, recipe: GraphRecipe) -> GraphData:
    """Graphs of all jets (or images) by the recipe; one without nodes stays, as an empty graph.

    Args:
        jets: with hits or candidates, or images of pixels, as the recipe wants.
        recipe: nodes, edges and features.

    Returns:
        The graphs; features are transformed, not normalised.

    Raises:
        InputError: the sample lacks what the recipe asks for; the message names it.
    """
    if (finished := jets.finished_graphs(recipe)) is not None:
        return cast("GraphData", finished)
    lattice = p4 = None
    if (recipe.nodes == "pixels") == isinstance(jets, Jets):
        have = (
            "jets, whose nodes are hits, candidates or detector"
            if isinstance(jets, Jets)
            else "images of pixels"
        )
        raise InputError(f"nodes are {recipe.nodes!r}, but this sample has {have}")
    if not isinstance(jets, Jets):
        quantities, n_node, lattice = pixel_quantities(jets)
        known: Sequence[Feature] = [quantity.feature for quantity in pixel_table(jets.channels)]
        weight = np.sum([np.abs(quantities[channel]) for channel in jets.channels], axis=0)
    elif recipe.nodes == "hits":
        quantities, n_node, lattice = hit_quantities(jets)
        known = HIT_FEATURES
        track, ecal, hcal = (quantities[name] for name in HIT_ENERGIES)
        weight = track + ecal + hcal
        p4 = hit_momenta(jets, quantities, n_node)
    elif recipe.nodes == "detector":
        limits = None if isinstance(recipe.max_nodes, int) else recipe.max_nodes
        quantities, n_node = detector_quantities(jets, limits)
        known = DETECTOR_FEATURES
        weight = quantities.get("pt")
        p4 = candidate_momenta(jets, quantities, n_node)
    else:
        quantities, n_node = candidate_quantities(jets)
        known = CANDIDATE_FEATURES
        weight = quantities.get("pt", quantities.get("ptrel"))
        p4 = candidate_momenta(jets, quantities, n_node)
    if isinstance(recipe.max_nodes, int) and 0 < recipe.max_nodes < n_node.max(initial=0):
        if weight is None:
            raise InputError("max_nodes needs candidates with a column 'pt' to tell the leading ones")
        keep = _leading(weight, n_node, recipe.max_nodes)
        owner = np.repeat(np.arange(len(n_node)), n_node)
        quantities = {name: values[keep] for name, values in quantities.items()}
        lattice = None if lattice is None else lattice[keep]
        p4 = None if p4 is None else p4[keep]
        n_node = np.bincount(owner[keep], minlength=len(n_node)).astype(np.int32)
    names = recipe.node_features or tuple(
        [feature.raw for feature in known if feature.raw in quantities]
        # The order of columns must not depend on whether the jets come from a file (sorted) or from memory.
        + sorted(quantities.keys() - {feature.raw for feature in known})
    )
    if not names:
        raise InputError(f"graphs need at least one quantity of the {recipe.nodes}; this sample has none")
    positions = places(quantities, int(n_node.sum()))
    of_nodes = quantities | input_columns(names, positions, p4)
    features = select_features(known, names, of_nodes)
    x = np.stack([transformed(f, of_nodes[f.raw]) for f in features], axis=1)
    columns = {**jets.columns, **{f"{TRUTH}{name}": values for name, values in jets.truth.items()}}
    jet_features = select_features(JET_FEATURES, recipe.jet_features, columns)
    of_jets = {
        f.raw: wrapped_angle(columns[f.raw]) if f.raw in WRAPPED else columns[f.raw] for f in jet_features
    }
    u = np.stack([transformed(f, of_jets[f.raw]) for f in jet_features], axis=1) if jet_features else None

    senders, receivers = _linked(recipe, quantities, n_node, lattice)
    batch = GraphBatch(
        x=x,
        senders=senders,
        receivers=receivers,
        n_node=n_node,
        n_edge=edges_per_graph(receivers, n_node),
        u=u,
    )
    return GraphData(
        batch=batch,
        event=jets.event,
        weight=jets.weight,
        label=jets.label,
        jets=columns,
        node_features=features,
        jet_features=jet_features,
        positions=positions,
        p4=p4,
    )


def _linked(
    recipe: GraphRecipe, quantities: Mapping[str, np.ndarray], n_node: np.ndarray, lattice: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Senders and receivers of the recipe's graph, in as many coordinates as the recipe names."""
    space = recipe.space
    names = space.measured
    needs_points = {"radius"} if space.on_lattice else {"knn", "radius", "delaunay", *recipe.spec.between}
    points = period = None
    if needs_points & set(recipe.spec.names):
        missing = [name for name in names if name not in quantities]
        if missing:
            raise InputError(
                f"the graph {recipe.edges} needs the coordinates {', '.join(names)}; this sample lacks "
                f"{', '.join(missing)} (it has {', '.join(sorted(quantities))})"
            )
        points = space.bounded(np.stack([quantities[name] for name in names], axis=1), names)
        period = space.periods(names)
    kind = node_kinds(quantities) if recipe.nodes == "detector" else None
    return build_edges(
        recipe.spec,
        n_node,
        points=points,
        period=period,
        lattice=lattice,
        on_lattice=space.on_lattice,
        kind=kind,
    )


def graphs_of(jets: Jets | Images, preprocess: Preprocess) -> GraphData:
    """Graphs of jets exactly as a trained model takes them: recipe and normalisation from ``preprocess``.

    Args:
        jets: with hits or candidates, or images.
        preprocess: of the run or bundle.

    Returns:
        The graphs, normalised.

    Raises:
        InputError: the sample lacks a quantity.
    """
    return build_graphs(jets, GraphRecipe.of(preprocess)).normalised(preprocess)


def _leading(weight: np.ndarray, n_node: np.ndarray, limit: int) -> np.ndarray:
    """Mask of the ``limit`` heaviest nodes of each graph; the earlier one wins a tie."""
    owner = np.repeat(np.arange(len(n_node)), n_node)
    order = np.lexsort((np.arange(len(weight)), -weight, owner))
    start = np.concatenate([[0], np.cumsum(n_node)[:-1]])
    rank = np.empty(len(weight), np.int64)
    rank[order] = np.arange(len(weight)) - start[owner]
    return rank < limit
