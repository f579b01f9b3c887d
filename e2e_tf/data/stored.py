"""The graphs of a store as a sample: jets whose graphs are finished, for every step that takes jets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from e2e_tf.data.features import JET_FEATURES, Feature, select_features, transformed
from e2e_tf.data.graphs import TRUTH, GraphData, GraphRecipe
from e2e_tf.data.grid import wrapped_angle
from e2e_tf.data.jets import Jets, concatenate_jets
from e2e_tf.data.node_inputs import NODE_INPUTS
from e2e_tf.data.store import GraphStore
from e2e_tf.errors import InputError
from e2e_tf.graph import WRAPPED, GraphBatch, build_edges, concatenate, edges_per_graph

__all__ = ["StoredJets", "check_alike", "columns_and_truth", "stored_jets", "stored_options", "untransformed"]

_PLACE = ("deta", "dphi")
_INVERSE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda values: values,
    "log": np.exp,
    "log1p": np.expm1,
    "signed_log1p": lambda values: np.sign(values) * np.expm1(np.abs(values)),
    "tanh": np.arctanh,
}


@dataclass(frozen=True)
class StoredJets(Jets):
    """Jets of a graph store: their columns, and their graphs in place of hits and candidates.

    Attributes:
        graphs: as stored, features transformed and not normalised; columns of jets are those of this object.
        recipe: by which they were built.
    """

    graphs: GraphData = field(kw_only=True)
    recipe: GraphRecipe = field(kw_only=True)

    def take(self, index: np.ndarray) -> StoredJets:
        """The given jets (indices or a boolean mask) in the given order.

        Args:
            index: int (m,), or a mask, bool (n,).

        Returns:
            The m jets with their graphs.
        """
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index
        jets = Jets.take(self, index)
        return StoredJets(**vars(jets), graphs=self.graphs.take(index), recipe=self.recipe)

    def concatenated(self, parts: Sequence[Jets]) -> StoredJets:
        """All jets of several stores in order.

        Args:
            parts: samples with the same columns, the first of which is this one.

        Returns:
            One sample.

        Raises:
            InputError: one is no store, or was made by another recipe.
        """
        stores = [part for part in parts if isinstance(part, StoredJets)]
        if len(stores) < len(parts):
            raise InputError("a sample is of graph stores or of files of jets, not of both")
        check_alike([(one.recipe, one.graphs.node_features) for one in stores])
        graphs = replace(
            self.graphs,
            batch=concatenate([one.graphs.batch for one in stores]),
            positions=np.concatenate([one.graphs.positions for one in stores]),
            event=np.concatenate([one.graphs.event for one in stores]),
            weight=np.concatenate([one.graphs.weight for one in stores]),
            label=None,
            jets={},
        )
        return StoredJets(**vars(concatenate_jets(parts)), graphs=graphs, recipe=self.recipe)

    def finished_graphs(self, recipe: GraphRecipe) -> GraphData:
        """The stored graphs as a recipe wants them.

        They are taken as they are where the recipe agrees with that of the store. Of other edges the graph is built
        again from the stored places of the nodes, which gives the edges that it would have had.

        Args:
            recipe: what the run wants.

        Returns:
            The graphs; features are transformed, not normalised.

        Raises:
            InputError: the recipe needs what the store does not hold; the sentence says what the store has.
        """
        own = self.recipe
        has = f"the store has nodes = {own.nodes!r}, edges = {own.edges!r}, max_nodes = {own.max_nodes!r}"
        if recipe.nodes != own.nodes:
            raise InputError(f"[graph] wants nodes = {recipe.nodes!r}; {has}")
        if recipe.max_nodes != own.max_nodes and (own.max_nodes or self._too_large(recipe)):
            raise InputError(f"[graph] wants max_nodes = {recipe.max_nodes!r}; {has}")
        names = recipe.node_features or tuple(f"{f.raw}:{f.transform}" for f in self.graphs.node_features)
        there, x = self._inputs()
        if lost := [name for name in names if name.startswith("p4.") and name.partition(":")[0] not in there]:
            raise InputError(
                f"[graph] wants the node feature {lost[0]}; graph stores do not hold the momenta of nodes: train from "
                "the files that the store was made of"
            )
        features = select_features(self.graphs.node_features, names, there)
        for feature in features:
            if feature.transform != there[feature.raw].transform:
                raise InputError(
                    f"[graph] wants the node feature {feature.raw}:{feature.transform}; the store has it as "
                    f"{feature.raw}:{there[feature.raw].transform}"
                )
        columns = {**self.columns, **{f"{TRUTH}{name}": values for name, values in self.truth.items()}}
        of_jets = select_features(JET_FEATURES, recipe.jet_features, columns)
        u = None
        if of_jets:
            raw = [wrapped_angle(columns[f.raw]) if f.raw in WRAPPED else columns[f.raw] for f in of_jets]
            u = np.stack([transformed(f, one) for f, one in zip(of_jets, raw, strict=True)], axis=1)
        batch = replace(self._with_edges(recipe, has), u=u)
        if features != self.graphs.node_features:
            place = list(there)
            batch = replace(batch, x=x[:, [place.index(f.raw) for f in features]])
        return replace(
            self.graphs,
            batch=batch,
            event=self.event,
            weight=self.weight,
            label=self.label,
            jets=columns,
            node_features=features,
            jet_features=of_jets,
        )

    def _inputs(self) -> tuple[dict[str, Feature], np.ndarray]:
        """The features of nodes that can be had, by raw name, and their columns: those of ``x``, and the places."""
        graphs = self.graphs
        there = {f.raw: f for f in graphs.node_features}
        if np.isnan(graphs.positions).any():
            return there, graphs.batch.x
        places = {f.raw: f for f in NODE_INPUTS["points"]}
        if places.keys() & there.keys():
            return there, graphs.batch.x
        return there | places, np.concatenate([graphs.batch.x, graphs.positions], axis=1)

    def _too_large(self, recipe: GraphRecipe) -> bool:
        return isinstance(recipe.max_nodes, dict) or bool((self.graphs.batch.n_node > recipe.limit).any())

    def _with_edges(self, recipe: GraphRecipe, has: str) -> GraphBatch:
        batch, own = self.graphs.batch, self.recipe
        if (str(recipe.spec), recipe.coordinates) == (str(own.spec), own.coordinates):
            return batch
        space = recipe.space
        if space.measured != _PLACE or space.on_lattice or np.isnan(self.graphs.positions).any():
            wanted = f"edges = {recipe.edges!r}" + (
                f" in {', '.join(recipe.coordinates)}" if recipe.coordinates else ""
            )
            raise InputError(f"[graph] wants {wanted}, for which the store does not hold the places; {has}")
        senders, receivers = build_edges(
            recipe.spec,
            batch.n_node,
            points=self.graphs.positions,
            period=space.periods(_PLACE),
            lattice=None,
            on_lattice=False,
            kind=None,
        )
        count = edges_per_graph(receivers, batch.n_node)
        return replace(batch, senders=senders, receivers=receivers, n_edge=count, edge_features=None)


def check_alike(stores: Sequence[tuple[GraphRecipe, tuple[Feature, ...]]]) -> None:
    """Refuse stores that cannot be one sample.

    Args:
        stores: the recipe and the node features of each.

    Raises:
        InputError: one was made by another recipe than the first.
    """
    first = stores[0]
    for one in stores:
        if one != first:
            raise InputError(
                f"graph stores of one sample need one recipe; one has {one[0].nodes} with {one[0].edges}, the first "
                f"{first[0].nodes} with {first[0].edges}"
            )


def stored_options(store: GraphStore, options: Mapping[str, Any]) -> None:
    """Refuse options of a reader that the store was not made with: its graphs are finished.

    Args:
        store: open.
        options: as a configuration gives them.

    Raises:
        InputError: the store was made with another value, or without the option.
    """
    made = store.attributes.get("options", {})
    for name, value in options.items():
        if _listed(made.get(name)) != _listed(value):
            known = ", ".join(f"{key}={one!r}" for key, one in made.items()) or "none"
            raise InputError(
                f"{store.path} is a graph store, which was made with the options {known}; leave out {name}={value!r}, "
                "or convert again"
            )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def columns_and_truth(jets: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Columns of stored jets, and those of their truth by the names they had before the conversion.

    Args:
        jets: (n,) each, as a store holds them, truth with its prefix.

    Returns:
        Columns and truth by name.
    """
    truth = {name.removeprefix(TRUTH): values for name, values in jets.items() if name.startswith(TRUTH)}
    return {name: values for name, values in jets.items() if not name.startswith(TRUTH)}, truth


def stored_jets(store: GraphStore, start: int = 0, stop: int | None = None) -> StoredJets:
    """A range of the graphs of a store as a sample.

    Args:
        store: open.
        start, stop: range of graphs; None means the end.

    Returns:
        Jets with columns, truth, labels and weights as they were before the conversion.
    """
    data = store.read(start, stop)
    columns, truth = columns_and_truth(data.jets)
    return StoredJets(
        columns=columns,
        event=data.event,
        weight=data.weight,
        label=data.label,
        truth=truth,
        hits={},
        candidates=None,
        attributes=store.attributes,
        objects={},
        graphs=replace(data, jets={}, label=None),
        recipe=store.recipe,
    )


def untransformed(feature: Feature, values: np.ndarray) -> np.ndarray:
    """The raw values of a feature, as far as float32 and the limits of the transform let them be known.

    Args:
        feature: says which transform.
        values: float32 (n,), as :func:`e2e_tf.data.features.transformed` gives them.

    Returns:
        float32 (n,), in the unit of the feature; where ``tanh`` has come to 1, infinity.
    """
    with np.errstate(divide="ignore"):
        return _INVERSE[feature.transform](values.astype(np.float32)).astype(np.float32)
