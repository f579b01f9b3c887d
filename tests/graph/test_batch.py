from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import N_NODE, assert_same, make

from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch, concatenate


def hand():
    """Graph 0: edges 1→0, 0→1; graph 1: empty; graph 2: edge 2→3; graph 3: one node."""
    return GraphBatch.from_edges(
        x=np.arange(5)[:, None],
        senders=[2, 0, 1],
        receivers=[3, 1, 0],
        n_node=[2, 0, 2, 1],
        edge_features=[[23], [1], [10]],
        u=[[0], [1], [2], [3]],
    )


def test_edges_are_sorted_with_their_features():
    batch = hand()
    assert batch.senders.tolist() == [1, 0, 2]
    assert batch.receivers.tolist() == [0, 1, 3]
    assert batch.edge_features.tolist() == [[10], [1], [23]]
    assert batch.n_edge.tolist() == [2, 0, 1, 0]


def test_properties_by_hand():
    batch = hand()
    assert batch.n_graph == len(batch) == 4
    assert batch.graph_id.tolist() == [0, 0, 2, 2, 3]
    assert batch.slot.tolist() == [0, 1, 0, 1, 0]
    assert batch.node_offsets.tolist() == [0, 2, 2, 4, 5]
    assert batch.edge_offsets.tolist() == [0, 2, 2, 3, 3]
    assert batch.graph_id.dtype == batch.slot.dtype == np.int32


def test_take_by_hand():
    taken = hand().take([2, 1, 0, 2])
    taken.check()
    assert taken.x[:, 0].tolist() == [2, 3, 0, 1, 2, 3]
    assert taken.senders.tolist() == [0, 3, 2, 4]
    assert taken.receivers.tolist() == [1, 2, 3, 5]
    assert taken.edge_features[:, 0].tolist() == [23, 10, 1, 23]
    assert taken.u[:, 0].tolist() == [2, 1, 0, 2]
    assert taken.n_node.tolist() == [2, 0, 2, 2]
    assert taken.n_edge.tolist() == [1, 0, 2, 1]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-8, 7), max_size=12), st.booleans(), st.booleans())
def test_take_is_concatenation_of_single_graphs(index, edge_features, u):
    batch = make(N_NODE, edge_features=edge_features, u=u)
    taken = batch.take(index)
    taken.check()
    if index:
        assert_same(taken, concatenate([batch[graph] for graph in index]))
    assert taken.n_graph == len(index)


def test_other_kinds_of_index():
    batch = make(N_NODE)
    assert_same(batch[1:7:2], batch.take([1, 3, 5]))
    mask = np.array(N_NODE) > 0
    assert_same(batch[mask], batch.take([1, 4, 5, 6]))
    assert_same(batch[-2], batch.take([6]))
    assert batch[-2].n_graph == 1
    assert_same(concatenate(list(batch)), batch)
    assert_same(batch[np.arange(8)[::-1]][np.arange(8)[::-1]], batch)


@pytest.mark.parametrize("index", [8, [-9], [0.5], [[0]], [True, False], "a"])
def test_bad_index(index):
    with pytest.raises(InputError, match=r"index must be (within the 8 graphs|integers of rank 1)"):
        make(N_NODE).take(index)


def test_concatenate_shifts_indices():
    a, b = make([3, 0]), make([0, 4, 0], seed=1)
    both = concatenate([a, b])
    both.check()
    assert both.n_node.tolist() == [3, 0, 0, 4, 0]
    assert_same(both[:2], a)
    assert_same(both[2:], b)


def test_concatenate_refuses_other_features():
    with pytest.raises(InputError, match=r"u must have the same width in all batches, got \['2', 'None'\]"):
        concatenate([make([2]), make([2], u=False)])
    with pytest.raises(InputError, match="batches must hold at least one batch"):
        concatenate([])


