"""The graph store: round trips, damage, and epochs that do not need the graphs in memory."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
from same import assert_same_graphs
from small_store import RECIPE, N

from e2e_tf.data.graphs import GraphRecipe
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.store import GraphStore
from e2e_tf.data.store_writer import new_store, write_store
from e2e_tf.errors import InputError


def test_round_trip(stored, store_path):
    with GraphStore(store_path) as store:
        assert len(store) == N
        assert store.recipe == RECIPE
        assert store.attributes == {"made": "by a test"}
        assert_same_graphs(store.read(), stored)
        store.read().batch.check()
    assert [p.name for p in store_path.parent.iterdir()] == ["graphs.h5"]


def test_take_gives_the_graphs_in_the_order_asked_for(stored, store_path):
    rng = np.random.default_rng(0)
    with GraphStore(store_path, cache=32) as store:  # two chunks: the others are read again and again
        for index in (rng.permutation(N), np.array([5, 5, 69, 0]), np.arange(20, 40), np.arange(0)):
            assert_same_graphs(store.take(index), stored.take(index))
        chunks = list(store.chunks())
        assert [len(chunk) for chunk in chunks] == [16, 16, 16, 16, 6]
        for number, chunk in enumerate(chunks):
            assert_same_graphs(chunk, stored.take(np.arange(16 * number, 16 * number + len(chunk))))
        assert len(store._blocks) <= 2
        with pytest.raises(InputError, match="index must be within the 70 graphs of the store, got 70"):
            store.take(np.array([3, 70]))


def test_no_graphs_and_no_labels(stored, tmp_path):
    bare = replace(stored, label=None, batch=replace(stored.batch, u=None), jet_features=(), jets={})
    write_store(tmp_path / "bare.h5", bare, RECIPE)
    with GraphStore(tmp_path / "bare.h5") as store:
        assert store.label is None
        assert store.read().batch.u is None
    write_store(tmp_path / "none.h5", stored.take(np.arange(0)), RECIPE)
    with GraphStore(tmp_path / "none.h5") as store:
        assert len(store) == 0
        assert store.read().batch.x.shape == (0, stored.batch.x.shape[1])


def test_edge_features_are_kept(stored, tmp_path):
    features = np.random.default_rng(0).normal(size=(len(stored.batch.senders), 2)).astype(np.float32)
    with_features = replace(stored, batch=replace(stored.batch, edge_features=features))
    write_store(tmp_path / "e.h5", with_features, RECIPE, chunk=8)
    index = np.array([40, 2, 9])
    with GraphStore(tmp_path / "e.h5") as store:
        expected = with_features.batch.take(index).edge_features
        np.testing.assert_array_equal(store.batch(index).edge_features, expected)


def test_a_damaged_store_is_refused(store_path, tmp_path):
    whole = store_path.read_bytes()
    other = tmp_path / "s.h5"
    for size in (0, 200, len(whole) // 2, len(whole) - 1):
        other.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"s\.h5 cannot be read, it is truncated or damaged"):
            GraphStore(other)
    with pytest.raises(InputError, match="there is no file"):
        GraphStore(tmp_path / "none.h5")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("node_offset", 1, "node_offset must rise from 0 to the number of rows"),
        ("edge_offset", 10**6, "edge_offset must rise from 0 to the number of rows"),
    ],
)
def test_offsets_that_disagree_are_refused(store_path, tmp_path, name, value, message):
    (tmp_path / "s.h5").write_bytes(store_path.read_bytes())
    with h5py.File(tmp_path / "s.h5", "a") as file:
        file[name][0 if value == 1 else 3] = value
    with pytest.raises(InputError, match=message):
        GraphStore(tmp_path / "s.h5")


def test_edges_out_of_range_are_refused(store_path, tmp_path):
    (tmp_path / "s.h5").write_bytes(store_path.read_bytes())
    with h5py.File(tmp_path / "s.h5", "a") as file:
        file["senders"][20] = 200
    with (
        GraphStore(tmp_path / "s.h5") as store,
        pytest.raises(InputError, match="an edge joins nodes that its graph does not have"),
    ):
        store.read()


def test_another_format_is_named(tmp_path):
    with h5py.File(tmp_path / "o.h5", "w") as file:
        file.attrs["format"] = "e2e-tf jets"
    message = "its format must be 'e2e-tf graphs', it has 'e2e-tf jets'"
    with pytest.raises(InputError, match=re.escape(message)):
        GraphStore(tmp_path / "o.h5")


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"shuffle": True, "bucket": True}])
def test_an_epoch_from_disk_is_complete(stored, store_path, options):
    with GraphStore(store_path, cache=64) as store:
        streamed = DisjointLoader(store, batch_size=8, buffer=32, seed=5, **options)
        assert len(streamed) == len(list(streamed.batches(1))) == 9
        order = streamed.order(1)
        assert sorted(order) == list(range(N))
        np.testing.assert_array_equal(
            order, DisjointLoader(store, batch_size=8, buffer=32, seed=5, **options).order(1)
        )
        # The same order from memory gives the same batches.
        expected = DisjointLoader(stored.batch, stored.label, index=order, batch_size=8)
        for a, b in zip(streamed.batches(1), expected.batches(), strict=True):
            for name, values in b[0].items():
                np.testing.assert_array_equal(a[0][name], values)
            np.testing.assert_array_equal(a[1], b[1])


def test_the_shuffle_mixes_chunks_and_stays_near(store_path):
    with GraphStore(store_path) as store:
        streamed = DisjointLoader(store, batch_size=8, buffer=32, shuffle=True)
        first, second = streamed.order(0), streamed.order(1)
        assert not np.array_equal(first, second)
        for chunk in range(5):
            places = np.flatnonzero(first // 16 == chunk)
            assert places[-1] - places[0] < 2 * 16 + 8  # two chunks at a time, and less than a batch over
        assert any(len(set(first[b : b + 8] // 16)) == 2 for b in range(0, 32, 8))


def test_shards_of_a_store(store_path):
    with GraphStore(store_path) as store:
        parts = [DisjointLoader(store, batch_size=4, buffer=32, shuffle=True, shard=(i, 3)) for i in range(3)]
        assert sorted(np.concatenate([p.order(2) for p in parts])) == list(range(N))
        assert [len(p) for p in parts] == [len(list(p.batches(2))) for p in parts]


def test_part_of_a_store_normalised(stored, store_path):
    with GraphStore(store_path) as store:
        train = np.arange(0, N, 2)
        fitted = store.fit_preprocess(train)
        assert fitted.to_dict() == stored.take(train).fit_preprocess(RECIPE).to_dict()
        streamed = DisjointLoader(store, index=train, preprocess=fitted, batch_size=N)
        found = next(streamed.batches())[0]
        expected = stored.take(train).normalised(fitted).batch
        np.testing.assert_array_equal(found["x"], expected.x)
        np.testing.assert_array_equal(found["u"], expected.u)


def test_fitting_on_a_sample_is_reproducible(store_path):
    with GraphStore(store_path) as store:
        first = store.fit_preprocess(sample=30, seed=1).to_dict()
        assert first == store.fit_preprocess(sample=30, seed=1).to_dict()
        assert first != store.fit_preprocess(sample=30, seed=2).to_dict()


MEMORY = """
import resource, sys
import numpy as np
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.store import GraphStore

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

