"""What a smaller form of a model costs in ROC-AUC, measured on the run's own test part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.grid import PITCH
from e2e_tf.data.held import held_graphs
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.interface import JetBatch
from e2e_tf.deploy.model_inputs import with_node_columns
from e2e_tf.errors import InputError
from e2e_tf.training.run import Run
from e2e_tf.training.targets import label_output

__all__ = ["AucCost", "auc_cost", "points_of"]

Score = Callable[[JetBatch], np.ndarray]


@dataclass(frozen=True)
class AucCost:
    """ROC-AUC of Keras and of a smaller form on the same jets.

    Attributes:
        jets: in the test part.
        keras, smaller: ROC-AUC, background weighted as in the run's own evaluation.
        difference: ``smaller - keras``.
        error: standard error of the difference by resampling events, both scores of a jet together.
    """

    jets: int
    keras: float
    smaller: float
    difference: float
    error: float

    def to_dict(self) -> dict[str, Any]:
        """The entry of the manifest.

        Returns:
            What can be written as JSON, by name.
        """
        return {
            "jets": self.jets,
            "keras": self.keras,
            "this": self.smaller,
            "difference": self.difference,
            "error": self.error,
        }


def points_of(jets: Jets | Images, graphs: GraphData, preprocess: Preprocess) -> np.ndarray:
    """The coordinates in which the graphs were built, float32 (n, D), one row per node that was kept.

    Args:
        jets: the graphs were built of.
        graphs: of the same jets.
        preprocess: of the run.

    Returns:
        float32 (n, D).
    """
    space = preprocess.space
    if space.columns == ("deta", "dphi"):
        return graphs.positions
    if preprocess.nodes == "hits" and space.on_lattice:
        # The crystal whose middle a node lies at, from its distance to the jet axis.
        owner = graphs.batch.graph_id
        found = []
        for axis, corner, position in zip(("eta", "phi"), ("ieta", "iphi"), graphs.positions.T, strict=True):
            middle = position.astype(np.float64) + graphs.jets[axis][owner]
            found.append((np.rint(middle / PITCH - 0.5).astype(np.int64) - graphs.jets[corner][owner]) % 360)
        return np.stack(found, axis=1).astype(np.float32)
    recipe = replace(
        GraphRecipe.of(preprocess),
        edges="knn:1",
        node_features=tuple(f"{name}:identity" for name in space.measured),
        jet_features=(),
    )
    points = build_graphs(jets, recipe).batch.x
    if isinstance(jets, Images) and space.on_lattice:
        # From distances to the middle, in half sides, to rows and columns.
        return np.floor((points + 1) * np.array(jets.images.shape[1:3]) / 2).astype(np.float32)
    return space.bounded(points, space.columns)


def auc_cost(
    run: Run, scorers: Mapping[str, Score], *, column: int = 0, bootstraps: int = 200, batch: int = 64
) -> dict[str, AucCost]:
    """ROC-AUC of every form and its difference from that of Keras, on the test part of the run.

    Args:
        run: with its sample still where it was.
        scorers: scores (B, C) of a batch, by name of the form.
        column: of these scores the one of the output that is the label.
        bootstraps: replicas behind the error, at least 2.
        batch: jets in a call of a scorer.

    Returns:
        The cost of each form by name.

    Raises:
        InputError: no output of the run is the label, or its sample has gone or changed.
    """
    from e2e_tf.training.metrics import bootstrap, roc_auc
    from e2e_tf.training.predict import predict
    from e2e_tf.training.prepare import prepare_run

    label = label_output(run.config)
    if label is None:
        raise InputError(f"none of the outputs is the label: {', '.join(run.config.outputs)}")
    test = prepare_run(run).test
    _, graphs = held_graphs(test.graphs)
    model = run.model()
    scores = predict(model, graphs)
    keras = (scores[label] if label else scores)[:, 0]
    points = points_of(test.jets, graphs, run.preprocess)
    # Jets of similar size share a batch, which saves padding.
    order = np.argsort(graphs.batch.n_node, kind="stable")
    starts = graphs.batch.node_offsets
    together = with_node_columns(model, graphs.batch, graphs.node_inputs())
    costs = {}
    for name, score in scorers.items():
        small = np.zeros_like(keras)
        for start in range(0, len(order), batch):
            index = order[start : start + batch]
            rows = np.concatenate([np.arange(starts[jet], starts[jet + 1]) for jet in index])
            found = score(JetBatch(together.take(index), points[rows]))
            small[index] = found.reshape(len(index), -1)[:, column]

        def change(label: np.ndarray, row: np.ndarray, weight: np.ndarray, small: Any = small) -> float:
            row = row.astype(np.int64)
            return roc_auc(label, small[row], weight) - roc_auc(label, keras[row], weight)

        # The bootstrap is given the jet's number for a score, so that a replica has both scores of its jets.
        error = bootstrap(
            change,
            test.label,
            np.arange(len(keras)),
            test.weight,
            bootstraps,
            run.config.seed,
            test.jets.event,
        )
        before, after = (roc_auc(test.label, values, test.weight) for values in (keras, small))
        costs[name] = AucCost(len(keras), before, after, after - before, float(error))
    return costs
