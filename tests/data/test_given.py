from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse

from e2e_tf.data.given import as_batch
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.errors import InputError
from e2e_tf.graph import from_spektral_graphs

RNG = np.random.default_rng(3)


def pairs():
    """Chains of 1 to 6 nodes: (x, a) of each."""
    return [
        (RNG.normal(size=(n, 2)).astype(np.float32), scipy.sparse.csr_array(np.eye(n, k=1)))
        for n in (3, 1, 6, 2)
    ]


def graphs(labels, entries):
    return [SimpleNamespace(x=x, a=a, e=None, y=y) for (x, a), y in zip(entries, labels, strict=True)]


def test_pairs_are_one_batch():
    entries = pairs()
    batch, label, _ = as_batch(entries, np.arange(4))
    assert batch.n_node.tolist() == [3, 1, 6, 2]
    assert batch.n_edge.tolist() == [2, 0, 5, 1]
    np.testing.assert_array_equal(batch.x, np.concatenate([x for x, _ in entries]))
    assert label.tolist() == [0, 1, 2, 3]
    e = [np.arange(a.nnz)[:, None] for _, a in entries]
    with_e, none, _ = as_batch([(x, a, part) for (x, a), part in zip(entries, e, strict=True)], None)
    assert none is None
    np.testing.assert_array_equal(with_e.edge_features, np.concatenate(e))
    assert as_batch(batch, "labels") == (batch, "labels", None)


def test_labels_of_graphs_nodes_and_edges():
    entries = pairs()
    batch, label, _ = as_batch(graphs([1, 0, 0, 1], entries), None)
    assert label.tolist() == [[1], [0], [0], [1]]
    _, label, _ = as_batch(graphs(np.eye(4), entries), None)
    np.testing.assert_array_equal(label, np.eye(4))
    nodes = [np.arange(len(x)) + 10 * i for i, (x, _) in enumerate(entries)]
    _, label, _ = as_batch(graphs(nodes, entries), None)
    np.testing.assert_array_equal(label[:, 0], np.concatenate(nodes))
    # Labels of edges as those of their features: what a sender and a receiver are.
    entries = [(x, scipy.sparse.csr_array(np.tril(np.ones((len(x), len(x)))))) for x, _ in entries]
    edges = [x[a.tocoo().row, :1] - x[a.tocoo().col, :1] for x, a in entries]
    batch, label, _ = as_batch(graphs(edges, entries), None)
    np.testing.assert_allclose(label, batch.x[batch.senders, :1] - batch.x[batch.receivers, :1])


@pytest.mark.parametrize(
    "form", [np.asarray, scipy.sparse.csr_array, scipy.sparse.csc_array, scipy.sparse.coo_array]
)
def test_labels_of_edges_are_in_the_order_of_the_entries_of_a(form):
    """Row by row of each graph, though a batch sorts edges by receiver; graphs without edges among them."""
    rng = np.random.default_rng(5)
    entries, labels = [], []
    for k, n in enumerate((4, 1, 5, 3)):
        a = (rng.random((n, n)) < 0.6).astype(float) - np.eye(n) > 0
        entries.append((np.stack([np.full(n, k), np.arange(n)], axis=1), form(a.astype(float))))
        row, column = np.nonzero(a)
        labels.append(100 * k + 10 * row + column)
    label = np.concatenate(labels)
    named = {"edge": label, "node": np.concatenate([x[:, 1] for x, _ in entries])}
    spektral = [SimpleNamespace(x=x, a=a, e=None, y=y) for (x, a), y in zip(entries, labels, strict=True)]
    loaders = [
        DisjointLoader(entries, label, label + 1, batch_size=2, shuffle=True, level="edge"),
        DisjointLoader(
            entries,
            named,
            {"edge": label + 1, "node": None},
            batch_size=2,
            level={"edge": "edge", "node": "node"},
        ),
        DisjointLoader(spektral, None, label + 1, batch_size=2, level="edge"),
    ]
    for loader in loaders:
        for inputs, found, weight in loader.batches():
            if isinstance(found, dict):
                np.testing.assert_array_equal(found["node"][:, 0], inputs["x"][:, 1])
                found, weight = found["edge"], weight["edge"]
            x, senders = inputs["x"], inputs["senders"]
            expected = 100 * x[senders, 0] + 10 * x[senders, 1] + x[inputs["receivers"], 1]
            np.testing.assert_array_equal(found[:, 0], expected)
            np.testing.assert_array_equal(weight, expected + 1)


