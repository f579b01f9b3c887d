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