with GraphStore(sys.argv[1], cache=4096) as store:
    list(zip(range(3), DisjointLoader(store, batch_size=128).batches()))
    before, seen = peak(), 0
    for item in DisjointLoader(store, batch_size=128, shuffle=True, buffer=2048).batches():
        seen += len(item[1])
    print(seen, peak() - before)
"""


def test_an_epoch_needs_only_the_memory_of_its_buffer(stored, tmp_path):
    """20,000 graphs take 145 MB as arrays; streaming them through 4,096 of them adds less than 70 MB."""
    big = GraphRecipe(nodes="candidates", edges="full")
    index = np.flatnonzero(stored.batch.n_node >= 8)
    some = stored.take(np.resize(index, 2000))
    x = np.zeros((len(some.batch.x), 160), np.float32)
    x[:, 0] = some.batch.x[:, 0]
    features = tuple(replace(stored.node_features[0], raw=f"f{i}") for i in range(160))
    wide = replace(some, batch=replace(some.batch, x=x), node_features=features)
    path = tmp_path / "big.h5"
    with new_store(path, wide, big, 12, compressed=False) as writer:
        for _ in range(10):
            writer.append(wide)
    assert 10 * x.nbytes > 125e6
    result = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path)], check=True, capture_output=True, text=True, timeout=100
    )
    seen, grown = result.stdout.split()
    assert int(seen) == 20000
    assert float(grown) < 70
