"""Jets of graph stores whose graphs stay on disk: columns are in memory, nodes and edges are read in pieces.

A piece is a chunk of a store (1024 graphs), less the jets that were not selected or are of another part of the split.
Pieces that were read last are kept, so many that what :class:`e2e_tf.data.loader.DisjointLoader` shuffles together is
read once in an epoch, and what comes next is read beside the training. Graphs of a piece are made as those of a sample
in memory, by :meth:`e2e_tf.data.stored.StoredJets.finished_graphs`, and are the same.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from e2e_tf.data.duplicates import fingerprints
from e2e_tf.data.graphs import TRUTH, GraphData, GraphRecipe
from e2e_tf.data.jets import Jets, concatenate_jets
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.data.store import GraphStore
from e2e_tf.data.stored import StoredJets, check_alike
from e2e_tf.data.streamed_fit import fit_in_pieces
from e2e_tf.data.survey import Survey
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch, concatenate

__all__ = ["StreamedGraphs", "StreamedJets"]

TOGETHER = 16384
"""Graphs that are shuffled together at the most; as many are read ahead."""
TOGETHER_BYTES = 1 << 27
"""Memory that these may need."""
_SPARE = 4  # pieces that are kept beyond two groups: those of a batch that takes the last of a third


@dataclass(frozen=True)
class StreamedJets(Jets):
    """Jets of graph stores: their columns in memory, their graphs in files.

    Attributes:
        stores: open stores, all of one recipe.
        place: int64 (n,), the numbers of the graphs, counted through all stores.
    """

    stores: tuple[GraphStore, ...] = field(kw_only=True)
    place: np.ndarray = field(kw_only=True)

    def take(self, index: np.ndarray) -> StreamedJets:
        """The given jets (indices or a boolean mask) in the given order.

        Args:
            index: int (m,), or a mask, bool (n,).

        Returns:
            The m jets; their graphs stay where they are.
        """
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index
        return StreamedJets(**vars(Jets.take(self, index)), stores=self.stores, place=self.place[index])

    def concatenated(self, parts: Sequence[Jets]) -> StreamedJets:
        """All jets of several stores in order.

        Args:
            parts: samples with the same columns, the first of which is this one.

        Returns:
            One sample.

        Raises:
            InputError: one is no store, or was made by another recipe.
        """
        streamed = [part for part in parts if isinstance(part, StreamedJets)]
        if len(streamed) < len(parts):
            raise InputError("a sample is of graph stores or of files of jets, not of both")
        stores = tuple(store for part in streamed for store in part.stores)
        check_alike([(store.recipe, store.node_features) for store in stores])
        starts = np.cumsum([0, *(sum(map(len, part.stores)) for part in streamed)])[:-1]
        place = np.concatenate([one.place + start for one, start in zip(streamed, starts, strict=True)])
        return StreamedJets(**vars(concatenate_jets(parts)), stores=stores, place=place)

    def finished_graphs(self, recipe: GraphRecipe) -> StreamedGraphs:
        """The stored graphs as a recipe wants them, which are read when they are needed.

        Args:
            recipe: what the run wants.

        Returns:
            The graphs; features are transformed, not normalised.

        Raises:
            InputError: the recipe needs what the stores do not hold; the sentence says what they have.
        """
        return StreamedGraphs(self, recipe)


class StreamedGraphs:
    """Graphs in stores, with what training needs of :class:`e2e_tf.data.graphs.GraphData`.

    It is its own ``batch``: a loader asks it for graphs by their numbers. Threads may share it.

    Args:
        sample: the jets.
        recipe: of the graphs.
        preprocess: normalises them; None leaves them as they are.
        survey: of these graphs; None reads all of them once.

    Attributes:
        sample, recipe, preprocess: as given.
        event, weight, label, jets, node_features, jet_features: as of :class:`e2e_tf.data.graphs.GraphData`.
        n_node: int32 (B,).
        n_edge: int32 (B,); 0 where the graphs have other edges than those in the stores.
        piece: int64 (B,), the piece that a graph is read with.
        together: how many pieces are shuffled together.
        prints: uint64 (B,), see :func:`e2e_tf.data.duplicates.fingerprints`.
        survey: as given, or what the reading has told.

    Raises:
        InputError: the stores lack what the recipe needs.
    """

    def __init__(
        self,
        sample: StreamedJets,
        recipe: GraphRecipe,
        preprocess: Preprocess | None = None,
        survey: Survey | None = None,
    ) -> None:
        self.sample, self.recipe, self.preprocess = sample, recipe, preprocess
        self.event, self.weight, self.label = sample.event, sample.weight, sample.label
        self.jets = {**sample.columns, **{f"{TRUTH}{name}": values for name, values in sample.truth.items()}}
        stores, own = sample.stores, sample.stores[0].recipe
        self._first_graph = np.cumsum([0, *map(len, stores)])
        self._first_piece = np.cumsum([0, *(-(-len(one) // one.chunk) for one in stores)])
        store = np.searchsorted(self._first_graph, sample.place, "right") - 1
        self._in_store = sample.place - self._first_graph[store]
        self.piece = (
            self._first_piece[store] + self._in_store // np.array([one.chunk for one in stores])[store]
        )
        self.n_node = np.concatenate([one.n_node for one in stores])[sample.place]
        n_edge = np.concatenate([one.n_edge for one in stores])[sample.place]
        self._as_stored = (str(recipe.spec), recipe.coordinates) == (str(own.spec), own.coordinates)
        self.n_edge = n_edge if self._as_stored else np.zeros_like(n_edge)
        # The graphs of each piece, in the order of the store, and where in its piece a graph is.
        order = np.lexsort((sample.place, self.piece))
        numbers, starts = np.unique(self.piece[order], return_index=True)
        self._rows = dict(zip(numbers.tolist(), np.split(order, starts[1:]), strict=False))
        self._row_in_piece = np.empty(len(order), np.int32)
        for rows in self._rows.values():
            self._row_in_piece[rows] = np.arange(len(rows))
        self._kept: OrderedDict[int, GraphData] = OrderedDict()
        self._loading, self._keeping = threading.Lock(), threading.Lock()
        self.survey = self._surveyed() if survey is None else survey
        self.node_features, self.jet_features = self.survey.node_features, self.survey.jet_features
        self.together, self.prints = self.survey.together, self.survey.prints

    def __len__(self) -> int:
        return len(self.event)

    @property
    def n_graph(self) -> int:
        """Number of graphs."""
        return len(self.event)

    @property
    def batch(self) -> StreamedGraphs:
        """Itself: what a loader takes graphs from."""
        return self

    def node_inputs(self) -> dict[str, np.ndarray]:
        """Nothing: further quantities of nodes come with each batch, see :meth:`with_nodes`.

        Returns:
            An empty dictionary.
        """
        return {}

    def take(self, index: np.ndarray) -> StreamedGraphs:
        """The given graphs in the given order; they stay where they are.

        Args:
            index: integers (n,) or a boolean mask (B,).

        Returns:
            The n graphs.
        """
        sample = self.sample.take(index)
        return StreamedGraphs(sample, self.recipe, self.preprocess, self.survey.take(np.asarray(index)))

    def normalised(self, preprocess: Preprocess) -> StreamedGraphs:
        """The same graphs with normalised ``x`` and ``u``.

        Args:
            preprocess: for the same features in the same order.

        Returns:
            Graphs that are normalised as they are read.

        Raises:
            InputError: ``preprocess`` is for other features.
        """
        return StreamedGraphs(self.sample, self.recipe, preprocess, self.survey)

    def fit_preprocess(self, recipe: GraphRecipe) -> Preprocess:
        """Normalisation fitted on these graphs, in two readings; they must be the training part only.

        The quantiles are exact. Mean and spread, which only features take that are mostly of one value, differ from
        those of the sample in memory by rounding in float64.

        Args:
            recipe: by which they were built.

        Returns:
            All that turns raw jets into these graphs, and their normalisation.
        """
        u = self.survey.u
        return Preprocess(
            nodes=recipe.nodes,
            edges=str(recipe.spec),
            coordinates=recipe.coordinates,
            max_nodes=recipe.max_nodes,
            node_features=fit_in_pieces(
                self.node_features, lambda: (data.batch.x for _, data in self._features())
            ),
            jet_features=None if u is None else Normalisation.fit(self.jet_features, u),
        )

    def with_nodes(
        self, index: np.ndarray, names: Collection[str] = ("points",)
    ) -> tuple[GraphBatch, dict[str, np.ndarray]]:
        """The given graphs in the given order, and further quantities of their nodes.

        Args:
            index: integers (k,).
            names: those that are wanted.

        Returns:
            The k graphs, and float32 (n, width) by name, as :meth:`e2e_tf.data.graphs.GraphData.node_inputs`.
        """
        index = np.asarray(index)
        number = self.piece[index]
        order = np.argsort(number, kind="stable")
        wanted = "points" in names and self.survey.placed
        parts, points = [], []
        for rows in np.split(order, np.flatnonzero(np.diff(number[order])) + 1) if len(order) else [order]:
            data = self._piece(int(number[rows[0]]) if len(rows) else min(self._rows, default=0))
            chosen = self._row_in_piece[index[rows]]
            parts.append(data.batch.take(chosen))
            if wanted:
                points.append(data.positions[_node_rows(data.batch, chosen)])
        batch = concatenate(parts) if len(parts) > 1 else parts[0]
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        nodes = {"points": np.concatenate(points)} if wanted else {}
        if np.any(np.diff(order) < 0):
            nodes = {name: values[_node_rows(batch, back)] for name, values in nodes.items()}
            batch = batch.take(back)
        return batch, nodes

    def joined(self, others: Sequence[StreamedGraphs]) -> StreamedGraphs:
        """These graphs and those of other parts of the same sample, one part after the other.

        Args:
            others: of the same stores, with the same recipe and normalisation.

        Returns:
            All graphs.
        """
        parts = [self, *others]
        place = np.concatenate([part.sample.place for part in parts])
        jets = concatenate_jets([part.sample for part in parts])
        us = [part.survey.u for part in parts]
        survey = replace(
            self.survey,
            prints=np.concatenate([part.prints for part in parts]),
            u=None if self.survey.u is None else np.concatenate([u for u in us if u is not None]),
        )
        sample = StreamedJets(**vars(jets), stores=self.sample.stores, place=place)
        return StreamedGraphs(sample, self.recipe, self.preprocess, survey)

    def held(self) -> GraphData:
        """All these graphs in memory, in order.

        Returns:
            The graphs.
        """
        parts = [self._made(number) for number in self._rows] or [self._made(0)]
        rows = np.concatenate([*self._rows.values(), np.empty(0, np.int64)]).astype(np.int64)
        together = replace(
            parts[0],
            batch=concatenate([part.batch for part in parts]),
            positions=np.concatenate([part.positions for part in parts]),
            event=self.event[rows],
            weight=self.weight[rows],
            label=None if self.label is None else self.label[rows],
            jets={name: values[rows] for name, values in self.jets.items()},
        )
        back = np.empty_like(rows)
        back[rows] = np.arange(len(rows))
        return together.take(back)

    def _surveyed(self) -> Survey:
        """Read every piece once, without its edges, and refuse what the recipe cannot have."""
        like = self._made(min(self._rows, default=0))
        prints = np.zeros(len(self), np.uint64)
        u = None if like.batch.u is None else np.zeros((len(self), like.batch.u.shape[1]), np.float32)
        placed = True
        for number, data in self._features():
            rows = self._rows[number]
            prints[rows] = fingerprints(data)
            if u is not None:
                u[rows] = data.batch.u
            if placed and np.isnan(data.positions).any():
                placed = False
                self._made(number)  # edges in places that are not known are refused
        arrays = (like.batch.x, like.batch.senders, like.batch.receivers, like.positions)
        size = sum(array.nbytes for array in arrays) / max(1, len(like))
        chunk = max(store.chunk for store in self.sample.stores)
        together = int(min(TOGETHER, TOGETHER_BYTES / max(size, 1.0))) // chunk
        return Survey(prints, u, like.node_features, like.jet_features, placed, max(1, together))

    def _features(self) -> Iterator[tuple[int, GraphData]]:
        """Every piece in order, without its edges, and not kept."""
        for number in self._rows:
            yield number, self._made(number, edges=False)

    def read_ahead(self, index: np.ndarray) -> None:
        """Read one piece that the given graphs need and that is not kept, if there is one.

        A loader calls it again and again beside a training, for graphs that it will want some time later: pieces are
        then there when they are wanted, and no batch waits for a whole group of them.

        Args:
            index: integers (k,).
        """
        for number in np.unique(self.piece[index]).tolist():
            if number not in self._kept:
                self._piece(number)
                return

    def _piece(self, number: int) -> GraphData:
        if (known := self._known(number)) is not None:
            return known
        with self._loading:  # or two threads that need the same piece would both read it
            if (known := self._known(number)) is not None:
                return known
            data = self._made(number)
            with self._keeping:
                while len(self._kept) >= 2 * self.together + _SPARE:
                    self._kept.popitem(last=False)
                self._kept[number] = data
            return data

    def _known(self, number: int) -> GraphData | None:
        """A piece that is kept, which is then the last one to be given up."""
        with self._keeping:  # not while another piece is being read
            if number in self._kept:
                self._kept.move_to_end(number)
            return self._kept.get(number)

    def _made(self, number: int, edges: bool = True) -> GraphData:
        """The graphs of a piece."""
        which = int(np.searchsorted(self._first_piece, number, "right") - 1)
        store = self.sample.stores[min(which, len(self.sample.stores) - 1)]
        start = (number - int(self._first_piece[which])) * store.chunk
        rows = self._rows.get(number, np.empty(0, np.int64))
        data = store.read(start, start + store.chunk, edges=edges)
        chosen = self._in_store[rows] - start
        if len(chosen) < len(data):
            data = data.take(chosen)
        jets = Jets.take(self.sample, rows)
        stored = StoredJets(**vars(jets), graphs=replace(data, jets={}, label=None), recipe=store.recipe)
        own = store.recipe
        recipe = self.recipe if edges else replace(self.recipe, edges=own.edges, coordinates=own.coordinates)
        made = stored.finished_graphs(recipe)
        return made if self.preprocess is None else made.normalised(self.preprocess)


def _node_rows(batch: GraphBatch, index: np.ndarray) -> np.ndarray:
    """int64: the rows of the nodes of the given graphs."""
    counts = batch.n_node[index].astype(np.int64)
    ends = np.cumsum(counts)
    return np.arange(counts.sum()) + np.repeat(batch.node_offsets[index] - (ends - counts), counts)