def test_nothing_at_all():
    empty = make([])
    empty.check()
    assert (empty.n_graph, len(empty.graph_id)) == (0, 0)
    assert make([0, 0]).take([1, 1, 0]).n_graph == 3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("x", np.zeros((13, 3)), r"x must be a NumPy array of float32 of rank 2, got float64.*\(13, 3\)"),
        ("x", None, "x must be a NumPy array of float32 of rank 2, got NoneType"),
        ("x", np.zeros((12, 3), np.float32), "n_node must add up to the rows of x, 12, got a sum of 13"),
        ("senders", [0], "senders must be a NumPy array of int32 of rank 1, got list"),
        ("senders", np.zeros(2, np.int32), "must be equally long, got 2 and"),
        (
            "n_node",
            np.array([5, 5, 3], np.int64),
            "n_node must be a NumPy array of int32.*got int64",
        ),
        ("n_node", np.array([14, -1, 0, 0, 0, 0, 0, 0], np.int32), "n_node must not be negative, got -1"),
        ("n_node", np.array([0, 13], np.int32), r"n_edge must have one row per graph \(2\), got 8"),
        ("n_edge", np.zeros(8, np.int32), "n_edge must add up to the rows of receivers"),
        ("u", np.zeros((7, 2), np.float32), r"u must have one row per graph \(8\), got 7 rows"),
        ("edge_features", np.zeros((1, 2), np.float32), r"edge_features must have one row per edge"),
        ("edge_features", np.zeros(3, np.float32), "edge_features must be .* rank 2, got float32"),
    ],
)
def test_check_names_the_field(field, value, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(make(N_NODE), **{field: value}).check()


@pytest.mark.parametrize(
    ("senders", "receivers", "n_edge", "message"),
    [
        ([0, 4], [1, 3], [1, 1], "senders must be node indices from 0 to 3, got 4"),
        ([0, -1], [1, 3], [1, 1], "senders must be node indices from 0 to 3, got -1"),
        ([0, 1], [1, 2], [1, 1], "edge 1 goes from node 1 of graph 0 to node 2 of graph 1"),
        ([0, 2], [1, 3], [2, 0], "by n_edge edge 1 is of graph 0, its receiver is of graph 1"),
        ([1, 0], [1, 1], [2, 0], "receivers must be sorted.*edge 1 is out of order"),
        ([0, 1], [1, 0], [2, 0], "receivers must be sorted.*edge 1 is out of order"),
    ],
)
def test_check_of_edges(senders, receivers, n_edge, message):
    batch = GraphBatch(
        x=np.zeros((4, 1), np.float32),
        senders=np.array(senders, np.int32),
        receivers=np.array(receivers, np.int32),
        n_node=np.array([2, 2], np.int32),
        n_edge=np.array(n_edge, np.int32),
    )
    with pytest.raises(InputError, match=message):
        batch.check()


def test_from_edges_checks_what_it_sorts():
    with pytest.raises(InputError, match=r"x must have shape \(n_nodes, F\), got \(2,\)"):
        GraphBatch.from_edges([0.0, 1.0], [0], [1], [2])
    with pytest.raises(
        InputError, match=r"edge_features must have one row per edge \(1\), got shape \(2, 1\)"
    ):
        GraphBatch.from_edges(np.zeros((2, 1)), [0], [1], [2], edge_features=np.zeros((2, 1)))
    with pytest.raises(InputError, match="edge 0 goes from node 0 of graph 0 to node 1 of graph 1"):
        GraphBatch.from_edges(np.zeros((2, 1)), [0], [1], [1, 1])


def test_to_spektral_scipy():
    x, a, e, i, u = hand().to_spektral()
    assert a.shape == (5, 5)
    assert a.dtype == np.float32
    expected = np.zeros((5, 5))
    expected[[1, 0, 2], [0, 1, 3]] = 1  # [sender, receiver]
    np.testing.assert_array_equal(a.toarray(), expected)
    assert i.tolist() == [0, 0, 2, 2, 3]
    assert i.dtype == np.int64
    # Row-major, the features with their entries.
    assert np.stack(a.coords, axis=1).tolist() == [[0, 1], [1, 0], [2, 3]]
    assert e[:, 0].tolist() == [1, 10, 23]
    assert len(u) == 4
    assert len(x) == 5
    assert len(make(N_NODE, edge_features=False, u=False).to_spektral()) == 3
    with pytest.raises(InputError, match="sparse must be 'scipy' or 'tensorflow', got 'torch'"):
        hand().to_spektral("torch")


def test_spektral_sends_from_rows_to_columns():
    """Spektral's own message passing on the exported batch sums over the senders of every receiver."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from spektral.layers import MessagePassing
    batch = make([4, 0, 5, 0], edge_features=False, u=False)
    x, a, _ = batch.to_spektral("tensorflow")
    expected = np.zeros_like(batch.x)
    np.add.at(expected, batch.receivers, batch.x[batch.senders])
    found = MessagePassing(aggregate="sum").propagate(x, a)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
