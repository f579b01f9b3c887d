from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from small_store import RECIPE

from e2e_tf.data.graphs import build_graphs
from e2e_tf.data.held import streamed_jets
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.read_ahead import ReadAhead, read_ahead
from e2e_tf.data.store_writer import write_store
from e2e_tf.data.streamed import StreamedGraphs


@pytest.fixture(scope="module")
def path(make_jets, tmp_path_factory):
    """A store of 400 jets in 25 pieces."""
    path = tmp_path_factory.mktemp("ahead") / "store.h5"
    write_store(path, build_graphs(make_jets(400), RECIPE), RECIPE, chunk=16)
    return path


@pytest.fixture
def graphs(path, monkeypatch):
    """Its graphs in groups of four pieces, with the list of pieces that are read."""
    monkeypatch.setattr("e2e_tf.data.streamed.TOGETHER", 64)
    graphs = build_graphs(streamed_jets(path), RECIPE)
    assert graphs.together == 4
    read = []
    made = StreamedGraphs._made
    monkeypatch.setattr(StreamedGraphs, "_made", lambda self, n, **k: (read.append(n), made(self, n, **k))[1])
    return graphs, read


def test_a_group_is_there_when_its_first_batch_comes(graphs):
    graphs, read = graphs
    loader = DisjointLoader(graphs, batch_size=16, shuffle=True, seed=2)
    plan = loader.plan(0)
    ahead = read_ahead(graphs, loader.index, 16)
    assert isinstance(ahead, ReadAhead)
    assert (ahead.apart, ahead.batches) == (1, 5)  # a group is four batches
    late = []
    for number, index in enumerate(plan):
        before = len(read)
        graphs.with_nodes(index)
        late.append(len(read) - before)
        before = len(read)
        ahead(plan, number)
        assert len(read) - before <= 1
    assert (
        sum(late[:4]) == 4
    )  # only the first group is waited for, and what no batch so far ahead has asked for
    assert sum(late[4:]) <= 3
    assert sorted(read) == list(range(25))


def test_graphs_of_an_epoch_are_the_same_and_pieces_are_read_once(graphs):
    graphs, read = graphs
    loader = DisjointLoader(
        graphs, np.arange(400), batch_size=16, shuffle=True, seed=2, inputs=["x", "n_node"]
    )
    there = [numbers.numpy()[:, 0].astype(int).tolist() for _, numbers in loader.dataset()]
    assert list(chain(*there)) == loader.order(0).tolist()
    assert sorted(read[1:]) == list(range(25))  # the first time for the shapes of a batch
    assert len(graphs._kept) <= 2 * 4 + 4


def test_graphs_in_memory_need_none(graphs):
    graphs, read = graphs
    held = replace(graphs.held(), jets={})
    read.clear()
    read_ahead(held.batch, np.arange(400), 4)([np.arange(4)], 0)
    assert read == []
