from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from small_store import RECIPE, N

from e2e_tf.data.duplicates import fingerprints, split_groups
from e2e_tf.data.graphs import build_graphs
from e2e_tf.data.held import streamed_jets
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.readers import open_reader
from e2e_tf.data.store_writer import new_store, write_store
from e2e_tf.data.streamed import StreamedGraphs
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch

COLUMNS = ("x", "u", "senders", "receivers", "n_node", "n_edge")


@pytest.fixture(scope="module")
def second(make_jets, tmp_path_factory):
    """Another store of the same recipe, with chunks of another size and copies of jets of the first."""
    path = tmp_path_factory.mktemp("second") / "more.h5"
    jets = make_jets(N, empty=(0, 33, -1)).take(np.array([3, 50, 8, 8]))
    write_store(path, build_graphs(replace(jets, event=np.arange(4) + 900), RECIPE), RECIPE, chunk=3)
    return path


@pytest.fixture
def pair(store_path, second):
    """The jets of both stores, in memory and in pieces."""
    held, streamed = (
        [read(path) for path in (store_path, second)]
        for read in (lambda path: open_reader(path).read(), streamed_jets)
    )
    return held[0].concatenated(held), streamed[0].concatenated(streamed)


def assert_same(batch, wanted):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(batch, name), getattr(wanted, name), name)


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        replace(RECIPE, edges="knn:2"),
        replace(RECIPE, node_features=("dphi", "pt"), jet_features=("mass", "truth_visible_pt")),
    ],
    ids=["as stored", "other edges", "other features"],
)
def test_graphs_are_those_in_memory(pair, recipe):
    held, streamed = (build_graphs(jets, recipe) for jets in pair)
    rows = np.array([71, 5, 5, 0, 40, 73, 39])

    assert isinstance(streamed, StreamedGraphs)
    batch, nodes = streamed.take(rows).with_nodes(np.arange(len(rows)))
    assert_same(batch, held.take(rows).batch)
    np.testing.assert_array_equal(nodes["points"], held.take(rows).positions)
    assert streamed.with_nodes(rows, ("p4",))[1] == {}
    assert_same(streamed.with_nodes(np.empty(0, int))[0], held.take(np.empty(0, int)).batch)
    found = streamed.held()
    assert_same(found.batch, held.batch)
    assert found.node_features == streamed.node_features == held.node_features
    assert list(found.jets) == list(streamed.jets) == list(held.jets)
    both = streamed.take(np.array([5, 71])).joined([streamed.take(np.array([0]))])
    assert_same(both.held().batch, held.take(np.array([5, 71, 0])).batch)


def test_copies_and_normalisation_are_those_in_memory(pair):
    held, streamed = (build_graphs(jets, RECIPE) for jets in pair)
    train = np.flatnonzero(np.arange(N + 4) % 3)

    np.testing.assert_array_equal(streamed.prints, fingerprints(held))
    np.testing.assert_array_equal(split_groups(streamed), split_groups(held))
    assert split_groups(streamed)[N] != 900  # a copy belongs to the event of the original
    fitted = streamed.take(train).fit_preprocess(RECIPE)
    assert fitted.to_dict() == held.take(train).fit_preprocess(RECIPE).to_dict()
    assert_same(streamed.normalised(fitted).held().batch, held.normalised(fitted).batch)


def test_an_epoch_gives_every_graph_once_and_reads_every_piece_once(pair, monkeypatch):
    monkeypatch.setattr("e2e_tf.data.streamed.TOGETHER", 32)  # two pieces of 16
    held, streamed = (build_graphs(jets, RECIPE) for jets in pair)
    train = np.flatnonzero(np.arange(N + 4) % 5)
    part, wanted = streamed.take(train), held.take(train)
    assert part.together == 2
    read = Counter()
    made = StreamedGraphs._made
    monkeypatch.setattr(
        StreamedGraphs, "_made", lambda self, n, **k: (read.update([n]), made(self, n, **k))[1]
    )
    options = {"batch_size": 6, "shuffle": True, "seed": 4, "inputs": ["x", "n_node", "points"]}
    label = np.arange(len(train))

    seen = []
    for inputs, numbers in DisjointLoader(part, label, **options).batches(3):
        rows = numbers[:, 0].astype(int)
        np.testing.assert_array_equal(inputs["x"], wanted.take(rows).batch.x)
        np.testing.assert_array_equal(inputs["points"], wanted.take(rows).positions)
        seen.append(rows)

    assert sorted(np.concatenate(seen)) == list(label)
    assert set(read.values()) == {1}
    order = DisjointLoader(part, label, **options).order(3)  # what a run that goes on sees
    np.testing.assert_array_equal(order, np.concatenate(seen))
    assert not np.array_equal(order, DisjointLoader(part, label, **options).order(2))
    # Pieces come in groups of two, and the graphs of a group are mixed.
    group = np.sort(part.piece[order][:20])
    assert len(np.unique(group)) == 2
    assert len(np.unique(part.piece[order][:8])) == 2