def test_zeros_that_a_sparse_a_stores_are_no_edges():
    """Labels of edges and rows of e may leave them out; e may also have rows for them, as Spektral reads it."""
    row, column = np.array([0, 0, 1, 2]), np.array([1, 2, 2, 0])
    a = scipy.sparse.csr_array((np.array([1.0, 0.0, 1.0, 1.0]), (row, column)), (3, 3))
    x = np.arange(3.0)[:, None]
    wanted = {(0, 1): 1, (1, 2): 12, (2, 0): 20}
    label = np.array([1, 12, 20])

    def by_edge(batch, values):
        ends = zip(batch.senders.tolist(), batch.receivers.tolist(), strict=True)
        return dict(zip(ends, np.ravel(values).tolist(), strict=True))

    for e in (None, label[:, None], np.array([1, 2, 12, 20])[:, None]):
        batch, found, _ = as_batch([(x, a, e)], label, "edge")
        assert by_edge(batch, found) == wanted
        if e is not None:
            assert by_edge(batch, batch.edge_features) == wanted
    longer = np.array([1, 2, 12, 20])
    for given, labels in (([(x, a)], longer), (graphs([longer], [(x, a)]), None)):
        with pytest.raises(
            InputError, match="a stores 1 zeros, which are no edges and have no labels: call its elim"
        ):
            as_batch(given, labels, "edge")


def test_labels_of_edges_of_unsorted_coo_are_refused():
    a = scipy.sparse.coo_array((np.ones(3), ([1, 0, 2], [0, 1, 0])), (3, 3))
    with pytest.raises(InputError, match="a of graph 0 is not in row-major order"):
        DisjointLoader([(np.ones((3, 1)), a)], np.arange(3), level="edge")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (7, "graphs must be a GraphBatch, a store, or a list of .* not int"),
        ([np.ones(3)], "entry 0 is ndarray"),
        ([(np.ones((2, 1)),)], "entry 0 is tuple"),
        ([(np.ones((2, 1)), np.full((2, 2), 0.5))], "a must hold zeros and ones"),
    ],
)
def test_what_is_no_graph(given, message):
    with pytest.raises(InputError, match=message):
        DisjointLoader(given)


def test_labels_that_fit_nothing_or_too_much():
    entries = [(np.ones((2, 1)), np.ones((2, 2)) - np.eye(2))] * 2
    with pytest.raises(
        InputError, match=r"shapes \(2,\), \(2,\) fit one per graph and one per node and one per edge"
    ):
        as_batch(graphs([np.zeros(2)] * 2, entries), None)
    _, label, _ = as_batch(graphs([np.array([1, 2])] * 2, entries), None, "node")
    assert label[:, 0].tolist() == [1, 2, 1, 2]
    with pytest.raises(InputError, match="fit neither graphs nor nodes nor edges"):
        as_batch(graphs([np.zeros(3), np.zeros(1)], entries), None)
    with pytest.raises(InputError, match="y must be there for all graphs or none, 1 of 2 have it"):
        as_batch(graphs([np.zeros(3), None], entries), None)


def test_a_loader_of_graphs_gives_their_labels():
    entries = pairs()
    nodes = [x[:, 0] for x, _ in entries]
    loader = DisjointLoader(graphs(nodes, entries), batch_size=3, shuffle=True, seed=1)
    for inputs, label in loader.batches():
        np.testing.assert_array_equal(label[:, 0], inputs["x"][:, 0])
    whole = from_spektral_graphs([SimpleNamespace(x=x, a=a, e=None) for x, a in entries])
    (inputs,) = next(DisjointLoader(entries, batch_size=4).batches())
    np.testing.assert_array_equal(inputs["senders"], whole.senders)
