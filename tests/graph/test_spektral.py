"""Graphs of Spektral become one batch, and come back."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from random_graphs import N_NODE, assert_same, make

from e2e_tf.errors import InputError
from e2e_tf.graph import from_spektral_graphs


def test_spektral_graphs_round_trip():
    batch = make(N_NODE)
    graphs = batch.to_spektral_graphs()
    assert [g.n_nodes for g in graphs] == N_NODE
    assert_same(from_spektral_graphs(graphs), batch)
    bare = make(N_NODE, edge_features=False, u=False)
    assert_same(from_spektral_graphs(bare.to_spektral_graphs()), bare)


class Plain:
    """What is read of a spektral.data.Graph."""

    def __init__(self, x=None, a=None, e=None, **more):
        self.x, self.a, self.e = x, a, e
        self.__dict__.update(more)


def test_dense_and_missing_adjacency():
    a = np.array([[0, 1], [0, 1]])
    e = np.arange(4.0).reshape(2, 2, 1)
    batch = from_spektral_graphs([Plain(np.ones((2, 1)), a, e)])
    assert (batch.senders.tolist(), batch.receivers.tolist()) == ([0, 1], [1, 1])
    assert batch.edge_features[:, 0].tolist() == [1, 3]
    none = from_spektral_graphs([Plain(np.ones((2, 1))), Plain(np.ones((1, 1)))])
    assert none.n_edge.tolist() == [0, 0]
    assert none.edge_features is None


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        ([], "graphs must hold at least one graph"),
        ([Plain()], "graph 0 has none"),
        ([Plain(np.ones((2, 1)), np.ones((3, 3)))], r"a must have shape \(2, 2\).*graph 0 has \(3, 3\)"),
        ([Plain(np.ones((1, 1)), np.full((1, 1), 0.5))], "a must hold zeros and ones, graph 0 holds 0.5"),
        (
            [Plain(np.ones((1, 1)), np.ones((1, 1)), np.ones((2, 1)))],
            r"e must have .*graph 0 has \(2, 1\)",
        ),
        (
            [Plain(np.ones((1, 1)), u=[1.0]), Plain(np.ones((1, 1)))],
            "u must be there for all .* or none, 1 of 2",
        ),
    ],
)
def test_bad_spektral_graphs(graphs, message):
    with pytest.raises(InputError, match=message):
        from_spektral_graphs(graphs)


def test_stored_zeros_are_no_edges():
    a = scipy.sparse.coo_array((np.array([0.0, 1.0]), ([0, 1], [1, 0])), (2, 2))
    batch = from_spektral_graphs([Plain(np.ones((2, 1)), a, np.array([[5.0], [6.0]]))])
    assert (batch.senders.tolist(), batch.edge_features.tolist()) == ([1], [[6.0]])


ENTRIES = [0, 0, 1, 2], [1, 2, 0, 0]  # rows and columns, in row-major order
VALUES = np.arange(4.0)[:, None] + 10  # of the edges, in this order


def directed(order=(0, 1, 2, 3), kind="coo"):
    """A graph of three nodes that is not symmetric."""
    rows, columns = (np.array(part)[list(order)] for part in ENTRIES)
    return scipy.sparse.coo_array((np.ones(4), (rows, columns)), (3, 3)).asformat(kind)


def by_edge(batch):
    pairs = zip(batch.senders.tolist(), batch.receivers.tolist(), strict=True)
    return dict(zip(pairs, batch.edge_features[:, 0].tolist(), strict=True))


WANTED = dict(zip(zip(*ENTRIES, strict=True), VALUES[:, 0].tolist(), strict=True))


@pytest.mark.parametrize("kind", ["coo", "csr", "csc", "lil", "dense", "bool", "tensorflow"])
def test_edge_features_belong_to_their_edges_in_every_format(kind):
    if kind == "tensorflow":
        tf = pytest.importorskip("tensorflow")
        a = tf.SparseTensor(np.stack(ENTRIES, axis=1), np.ones(4, np.float32), (3, 3))
    elif kind in ("dense", "bool"):
        a = directed().toarray().astype(float if kind == "dense" else bool)
    else:
        a = directed(kind=kind)
    assert by_edge(from_spektral_graphs([Plain(np.ones((3, 1)), a, VALUES)])) == WANTED


def test_edges_in_another_order_than_their_features_are_refused():
    graph = Plain(np.ones((3, 1)), directed((2, 0, 3, 1)), VALUES)
    with pytest.raises(InputError, match="a of graph 0 is not in row-major order, in which Spektral reads"):
        from_spektral_graphs([graph])
    csr = scipy.sparse.csr_array((np.ones(2), np.array([2, 1]), np.array([0, 2, 2, 2])), (3, 3))
    with pytest.raises(InputError, match="sort both"):
        from_spektral_graphs([Plain(np.ones((3, 1)), csr, VALUES[:2])])
    bare = from_spektral_graphs(
        [Plain(np.ones((3, 1)), directed((2, 0, 3, 1)))]
    )  # without features all is known
    assert sorted(zip(bare.senders, bare.receivers, strict=True)) == sorted(WANTED)
    e = np.zeros((3, 3, 1))
    e[ENTRIES] = VALUES
    assert by_edge(from_spektral_graphs([Plain(np.ones((3, 1)), directed((2, 0, 3, 1)), e)])) == WANTED


class Mixed(list):
    """A data set in mixed mode: one adjacency for all graphs."""

    a = directed()


def test_the_adjacency_of_a_data_set_is_that_of_all_its_graphs():
    graphs = Mixed([Plain(np.full((3, 1), 1.0)), Plain(np.full((3, 1), 2.0))])
    batch = from_spektral_graphs(graphs)
    assert batch.n_edge.tolist() == [4, 4]
    assert_same(batch, from_spektral_graphs([Plain(graph.x, directed()) for graph in graphs]))
    assert_same(from_spektral_graphs(list(graphs), directed()), batch)
    with pytest.raises(InputError, match="a must be of the data set or of the graphs, graph 1 has one too"):
        from_spektral_graphs(Mixed([graphs[0], Plain(np.ones((3, 1)), directed())]))
    with pytest.raises(InputError, match=r"a must have shape \(2, 2\) as x has 2 rows, graph 0 has \(3, 3\)"):
        from_spektral_graphs(Mixed([Plain(np.ones((2, 1)))]))


def test_a_data_set_of_spektral_in_mixed_mode():
    data = pytest.importorskip("spektral.data")

    class Signals(data.Dataset):
        def read(self):
            self.a = directed(kind="csr")
            return [data.Graph(x=np.full((3, 2), value)) for value in (1.0, 2.0)]

    batch = from_spektral_graphs(Signals())
    assert batch.n_edge.tolist() == [4, 4]
    assert batch.x[:, 0].tolist() == [1, 1, 1, 2, 2, 2]