def test_what_the_stores_cannot_give_is_refused(pair, store_path, stored, tmp_path, make_jets):
    _, streamed = pair
    with pytest.raises(InputError, match="max_nodes = 5; the store has nodes = 'candidates'"):
        build_graphs(streamed, replace(RECIPE, max_nodes=5))
    with pytest.raises(InputError, match="not of both"):
        streamed.concatenated([streamed, make_jets(4)])
    other = tmp_path / "other.h5"
    recipe = replace(RECIPE, edges="knn:2")
    write_store(other, build_graphs(make_jets(N), recipe), recipe)
    with pytest.raises(InputError, match=r"one has candidates with knn:2, the first candidates with knn:3"):
        streamed.concatenated([streamed, streamed_jets(other)])
    # One node without a place, far behind: other edges are refused before training, the stored ones are not.
    places = stored.positions.copy()
    places[-1] = np.nan
    write_store(tmp_path / "places.h5", replace(stored, positions=places), RECIPE, chunk=16)
    lacking = streamed_jets(tmp_path / "places.h5")
    with pytest.raises(InputError, match="for which the store does not hold the places"):
        build_graphs(lacking, replace(RECIPE, edges="knn:2"))
    assert build_graphs(lacking, RECIPE).with_nodes(np.array([0]))[1] == {}


_MEMORY = """
import resource, sys
from e2e_tf.data import streamed
from e2e_tf.data.graphs import build_graphs
from e2e_tf.data.held import streamed_jets
from e2e_tf.data.loader import DisjointLoader
streamed.TOGETHER = 256
for path in sys.argv[1:]:
    jets = streamed_jets(path)
    graphs = build_graphs(jets, jets.stores[0].recipe)
    graphs = graphs.normalised(graphs.fit_preprocess(graphs.recipe))
    seen = sum(len(batch[0]["n_node"]) for batch in DisjointLoader(graphs, batch_size=64, shuffle=True).batches())
    assert seen == len(jets)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_memory_does_not_grow_with_the_jets(stored, tmp_path):
    """1,500 and four times as many jets of 50 nodes with 16 neighbours each."""
    count, nodes, links = 1500, 50, 16
    receivers = np.repeat(np.arange(nodes), links)
    senders = np.sort((np.arange(nodes)[:, None] + np.arange(1, links + 1)) % nodes, axis=1).reshape(-1)
    shift = np.repeat(np.arange(count) * nodes, nodes * links)
    rng = np.random.default_rng(0)
    graphs = GraphBatch(
        x=rng.normal(size=(count * nodes, len(stored.node_features))).astype(np.float32),
        senders=(np.tile(senders, count) + shift).astype(np.int32),
        receivers=(np.tile(receivers, count) + shift).astype(np.int32),
        n_node=np.full(count, nodes, np.int32),
        n_edge=np.full(count, nodes * links, np.int32),
    )
    data = replace(
        stored,
        batch=graphs,
        event=np.arange(count),
        weight=np.ones(count, np.float32),
        label=None,
        jets={"pt": rng.random(count)},
        jet_features=(),
        positions=rng.random((count * nodes, 2)).astype(np.float32),
    )
    recipe = replace(RECIPE, edges="knn:16", max_nodes=nodes, jet_features=())
    paths = [tmp_path / "few.h5", tmp_path / "many.h5"]
    for path, times in zip(paths, (1, 4), strict=True):
        with new_store(path, data, recipe, nodes, chunk=64, compressed=False) as store:
            for _ in range(times):
                store.append(data)

    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, *map(str, paths)], capture_output=True, text=True, check=True
    )

    few, many = map(float, done.stdout.split())
    more = 3 * (graphs.x.nbytes + 2 * graphs.senders.nbytes + data.positions.nbytes) / 2**20
    assert many - few < more / 4, f"{many - few:.1f} MB more for graphs of {more:.0f} MB"
