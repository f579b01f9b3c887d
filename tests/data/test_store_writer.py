"""Stores are written in pieces and by threads, and nothing of that is seen in the file."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import pairwise

import h5py
import numpy as np
import pytest
from same import assert_same_graphs
from small_store import RECIPE, N

from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.store import GraphStore
from e2e_tf.data.store_writer import largest, new_store, write_store
from e2e_tf.errors import InputError


def test_the_same_graphs_give_the_same_bytes(stored, store_path, tmp_path):
    time.sleep(1.1)  # HDF5 may record times, in seconds
    for threads, steps in ((1, [0, N]), (3, [0, 1, 7, 40, N])):
        other = tmp_path / f"{threads}.h5"
        attributes = {"made": "by a test"}
        with new_store(other, stored, RECIPE, 12, attributes=attributes, chunk=16, threads=threads) as writer:
            for a, b in pairwise(steps):
                writer.append(stored.take(np.arange(a, b)))
        assert other.read_bytes() == store_path.read_bytes()


def test_large_arrays_are_written_in_many_chunks(make_jets, tmp_path):
    data = build_graphs(make_jets(60, empty=()), GraphRecipe(nodes="candidates", edges="full"))
    index = np.random.default_rng(1).integers(0, 60, 5000)
    many = data.take(index)
    with new_store(tmp_path / "a.h5", many, GraphRecipe(), 40, threads=2) as writer:
        for start in range(0, 5000, 700):
            writer.append(many.take(np.arange(start, min(start + 700, 5000))))
    with h5py.File(tmp_path / "a.h5") as file:
        assert len(file["x"]) > 4 * file["x"].chunks[0]
        assert file["x"].compression == "gzip"
    with GraphStore(tmp_path / "a.h5") as store:
        assert_same_graphs(store.read(), many)


@pytest.mark.parametrize(("most", "dtype"), [(12, "u1"), (256, "u1"), (257, "u2"), (70000, "u4")])
def test_edges_take_the_smallest_integers(stored, tmp_path, most, dtype):
    with new_store(tmp_path / "s.h5", stored, RECIPE, most) as writer:
        writer.append(stored)
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["senders"].dtype == file["receivers"].dtype == np.dtype(dtype)
    with GraphStore(tmp_path / "s.h5") as store:
        assert_same_graphs(store.read(), stored)


def test_the_file_says_what_is_in_it(store_path):
    with h5py.File(store_path) as file:
        assert file.attrs["format"] == b"e2e-tf graphs"
        schema = json.loads(file.attrs["schema"])
    assert {"raw": "energy", "unit": "GeV", "description": "energy", "transform": "log"} in schema[
        "node_features"
    ]
    assert schema["recipe"]["edges"] == "knn:3"


def test_an_existing_file_is_kept(stored, tmp_path):
    (tmp_path / "s.h5").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_store(tmp_path / "s.h5", stored, RECIPE)
    assert (tmp_path / "s.h5").read_text() == "mine"
    write_store(tmp_path / "s.h5", stored, RECIPE, force=True)
    with GraphStore(tmp_path / "s.h5") as store:
        assert len(store) == N


def test_an_interrupted_writer_leaves_nothing(stored, tmp_path):
    def interrupted() -> None:
        with new_store(tmp_path / "s.h5", stored, RECIPE, 12) as writer:
            writer.append(stored)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_graphs_that_do_not_fit_are_refused(stored, tmp_path):
    def append(other, most: int = 12) -> None:
        with new_store(tmp_path / "s.h5", stored, RECIPE, most) as writer:
            writer.append(other)

    with pytest.raises(InputError, match="max_nodes is 5, a graph has"):
        append(stored, 5)
    with pytest.raises(InputError, match="all graphs of a store need the same node features"):
        append(replace(stored, node_features=stored.node_features[::-1]))
    with pytest.raises(InputError, match="the same columns of jets, and all or none labels"):
        append(replace(stored, label=None))
    assert list(tmp_path.iterdir()) == []


def test_the_largest_graph(stored):
    assert largest(stored) == stored.batch.n_node.max() > 0
    assert largest(stored.take(np.arange(0))) == 0
