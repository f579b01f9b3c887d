"""What each input of a trained model contributes: the loss of AUC where it is shuffled among the jets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from e2e_tf.training.examples import Examples
from e2e_tf.training.metrics import bootstrap
from e2e_tf.training.roc import Roc

__all__ = ["permutation_importance"]

_REPLICAS = 30  # of the jets, behind an error


def permutation_importance(
    score: Callable[[Examples], np.ndarray],
    examples: Examples,
    label: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    node_names: Sequence[str],
    jet_names: Sequence[str] = (),
    takes: Sequence[str] = ("x", "u"),
    repeats: int = 1,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Loss of AUC where one input is shuffled (Breiman, Machine Learning 45 (2001) 5), with its standard error.

    A quantity of the nodes is shuffled among all nodes of all jets, one of the jets among the jets: its distribution
    stays, what it says of a jet goes. An input that another one repeats loses nothing. The error is that of the
    difference, from resampled jets.

    Args:
        score: gives float (B,) for examples, higher for signal.
        examples: the jets, not those of the training part.
        label: int (B,), 1 for signal and 0 for background.
        weight: float (B,); None means 1.
        node_names: of the columns of ``x``.
        jet_names: of the columns of ``u``.
        takes: names of the model's inputs; what it does not take is left out.
        repeats: shuffles of each input, at least 1; their mean counts.
        seed: of shuffles and resampling.

    Returns:
        Loss of AUC and its error by the name of the input; ``points`` and ``p4`` are positions and momenta of the
        nodes as a whole.
    """
    rng = np.random.default_rng(seed)
    label = np.asarray(label)
    weight = np.ones(len(label)) if weight is None else np.asarray(weight, np.float64)
    shuffles = _shuffles(examples, node_names, jet_names, takes)
    scores = np.stack([score(examples), *(score(make(rng)) for _, make in shuffles for _ in range(repeats))])

    def drops(label: np.ndarray, row: np.ndarray, weight: np.ndarray) -> np.ndarray:
        of_these = scores[:, row.astype(int)]
        areas = np.array([Roc(label, one, weight).auc for one in of_these])
        return areas[0] - areas[1:].reshape(len(shuffles), repeats).mean(axis=1)

    row = np.arange(len(label), dtype=np.float64)  # stands in for the score, to look up all of them
    values = drops(label, row, weight)
    errors = bootstrap(drops, label, row, weight, n=_REPLICAS, seed=seed)
    return {
        name: (float(value), float(error))
        for (name, _), value, error in zip(shuffles, values, np.atleast_1d(errors), strict=True)
    }


def _shuffles(
    examples: Examples, node_names: Sequence[str], jet_names: Sequence[str], takes: Sequence[str]
) -> list[tuple[str, Callable[[np.random.Generator], Examples]]]:
    """What can be shuffled, and how."""
    graphs = examples.graphs

    def column(values: np.ndarray, i: int, rng: np.random.Generator) -> np.ndarray:
        values = values.copy()
        values[:, i] = rng.permutation(values[:, i])
        return values

    def of_nodes(i: int) -> Callable[[np.random.Generator], Examples]:
        return lambda rng: replace(examples, graphs=replace(graphs, x=column(graphs.x, i, rng)))

    def of_jets(i: int, u: np.ndarray) -> Callable[[np.random.Generator], Examples]:
        return lambda rng: replace(examples, graphs=replace(graphs, u=column(u, i, rng)))

    def whole(name: str) -> Callable[[np.random.Generator], Examples]:
        return lambda rng: replace(
            examples, nodes={**examples.nodes, name: rng.permutation(examples.nodes[name], axis=0)}
        )

    found = []
    if "x" in takes and not examples.rows:
        found += [(name, of_nodes(i)) for i, name in enumerate(node_names)]
    if "u" in takes and graphs.u is not None:
        found += [(name, of_jets(i, graphs.u)) for i, name in enumerate(jet_names)]
    return found + [(name, whole(name)) for name in examples.nodes if name in takes]
