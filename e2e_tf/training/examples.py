"""What a network is trained on, in memory: inputs of jets, what they are trained for, and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from e2e_tf.data.content import CONTENT_INPUT
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.streamed import StreamedGraphs
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch, concatenate
from e2e_tf.models import check_inputs

__all__ = ["Examples", "join", "padded_rows"]

_COLUMNS = ("x", "senders", "receivers", "n_node", "n_edge", "edge_features", "u")


@dataclass(frozen=True)
class Examples:
    """All that the training of any model of this library takes from one part of the data.

    Attributes:
        graphs: the jets' graphs, normalised, a :class:`~e2e_tf.graph.GraphBatch`; or
            :class:`~e2e_tf.data.streamed.StreamedGraphs`, which bring their ``nodes`` along.
        label: (B,), or arrays (B,) by name of the output; None where there is nothing to train for.
        weight: float32 (B,), or arrays by name as ``label``; None for 1.
        nodes: further quantities of the nodes, float32 (n, width) by name, see
            :meth:`e2e_tf.data.graphs.GraphData.node_inputs`.
        rows: inputs of whole jets, float32 (B, ...) by name, of models that look at no graph: ``image`` or ``x``;
            and ``jet_content``, the targets of ``training.auxiliary_loss``.
    """

    graphs: Any
    label: Any = None
    weight: Any = None
    nodes: Mapping[str, np.ndarray] = field(default_factory=dict)
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.graphs.n_graph

    @property
    def widths(self) -> tuple[int, int]:
        """Numbers of features of a node (or channels of an image, or inputs of a row) and of a whole jet."""
        graphs, _ = self._like()
        main = next((rows for name, rows in self.rows.items() if name != CONTENT_INPUT), graphs.x)
        return main.shape[-1], 0 if graphs.u is None else graphs.u.shape[1]

    def _like(self) -> tuple[GraphBatch, Mapping[str, np.ndarray]]:
        """Graphs and further quantities of nodes with the shapes of these; of graphs on disk the first."""
        if isinstance(self.graphs, StreamedGraphs):
            return self.graphs.with_nodes(np.arange(min(1, len(self))))
        return self.graphs, self.nodes

    def check(self, model: Any, what: str = "the data") -> None:
        """Refuse a model that these examples cannot be given to.

        Args:
            model: a Keras model with named inputs.
            what: what to call the examples in the message.

        Raises:
            InputError: the model has an input that is not among them, or one of another shape.
        """
        graphs, nodes = self._like()
        known: dict[str, np.ndarray] = {
            **{name: getattr(graphs, name) for name in ("x", "senders", "receivers", "n_node")},
            **({} if graphs.u is None else {"u": graphs.u}),
            **nodes,
            **self.rows,
        }
        check_inputs(model, known, what)
        for tensor in model.inputs:
            wanted, found = tuple(tensor.shape[1:]), known[tensor.name].shape[1:]
            if wanted != found:
                raise InputError(
                    f"{model.name} takes the input {tensor.name} in the shape {wanted} of each entry; in {what} it "
                    f"is {found}"
                )

    def loader(self, model: Any, batch_size: int, **options: Any) -> DisjointLoader:
        """Batches of what a model takes.

        Args:
            model: a Keras model with named inputs.
            batch_size: jets in a batch.
            options: further arguments of :class:`e2e_tf.data.loader.DisjointLoader`.

        Returns:
            The loader, with labels and weights where there are any.
        """
        names = [tensor.name for tensor in model.inputs]
        return DisjointLoader(
            self.graphs,
            self.label,
            self.weight,
            batch_size=batch_size,
            nodes={name: values for name, values in self.nodes.items() if name in names},
            rows={name: values for name, values in self.rows.items() if name in names},
            inputs=names,
            **options,
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array by a name of its own, for files; :meth:`of` makes the same examples from them.

        Returns:
            Arrays by name.

        Raises:
            InputError: the graphs stay on disk.
        """
        if isinstance(self.graphs, StreamedGraphs):
            raise InputError("graphs that are read in pieces are no arrays; set data.memory to 'hold'")
        found = {name: getattr(self.graphs, name) for name in _COLUMNS}
        flat = {name: values for name, values in found.items() if values is not None}
        return {**flat, **self._flat("nodes", "rows"), **self.targets()}

    def targets(self) -> dict[str, np.ndarray]:
        """Labels and weights by the names that they have in :meth:`arrays`.

        Returns:
            Arrays by name.
        """
        return self._flat("label", "weight")

    def _flat(self, *names: str) -> dict[str, np.ndarray]:
        flat: dict[str, np.ndarray] = {}
        for name in names:
            values = getattr(self, name)
            if isinstance(values, Mapping):
                flat |= {f"{name}.{key}": part for key, part in values.items()}
            elif values is not None:
                flat[name] = values
        return flat

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], graphs: StreamedGraphs | None = None) -> Examples:
        """Examples from what :meth:`arrays` gave.

        Args:
            arrays: by name, as in files.
            graphs: in stores, for which ``arrays`` hold labels and weights.

        Returns:
            The examples.
        """

        def part(name: str) -> Any:
            if name in arrays:
                return arrays[name]
            prefix = f"{name}."
            return {key.removeprefix(prefix): v for key, v in arrays.items() if key.startswith(prefix)}

        columns = {name: arrays.get(name) for name in _COLUMNS}
        return cls(
            GraphBatch(**columns) if graphs is None else graphs,  # type: ignore[arg-type]
            label=part("label") if any(name.startswith("label") for name in arrays) else None,
            weight=part("weight") if any(name.startswith("weight") for name in arrays) else None,
            nodes=part("nodes"),
            rows=part("rows"),
        )


def join(parts: Sequence[Examples]) -> Examples:
    """The examples of several parts of the same data, one after the other.

    Args:
        parts: at least one, all with the same inputs and outputs.

    Returns:
        The examples of all parts.
    """

    def joined(pick: Callable[[Examples], Any]) -> Any:
        values = [pick(part) for part in parts]
        if isinstance(values[0], Mapping):
            return {name: np.concatenate([one[name] for one in values]) for name in values[0]}
        return None if values[0] is None else np.concatenate(values)

    first, *others = [part.graphs for part in parts]
    streamed = isinstance(first, StreamedGraphs)
    return Examples(
        first.joined(others) if streamed else concatenate([first, *others]),
        joined(lambda part: part.label),
        joined(lambda part: part.weight),
        joined(lambda part: part.nodes),
        joined(lambda part: part.rows),
    )


def padded_rows(graphs: GraphBatch, slots: int) -> np.ndarray:
    """The features of each graph's nodes as one row, for models that look at no graph.

    Args:
        graphs: at most ``slots`` nodes each, F features.
        slots: nodes in a row; the features of those that a graph lacks are 0.

    Returns:
        float32 (B, slots * F), node after node.

    Raises:
        InputError: a graph has more nodes.
    """
    counts = graphs.n_node.astype(np.int64)
    if counts.max(initial=0) > slots:
        raise InputError(
            f"slots must be at least the nodes of the largest graph ({counts.max()}), not {slots}"
        )
    width = graphs.x.shape[1]
    rows = np.zeros((graphs.n_graph, slots, width), np.float32)
    owner = np.repeat(np.arange(graphs.n_graph), counts)
    rows[owner, np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]] = graphs.x
    return rows.reshape(graphs.n_graph, slots * width)
