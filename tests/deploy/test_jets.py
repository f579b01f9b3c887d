"""Jets that bundles are validated with, and the edges of their graphs."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.features import CANDIDATE_FEATURES
from e2e_tf.data.graphs import GraphRecipe, build_graphs, graphs_of
from e2e_tf.data.images import Images
from e2e_tf.data.jets import read_jets
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.data.quantities import hit_quantities
from e2e_tf.data.samples import sample_path
from e2e_tf.deploy.cost import points_of
from e2e_tf.deploy.jets import link, random_batch
from e2e_tf.errors import InputError


def recipe(edges: str, nodes: str = "candidates", coordinates: tuple[str, ...] = ()) -> Preprocess:
    norm = Normalisation.fit(CANDIDATE_FEATURES, np.zeros((0, len(CANDIDATE_FEATURES)), np.float32))
    return Preprocess(nodes=nodes, edges=edges, coordinates=coordinates, node_features=norm)


def test_link_wraps_phi_and_nothing_else() -> None:
    points = np.array([[0, 3.1], [0, -3.1], [0, 2.0]], np.float32)
    senders, receivers = link(recipe("knn:1"), points, np.array([3]))
    assert list(zip(senders, receivers, strict=True)) == [(1, 0), (0, 1), (0, 2)]
    senders, _ = link(recipe("knn:1", coordinates=("a", "b")), points, np.array([3]))
    assert list(senders) == [2, 2, 0]


def test_link_on_the_lattice_has_exact_ties() -> None:
    square = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    senders, _ = link(recipe("knn:2+delaunay+grid8", "hits"), square, np.array([4]))
    assert len(senders) == 12  # every pair: the diagonals of an empty circle are both there
    with pytest.raises(InputError, match="radius needs angles as coordinates, not "):
        link(recipe("radius:0.1", "hits"), square, np.array([4]))


def test_random_jets_fit_any_graph_of_candidates():
    """A Delaunay graph takes jets of less than 4 rad only; random ones are narrower there, and still wrap."""
    rng = np.random.default_rng(3)
    preprocess = recipe("knn:8+delaunay")
    batches = [random_batch(preprocess, np.array([30, 0, 1, 80]), rng) for _ in range(50)]
    assert all(batch.graphs.n_edge[0] >= 8 * 30 for batch in batches)
    assert any(np.ptp(batch.points[:30, 1]) > np.pi for batch in batches)


@pytest.mark.parametrize(
    ("nodes", "edges"),
    [("hits", rule) for rule in ("knn:8", "delaunay", "radius:0.05", "grid8", "full")]
    + [("candidates", rule) for rule in ("knn:8", "delaunay", "radius:0.1", "full")],
)
def test_training_prediction_and_parity_vectors_link_all_shipped_jets_alike(nodes: str, edges: str) -> None:
    """The C++ builder finds these edges too, see test_cpp.py."""
    jets = read_jets(sample_path("tau"), stop=400 if edges == "full" else None)
    how = GraphRecipe(nodes=nodes, edges=edges, jet_features=())
    trained = build_graphs(jets, how)
    preprocess = trained.fit_preprocess(how)
    predicted = graphs_of(jets, Preprocess.from_dict(preprocess.to_dict())).batch
    batch = trained.batch
    assert len(batch.senders) > 2 * len(jets)
    np.testing.assert_array_equal(predicted.senders, batch.senders)
    np.testing.assert_array_equal(predicted.receivers, batch.receivers)
    if (nodes, edges) == ("hits", "radius:0.05"):
        return  # bundles of hits hold rows and columns, in which no angle can be measured
    points = hit_quantities(jets)[2].astype(np.float32) if nodes == "hits" else trained.positions
    linked = link(preprocess, points, batch.n_node)
    np.testing.assert_array_equal(linked[0], batch.senders)
    np.testing.assert_array_equal(linked[1], batch.receivers)


def test_pixels_are_linked_by_row_and_column() -> None:
    """As in training; points in η and φ, which images have not, would be linked otherwise."""
    rng = np.random.default_rng(4)
    values = rng.exponential(size=(20, 9, 12, 1)) * (rng.random((20, 9, 12, 1)) < 0.3)
    images = Images(values.astype(np.float32), ("energy",), np.arange(20), np.ones(20, np.float32))
    how = GraphRecipe("pixels", "knn:3+grid8", jet_features=())
    trained = build_graphs(images, how)
    preprocess = trained.fit_preprocess(how)
    points = points_of(images, trained, preprocess)
    rows, columns = np.nonzero(values[0, :, :, 0])
    assert points[: len(rows)].tolist() == np.stack([rows, columns], axis=1).tolist()
    np.testing.assert_array_equal(
        link(preprocess, points, trained.batch.n_node), [trained.batch.senders, trained.batch.receivers]
    )
    batch = random_batch(preprocess, np.array([12, 0, 5]), rng)
    assert batch.points.shape == (17, 2)
    assert batch.graphs.n_edge.tolist()[1] == 0
    assert batch.graphs.n_edge[0] >= 12 * 3
